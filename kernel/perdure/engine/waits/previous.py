"""`previous`."""


def previous(default=None): ...
