"""What the demo organisation does about encryption: its key, its staff's certified devices, the vault's entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from consent.ledger import SYSTEM
from consent.policy import Action, Role, allows
from server import orgkey
from server.appointments.tables import Appointment, Seat
from server.cases.service import Doer
from server.demo_keys import DemoKeys, seal
from server.devices import certificates, service
from server.devices.service import State
from server.devices.signatures import sign, spki
from server.vault import service as vault
from server.vault.entries import APPOINTMENT, Entry

KEY_FILE = "organisation-key.json"
PASSPHRASE = "demonstration"  # noqa: S105 - so that anybody can try the certifying page with the demo's own key
_SOON = timedelta(days=30)
"""A certificate that ends within this time is renewed at the next start."""


@dataclass(frozen=True)
class DemoEncryption:
    """Makes what is missing, in one transaction; a restart finds everything as it was."""

    session: AsyncSession
    keys: DemoKeys
    now: datetime

    def write_key_file(self, data_dir: Path) -> None:
        """Lay the organisation's key where somebody who tries the certifying page finds it."""
        path = data_dir / KEY_FILE
        if not path.exists():
            orgkey.write_new(path, orgkey.seal(self.keys.organisation(), PASSPHRASE))

    async def certify(self, people: Sequence[Doer], administrator: Doer) -> None:
        """A certified device for each of these people who takes part in calls."""
        await service.trust(
            self.session, spki(self.keys.organisation().public_key()), actor=SYSTEM, now=self.now, replace=True
        )
        for person in people:
            if takes_part(person.role):
                await self._certify(person, administrator)

    async def fill_vault(self, doer: Doer, appointment: Appointment, invited: Sequence[Seat]) -> None:
        """Seal the appointment's secret, and those of the invitations by link, to the team's devices."""
        devices = await vault.recipients(self.session, appointment.case_id, self.now)
        recipients = {each.fingerprint: certificates.read(each.certificate).seal for each in devices}
        there = {entry.body for entry in await vault.of_appointment(self.session, appointment.id)}
        subject: dict[str, str | None] = {
            "appointment": appointment.id,
            "secret": APPOINTMENT,
            "seat": None,
            "role": None,
        }
        wanted: list[tuple[dict[str, str | None], bytes]] = [(subject, self.keys.appointment_secret(appointment.id))]
        for seat in invited:
            if seat.by_link:
                theirs: dict[str, str | None] = {"secret": f"seat:{seat.id}", "seat": seat.id, "role": seat.role}
                wanted.append((subject | theirs, self.keys.invitation_secret(seat.id, seat.link_version)))
        own = [
            each for each in await service.certified(self.session, [doer.id], self.now) if self._is_demos(each, doer)
        ]
        if not own or own[0].certificate is None:
            return  # somebody revoked it, to try that out
        certificate = own[0].certificate
        fresh = []
        for about, secret in wanted:
            if not any(f'"secret":"{about["secret"]}"' in body for body in there):
                body, signature = seal(about, secret, recipients, self.keys.signing(doer.id))
                fresh.append(Entry(body=body, signer=certificate, signature=signature))
        await vault.keep(self.session, doer, appointment, fresh, self.now)

    def _is_demos(self, known: service.Known, doer: Doer) -> bool:
        """Not a browser that somebody has certified by hand beside it."""
        return known.device.sign_key == spki(self.keys.signing(doer.id).public_key())

    async def _certify(self, person: Doer, administrator: Doer) -> None:
        signing, sealing = self.keys.signing(person.id), self.keys.sealing(person.id)
        sign_key, seal_key = spki(signing.public_key()), spki(sealing.public_key())
        proof = sign(signing, service.LABEL, service.statement(person.id, sign_key, seal_key))
        try:
            device = await service.ask(
                self.session, person, sign_key=sign_key, seal_key=seal_key, proof=proof, now=self.now
            )
        except service.DeviceError as error:
            if error.code == "revoked":  # somebody tried that out in the demo; it stays so until the demo begins anew
                return
            raise
        known = await service.by_fingerprint(self.session, device.fingerprint, self.now)
        key = await service.organisation(self.session)
        if known is None or key is None:
            return
        if known.state is State.CERTIFIED and device.expires_at and device.expires_at > self.now + _SOON:
            return
        body = service.proposal(known, key.fingerprint, self.now)
        certificate = certificates.issue(self.keys.organisation(), body)
        await service.certify(self.session, administrator, device, certificate, self.now)


def takes_part(role: Role) -> bool:
    """Whether people of this role come to calls, and so need a device."""
    return allows(role, Action.JOIN_MEETING, on_team=True)
