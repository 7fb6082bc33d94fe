"""The command line as a person meets it: real processes on free ports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from pathlib import Path

import aiohttp
import pytest

from server import __version__, orgkey
from server.cli import main
from tests.support.demo import ROOT, Demo


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data directory of the test's own, and no settings from this machine."""
    for name in list(os.environ):
        if name.startswith("PORUCH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PORUCH_CONFIG", str(tmp_path / "poruch.toml"))
    monkeypatch.setenv("PORUCH_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


async def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run one command to its end: status, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "server", *arguments),
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_demo_serves_what_it_printed_and_ends_quietly(tmp_path: Path) -> None:
    demo = await Demo.start(tmp_path / "demo")
    async with aiohttp.ClientSession() as browser:
        for each in demo.links["staff"]:
            async with browser.get(each["sign_in_url"]) as response:
                assert response.status == 200, each
            browser.cookie_jar.clear()
        async with browser.get(demo.sign_in_url("case_manager").partition("#")[0][:-1] + "x") as response:
            assert response.status == 404
    first = demo.links
    demo.process.send_signal(signal.SIGINT)
    assert await demo.stop() == 0
    assert "Traceback" not in demo.log.read_text()
    again = await Demo.start(tmp_path / "demo")
    assert [each["name"] for each in again.links["staff"]] == [each["name"] for each in first["staff"]]
    assert await again.stop() == 0


async def test_the_demo_says_what_to_do_when_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, out, err = await run("demo", "--port", port, "--data", str(tmp_path / "demo"))
    assert (status, out) == (2, "")
    assert f"Port {port} is already in use" in err
    assert "--port 0" in err
    assert "Traceback" not in err


async def test_the_demo_keeps_away_from_a_real_organisation(environment: Path) -> None:
    assert (await run("migrate"))[0] == 0
    assert (await run("create-admin", "--email", "o@example.org", "--name", "O"))[0] == 0
    status, _, err = await run("demo", "--port", "0", "--data", str(environment))
    assert status == 2
    assert "holds a real organisation" in err
    status, _, err = await run("demo", "--port", "0", "--data", str(environment), "--fresh")
    assert status == 2
    assert (environment / "poruch.sqlite3").exists()


async def test_the_real_server_keeps_away_from_the_demos_data(environment: Path) -> None:
    environment.mkdir()
    (environment / "demo").touch()
    status, _, err = await run("serve")
    assert (status, "holds the demo" in err) == (2, True)


async def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    demo = await Demo.start(tmp_path / "demo")
    status, _, err = await run("demo", "--port", "0", "--data", str(tmp_path / "demo"))
    await demo.stop()
    assert (status, "already running" in err) == (2, True)


async def test_the_demo_on_the_network_speaks_https_under_its_own_certificate(tmp_path: Path) -> None:
    demo = await Demo.start(tmp_path / "demo", arguments=["--lan"])
    try:
        assert demo.url.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "demo" / "lan.crt"))
        link = demo.sign_in_url("case_manager")
        async with aiohttp.ClientSession() as browser, browser.get(link, ssl=trusted, allow_redirects=False) as answer:
            assert answer.status == 200
            cookie = answer.headers["Set-Cookie"]
            assert cookie.startswith("__Host-poruch=")
            assert "Secure" in cookie
            assert "Strict-Transport-Security" in answer.headers
    finally:
        await demo.stop()


async def test_serve_wants_the_tables_first(environment: Path) -> None:
    status, _, err = await run("serve")
    assert (status, err.strip().splitlines()[-1]) == (
        2,
        "The database does not have this version's tables. Run: poruch migrate",
    )


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PORUCH_MEDIA_WORKERS": "0"}, "media_workers"),
        ({"PORUCH_LISTEN_HOST": "0.0.0.0"}, "without encryption"),
        ({"PORUCH_TIME_ZONE": "Mars/Olympus"}, "not a known time zone"),
        ({"PORUCH_DEMO": "true"}, "one-click sign-in"),
    ],
)
def test_serve_refuses_unsafe_settings_in_a_sentence(
    variables: dict[str, str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["serve"]) == 2
    assert sentence in capsys.readouterr().err


async def test_a_real_server_from_nothing_to_its_first_administrator(environment: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    variables = {"PORUCH_LISTEN_PORT": str(port), "PORUCH_BASE_URL": f"http://localhost:{port}"}
    assert (await run("migrate", **variables))[0] == 0
    status, out, _ = await run("create-admin", "--email", "o@example.org", "--name", "Олена", **variables)
    assert status == 0
    link = next(line.strip() for line in out.splitlines() if "/password/set/" in line)
    assert (await run("create-admin", "--email", "O@example.org", "--name", "O", **variables))[0] == 2
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "server", "serve"),
        cwd=ROOT,
        env={**os.environ, **variables},
        stderr=asyncio.subprocess.PIPE,
    )
    assert server.stderr
    try:
        while json.loads(await server.stderr.readline())["message"] != "ready":
            pass
        async with aiohttp.ClientSession() as browser, browser.get(link) as response:
            assert response.status == 200
        status, out, _ = await run("backup", str(environment.parent), **variables)
        assert (status, "sha256" in out) == (0, True)
    finally:
        server.send_signal(signal.SIGTERM)
        rest = (await server.communicate())[1].decode()
    assert server.returncode == 0
    assert "Traceback" not in rest
    assert link.rsplit("/", 1)[1] not in rest


def test_settings_are_printed_with_meaning_value_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    out = capsys.readouterr().out
    assert "data_dir = " in out
    assert "(environment, PORUCH_DATA_DIR)" in out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert __version__ in capsys.readouterr().out


PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person types where nothing is shown."""
    answers: list[str] = []
    monkeypatch.setattr("getpass.getpass", lambda _prompt: answers.pop(0))
    return answers


def test_the_organisations_key_is_made_on_ones_own_and_the_server_is_told_the_public_half(
    tmp_path: Path, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key.json"
    typed += [PASSPHRASE, PASSPHRASE]
    assert main(["org-key", str(file)]) == 0
    public = orgkey.read(file.read_text()).public
    assert public in capsys.readouterr().out
    assert main(["trust-org-key", public]) == 2, "before the tables are made"
    assert main(["migrate"]) == 0
    assert [main(["trust-org-key", each]) for each in (public, str(file))] == [0, 0]
    assert "Trusted already" in capsys.readouterr().out
    other = tmp_path / "other.json"
    typed += [PASSPHRASE, PASSPHRASE]
    assert main(["org-key", str(other)]) == 0
    assert main(["trust-org-key", str(other)]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["trust-org-key", "--replace", str(other)]) == 0


def test_no_key_is_made_with_a_weak_or_mistyped_passphrase_or_over_another(
    tmp_path: Path, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key.json"
    typed += ["short"]
    assert main(["org-key", str(file)]) == 2
    typed += [PASSPHRASE, PASSPHRASE + "!"]
    assert main(["org-key", str(file)]) == 2
    assert not file.exists()
    file.write_text("something")
    typed += [PASSPHRASE, PASSPHRASE]
    assert main(["org-key", str(file)]) == 2
    assert file.read_text() == "something"
    assert main(["trust-org-key", "AAAA"]) == 2
    assert "exists already" in capsys.readouterr().err
