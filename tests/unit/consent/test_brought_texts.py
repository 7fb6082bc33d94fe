"""The texts that the program brings: every purpose in every language, in plain words, naming the organisation."""

from __future__ import annotations

import re

import pytest

from consent.notices import PARTS, Purpose
from server.consents.texts import brought

LANGUAGES = ("uk", "ru", "en")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_is_told_in_every_language(purpose: Purpose, language: str) -> None:
    text = brought(purpose, language, "Служба", "+380 44 1")
    assert text is not None
    assert "Служба" in text.controller
    assert "{" not in "".join(getattr(text, part) for part in PARTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_no_sentence_is_longer_than_thirty_words(purpose: Purpose, language: str) -> None:
    text = brought(purpose, language, "Служба", "+380 44 1")
    assert text is not None
    for part in PARTS:
        for sentence in re.split(r"(?<=[.?!]) ", getattr(text, part)):
            assert len(sentence.split()) <= 30, sentence


def test_a_language_that_is_not_brought_has_no_text() -> None:
    assert brought(Purpose.VIDEO, "tlh", "Service", "") is None


def test_all_languages_of_a_purpose_show_the_same_picture() -> None:
    for purpose in Purpose:
        texts = [brought(purpose, language, "Service", "") for language in LANGUAGES]
        assert len({text.picture for text in texts if text}) == 1
