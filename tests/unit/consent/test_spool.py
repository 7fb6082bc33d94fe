"""The spool: what it acknowledged is there after anything, and nothing is there twice."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consent.datakey import DataKey
from consent.spool import RESERVED, Spool

KEY = DataKey(b"k" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger" / "spool"


def again(spool: Spool, path: Path, key: DataKey = KEY) -> Spool:
    spool.close()
    return Spool(path, key)


def test_it_keeps_in_order_what_waits(path: Path) -> None:
    spool = Spool(path, KEY)
    first = spool.put("room", {"n": 1, "name": "Ганна"})
    second = spool.put("room", {"n": 2})
    spool = again(spool, path)
    assert [(kept.id, kept.kind, kept.item) for kept in spool.waiting] == [
        (first, "room", {"n": 1, "name": "Ганна"}),
        (second, "room", {"n": 2}),
    ]


def test_what_is_done_does_not_come_back(path: Path) -> None:
    spool = Spool(path, KEY)
    first, second = spool.put("room", {"n": 1}), spool.put("room", {"n": 2})
    spool.done(first)
    spool = again(spool, path)
    assert [kept.id for kept in spool.waiting] == [second]
    spool.done(second)
    spool.done(second)
    assert again(spool, path).waiting == []
    assert path.read_bytes().strip(b"\0") == b""


def test_it_begins_anew_when_all_is_done(path: Path) -> None:
    spool = Spool(path, KEY)
    for _ in range(2000):
        spool.done(spool.put("room", {"text": "x" * 200}))
    assert path.stat().st_size == RESERVED


def test_it_grows_beyond_what_was_reserved(path: Path) -> None:
    spool = Spool(path, KEY)
    for number in range(600):
        spool.put("room", {"n": number, "text": "x" * 1000})
    assert path.stat().st_size > RESERVED
    assert [kept.item["n"] for kept in again(spool, path).waiting] == list(range(600))


def test_a_torn_end_loses_nothing_that_was_acknowledged(path: Path) -> None:
    spool = Spool(path, KEY)
    spool.put("room", {"n": 1})
    end = len(path.read_bytes().rstrip(b"\0"))
    spool.put("room", {"n": 2})
    whole = path.read_bytes()
    spool.close()
    torn_end = len(whole.rstrip(b"\0"))
    for cut in range(end, torn_end):
        path.write_bytes(whole[:cut] + bytes(len(whole) - cut))
        torn = Spool(path, KEY)
        assert [kept.item["n"] for kept in torn.waiting] == [1]
        torn.put("room", {"n": 3})
        torn = again(torn, path)
        assert [kept.item["n"] for kept in torn.waiting] == [1, 3]
        torn.close()


@contextmanager
def full_disk(taken: int) -> Iterator[None]:
    """The operating system lets no file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (taken, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_what_is_new_and_never_what_is_done(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(path, KEY)
    kept = [spool.put("room", {"n": number}) for number in range(3)]
    with full_disk(len(path.read_bytes().rstrip(b"\0")) + 8):
        with pytest.raises(OSError, match="part"):
            spool.put("room", {"n": 3})
        spool.done(kept[0])
        assert [each.item["n"] for each in spool.waiting] == [1, 2]
    assert "could not note" in caplog.text
    # It was not noted, so it comes back: whoever replays finds it in the database.
    spool = again(spool, path)
    assert [each.item["n"] for each in spool.waiting] == [0, 1, 2]
    for each in kept:
        spool.done(each)
    assert again(spool, path).waiting == []


def test_what_comes_after_a_spool_that_could_not_be_emptied_is_found(path: Path) -> None:
    spool = Spool(path, KEY)
    kept = [spool.put("room", {"n": number}) for number in range(3)]
    for each in kept[1:]:
        spool.done(each)
    with full_disk(0):
        spool.done(kept[0])
    assert spool.waiting == []
    spool.put("room", {"n": 7})
    assert 7 in [each.item["n"] for each in again(spool, path).waiting]


def test_it_says_nothing_to_whoever_reads_the_file(path: Path) -> None:
    spool = Spool(path, KEY)
    spool.put("room", {"name": "Hanna Koval"})
    assert b"Hanna" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert again(spool, path, DataKey(b"x" * 32)).waiting == []
