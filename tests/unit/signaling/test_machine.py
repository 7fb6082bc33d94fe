"""What may happen to a connection, and when."""

from __future__ import annotations

import itertools

import pytest

from signaling.machine import TABLE, Decision, IllegalEvent, Machine, State
from signaling.messages import FROM_BROWSER

EVENTS = [*FROM_BROWSER, *Decision]


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, EVENTS)))
def test_it_takes_what_the_table_has_and_refuses_the_rest_without_a_change(state: State, event: str) -> None:
    machine = Machine()
    machine.state = state
    if (state, event) in TABLE:
        assert machine.apply(event) is machine.state is TABLE[state, event]
    else:
        with pytest.raises(IllegalEvent):
            machine.apply(event)
        assert machine.state is state


def test_it_gives_media_and_rights_to_nobody_who_is_not_in() -> None:
    inside = {name for name in FROM_BROWSER if name.split(".")[0] not in {"room", "seat"}}
    assert {(state, event) for state, event in TABLE if event in inside} == {(State.IN, event) for event in inside}


def test_it_lets_nothing_happen_after_the_end() -> None:
    assert [event for state, event in TABLE if state is State.CLOSED] == [Decision.CLOSED]


def test_it_gives_every_event_a_place() -> None:
    assert {event for _, event in TABLE} == set(EVENTS)
