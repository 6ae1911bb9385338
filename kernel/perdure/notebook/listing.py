"""The runs of a store as a list; as text here, as a picture where one is registered for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import lines

if TYPE_CHECKING:
    from perdure.store.protocols import Journal
    from perdure.store.records import RunRecord


@dataclass(frozen=True, slots=True)
class Runs:
    """The newest runs of a journal."""

    journal: Journal
    runs: tuple[RunRecord, ...]
    workflow: str | None
    limit: int
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        journal: Journal,
        workflow: str | None = None,
        limit: int = 50,
        tags: Mapping[str, str] | None = None,
    ) -> Runs:
        """The newest runs, of one workflow if it is named, and with these tags."""
        found = tuple(journal.runs(workflow=workflow, tags=tags, limit=limit))
        return cls(journal, found, workflow, limit, tags or {})

    def __repr__(self) -> str:
        if not self.runs:
            if self.tags:
                return f"No runs with the tag {', '.join(self.tags)} here. `%runs` lists all."
            if self.workflow is not None:
                return f"No runs of `{self.workflow}` here. `%runs` lists those of all workflows."
            return "No runs yet. `%workflow NAME` begins one."
        rows = [(run.id, run.workflow, run.state, lines.when(run.updated)) for run in self.runs]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )
