"""Promise 8: hostile bytes give a value or one of Perdure's errors; they run nothing and cost next to nothing.

A short campaign of `make fuzz`, everything that one ever found, and that the judge would see what is broken.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import perdure
from fuzz import campaign
from fuzz.mutants import Mutator, unpacked
from perdure import codec
from perdure.errors import PerdureError

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.fixture(autouse=True)
def a_key(tmp_path, monkeypatch):
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "key"))


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], env=campaign.environment(), capture_output=True, text=True, check=False
    )


def test_twenty_thousand_altered_values_are_values_or_errors_of_perdure():
    """Promise 8."""
    seed = campaign.new_seed()
    found = list(campaign.campaign(seed, 2 * campaign.SLICE, processes=1))
    assert [failure for _, failures in found for failure in failures] == [], f"seed {seed}"
    assert sum(number for number, _ in found) == 2 * campaign.SLICE


def test_what_was_found_once_is_found_no_more():
    """Promise 8: bombs, towers, circles, pickles."""
    assert CORPUS
    done = python("-m", "fuzz.judge", "--corpus", *map(str, CORPUS))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr.splitlines()[-1]


BROKEN = {
    "raises": ("raise KeyError(1)", "KeyError: 1"),
    "runs a program": ("import os; os.system('true')", "os.system"),
    "hides that it runs a program": (
        "import os, contextlib\n        with contextlib.suppress(BaseException): os.system('true')",
        "os.system",
    ),
    "writes": ("open('/dev/null', 'w')", "open"),
    "reads": ("open('/etc/hostname')", "open"),
    "connects": ("socket.socket().connect(('127.0.0.1', 1))", "socket"),
    "imports": ("import fuzz.specimens, perdure_widgets", "import"),
    "evaluates": ("eval('1 + 1')", "exec"),
    "makes an object": ("return canary.Canary(1)", "__init__"),
    "gives an object": ("return object.__new__(canary.Point)", "canary.Point"),
    "holds much": ("bytes(100 << 20)", "bytes were held"),
    "asks for much": (
        "from perdure.errors import PerdureError\n        try: bytes(1 << 40)\n        except MemoryError as error: raise PerdureError() from error",
        "more memory",
    ),
}


@pytest.mark.parametrize(("body", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_the_judge_sees_a_decoder_that_breaks_the_promise(body, told):
    """A fuzzer that finds nothing proves something only if it would find this."""
    program = f"""
import socket
from fuzz import canary
from fuzz.judge import Judge, confine
from fuzz.specimens import Specimen

class Broken(Judge):
    def _made(self, specimen):
        {body}

judge = Broken(traced=True)
confine()
print(judge.fault(Specimen("decode", b"x")))
"""
    assert told in python("-c", program).stdout


def test_a_decoder_that_hangs_is_told_with_the_specimen(monkeypatch):
    """Promise 8: the processor time is bounded, and the rest of the campaign goes on."""
    hang = "import fuzz.judge as j; j.SECONDS = 0.2; j.Judge.fault = lambda self, s: any(iter(int, 1)) if n() == 3 else None; n = iter(range(9)).__next__; j.main(*sys.argv[1:])"
    real = subprocess.run

    def run(command, **options):
        assert command[1:3] == ["-m", "fuzz.judge"]
        return real([command[0], "-c", f"import sys; {hang}", *command[3:]], **options)

    monkeypatch.setattr(campaign.subprocess, "run", run)
    done, failures = campaign.judged("any", 10, 5)
    assert done == 5
    assert [(failure["number"], failure["fault"]) for failure in failures] == [
        (13, "the process ended with -27")
    ]


@pytest.fixture
def opened(monkeypatch):
    """What reaches the decoder."""
    seen = []
    real = codec.decode
    monkeypatch.setattr(codec, "decode", lambda encoded, **how: seen.append(encoded) or real(encoded, **how))
    return seen


def test_altered_bytes_never_reach_the_decoder(opened):
    """Promise 8: the signature is looked at first, whatever was altered."""
    mutator = Mutator(seed := campaign.new_seed())
    dumps = mutator.dumps
    for data in dumps[:3]:
        perdure.loads(data)
    assert len(opened) == 3, "the true ones do"
    opened.clear()
    meant = [signed(data) for data in dumps]
    for number in range(3000):
        specimen = mutator.specimen(number)
        if specimen.door != "loads" or signed(specimen.data) in meant:
            continue
        with pytest.raises(PerdureError):
            perdure.loads(specimen.data)
        assert not opened, f"seed {seed}, number {number}"


def signed(data):
    """What of a dump counts, however msgpack spells it: all but the id of the key, which is a hint."""
    try:
        number, fields = unpacked(data[8:])
        return data[:8], number, sorted((name, repr(part)) for name, part in fields.items() if name != "key")
    except (ValueError, TypeError, AttributeError):
        return None
