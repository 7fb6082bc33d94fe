"""The delivery service of one room's encrypted group (MLS) ◇: who is in it, whose commit counts, who must be told.

The server orders and forwards; it can read nothing of it. The first commit for an epoch wins, and its welcome goes out
only with it. A leaf belongs to the connection that brought its key package, because keys die with the page that made
them; a page whose socket alone has broken takes its leaf up again by acknowledging the present epoch.

Methods raise ProtocolError and then change nothing. What they return is to be sent in this order; after every call the
state is to be told again to whoever sees another one than before (`state`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from signaling import mls
from signaling.errors import ProtocolError
from signaling.limits import Bucket, Rate
from signaling.wire import Sent

KEY_PACKAGES = Rate(burst=10, per_s=0.5)
"""Everybody hears of each, so a connection brings few."""
MESSAGES = Rate(burst=60, per_s=10)
"""Chat and codes, which go out to everybody."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to this connection."""

    conn: str
    event: str
    data: Sent


@dataclass(slots=True)
class Peer:
    """One connection in the room. ``order`` grows with each coming in."""

    seat: str
    may_commit: bool
    order: int
    packages: Bucket
    chat: Bucket


@dataclass(frozen=True, slots=True)
class Member:
    """One leaf. ``conn`` is None while its page is away; ``acked`` is the newest epoch whose keys it has installed.

    ``leads``: its role may host, and it has begun the group, committed, or said that the organisation has certified it.
    """

    seat: str
    conn: str | None
    leads: bool
    acked: int = -1


@dataclass(frozen=True, slots=True)
class Pending:
    """A wish to be added."""

    key_package: str
    since: datetime
    certified: bool


@dataclass(slots=True)
class Group:
    """The present group: members by seat, and the newest epoch that all connected ones have."""

    id: str
    epoch: int = 0
    ready: int = -1
    members: dict[str, Member] = field(default_factory=dict)


