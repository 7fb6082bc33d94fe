"""Keeping and handing out the team's sealed secrets. The server refuses what no device of the team has signed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.ledger import account_actor, append
from consent.policy import HOSTS, Action, Role, allows
from server.appointments import seats
from server.appointments.tables import Appointment
from server.cases import service as cases
from server.cases.service import Doer
from server.devices import certificates
from server.devices import service as devices
from server.devices.certificates import Certificate, CertificateError
from server.devices.service import Known, State
from server.vault import entries
from server.vault.entries import Body, Entry, EntryError
from server.vault.tables import VaultEntry

MAX_KEPT = 400
"""Entries of one appointment."""

Code = Literal[
    "malformed", "bad_signature", "bad_signer", "signer_not_yours", "not_on_team", "may_not_seal", "may_not_begin",
    "wrong_appointment", "unknown_seat", "unknown_recipient", "vault_full", "still_counts", "signers_gone",
]  # fmt: skip


class VaultError(Exception):
    """An entry that is not taken; ``code`` is stable and says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


@dataclass(frozen=True)
class Recipient:
    """A device to which secrets of a case are to be sealed."""

    fingerprint: str
    name: str
    role: Role
    certificate: Certificate


async def recipients(session: AsyncSession, case_id: str, now: datetime) -> list[Recipient]:
    """The certified devices of a case's team."""
    members = [member.account_id for member in await cases.team(session, case_id)]
    return [_recipient(each) for each in await devices.certified(session, members, now)]


async def of_appointment(session: AsyncSession, appointment_id: str) -> list[Entry]:
    """The entries of an appointment, newest first."""
    found = await session.scalars(
        select(VaultEntry)
        .where(VaultEntry.appointment_id == appointment_id)
        .order_by(VaultEntry.sealed_at.desc(), VaultEntry.id)
    )
    return [
        Entry(
            body=row.body,
            signer=Certificate(body=row.signer_body, signature=row.signer_signature),
            signature=row.signature,
        )
        for row in found
    ]


async def keep(
    session: AsyncSession,
    doer: Doer,
    appointment: Appointment,
    given: Sequence[Entry],
    now: datetime,
    *,
    anew: bool = False,
) -> None:
    """Keep entries that one of the doer's devices has signed, all or none. Raises VaultError.

    Whoever may invite makes a secret's first entry; any host's device of the team seals it once more, for further
    devices and so that it does not end with the device that made it. An entry replaces the same device's older one
    about the same secret, and those of devices that are not certified any more; no other device's. ``anew``: these are
    other secrets than before, which is refused as long as a certified device vouches for the old ones, and has to be
    said by whoever may invite as soon as none does.
    """
    team = {member.account_id: member.role for member in await cases.team(session, appointment.case_id)}
    if doer.id not in team:
        raise VaultError("not_on_team")
    known_devices = {each.fingerprint for each in await recipients(session, appointment.case_id, now)}
    invited = {seat.id: seat for seat in await seats.of_appointment(session, appointment.id, revoked=False)}
    for entry in given:
        body = _read(entry)
        signer = await _signer(session, doer, entry, now)
        if signer.role not in HOSTS:
            raise VaultError("may_not_seal")
        if body.appointment != appointment.id:
            raise VaultError("wrong_appointment")
        if body.seat is not None:
            seat = invited.get(body.seat)
            if seat is None or body.role is None or seat.role != body.role.value or not seat.by_link:
                raise VaultError("unknown_seat")
        if not body.recipients <= known_devices:
            raise VaultError("unknown_recipient")
        signers = set(await session.scalars(select(VaultEntry.signer_device).where(*_about(body))))
        gone = signers - await devices.still_certified(session, signers, now)
        await _check_place(session, doer, body, signers, gone, anew=anew)
        await _store(session, entry, body, gone | {signer.fingerprint}, now, by=signer.fingerprint)
        append(
            session,
            Tag.SECRET_SEALED,
            actor=account_actor(doer.id),
            at=now,
            case_id=appointment.case_id,
            session_id=appointment.id,
            details={"secret": body.secret, "device": signer.fingerprint, "devices": len(body.sealed), "by": doer.name},
        )
    if anew:
        appointment.secrets_anew_at = now


async def forget_seat(session: AsyncSession, appointment_id: str, seat_id: str) -> None:
    """A seat got another link, or none: the secret of the old one opens nothing any more."""
    await session.execute(
        delete(VaultEntry).where(VaultEntry.appointment_id == appointment_id, VaultEntry.secret == f"seat:{seat_id}")
    )


async def certified_among(session: AsyncSession, account_ids: Sequence[str], now: datetime) -> int:
    """How many certified devices these people have that could let somebody into an encrypted call."""
    found = await devices.certified(session, account_ids, now)
    return sum(Role(each.account.role) in HOSTS for each in found)


def _read(entry: Entry) -> Body:
    try:
        return entries.read(entry)
    except EntryError as error:
        raise VaultError(error.code) from error


async def _signer(session: AsyncSession, doer: Doer, entry: Entry, now: datetime) -> Recipient:
    key = await devices.organisation(session)
    if key is None:
        raise VaultError("bad_signer")
    try:
        certificate = certificates.check(entry.signer, key.public_key, now)
    except CertificateError as error:
        raise VaultError("bad_signer") from error
    known = await devices.by_fingerprint(session, certificate.device, now)
    if known is None or known.state is not State.CERTIFIED:
        raise VaultError("bad_signer")
    if known.account.id != doer.id or certificate.account != doer.id:
        raise VaultError("signer_not_yours")
    try:
        entries.check_signature(entry, certificate.sign)
    except EntryError as error:
        raise VaultError(error.code) from error
    return _recipient(known)


async def _check_place(
    session: AsyncSession, doer: Doer, body: Body, signers: set[str], gone: set[str], *, anew: bool
) -> None:
    counting = signers - gone
    if anew and counting:
        raise VaultError("still_counts")
    if not counting and not allows(doer.role, Action.INVITE, on_team=True):
        raise VaultError("may_not_begin")
    if signers and not counting and not anew:
        # Nobody could tell whether these are the old secrets; other ones would make the links fail without a word.
        raise VaultError("signers_gone")
    kept = select(func.count()).where(VaultEntry.appointment_id == body.appointment)
    if (await session.scalar(kept) or 0) >= MAX_KEPT:
        raise VaultError("vault_full")


async def _store(
    session: AsyncSession, entry: Entry, body: Body, instead_of: Collection[str], now: datetime, *, by: str
) -> None:
    await session.execute(delete(VaultEntry).where(*_about(body), VaultEntry.signer_device.in_(instead_of)))
    session.add(
        VaultEntry(
            appointment_id=body.appointment,
            secret=body.secret,
            signer_device=by,
            body=entry.body,
            signer_body=entry.signer.body,
            signer_signature=entry.signer.signature,
            signature=entry.signature,
            sealed_at=now,
        )
    )
    await session.flush()


def _about(body: Body) -> tuple[ColumnElement[bool], ...]:
    return VaultEntry.appointment_id == body.appointment, VaultEntry.secret == body.secret


def _recipient(known: Known) -> Recipient:
    certificate = known.certificate
    if certificate is None:
        raise VaultError("bad_signer")
    return Recipient(known.device.fingerprint, known.account.name, Role(known.account.role), certificate)
