"""The tags of ledger entries: everything that the record can say, ``source:subject:action``."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """One enum for the whole product; a tag is never renamed or reused."""

    # accounts
    ACCOUNT_CREATED = "account:account:created"
    ACCOUNT_INVITED = "account:account:invited"
    ACCOUNT_CHANGED = "account:account:changed"
    ACCOUNT_DISABLED = "account:account:disabled"
    ACCOUNT_ENABLED = "account:account:enabled"
    SIGNED_IN = "account:session:signed_in"
    SIGN_IN_FAILED = "account:session:refused"
    SIGNED_OUT = "account:session:signed_out"
    PASSWORD_CHANGED = "account:password:changed"
    PASSWORD_RESET_ASKED = "account:password:reset_asked"

    # cases
    CASE_OPENED = "case:case:opened"
    CASE_CHANGED = "case:case:changed"
    CASE_CLOSED = "case:case:closed"
    CASE_REOPENED = "case:case:reopened"
    CLIENT_ADDED = "case:client:added"
    TEAM_JOINED = "case:team:joined"
    TEAM_LEFT = "case:team:left"
    RECORD_READ = "case:record:read"
    ACCESS_REFUSED = "policy:access:refused"

    # appointments
    PLANNED = "appointment:appointment:planned"
    MOVED = "appointment:appointment:moved"
    CANCELLED = "appointment:appointment:cancelled"
    RESTORED = "appointment:appointment:restored"
    INVITED = "appointment:seat:invited"
    INVITATION_REVOKED = "appointment:seat:revoked"

    # the live meeting
    WAITED = "room:seat:waited"
    ADMITTED = "room:seat:admitted"
    DECLINED = "room:seat:declined"
    JOINED = "room:seat:joined"
    DROPPED = "room:seat:dropped"
    RETURNED = "room:seat:returned"
    MOVED_DEVICE = "room:seat:moved_device"
    LEFT = "room:seat:left"
    NETWORK = "room:seat:network"
    REMOVED = "room:seat:removed"
    MUTED = "room:seat:muted"
    HELPER_STATED = "room:seat:helper_stated"
    HOST_CHANGED = "room:host:changed"
    LOCKED = "room:room:locked"
    UNLOCKED = "room:room:unlocked"
    MEDIA_PAUSED = "room:media:paused"
    MEDIA_RESUMED = "room:media:resumed"
    ENDED = "room:room:ended"

    # keys and devices
    ORGANISATION_TRUSTED = "device:organisation:trusted"
    DEVICE_ASKED = "device:device:asked"
    DEVICE_CERTIFIED = "device:device:certified"
    DEVICE_REVOKED = "device:device:revoked"
    SECRET_SEALED = "vault:secret:sealed"

    # end-to-end encryption of a meeting
    VERIFIED = "encryption:seat:verified"
    MISMATCH = "encryption:seat:mismatch"
    KEYS_REFUSED = "encryption:seat:refused"
    ENCRYPTION_STOPPED = "encryption:room:stopped"
    REKEYED = "encryption:room:rekeyed"

    # keys, reading and erasure
    CASE_READ = "keys:case:read"
    ORGANISATION_READ = "keys:organisation:read"
    KEYS_ROTATED = "keys:organisation:rotated"
    ERASURE_ASKED = "keys:case:erasure_asked"
    ERASURE_WITHDRAWN = "keys:case:erasure_withdrawn"
    CASE_ERASED = "keys:case:erased"
    RETENTION_CHANGED = "case:retention:changed"
    TRANSPORT_PURGED = "system:transport:purged"

    # session records and supervision
    NOTES_WRITTEN = "record:notes:written"
    NOTES_SIGNED = "record:notes:signed"
    CONTACT_ENTERED = "record:contact:entered"
    RECORD_EXPORTED = "record:session:exported"
    GLASS_BROKEN = "supervision:case:glass_broken"
    GLASS_SEEN = "supervision:case:glass_seen"
    INSPECTOR_ADMITTED = "supervision:case:inspector_admitted"
    GRANT_ENDED = "supervision:case:grant_ended"
    SAMPLE_ASKED = "supervision:sample:asked"
    SAMPLE_DRAWN = "supervision:sample:drawn"
    SAMPLE_REVIEWED = "supervision:sample:reviewed"

    # the ledger itself
    CLOCK_SET_BACK = "ledger:clock:set_back"
    CHECKS_RESUMED = "ledger:checks:resumed"

    # consent
    NOTICE_PUBLISHED = "consent:notice:published"
    CONSENT_GIVEN = "consent:purpose:given"
    CONSENT_REFUSED = "consent:purpose:refused"
    CONSENT_WITHDRAWN = "consent:purpose:withdrawn"
    CONSENT_CONFIRMED = "consent:purpose:confirmed"
    CONSENT_EXPORTED = "consent:record:exported"
    SUITABILITY_DECIDED = "consent:suitability:decided"
    DANGER_FLAGGED = "consent:suitability:danger_flagged"
    REPRESENTATION_ADDED = "consent:representation:added"
    REPRESENTATION_ENDED = "consent:representation:ended"
    REPRESENTATION_LINKED = "consent:representation:linked"
    OTHER_WAY_OPENED = "consent:other_way:opened"
    OTHER_WAY_PLANNED = "consent:other_way:planned"
    OTHER_WAY_DONE = "consent:other_way:done"
    PERSON_PAGE_MADE = "person:page:made"
    PERSON_PAGE_OFF = "person:page:off"
    PERSON_PIN_SET = "person:pin:set"
    PERSON_PIN_REFUSED = "person:pin:refused"
