"""Lays the figures of bench/results/media.json as tables into docs/performance.md: ``python -m bench.media_table``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS, PAGE = ROOT / "bench" / "results" / "media.json", ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures of media.json: begin -->\n", "<!-- figures of media.json: end -->\n"
LOADS = {
    "room4": "one room of 4",
    "rooms5x4": "5 rooms of 4",
    "fan20": "1 to 20",
    "rooms20x4": "20 rooms of 4",
}
GOALS = {"room4": 0.75, "rooms5x4": 0.5, "fan20": 0.4, "rooms20x4": 0.35}
LOSSY = {
    "pictures_per_s": "pictures a second",
    "freezes": "freezes",
    "frozen_s": "seconds frozen",
    "sound_lost": "share of sound not there in time",
    "sound_gaps": "gaps in the sound of 60 ms or more",
    "overflowed": "share dropped at the full queue",
}


def spread(figures: dict[str, Any]) -> str:
    """Median with lowest and highest."""
    return f"{figures['median']:.1f} ({figures['min']:.1f}–{figures['max']:.1f})"


def cost(found: dict[str, Any]) -> list[str]:
    """Microseconds a forwarded packet."""
    names = ["poruch", "janus, default", "janus, event_loops=1", "c_limit", "c_limit_coupled"]
    lines = [
        "| load | Poruch | Janus, default | Janus, one event loop | limit in C | coupled | ours / Janus | goal |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for load, title in LOADS.items():
        if load in found["cost"]:
            row = found["cost"][load]
            cells = [spread(row[name]["cpu_us_per_packet"]) if name in row else "–" for name in names]
            cells += [f"**{found['cpu_ratio_vs_janus'][load]:.2f}**", f"≤ {GOALS[load]}"]
            fewer = {name: row[name]["rooms"] for name in names[:3] if row[name]["rooms"] < row_rooms(load)}
            note = "".join(
                f"; {name} with {rooms} rooms, the most with a loss under 1 %" for name, rooms in fewer.items()
            )
            lines.append(f"| {title}{note} | " + " | ".join(cells) + " |")
    if "rooms20x4" in found.get("cpu_ratio_vs_c_limit", {}):
        ratio = found["cpu_ratio_vs_c_limit"]["rooms20x4"]
        lines += ["", f"At 20 rooms of 4 ours is {ratio:.2f} times the limit in C (goal: 2)."]
    return lines


def row_rooms(load: str) -> int:
    """How many rooms a load has."""
    return {"rooms5x4": 5, "rooms20x4": 20}.get(load, 1)


def lossy(found: dict[str, Any]) -> list[str]:
    """What the receiver behind the bad network saw and heard."""
    seen = found["lossy"]
    lines = ["| | Poruch | Janus as it comes | Janus, its best size chosen by hand |", "|---|---|---|---|"]
    for name, title in LOSSY.items():
        values = [f"{seen[who][name]:.3g}" for who in ("ours", "janus", "janus_best_by_hand")]
        lines.append(f"| {title} | " + " | ".join(values) + " |")
    return lines


def kept(found: dict[str, Any]) -> list[str]:
    """What a participant costs."""
    figures = found["kept"]
    return [
        f"- memory of a participant: {spread(figures['memory_kb_per_participant'])} kB",
        f"- CPU to set up a connection (DTLS included): {spread(figures['setup_cpu_ms_per_connection'])} ms",
        f"- from connected to the first packet forwarded: {spread(figures['first_packet_ms_after_connect'])} ms",
    ]


def main() -> None:
    """Write the tables of what has been measured."""
    found = json.loads(RESULTS.read_text())
    parts: list[str] = []
    if "cost" in found:
        parts += ["### CPU microseconds a forwarded packet", "", *cost(found), ""]
    if "rooms_of_4_per_core" in found:
        rooms = found["rooms_of_4_per_core"]
        parts += [
            "### Rooms of 4 on one core",
            "",
            f"**{rooms}** with a loss under 1 % and p99 under 20 ms (goal: 60).",
            "",
        ]
    if "lossy" in found:
        parts += ["### Fifteen percent random loss, 600 kbit/s", "", *lossy(found), ""]
    if "kept" in found:
        parts += ["### A participant", "", *kept(found), ""]
    if "soak" in found:
        soak = found["soak"]
        parts += [
            "### Soak",
            "",
            f"20 rooms of 4 for {soak['minutes']:g} minutes, somebody coming and going every 20 s: resident memory at "
            f"the end {soak['resident_kb']} kB, {soak['grown_kb']} kB more than at the beginning.",
            "",
        ]
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(parts) + "\n" + END + after)


if __name__ == "__main__":
    main()
