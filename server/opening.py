"""The database of this installation with its keyring, and to whom a case belongs."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent import keyring
from consent.database import Database
from consent.keys import NEEDS, Keyring, Purpose, Reader
from server.appointments.tables import Appointment, Seat
from server.cases.service import team_role
from server.person.tables import PersonPage
from server.settings import Settings
from server.supervision import grants, samples


def open_database(settings: Settings) -> Database:
    """The database of these settings; makes the first key-encryption key. Raises KeyringError."""
    return Database(settings.url, Keyring.in_folder(settings.keys_folder), belongs)


async def refuse_other_keys(database: Database) -> None:
    """Raise KeyMissing when the key files at hand are not those under which the data was sealed."""
    async with database.read() as session:
        await keyring.check(session)


async def belongs(session: AsyncSession, reader: Reader, case_id: str, purpose: Purpose) -> bool:
    """Whether the case is this reader's for this purpose: their team's, or a meeting's to which they are invited."""
    kind, _, name = reader.actor.partition(":")
    match kind:
        case "account":
            return await _of_account(session, name, case_id, purpose)
        case "client":
            return purpose is Purpose.PERSON and await _has_page(session, case_id, name)
        case "seat":
            return purpose in {Purpose.MEET, Purpose.PERSON} and await _invited(session, case_id, Seat.id == name)
        case _:
            return False


async def _of_account(session: AsyncSession, account_id: str, case_id: str, purpose: Purpose) -> bool:
    if NEEDS[purpose] is not None and await team_role(session, account_id, case_id) is not None:
        return True
    if purpose in grants.PURPOSES.values():
        return await grants.opens(session, account_id, case_id, purpose)
    if purpose is Purpose.FEEDBACK:
        return await samples.has_feedback(session, account_id, case_id)
    return purpose in {Purpose.MEET, Purpose.LISTED} and await _invited(session, case_id, Seat.account_id == account_id)


async def _invited(session: AsyncSession, case_id: str, who: ColumnElement[bool]) -> bool:
    found = select(Seat.id).join(Appointment, Appointment.id == Seat.appointment_id)
    found = found.where(who, Appointment.case_id == case_id, Seat.revoked_at.is_(None))
    return await session.scalar(found.limit(1)) is not None


async def _has_page(session: AsyncSession, case_id: str, client_id: str) -> bool:
    page = await session.get(PersonPage, client_id)
    return page is not None and page.case_id == case_id and not page.off
