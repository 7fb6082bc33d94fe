"""ICE-lite: who is believed, and which address is sent to."""

from __future__ import annotations

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from media.ice import CONSENT_EXPIRY, Credentials, IceLite, parse_check
from media.parsing import ParseError

HOME = ("192.0.2.10", 5000)
MOBILE = ("198.51.100.20", 6000)
FIRST = Credentials("first", "secret-of-the-first")


def check(credentials: Credentials = FIRST, *, nominates: bool = False, password: str | None = None) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{credentials.ufrag}:theirs"
    if nominates:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity((password or credentials.password).encode())
    return bytes(message)


def test_it_answers_with_the_address_that_it_saw() -> None:
    answer = IceLite(FIRST).answer(parse_check(check()), HOME, 1.0)
    assert answer is not None
    reply = stun.parse_message(answer.reply)
    assert reply.message_class is stun.Class.RESPONSE
    assert reply.attributes["XOR-MAPPED-ADDRESS"] == HOME
    assert reply.check_message_integrity(FIRST.password.encode())


def test_it_does_not_believe_a_wrong_password() -> None:
    ice = IceLite(FIRST)
    assert ice.answer(parse_check(check(password="guess")), HOME, 1.0) is None
    assert ice.selected is None
    assert not ice.expired(1000.0)


def test_it_does_not_believe_another_name() -> None:
    assert IceLite(FIRST).answer(parse_check(check(Credentials("other", FIRST.password))), HOME, 1.0) is None


def test_it_sends_to_the_first_checked_address_at_once() -> None:
    ice = IceLite(FIRST)
    answer = ice.answer(parse_check(check()), HOME, 1.0)
    assert answer is not None
    assert answer.moved
    assert ice.selected == HOME


def test_it_follows_a_nomination() -> None:
    ice = IceLite(FIRST)
    ice.answer(parse_check(check()), HOME, 1.0)
    ice.answer(parse_check(check(nominates=True)), MOBILE, 1.1)
    assert ice.selected == MOBILE


def test_it_stays_with_an_address_that_talks() -> None:
    ice = IceLite(FIRST)
    ice.answer(parse_check(check()), HOME, 1.0)
    ice.heard(HOME, 9.0)
    ice.answer(parse_check(check()), MOBILE, 10.0)
    assert ice.selected == HOME


def test_it_leaves_an_address_that_fell_silent() -> None:
    ice = IceLite(FIRST)
    ice.answer(parse_check(check()), HOME, 1.0)
    ice.heard(MOBILE, 2.0)
    ice.answer(parse_check(check()), MOBILE, 2.6)
    assert ice.selected == MOBILE


def test_it_takes_old_and_new_names_until_the_new_one_is_used() -> None:
    ice = IceLite(FIRST)
    second = ice.restart()
    assert set(ice.ufrags) == {"first", second.ufrag}
    assert ice.answer(parse_check(check()), HOME, 1.0) is not None
    assert ice.answer(parse_check(check(second)), HOME, 2.0) is not None
    assert ice.ufrags == (second.ufrag,)
    assert ice.answer(parse_check(check()), HOME, 3.0) is None


def test_it_keeps_the_name_in_use_through_two_restarts() -> None:
    ice = IceLite(FIRST)
    ice.restart()
    third = ice.restart()
    assert set(ice.ufrags) == {"first", third.ufrag}


def test_consent_runs_out_only_after_a_first_check() -> None:
    ice = IceLite(FIRST)
    assert not ice.expired(10_000.0)
    ice.answer(parse_check(check()), HOME, 10_000.0)
    assert not ice.expired(10_000.0 + CONSENT_EXPIRY)
    assert ice.expired(10_000.1 + CONSENT_EXPIRY)


def request(**attributes: object) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes.update({name.replace("_", "-"): value for name, value in attributes.items()})
    return bytes(message)


def test_it_refuses_what_is_no_authenticated_request() -> None:
    response, good = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE), check()
    for datagram in (
        b"",
        b"\0\1\0\0",
        bytes(20),
        bytes(response),
        request(),
        request(USERNAME="a:b"),
        request(MESSAGE_INTEGRITY=bytes(20)),
        request(USERNAME="nocolon", MESSAGE_INTEGRITY=bytes(20)),
        request(USERNAME=":b", MESSAGE_INTEGRITY=bytes(20)),
        request(USERNAME="a" * 300 + ":b", MESSAGE_INTEGRITY=bytes(20)),
        check() + b"x",
        good[:-1] + bytes((good[-1] ^ 1,)),
        check() + bytes(1500),
    ):
        with pytest.raises(ParseError):
            parse_check(datagram)


@pytest.mark.parametrize("integrity", [b"", bytes(19), bytes(21), bytes(400)])
def test_it_does_not_believe_an_integrity_of_a_wrong_length(integrity: bytes) -> None:
    parsed = parse_check(request(USERNAME="first:b", MESSAGE_INTEGRITY=integrity))
    assert IceLite(FIRST).answer(parsed, HOME, 1.0) is None


@given(st.binary(max_size=80))
def test_it_raises_nothing_but_parse_errors(tail: bytes) -> None:
    for datagram in (tail, b"\0\1" + len(tail).to_bytes(2, "big") + stun.COOKIE.to_bytes(4, "big") + bytes(12) + tail):
        try:
            parse_check(datagram)
        except ParseError:
            continue


@given(st.integers(0, 200), st.integers(1, 255))
def test_it_raises_nothing_but_parse_errors_for_a_damaged_check(at: int, change: int) -> None:
    damaged = bytearray(check())
    damaged[at % len(damaged)] ^= change
    try:
        parsed = parse_check(bytes(damaged))
    except ParseError:
        return
    assert IceLite(FIRST).answer(parsed, HOME, 1.0) is None or bytes(damaged)[-8:] != check()[-8:]
