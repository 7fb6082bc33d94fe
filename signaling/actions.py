"""What each event does: one function a message, all of the same shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rooms.placement import MICROPHONE, SCREEN
from rooms.seat import Abilities, Arrival
from rooms.service import Rooms
from signaling import messages
from signaling.errors import ProtocolError
from signaling.line import Line, MediaLine
from signaling.tickets import device_hash

Reply = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose connection it is, by its ticket. ``device`` is the hash that the ticket names."""

    conn: str
    seat: str
    appointment: str
    device: str
    issued_at: datetime
    language: str


Action = Callable[[Rooms, Caller, Any], Awaitable[Reply]]


async def _enter(rooms: Rooms, caller: Caller, message: messages.RoomEnter) -> Reply:
    if device_hash(message.device) != caller.device:
        raise ProtocolError("ticket_invalid")
    abilities = _abilities(message.abilities)
    arrival = Arrival(caller.conn, caller.seat, caller.device, caller.issued_at, message.with_helper, abilities)
    await rooms.enter(caller.appointment, arrival)
    return {}


async def _leave(rooms: Rooms, caller: Caller, _message: messages.RoomLeave) -> Reply:
    await rooms.leave(caller.conn)
    return {}


async def _update(rooms: Rooms, caller: Caller, message: messages.SeatUpdate) -> Reply:
    abilities = _abilities(message.abilities) if message.abilities else None
    await rooms.update(caller.conn, message.with_helper, abilities)
    return {}


async def _capabilities(rooms: Rooms, caller: Caller, _message: messages.MediaCapabilities) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    return {"routerRtpCapabilities": await placement.capabilities()}


async def _create_transport(rooms: Rooms, caller: Caller, message: messages.TransportCreate) -> Reply:
    placement, seat = rooms.stage(caller.conn, making=True)
    replaces_producers = message.direction == "send" and bool(placement.streams())
    made = await placement.create_transport(caller.conn, seat, message.direction)
    if replaces_producers:
        await rooms.announce(caller.conn)
    return made


async def _connect_transport(rooms: Rooms, caller: Caller, message: messages.TransportConnect) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    await placement.connect_transport(caller.conn, message.transportId, message.dtlsParameters.model_dump())
    await rooms.media_works(caller.conn)
    return {}


async def _restart_ice(rooms: Rooms, caller: Caller, message: messages.TransportRestartIce) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    return {"iceParameters": await placement.restart_ice(caller.conn, message.transportId)}


async def _create_producer(rooms: Rooms, caller: Caller, message: messages.ProducerCreate) -> Reply:
    placement, _ = rooms.stage(caller.conn, making=True)
    if message.source == SCREEN:
        await rooms.act(caller.conn, lambda room, _now: room.show_screen(caller.conn))
    silenced = message.source == MICROPHONE and rooms.muted(caller.conn)
    made = await placement.create_producer(
        caller.conn,
        message.transportId,
        kind=message.kind,
        source=message.source,
        rtp=message.rtpParameters,
        paused=message.paused or silenced,
        height=message.height,
    )
    await rooms.announce(caller.conn)
    return {"id": made}


async def _pause_producer(rooms: Rooms, caller: Caller, message: messages.ProducerPause) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    await placement.pause_producer(caller.conn, message.producerId, paused=True)
    await rooms.announce(caller.conn)
    return {}


async def _resume_producer(rooms: Rooms, caller: Caller, message: messages.ProducerResume) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    if placement.producer(caller.conn, message.producerId).source == MICROPHONE:
        await rooms.unmute(caller.conn)
    await placement.pause_producer(caller.conn, message.producerId, paused=False)
    await rooms.announce(caller.conn)
    return {}


async def _close_producer(rooms: Rooms, caller: Caller, message: messages.ProducerClose) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    await placement.close_producer(caller.conn, message.producerId)
    await rooms.announce(caller.conn)
    return {}


