"""Pages of consent texts: drafts, versions, recordings, and who may write them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from aiohttp import FormData
from yarl import URL

from consent.database import Database
from consent.events import Tag
from consent.notices import PARTS, Purpose, text_hash
from consent.policy import Role
from server.consents import texts
from tests.flows.conftest import CSRF, Person

SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Any]]]
OGG = b"OggS" + bytes(400_000)
TEXT = {part: f"A new {part}." for part in PARTS} | {"picture": "video"}


async def send(person: Person, path: str, fields: dict[str, str], files: dict[str, bytes] | None = None) -> Any:
    """Send a form with files, as a browser does."""
    found = CSRF.search(await (await person.get("/notices/video")).text()) or CSRF.search(
        await (await person.get("/sessions")).text()
    )
    assert found
    data = FormData({"csrf_token": found[1], **fields}, default_to_multipart=True)
    for name, content in (files or {}).items():
        data.add_field(name, content, filename="file", content_type="application/octet-stream")
    return await person.session.post(person.base_url.join(URL(path)), data=data, allow_redirects=False)


async def write_all(person: Person, purpose: str = "video") -> None:
    for language in ("uk", "ru", "en"):
        response = await person.post(f"/notices/{purpose}/edit?language={language}", TEXT)
        assert response.status == 303


@pytest.mark.parametrize("role", [Role.CASE_MANAGER, Role.ADMINISTRATOR, Role.PSYCHOLOGIST])
async def test_only_a_supervisor_writes_texts(signed_in: SignedIn, entries: Entries, role: Role) -> None:
    person = await signed_in(role)
    for path in ("/notices", "/notices/video", "/notices/video/edit", "/notices/video/preview"):
        assert (await person.get(path)).status == 403, path
    for path in ("/notices/video/edit", "/notices/video/publish", "/notices/video/drop"):
        assert (await person.post(path, TEXT)).status == 403, path
    assert len(await entries(Tag.NOTICE_PUBLISHED)) == len(Purpose)  # what the program brought


async def test_it_writes_previews_and_publishes_a_version_with_its_hash(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    supervisor = await signed_in(Role.SUPERVISOR)
    assert "Version 1" in await (await supervisor.get("/notices/video")).text()
    await write_all(supervisor)
    preview = await (await supervisor.get("/notices/video/preview")).text()
    assert preview.count("A new title.") == 3
    async with database.read() as session:
        assert max(each.version for each in await texts.published(session)) == 1
    assert (await supervisor.post("/notices/video/publish")).status == 303
    assert (await supervisor.post("/notices/video/publish")).status == 404
    page = await (await supervisor.get("/notices/video")).text()
    assert "Version 2" in page
    async with database.read() as session:
        newest = next(each for each in await texts.published(session) if each.version == 2)
    expected = text_hash(Purpose.VIDEO, 2, newest.in_language("en"))
    assert expected in page
    told = [each for each in await entries(Tag.NOTICE_PUBLISHED) if each.details["version"] == 2]
    assert told[0].details["hashes"]["en"] == expected
    assert "Розмова з вашою командою" in await (await supervisor.get("/notices/video?version=1")).text()
    assert (await supervisor.get("/notices/video?version=3")).status == 404
    assert (await supervisor.get("/notices/recording")).status == 404
    assert (await supervisor.get("/notices/video/edit?language=tlh")).status == 404


async def test_a_draft_can_be_thrown_away_and_a_version_never(signed_in: SignedIn, database: Database) -> None:
    supervisor = await signed_in(Role.SUPERVISOR)
    await supervisor.get("/notices/video/edit")
    assert (await supervisor.post("/notices/video/drop")).status == 303
    assert (await supervisor.post("/notices/video/drop")).status == 404
    async with database.read() as session:
        assert len(await texts.published(session)) == len(Purpose)


@pytest.mark.parametrize("part", [*PARTS, "picture"])
async def test_it_says_which_part_is_missing_and_keeps_what_was_typed(signed_in: SignedIn, part: str) -> None:
    supervisor = await signed_in(Role.SUPERVISOR)
    response = await supervisor.post("/notices/video/edit?language=uk", TEXT | {part: ""})
    text = await response.text()
    assert response.status == 422
    assert f'href="#{part}"' in text
    assert text.count("A new") >= len(PARTS) - 1


async def test_a_recording_belongs_to_the_text_and_plays_in_parts(signed_in: SignedIn, database: Database) -> None:
    supervisor = await signed_in(Role.SUPERVISOR)
    path = "/notices/video/edit?language=uk"
    assert (await send(supervisor, path, TEXT, {"audio": OGG})).status == 303
    preview = await (await supervisor.get("/notices/video/preview")).text()
    found = re.search(r"/consents/media/[0-9a-f]{64}", preview)
    assert found
    whole = await supervisor.get(found[0])
    assert (whole.status, whole.content_type, await whole.read()) == (200, "audio/ogg", OGG)
    part = await supervisor.get(found[0], headers={"Range": "bytes=2-5"})
    assert (part.status, part.headers["Content-Range"], await part.read()) == (206, f"bytes 2-5/{len(OGG)}", OGG[2:6])
    assert (await supervisor.get(found[0], headers={"Range": f"bytes={len(OGG)}-"})).status == 416
    whole = await supervisor.get(found[0], headers={"Range": "bytes=what"})
    assert (whole.status, await whole.read()) == (200, OGG)
    assert (await supervisor.get(f"/consents/media/{'0' * 64}")).status == 404
    assert (await supervisor.get("/consents/media/..%2f..%2fkeys")).status == 404
    async with database.read() as session:
        draft = await texts.draft(session, Purpose.VIDEO)
        assert draft is not None
        text = texts.text_of((await texts.texts_of(session, draft.id))["uk"])
    assert text.media == {"audio": found[0].rpartition("/")[2]}
    assert (await send(supervisor, path, TEXT | {"remove_audio": "yes"})).status == 303
    assert "<audio" not in await (await supervisor.get("/notices/video/preview")).text()


@pytest.mark.parametrize(
    ("slot", "content", "message"),
    [
        ("audio", b"<script>alert(1)</script>", "Choose a recording"),
        ("sign_video", OGG, "Choose a recording"),
        ("audio", b"OggS" + bytes(9 * 1024 * 1024), "too large"),
    ],
)
async def test_it_refuses_files_that_are_no_recordings(
    signed_in: SignedIn, slot: str, content: bytes, message: str
) -> None:
    supervisor = await signed_in(Role.SUPERVISOR)
    response = await send(supervisor, "/notices/video/edit?language=uk", TEXT, {slot: content})
    assert response.status == 422
    assert message in await response.text()


@pytest.mark.parametrize("begins", [b"ID3\x04", b"\xff\xfb\x90", b"\xff\xfa\x90", b"\xff\xf3\x84", b"\xff\xf2\x84"])
def test_it_takes_every_mp3_that_people_record(begins: bytes) -> None:
    assert texts.kind_of("audio", begins + bytes(100)) == "audio/mpeg"


async def test_more_than_a_recording_is_refused_before_it_is_read(signed_in: SignedIn) -> None:
    supervisor, manager = await signed_in(Role.SUPERVISOR), await signed_in(Role.CASE_MANAGER)
    huge = {"audio": bytes(33 * 1024 * 1024)}
    assert (await send(supervisor, "/notices/video/edit?language=uk", TEXT, huge)).status == 413
    await manager.get("/cases/new")
    response = await manager.session.post(
        manager.base_url.join(URL("/cases/new")), data={"alias": "x" * 300_000}, allow_redirects=False
    )
    assert response.status == 413
