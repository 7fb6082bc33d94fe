"""The media engine beside Janus: ``python -m bench.media [--only PART] [--repeats N]`` keeps bench/results/media.json.

Same run, same machine, same cipher (AES-128-GCM), same people: every server gets the very same clients, is pinned to
one core and is charged what the kernel's scheduler says. The clients run on the other core, in a network of their own.
Each part can be measured alone; its figures replace those of its last time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import media_cost, media_lossy, media_rooms
from bench.machine import machine, says
from bench.media_cost import Figures, say
from tests.support import network

RESULTS = Path(__file__).resolve().parent / "results" / "media.json"

Part = Callable[[str, argparse.Namespace], Awaitable[Figures]]


async def _cost(address: str, wish: argparse.Namespace) -> Figures:
    found = await media_cost.cost(
        address, repeats=wish.repeats, seconds=wish.seconds, workloads=wish.workloads, names=wish.servers
    )
    return {"cost": found, **media_cost.ratios(found)}


async def _lossy(address: str, wish: argparse.Namespace) -> Figures:
    found = await media_lossy.lossy(address, repeats=wish.repeats)
    return {"lossy": media_lossy.compared(found), "lossy_runs": found}


async def _rooms(address: str, wish: argparse.Namespace) -> Figures:
    return await media_rooms.rooms_per_core(address, most=wish.most_rooms, step=wish.step, seconds=wish.seconds)


async def _keep_people(address: str, wish: argparse.Namespace) -> Figures:
    return await media_rooms.keep(address, repeats=wish.repeats)


async def _soak(address: str, wish: argparse.Namespace) -> Figures:
    return await media_rooms.soak(address, minutes=wish.minutes)


PARTS: dict[str, Part] = {"cost": _cost, "rooms": _rooms, "lossy": _lossy, "keep": _keep_people, "soak": _soak}


def merge(old: Figures, new: Figures) -> Figures:
    """``new`` over ``old``: what a shorter run did not measure stays, as it was."""
    both = dict(old)
    for name, value in new.items():
        before = both.get(name)
        both[name] = merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return both


def _keep(found: Figures) -> None:
    before: Figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(merge(before, found), indent=1, ensure_ascii=False) + "\n")


async def _measure(address: str, wish: argparse.Namespace) -> None:
    for part in wish.only or PARTS:
        about = machine(janus=says("dpkg-query", "-W", "-f", "${Version}", "janus"), srtp="AEAD_AES_128_GCM")
        found = await PARTS[part](address, wish)
        say(json.dumps({name: value for name, value in found.items() if name != part}, indent=1))
        if not wish.dry:
            _keep({**found, "machine": {part: about}})


def main() -> None:
    """Measure, and write the results down."""
    parser = argparse.ArgumentParser(description="The media engine beside Janus.")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), help="these parts instead of all")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one window")
    parser.add_argument("--workloads", nargs="+", choices=tuple(media_cost.WORKLOADS), default=[*media_cost.WORKLOADS])
    parser.add_argument("--servers", nargs="+", default=["poruch", "janus0", "janus1"])
    parser.add_argument("--most-rooms", type=int, default=80)
    parser.add_argument("--step", type=int, default=10, help="rooms more each time, to find the most")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak")
    parser.add_argument("--dry", action="store_true", help="print, and keep nothing")
    wish = parser.parse_args()
    asyncio.run(_measure(network.enter(), wish))


if __name__ == "__main__":
    main()
