"""What every store of blobs must do. The numbers are those of `perdure.store.protocols`."""

from __future__ import annotations

import pytest

from perdure.errors import Damaged
from perdure.store.protocols import Blobs


class BlobsContract:
    """The promises 7 to 9 of blobs."""

    @pytest.fixture
    def blobs(self) -> Blobs:
        """The empty blobs to be judged."""
        raise NotImplementedError

    @pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) - 1, (1 << 20) + 1])
    @pytest.mark.parametrize("durability", ["power", "process"])
    def test_bytes_come_back_as_they_were_put(self, blobs: Blobs, size: int, durability: str) -> None:
        """Promise 9: of any size."""
        data = (bytes(range(256)) * (size // 256 + 1))[:size]
        name = blobs.put(data, durability=durability)
        assert bytes(blobs.get(name)) == data
        assert bytes(blobs.get(name, copy=False)) == data
        assert blobs.size(name) == size

    def test_a_name_is_the_digest_of_the_bytes(self, blobs: Blobs) -> None:
        """Promise 7: BLAKE3, as anybody can compute it."""
        name = blobs.put(b"abc")
        assert name == "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
        assert blobs.names() == {name}

    def test_the_same_bytes_are_kept_once(self, blobs: Blobs) -> None:
        """Promise 8: whatever they come in."""
        first = blobs.put(b"abcd" * 1000)
        assert blobs.put(memoryview(b"abcd" * 1000).cast("i")) == first
        assert blobs.put(b"abcd" * 1000, durability="process") == first
        assert len(blobs.names()) == 1

    @pytest.mark.parametrize("size", [100, 3 << 20])
    def test_what_is_got_is_private_and_writable(self, blobs: Blobs, size: int) -> None:
        """Promise 7: writing to one view reaches neither another one nor the blob."""
        name = blobs.put(b"a" * size)
        one, other = blobs.get(name), blobs.get(name)
        one[0] = ord("b")
        assert (one[0], other[0], blobs.get(name)[0]) == (ord("b"), ord("a"), ord("a"))

    @pytest.mark.parametrize("size", [100, 3 << 20])
    def test_bytes_are_verified_on_request(self, blobs: Blobs, size: int) -> None:
        """Promise 9: those that are right come back as ever."""
        name = blobs.put(b"a" * size)
        assert bytes(blobs.get(name, verify=True)) == b"a" * size
        assert list(blobs.check()) == list(blobs.check([name])) == []
        assert list(blobs.check(["0" * 64])) == [("0" * 64, "it is missing.")]

    def test_rows_that_were_stored_before_come_back_with_new_ones(self, blobs: Blobs) -> None:
        """Promises 7, 9: whatever it is stored as, a blob needs its sources and nothing else."""
        rows = [bytes([number]) * (3 << 20) for number in range(5)]
        first, second = b"".join(rows[:4]), b"".join([*rows[:2], rows[4], *rows[2:4]])
        old = blobs.put(memoryview(first).cast("B", (4, 3 << 20)))
        name = blobs.put(memoryview(second).cast("B", (5, 3 << 20)))
        assert name == blobs.put(second)
        needed = blobs.sources(name)
        assert not any(map(blobs.sources, needed))
        blobs.remove(blobs.names() - needed - {name})
        assert bytes(blobs.get(name)) == bytes(blobs.get(name, copy=False)) == second
        assert list(blobs.check()) == []
        assert blobs.sources(old) == blobs.sources("0" * 64) == set()

    def test_a_blob_that_is_missing_is_refused(self, blobs: Blobs) -> None:
        """Promise 9: with its name, and what to do."""
        with pytest.raises(Damaged, match=r"0{12} .*missing"):
            blobs.get("0" * 64)
        assert blobs.size("0" * 64) == 0

    def test_removing_frees_the_bytes_of_these_alone(self, blobs: Blobs) -> None:
        """Promise 7: others stay, and a name that is not there is passed over."""
        gone, kept = blobs.put(b"x" * 10), blobs.put(b"y" * 20)
        assert blobs.remove([gone, "0" * 64]) == 10  # noqa: PLR2004  its size
        assert blobs.names() == {kept}
        assert blobs.sweep() == 0

    def test_putting_again_makes_a_blob_young(self, blobs: Blobs) -> None:
        """Promise 8: what is put while garbage is collected counts as new, even if it was there."""
        name = blobs.put(b"x")
        assert blobs.names(before=0.0) == set()
        assert blobs.names(before=4e9) == {name}

    def test_what_was_put_again_is_not_removed(self, blobs: Blobs) -> None:
        """Promise 8: it was listed as old, and somebody put it since."""
        name = blobs.put(b"x")
        assert blobs.remove([name], before=0.0) == 0
        assert blobs.names() == {name}
        assert blobs.remove([name], before=4e9) == 1

    @pytest.mark.parametrize("size", [10, 3 << 20, 9 << 20])
    def test_what_is_dated_is_taken_back_by_its_date(self, blobs: Blobs, size: int) -> None:
        """Promise 9: bytes that are soon to be removed are there until then, as any others."""
        name = blobs.put(b"x" * size, dated=1e9)
        assert bytes(blobs.get(name)) == b"x" * size
        assert blobs.names(before=1e9 + 1) == {name}
        assert blobs.remove([name], before=1e9) == 0
        assert blobs.remove([name], before=1e9 + 1) == size
        assert blobs.names() == set()

    @pytest.mark.parametrize("first", [True, False])
    @pytest.mark.parametrize("size", [10, 3 << 20, 9 << 20])
    def test_what_others_put_too_is_not_taken_back(self, blobs: Blobs, size: int, *, first: bool) -> None:
        """Promise 8: whoever came first, what was put without a date stays."""
        dates = (1e9, None) if first else (None, 1e9)
        names = [blobs.put(b"x" * size, dated=date) for date in dates]
        assert blobs.remove(names, before=1e9 + 1) == 0
        assert bytes(blobs.get(names[0])) == b"x" * size

    def test_no_other_blob_is_made_of_what_is_dated(self, blobs: Blobs) -> None:
        """Promise 9: so that it can be taken back."""
        rows = [bytes([number]) * (3 << 20) for number in range(5)]
        first, second = b"".join(rows[:4]), b"".join(rows)
        dated = blobs.put(memoryview(first).cast("B", (4, 3 << 20)), dated=1e9)
        name = blobs.put(memoryview(second).cast("B", (5, 3 << 20)))
        assert blobs.remove([dated], before=1e9 + 1) == len(first)
        assert bytes(blobs.get(name)) == second
