"""A participant without a browser whose media is encrypted: comes by link, with the secrets that the link carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.support.headless import Headless, Received
from tests.support.keys_process import Denied, KeysProcess, Member
from tests.support.sframe import Stream
from tests.support.socket_person import Refused, SocketPerson


@dataclass
class EncryptedPerson:
    """A connection, its keys, and its media. Media may flow once the member sends: ``await person.has_keys()``."""

    person: SocketPerson
    member: Member
    media: Headless

    @classmethod
    async def start(cls, person: SocketPerson, invitation: str, process: KeysProcess) -> EncryptedPerson:
        """Begin the encryption of somebody who has been let in, as the page does at every entry."""
        address = urlsplit(invitation)
        you, appointment = person.seat["you"], person.seat["appointment"]["id"]
        link = await process.order("link", hash=address.fragment)
        assert link, "the link carries no secrets"
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{address.scheme}://{address.netloc}/api/trust") as answer,
        ):
            said = await answer.json()
        organisation = await process.order("pin", key=said["organisation"]["key"], known=link["organisation"])
        await process.order("device", name=you["seat"])

        async def ask(event: str, data: dict[str, Any]) -> dict[str, Any]:
            try:
                return await person.request(event, data)
            except Refused as refusal:
                raise Denied(refusal.code, str(refusal)) from None

        member = await process.open(
            ask,
            label=f"{you['name']} ({you['seat']})",
            device=you["seat"],
            seat=you["seat"],
            role=you["role"],
            name=you["name"],
            invitation=link["invitation"],
            trust={
                "appointment": appointment,
                "organisation": organisation,
                "revoked": said["revoked"],
                "invitations": {},
                "secret": link["appointment"],
            },
        )
        latest = {event: data for event, data in person.heard if event in {"room.state", "mls.state"}}
        person.hearer = member.hear
        for event, data in latest.items():
            member.hear(event, data)
        return cls(person, member, Headless(person.request, member.frames))

    async def has_keys(self) -> None:
        """Wait until this participant is in the group and sends with its keys."""
        await self.member.until(lambda: self.member.frames.sending is not None)

    async def consume(self, seat: str, source: str) -> tuple[str, Received]:
        """Receive what that person sends from there, once it is published: the producer's id, and the counts."""

        def published(state: dict[str, Any]) -> dict[str, Any] | None:
            return next((each for each in state["producers"] if (each["seat"], each["source"]) == (seat, source)), None)

        producer = await self.person.until(published)
        stream = Stream(seat, producer["kind"], source)
        return producer["id"], await self.media.consume(producer["id"], stream)

    async def leave(self) -> None:
        """Go, and forget every key."""
        await self.media.close()
        await self.member.close()
        await self.person.leave()
