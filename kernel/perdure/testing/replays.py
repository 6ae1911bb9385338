"""The mode in which bodies are executed again from their top after every record."""

from __future__ import annotations

from perdure.engine.replaying import always_replay

__all__ = ["always_replay"]
