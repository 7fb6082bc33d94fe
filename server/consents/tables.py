"""Tables of consent: notices, records, suitability decisions, representations, and other ways than video."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from consent.sealed import SealedRow, sealed_bytes_or_none, sealed_json, sealed_text, sealed_text_or_none
from consent.tables import ID_LENGTH, Base, new_id
from server.cases.tables import LANGUAGE_LENGTH

CODE_LENGTH = 24
ABOUT_LENGTH = 40
HASH_LENGTH = 64
MARK_LENGTH = 32


class NoticeRow(Base):
    """One version of a notice; a row without ``published_at`` is the draft of the next one."""

    __tablename__ = "consent_notices"
    __table_args__ = (UniqueConstraint("purpose", "version", name="uq_consent_notices_version"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    purpose: Mapped[str] = mapped_column(String(CODE_LENGTH))
    version: Mapped[int] = mapped_column(SmallInteger)
    published_at: Mapped[datetime | None]
    published_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    """None for the texts that the program brings."""


class NoticeText(Base):
    """One notice in one language; ``hash`` is set when it is published and never changes."""

    __tablename__ = "consent_notice_texts"
    __table_args__ = (UniqueConstraint("notice_id", "language", name="uq_consent_notice_texts_language"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    notice_id: Mapped[str] = mapped_column(ForeignKey("consent_notices.id"), index=True)
    language: Mapped[str] = mapped_column(String(LANGUAGE_LENGTH))
    parts: Mapped[dict[str, Any]]
    """The parts by name, the picture's name, and ``media``: slot to SHA-256."""
    hash: Mapped[str | None] = mapped_column(String(HASH_LENGTH), index=True)


class NoticeMedia(Base):
    """A recording or a sign-language video, by the hash of its bytes; nothing personal."""

    __tablename__ = "consent_media"

    sha256: Mapped[str] = mapped_column(String(HASH_LENGTH), primary_key=True)
    content_type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    uploaded_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    uploaded_at: Mapped[datetime]


class ConsentRow(SealedRow, Base):
    """One decision of a person, or of somebody for them; never changed except to be confirmed by the person."""

    __tablename__ = "consent_records"
    __table_args__ = (Index("ix_consent_records_client_id_purpose", "client_id", "purpose"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    """The record's id; with ``-r`` behind it the receipt's."""
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("case_clients.id"))
    appointment_id: Mapped[str | None] = mapped_column(ForeignKey("appointments.id"))
    purpose: Mapped[str] = mapped_column(String(CODE_LENGTH))
    about_key: Mapped[str | None] = mapped_column(String(ABOUT_LENGTH))
    about = sealed_json()
    """``{"name", "role"}`` of whom it is about, as shown."""
    answer: Mapped[str] = mapped_column(String(CODE_LENGTH))
    notice_version: Mapped[int] = mapped_column(SmallInteger)
    notice_hash: Mapped[str] = mapped_column(String(HASH_LENGTH))
    at: Mapped[datetime]
    until: Mapped[datetime | None]
    by: Mapped[str] = mapped_column(String(ABOUT_LENGTH))
    method: Mapped[str] = mapped_column(String(CODE_LENGTH))
    tapped_by: Mapped[str] = mapped_column(String(CODE_LENGTH))
    entered_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    """The member of staff who wrote down what was said or signed elsewhere."""
    witness = sealed_text_or_none()
    confirmed_at: Mapped[datetime | None]
    record = sealed_json()
    """The record after ISO/IEC TS 27560:2023."""
    digest: Mapped[str] = mapped_column(String(HASH_LENGTH))
    """SHA-256 of the record; the ledger has it too."""
    sign_key = sealed_text_or_none()
    """The device key that signed, SPKI as base64url: it names the person's device, so it is sealed, too."""
    signature = sealed_text_or_none()
    signature_mark: Mapped[str | None] = mapped_column(String(MARK_LENGTH), unique=True)
    """The signature's pseudonym under the case's key, so that none is used twice."""
    signed = sealed_text_or_none()
    """What was signed."""


OLDEST_FIRST = (ConsentRow.at, ConsentRow.answer != "given", ConsentRow.id)
"""How decisions follow each other, as in ``consent.gate.latest``: of those of the same moment a "no" counts."""
NEWEST_FIRST = tuple(each.desc() for each in OLDEST_FIRST)


class SuitabilityRow(SealedRow, Base):
    """A dated decision whether remote work is possible on a case, or the flag that it is dangerous. The last counts."""

    __tablename__ = "case_suitability"
    __table_args__ = (Index("ix_case_suitability_case_id_decided_at", "case_id", "decided_at"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    suitable: Mapped[bool] = mapped_column(Boolean)
    danger: Mapped[bool] = mapped_column(Boolean)
    reason = sealed_text()
    decided_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    decided_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    review_at: Mapped[datetime] = mapped_column(index=True)


class RepresentationRow(SealedRow, Base):
    """Somebody who acts for a client by a document."""

    __tablename__ = "case_representations"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("case_clients.id"))
    kind: Mapped[str] = mapped_column(String(CODE_LENGTH))
    name = sealed_text()
    purposes: Mapped[dict[str, Any]]
    """``{"purposes": [...]}``; an empty list is all of them."""
    document = sealed_text()
    """What the document is: its name, number and who issued it."""
    document_type: Mapped[str | None] = mapped_column(String(40))
    document_file = sealed_bytes_or_none()
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime] = mapped_column(index=True)
    added_by: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    added_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class RepresentativeSeat(Base):
    """Which invitation is whose document: what this seat answers counts as the representative's word."""

    __tablename__ = "consent_representative_seats"

    seat_id: Mapped[str] = mapped_column(ForeignKey("appointment_seats.id"), primary_key=True)
    representation_id: Mapped[str] = mapped_column(ForeignKey("case_representations.id"))


class OtherWay(SealedRow, Base):
    """A phone call, a visit or a meeting in person that takes the place of video, with an owner and a date."""

    __tablename__ = "case_other_ways"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    client_id: Mapped[str | None] = mapped_column(ForeignKey("case_clients.id"))
    way: Mapped[str] = mapped_column(String(CODE_LENGTH))
    because: Mapped[str] = mapped_column(String(CODE_LENGTH))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    due_on: Mapped[datetime | None] = mapped_column(index=True)
    """The end of the day by which it is done; None until somebody has taken it, which alarms at once."""
    note = sealed_text_or_none()
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
