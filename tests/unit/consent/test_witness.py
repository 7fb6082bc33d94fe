"""A witness: co-signs what grows, and nothing else; every answer of C2SP tlog-witness."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent.checkpoint import Checkpoint, CheckpointError, Signature, Signer
from consent.merkle import EMPTY_ROOT, CompactRange, consistency_ranges, leaf_hash, prove, root_of
from consent.witness import Answer, Request, Witness, WitnessError

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
LEAVES = [leaf_hash(bytes([number])) for number in range(20)]
LOG = Signer("log.example/a", b"l" * 32)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    made = Witness.make(tmp_path / "w", "witness.example/w")
    made.watch(LOG.verifier)
    return made


def at(size: int, leaves: list[bytes] = LEAVES) -> Checkpoint:
    return LOG.sign(Checkpoint("log.example/a", size, root_of(leaves[:size])))


def growth(old: int, size: int, leaves: list[bytes] = LEAVES) -> tuple[bytes, ...]:
    def node(height: int, index: int) -> bytes:
        return root_of(leaves[index << height : (index + 1) << height])

    return tuple(prove(consistency_ranges(old, size), node)) if old else ()


def ask(witness: Witness, old: int, size: int, *, leaves: list[bytes] = LEAVES, now: datetime = NOW) -> Answer:
    return witness.add(Request(old, growth(old, size, leaves), at(size, leaves)).spelt, now)


def test_it_cosigns_a_log_that_grows(witness: Witness) -> None:
    for old, size in ((0, 3), (3, 8), (8, 8), (8, 20)):
        answer = ask(witness, old, size)
        assert answer.status == 200
        signature = Signature.read(answer.text.removesuffix("\n"))
        assert at(size).with_signatures([signature]).cosigned_by(witness.verifier) == NOW
    kept = witness.last("log.example/a")
    assert kept is not None
    assert (kept.size, kept.root) == (20, root_of(LEAVES))
    assert kept.signed_by(LOG.verifier)


def test_it_remembers_after_a_restart(witness: Witness) -> None:
    ask(witness, 0, 8)
    again = Witness(witness.folder)
    assert again.verifier == witness.verifier
    assert ask(again, 0, 9) == Answer(409, "8\n", "text/x.tlog.size")
    assert ask(again, 8, 9).status == 200


def test_it_never_goes_back(witness: Witness) -> None:
    ask(witness, 0, 8)
    assert ask(witness, 0, 5) == Answer(409, "8\n", "text/x.tlog.size")
    assert ask(witness, 5, 5) == Answer(409, "8\n", "text/x.tlog.size")
    assert witness.add(Request(8, (), at(5)).spelt, NOW).status == 400
    kept = witness.last("log.example/a")
    assert kept is not None
    assert kept.size == 8


def test_it_signs_one_history_only(witness: Witness) -> None:
    other = [LEAVES[19], *LEAVES[1:]]
    ask(witness, 0, 8)
    assert ask(witness, 8, 8, leaves=other) == Answer(409, "8\n", "text/x.tlog.size")
    assert ask(witness, 8, 12, leaves=other).status == 422
    assert witness.add(Request(8, growth(8, 12)[:-1], at(12)).spelt, NOW).status == 422
    assert ask(witness, 8, 12).status == 200


def test_an_empty_log_can_begin(witness: Witness) -> None:
    empty = LOG.sign(Checkpoint("log.example/a", 0, EMPTY_ROOT))
    assert witness.add(Request(0, (), empty).spelt, NOW).status == 200
    assert ask(witness, 0, 4).status == 200
    assert CompactRange().root() == EMPTY_ROOT


def test_it_knows_whose_logs_it_watches(witness: Witness) -> None:
    stranger = Signer("log.example/b", b"b" * 32)
    body = Request(0, (), stranger.sign(Checkpoint("log.example/b", 1, LEAVES[0]))).spelt
    assert witness.add(body, NOW).status == 404
    forged = Signer("log.example/a", b"x" * 32)
    body = Request(0, (), forged.sign(Checkpoint("log.example/a", 1, LEAVES[0]))).spelt
    assert witness.add(body, NOW).status == 403
    assert witness.last("log.example/a") is None


def test_signatures_of_strangers_are_not_kept(witness: Witness) -> None:
    stranger = Signer("log.example/b", b"b" * 32)
    twice = stranger.sign(at(3))
    assert witness.add(Request(0, (), twice).spelt, NOW + timedelta(1)).status == 200
    kept = witness.last("log.example/a")
    assert kept is not None
    assert {each.name for each in kept.signatures} == {"log.example/a", "witness.example/w"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0",
        b"old 0\n\n",
        b"old -1\n\n" + at(1).note.encode(),
        b"old 01\n\n" + at(1).note.encode(),
        b"old 99999999999999999\n\n" + at(1).note.encode(),
        b"new 0\n\n" + at(1).note.encode(),
        b"old 0\n%%%\n\n" + at(1).note.encode(),
        b"old 0\n" + b"AAAA\n" * 64 + b"\n" + at(1).note.encode(),
        b"old 0\n\xff\n\n" + at(1).note.encode(),
        b"old 0\n\n" + b"x" * 100_000,
    ],
    ids=lambda body: repr(body[:16]),
)
def test_it_refuses_what_is_no_request(witness: Witness, body: bytes) -> None:
    assert witness.add(body, NOW).status == 400
    with pytest.raises(CheckpointError):
        Request.read(body)


def test_its_key_is_its_own(witness: Witness) -> None:
    assert stat.S_IMODE((witness.folder / "witness.key").stat().st_mode) == 0o600
    with pytest.raises(WitnessError):
        Witness.make(witness.folder, "witness.example/other")
    with pytest.raises(WitnessError):
        Witness.make(witness.folder / "new", "a name with spaces")
    with pytest.raises(WitnessError):
        Witness(witness.folder / "nothing")
