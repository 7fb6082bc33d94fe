"""Commands about proof: ``poruch verify|witness`` and ``poruch ledger-…``."""

from __future__ import annotations

import argparse
import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from consent import ledger, verdict
from consent.checkpoint import CheckpointError, Verifier
from consent.checkpointer import Checkpointer, LedgerProblem, Outside
from consent.events import Tag
from consent.verify import EXIT
from consent.witness import LONGEST_REQUEST, SIZE_TYPE, Witness, WitnessError
from server import logs, secrets, serving
from server.evidence.copying import copy_into
from server.evidence.job import FOLDER, KEY_PURPOSE, LAST_CHECKPOINT
from server.locking import only_server
from server.opening import open_database
from server.settings import Settings, SettingsError, load

WITNESS_PORT = 8090


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add our commands to the parser of ``poruch``."""
    verify = commands.add_parser("verify", help="check an export of the ledger, offline")
    verdict.options(verify)
    verify.set_defaults(run=verdict.run)

    witness = commands.add_parser("witness", help="co-sign the ledgers of other organisations")
    witness.add_argument("folder", type=Path, metavar="DIR", help="where the witness keeps its key and what it saw")
    witness.add_argument("--name", help="make the witness under this name, such as witness.example.org/poruch")
    witness.add_argument("--log", action="append", default=[], metavar="KEY", help="a ledger to co-sign from now on")
    witness.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    witness.add_argument("--port", type=int, default=WITNESS_PORT, help=f"TCP port ({WITNESS_PORT}); 0 for any free")
    witness.add_argument("--no-serve", action="store_true", help="only make it, or change its logs")
    witness.set_defaults(run=_witness)

    key = commands.add_parser("ledger-key", help="print the public key of this server's ledger")
    key.set_defaults(run=_key)

    copy = commands.add_parser("ledger-copy", help="bring a folder up to a copy of the whole ledger, as tiles")
    copy.add_argument("folder", type=Path, metavar="DIR")
    copy.set_defaults(run=_copy)

    audit = commands.add_parser("ledger-audit", help="read the whole ledger of this server again and check it")
    audit.set_defaults(run=_audit)

    resume = commands.add_parser("ledger-resume", help="sign again after the ledger was put back to an earlier state")
    resume.add_argument("--reason", required=True, help="why entries are lost; becomes an entry of the ledger")
    resume.set_defaults(run=_resume)


def checkpointer_of(settings: Settings, holder: str = "command line") -> Checkpointer:
    """What signs for the installation of these settings."""
    seed = secrets.load(settings.data_dir).derive(KEY_PURPOSE)
    outside = Outside(settings.data_dir / FOLDER / LAST_CHECKPOINT)
    return Checkpointer(open_database(settings), seed, outside, holder)


def _witness(arguments: argparse.Namespace) -> int:
    logs.configure(logging.WARNING)
    try:
        witness = Witness.make(arguments.folder, arguments.name) if arguments.name else Witness(arguments.folder)
        for each in arguments.log:
            witness.watch(Verifier.read(each))
    except (WitnessError, CheckpointError) as error:
        raise SettingsError(str(error)) from None
    print(f"Witness key: {witness.verifier.spelt}")
    print(
        "".join(f"Co-signs:    {name}\n" for name in witness.logs) or "Co-signs:    nothing yet; add --log KEY", end=""
    )
    print(flush=True)
    if not arguments.no_serve:
        asyncio.run(_serve_witness(witness, arguments.host, arguments.port))
    return 0


async def _serve_witness(witness: Witness, host: str, port: int) -> None:
    with serving.listen(host, port) as opened:
        runner = web.AppRunner(witness_app(witness))
        await runner.setup()
        await web.SockSite(runner, opened).start()
        print(f"Listening on http://{host}:{opened.getsockname()[1]}", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


def witness_app(witness: Witness) -> web.Application:
    """The witness over HTTP (C2SP tlog-witness), and what it saw last of a log."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        answer = witness.add(await request.read(), datetime.now(UTC))
        kind = SIZE_TYPE if answer.content_type == SIZE_TYPE else "text/plain; charset=utf-8"
        return web.Response(status=answer.status, body=answer.text.encode(), headers={"Content-Type": kind})

    async def checkpoint(request: web.Request) -> web.Response:
        last = witness.last(request.query.get("origin", ""))
        if last is None:
            raise web.HTTPNotFound
        return web.Response(text=last.note)

    app = web.Application(client_max_size=LONGEST_REQUEST)
    app.add_routes([web.post("/add-checkpoint", add_checkpoint), web.get("/checkpoint", checkpoint)])
    return app


