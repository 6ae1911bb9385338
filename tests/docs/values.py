"""Writes docs/reference/values.md from the codec's own tables, by `python -m docs.values`.

What is said of a type stands beside the code that keeps it: `says` in a row, `KEPT` in a module of the pickle leaf
or of a package, `REFUSED` for what is refused. Whether it needs a pickle is asked of the table of rows.
"""

from __future__ import annotations

import re
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from perdure.codec import encoder, refused
from perdure.codec.leaf import functions, pickled, reduced, standard, weak
from perdure.codec.rows import arrays, classes, derived, edited, models, streams, table, web, wrappers
from perdure.codec.rows import standard as rows_of_standard
from perdure.codec.rows.row import Row, by_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "values.md"

CLASSES: dict[str, tuple[type, ...]] = {
    "NoneType": (type(None),),
    "iterators of lists, tuples, ranges, deques, texts and bytes": tuple(
        type(iter(each)) for each in ([], (), range(0), deque(), "", "ä", b"", reversed([]), range(1 << 70))
    ),
    "other iterators of itertools": tuple(
        each for each in vars(import_module("itertools")).values() if isinstance(each, type)
    ),
    "views of a dict (`.keys()`, `.values()`, `.items()`)": tuple(reduced.DICT_VIEWS),
    "methods of built-in objects": (
        *(types.BuiltinFunctionType, types.MethodWrapperType, types.MethodDescriptorType),
        *(types.WrapperDescriptorType, types.ClassMethodDescriptorType),
    ),
    "typing.Generic[...]": tuple(
        {type(each) for each in (import_module("typing").List[int], import_module("typing").Optional[int])}
        | set(type(import_module("typing").List[int]).__mro__[:-1])
    ),
    "functions and lambdas of the notebook": (types.FunctionType,),
    "bound methods": (types.MethodType,),
    "code objects": (types.CodeType,),
    "functools.cache": (type(import_module("functools").cache(int)),),
    "functools.lru_cache": (type(import_module("functools").lru_cache(int)),),
    "steps and workflows": tuple(
        getattr(import_module(f"perdure.engine.{module}"), name)
        for module, name in (("steps", "Step"), ("bound", "BoundStep"), ("workflows", "Workflow"))
    ),
}
"""The classes of what has no name by which it could be imported."""


@dataclass(frozen=True)
class Line:
    """One line of the page."""

    types: tuple[str, ...]
    says: str
    pickled: str
    """`no`, `some` or `yes`."""


def classes_of(name: str) -> tuple[type, ...]:
    """The classes that a name on the page stands for; none where it describes what they have in common."""
    if name in CLASSES:
        return CLASSES[name]
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        return ()
    module, _, rest = f"builtins.{name}".rpartition(".")
    module = module.removeprefix("builtins.")
    while module:
        try:
            found: object = import_module(module)
        except ImportError:
            module, _, part = module.rpartition(".")
            rest = f"{part}.{rest}"
            continue
        for part in rest.split("."):
            found = getattr(found, part, None)
        return (found if isinstance(found, type) else type(found),) if found is not None else ()
    return ()


# -- lines -------------------------------------------------------------------------------------------------


def of_rows(rows: Iterable[Row]) -> Iterator[Line]:
    """A line for each row."""
    for row in rows:
        name = f"{row.module}.{row.name}".removeprefix("builtins.")
        names = tuple(row.types.split(", ")) if row.types else (name,)
        yield Line(names, row.says, "some" if row.when else "no")


def of_leaf(*modules: object) -> Iterator[Line]:
    """A line for each of what the modules tell in `KEPT`."""
    for module in modules:
        kept: Mapping[str, str] = vars(module).get("KEPT", {})
        for names, says in kept.items():
            split = (names,) if names in CLASSES else tuple(names.split(", "))
            yield Line(split, says, _pickled(split))


def _pickled(names: Iterable[str]) -> str:
    """Whether objects of these types need a pickle, as the table of rows has it."""
    found = {_pickled_class(cls) for name in names for cls in classes_of(name)} or {"yes"}
    return found.pop() if len(found) == 1 else "some"


def _pickled_class(cls: type) -> str:
    rows = table.rows_of(cls)
    if any(row.when is None or (row is classes.REGISTERED and by_reference(cls)) for row in rows):
        return "no"
    return "some" if rows else "yes"


def of_kits(*names: str) -> Iterator[Line]:
    """A line for each of what these modules of `packages` tell."""
    return of_leaf(*(import_module(f"perdure.codec.packages.{name}") for name in names))


def merged(lines: Iterable[Line]) -> list[Line]:
    """One line for each type, and one for all types of which the same is said."""
    says: dict[str, list[str]] = {}
    need: dict[str, set[str]] = {}
    for line in lines:
        for name in line.types:
            told = says.setdefault(name, [])
            told += [] if line.says in told else [line.says]
            need.setdefault(name, set()).add(line.pickled)
    joined: dict[tuple[str, str], list[str]] = {}
    for name, told in says.items():
        needs = need[name].pop() if len(need[name]) == 1 else "some"
        joined.setdefault(("; ".join(told), needs), []).append(name)
    return [Line(tuple(names), *key) for key, names in joined.items()]


