"""Fixtures for tests of workflows, which pytest finds by itself."""
