"""Languages: which one a person reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.i18n import Catalogs


@pytest.fixture
def catalogs(tmp_path: Path) -> Catalogs:
    return Catalogs(tmp_path, ["uk", "ru", "en"], "uk")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("de", None),
        ("en-GB,en;q=0.8", "en"),
        ("de, ru;q=0.5, uk;q=0.9", "uk"),
        ("en;q=0", None),
        ("en;q=nonsense, ru", "ru"),
        ("*" * 5000, None),
    ],
)
def test_it_reads_what_the_browser_prefers(catalogs: Catalogs, header: str | None, expected: str | None) -> None:
    assert catalogs.from_header(header) == expected


def test_it_takes_the_first_wish_that_is_on_offer(catalogs: Catalogs) -> None:
    assert catalogs.choose(None, "de", "en", "ru") == "en"
    assert catalogs.choose(None, "../../etc") == "uk"


def test_a_missing_catalog_reads_as_the_source(catalogs: Catalogs) -> None:
    assert catalogs.of("ru").gettext("Sign in") == "Sign in"
    assert catalogs.of("xx").ngettext("%(num)s hour", "%(num)s hours", 2) == "%(num)s hours"
