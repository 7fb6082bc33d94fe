"""Settings: what is read from where, and what is refused in a plain sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from server import explain
from server.settings import ROOT, Settings, SettingsError, load, refuse_unsafe


@pytest.fixture(autouse=True)
def _no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORUCH_CONFIG", str(tmp_path / "poruch.toml"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"media_workers": 0}, "media_workers"),
        ({"time_zone": "Europe/Atlantis"}, "not a known time zone"),
        ({"languages": "uk,en", "default_language": "ru"}, "not one of languages"),
        ({"languages": ""}, "at least one language"),
        ({"base_url": "poruch.example.org"}, "not an address like"),
        ({"base_url": "https://poruch.example.org/call"}, "not an address like"),
        ({"media_announced": "my-server"}, "media_announced"),
        ({"turn_urls": "relay.example.org", "turn_secret": "s"}, "turn_urls"),
        ({"turn_urls": "turn:relay.example.org"}, "turn_secret"),
        ({"turn_secret": "s"}, "turn_urls"),
        ({"tls_cert": "/etc/cert.pem"}, "belong together"),
        ({"media_port": 65535, "media_workers": 2}, "beyond port 65535"),
        ({"listen_port": 70000}, "listen_port"),
        ({"colour": "blue"}, "no setting called colour"),
    ],
)
def test_it_refuses_what_cannot_work(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load(**given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"demo": True}, "one-click sign-in"),
        ({"base_url": "http://poruch.example.org"}, "only to HTTPS"),
        ({"listen_host": "0.0.0.0"}, "without encryption"),
        ({"base_url": "https://poruch.example.org"}, "nothing here speaks HTTPS"),
        ({"tls_cert": "c", "tls_key": "k", "behind_proxy": 1, "base_url": "https://a.example"}, "keep one"),
        ({"tls_cert": "/no/cert", "tls_key": "/no/key", "base_url": "https://a.example"}, "cannot be read"),
    ],
)
def test_it_refuses_to_serve_unsafely(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        refuse_unsafe(load(**given))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"base_url": "https://poruch.example.org", "behind_proxy": 1},
        {"base_url": "https://poruch.example.org", "behind_proxy": 1, "listen_host": "0.0.0.0"},
        {"base_url": "http://localhost:8080"},
    ],
)
def test_it_lets_safe_combinations_serve(given: dict[str, Any]) -> None:
    refuse_unsafe(load(**given))


def test_it_takes_the_environment_over_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "poruch.toml").write_text('organisation = "File"\nhelp_phone = "112"\nlanguages = ["uk"]\n')
    monkeypatch.setenv("PORUCH_ORGANISATION", "Environment")
    monkeypatch.setenv("PORUCH_MEDIA_ANNOUNCED", "192.0.2.1, 2001:DB8::1")
    settings = load()
    assert (settings.organisation, settings.help_phone, settings.time_zone) == ("Environment", "112", "Europe/Kyiv")
    assert settings.media_announced == ["192.0.2.1", "2001:db8::1"]
    text = explain.table(settings)
    assert "organisation = Environment    (environment, PORUCH_ORGANISATION)" in text
    assert "help_phone = 112    (file)" in text
    assert "time_zone = Europe/Kyiv    (default)" in text


def test_it_tells_a_broken_file_plainly(tmp_path: Path) -> None:
    (tmp_path / "poruch.toml").write_text("organisation = ")
    with pytest.raises(SettingsError, match="cannot be read"):
        load()


def test_it_shows_every_setting_and_no_secret() -> None:
    text = explain.table(load(metrics_token="hush", database_url="postgresql+asyncpg://poruch:hush@db/poruch"))
    assert "hush" not in text
    assert "postgresql+asyncpg://poruch:***@db/poruch" in text
    assert all(f"\n{name} = " in text for name in Settings.model_fields)


def test_it_writes_origins_as_browsers_do() -> None:
    settings = load(base_url="https://Poruch.Example.org:443/", other_origins="http://[::1]:8080")
    assert settings.origins == {"https://poruch.example.org", "http://[::1]:8080"}


def test_there_is_a_media_worker_for_each_core_unless_one_says() -> None:
    assert load().media_workers == len(os.sched_getaffinity(0))
    assert load(media_workers=3).media_workers == 3


def test_a_port_that_was_opened_for_one_media_worker_gets_one() -> None:
    assert load(media_port=40000).media_workers == 1
    assert load(media_port=40000, media_workers=3).media_workers == 3


def test_the_table_says_how_many_media_workers_there_are() -> None:
    assert "one for each core" in explain.table(load())


def test_the_unit_waits_for_the_longest_drain_that_can_be_set() -> None:
    unit = (ROOT / "deploy" / "poruch.service").read_text("utf-8")
    waits_s = int(unit.partition("\nTimeoutStopSec=")[2].split()[0])
    longest_s = 600
    load(drain_seconds=longest_s)
    with pytest.raises(SettingsError, match="drain_seconds"):
        load(drain_seconds=longest_s + 1)
    assert waits_s > longest_s
