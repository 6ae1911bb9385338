"""Promise 2: whatever is done with a store, and at whichever durable step the process dies, the next one goes on.

The steps are counted by dying at each in turn until a life gets through. What each second life finds is looked at
in `every_step.py`: nothing that was acknowledged is lost or runs again, no effect is repeated silently, the
result is that of one go, `check` finds nothing, and what was left half-made is swept away.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from crash import every_step

ROOT = Path(__file__).parents[2]
STORE = ROOT / "kernel" / "perdure" / "store"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="lives are forked"),
]


@pytest.fixture(scope="module")
def place():
    """Where the lives are: in memory, if there is such a place, as a kill loses nothing that was written."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def live(place):
    """One life of a scene, killed at a durable step; gives the step's name, or None where none was left."""
    path = [str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    server = subprocess.Popen(
        [sys.executable, every_step.__file__, str(place / "template")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(path)},
    )  # fmt: skip

    def live(scene, at):
        server.stdin.write(json.dumps({"scene": scene, "folder": str(place / "life"), "at": at}) + "\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        if answer["trouble"]:
            pytest.fail(f"{scene}, killed at step {at}, {answer['died']}:\n{answer['trouble']}")
        return answer["died"]

    yield live
    server.kill()
    server.communicate()


@pytest.fixture(scope="module")
def died():
    """The names of the steps at which a life ended, in all scenes."""
    return set()


@pytest.mark.parametrize("scene", every_step.SCENES)
def test_a_kill_at_each_durable_step_loses_nothing(live, died, scene):
    """Promises 1, 2 and 5."""
    at = 0
    while name := live(scene, at := at + 1):
        died.add(name)
    assert at > 5


def test_no_durable_step_is_left_out(died):
    """A step that is added to the store, and that no scene reaches, is seen here."""
    if not died:
        pytest.skip("the scenes were not run")
    source = "\n".join(path.read_text() for path in STORE.rglob("*.py"))
    named = set(re.findall(r'reached\(\s*"([\w.]+)"', source))
    kinds = set(re.findall(r'step(?:: str)? ?= ?"(\w+)"', source))
    parts = set(re.findall(r'reached\(f"\{[\w.]+\}\.(\w+)"', source))
    assert len(named) > 15
    assert {"blob", "recipe", "file"} <= kinds
    assert len(parts) == 5
    assert named <= died
    assert kinds <= {name.split(".")[0] for name in died}
    assert parts <= {name.split(".")[1] for name in died}


def test_a_disk_that_is_full_anywhere_loses_nothing(live):
    """Promises 2 and 5: the error says what to do, and once there is room the same process goes on."""
    limits = [0, *(size for power in range(9, 23) for size in (1 << power, 3 << (power - 1)))]
    told = [live("full", limit) for limit in limits]
    assert None not in told[:20]
    assert told[-1] is None
