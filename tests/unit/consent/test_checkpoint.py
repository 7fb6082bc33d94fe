"""Checkpoints: C2SP's own example, round trips, and everything that is not a checkpoint."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from consent.checkpoint import COSIGNATURE_V1, Checkpoint, CheckpointError, Signature, Signer, Verifier
from consent.leaf import to_base64

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
LOG = Signer("log.example/a", b"l" * 32)
WITNESS = Signer("witness.example/w", b"w" * 32, COSIGNATURE_V1)
PLAIN = Checkpoint("log.example/a", 7, b"r" * 32)
SIGNED = LOG.sign(PLAIN)

# The checkpoint that C2SP tlog-cosignature shows.
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501 - a signed note has lines as they are


def test_it_reads_and_writes_the_specifications_example_byte_for_byte() -> None:
    found = Checkpoint.read(EXAMPLE)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert [each.name for each in found.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert int.from_bytes(found.signatures[1].data[:8]) == 1679315147
    assert found.note == EXAMPLE


def test_it_is_signed_by_the_log_and_nobody_else() -> None:
    assert SIGNED.signed_by(LOG.verifier)
    assert not PLAIN.signed_by(LOG.verifier)
    assert not SIGNED.signed_by(Signer("log.example/a", b"x" * 32).verifier)
    assert not SIGNED.signed_by(Signer("log.example/b", b"l" * 32).verifier)
    assert not SIGNED.signed_by(WITNESS.verifier)


def test_a_signature_belongs_to_one_body() -> None:
    for other in (
        Checkpoint("log.example/a", 8, b"r" * 32),
        Checkpoint("log.example/a", 7, b"s" * 32),
        Checkpoint("log.example/a", 7, b"r" * 32, extensions=("more",)),
    ):
        assert not other.with_signatures(SIGNED.signatures).signed_by(LOG.verifier)


def test_a_witness_says_when() -> None:
    cosigned = SIGNED.with_signatures([WITNESS.cosign(SIGNED, NOW)])
    assert cosigned.cosigned_by(WITNESS.verifier) == NOW
    assert cosigned.signed_by(LOG.verifier)
    assert SIGNED.cosigned_by(WITNESS.verifier) is None
    assert cosigned.cosigned_by(LOG.verifier) is None
    assert cosigned.cosigned_by(Signer("witness.example/w", b"v" * 32, COSIGNATURE_V1).verifier) is None


def test_the_time_of_a_cosignature_cannot_be_changed() -> None:
    line = WITNESS.cosign(SIGNED, NOW)
    later = Signature(line.name, line.key_id, (int.from_bytes(line.data[:8]) + 1).to_bytes(8) + line.data[8:])
    assert SIGNED.with_signatures([later]).cosigned_by(WITNESS.verifier) is None


def test_keys_are_passed_on_as_text() -> None:
    for key in (LOG.verifier, WITNESS.verifier):
        assert Verifier.read(f" {key.spelt}\n") == key
    # Go's own checksum database, as C2SP signed-note spells keys.
    known = Verifier.read("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    assert known.key_id.hex() == "033de0ae"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        f"name+00000000+{to_base64(bytes([1]) + b'k' * 32)}",
        f"na me+00000000+{to_base64(bytes([1]) + b'k' * 32)}",
        f"+00000000+{to_base64(bytes([1]) + b'k' * 32)}",
        f"name+00000000+{to_base64(bytes([9]) + b'k' * 32)}",
        f"name+00000000+{to_base64(bytes([1]) + b'k' * 31)}",
        "name+00000000+",
        "name+00000000+%%%",
    ],
)
def test_it_refuses_what_is_no_key(text: str) -> None:
    with pytest.raises(CheckpointError):
        Verifier.read(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note[:0],
        lambda note: note.rstrip("\n"),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace("\n7\n", "\n-7\n"),
        lambda note: note.replace("\n7\n", "\n７\n"),
        lambda note: note.replace("\n7\n", "\n" + "9" * 30 + "\n"),
        lambda note: note.replace("\n7\n", "\n"),
        lambda note: "\n" + note,
        lambda note: note.replace(to_base64(b"r" * 32), to_base64(b"r" * 31)),
        lambda note: note.replace(to_base64(b"r" * 32), to_base64(b"r" * 32)[:-1]),
        lambda note: note.replace("\N{EM DASH} ", "- "),
        lambda note: note.replace("\N{EM DASH} log.example/a ", "\N{EM DASH} "),
        lambda note: note.replace("\N{EM DASH} log.example/a ", "\N{EM DASH} log.example/a A"),
        lambda note: note + "\N{EM DASH} x AAA=\n",
        lambda note: note + note.splitlines()[-1] + "\r\n",
        lambda note: note + "".join(f"\N{EM DASH} x{n} AAAAAAAA\n" for n in range(200)),
        lambda note: note.replace("\n\n", "\n" + "x" * 70_000 + "\n\n"),
        lambda note: note.encode() + b"\xff",
    ],
)
def test_it_refuses_what_is_no_checkpoint(change: object) -> None:
    assert callable(change)
    with pytest.raises(CheckpointError):
        Checkpoint.read(change(SIGNED.note))


def test_log_and_witness_keep_to_their_own_kind_of_statement() -> None:
    with pytest.raises(CheckpointError):
        WITNESS.sign(PLAIN)
    with pytest.raises(CheckpointError):
        LOG.cosign(SIGNED, NOW)
