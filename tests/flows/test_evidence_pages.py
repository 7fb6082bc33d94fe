"""Proof over HTTP: what a supervisor sees and takes away, a witness on another server, and a copy as tiles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from consent import verdict
from consent.checkpoint import Checkpoint, Verifier
from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry, append
from consent.policy import Role
from consent.tiles import Tile, tiles_of, unbundle
from consent.verify import Report, Wrong, verify
from consent.witness import Witness
from server.evidence.copying import copy_into
from server.evidence.job import LEDGER_JOB, LedgerJob
from server.evidence.verbs import witness_app
from server.settings import Settings
from tests.flows.conftest import Person
from tests.support import casework

SignedIn = Callable[..., Awaitable[Person]]


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[tuple[Witness, str]]:
    """Another organisation's witness, which knows no log yet, and its address."""
    made = Witness.make(tmp_path / "witness", "witness.example/w")
    server = TestServer(witness_app(made), host="127.0.0.1")
    await server.start_server()
    yield made, str(server.make_url("/")).rstrip("/")
    await server.close()


@pytest.fixture
def settings(settings: Settings, witness: tuple[Witness, str]) -> Settings:
    place = f"{witness[1]} {witness[0].verifier.spelt}"
    return settings.model_copy(update={"witnesses": [place], "ledger_token": SecretStr("t0ken")})


@pytest.fixture
async def job(app: web.Application, client: TestClient[web.Request, web.Application]) -> LedgerJob:
    """The running application's."""
    assert client.server.started
    return app[LEDGER_JOB]


async def planned(database: Database) -> tuple[str, str]:
    """A case and an appointment on it."""
    now = datetime.now(UTC)
    async with database.write() as session:
        manager = await casework.hire(session, Role.CASE_MANAGER)
        case = await casework.open_case(session, manager)
        appointment = await casework.plan(session, manager, case, starts_at=now, now=now)
    return case.id, appointment.id


def checked(text: str, witness: Witness | None = None) -> Report:
    return verify(text.splitlines(keepends=True), witnesses=[witness.verifier] if witness else [])


async def watched(job: LedgerJob, witness: Witness) -> Verifier:
    """The witness has been told the log's key, and is asked again."""
    signer = await job.checkpointer.signer()
    assert signer is not None
    witness.watch(signer.verifier)
    await job.now()
    return signer.verifier


async def test_a_supervisor_takes_the_proof_of_a_session_away(
    job: LedgerJob, database: Database, signed_in: SignedIn, witness: tuple[Witness, str], tmp_path: Path
) -> None:
    _, appointment_id = await planned(database)
    supervisor = await signed_in(Role.SUPERVISOR)
    await watched(job, witness[0])
    answer = await supervisor.get(f"/sessions/{appointment_id}/proof")
    assert answer.status == 200, await answer.text()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="session-{appointment_id}.jsonl"'
    report = checked(await answer.text(), witness[0])
    assert report.findings == []
    assert report.entries >= 2
    assert report.sealed == 0
    file = tmp_path / "session.jsonl"
    file.write_text(await answer.text())
    assert verdict.main([str(file), "--witness", witness[0].verifier.spelt]) == 0
    raw = bytearray(file.read_bytes())
    raw[raw.rindex(b'"tag":"') + 8] ^= 1
    file.write_bytes(raw)
    assert verdict.main([str(file)]) == 10


async def test_taking_it_away_is_an_entry(
    job: LedgerJob, database: Database, signed_in: SignedIn, entries: Callable[..., Awaitable[Sequence[Entry]]]
) -> None:
    case_id, _ = await planned(database)
    supervisor = await signed_in(Role.SUPERVISOR)
    for count in (1, 2):
        report = checked(await (await supervisor.get(f"/cases/{case_id}/evidence.jsonl")).text())
        assert report.intact
        told = await entries(Tag.RECORD_EXPORTED)
        assert [(entry.actor, entry.details["form"]) for entry in told] == [
            (f"account:{supervisor.id}", "case")
        ] * count
    assert job.status.problem is None


async def test_the_case_and_the_whole_record_can_be_checked_too(
    job: LedgerJob, database: Database, signed_in: SignedIn, witness: tuple[Witness, str]
) -> None:
    case_id, _ = await planned(database)
    await watched(job, witness[0])
    supervisor = await signed_in(Role.SUPERVISOR)
    case = checked(await (await supervisor.get(f"/cases/{case_id}/evidence.jsonl")).text(), witness[0])
    log = checked(await (await supervisor.get("/evidence/log.jsonl")).text(), witness[0])
    assert (case.findings, log.findings) == ([], [])
    assert log.entries == log.sealed > case.entries > 0


