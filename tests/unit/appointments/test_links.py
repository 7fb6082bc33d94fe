"""Invitation links: what is genuine, and every way in which a token can be wrong."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.appointments.links import LAST_VERSION, Link, LinkError, make, parse, url

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
SEAT = "00112233445566ff"


def refused(token: str, key: bytes = KEY) -> str:
    with pytest.raises(LinkError) as caught:
        parse(key, token)
    return caught.value.code


def test_it_reads_back_what_it_made() -> None:
    assert parse(KEY, make(KEY, SEAT, 7)) == Link(SEAT, 7)


@given(seat=st.binary(min_size=8, max_size=8), version=st.integers(1, LAST_VERSION))
def test_it_reads_back_every_seat_and_version(seat: bytes, version: int) -> None:
    token = make(KEY, seat.hex(), version)
    assert len(token) == 34
    assert parse(KEY, token) == Link(seat.hex(), version)


def test_it_makes_another_token_for_each_version() -> None:
    assert len({make(KEY, SEAT, version) for version in range(1, LAST_VERSION + 1)}) == LAST_VERSION


@pytest.mark.parametrize("version", [0, LAST_VERSION + 1, -1])
def test_it_refuses_to_make_a_version_that_does_not_fit(version: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 255"):
        make(KEY, SEAT, version)


def test_it_puts_the_token_behind_the_hash_where_no_server_sees_it() -> None:
    assert (
        url("https://poruch.example.org/call", KEY, SEAT, 1)
        == f"https://poruch.example.org/call#i={make(KEY, SEAT, 1)}"
    )


@pytest.mark.parametrize(
    "token", ["", "a", "=" * 34, "а" * 34, "🦊", "a" * 33, "a" * 35, "a" * 100_000, "\x00" * 34, "a+/" * 11 + "a"]
)
def test_it_refuses_what_is_no_token(token: str) -> None:
    assert refused(token) == "link_unknown"


@given(st.text(max_size=80))
def test_it_refuses_any_text_with_the_same_error(text: str) -> None:
    assert refused(text) == "link_unknown"


def test_it_refuses_a_token_of_another_key() -> None:
    assert refused(make(OTHER_KEY, SEAT, 1)) == "link_unknown"


@given(position=st.integers(0, 25 * 8 - 1))
def test_it_refuses_a_token_with_one_bit_changed(position: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(make(KEY, SEAT, 1) + "=="))
    raw[position // 8] ^= 1 << position % 8
    assert refused(base64.urlsafe_b64encode(raw).rstrip(b"=").decode()) == "link_unknown"


def test_it_refuses_another_spelling_of_a_genuine_token() -> None:
    token = make(KEY, SEAT, 1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bytes = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    assert base64.urlsafe_b64decode(same_bytes + "==") == base64.urlsafe_b64decode(token + "==")
    assert refused(same_bytes) == "link_unknown"


def test_it_refuses_a_genuine_token_with_padding() -> None:
    assert refused(make(KEY, SEAT, 1) + "==") == "link_unknown"
