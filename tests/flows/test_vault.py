"""The team's vault: what a browser may lay into it, what it hands out, and to whom."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent.database import Database
from consent.events import Tag
from consent.ledger import Entry
from consent.policy import Role
from server.appointments.tables import LINGER, Appointment
from server.cases import service as cases
from server.devices import service as devices
from server.devices.certificates import Certificate
from server.devices.tables import Device
from tests.flows.conftest import Person
from tests.flows.test_devices import code, csrf, post, worker
from tests.support.casework import open_case, plan, seat_of
from tests.support.staff_device import Organisation, StaffDevice

SignedIn = Callable[..., Awaitable[Person]]
Entries = Callable[..., Awaitable[Sequence[Entry]]]
ANEW = "Links that were handed out before then do not fit any more"
WARNING = "Nobody who can let people in has a certified device yet"


@dataclass
class Team:
    """A manager, a psychologist and an interpreter with certified devices, and an appointment that begins now."""

    database: Database
    organisation: Organisation
    people: dict[Role, Person]
    devices: dict[Role, StaffDevice]
    certificates: dict[Role, Certificate]
    appointment: str
    case: str
    seat: str
    """The client's."""

    @property
    def path(self) -> str:
        return f"/api/appointments/{self.appointment}/vault"

    @property
    def recipients(self) -> dict[str, str]:
        return {device.fingerprint: device.seal_key for device in self.devices.values()}

    def entry(self, role: Role = Role.CASE_MANAGER, *, of_client: bool = False, **changes: Any) -> dict[str, Any]:
        """What the browser of this role would send."""
        given: dict[str, Any] = {
            "certificate": self.certificates[role],
            "appointment": self.appointment,
            "recipients": self.recipients,
            "seat": (self.seat, "client") if of_client else None,
        }
        return self.devices[role].entry(**(given | changes))

    async def send(self, *entries: dict[str, Any], by: Role = Role.CASE_MANAGER, anew: bool = False) -> tuple[int, str]:
        return await code(self.people[by], self.path, {"entries": list(entries), "anew": anew})

    async def seen(self, by: Role = Role.CASE_MANAGER) -> dict[str, Any]:
        found: dict[str, Any] = await (await self.people[by].get(self.path)).json()
        return found

    async def page(self) -> str:
        """The appointment's, as the case manager sees it."""
        return await (await self.people[Role.CASE_MANAGER].get(f"/appointments/{self.appointment}")).text()

    async def revoke(self, role: Role) -> None:
        """The device of this role is lost; its owner is still signed in."""
        async with self.database.write() as session:
            gone = await devices.by_fingerprint(session, self.devices[role].fingerprint, datetime.now(UTC))
            assert gone
            devices.revoke(session, worker(self.people[role]), gone.device, datetime.now(UTC))

    async def certify(self, role: Role, device: StaffDevice) -> None:
        """Another device in its place."""
        owner, now = worker(self.people[role]), datetime.now(UTC)
        asking = device.asking(owner.id)
        self.devices[role], self.certificates[role] = device, self.organisation.certify(device, owner)
        async with self.database.write() as session:
            asked = await devices.ask(
                session, owner, sign_key=asking["sign"], seal_key=asking["seal"], proof=asking["proof"], now=now
            )
            await devices.certify(session, owner, asked, self.certificates[role], now)


@pytest.fixture
async def team(database: Database, signed_in: SignedIn) -> Team:
    organisation, now = Organisation(), datetime.now(UTC)
    roles = (Role.CASE_MANAGER, Role.PSYCHOLOGIST, Role.INTERPRETER)
    people = {role: await signed_in(role) for role in roles}
    kept = {role: StaffDevice() for role in roles}
    certificates = {role: organisation.certify(kept[role], worker(people[role])) for role in roles}
    async with database.write() as session:
        await devices.trust(session, organisation.public, actor="system", now=now)
        case = await open_case(session, worker(people[Role.CASE_MANAGER]))
        for role in roles[1:]:
            await cases.join_team(session, worker(people[Role.CASE_MANAGER]), case, people[role].id)
        for role in roles:
            asking = kept[role].asking(people[role].id)
            device = await devices.ask(
                session,
                worker(people[role]),
                sign_key=asking["sign"],
                seal_key=asking["seal"],
                proof=asking["proof"],
                now=now,
            )
            await devices.certify(session, worker(people[role]), device, certificates[role], now)
        appointment = await plan(session, worker(people[Role.CASE_MANAGER]), case, starts_at=now, now=now)
        seat = await seat_of(session, appointment, Role.CLIENT)
    return Team(database, organisation, people, kept, certificates, appointment.id, case.id, seat.id)


async def test_the_team_gets_what_one_of_its_devices_has_sealed(team: Team, entries: Entries) -> None:
    secret, seat = team.entry(), team.entry(of_client=True)
    assert await team.send(secret, seat) == (200, "")
    for role in team.people:
        seen = await team.seen(role)
        assert sorted(each["body"] for each in seen["entries"]) == sorted((secret["body"], seat["body"]))
        assert {each["fingerprint"] for each in seen["recipients"]} == set(team.recipients)
    assert {each["certificate"]["body"] for each in seen["recipients"]} == {
        each.body for each in team.certificates.values()
    }
    sealed = await entries(Tag.SECRET_SEALED)
    assert [each.details["secret"] for each in sealed] == ["appointment", f"seat:{team.seat}"]
    assert sealed[0].session_id == team.appointment
    assert "ciphertext" not in json.dumps([each.details for each in sealed])


