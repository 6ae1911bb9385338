"""Functions that are sent to workers: of a module, so that they go by name. They meet over files."""

import asyncio
import logging
import os
import sys
import time
from pathlib import Path

import numpy as np

from perdure import Secret, current, step, workflow


def double(x):
    return x * 2


def pid():
    return os.getpid()


def here():
    import only_here

    return os.getpid(), os.getcwd(), only_here.said  # noqa: PTH109


def place(a, /, b, *others, c=3, **more):
    return [a, b, others, c, more]


async def after(x, turns):
    for _ in range(turns):
        await asyncio.sleep(0)
    return x


def helper():
    """What a helper of a step's knows."""
    return current()


def where():
    return helper()


def idle(folder, name):
    """Say that it runs, and go on for ever."""
    (Path(folder) / name).write_text(str(os.getpid()))
    while True:
        time.sleep(0.01)


def hog(folder, name):
    """The same, in compiled code that lets nothing of Python's run beside it."""
    (Path(folder) / name).write_text(str(os.getpid()))
    return sum(range(10**15))


def meet(folder, name, other):
    """Wait until another call has come this far too."""
    (Path(folder) / name).write_text(str(os.getpid()))
    while not (Path(folder) / other).exists():
        time.sleep(0.001)
    return os.getpid()


def die(signal):
    os.kill(os.getpid(), signal)


def leave(code):
    os._exit(code)


def die_and_leave_a_child(folder):
    """Its child has what tells others that this process lives."""
    if os.fork() == 0:
        while not (Path(folder) / "go").exists():
            time.sleep(0.01)
        os._exit(0)
    os.kill(os.getpid(), 9)


def ask_to_end(error):
    raise error


class Unkeepable(Exception):  # noqa: N818  its name is looked for
    """Holds what belongs to one process."""

    def __init__(self, text):
        super().__init__(text)
        self.file = sys.stdout if hasattr(sys.stdout, "buffer") else sys.__stdout__


class Kept(Exception):  # noqa: N818  the same
    pass


def fail():
    try:
        raise KeyError("inner", (1, 2))  # noqa: TRY301
    except KeyError as error:
        wrong = Kept("outer", {"a": [1]})
        wrong.add_note("while testing")
        wrong.more = Path("x")
        raise wrong from error


def fail_unkeepably():
    error = Unkeepable("it broke")
    error.add_note("a note")
    raise error


def give_a_generator():
    return {"rows": [1, (x for x in range(3))]}


def talk():
    print("one")  # noqa: T201  that is what it is for
    print("two", file=sys.stderr)  # noqa: T201
    sys.stdout.write("thr")
    sys.stdout.write("ee\n")
    sys.stdout.buffer.write(b"four\n")
    print("five", file=sys.stderr)  # noqa: T201


def talk_much(characters):
    print("x" * characters)  # noqa: T201


def arrays(table):
    table["a"] += 1
    return {"a": table["a"], "b": table["b"][::2], "same": table["a"]}


def allocate(size):
    held = np.ones(size, dtype="uint8")
    return int(held[:: 1 << 12].sum())


def reveal(secret):
    return secret.reveal(), Secret(secret.reveal() + "!")


def environment(*names):
    return [os.environ.get(name) for name in names]


@step(executor="process")
def inner(x):
    """A step that is called inside a worker is a plain call there."""
    return [x, os.getpid()]


@step
def outer(x):
    return inner(x), [each[0] for each in inner.map([1, 2]).result()], os.getpid()


@workflow
def child(x):
    return x


def start_a_child():
    return child(1)


def start_a_child_beside():
    return child.start(1).result()


def log(text):
    """As scripts do: the first call sets up the logging of its process."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("errands").warning(text)


def close_what_it_prints_on():
    print("before")  # noqa: T201
    sys.stdout.close()


def surrogate():
    print("half \udc80 of one")  # noqa: T201
    raise ValueError("half \udc80 of one")


def frame():
    import pandas as pd

    return pd.DataFrame({"a": [1]})
