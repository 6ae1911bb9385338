"""Runs and calls: what is restored, what runs, and the record of both.

Promises kept here (numbers of `docs/reference/promises.md`):

1. A recorded call does not run again in its run, unless its code or inputs changed, or the user asks for it.
2. A kill loses only what was running: a call is done when its commit is.
5. An effect is never repeated silently.
6. One run, one owner.
11. Every decision can be read: each carries its reason in words.

Nothing here knows notebooks, files or SQL. `decide` is pure, `states` is a table, `owner` alone writes.
"""
