"""What a forwarded packet costs: ours beside Janus in both of its ways to run, and beside the floor in C.

All servers are up at once on one core, with people connected to each. One is loaded while the others idle, in turns,
so that whatever else the machine does falls on all of them alike. CPU is what the scheduler's books say of the threads
of a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from typing import Any

from bench import media_limit
from bench.media_client import ClientTransport
from bench.media_janus import Janus
from bench.media_load import Load, Measured, Room, hang_up, kept_alive, people, process_seconds
from bench.media_servers import Ours, Subject

Figures = dict[str, Any]

SERVER_CORE, LOAD_CORE = 1, 0
WORKLOADS: dict[str, tuple[int, int, int | None]] = {
    "room4": (1, 4, None),
    "rooms5x4": (5, 4, None),
    "fan20": (1, 21, 1),
    "rooms20x4": (20, 4, None),
}
"""Rooms, people in each, publishers in each (None: all)."""
MOST_LOSS = 0.01
MOST_LATE_MS = 150.0
"""A window in which the generator stalled for longer is measured again: bursts flatter whoever works in batches."""
_ATTEMPTS = 3
WARM_SECONDS = 1.5
FLOORS = {"c_limit": 1, "c_limit_coupled": 4}
"""Packets that the loop in C couples into one message: none, and a picture's four."""
_PORTS = {0: 20000, 1: 22000}


def summary(values: Sequence[float]) -> Figures:
    """Median, extremes and every run."""
    kept = [round(value, 3) for value in values]
    return {"median": round(statistics.median(values), 3), "min": min(kept), "max": max(kept), "runs": kept}


def say(text: str) -> None:
    """Tell whoever waits."""
    print(text, flush=True)


@contextlib.asynccontextmanager
async def subjects(address: str, names: Sequence[str]) -> AsyncIterator[list[Subject]]:
    """Start servers by name: ``poruch``, ``janus0`` (default) and ``janus1`` (one event loop)."""
    started: list[Subject] = []
    try:
        for name in names:
            if name == "poruch":
                started.append(await Ours.start(address, SERVER_CORE))
            else:
                loops = int(name.removeprefix("janus"))
                started.append(await Janus.start(address, SERVER_CORE, event_loops=loops, first_port=_PORTS[loops]))
        yield started
    finally:
        for each in started:
            await each.stop()


async def cost(
    address: str, *, repeats: int, seconds: float, workloads: Sequence[str], names: Sequence[str]
) -> Figures:
    """Microseconds of CPU a forwarded packet, by workload and server, with the ratios of the medians."""
    os.sched_setaffinity(0, {LOAD_CORE})
    found: Figures = {}
    for workload in workloads:
        rooms, size, publishers = WORKLOADS[workload]
        async with subjects(address, names) as servers:
            crowds = [people(rooms, size, publishers) for _ in servers]
            try:
                async with kept_alive([room for crowd in crowds for room in crowd]):
                    for server, crowd in zip(servers, crowds, strict=True):
                        await server.connect(crowd)
                found[workload] = await _compare(servers, crowds, repeats, seconds)
            finally:
                await asyncio.gather(*map(hang_up, crowds))
        say(f"{workload}: {_line(found[workload])}")
    return found


async def _compare(servers: Sequence[Subject], crowds: Sequence[list[Room]], repeats: int, seconds: float) -> Figures:
    load = Load()
    everybody = [room for crowd in crowds for room in crowd]
    loads = [await _bearable(load, server, crowd, everybody) for server, crowd in zip(servers, crowds, strict=True)]
    runs: list[list[Measured]] = [[] for _ in servers]
    floors: dict[str, list[float]] = {name: [] for name in FLOORS} if media_limit.compiler() is not None else {}
    for _ in range(repeats):
        for server, crowd, count, kept in zip(servers, crowds, loads, runs, strict=True):
            measured = await _window(load, server, crowd[:count], everybody, seconds)
            kept.append(measured)
            say(f"  {server.name}: {measured.cpu_us:.1f} µs, loss {measured.loss:.2%}, late {measured.late_ms:.0f} ms")
        for name, floor in floors.items():
            floor.append(await _floor(crowds[0], runs[0][-1].forwarded_per_s, seconds, FLOORS[name]))
            say(f"  {name}: {floor[-1]:.1f} µs")
    figures: Figures = {}
    for server, count, kept in zip(servers, loads, runs, strict=True):
        figures[server.name] = {
            "rooms": count,
            "cpu_us_per_packet": summary([each.cpu_us for each in kept]),
            **{name: round(statistics.median(asdict(each)[name] for each in kept), 4) for name in _ALSO},
        }
    for name, floor in floors.items():
        figures[name] = {"cpu_us_per_packet": summary(floor)}
    return figures


