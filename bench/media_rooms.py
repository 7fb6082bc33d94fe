"""How many meetings one core carries, what a participant costs to let in and to keep, and a soak that must not grow."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path

from bench.media_cost import LOAD_CORE, MOST_LOSS, SERVER_CORE, WARM_SECONDS, Figures, say, summary
from bench.media_load import Load, Measured, Room, hang_up, kept_alive, people, process_seconds
from bench.media_servers import Ours

MOST_LATENCY_MS = 20.0
LATE_MS = 60.0
"""A window in which the generator itself was later than this says nothing about the server."""
_ATTEMPTS = 4


def resident_kb(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


async def rooms_per_core(address: str, *, most: int, step: int, seconds: float) -> Figures:
    """The most rooms of 4 with a loss under 1 % and a p99 of added latency under 20 ms, and every count tried."""
    os.sched_setaffinity(0, {LOAD_CORE})
    server = await Ours.start(address, SERVER_CORE)
    crowd = people(most, 4)
    tried: list[Figures] = []
    try:
        async with kept_alive(crowd):
            await server.connect(crowd)
        load = Load()
        best = 0
        for count in range(step, most + 1, step):
            measured = await _steady(load, server, crowd, count, seconds)
            good = measured.loss < MOST_LOSS and measured.latency_p99_ms < MOST_LATENCY_MS
            say(f"  {count} rooms: {'good' if good else 'too much'}, {measured}")
            tried.append({"rooms": count, "good": good, **{k: round(v, 4) for k, v in asdict(measured).items()}})
            if good:
                best = count
            if measured.loss > 5 * MOST_LOSS:
                break
    finally:
        await hang_up(crowd)
        await server.stop()
    return {"rooms_of_4_per_core": best, "rooms_tried": tried}


async def _steady(load: Load, server: Ours, crowd: list[Room], count: int, seconds: float) -> Measured:
    """The best of a few windows: what other programs take from the two cores is not the server's."""
    found: list[Measured] = []
    for _ in range(_ATTEMPTS):
        rooms, idle = crowd[:count], crowd[count:]
        measured = await load.run(rooms, server.pid, warm=WARM_SECONDS, seconds=seconds, idle=idle)
        found.append(measured)
        if measured.late_ms < LATE_MS:
            break
    return min(found, key=lambda each: (each.loss, each.latency_p99_ms))


async def keep(address: str, *, repeats: int) -> Figures:
    """Memory of a participant, set-up CPU of a connection, and time from connected to the first packet forwarded."""
    os.sched_setaffinity(0, {LOAD_CORE})
    memory: list[float] = []
    handshake: list[float] = []
    first: list[float] = []
    for _ in range(repeats):
        server = await Ours.start(address, SERVER_CORE)
        warm, crowd = people(1, 4), people(20, 4)
        try:
            await server.connect(warm)
            await Load().run(warm, server.pid, warm=1.0, seconds=2.0)
            before, spent = resident_kb(server.pid), process_seconds(server.pid)
            async with kept_alive(warm):
                await server.connect(crowd)
            handshake.append(1e3 * (process_seconds(server.pid) - spent) / (2 * 80))
            await Load().run(crowd, server.pid, warm=2.0, seconds=4.0)
            memory.append((resident_kb(server.pid) - before) / 80)
            first.append(await _first_packet(server))
        finally:
            await hang_up([*warm, *crowd])
            await server.stop()
        say(
            f"  {memory[-1]:.0f} kB a participant, {handshake[-1]:.1f} ms a connection, {first[-1]:.0f} ms to the first"
        )
    return {
        "kept": {
            "memory_kb_per_participant": summary(memory),
            "setup_cpu_ms_per_connection": summary(handshake),
            "first_packet_ms_after_connect": summary(first),
        }
    }


async def _first_packet(server: Ours) -> float:
    """Milliseconds from the moment that a newcomer's connections stand until they have received a packet."""
    couple = people(1, 2)
    try:
        await server.connect(couple)
        connected = time.perf_counter()
        load = Load()
        while not all(person.received for room in couple for person in room):
            now = time.perf_counter()
            for person in couple[0]:
                for stream in person.streams:
                    if now - connected >= stream.sent / stream.packets * stream.period:
                        load.frame(person, stream, now)
            load.drain(couple[0])
        return 1e3 * (time.perf_counter() - connected)
    finally:
        await hang_up(couple)


async def soak(address: str, *, minutes: float) -> Figures:
    """Twenty rooms of 4, people coming and going, for so long: memory, loss and latency of every minute."""
    os.sched_setaffinity(0, {LOAD_CORE})
    server = await Ours.start(address, SERVER_CORE)
    crowd = people(20, 4)
    found: list[Figures] = []
    try:
        async with kept_alive(crowd):
            await server.connect(crowd)
        load = Load()
        lasts = 20.0
        for turn in range(max(1, round(minutes * 60 / lasts))):
            measured = await load.run(crowd, server.pid, warm=0.5, seconds=lasts)
            kept = {name: round(asdict(measured)[name], 4) for name in ("loss", "cpu_us", "latency_p99_ms", "late_ms")}
            found.append({"seconds": round((turn + 1) * lasts), "resident_kb": resident_kb(server.pid), **kept})
            say(f"  {found[-1]}")
            visitors = people(1, 2)  # somebody comes, is seen, and goes
            async with kept_alive(crowd):
                await server.connect(visitors)
            await hang_up(visitors)
    finally:
        await hang_up(crowd)
        await server.stop()
    third = max(1, len(found) // 3)
    begin = sum(each["resident_kb"] for each in found[:third]) / third
    end = sum(each["resident_kb"] for each in found[-third:]) / third
    return {"soak": {"minutes": minutes, "grown_kb": round(end - begin), "resident_kb": round(end), "turns": found}}
