"""The messages of the delivery service: MLS as the server sees it, opaque but for group, epoch and sizes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from signaling.wire import Id, Moment, Received, Sent


def _text(max_bytes: int) -> int:
    """How long base64url of so many bytes is."""
    return -(-max_bytes * 4 // 3)


KEY_PACKAGE, COMMIT, WELCOME, MESSAGE = (_text(size * 1024) for size in (4, 64, 64, 16))
MAX_ADDED = 32

GroupId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
"""16 random bytes."""
Epoch = Annotated[int, Field(ge=0, le=2**31)]
_BINARY = r"^[A-Za-z0-9_-]+$"
KeyPackage = Annotated[str, StringConstraints(max_length=KEY_PACKAGE, pattern=_BINARY)]
Commit = Annotated[str, StringConstraints(max_length=COMMIT, pattern=_BINARY)]
Welcome = Annotated[str, StringConstraints(max_length=WELCOME, pattern=_BINARY)]
Message = Annotated[str, StringConstraints(max_length=MESSAGE, pattern=_BINARY)]


# from the browser


class MlsKeyPackage(Received):
    """Wish to be added to the group. ``certified`` is what the device says of itself; the server cannot tell."""

    keyPackage: KeyPackage  # noqa: N815 - names of the wire are written as the client writes them
    certified: bool = False


class MlsCreate(Received):
    """Begin the room's first group."""

    group: GroupId


class MlsAdded(Received):
    """A seat whose waiting key package a commit adds, and its welcome."""

    seat: Id
    welcome: Welcome


class MlsCommit(Received):
    """A commit, built on ``epoch``, with everything that belongs to it."""

    group: GroupId
    epoch: Epoch
    commit: Commit
    added: Annotated[list[MlsAdded], Field(max_length=MAX_ADDED)]
    removed: Annotated[list[Id], Field(max_length=MAX_ADDED)]


class MlsAck(Received):
    """The keys of this epoch are installed."""

    group: GroupId
    epoch: Epoch


class MlsMessage(Received):
    """An application message for all members."""

    group: GroupId
    message: Message


class MlsReplace(Received):
    """Begin another group in place of one that nobody can lead any more."""

    old: GroupId
    group: GroupId


class MlsReport(Received):
    """Something for the record: no keys, no codes. ``seat`` is whom it is about, else oneself."""

    what: Literal["verified", "mismatch", "stopped", "refused"]
    seat: Id | None = None
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] | None = None


# answers and news


class MlsEpoch(Sent):
    """The epoch that a commit has begun."""

    epoch: int


class MlsMember(Sent):
    """One leaf of the group; ``live`` says whether its page is connected, ``leads`` whether it adds and removes."""

    seat: Id
    live: bool
    leads: bool


class MlsPending(Sent):
    """Somebody who waits to be added; the key package is shown to those who may commit."""

    seat: Id
    keyPackage: str | None  # noqa: N815 - as above
    since: Moment


class MlsState(Sent):
    """The whole picture of the group for one connection."""

    revision: int
    group: GroupId | None
    epoch: int
    ready: int | None
    members: tuple[MlsMember, ...]
    pending: tuple[MlsPending, ...]
    committer: Id | None


class MlsCommitted(Sent):
    """A commit that has won; ``epoch`` is the one it was built on."""

    group: GroupId
    epoch: int
    commit: str
    by: Id


class MlsWelcome(Sent):
    """The way into the group; ``epoch`` is the one that it leads to."""

    group: GroupId
    epoch: int
    welcome: str
    by: Id


class MlsForwarded(Sent):
    """An application message of another member."""

    group: GroupId
    message: str
    by: Id


class MlsEpochReady(Sent):
    """All connected members have the keys of this epoch."""

    group: GroupId
    epoch: int


FROM_BROWSER: dict[str, type[Received]] = {
    "mls.key_package": MlsKeyPackage,
    "mls.create": MlsCreate,
    "mls.commit": MlsCommit,
    "mls.ack": MlsAck,
    "mls.message": MlsMessage,
    "mls.replace": MlsReplace,
    "mls.report": MlsReport,
}
REPLIES: dict[str, type[Sent]] = {"mls.commit": MlsEpoch}
FROM_SERVER: dict[str, type[Sent]] = {
    "mls.state": MlsState,
    "mls.committed": MlsCommitted,
    "mls.welcome": MlsWelcome,
    "mls.forwarded": MlsForwarded,
    "mls.epoch_ready": MlsEpochReady,
}
_FRAME = 1024
"""What surrounds the binary part."""
MAX_BYTES = {
    "mls.key_package": KEY_PACKAGE + _FRAME,
    "mls.message": MESSAGE + _FRAME,
    "mls.commit": 384 * 1024,
}
