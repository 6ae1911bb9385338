"""Runs in one file, to be moved, kept beside a report, or gone on with elsewhere."""

from .adding import Imported, import_file
from .reading import Carried, open_file
from .writing import Exported, export

__all__ = ["Carried", "Exported", "Imported", "export", "import_file", "open_file"]
