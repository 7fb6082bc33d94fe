"""The live meetings of this server: every change is decided by the pure room, recorded, and only then done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import Database, DatabaseBusy
from consent.events import Tag
from media.control import ConsumerHeld, MediaEvent, ProducerClosed, TransportClosed, WorkerLost
from media.pool import MediaPool
from rooms import journal, outside, tables
from rooms.effects import Close, Detach, Effect, Json, Mute, PauseMedia, Record, ResumeMedia, RoomError, about
from rooms.outlet import Outlet, Summary
from rooms.placement import Placement
from rooms.plan import MeetingPlan, PlannedSeat, PlanStatus
from rooms.registry import Change, Live, Registry
from rooms.room import Room
from rooms.seat import Abilities, Arrival, Phase
from rooms.view import look

__all__ = ["MeetingPlan", "Outlet", "PlanStatus", "PlannedSeat", "Rooms", "Summary"]

Loader = Callable[[AsyncSession, str], Awaitable[MeetingPlan | None]]
"""(session, appointment id) -> its plan."""
Clock = Callable[[], datetime]
Step = Callable[[Room, datetime], list[Effect]]

_UNWRITABLE = (DatabaseBusy, OperationalError)
"""The database cannot take it now: locked, full or away."""
RETRY_S = 0.5
NETWORK_S = 1.0
"""How long the end of somebody's media may wait for what there is to say about their network."""
REFUSAL_REPEATS = timedelta(minutes=10)
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
    ) -> None:
        self.clock = clock
        self._database = database
        self._pool = pool
        self._load = load
        self._ended = ended
        self._registry = Registry()
        self._outlet: Outlet | None = None
        self._opening = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def listen(self, outlet: Outlet) -> None:
        """Say where news go; once, at composition."""
        self._outlet = outlet

    async def start(self) -> None:
        """Bring back the meetings that were running when the server stopped, and begin to watch the clock."""
        async with self._database.read() as session:
            for appointment_id in await tables.unended(session):
                await self._open(session, appointment_id)
        for live in self._registry:
            live.overdue.append(partial(_restart, now=self.clock()))
            self._spawn(self._catch_up(live))
        self._spawn(self._watch())

    async def close(self) -> None:
        """Stop: whoever is in is recorded as dropped by the server, and may come back after its next start."""
        self._closing = True
        for live in self._registry:
            for conn in self._registry.conns(live):
                self._registry.part(conn)
            try:
                await self._change(live, partial(outside.suspend, now=self.clock()))
            except RoomError:
                log.error("a meeting could not be recorded as interrupted", extra={"code": "busy"})
            await live.placement.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def summary(self, appointment_id: str) -> Summary:
        """Who is at the door and inside, for lists of appointments."""
        live = self._registry.get(appointment_id)
        seats = live.room.seats.values() if live else ()
        return Summary(
            waiting=sum(seat.knock is not None for seat in seats),
            present=sum(seat.phase is Phase.IN for seat in seats),
        )

    # a person's own steps

    async def enter(self, appointment_id: str, arrival: Arrival) -> None:
        """A connection comes to its seat; news follow through the outlet."""
        live = await self._live(appointment_id)
        if arrival.seat_id not in live.room.seats:
            await self.appointment_changed(appointment_id)
        self._registry.join(arrival.conn, live)
        try:
            await self._change(live, lambda room: room.arrive(arrival, self.clock()))
        except RoomError:
            self._registry.part(arrival.conn)
            if live.room.ended_at is not None:
                self._registry.discard(live)
            raise

    async def leave(self, conn: str) -> None:
        """A person goes by the button."""
        live = self._of(conn)
        await self._change(live, lambda room: room.leave(conn, self.clock()))
        self._registry.part(conn)

    async def update(self, conn: str, with_helper: bool | None, abilities: Abilities | None) -> None:
        """What a person says about themself."""
        await self._change(self._of(conn), lambda room: room.update(conn, self.clock(), with_helper, abilities))

    async def lost(self, conn: str, at: datetime) -> None:
        """A connection broke. Media ends at once; the record is written with this time, now or as soon as it can be."""
        live = self._registry.of(conn)
        if live is None or self._closing:
            return
        self._registry.part(conn)
        network = await self._network(live, conn)
        await self._try(live.placement.detach(conn))
        await self._happened(live, lambda room: _with(room.lost(conn, at), network))

    async def act(self, conn: str, step: Step) -> None:
        """What a person in the room does to it, as ``lambda room, now: room.admit(conn, seat, now)``."""
        await self._change(self._of(conn), lambda room: step(room, self.clock()), conn)

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
        await self._happened(live, lambda _room: [record])

    # media, as far as the room must know

    def stage(self, conn: str, *, making: bool = False) -> tuple[Placement, str]:
        """The media of a person's room, and their seat; while the room is paused, ``making`` something is refused."""
        live = self._of(conn)
        seat = live.room.inside(conn)
        if seat is None:
            raise RoomError("out_of_order")
        if making and live.room.paused:
            raise RoomError("room_paused")
        return live.placement, seat.id

    def muted(self, conn: str) -> bool:
        """Whether the host has silenced this person."""
        seat = self._of(conn).room.inside(conn)
        return seat is not None and seat.muted

    async def media_works(self, conn: str) -> None:
        """A person's transport was connected (again)."""
        live = self._of(conn)
        seat = live.room.inside(conn)
        if seat is not None and seat.phase is Phase.LOST:
            await self._change(live, lambda room: room.media_back(conn, self.clock()))

    async def unmute(self, conn: str) -> None:
        """A person takes back being silenced."""
        if self.muted(conn):
            await self._change(self._of(conn), lambda room: room.unmute(conn))

    async def announce(self, conn: str) -> None:
        """Tell everybody the room's state again, because this person's streams have changed."""
        if live := self._registry.of(conn):
            async with live.lock:
                await self._tell(live)

    def on_media(self, room_id: str, event: MediaEvent) -> None:
        """What the engine reports; give this to the pool as its callback."""
        live = self._registry.get(room_id)
        if live is None or self._closing:
            return
        match event:
            case WorkerLost():
                live.placement.worker_lost()
                self._spawn(self._announce(live))
            case TransportClosed(peer=conn, transport_id=transport_id, reason=reason):
                if live.placement.knows_transport(conn, transport_id):
                    live.placement.forget_transport(conn, transport_id)
                    self._spawn(self._transport_closed(live, conn, transport_id, reason, self.clock()))
            case ConsumerHeld(peer=conn, consumer_id=consumer_id, held=held):
                if live.placement.knows_consumer(conn, consumer_id):
                    self._spawn(self._consumer_held(conn, consumer_id, held))
            case ProducerClosed(peer=conn, producer_id=producer_id):
                if live.placement.forget_producer(conn, producer_id):
                    self._spawn(self._announce(live))

    # what happens from outside

    async def appointment_changed(self, appointment_id: str) -> None:
        """The appointment was moved, cancelled, restored, or its invitations changed; call it after the commit."""
        live = self._registry.get(appointment_id)
        if live is None:
            return
        async with self._database.read() as session:
            plan = await self._load(session, appointment_id)
        if plan is not None and plan != live.room.plan:
            now = self.clock()
            await self._happened(live, lambda room: outside.change_plan(room, plan, now))

    async def close_seat(self, seat_id: str, code: str = "revoked") -> None:
        """An invitation was taken back: its connections end, its earlier tickets are void."""
        for live in self._registry:
            if seat_id in live.room.seats:
                await self._happened(live, partial(outside.close_seat, seat_id=seat_id, code=code, now=self.clock()))

    async def tick(self) -> None:
        """Let the time that has passed take effect."""
        for live in self._registry:
            due = outside.next_tick(live.room)
            now = self.clock()
            if due is not None and now >= due:
                await self._happened(live, partial(outside.tick, now=now))

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
        plan = await self._load(session, appointment_id)
        if plan is None:
            return None
        room = await tables.load(session, plan)
        live = Live(room, Placement(self._pool, appointment_id))
        self._registry.add(live)
        return live

    async def _change(self, live: Live, change: Change, conn: str | None = None) -> None:
        """Do this now or not at all. ``conn`` is whose right it is, so that a refusal is recorded."""
        async with live.lock:
            try:
                await self._write_overdue(live)
                await self._apply(live, change)
            except _UNWRITABLE as error:
                raise RoomError("busy") from error
            except RoomError as error:
                if error.action is not None and conn is not None:
                    await self._record_refusal(live, conn, error)
                raise

    async def _happened(self, live: Live, change: Change) -> None:
        """Something that is a fact already: it is written as soon as the database takes it."""
        live.overdue.append(change)
        try:
            async with live.lock:
                await self._write_overdue(live)
        except _UNWRITABLE:
            self._spawn(self._catch_up(live))

    async def _catch_up(self, live: Live) -> None:
        while live.overdue:
            try:
                async with live.lock:
                    await self._write_overdue(live)
            except _UNWRITABLE:
                log.warning("the database is busy; what happened is kept and tried again")
                await asyncio.sleep(RETRY_S)

    async def _write_overdue(self, live: Live) -> None:
        while live.overdue:
            await self._apply(live, live.overdue[0])
            live.overdue.popleft()

    async def _apply(self, live: Live, change: Change) -> None:
        draft = live.room.copy()
        effects = change(draft)
        for conn in [effect.conn for effect in effects if isinstance(effect, Detach)]:
            effects = _with(effects, await self._network(live, conn))
        if draft == live.room and not effects:
            return
        await journal.write(self._database, live.room, draft, effects, self._ended)
        live.room = draft
        await self._perform(live, effects)
        await self._tell(live)
        self._wake.set()
        if draft.ended_at is not None:
            await live.placement.close()
            self._registry.discard(live)

    async def _network(self, live: Live, conn: str) -> list[Effect]:
        """What to record of a network whose media is about to end: shares and milliseconds, nothing of the person's."""
        seat = live.room.inside(conn)
        if seat is None:
            return []
        try:
            said = await asyncio.wait_for(live.placement.quality(conn), NETWORK_S)
        except (RoomError, TimeoutError):
            return []  # the record of a network is not worth holding up the end of a stream
        return [about(Tag.NETWORK, seat, self.clock(), **said)] if said else []

    async def _perform(self, live: Live, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Detach(conn):
                    await self._try(live.placement.detach(conn))
                case Close(conn, code):
                    self._registry.part(conn)
                    if self._outlet is not None:
                        await self._outlet.closed(conn, code)
                case Mute(conn):
                    await self._try(live.placement.mute(conn))
                case PauseMedia():
                    await self._try(live.placement.pause(True))
                case ResumeMedia():
                    await self._try(live.placement.pause(False))
                case _:
                    pass

    async def _tell(self, live: Live) -> None:
        live.revision += 1
        streams = live.placement.streams()
        now = self.clock()
        for conn in self._registry.conns(live):
            view = look(live.room, conn, streams, media_epoch=live.placement.epoch, revision=live.revision, now=now)
            if view is not None and self._outlet is not None:
                await self._outlet.state(conn, view)

    async def _announce(self, live: Live) -> None:
        async with live.lock:
            await self._tell(live)

    async def _consumer_held(self, conn: str, consumer_id: str, held: bool) -> None:
        if self._outlet is not None:
            await self._outlet.consumer_held(conn, consumer_id, held)

    async def _transport_closed(self, live: Live, conn: str, transport_id: str, reason: str, at: datetime) -> None:
        if self._outlet is not None:
            await self._outlet.transport_closed(conn, transport_id)
        # A browser that closes its own transport builds another; a person who goes closes the socket too.
        if reason != "closed_by_peer":
            await self._happened(live, lambda room: room.media_lost(conn, at))
        await self._announce(live)

    async def _record_refusal(self, live: Live, conn: str, error: RoomError) -> None:
        seat = live.room.inside(conn)
        if seat is None or error.action is None:
            return
        now = self.clock()
        last = live.refused.get((seat.id, error.action))
        if last is not None and now < last + REFUSAL_REPEATS:
            return
        live.refused[seat.id, error.action] = now
        refusal = Record(Tag.ACCESS_REFUSED, now, seat.id, {"seat": seat.id, "action": error.action.value})
        live.overdue.append(lambda _: [refusal])
        try:
            await self._write_overdue(live)
        except _UNWRITABLE:
            self._spawn(self._catch_up(live))

    async def _try(self, step: Coroutine[None, None, None]) -> None:
        """What the engine must do after the fact: a worker that cannot is dead, and has let go of everything."""
        try:
            await step
        except RoomError as error:
            log.warning("the media engine did not follow", extra={"code": error.code})

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            await self.tick()
            now = self.clock()
            dues = [due for live in self._registry if (due := outside.next_tick(live.room)) is not None]
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


def _with(effects: list[Effect], more: list[Effect]) -> list[Effect]:
    """Effects and what belongs to them; where nothing happens, nothing belongs to it."""
    return [*effects, *more] if effects else effects


def _restart(room: Room, now: datetime) -> list[Effect]:
    """What a stopped server finds: people to be let back, and perhaps an appointment that is no more."""
    return [*outside.restore(room, now), *outside.change_plan(room, room.plan, now)]
