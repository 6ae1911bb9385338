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
    """What may stand at the cursor, with its kind: `option` (or its value), `step` or `workflow`."""
    line = line or (text.splitlines() or [""])[min(cursor_line, text.count("\n"))]
    found = _LINE.match(line)
    if found is None or (line.startswith("%%") and cursor_line != 0):
        return []
    if token.startswith("-"):
        return [(option, "option") for option in _options(session, found[1]) if option.startswith(token)]
    if choices := _choices(session, found[1], line):
        return [(choice, "option") for choice in choices if choice.startswith(token)]
    if _STEP_BEFORE.search(line):
        return [(name, "step") for name in _steps(session) if name.startswith(token)]
    if found[1] in ("workflow", "resume", "runs", "timeline"):
        return [(name, "workflow") for name in _workflows(session) if name.startswith(token)]
    return []


def _arguments(session: Session, magic: str) -> list[Any]:
    """The arguments that a magic takes, as argparse knows them."""
    function = session.shell.find_cell_magic(magic) or session.shell.find_line_magic(magic)
    parser = getattr(function, "parser", None)
    return [] if parser is None else parser._actions  # noqa: SLF001  argparse offers no other way


def _choices(session: Session, magic: str, line: str) -> list[str]:
    """The values that may stand after the word before the cursor: after an option, or as the first word."""
    before = line.split() if line[-1].isspace() else line.split()[:-1]
    arguments = _arguments(session, magic)
    if before[-1].startswith("--"):
        return next((list(each.choices or ()) for each in arguments if before[-1] in each.option_strings), [])
    if len(before) == 1:
        return next((list(each.choices or ()) for each in arguments if not each.option_strings), [])
    return []


def _options(session: Session, magic: str) -> list[str]:
    options = [option for each in _arguments(session, magic) for option in each.option_strings]
    return sorted(option for option in options if option.startswith("--") and option != "--help")


def _steps(session: Session) -> list[str]:
    if session.owner is None:
        return []
    return sorted({call.step for call in session.owner.history.calls.values()})


def _workflows(session: Session) -> list[str]:
    return sorted({run.workflow for run in session.store.journal.runs()})