@pytest.mark.parametrize("role", [Role.PSYCHOLOGIST, Role.ADMINISTRATOR, Role.INTERPRETER])
async def test_nobody_else_gets_it(
    job: LedgerJob, database: Database, signed_in: SignedIn, visitor: Callable[[], Awaitable[Person]], role: Role
) -> None:
    case_id, appointment_id = await planned(database)
    person, stranger = await signed_in(role), await visitor()
    for path in (
        f"/sessions/{appointment_id}/proof",
        f"/cases/{case_id}/evidence.jsonl",
        "/evidence/log.jsonl",
    ):
        assert (await person.get(path)).status == 403
        assert (await stranger.get(path, allow_redirects=False)).status == 303
    assert (await person.get("/evidence")).status == 403
    assert job.status.problem is None


async def test_a_witness_that_saw_more_is_told_on_the_page(
    job: LedgerJob, database: Database, signed_in: SignedIn, witness: tuple[Witness, str]
) -> None:
    await planned(database)
    supervisor = await signed_in(Role.SUPERVISOR)
    assert "not asked yet" in await (await supervisor.get("/evidence")).text()
    await job.now()
    assert "not signed yet" in await (await supervisor.get("/evidence")).text()
    assert job.status.witnesses["witness.example/w"].trouble == "it answered 404"
    await watched(job, witness[0])
    text = await (await supervisor.get("/evidence")).text()
    assert "signed" in text
    assert job.status.witnesses["witness.example/w"].trouble is None
    # The witness has seen a larger log under the same key: this database was put back.
    signer = await job.checkpointer.signer()
    assert signer is not None
    larger = signer.sign(Checkpoint(signer.verifier.name, 10_000, b"r" * 32))
    last = witness[0].last(signer.verifier.name)
    assert last is not None
    witness[0]._put(witness[0]._file(last.origin), larger.note)
    await planned(database)
    await job.now()
    assert job.status.witnesses["witness.example/w"].grave
    assert "has seen another history" in await (await supervisor.get("/evidence")).text()


async def test_a_changed_record_is_told_on_the_page(job: LedgerJob, database: Database, signed_in: SignedIn) -> None:
    await planned(database)
    await job.now()
    supervisor = await signed_in(Role.SUPERVISOR)
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE ledger_head SET size = 1")
        await connection.exec_driver_sql("DELETE FROM ledger_entries WHERE sequence > 0")
    await job.now()
    assert job.status.problem is not None
    assert job.status.problem.wrong is Wrong.ROLLED_BACK
    text = await (await supervisor.get("/evidence")).text()
    assert "The record has been changed from outside" in text
    assert "put back to an earlier state" in text


async def test_a_copy_as_tiles_can_be_checked_anywhere(
    job: LedgerJob,
    database: Database,
    client: TestClient[web.Request, web.Application],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with database.write() as session:
        for number in range(600):
            append(session, Tag.SIGNED_IN, actor=f"account:{number % 7}", details={"n": number})
    await job.now()
    folder = tmp_path / "copy"
    size = await copy_into(folder, job.checkpointer)
    assert size >= 600
    assert verdict.main([str(folder)]) == 0
    async with database.write() as session:
        append(session, Tag.SIGNED_IN, actor="account:1")
    await job.now()
    assert await copy_into(folder, job.checkpointer) == size + 1
    assert verdict.main([str(folder)]) == 0
    # Over HTTP the same bytes, for whoever has the token.
    token = {"Authorization": "Bearer t0ken"}
    note = await (await client.get("/ledger/checkpoint", headers=token)).text()
    assert note == (folder / "checkpoint").read_text()
    for tile in tiles_of(size + 1):
        answer = await client.get(f"/ledger/{tile.path}", headers=token)
        assert await answer.read() == (folder / tile.path).read_bytes()
    assert (await client.get("/ledger/checkpoint")).status == 403
    assert (await client.get(f"/ledger/{Tile(0, 0).path}", headers={"Authorization": "Bearer x"})).status == 403
    for path in ("tile/0/999", "tile/0/000.p/999", "tile/entries/x000/000", "tile/9/000", "tile/entries/002.p/250"):
        assert (await client.get(f"/ledger/{path}", headers=token)).status == 404
    # One byte of an entry in the copy.
    path = folder / Tile(-1, 1).path
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"account:session") + 3] ^= 1
    path.write_bytes(raw)
    assert len(unbundle(bytes(raw))) == 256
    capsys.readouterr()
    assert verdict.main([str(folder)]) == 10
    assert "edited" in capsys.readouterr().out


async def test_the_server_signs_by_itself(
    app: web.Application, client: TestClient[web.Request, web.Application], database: Database
) -> None:
    job = app[LEDGER_JOB]
    assert client.server.started
    await planned(database)
    job.wake()
    async with asyncio.timeout(20):
        while job.status.made_at is None:
            await asyncio.sleep(0.02)
    async with database.write() as session:
        append(session, Tag.SIGNED_IN, actor="account:1")
    await client.close()
    # What was still unsigned when it stopped is signed, too.
    again = Database(str(database.engine.url), database.keyring)
    job.checkpointer.database = again
    assert await job.now(ask=False) is None
    await again.close()
