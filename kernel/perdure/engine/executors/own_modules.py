"""Modules of the user's own in a worker: those of the kernel, as the kernel imported them.

1. A module that the kernel reloaded is imported anew in a worker that had it from before.
2. A module whose file was edited since the kernel imported it is refused by a worker that has to import it:
   it would run other code than the kernel, under the digest of the kernel's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from perdure.engine.code.modules import file_digest, module_parts, own_file
from perdure.errors import ModuleEdited


def own_modules(names: Iterable[str], folder: str) -> dict[str, str]:
    """In the kernel: the user's own modules among these, and those that they import, with the digest of each.

    Args:
        names: modules that a call uses, or the packages around them.
        folder: that of the notebook.
    """
    found: dict[str, str] = {}
    for name in sorted({name.partition(".")[0] for name in names} - {"__main__"}):
        module = sys.modules.get(name)
        if module is not None and _may_be_own(module, folder):
            parts = module_parts(module, folder, whole=True)
            found |= {each: part.digest for each, part in parts.items()}
    return found


def _may_be_own(module: ModuleType, folder: str) -> bool:
    """Whether its file is the user's own; a package without one may hold such files."""
    return own_file(module, folder) is not None or getattr(module, "__file__", None) is None


_wanted: dict[str, str] = {}
_imported: dict[str, str] = {}


def follow(own: Mapping[str, str]) -> None:
    """In a worker: have modules be what they are in the kernel, from now on."""
    stale = [name for name, digest in own.items() if name in sys.modules and _imported.get(name) != digest]
    if stale:  # with all others, which may hold what they imported from it
        for name in {*own, *_imported}:
            sys.modules.pop(name, None)
    _imported.update(own)
    _wanted.update(own)
    if _checking not in sys.meta_path:
        sys.meta_path.insert(0, _checking)


class _Checking(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        wanted = _wanted.get(fullname)
        if wanted is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None and file_digest(spec.origin) != wanted:
            raise ModuleEdited(module=fullname)
        return spec


_checking = _Checking()