async def _create_consumer(rooms: Rooms, caller: Caller, message: messages.ConsumerCreate) -> Reply:
    placement = rooms.hear(caller.conn, message.producerId)
    return await placement.create_consumer(caller.conn, message.producerId, vp9=rooms.takes_vp9(caller.conn))


async def _resume_consumer(rooms: Rooms, caller: Caller, message: messages.ConsumerResume) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    await placement.pause_consumer(caller.conn, message.consumerId, paused=False)
    return {}


async def _pause_consumer(rooms: Rooms, caller: Caller, message: messages.ConsumerPause) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    await placement.pause_consumer(caller.conn, message.consumerId, paused=True)
    return {}


async def _prefer_consumer(rooms: Rooms, caller: Caller, message: messages.ConsumerPrefer) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    await placement.prefer_consumer(caller.conn, message.consumerId, height=message.height, rank=message.rank)
    return {}


async def _need(rooms: Rooms, caller: Caller, message: messages.MediaNeed) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    await placement.set_need(caller.conn, sight=message.sight)
    return {}


async def _line(rooms: Rooms, caller: Caller, message: MediaLine) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    said = await placement.line(caller.conn, freezes=message.freezes, relayed=message.relayed)
    return messages.dump(Line.model_validate(said))


async def _close_consumer(rooms: Rooms, caller: Caller, message: messages.ConsumerClose) -> Reply:
    placement, _ = rooms.stage(caller.conn)
    await placement.close_consumer(caller.conn, message.consumerId)
    return {}


async def _admit(rooms: Rooms, caller: Caller, message: messages.HostAdmit) -> Reply:
    await rooms.admit(caller.conn, message.seat)
    return {}


async def _decline(rooms: Rooms, caller: Caller, message: messages.HostDecline) -> Reply:
    await rooms.act(caller.conn, lambda room, now: room.decline(caller.conn, message.seat, now))
    return {}


async def _mute(rooms: Rooms, caller: Caller, message: messages.HostMute) -> Reply:
    await rooms.act(caller.conn, lambda room, now: room.mute(caller.conn, message.seat, now))
    return {}


async def _remove(rooms: Rooms, caller: Caller, message: messages.HostRemove) -> Reply:
    await rooms.act(caller.conn, lambda room, now: room.remove(caller.conn, message.seat, now))
    return {}


async def _helper(rooms: Rooms, caller: Caller, message: messages.HostHelper) -> Reply:
    await rooms.act(
        caller.conn, lambda room, now: room.correct_helper(caller.conn, message.seat, message.with_helper, now)
    )
    return {}


async def _lock(rooms: Rooms, caller: Caller, message: messages.HostLock) -> Reply:
    await rooms.act(caller.conn, lambda room, now: room.lock(caller.conn, message.locked, now))
    return {}


async def _end(rooms: Rooms, caller: Caller, _message: messages.HostEnd) -> Reply:
    await rooms.act(caller.conn, lambda room, now: room.end(caller.conn, now))
    return {}


def _abilities(message: messages.Abilities) -> Abilities:
    return Abilities(audio=message.audio, video=message.video, vp9=message.vp9)


ACTIONS: dict[str, Action] = {
    "room.enter": _enter,
    "room.leave": _leave,
    "seat.update": _update,
    "media.capabilities": _capabilities,
    "transport.create": _create_transport,
    "transport.connect": _connect_transport,
    "transport.restart_ice": _restart_ice,
    "producer.create": _create_producer,
    "producer.pause": _pause_producer,
    "producer.resume": _resume_producer,
    "producer.close": _close_producer,
    "consumer.create": _create_consumer,
    "consumer.resume": _resume_consumer,
    "consumer.pause": _pause_consumer,
    "consumer.prefer": _prefer_consumer,
    "consumer.close": _close_consumer,
    "media.need": _need,
    "media.line": _line,
    "host.admit": _admit,
    "host.decline": _decline,
    "host.mute": _mute,
    "host.remove": _remove,
    "host.helper": _helper,
    "host.lock": _lock,
    "host.end": _end,
}
