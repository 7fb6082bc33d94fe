"""What may happen to a connection, and when: one table of states and events."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from signaling.messages import FROM_BROWSER


class State(StrEnum):
    """Where a connection stands."""

    CONNECTED = "connected"
    ENTERING = "entering"
    WAITING = "waiting"
    IN = "in"
    LEAVING = "leaving"
    CLOSED = "closed"


class Decision(StrEnum):
    """What the room decides about a connection."""

    WAITS = "waits"
    ADMITTED = "admitted"
    REFUSED = "refused"  # what was asked for did not happen
    LEFT = "left"
    CLOSED = "closed"


class IllegalEvent(Exception):
    """The browser sent an event that has no place in this state."""

    def __init__(self, state: State, event: str) -> None:
        super().__init__(f"{event} in {state.value}")
        self.state = state
        self.event = event


_C, _E, _W, _I, _L, _X = State
_INSIDE = [name for name in FROM_BROWSER if name.split(".")[0] not in {"room", "seat"}]

TABLE: Mapping[tuple[State, str], State] = {
    (_C, "room.enter"): _E,
    (_E, Decision.WAITS): _W,
    (_E, Decision.ADMITTED): _I,
    (_E, Decision.REFUSED): _C,
    (_W, Decision.WAITS): _W,
    (_W, Decision.ADMITTED): _I,
    (_I, Decision.ADMITTED): _I,
    (_I, Decision.WAITS): _W,  # a client who is there has to be asked about this person first
    (_W, "room.leave"): _L,
    (_I, "room.leave"): _L,
    # While somebody leaves, the room may still speak; and a leave that cannot be written keeps them where they are.
    (_L, Decision.WAITS): _W,
    (_L, Decision.ADMITTED): _I,
    **{(state, Decision.LEFT): _C for state in (_L, _W, _I)},
    (_W, "seat.update"): _W,
    (_I, "seat.update"): _I,
    **{(_I, name): _I for name in _INSIDE},
    **{(state, Decision.CLOSED): _X for state in State},
}
"""Whatever is not here is illegal."""


class Machine:
    """One connection's state. An illegal event raises and leaves it as it was."""

    def __init__(self) -> None:
        self.state = State.CONNECTED

    def apply(self, event: str) -> State:
        """Take an event or a decision; returns the new state. Raises IllegalEvent."""
        following = TABLE.get((self.state, event))
        if following is None:
            raise IllegalEvent(self.state, event)
        self.state = following
        return following
