"""What can be done with devices: ask, certify, revoke; and what others must know of them. Each with its entry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consent.events import Tag
from consent.ledger import account_actor, append
from consent.policy import Action, Role, allows
from server.accounts.tables import Account
from server.cases.service import Doer
from server.devices import certificates
from server.devices.certificates import Body, Certificate, CertificateError
from server.devices.signatures import KeyTextError, canon, fingerprint, public_key, verify
from server.devices.tables import Device, OrganisationKey

LABEL = "poruch device"
"""What a browser signs to show that the signing key is its own, and the sealing key too."""
MAX_WAITING = 10
"""Devices of one account that wait to be certified; whoever has more forgets some first."""
STALE = timedelta(days=1)
"""How old a certificate may be when it arrives here: it was made in the browser a moment ago."""

Code = Literal[
    "no_organisation", "not_for_role", "bad_keys", "bad_proof", "not_yours", "revoked", "too_many", "other_key",
    "certificate_malformed", "certificate_wrong_organisation", "certificate_bad_signature", "certificate_not_yet_valid",
    "certificate_expired", "certificate_too_long", "certificate_other_device",
]  # fmt: skip


class DeviceError(Exception):
    """Something that cannot be done with a device; ``code`` is stable and says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


class State(StrEnum):
    """What a device is worth now."""

    ASKED = "asked"
    CERTIFIED = "certified"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Known:
    """A device with its owner and its state at one moment."""

    device: Device
    account: Account
    state: State

    @property
    def certificate(self) -> Certificate | None:
        """The certificate, as long as it holds."""
        return _certificate(self.device) if self.state is State.CERTIFIED else None


# the organisation's key


async def organisation(session: AsyncSession) -> OrganisationKey | None:
    """The key that counts now."""
    return await session.scalar(
        select(OrganisationKey)
        .where(OrganisationKey.replaced_at.is_(None))
        .order_by(OrganisationKey.trusted_at.desc())
        .limit(1)
    )


async def trust(session: AsyncSession, key: str, *, actor: str, now: datetime, replace: bool = False) -> bool:
    """Take this public key as the organisation's; False when it is already.

    Raises KeyTextError, and DeviceError ``other_key`` when another key counts and ``replace`` is not said; with it
    every certificate of the old key ends.
    """
    public_key(key)
    known, name = await organisation(session), fingerprint(key)
    if known is not None and known.fingerprint == name:
        return False
    if known is not None:
        if not replace:
            raise DeviceError("other_key")
        known.replaced_at = now
    again = await session.get(OrganisationKey, name)
    if again is None:
        session.add(OrganisationKey(fingerprint=name, public_key=key, trusted_at=now))
    else:
        again.trusted_at, again.replaced_at = now, None
    details = {"fingerprint": name, "before": known.fingerprint if known else None}
    append(session, Tag.ORGANISATION_TRUSTED, actor=actor, at=now, details=details)
    return True


# one device


def statement(account_id: str, sign_key: str, seal_key: str) -> str:
    """What the browser signs when it asks, under LABEL."""
    return canon({"account": account_id, "seal": seal_key, "sign": sign_key})


async def ask(session: AsyncSession, doer: Doer, *, sign_key: str, seal_key: str, proof: str, now: datetime) -> Device:
    """Note that this browser wants to be certified; asking again changes nothing. Raises DeviceError."""
    if not allows(doer.role, Action.JOIN_MEETING, on_team=True):
        raise DeviceError("not_for_role")
    try:
        public_key(sign_key)
        public_key(seal_key)
    except KeyTextError as error:
        raise DeviceError("bad_keys") from error
    if sign_key == seal_key:
        raise DeviceError("bad_keys")
    if not verify(sign_key, LABEL, statement(doer.id, sign_key, seal_key), proof):
        raise DeviceError("bad_proof")
    name = fingerprint(sign_key)
    known = await session.scalar(select(Device).where(Device.fingerprint == name))
    if known is not None:
        if known.account_id != doer.id or known.seal_key != seal_key:
            raise DeviceError("not_yours")
        if known.revoked_at is not None:
            raise DeviceError("revoked")
        return known
    waiting = select(func.count()).where(
        Device.account_id == doer.id, Device.certificate_body.is_(None), Device.revoked_at.is_(None)
    )
    if (await session.scalar(waiting) or 0) >= MAX_WAITING:
        raise DeviceError("too_many")
    device = Device(account_id=doer.id, fingerprint=name, sign_key=sign_key, seal_key=seal_key, asked_at=now)
    session.add(device)
    await session.flush()
    _note(session, Tag.DEVICE_ASKED, doer, device, now)
    return device


def proposal(known: Known, organisation_fingerprint: str, now: datetime) -> Body:
    """The certificate that an administrator is asked to sign."""
    return Body(
        organisation=organisation_fingerprint,
        account=known.account.id,
        name=known.account.name,
        role=Role(known.account.role),
        sign=known.device.sign_key,
        seal=known.device.seal_key,
        issued=now,
        expires=now + certificates.VALID,
    )


