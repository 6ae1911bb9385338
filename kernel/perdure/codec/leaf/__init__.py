"""The leaf of last resort: what no row knows, pickled, in exact forms where pickle loses something."""
