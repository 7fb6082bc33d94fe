"""The demo's consent: texts in three languages, a supervisor's decision, and an agreement to an older text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from consent.keys import SYSTEM, Purpose, open_case
from consent.notices import Purpose as Agreed
from consent.notices import current
from server.appointments.tables import Appointment, Seat
from server.cases.service import Doer
from server.consents import service, suitability, texts
from server.settings import Settings

BEFORE = timedelta(days=10)
"""How long before the demo begins its organisation has begun."""
HOLDS = timedelta(days=180)
CAMERA: Mapping[str, str] = {
    "uk": "Чи вмикати камеру, вирішуєте ви.",
    "ru": "Включать ли камеру, решаете вы.",
    "en": "Whether your camera is on is up to you.",
}
"""What the second version of the text about video adds, so that the demo's client is asked again."""


@dataclass(frozen=True)
class DemoConsent:
    """Finds or makes each piece, in the demo's transaction."""

    session: AsyncSession
    settings: Settings
    now: datetime

    async def told(self) -> None:
        """The texts that the program brings, as they were when the organisation began."""
        named = (self.settings.organisation, self.settings.help_phone, self.settings.languages)
        await texts.ensure_defaults(self.session, *named, self.now - BEFORE)

    async def suitable(self, supervisor: Doer, case_id: str) -> None:
        """A supervisor has found video suitable for this case, and looks at it again in three months."""
        if await suitability.latest(self.session, case_id, self.now) is not None:
            return
        decided_at = self.now - BEFORE
        decision = suitability.NewDecision(
            suitable=True,
            reason="Живе сама, має власний телефон, вдома безпечно.",
            expires_at=decided_at + HOLDS,
            review_at=decided_at + HOLDS / 2,
        )
        await suitability.decide(self.session, supervisor, case_id, decision, decided_at)

    async def agreed(self, appointment: Appointment, client: Seat, at: datetime) -> None:
        """The client agreed to the conversation at this moment, to the text of then."""
        key = await open_case(self.session, SYSTEM, appointment.case_id, Purpose.SYSTEM)
        notice = current(await texts.published(self.session), Agreed.VIDEO, at)
        if notice is None:
            return  # this server published its texts later: nobody can have agreed to them then
        given = service.Given(Agreed.VIDEO.value, notice.hash_of(client.language), "given")
        await service.answer(self.session, key, seat_id=client.id, answers=[given], tapped_by="person", now=at)

    async def rewritten(self, supervisor: Doer) -> None:
        """Yesterday the text about video got one sentence more: whoever agreed before is asked again."""
        newest = (await texts.versions(self.session, Agreed.VIDEO))[0]
        if newest.version > 1 or newest.published_at is None:
            return
        draft = await texts.begin_draft(self.session, Agreed.VIDEO)
        for language, row in (await texts.texts_of(self.session, draft.id)).items():
            text = texts.text_of(row)
            more = replace(text, what=f"{text.what} {CAMERA.get(language, '')}".strip())
            await texts.write_draft(self.session, draft, more, self.settings.organisation, self.settings.help_phone)
        at = max(newest.published_at, self.now - timedelta(days=1))
        languages = list(await texts.texts_of(self.session, draft.id))
        await texts.publish(self.session, supervisor, draft, languages, at)
