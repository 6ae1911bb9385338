"""Short texts that may be shown anywhere: secrets masked, control characters and bidi overrides escaped.

What is masked is said in `docs/reference/settings.md`; `PERDURE_MASK` adds patterns of the user's own.
"""

from __future__ import annotations

import os
import re
import warnings
from functools import lru_cache

MASK = "•••• (masked)"
SHOWN = 60
"""Characters of a text that are shown."""
LOOKED_AT = 400
"""Characters that are looked at for secrets: one that begins where it is shown is seen as a whole."""

_WORDS = (
    r"pass(?:word|wd|phrase|code)|pwd|secrets?|token|api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key"
    r"|(?:proxy-)?authorization|(?:set-)?cookies?|credentials?|session[_-]?id|auth"
)
_VALUE = (
    r"""\\+["'][^"'\r\n]+|"(?:[^"\\\r\n]|\\.)+"?|'(?:[^'\\\r\n]|\\.)+'?"""
    r"""|["']?(?:(?i:bearer|basic|token)\s+)?[^\s"'&,;]+"""
)
"""What stands behind `password=`: a text between quotation marks as a whole, else up to the next blank."""
_SECRETS = re.compile(
    r"(?<![^\W_])(?:sk|pk|rk)[-_](?=[\w-]*\d)[\w-]{16,}|gh[opusr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|hf_\w{20,}"
    r"|A(?:KIA|SIA)[0-9A-Z]{12,}|AIza[\w-]{30,}|xox[a-z]-[\w-]{8,}"
    r"|eyJ[\w-]{8,}(?:\.[\w-]*)+|-----BEGIN [A-Z ]*PRIVATE KEY-----.*"
    r"|(?P<bearer>(?i:bearer)\s+)[\w.~+/=-]{8,}"
    r"|(?P<user>://[^/?#\s:@]*:)[^/?#\s]+(?=@)"
    r"|(?P<line>(?i:cookie)\s*:\s*)[^\r\n]+"
    rf"|(?P<named>(?i:(?<![^\W_])(?:{_WORDS}))\\*[\"']?\s*(?:=(?!=)|:)\s*)(?:{_VALUE})",
    re.DOTALL,
)
"""Keys and tokens by the form that their makers gave them, the password of a URL, and `password=...`."""
_MARKS = (
    ":",
    "=",
    "sk",
    "pk",
    "rk",
    "gh",
    "_pat_",
    "glpat-",
    "hf_",
    "AKIA",
    "ASIA",
    "AIza",
    "xox",
    "eyJ",
    "PRIVATE KEY",
    "earer",
    "EARER",
)
"""One of these stands in every text that holds a secret by the patterns above: they are found quickly."""

_NAME = re.compile(rf"(?i:(?<![^\W_])(?:{_WORDS})(?![^\W_]))|[a-z](?:Password|Secret|Token|Key)(?![a-z])")


_configured: tuple[re.Pattern[str], ...] = ()
"""The user's own patterns, as they were when the environment was last looked at."""


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a value under this name is masked whatever it is: `db_password`, `Authorization`, `apiKey`."""
    return _NAME.search(name[:LOOKED_AT]) is not None


def look_at_environment() -> None:
    """Take the user's own patterns from `PERDURE_MASK`, as it is now."""
    global _configured  # noqa: PLW0603  read for every text: the environment is slow to ask
    _configured = _patterns(os.environ.get("PERDURE_MASK", ""))


def mask(text: str) -> str:
    """The text with secrets, and what matches the configured patterns, masked."""
    for mark in _MARKS:
        if mark in text:
            text = _SECRETS.sub(_replaced, text)
            break
    for pattern in _configured:
        text = pattern.sub(lambda found: MASK if found[0] else "", text)
    return text


def _replaced(found: re.Match[str]) -> str:
    return next(filter(None, found.groupdict().values()), "") + MASK


@lru_cache(maxsize=4)
def _patterns(given: str) -> tuple[re.Pattern[str], ...]:
    """The patterns of the user; a bad one is told once, and the others hold all the same."""
    found = []
    for text in filter(None, map(str.strip, re.split(r"[;\n]", given))):
        try:
            found.append(re.compile(text, re.DOTALL))
        except (re.error, RecursionError, OverflowError) as error:
            warnings.warn(
                f"PERDURE_MASK: `{escaped(text)}` is no regular expression ({error}), and masks nothing. "
                "All other patterns hold. Mend it, and start the kernel again.",
                stacklevel=2,
            )
    return tuple(found)


def shown(text: str, most: int = SHOWN) -> str:
    """The beginning of a text, masked and escaped, as one line that msgpack can hold."""
    head = escaped(mask(text[:LOOKED_AT]))
    return cut(head if len(text) <= LOOKED_AT else f"{head}…", most)


def cut(text: str, most: int = SHOWN) -> str:
    """At most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def escaped(text: str) -> str:
    """The text without characters that a terminal or a page would obey instead of showing."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\u200d" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
