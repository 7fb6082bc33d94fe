"""The live meetings of this server: every change is decided by the pure room, recorded, and only then done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import Database
from consent.events import Tag
from consent.policy import Action, Role
from consent.spool import Spool
from media.control import ConsumerHeld, MediaEvent, ProducerClosed, TransportClosed, WorkerLost
from media.pool import MediaPool
from rooms import consents, journal, outlet, outside, review, tables
from rooms.changes import Changes
from rooms.effects import Effect, Json, RoomError, about
from rooms.following import Following, obey
from rooms.network import carried, together
from rooms.outlet import Door, Outlet, Summary
from rooms.placement import Placement
from rooms.plan import MeetingPlan, PlannedSeat, PlanStatus
from rooms.registry import Live, Registry
from rooms.room import Room
from rooms.seat import Abilities, Arrival, Phase
from rooms.withdrawal import UNWRITABLE, Ending, Keep, Recording, withdraw

__all__ = ["MeetingPlan", "Outlet", "PlanStatus", "PlannedSeat", "Rooms", "Summary"]

Loader = Callable[[AsyncSession, str, datetime], Awaitable[MeetingPlan | None]]
"""(session, appointment id, now) -> its plan, as it stands at this moment."""
Clock = Callable[[], datetime]
Step = Callable[[Room, datetime], list[Effect]]

LONGEST_SLEEP = timedelta(minutes=1)

log = logging.getLogger("poruch.rooms")


def utc_now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


class Rooms:
    """All live meetings. Methods raise RoomError with a code of PROTOCOL.md; ``busy``: nothing has changed."""

    def __init__(
        self,
        database: Database,
        pool: MediaPool,
        load: Loader,
        *,
        ended: journal.EndedHook | None = None,
        clock: Clock = utc_now,
        spool: Spool | None = None,
    ) -> None:
        self.clock = clock
        self._database = database
        self._pool = pool
        self._load = load
        self._registry = Registry()
        self._follow = Following(self._registry, clock)
        self._opening = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changes = Changes(
            database=database,
            spool=spool,
            ended=ended,
            registry=self._registry,
            follow=self._follow,
            clock=clock,
            spawn=self._spawn,
            changed=self._wake.set,
        )
        self._closing = False

    def listen(self, listener: Outlet) -> None:
        """Say where news go; once, at composition."""
        self._follow.outlet = listener

    async def start(self) -> None:
        """Bring back the meetings that were running when the server stopped, and begin to watch the clock."""
        await self._changes.replay()
        async with self._database.read() as session:
            for appointment_id in await tables.unended(session):
                await self._open(session, appointment_id)
        for live in self._registry:
            live.overdue.append(partial(_restart, now=self.clock()))
            self._spawn(self._changes.catch_up(live))
        self._spawn(self._watch())

    async def close(self) -> None:
        """Stop: whoever is in is recorded as dropped by the server, and may come back after its next start."""
        self._closing = True
        for live in self._registry:
            for conn in self._registry.conns(live):
                self._registry.part(conn)
            try:
                await self._changes.make(live, partial(outside.suspend, now=self.clock()))
            except RoomError:
                log.error("a meeting could not be recorded as interrupted", extra={"code": "busy"})
            await live.placement.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def summary(self, appointment_id: str) -> Summary:
        """Who is at the door and inside, for lists of appointments."""
        return outlet.summary(self._registry.get(appointment_id))

    def doors(self) -> list[Door]:
        """The meetings at whose door somebody stands."""
        return outlet.doors(self._registry)

    # a person's own steps

    async def enter(self, appointment_id: str, arrival: Arrival) -> None:
        """A connection comes to its seat; news follow through the outlet."""
        live = await self._live(appointment_id)
        seat = live.room.seats.get(arrival.seat_id)
        if seat is None or seat.plan.role is Role.CLIENT:  # what a client agrees to can also end by the clock
            await self._read_now(live)
        self._registry.join(arrival.conn, live)
        try:
            await self._changes.make(live, lambda room: room.arrive(arrival, self.clock()))
        except RoomError:
            self._registry.part(arrival.conn)
            if live.room.ended_at is not None:
                self._registry.discard(live)
            raise

    async def leave(self, conn: str) -> None:
        """A person goes by the button."""
        live = self._of(conn)
        await self._changes.make(live, lambda room: room.leave(conn, self.clock()))
        self._registry.part(conn)

    async def update(self, conn: str, with_helper: bool | None, abilities: Abilities | None) -> None:
        """What a person says about themself."""
        await self._changes.make(self._of(conn), lambda room: room.update(conn, self.clock(), with_helper, abilities))

    async def lost(self, conn: str, at: datetime) -> None:
        """A connection broke. Media ends at once; the record is written with this time, now or as soon as it can be."""
        live = self._registry.of(conn)
        if live is None or self._closing:
            return
        self._registry.part(conn)
        network = await carried(live, conn, self.clock())
        await obey(live.placement.detach(conn))
        await self._changes.happened(live, lambda room: together(room.lost(conn, at), network))

    async def admit(self, conn: str, seat_id: str) -> None:
        """Somebody in the room lets somebody in who waits, if what that stands on has not ended meanwhile."""
        await self._read_now(self._of(conn))
        await self.act(conn, lambda room, now: room.admit(conn, seat_id, now))

    async def act(self, conn: str, step: Step) -> None:
        """What a person in the room does to it, as ``lambda room, now: room.remove(conn, seat, now)``."""
        await self._changes.make(self._of(conn), lambda room: step(room, self.clock()), conn)

    async def note(self, conn: str, tag: Tag, seat_id: str | None = None, **details: Json) -> None:
        """Record what has happened to a person (by default the connection's own), now or as soon as it can be."""
        live = self._of(conn)
        actor = live.room.inside(conn)
        if actor is None:
            raise RoomError("out_of_order")
        seat = live.room.seats.get(seat_id or actor.id)
        if seat is None:
            raise RoomError("unknown_seat")
        record = about(tag, seat, self.clock(), by=actor.id, **details)
        await self._changes.happened(live, lambda _room: [record])

    # media, as far as the room must know

    def stage(self, conn: str, *, making: bool = False) -> tuple[Placement, str]:
        """The media of a person's room, and their seat; while the room is paused, ``making`` something is refused.

        Without a client's consent there is no media for them: ``consent_missing``.
        """
        live = self._of(conn)
        seat = live.room.inside(conn)
        if seat is None:
            raise RoomError("out_of_order")
        if seat.id in live.halted or not consents.has_media(seat, live.room.seats):
            raise RoomError("consent_missing")
        if making and live.room.paused:
            raise RoomError("room_paused")
        return live.placement, seat.id

    def hear(self, conn: str, producer_id: str) -> Placement:
        """The media of a person's room, to receive this stream. Raises RoomError consent_missing, as ``stage``."""
        placement, seat_id = self.stage(conn, making=True)
        seats = self._of(conn).room.seats
        heard = {one.seat for one in placement.streams() if one.id == producer_id} & seats.keys()
        if not all(consents.may_meet(seats[seat_id], seats[one], seats) for one in heard):
            raise RoomError("consent_missing")
        return placement

    def muted(self, conn: str) -> bool:
        """Whether the host has silenced this person."""
        seat = self._of(conn).room.inside(conn)
        return seat is not None and seat.muted

    def takes_vp9(self, conn: str) -> bool:
        """Whether this person's browser takes VP9."""
        seat = self._of(conn).room.inside(conn)
        return seat is not None and seat.abilities.vp9

    async def media_works(self, conn: str) -> None:
        """A person's transport was connected (again)."""
        live = self._of(conn)
        seat = live.room.inside(conn)
        if seat is not None and seat.phase is Phase.LOST:
            await self._changes.make(live, lambda room: room.media_back(conn, self.clock()))

    async def unmute(self, conn: str) -> None:
        """A person takes back being silenced."""
        if self.muted(conn):
            await self._changes.make(self._of(conn), lambda room: room.unmute(conn))

    async def announce(self, conn: str) -> None:
        """Tell everybody the room's state again, because this person's streams have changed."""
        if live := self._registry.of(conn):
            await self._follow.announce(live)

    def on_media(self, room_id: str, event: MediaEvent) -> None:
        """What the engine reports; give this to the pool as its callback."""
        live = self._registry.get(room_id)
        if live is None or self._closing:
            return
        match event:
            case WorkerLost():
                live.placement.worker_lost()
                self._spawn(self._follow.announce(live))
            case TransportClosed(peer=conn, transport_id=transport_id, reason=reason):
                if live.placement.knows_transport(conn, transport_id):
                    live.placement.forget_transport(conn, transport_id)
                    self._spawn(self._transport_closed(live, conn, transport_id, reason, self.clock()))
            case ConsumerHeld(peer=conn, consumer_id=consumer_id, held=held):
                if live.placement.knows_consumer(conn, consumer_id):
                    self._spawn(self._follow.consumer_held(conn, consumer_id, held))
            case ProducerClosed(peer=conn, producer_id=producer_id):
                if live.placement.forget_producer(conn, producer_id):
                    self._spawn(self._follow.announce(live))

    # what happens from outside

    async def appointment_changed(self, appointment_id: str) -> None:
        """The appointment, its invitations, or what its clients agree to has changed; call it after the commit."""
        live = self._registry.get(appointment_id)
        if live is None:
            return
        await self._read_plan(live)

    async def case_changed(self, case_id: str) -> None:
        """What holds for a whole case has changed: all its running meetings follow. Call it after the commit."""
        for live in self._registry:
            if live.room.plan.case_id == case_id:
                await self._read_plan(live)

    async def withdraw(
        self, appointment_id: str, seats: Collection[str], record: Recording, keep: Keep | None = None
    ) -> bool:
        """All media of these seats ends now; then ``record`` writes down why, and the room follows what it wrote.

        While the database is away it stays so, kept by ``keep``, and is written as soon as it can be: False until then.
        Without ``keep`` the media goes on, and what the database says gets out.
        """
        live = self._registry.get(appointment_id)
        return await self._withdraw([] if live is None else [(live, frozenset(seats))], record, keep)

    async def withdraw_in_case(
        self, case_id: str, seats: Collection[str], record: Recording, keep: Keep | None = None
    ) -> bool:
        """As ``withdraw``, in all running meetings of a case; seats that are invited to none of them end nothing."""
        lives = [live for live in self._registry if live.room.plan.case_id == case_id]
        theirs = [(live, (frozenset(seats) & live.room.seats.keys()) - live.halted) for live in lives]
        return await self._withdraw(theirs, record, keep)

    async def _withdraw(
        self, theirs: Sequence[tuple[Live, frozenset[str]]], record: Recording, keep: Keep | None
    ) -> bool:
        endings = [Ending(live, seats, self._follow, partial(self._read_plan, live)) for live, seats in theirs]
        return await withdraw(endings, record, keep, self._spawn)

    async def _read_now(self, live: Live) -> None:
        try:
            await self._read_plan(live)
        except UNWRITABLE as error:
            raise RoomError("busy") from error

    async def _read_plan(self, live: Live) -> None:
        async with live.reading:
            live.read_at = self.clock()
            async with self._database.read() as session:
                plan = await self._load(session, live.room.plan.appointment_id, live.read_at)
            if plan is not None and plan != live.room.plan:
                now = self.clock()
                await self._changes.happened(live, lambda room: outside.change_plan(room, plan, now))

    async def close_seat(self, seat_id: str, code: str = "revoked") -> None:
        """An invitation was taken back: its connections end, its earlier tickets are void."""
        for live in self._registry:
            if seat_id in live.room.seats:
                await self._changes.happened(
                    live, partial(outside.close_seat, seat_id=seat_id, code=code, now=self.clock())
                )

    async def tick(self) -> None:
        """Let the time that has passed take effect."""
        for live in self._registry:
            due = outside.next_tick(live.room)
            now = self.clock()
            if due is not None and now >= due:
                await self._changes.happened(live, partial(outside.tick, now=now))
            look = review.due(live.room, live.read_at)
            if look is not None and now >= look:
                live.read_at = now  # also where it cannot be read: then again in a minute
                self._spawn(self._review(live))

    async def _review(self, live: Live) -> None:
        try:
            await self._read_plan(live)
        except UNWRITABLE:
            log.warning("whether a meeting may go on could not be read; it is tried again")

    async def refused(self, conn: str, action: Action) -> None:
        """The policy has said no to this connection's person elsewhere: recorded as the room's own refusals are."""

        def no(_room: Room) -> list[Effect]:
            raise RoomError("forbidden", action)

        with contextlib.suppress(RoomError):
            await self._changes.make(self._of(conn), no, conn)

    # inner steps

    def _of(self, conn: str) -> Live:
        live = self._registry.of(conn)
        if live is None:
            raise RoomError("out_of_order")
        return live

    async def _live(self, appointment_id: str) -> Live:
        async with self._opening:
            if live := self._registry.get(appointment_id):
                return live
            async with self._database.read() as session:
                if live := await self._open(session, appointment_id):
                    return live
        raise RoomError("not_invited")

    async def _open(self, session: AsyncSession, appointment_id: str) -> Live | None:
        now = self.clock()
        plan = await self._load(session, appointment_id, now)
        if plan is None:
            return None
        room = await tables.load(session, plan)
        live = Live(room, Placement(self._pool, appointment_id), now)
        self._registry.add(live)
        return live

    async def _transport_closed(self, live: Live, conn: str, transport_id: str, reason: str, at: datetime) -> None:
        await self._follow.transport_closed(conn, transport_id)
        # A browser that closes its own transport builds another; a person who goes closes the socket too.
        if reason != "closed_by_peer":
            await self._changes.happened(live, lambda room: room.media_lost(conn, at))
        await self._follow.announce(live)

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            await self.tick()
            now = self.clock()
            times = [
                at
                for live in self._registry
                for at in (outside.next_tick(live.room), review.due(live.room, live.read_at))
            ]
            dues = [at for at in times if at is not None]
            wait = min([LONGEST_SLEEP, *(max(due - now, timedelta()) for due in dues)])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait.total_seconds()):
                    await self._wake.wait()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a room's task failed", exc_info=error)


def _restart(room: Room, now: datetime) -> list[Effect]:
    """What a stopped server finds: people to be let back, and perhaps an appointment that is no more."""
    return [*outside.restore(room, now), *outside.change_plan(room, room.plan, now)]
