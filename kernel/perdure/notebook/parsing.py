"""What stands on a magic's line, understood, or one sentence that says what is wrong with it."""

from __future__ import annotations

import ast
import re
from difflib import get_close_matches
from typing import Any

from IPython.core.error import UsageError

from perdure.engine.durations import seconds
from perdure.engine.plans import sought, tagged
from perdure.store.records import Tag

_UNKNOWN = re.compile(r"unrecognized arguments: (--\S+)")
_COMMENT = re.compile(r"""("[^"]*"|'[^']*')|(?:^|(?<=\s))#.*""")


def positive(text: str) -> int:
    """A number from 1 on, for the parser of a line."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def meant(magic: Any, error: str) -> str:
    """The option that was probably meant by one that is unknown, as a question."""
    unknown = _UNKNOWN.search(error)
    options = [option for action in magic.parser._actions for option in action.option_strings]  # noqa: SLF001  argparse offers no other way
    close = get_close_matches(unknown[1], options, n=1) if unknown else []
    return f"Is `{close[0]}` meant? " if close else ""


def named(magic: str, name: str) -> str:
    """A name as given; one in quotation marks, which would become part of it, is refused."""
    if name[0] in "'\"":
        raise UsageError(f"{magic}: a name is one word without quotation marks, such as my_name.")
    return name


def uncommented(line: str) -> str:
    """The line without a comment at its end; a `#` in quotation marks, or inside a word, begins none."""
    return _COMMENT.sub(lambda found: found[1] or "", line)


def names(option: str, text: str | None) -> frozenset[str] | None:
    """Names that are separated by commas; None where the option was not given."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",")]
    if wrong := [name for name in found if not name.isidentifier()]:
        raise UsageError(f"{option}: {wrong[0]!r} is no name; write names separated by commas, such as a,b.")
    return frozenset(found)


def tags(magic: str, texts: list[str]) -> tuple[Tag, ...]:
    """Tags as they are written, each `name=value`."""
    if wrong := [text for text in texts if "=" not in text]:
        raise UsageError(f"{magic}: --tag {wrong[0]} has no value: write it like --tag day=mon.")
    try:
        return tagged(sought(texts))
    except ValueError as error:
        raise UsageError(f"{magic}: --tag: {error}.") from None


def duration(option: str, text: str | None) -> float | None:
    """Seconds, from a duration such as `10m`."""
    if text is None:
        return None
    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from None


def count(number: int) -> int:
    """A number from 0 up."""
    if number < 0:
        raise UsageError(f"--retries: {number} is below 0.")
    return number


def literal(text: str | None) -> Any:
    """A plain Python value."""
    if text is None:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise UsageError(
            f"%perdure resolve: {text} is no plain Python value; write one such as 42, 'text' or [1, 2]."
        ) from None