# -- sections ----------------------------------------------------------------------------------------------


def _named(rows: Iterable[Row], *, built_in: bool) -> list[Row]:
    return [row for row in rows if (row.module == "builtins") is built_in]


SECTIONS: dict[str, Callable[[], Iterable[Line]]] = {
    "Plain": lambda: [
        *(Line((name,), says, "no") for name, says in encoder.NATIVE.items()),
        *of_rows(_named(rows_of_standard.STANDARD, built_in=True)),
    ],
    "Standard library": lambda: [
        *of_rows(_named(rows_of_standard.STANDARD, built_in=False)),
        *of_rows((*wrappers.WRAPPERS, *streams.STREAMS)),
        *of_rows((*edited.EDITABLE, classes.EXCEPTION, derived.DERIVED)),
        *of_leaf(standard, reduced, weak),
    ],
    "Models": lambda: [
        *of_rows((models.MODEL, models.GENERIC, *models.CONSTANTS)),
        *of_kits("models"),
    ],
    "Arrays and frames": lambda: [
        *of_rows((*sorted(arrays.ARRAYS, key=lambda row: row.tag), arrays.SCALAR)),
        *of_kits("numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", "torch", "pillow"),
        *of_kits("matplotlib", "networkx", "xarray", "kits"),
    ],
    "The web": lambda: [*of_rows(web.WEB), *of_kits("web")],
    "Our own": lambda: of_kits("own"),
    "Your own classes": lambda: [
        *of_rows([classes.REGISTERED]),
        *of_leaf(pickled),
        *of_rows((classes.OBJECT_OF_FORMAT_1, classes.RECORD_OF_FORMAT_1)),
    ],
    "Classes and functions": lambda: [
        *of_rows((classes.CLASS, classes.FUNCTION, classes.MODULE)),
        *of_leaf(functions),
        *of_kits("functools"),
    ],
}
"""What stands in which section; together they are all rows, and all that the leaf and the packages tell."""

HEAD = """\
# Values

Written by `make reference` from the tables of the codec; do not edit it by hand.

For each type: how it is stored, and whether that takes a pickle. Without one (`no`) a value is plain data: it can be read for years,
and [`codec="safe"`](settings.md) keeps it. A pickle (`yes`) is tied to the versions of the packages whose classes lie in it.
`some` means: all but those that the line names, and those whose class cannot be imported by its name.

What holds for all types:

- A value comes back with the same type, content, order, mutability, sharing and cycles, at any depth, or it is refused when it is
  stored. In a value of plain data and others, only what needs a pickle is pickled.
- Which object a text, a number or another immutable value is, is no content: `is` may tell another answer for two equal ones.
- Memory of 1 MiB or more is stored as a file of its own, and mapped when it is loaded.
- A class of yours that is told in none of these lines is kept by its attributes, or in [its own way](../how-to/keep-your-own-class.md).
"""

_WEAK = """\
The digest of a value counts when a step is looked for by its inputs. What is kept, but has no content that could be read, is a *weak*
input: it stands by the call that made it, or by its type. The step is restored with a badge, and refused by `--strict`.

So are values that lead back to themselves through a set, and objects that cannot be pickled. Refused types are weak as inputs too.
"""

_REFUSED = """\
These are refused by their type, and so are classes derived from them that do not say how they are pickled; by name, as `package:class`.
So is what a pickle cannot keep, cannot load, or loads to something unequal. What to do otherwise stands in
[what cannot be kept](../how-to/what-cannot-be-kept.md).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, lines in SECTIONS.items():
        rows = [(_types(line.types), line.says, line.pickled) for line in merged(lines())]
        parts.append(f"## {title}\n\n{_table(('type', 'how it is stored', 'pickle'), rows)}\n")
    parts.append(f"## Weak keys\n\n{_WEAK}\n{_table(('type', 'why'), _weak())}\n")
    parts.append(f"## Refused\n\n{_REFUSED}\n{_table(('type', 'why', 'what to do'), _refused())}\n")
    return "\n".join(parts)


def _weak() -> list[tuple[str, ...]]:
    found: Mapping[str, str] = import_module("perdure.codec.packages.dask").WEAK
    return [(_types(names.split(", ")), says) for names, says in found.items()]


def _refused() -> list[tuple[str, ...]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for name, sentences in refused.REFUSED.items():
        groups.setdefault(sentences, []).append(name.removeprefix("builtins:"))
    return [(_types(names), *sentences) for sentences, names in groups.items()]


def _types(names: Iterable[str]) -> str:
    return ", ".join(name if " " in name else f"`{name}`" for name in names)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    cells = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE} is written.\n")
