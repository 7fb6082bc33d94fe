"""Signed notes from one door to the next."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from signaling.tickets import Kind, TicketError, device_hash, issue, verify

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)
CLAIMS = {"seat": "0123456789abcdef", "language": "uk"}


def refused(code: str) -> pytest.RaisesExc[TicketError]:
    return pytest.raises(TicketError, check=lambda error: error.code == code)


@pytest.mark.parametrize("kind", Kind)
def test_it_gives_back_what_was_signed(kind: Kind) -> None:
    assert verify(KEY, kind, issue(KEY, kind, CLAIMS, LATER), NOW) == CLAIMS


def test_it_expires() -> None:
    token = issue(KEY, Kind.SOCKET, CLAIMS, LATER)
    verify(KEY, Kind.SOCKET, token, LATER - timedelta(milliseconds=1))
    with refused("ticket_expired"):
        verify(KEY, Kind.SOCKET, token, LATER)


def test_it_opens_no_other_door() -> None:
    with refused("ticket_invalid"):
        verify(KEY, Kind.SOCKET, issue(KEY, Kind.RESUME, CLAIMS, LATER), NOW)


def test_it_is_worthless_under_another_key() -> None:
    with refused("ticket_invalid"):
        verify(OTHER, Kind.SOCKET, issue(KEY, Kind.SOCKET, CLAIMS, LATER), NOW)


def test_it_is_worthless_when_a_single_character_differs() -> None:
    token = issue(KEY, Kind.SOCKET, CLAIMS, LATER)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with refused("ticket_invalid"):
            verify(KEY, Kind.SOCKET, token[:place] + other + token[place + 1 :], NOW)


def test_it_is_not_fooled_by_claims_that_somebody_wrote_themself() -> None:
    _, _, mac = issue(KEY, Kind.SOCKET, CLAIMS, LATER).partition(".")
    body = {"k": "socket", "x": 9_999_999_999_999, "c": {"seat": "f" * 16}}
    payload = base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=").decode()
    with refused("ticket_invalid"):
        verify(KEY, Kind.SOCKET, f"{payload}.{mac}", NOW)


@pytest.mark.parametrize("token", ["", ".", "a", "a.b", "...", "é.é", "a" * 5000, "\x00"])
def test_it_refuses_rubbish(token: str) -> None:
    with refused("ticket_invalid"):
        verify(KEY, Kind.SOCKET, token, NOW)


def test_it_does_not_tell_a_devices_name() -> None:
    device = "0123456789abcdef0123456789abcdef"
    assert device_hash(device) == device_hash(device)
    assert device not in device_hash(device)
    assert len(device_hash(device)) == 32
