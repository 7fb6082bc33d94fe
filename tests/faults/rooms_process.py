"""A meeting in a process that is killed: ``python -m tests.faults.rooms_process FOLDER``.

It reads ``meet`` (two people come in), ``drop`` (the client's connection breaks), ``stop``, and says what it has done.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from consent import database as databases
from consent.database import Database
from consent.spool import Spool
from media.pool import MediaPool
from rooms import changes
from tests.faults.writer import SPOOL_KEY
from tests.flows.meeting import MEDIA, House
from tests.unit.rooms.people import CLIENT, MANAGER


async def run(folder: Path) -> None:
    databases.BUSY_TIMEOUT_S = 1
    changes.RETRY_S = 0.02
    spool = Spool(folder / "spool", SPOOL_KEY)
    house = House(Database.in_file(folder / "rooms.sqlite3"), MediaPool(MEDIA), spool=spool)
    house.clock.forward(seconds=60 * len(spool.waiting))
    await house.start()
    print("ready", flush=True)
    while True:
        match (await asyncio.to_thread(sys.stdin.readline)).strip():
            case "meet":
                manager, client = await house.come(MANAGER), await house.come(CLIENT)
                await manager.ask("host.admit", seat=CLIENT)
                await client.until(lambda: client.state["you"]["phase"] == "in")  # noqa: B023 - awaited at once
                print("met", flush=True)
            case "drop":
                house.clock.forward(seconds=20)
                await client.drop()
                while not spool.waiting:
                    await asyncio.sleep(0.01)
                print("kept", flush=True)
            case _:
                await house.stop()
                await house.database.close()
                return


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