class Delivery:
    """One room's group. Connections are those inside the room; a seat has at most one."""

    def __init__(self) -> None:
        self.group: Group | None = None
        self._peers: dict[str, Peer] = {}
        self._pending: dict[str, Pending] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        """How many connections it knows."""
        return len(self._peers)

    @property
    def conns(self) -> Sequence[str]:
        """All connections, in the order of their coming."""
        return list(self._peers)

    # coming and going

    def come(self, conn: str, seat: str, *, may_commit: bool, now_s: float) -> bool:
        """A connection is inside the room; False when that is known."""
        if conn in self._peers:
            return False
        self._arrivals += 1
        self._peers[conn] = Peer(seat, may_commit, self._arrivals, Bucket(KEY_PACKAGES, now_s), Bucket(MESSAGES, now_s))
        return True

    def go(self, conn: str) -> list[Send]:
        """A connection is inside no more. Its leaf stays until somebody commits its removal."""
        self._pending.pop(conn, None)
        peer = self._peers.pop(conn, None)
        if peer is None or self.group is None:
            return []
        member = self.group.members.get(peer.seat)
        if member is None or member.conn != conn:
            return []
        self.group.members[peer.seat] = replace(member, conn=None)
        return self._settle()

    # what a connection asks for

    def key_package(self, conn: str, key_package: str, now: datetime, *, certified: bool = False) -> None:
        """Wait to be added; a later key package replaces an earlier one of the same connection."""
        peer = self._peer(conn)
        if not peer.packages.take(now.timestamp()):
            raise ProtocolError("too_many_requests")
        self._pending[conn] = Pending(key_package, now, certified)

    def create(self, conn: str, group: str) -> list[Send]:
        """Begin the room's first group with this connection's leaf alone."""
        peer = self._committer(conn)
        if self.group is not None:
            raise ProtocolError("group_exists")
        return self._begin(conn, peer, group)

    def replace(self, conn: str, old: str, group: str) -> list[Send]:
        """Begin another group, because the old one has no connected member left who leads it.

        Others refuse a group that no certified device has begun; who only claims to lead stands in the way.
        """
        peer = self._committer(conn)
        present = self._present(old)
        if group == old:
            raise ProtocolError("group_exists")
        if any(each.conn not in {conn, None} and each.leads for each in present.members.values()):
            raise ProtocolError("group_led")
        return self._begin(conn, peer, group)

    def commit(
        self,
        conn: str,
        group: str,
        epoch: int,
        commit: str,
        *,
        added: Iterable[mls.MlsAdded] = (),
        removed: Iterable[str] = (),
    ) -> list[Send]:
        """The next epoch: the commit to all other connected members, the welcome to those whom it adds.

        A seat may be in both lists: its old leaf goes and its new one comes.
        """
        peer, present = self._committer(conn), self._member(conn, group)
        if epoch != present.epoch:
            raise ProtocolError("epoch_taken")
        added, removed = tuple(added), tuple(removed)
        joining = {each.seat: self._waiting(each.seat) for each in added}
        leaving = set(removed)
        stays = present.members.keys() - leaving
        if not leaving <= present.members.keys() or peer.seat in leaving or joining.keys() & stays:
            raise ProtocolError("not_asked")
        if len(joining) != len(added) or len(leaving) != len(removed):
            raise ProtocolError("bad_message")
        told = [each.conn for each in present.members.values() if each.conn not in {None, conn}]
        present.epoch += 1
        news = mls.MlsCommitted(group=group, epoch=epoch, commit=commit, by=peer.seat)
        sends = [Send(each, "mls.committed", news) for each in told if each is not None]
        for seat in leaving:
            del present.members[seat]
        present.members[peer.seat] = replace(present.members[peer.seat], leads=True)
        for each in added:
            joined = joining[each.seat]
            leads = self._pending.pop(joined).certified and self._peers[joined].may_commit
            present.members[each.seat] = Member(each.seat, joined, leads)
            welcome = mls.MlsWelcome(group=group, epoch=present.epoch, welcome=each.welcome, by=peer.seat)
            sends.append(Send(joined, "mls.welcome", welcome))
        return sends

    def ack(self, conn: str, group: str, epoch: int) -> list[Send]:
        """The keys of this epoch are installed. An older epoch than the present one is too late and changes nothing."""
        peer, present = self._peer(conn), self._present(group)
        member = present.members.get(peer.seat)
        if member is None or epoch > present.epoch:
            raise ProtocolError("not_member" if member is None else "epoch_taken")
        if member.conn is None and epoch == present.epoch:
            # The page lived on while its socket was away, and has missed nothing.
            self._pending.pop(conn, None)
            member = replace(member, conn=conn)
        if member.conn != conn:
            raise ProtocolError("not_member")
        present.members[peer.seat] = replace(member, acked=max(member.acked, epoch))
        return self._settle()

    def message(self, conn: str, group: str, message: str, now: datetime) -> list[Send]:
        """Forward an application message to all other connected members; nothing of it is kept."""
        peer, present = self._peer(conn), self._member(conn, group)
        if not peer.chat.take(now.timestamp()):
            raise ProtocolError("too_many_requests")
        news = mls.MlsForwarded(group=group, message=message, by=peer.seat)
        others = [each.conn for each in present.members.values() if each.conn is not None and each.conn != conn]
        return [Send(each, "mls.forwarded", news) for each in others]

    # what a connection sees

    def state(self, conn: str, revision: int = 0) -> mls.MlsState:
        """The whole picture for one connection; key packages are shown to those who may commit."""
        shows = self._peers[conn].may_commit
        group = self.group
        return mls.MlsState(
            revision=revision,
            group=group.id if group else None,
            epoch=group.epoch if group else 0,
            ready=group.ready if group and group.ready >= 0 else None,
            members=tuple(
                mls.MlsMember(seat=each.seat, live=each.conn is not None, leads=each.leads)
                for each in (group.members.values() if group else ())
            ),
            pending=tuple(
                mls.MlsPending(
                    seat=self._peers[each].seat, keyPackage=wish.key_package if shows else None, since=wish.since
                )
                for each, wish in self._pending.items()
            ),
            committer=self._first_committer(),
        )

    # inner steps

    def _begin(self, conn: str, peer: Peer, group: str) -> list[Send]:
        self._pending.pop(conn, None)
        self.group = Group(group, members={peer.seat: Member(peer.seat, conn, leads=True)})
        return []

    def _settle(self) -> list[Send]:
        """Say so once all connected members have the present epoch."""
        group = self.group
        if group is None or group.ready == group.epoch:
            return []
        live = [each for each in group.members.values() if each.conn is not None]
        if not live or any(each.acked < group.epoch for each in live):
            return []
        group.ready = group.epoch
        news = mls.MlsEpochReady(group=group.id, epoch=group.epoch)
        return [Send(each.conn, "mls.epoch_ready", news) for each in live if each.conn is not None]

    def _first_committer(self) -> str | None:
        """A hint: the first connected member who leads and whom nothing that is to be done concerns."""
        if self.group is None:
            return None
        concerned = {self._peers[each].seat for each in self._pending}
        able = [
            (self._peers[each.conn].order, each.seat)
            for each in self.group.members.values()
            if each.conn is not None and each.leads and each.seat not in concerned
        ]
        return min(able)[1] if able else None

    def _peer(self, conn: str) -> Peer:
        peer = self._peers.get(conn)
        if peer is None:
            raise ProtocolError("out_of_order")
        return peer

    def _committer(self, conn: str) -> Peer:
        peer = self._peer(conn)
        if not peer.may_commit:
            raise ProtocolError("forbidden")
        return peer

    def _present(self, group: str) -> Group:
        if self.group is None or self.group.id != group:
            raise ProtocolError("wrong_group")
        return self.group

    def _member(self, conn: str, group: str) -> Group:
        present = self._present(group)
        member = present.members.get(self._peer(conn).seat)
        if member is None or member.conn != conn:
            raise ProtocolError("not_member")
        return present

    def _waiting(self, seat: str) -> str:
        """The connection of this seat whose key package waits."""
        for conn in self._pending:
            if self._peers[conn].seat == seat:
                return conn
        raise ProtocolError("not_asked")
