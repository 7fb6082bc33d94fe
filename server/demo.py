"""The demo organisation: invented people, two cases, an appointment that starts now, and who can open what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.database import Database
from consent.events import Tag
from consent.keys import SYSTEM as THE_SERVER
from consent.keys import Purpose, open_case
from consent.ledger import SYSTEM, append, seat_actor
from consent.policy import Role
from server.accounts import service as accounts
from server.accounts.demo import sign_in_url
from server.appointments import links, seats
from server.appointments import service as appointments
from server.appointments.tables import Appointment, Seat
from server.cases import service as cases
from server.cases.tables import Case
from server.demo_consent import DemoConsent
from server.demo_encryption import DemoEncryption, takes_part
from server.demo_keys import DemoKeys
from server.secrets import Secrets
from server.settings import Settings

CASE, OTHER_CASE = "Калина", "Барвінок"
CLIENT, OTHER_CLIENT = "Пані Оля", "Пан Тарас"
MANAGER, PSYCHOLOGIST, INTERPRETER, SUPERVISOR, OTHER_PSYCHOLOGIST, ADMINISTRATOR = (
    "Марія Коваль",
    "Ірина Бойко",
    "Олег Ткачук",
    "Наталія Шевчук",
    "Андрій Мельник",
    "Софія Лисенко",
)
PEOPLE = (
    ("manager@demo.invalid", MANAGER, Role.CASE_MANAGER),
    ("psychologist@demo.invalid", PSYCHOLOGIST, Role.PSYCHOLOGIST),
    ("interpreter@demo.invalid", INTERPRETER, Role.INTERPRETER),
    ("supervisor@demo.invalid", SUPERVISOR, Role.SUPERVISOR),
    ("other@demo.invalid", OTHER_PSYCHOLOGIST, Role.PSYCHOLOGIST),
    ("administrator@demo.invalid", ADMINISTRATOR, Role.ADMINISTRATOR),
)
"""E-mail address (of a domain that cannot exist), name and role; the psychologist of the other case comes second."""

LENGTH_MIN = 60


class StaffLink(TypedDict):
    """How one member of staff gets in."""

    role: str
    name: str
    sign_in_url: str


class ClientLink(TypedDict):
    """How one client gets in."""

    alias: str
    invitation_url: str


class DemoLinks(TypedDict):
    """Who can open what."""

    base_url: str
    staff: list[StaffLink]
    client: list[ClientLink]
    case_url: str


@dataclass(frozen=True)
class _Person:
    id: str
    name: str
    role: Role


async def build_demo(database: Database, settings: Settings, keys: Secrets) -> DemoLinks:
    """Make what is missing and return the links; a restart keeps the appointment as long as its time lasts."""
    own = DemoKeys(keys)
    async with database.write() as session:
        builder = _Builder(session, settings, datetime.now(UTC))
        people = {name: await builder.person(email, name, role) for email, name, role in PEOPLE}
        team = [people[MANAGER], people[PSYCHOLOGIST], people[INTERPRETER]]
        case = await builder.case(CASE, CLIENT, team)
        other = await builder.case(OTHER_CASE, OTHER_CLIENT, [people[MANAGER], people[OTHER_PSYCHOLOGIST]])
        consent = DemoConsent(session, settings, builder.now)
        await consent.told()
        for each in (case, other):
            await consent.suitable(people[SUPERVISOR], each.id)
        current = await builder.current_appointment(case, team)
        invited = await seats.of_appointment(session, current.id, revoked=False)
        await consent.rewritten(people[SUPERVISOR])
        encryption = DemoEncryption(session, own, builder.now)
        await encryption.certify(list(people.values()), people[ADMINISTRATOR])
        await encryption.fill_vault(people[MANAGER], current, invited)
    encryption.write_key_file(settings.data_dir)
    key = keys.derive(links.KEY_PURPOSE)
    return DemoLinks(
        base_url=settings.base_url,
        staff=[
            StaffLink(
                role=person.role.value,
                name=person.name,
                sign_in_url=sign_in_url(settings.base_url, keys, person.id)
                + (f"#{own.device_fragment(person.id)}" if takes_part(person.role) else ""),
            )
            for person in people.values()
        ],
        client=[
            ClientLink(
                alias=seat.name,
                invitation_url=links.url(settings.call_page, key, seat.id, seat.link_version)
                + f"&{own.link_fragment(current.id, seat.id, seat.link_version)}",
            )
            for seat in invited
            if seat.role == Role.CLIENT.value
        ],
        case_url=f"{settings.base_url}/cases/{case.id}",
    )


@dataclass(frozen=True)
class _Builder:
    """Finds or makes each piece, in one transaction."""

    session: AsyncSession
    settings: Settings
    now: datetime

    async def person(self, email: str, name: str, role: Role) -> _Person:
        account = await accounts.by_email(self.session, email)
        if account is None:
            account = await accounts.create(
                self.session,
                email=email,
                name=name,
                role=role,
                language=self.settings.default_language,
                time_zone=self.settings.time_zone,
                actor=SYSTEM,
                now=self.now,
            )
        return _Person(account.id, account.name, role)

    async def case(self, alias: str, client: str, team: list[_Person]) -> Case:
        open_ones = select(Case).where(Case.closed_at.is_(None), Case.erased_at.is_(None))
        known = (await self.session.scalars(open_ones)).all()
        for each in known:
            await open_case(self.session, THE_SERVER, each.id, Purpose.SYSTEM)
        case = next((each for each in known if each.alias == alias), None)
        if case is None:
            manager, *others = team
            case = await cases.open_case(
                self.session,
                manager,
                alias=alias,
                language=self.settings.default_language,
                help_phone=None,
                first_clients=[cases.NewClient(client, self.settings.default_language)],
            )
            await open_case(self.session, THE_SERVER, case.id, Purpose.SYSTEM)
            for member in others:
                await cases.join_team(self.session, manager, case, member.id)
        return case

    async def current_appointment(self, case: Case, team: list[_Person]) -> Appointment:
        known = await appointments.of_case(self.session, case.id)
        if not known:
            await self._last_week(case, team)
        current = next((each for each in known if each.is_ahead(self.now) and each.starts_at <= self.now), None)
        return current or await self._plan(case, team, self.now.replace(second=0, microsecond=0), self.now)

    async def _plan(self, case: Case, team: list[_Person], starts_at: datetime, planned_at: datetime) -> Appointment:
        language = self.settings.default_language
        clients = await cases.clients(self.session, case.id)
        people = [seats.NewSeat(each.role, each.name, language, account_id=each.id) for each in team]
        people += [seats.NewSeat(Role.CLIENT, each.alias, each.language, client_id=each.id) for each in clients]
        return await appointments.plan(
            self.session,
            team[0],
            case,
            when=appointments.When(starts_at, LENGTH_MIN, self.settings.time_zone),
            help_phone=self.settings.help_phone,
            purpose="Знайомство і перший план допомоги.",
            people=people,
            now=planned_at,
        )

    async def _last_week(self, case: Case, team: list[_Person]) -> None:
        """A session that is over, so that there is a record to read: one drop, and an interpreter who did not come."""
        start = (self.now - timedelta(days=7)).replace(second=0, microsecond=0)
        past = await self._plan(case, team, start, start - timedelta(days=2))
        invited = {seat.name: seat for seat in await seats.of_appointment(self.session, past.id)}
        manager, psychologist, client = (invited[name] for name in (MANAGER, PSYCHOLOGIST, CLIENT))

        def tell(minute: float, tag: Tag, seat: Seat, by: Seat | None = None) -> None:
            append(
                self.session,
                tag,
                actor=seat_actor((by or seat).id),
                at=start + timedelta(minutes=minute),
                case_id=case.id,
                session_id=past.id,
                details={"seat": seat.id, "role": seat.role},
            )

        await DemoConsent(self.session, self.settings, self.now).agreed(past, client, start - timedelta(minutes=5))
        tell(-4, Tag.WAITED, client)
        tell(-1, Tag.JOINED, manager)
        tell(-1, Tag.HOST_CHANGED, manager)
        tell(0.5, Tag.ADMITTED, client, by=manager)
        tell(0.5, Tag.JOINED, client)
        tell(2, Tag.JOINED, psychologist)
        tell(17.2, Tag.DROPPED, client)
        tell(17.7, Tag.RETURNED, client)
        tell(41, Tag.LEFT, psychologist)
        ended_at = start + timedelta(minutes=44)
        append(self.session, Tag.ENDED, actor=seat_actor(manager.id), at=ended_at, case_id=case.id, session_id=past.id)
        await appointments.end(self.session, past.id, ended_at)