async def test_nobody_outside_the_team_sees_or_changes_it(team: Team, signed_in: SignedIn) -> None:
    for role in (Role.PSYCHOLOGIST, Role.CASE_MANAGER, Role.SUPERVISOR, Role.ADMINISTRATOR):
        stranger = await signed_in(role)
        assert (await stranger.get(team.path)).status == 403
        assert (await code(stranger, team.path, {"entries": [team.entry()]}))[0] == 403
    manager = team.people[Role.CASE_MANAGER]
    assert (await manager.get(f"/api/appointments/{'0' * 16}/vault")).status == 404
    assert await code(manager, team.path, {"entries": [team.entry()]}, token="") == (403, "foreign_request")


async def test_whoever_may_invite_begins_and_any_host_of_the_team_seals_anew(team: Team) -> None:
    again = team.entry(Role.PSYCHOLOGIST)
    assert await team.send(again, by=Role.PSYCHOLOGIST) == (403, "may_not_begin")
    assert await team.send(team.entry()) == (200, "")
    assert await team.send(again, by=Role.PSYCHOLOGIST) == (200, "")
    assert await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST) == (200, "")
    assert len((await team.seen())["entries"]) == 2, "one of each device"
    assert await team.send(team.entry(Role.INTERPRETER), by=Role.INTERPRETER) == (403, "may_not_seal")
    assert await team.send(again) == (403, "signer_not_yours")


async def test_it_refuses_every_signature_and_certificate_that_does_not_hold(team: Team) -> None:
    manager = worker(team.people[Role.CASE_MANAGER])
    device = team.devices[Role.CASE_MANAGER]
    genuine, now = team.entry(), datetime.now(UTC)
    unknown = StaffDevice()
    bad_signers = [
        Organisation().certify(device, manager),
        team.organisation.certify(device, manager, issued=now - timedelta(days=9), expires=now),
        team.organisation.certify(device, manager, issued=now + timedelta(days=1)),
        genuine["signer"] | {"signature": Organisation().certify(device, manager).signature},
        {"body": "{}", "signature": "AAAA"},
    ]
    for signer in bad_signers:
        given = signer if isinstance(signer, dict) else signer.model_dump()
        assert await team.send(genuine | {"signer": given}) == (403, "bad_signer")
    stolen = unknown.entry(team.organisation.certify(unknown, manager), team.appointment, team.recipients)
    assert await team.send(stolen) == (403, "bad_signer"), "certified, but not known here"
    assert await team.send(genuine | {"signature": team.entry(of_client=True)["signature"]}) == (400, "bad_signature")
    assert await team.send(genuine | {"body": team.entry()["body"]}) == (400, "bad_signature")
    assert (await team.seen())["entries"] == []


async def test_it_refuses_a_revoked_device_as_signer_and_as_recipient(team: Team) -> None:
    entry = team.entry(Role.CASE_MANAGER)
    async with team.database.write() as session:
        gone = await devices.by_fingerprint(session, team.devices[Role.PSYCHOLOGIST].fingerprint, datetime.now(UTC))
        assert gone
        devices.revoke(session, worker(team.people[Role.PSYCHOLOGIST]), gone.device, datetime.now(UTC))
    assert await team.send(entry) == (409, "unknown_recipient")
    assert await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST) == (403, "bad_signer")
    seen = await team.seen()
    assert len(seen["recipients"]) == 2


async def test_it_begins_anew_only_when_no_device_that_vouched_is_certified(team: Team) -> None:
    first, of_client = team.entry(), team.entry(of_client=True)
    assert await team.send(first, of_client) == (200, "")
    assert await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST) == (200, "")
    again = StaffDevice()
    await team.revoke(Role.CASE_MANAGER)
    await team.certify(Role.CASE_MANAGER, again)
    assert await team.send(team.entry(), anew=True) == (409, "still_counts"), "the psychologist's device vouches for it"
    assert ANEW not in await team.page()

    await team.revoke(Role.PSYCHOLOGIST)
    await team.certify(Role.PSYCHOLOGIST, StaffDevice())
    refused = await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST, anew=True)
    assert refused == (403, "may_not_begin")
    silent = await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST)
    assert silent == (403, "may_not_begin"), "nor by not saying that it is another secret"
    assert await team.send(team.entry()) == (409, "signers_gone"), "whoever may begin anew has to say so"
    assert len((await team.seen())["entries"]) == 3, "nothing is replaced by what was refused"
    assert await team.send(team.entry(), team.entry(of_client=True), anew=True) == (200, "")
    left = (await team.seen())["entries"]
    assert {each["signer"]["body"] for each in left} == {team.certificates[Role.CASE_MANAGER].body}
    assert len(left) == 2, "nothing comes back when a device counts again"
    assert ANEW in await team.page()
    assert await team.send(team.entry(), anew=True) == (409, "still_counts")