def _key(_arguments: argparse.Namespace) -> int:
    async def told() -> str:
        checkpointer = checkpointer_of(load())
        try:
            signer = await checkpointer.signer()
        finally:
            await checkpointer.database.close()
        if signer is None:
            raise SettingsError("The ledger is still empty: its key is named with its first entry.")
        return signer.verifier.spelt

    print(asyncio.run(told()))
    return 0


def _copy(arguments: argparse.Namespace) -> int:
    async def copied() -> int:
        checkpointer = checkpointer_of(load())
        try:
            return await copy_into(arguments.folder, checkpointer)
        finally:
            await checkpointer.database.close()

    size = asyncio.run(copied())
    print(f"{arguments.folder} holds {size} entries. Check it anywhere with: poruch verify {arguments.folder}")
    return 0


def _audit(_arguments: argparse.Namespace) -> int:
    async def audited() -> int:
        checkpointer = checkpointer_of(load())
        try:
            return await checkpointer.audit()
        finally:
            await checkpointer.database.close()

    try:
        print(f"INTACT\n{asyncio.run(audited())} entries, each as it was written, as signed so far.")
    except LedgerProblem as problem:
        print(f"BROKEN: {problem}.")
        return EXIT[problem.wrong]
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    settings = load()
    with only_server(settings.data_dir):
        try:
            print(asyncio.run(_resumed(settings, arguments.reason)))
        except LedgerProblem as problem:
            print(
                f"BROKEN: {problem}.\nThis is in the database itself: restore a backup from before it. Nothing changed."
            )
            return EXIT[problem.wrong]
    return 0


async def _resumed(settings: Settings, reason: str) -> str:
    """Let the log begin again where the database is; raises LedgerProblem when the database does not fit itself."""
    checkpointer = checkpointer_of(settings)
    outside, database = checkpointer.outside, checkpointer.database
    fresh = outside.path.with_name(f"refused-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    try:
        await checkpointer.release(whosever=True)  # no server runs on this directory
        try:
            await checkpointer.make(datetime.now(UTC))
        except LedgerProblem as problem:
            await replace(checkpointer, outside=Outside(fresh)).audit()
            details = {"problem": problem.wrong.value, "reason": reason, **await _lost(checkpointer)}
        else:
            return "The ledger is the one that was signed: nothing stands in the way of signing. Nothing changed."
        async with database.write() as session:
            ledger.append(session, Tag.CHECKS_RESUMED, actor=ledger.SYSTEM, details=details)
        outside.path.replace(fresh)
        made = await checkpointer.make(datetime.now(UTC))
    finally:
        await checkpointer.release()
        await database.close()
    return (
        f"Signed again from {made.size if made else 0} entries on. The checkpoint of before is kept as {fresh}.\n"
        "Witnesses will refuse this log as a fork, and rightly: tell them what happened, with that file."
    )


async def _lost(checkpointer: Checkpointer) -> dict[str, Any]:
    """What the checkpoint outside the database stood for; nothing when it is not even this log's."""
    signer = await checkpointer.signer()
    try:
        kept = checkpointer.outside.load(signer.verifier) if signer else None
    except LedgerProblem:
        return {}
    return {"lost_size": kept.tree.size, "lost_root": kept.tree.root().hex()} if kept else {}