async def certify(session: AsyncSession, doer: Doer, device: Device, certificate: Certificate, now: datetime) -> None:
    """Keep a certificate after checking every word of it. Raises DeviceError."""
    key = await organisation(session)
    if key is None:
        raise DeviceError("no_organisation")
    if device.revoked_at is not None:
        raise DeviceError("revoked")
    try:
        body = certificates.check(certificate, key.public_key, now)
    except CertificateError as error:
        raise DeviceError(_FROM_CERTIFICATE[error.code]) from error
    if body.issued < now - STALE:
        raise DeviceError("certificate_expired")
    account = await session.get_one(Account, device.account_id)
    said = (body.account, body.name, body.role.value, body.sign, body.seal)
    if said != (account.id, account.name, account.role, device.sign_key, device.seal_key):
        raise DeviceError("certificate_other_device")
    device.certificate_body, device.certificate_signature = certificate.body, certificate.signature
    device.certified_at, device.expires_at = now, body.expires
    _note(session, Tag.DEVICE_CERTIFIED, doer, device, now, expires=body.expires.isoformat())


def revoke(session: AsyncSession, doer: Doer, device: Device, now: datetime) -> bool:
    """It counts no more, from this moment and for good; False when it was so already."""
    if device.revoked_at is not None:
        return False
    device.revoked_at = now
    _note(session, Tag.DEVICE_REVOKED, doer, device, now)
    return True


# what others must know


async def everybody(session: AsyncSession, now: datetime) -> list[Known]:
    """All devices, those that wait first, then by name."""
    found = await _known(session, select(Device, Account).join(Account, Account.id == Device.account_id), now)
    order = list(State)
    return sorted(found, key=lambda each: (order.index(each.state), each.account.name, each.device.asked_at))


async def of_accounts(session: AsyncSession, account_ids: Collection[str], now: datetime) -> list[Known]:
    """The devices of these accounts, oldest first."""
    query = select(Device, Account).join(Account, Account.id == Device.account_id)
    return await _known(session, query.where(Device.account_id.in_(account_ids)).order_by(Device.asked_at), now)


async def certified(session: AsyncSession, account_ids: Collection[str], now: datetime) -> list[Known]:
    """Those devices of these accounts whose certificates hold."""
    return [each for each in await of_accounts(session, account_ids, now) if each.state is State.CERTIFIED]


async def still_certified(session: AsyncSession, names: Collection[str], now: datetime) -> set[str]:
    """Those of these fingerprints whose devices are certified."""
    query = select(Device, Account).join(Account, Account.id == Device.account_id)
    found = await _known(session, query.where(Device.fingerprint.in_(names)), now)
    return {each.device.fingerprint for each in found if each.state is State.CERTIFIED}


async def by_fingerprint(session: AsyncSession, name: str, now: datetime) -> Known | None:
    """The device of this name."""
    query = select(Device, Account).join(Account, Account.id == Device.account_id)
    found = await _known(session, query.where(Device.fingerprint == name), now)
    return found[0] if found else None


async def revoked(session: AsyncSession, *, for_good: bool = False) -> Sequence[str]:
    """Fingerprints of devices that count no more, those of disabled accounts too, who may be enabled again.

    ``for_good``: without those, as browsers remember what can never be taken back.
    """
    gone = Device.revoked_at.is_not(None)
    chosen = (
        select(Device.fingerprint)
        .join(Account, Account.id == Device.account_id)
        .where(gone if for_good else or_(gone, Account.disabled_at.is_not(None)))
    )
    return (await session.scalars(chosen.order_by(Device.fingerprint))).all()


async def _known(session: AsyncSession, query: Select[Device, Account], now: datetime) -> list[Known]:
    key = await organisation(session)
    found = await session.execute(query)
    return [Known(device, account, _state(device, account, key, now)) for device, account in found]


def _state(device: Device, account: Account, key: OrganisationKey | None, now: datetime) -> State:
    if device.revoked_at is not None or account.disabled_at is not None:
        return State.REVOKED
    certificate = _certificate(device)
    if certificate is None or key is None:
        return State.ASKED
    body = certificates.read(certificate)
    if body.expires <= now:
        return State.EXPIRED
    # Another key of the organisation, another role or name: what the certificate says is not so any more.
    now_so = (key.fingerprint, account.role, account.name)
    return State.CERTIFIED if (body.organisation, body.role.value, body.name) == now_so else State.ASKED


def _certificate(device: Device) -> Certificate | None:
    if device.certificate_body is None or device.certificate_signature is None:
        return None
    return Certificate(body=device.certificate_body, signature=device.certificate_signature)


def _note(session: AsyncSession, tag: Tag, doer: Doer, device: Device, at: datetime, **more: str) -> None:
    details = {"device": device.fingerprint, "account": device.account_id, "by": doer.name, **more}
    append(session, tag, actor=account_actor(doer.id), at=at, details=details)


_FROM_CERTIFICATE: dict[certificates.Code, Code] = {
    "malformed": "certificate_malformed",
    "wrong_organisation": "certificate_wrong_organisation",
    "bad_signature": "certificate_bad_signature",
    "not_yet_valid": "certificate_not_yet_valid",
    "expired": "certificate_expired",
    "too_long": "certificate_too_long",
}
