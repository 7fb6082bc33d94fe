"""Notices: what is hashed, what is refused, and which version is current."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consent.notices import PARTS, Notice, NoticeError, Purpose, Text, checked, current, text_hash

NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)


def with_part(text: Text, part: str, value: str) -> Text:
    """The text with one part, given by its name, changed."""
    values = {field.name: getattr(text, field.name) for field in dataclasses.fields(text)}
    return Text(**values | {part: value})


TEXT = Text("uk", "Відео", "що", "чому", "хто", "доки", "права", "як зупинити", "організація", "video")


def test_every_part_that_is_read_seen_or_heard_changes_the_hash() -> None:
    hashes = {text_hash(Purpose.VIDEO, 1, TEXT), text_hash(Purpose.VIDEO, 2, TEXT), text_hash(Purpose.HELPER, 1, TEXT)}
    for part in (*PARTS, "language", "picture"):
        hashes.add(text_hash(Purpose.VIDEO, 1, with_part(TEXT, part, "other")))
    hashes.add(text_hash(Purpose.VIDEO, 1, replace(TEXT, media={"audio": "0" * 64})))
    hashes.add(text_hash(Purpose.VIDEO, 1, replace(TEXT, media={"sign_video": "0" * 64})))
    assert len(hashes) == 3 + len(PARTS) + 2 + 2


def test_the_hash_of_a_notice_can_be_computed_again_by_anybody() -> None:
    # From an independent computation: printf of the domain line and the canonical JSON through sha256sum.
    text = Text("en", "a", "b", "c", "d", "e", "f", "g", "h", "video")
    assert text_hash(Purpose.VIDEO, 1, text) == HASH_BY_HAND


HASH_BY_HAND = "bfdbaced5d42cb3c24a74b113dc9b86530077c817bdba7831371065e329936f1"


@pytest.mark.parametrize("part", PARTS)
def test_it_refuses_a_text_with_an_empty_or_endless_part(part: str) -> None:
    for value, code in ((" \n ", "empty"), ("я" * 1201, "long")):
        with pytest.raises(NoticeError) as refused:
            checked(with_part(TEXT, part, value))
        assert (refused.value.field, refused.value.code) == (part, code)


def test_it_refuses_pictures_and_recordings_that_it_does_not_know() -> None:
    with pytest.raises(NoticeError, match="picture"):
        checked(replace(TEXT, picture="../../etc/passwd"))
    with pytest.raises(NoticeError, match="audio"):
        checked(replace(TEXT, media={"audio": "not a hash"}))


def test_it_knows_only_texts_that_were_really_in_a_version() -> None:
    notice = Notice(Purpose.VIDEO, 1, NOW, {"uk": TEXT})
    assert notice.shown_as(notice.hash_of("uk")) == TEXT
    assert notice.shown_as("0" * 64) is None
    assert notice.hash_of("en") == notice.hash_of("uk")  # whoever reads English is shown the only text there is


def test_the_newest_published_version_is_current() -> None:
    first, second, later = (
        Notice(Purpose.VIDEO, version, NOW + timedelta(days=day), {"uk": TEXT})
        for version, day in ((1, -2), (2, -1), (3, 1))
    )
    assert current([second, later, first], Purpose.VIDEO, NOW) is second
    assert current([first], Purpose.HELPER, NOW) is None
    assert current([first], Purpose.VIDEO, NOW - timedelta(days=9)) is None