async def test_sealing_once_more_clears_away_what_nobody_vouches_for(team: Team) -> None:
    await team.send(team.entry())
    await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST)
    await team.revoke(Role.CASE_MANAGER)
    assert await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST) == (409, "unknown_recipient")
    await team.certify(Role.CASE_MANAGER, StaffDevice())
    assert await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST) == (200, "")
    [left] = (await team.seen(Role.PSYCHOLOGIST))["entries"]
    assert left["signer"]["body"] == team.certificates[Role.PSYCHOLOGIST].body
    assert ANEW not in await team.page()


async def test_it_refuses_a_signer_who_left_the_team(team: Team) -> None:
    await team.send(team.entry())
    async with team.database.write() as session:
        case = await cases.find(session, team.case)
        assert case
        manager = worker(team.people[Role.CASE_MANAGER])
        await cases.leave_team(session, manager, case, team.people[Role.PSYCHOLOGIST].id)
    assert (await team.send(team.entry(Role.PSYCHOLOGIST), by=Role.PSYCHOLOGIST))[0] == 403
    assert (await team.people[Role.PSYCHOLOGIST].get(team.path)).status == 403


async def test_it_refuses_other_appointments_seats_and_devices(team: Team) -> None:
    stranger = StaffDevice()
    for changes, expected in (
        ({"appointment": "0" * 16}, "wrong_appointment"),
        ({"seat": ("0" * 16, "client")}, "unknown_seat"),
        ({"seat": (team.seat, "helper")}, "unknown_seat"),
        ({"recipients": team.recipients | {stranger.fingerprint: stranger.seal_key}}, "unknown_recipient"),
        ({"recipients": {}}, "malformed"),
    ):
        assert (await team.send(team.entry(**changes)))[1] == expected, changes
    assert (await team.seen())["entries"] == []


async def test_it_refuses_what_is_too_large_or_of_another_form(team: Team) -> None:
    entry = team.entry()
    for body in (
        [],
        {},
        {"entries": []},
        {"entries": [entry] * 33},
        {"entries": [entry | {"more": 1}]},
        {"entries": [entry | {"body": "x" * 50_000}]},
    ):
        assert await code(team.people[Role.CASE_MANAGER], team.path, body) == (400, "bad_message")
    too_large = {"entries": [entry | {"body": "x" * 250_000}]}
    assert await code(team.people[Role.CASE_MANAGER], team.path, too_large) == (413, "too_large")
    short = json.loads(entry["body"])
    short["sealed"][0]["ciphertext"] = "AAAA"
    for spoiled in ("{}", entry["body"] + " ", json.dumps(short, separators=(",", ":"), sort_keys=True), "[" * 9000):
        assert await team.send(entry | {"body": spoiled}) == (400, "malformed")


async def test_a_new_link_forgets_the_secret_of_the_old_one(team: Team) -> None:
    manager = team.people[Role.CASE_MANAGER]
    await team.send(team.entry(), team.entry(of_client=True))
    assert (await manager.post(f"/appointments/{team.appointment}/people/{team.seat}/link")).status == 303
    assert [json.loads(each["body"])["secret"] for each in (await team.seen())["entries"]] == ["appointment"]
    assert await team.send(team.entry(of_client=True)) == (200, "")
    assert (await manager.post(f"/appointments/{team.appointment}/people/{team.seat}/revoke")).status == 303
    assert len((await team.seen())["entries"]) == 1
    assert await team.send(team.entry(of_client=True)) == (409, "unknown_seat")


async def test_it_takes_nothing_for_an_appointment_that_is_over(team: Team) -> None:
    async with team.database.write() as session:
        (await session.get_one(Appointment, team.appointment)).starts_at -= LINGER + timedelta(days=1)
    assert await team.send(team.entry()) == (409, "over")


async def test_planning_warns_while_no_host_of_the_team_has_a_certified_device(team: Team) -> None:
    manager = team.people[Role.CASE_MANAGER]
    pages = (f"/cases/{team.case}/appointments/new", f"/appointments/{team.appointment}")
    for page in pages:
        assert WARNING not in await (await manager.get(page)).text()
    async with team.database.write() as session:
        for role in (Role.CASE_MANAGER, Role.PSYCHOLOGIST):  # the interpreter's device lets nobody in
            known = await devices.by_fingerprint(session, team.devices[role].fingerprint, datetime.now(UTC))
            assert known
            devices.revoke(session, worker(manager), await session.get_one(Device, known.device.id), datetime.now(UTC))
    for page in pages:
        assert WARNING in await (await manager.get(page)).text()


async def test_the_token_is_the_same_wherever_a_script_reads_it(team: Team) -> None:
    assert (await team.seen())["csrf"] == await csrf(team.people[Role.CASE_MANAGER])
    status, answer = await post(team.people[Role.CASE_MANAGER], team.path, {"entries": [team.entry()]})
    assert (status, answer) == (200, {"kept": 1})
