"""PROTOCOL.md and the code say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import signaling
from server.seats import consents
from server.seats import views as seats
from signaling import errors, exchange, messages, mls, wire
from signaling.actions import ACTIONS

TEXT = (Path(signaling.__file__).parent / "PROTOCOL.md").read_text()
EXAMPLES = re.findall(r"<!-- (model|reply): (\w+) -->\n```json\n(.*?)```", TEXT, re.DOTALL)
SECTIONS: dict[str, str] = dict(re.findall(r"^### `([a-z_.]+)`\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE))
ALL = {**messages.FROM_BROWSER, **messages.FROM_SERVER}


def model(name: str) -> type[BaseModel]:
    found = getattr(messages, name, None) or getattr(mls, name, None) or getattr(exchange, name)
    assert issubclass(found, BaseModel)
    return found


def codes(title: str) -> set[str]:
    """The codes of the first table after these words."""
    table = TEXT[TEXT.index(title) :]
    table = re.search(r"\n\|.*?\n(?!\|)", table, re.DOTALL)[0]  # type: ignore[index]  # a missing table fails loudly
    return set(re.findall(r"^\| `([a-z_]+)`", table, re.MULTILINE))


def test_it_describes_every_event_and_no_other() -> None:
    assert set(SECTIONS) == set(ALL)
    assert set(ACTIONS) | set(mls.FROM_BROWSER) == set(messages.FROM_BROWSER)


@pytest.mark.parametrize("name", ALL)
def test_it_shows_an_example_of_the_events_own_type(name: str) -> None:
    kinds = re.findall(r"<!-- model: (\w+) -->", SECTIONS[name])
    assert kinds == [ALL[name].__name__]


@pytest.mark.parametrize("name", messages.FROM_BROWSER)
def test_it_shows_what_is_answered(name: str) -> None:
    kinds = re.findall(r"<!-- reply: (\w+) -->", SECTIONS[name])
    assert kinds == [messages.REPLIES.get(name, messages.Empty).__name__]


@pytest.mark.parametrize(("_kind", "name", "example"), EXAMPLES)
def test_it_shows_examples_that_are_what_the_code_takes_and_sends(_kind: str, name: str, example: str) -> None:
    kind = model(name)
    given = json.loads(example)
    read = kind.model_validate(given) if issubclass(kind, wire.Received) else kind.model_validate_json(example)
    written = read.model_dump(mode="json", exclude_unset=True)
    assert written == given


def test_it_names_every_code_of_an_acknowledgement() -> None:
    assert codes("## Codes in acknowledgements") == set(errors.ACK_TEXTS)


def test_it_names_every_code_that_ends_a_connection() -> None:
    assert codes("### `seat.closed`") == set(errors.CLOSE_TEXTS)


def test_it_names_every_code_of_the_exchange_with_its_status() -> None:
    assert codes("Errors are `{") == set(errors.SEAT_TEXTS)
    table = dict(re.findall(r"^\| `([a-z_]+)` \| (\d+) \|", TEXT, re.MULTILINE))
    for code, status in seats.STATUS.items():
        assert table[code] == str(status)


def test_it_names_every_code_of_consent_with_its_status() -> None:
    assert codes("`consent` is `SeatConsents` as it is now, or null") == set(errors.CONSENT_TEXTS)
    assert {code for code, status in consents.STATUS.items() if status == 409} == set(errors.CONSENT_TEXTS)


def test_it_says_the_same_text_for_a_code_wherever_it_occurs() -> None:
    for table in (errors.ACK_TEXTS, errors.CLOSE_TEXTS, errors.SEAT_TEXTS, errors.CONSENT_TEXTS):
        for code, text in table.items():
            assert errors.TEXTS[code] == text


def test_it_uses_no_code_that_is_not_described() -> None:
    source = "".join(path.read_text() for folder in ("signaling", "rooms") for path in Path(folder).glob("*.py"))
    raised = re.findall(r'(?:RoomError|ProtocolError|TicketError)\("([a-z_]+)"', source)
    closed = re.findall(r'\bClose\([^"\n]*"([a-z_]+)"|closing\(seat, "([a-z_]+)"\)|_closed\(sid, "([a-z_]+)"\)', source)
    assert set(raised) <= set(errors.TEXTS)
    assert {code for each in closed for code in each if code} <= set(errors.CLOSE_TEXTS)
