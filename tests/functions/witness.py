"""What really ran, and errors to come: outside the modules under test, so that neither is an input of a step."""

_log = []
_errors = []


def ran(*what):
    """Note that something ran."""
    _log.append(what[0] if len(what) == 1 else what)


def taken():
    """What ran since this was last asked."""
    log = list(_log)
    _log.clear()
    return log


def bad_luck(*errors):
    """The next calls of `stumble` raise these."""
    _errors[:] = errors


def stumble():
    """Raise the next error, if there is one left."""
    if _errors:
        raise _errors.pop(0)


def to_do(*what):
    """What `planned` gives from now on."""
    _plan[:] = what


def planned():
    """What a body is to do in this pass."""
    return tuple(_plan)


_plan = []