_ALSO = ("forwarded_per_s", "loss", "cpu_share", "latency_p50_ms", "latency_p99_ms", "late_ms")


async def _window(
    load: Load, server: Subject, rooms: Sequence[Room], everybody: Sequence[Room], seconds: float
) -> Measured:
    busy = {id(room) for room in rooms}
    idle = [room for room in everybody if id(room) not in busy]
    found: list[Measured] = []
    while len(found) < _ATTEMPTS:
        found.append(await load.run(rooms, server.pid, warm=WARM_SECONDS, seconds=seconds, idle=idle))
        if found[-1].late_ms < MOST_LATE_MS:
            break
    return min(found, key=lambda each: each.late_ms)


async def _bearable(load: Load, server: Subject, crowd: list[Room], everybody: Sequence[Room]) -> int:
    """The most rooms of this crowd that the server forwards with hardly any loss."""
    count = len(crowd)
    while True:
        measured = await _window(load, server, crowd[:count], everybody, 2.0)
        if measured.loss < MOST_LOSS:
            return count
        if count == 1:
            raise RuntimeError(f"{server.name} cannot even carry one room: {measured}")
        say(f"  {server.name} loses {measured.loss:.1%} of {count} rooms")
        count = max(1, count - max(1, len(crowd) // 10))


async def _floor(crowd: Sequence[Room], per_second: float, seconds: float, coupled: int) -> float:
    """CPU microseconds a packet of the loop in C, at the pace of the last window, into as many people's sockets."""
    transports = [person.down for room in crowd for person in room if person.down is not None]
    program = (sys.executable, "-m", "bench.media_limit", str(SERVER_CORE), transports[0].address[0])
    sockets = [ClientTransport(transports[0].address[0]).socket for _ in transports]
    ports = ",".join(str(each.getsockname()[1]) for each in sockets)
    process = await asyncio.create_subprocess_exec(
        *program,
        ports,
        str(int(per_second)),
        str(coupled),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without pipes")
    await process.stdout.readline()
    received = 0
    loop = asyncio.get_running_loop()
    counting_from = loop.time() + WARM_SECONDS / 3
    before, counted_before = 0.0, 0
    until = counting_from + seconds
    while (now := loop.time()) < until:
        received += _swallow(sockets)
        if now >= counting_from and not before:
            before, counted_before = process_seconds(process.pid), received
        await asyncio.sleep(0.001)
    used = process_seconds(process.pid) - before
    counted = received + _swallow(sockets) - counted_before
    process.stdin.close()
    await process.wait()
    for each in sockets:
        each.close()
    return 1e6 * used / max(1, counted)


def _swallow(sockets: Sequence[Any]) -> int:
    count = 0
    for each in sockets:
        with contextlib.suppress(BlockingIOError):
            while each.recv(2048):
                count += 1
    return count


def ratios(found: Figures) -> Figures:
    """The keys that the goals name: ours against Janus's better way, and against the floor."""
    against: Figures = {}
    floors: dict[str, Figures] = {name: {} for name in FLOORS}
    for workload, figures in found.items():
        ours = figures["poruch"]["cpu_us_per_packet"]["median"]
        others = [value["cpu_us_per_packet"]["median"] for name, value in figures.items() if name.startswith("janus")]
        if others:
            against[workload] = round(ours / min(others), 3)
        for name in floors.keys() & figures.keys():
            floors[name][workload] = round(ours / figures[name]["cpu_us_per_packet"]["median"], 3)
    return {"cpu_ratio_vs_janus": against, **{f"cpu_ratio_vs_{name}": floor for name, floor in floors.items()}}


def _line(figures: Figures) -> str:
    return ", ".join(f"{name} {value['cpu_us_per_packet']['median']:.1f} µs" for name, value in figures.items())


__all__ = ["WORKLOADS", "Callable", "Figures", "cost", "ratios", "say", "subjects", "summary"]
