"""What is kept beside the records of a run, changed one commit at a time by a process that may die at each.

A durable dict's entry, a message and a cached result go from one standing to the next. After each change its number
is acknowledged in a file: whoever comes after a kill finds that standing, or the next one.
"""

from dataclasses import replace

import numpy as np

from perdure import codec
from perdure.engine.stored import place_of
from perdure.store.dicts import place_of_item
from perdure.store.records import StateRecord
from perdure.testing import sample_call, sample_message, sample_run, sample_session

DICT = "beside", "counts"
RUN = sample_run(0xB51DE, workflow="beside", kind="function")
STANDINGS = [
    (0, None, 0, []),
    (0, None, 1, ["made"]),
    (1, None, 1, ["made"]),
    (1, 1, 1, ["first"]),
    (1, 2, 1, ["second"]),
    (0, 2, 1, ["second"]),
    (0, 2, 0, ["second"]),
    (0, None, 0, ["gone"]),
]
"""Messages, the entry's value, cached results, and what the call says: that comes with the entry."""


def content(number):
    """A value that is large enough to lie in a blob."""
    return np.full(1 << 17, number)


def standing(store):
    """Where it stands, once all that the entry refers to was looked at."""
    journal, found = store.journal, None
    for state in journal.states(*DICT):
        sealed = store.vault.unseal(
            journal.value(state.value), place_of_item(*DICT, state.item), subject=state.item
        )
        value = codec.decode(sealed)
        found = int(value[0])
        assert np.array_equal(value, content(found))
    messages, reasons = len(journal.messages(RUN.id)), [call.reason for call in journal.calls(RUN.id)]
    return messages, found, len(journal.cached_calls()), reasons


def make(store, epoch):
    """Keep a result that other runs may use."""
    call = sample_call(RUN.id, reason="made", cached=True)
    value = store.vault.seal(codec.encode("result"), place_of(call, "value"))
    store.journal.write(RUN.id, epoch, [value, replace(call, value=value.id)])


def put(store, epoch, number, reason):
    """Change the entry, as a step does: value, entry and call in one commit."""
    records = [replace(call, reason=reason) for call in store.journal.calls(RUN.id)]
    record = None
    if number:
        record = store.vault.seal(codec.encode(content(number)), place_of_item(*DICT, "a"))
        records.append(record)
    entry = StateRecord(*DICT, "a", RUN.id, record and record.id, 4.5)
    store.journal.write(RUN.id, epoch, [entry, *records])


def change(store, epoch, at):
    """Bring it from one standing to the next."""
    journal = store.journal
    changes = [
        lambda: make(store, epoch),
        lambda: journal.post(sample_message(RUN.id)),
        lambda: put(store, epoch, 1, "first"),
        lambda: put(store, epoch, 2, "second"),
        lambda: journal.drop_messages([sample_message(RUN.id).id]),
        lambda: journal.uncache(sample_call(RUN.id).step),
        lambda: put(store, epoch, None, "gone"),
    ]
    changes[at]()


def go(store, acknowledged):
    """Go on from where it stands to the end.

    Args:
        store: in which.
        acknowledged: a file of the numbers of standings that were reached for sure.
    """
    told = acknowledged.read_text().split() if acknowledged.exists() else ["0"]
    at = STANDINGS.index(standing(store))
    assert at in (int(told[-1]), int(told[-1]) + 1)
    epoch = store.journal.claim(RUN, sample_session())
    for number in range(at + 1, len(STANDINGS)):
        change(store, epoch, number - 1)
        assert standing(store) == STANDINGS[number]
        with acknowledged.open("a") as file:
            file.write(f" {number}")
