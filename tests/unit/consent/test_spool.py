"""The spool: what it acknowledged is there after anything, and nothing is there twice."""

from __future__ import annotations

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


def test_it_says_nothing_to_whoever_reads_the_file(path: Path) -> None:
    spool = Spool(path, KEY)
    spool.put("room", {"name": "Hanna Koval"})
    assert b"Hanna" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert again(spool, path, DataKey(b"x" * 32)).waiting == []
