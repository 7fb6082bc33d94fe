"""People with keys at a running meeting server: devices, an organisation, and a wire that a test can hold up."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from consent.policy import Role
from tests.flows.meeting import House, Person, Refused
from tests.support.keys_process import Denied, KeysProcess, Member
from tests.unit.rooms.people import plan

APPOINTMENT = plan().appointment_id


def secret() -> str:
    """Sixteen random bytes as the wire has them."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()


class GroupPerson(Person):
    """A connection whose page has keys. ``catch`` takes deliveries off the wire; what is ``held`` waits."""

    def __init__(self, house: House, seat: str, device: str) -> None:
        super().__init__(house, seat, device)
        self.member: Member | None = None
        self.catch: Callable[[str, dict[str, Any]], bool] = lambda _event, _data: False
        self.caught: list[tuple[str, dict[str, Any]]] = []
        self.held: dict[str, asyncio.Event] = {}
        self.unanswered: set[str] = set()
        """The next request of each of these kinds reaches the server, and its answer is lost."""
        self.outcomes: dict[str, list[str]] = {}

    @property
    def keys(self) -> Member:
        """The device's place in the group."""
        assert self.member
        return self.member

    def hold(self, event: str) -> asyncio.Event:
        """Requests of this kind wait until what is returned is set."""
        return self.held.setdefault(event, asyncio.Event())

    async def until_held(self, event: str) -> None:
        """Wait until the page has asked for this, which is held."""
        await self.until(lambda: event in self.outcomes)

    def held_outcome(self, event: str) -> str:
        """What came of the first request that was held: "ok", a refusal's code, or "waits"."""
        return self.outcomes[event][0]

    def let_through(self, *deliveries: tuple[str, dict[str, Any]]) -> None:
        """Hand these to the page, in this order."""
        for event, data in deliveries:
            self.keys.hear(event, data)

    async def carry(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        """One request of the page to the server."""
        if event not in self.held:
            return await self._pass_on(event, data)
        outcomes = self.outcomes.setdefault(event, [])
        place = len(outcomes)
        outcomes.append("waits")
        await self._tell()
        await self.held[event].wait()
        try:
            answer = await self._pass_on(event, data)
            outcomes[place] = "ok"
        except Denied as denied:
            outcomes[place] = denied.code
            raise
        finally:
            await self._tell()
        return answer

    async def _pass_on(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self.ask(event, **data)
        except Refused as refusal:
            raise Denied(refusal.code, str(refusal)) from None
        if event in self.unanswered:
            self.unanswered.remove(event)
            raise Denied("offline", "the answer was lost")
        return answer

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _hear(self, name: str, data: dict[str, Any]) -> None:
        if name == "room.state" or name.startswith("mls."):
            if self.catch(name, data):
                self.caught.append((name, data))
            elif self.member is not None:
                self.member.hear(name, data)
        await super()._hear(name, data)


@dataclass
class Team:
    """One appointment's devices and secrets, and how each comes into the call."""

    house: House
    process: KeysProcess
    organisation: dict[str, Any]
    roles: dict[str, Role]
    appointment_secret: str = field(default_factory=secret)
    invitations: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, dict[str, str]] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    """Fingerprints, by seat."""
    pages: int = 0

    @classmethod
    async def gather(cls, house: House, process: KeysProcess) -> Team:
        """An organisation, and everybody who is invited: staff certified, the others with a link."""
        made = await process.order("organisation")
        organisation = await process.order("pin", key=made["key"], known=made["fingerprint"])
        invited = house.plans[APPOINTMENT].seats
        team = cls(house, process, organisation, {each.seat_id: each.role for each in invited})
        for each in invited:
            team.devices[each.seat_id] = (await process.order("device", name=each.seat_id))["fingerprint"]
            if each.by_link:
                team.invitations[each.seat_id] = secret()
            else:
                team.certificates[each.seat_id] = await process.order(
                    "certify", device=each.seat_id, account=each.seat_id, name=each.name, role=each.role.value
                )
        return team

    async def come(self, seat: str, by: Person | None = None) -> GroupPerson:
        """Connect and enter; `by` lets in whoever waits. Keys come with `bring_keys`."""
        person = GroupPerson(self.house, seat, seat * 2)
        self.house.people.append(person)
        await (await person.connect()).enter()
        if by is not None:
            await by.until_other(seat, knock="first")
            await by.ask("host.admit", seat=seat)
        await person.until(lambda: person.state["you"]["phase"] == "in")
        return person

    async def bring_keys(self, person: GroupPerson, *, device: str | None = None) -> Member:
        """The page starts its encryption, as after every entry; `device` is whose, if it is not this seat's own."""
        seat, role = person.seat, self.roles[person.seat]
        certificate, self.pages = self.certificates.get(seat), self.pages + 1
        trust = self.trust(seat)
        person.member = await self.process.open(
            person.carry,
            label=f"{role.value} {seat} ({self.pages})",
            device=device or seat,
            seat=seat,
            role=role.value,
            name=person.state["you"]["name"],
            certificate=certificate,
            invitation=self.invitations.get(seat),
            trust=trust,
            mayRaise=certificate is not None and role in {Role.CASE_MANAGER, Role.PSYCHOLOGIST},
        )
        person.let_through(*((name, data) for name, data in latest(person)))
        return person.member

    def trust(self, seat: str, *, revoked: Sequence[str] = ()) -> dict[str, Any]:
        """What the page in this seat judges the others by; `revoked` are fingerprints."""
        return {
            "appointment": APPOINTMENT,
            "organisation": self.organisation,
            "revoked": list(revoked),
            "invitations": self.invitations if seat in self.certificates else {},
            "secret": self.appointment_secret,
        }

    async def join(self, seat: str, by: Person | None = None) -> GroupPerson:
        """Come with keys; does not wait until they are in the group."""
        person = await self.come(seat, by)
        await self.bring_keys(person)
        return person


def latest(person: Person) -> list[tuple[str, dict[str, Any]]]:
    """The last pictures of room and group, which came before the page's encryption started."""
    last = {name: data for name, data in person.heard if name in {"room.state", "mls.state"}}
    return list(last.items())


async def converge(*people: GroupPerson) -> tuple[str, int, str]:
    """Wait until these people, and nobody else, are one group with the same keys, and all send with them."""
    seats = {each.seat for each in people}

    def agree() -> bool:
        at = {each.keys.at for each in people}
        if len(at) != 1 or None in at or any(each.keys.seats != seats for each in people):
            return False
        return all(each.keys.view and each.keys.frames.sending == each.keys.view["epoch"] for each in people)

    await people[0].keys.until(agree)
    at = people[0].keys.at
    assert at
    return at
