"""What an inspector, and somebody in an emergency, may see and take away of consent and proof: as the policy says."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from consent import keys
from consent.database import Database
from consent.events import Tag
from consent.policy import Role
from consent.verify import verify
from tests.flows.conftest import Person
from tests.flows.test_session_records import worker
from tests.flows.test_supervision import Entries, SignedIn, admit, break_glass, text_of
from tests.support import casework, consents


async def agreed(database: Database, manager: Person) -> tuple[str, str]:
    """A case whose client has agreed to a conversation, and the record of that."""
    now = datetime.now(UTC)
    async with database.write() as session:
        case = await casework.open_case(session, worker(manager))
        appointment = await casework.plan(session, worker(manager), case, starts_at=now, now=now)
        key = await keys.open_case(session, keys.SYSTEM, case.id, keys.Purpose.SYSTEM)
        seat = await casework.seat_of(session, appointment, Role.CLIENT)
        return case.id, (await consents.agree(session, key, seat, now))[0].id


async def test_an_inspector_takes_away_what_proves_the_named_case_and_changes_nothing(
    signed_in: SignedIn, database: Database, entries: Entries
) -> None:
    manager = await signed_in(Role.CASE_MANAGER)
    (case_id, record), (other, foreign) = await agreed(database, manager), await agreed(database, manager)
    supervisor, inspector = await signed_in(Role.SUPERVISOR), await signed_in(Role.INSPECTOR)
    await admit(supervisor, case_id, inspector)
    case = f"/cases/{case_id}"
    page = await text_of(inspector, f"{case}/reading")
    for link in ("evidence.jsonl", "consents", "pack", "readers"):
        assert f'href="{case}/{link}"' in page
    proof = await inspector.get(f"{case}/evidence.jsonl")
    assert proof.status == 200
    assert verify((await proof.text()).splitlines(keepends=True)).findings == []
    for link in re.findall(rf'href="({case}[^"]*)"', await text_of(inspector, f"{case}/consents")):
        assert (await inspector.get(link)).status == 200, link
    shown = await text_of(inspector, f"{case}/consents/{record}")
    for paper in ("receipt.json", "fhir.json"):
        assert paper in shown
        assert (await inspector.get(f"{case}/consents/{record}/{paper}")).status == 200
    assert "/withdraw" not in shown
    assert (await inspector.post(f"{case}/consents/{record}/withdraw", {"method": "phone"})).status == 403
    for path in ("evidence.jsonl", "consents", f"consents/{foreign}", f"consents/{foreign}/receipt.json"):
        assert (await inspector.get(f"/cases/{other}/{path}")).status == 403, path
    read = {each.details["purpose"] for each in await entries(Tag.CASE_READ) if inspector.id in each.actor}
    assert read == {"inspect"}
    assert [each.details["form"] for each in await entries(Tag.RECORD_EXPORTED)] == ["case"]
    assert [each.details["as"] for each in await entries(Tag.CONSENT_EXPORTED)] == ["receipt", "fhir"]


async def test_in_an_emergency_consents_are_read_and_not_taken_away(signed_in: SignedIn, database: Database) -> None:
    case_id, record = await agreed(database, await signed_in(Role.CASE_MANAGER))
    case, stranger = f"/cases/{case_id}", await signed_in(Role.PSYCHOLOGIST)
    await break_glass(stranger, case_id)
    for path in ("consents", f"consents/{record}", "suitability"):
        assert (await stranger.get(f"{case}/{path}")).status == 200, path
    for path in ("evidence.jsonl", f"consents/{record}/receipt.json"):
        assert (await stranger.get(f"{case}/{path}")).status == 403, path
