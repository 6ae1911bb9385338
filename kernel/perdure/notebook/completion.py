"""Completion of options and step names on the lines of Perdure's magics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .session import Session

_LINE = re.compile(r"%%?(step|workflow|setup|resume|runs|perdure|timeline)\s")
_STEP_BEFORE = re.compile(r"(%%step|--redo|--from|resolve)\s+\S*$")


def install(shell: InteractiveShell, session: Session) -> None:
    """Offer completions in this shell."""
    from IPython.core.completer import SimpleCompletion, SimpleMatcherResult, context_matcher

    @context_matcher()
    def perdure_matcher(context: Any) -> Any:
        found = candidates(
            session, context.full_text, context.cursor_line, context.line_with_cursor, context.token
        )
        completions = [SimpleCompletion(text=text, type=kind) for text, kind in found]
        return SimpleMatcherResult(completions=completions, suppress=bool(completions))

    shell.Completer.custom_matchers.append(perdure_matcher)


def uninstall(shell: InteractiveShell, session: Session) -> None:  # noqa: ARG001  the twin of `install`
    """Offer none any more."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [each for each in matchers if getattr(each, "__name__", "") != "perdure_matcher"]


def candidates(session: Session, text: str, cursor_line: int, line: str, token: str) -> list[tuple[str, str]]:
    """What may stand at the cursor, with its kind: `option`, `step` or `workflow`."""
    line = line or (text.splitlines() or [""])[min(cursor_line, text.count("\n"))]
    found = _LINE.match(line)
    if found is None or (line.startswith("%%") and cursor_line != 0):
        return []
    if token.startswith("-"):
        return [(option, "option") for option in _options(session, found[1]) if option.startswith(token)]
    if _STEP_BEFORE.search(line):
        return [(name, "step") for name in _steps(session) if name.startswith(token)]
    if found[1] in ("workflow", "resume", "runs", "timeline"):
        return [(name, "workflow") for name in _workflows(session) if name.startswith(token)]
    return []


def _options(session: Session, magic: str) -> list[str]:
    function = session.shell.find_cell_magic(magic) or session.shell.find_line_magic(magic)
    parser = getattr(function, "parser", None)
    if parser is None:
        return []
    options = [option for action in parser._actions for option in action.option_strings]  # noqa: SLF001  argparse offers no other way
    return sorted(option for option in options if option.startswith("--") and option != "--help")


def _steps(session: Session) -> list[str]:
    if session.owner is None:
        return []
    return sorted({call.step for call in session.owner.history.calls.values()})


def _workflows(session: Session) -> list[str]:
    return sorted({run.workflow for run in session.store.journal.runs()})
