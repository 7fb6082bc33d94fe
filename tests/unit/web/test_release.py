"""The list by which anybody compares what a server delivers: the same from the same sources, another from others."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

from server.files import with_phone

WEB = Path(__file__).parents[3] / "web"


def _release(web: Path, *options: str, temporary: Path) -> str:
    node = shutil.which("node")
    assert node is not None
    temporary.mkdir(parents=True)
    done = subprocess.run(
        [node, "release.mjs", *options],
        cwd=web,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources at another place, with the packages as they are."""
    copy = tmp_path / "elsewhere" / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("node_modules", "dist", ".dist-*"))
    (copy / "node_modules").symlink_to((WEB / "node_modules").resolve())
    return copy


def test_two_builds_at_two_places_are_the_same_and_a_changed_byte_is_seen(checkout: Path, tmp_path: Path) -> None:
    listed = _release(checkout, temporary=tmp_path / "one")
    assert _release(checkout, temporary=tmp_path / "two" / "deeper") == listed

    worker = checkout / "client" / "e2ee" / "frames.ts"
    worker.write_text(worker.read_text() + "\nconsole.info(1);\n")
    changed = {
        line.split()[1]
        for line in set(_release(checkout, temporary=tmp_path / "three").splitlines()) - set(listed.splitlines())
    }
    # The page names the script and its hash, the script names the workers and theirs: all of them are other ones now.
    assert {name.partition(".")[0] for name in changed} == {
        "call",
        "static/call",
        "static/e2ee-worker-native",
        "static/e2ee-worker-noble",
    }


def test_it_lists_and_copies_everything_that_the_page_loads(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "host"
    options = (f"--to={out}", "--server=https://poruch.example.org")
    listed = _release(checkout, *options, temporary=tmp_path / "one")
    lines = [line.split() for line in listed.splitlines()]
    kinds = {f"{name.partition('.')[0]}.{name.rpartition('.')[2]}" for _, name, _ in lines}
    assert kinds >= {"static/call.js", "static/call.css", "static/e2ee-worker-native.js", "static/e2ee-worker-noble.js"}
    assert {f"static/locale/{language}.json" for language in ("en", "ru", "uk")} <= kinds
    assert not any(name.startswith("static/site") for _, name, _ in lines)
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {name if name != "call" else "call.html" for _, name, _ in lines}
    for digest, name, integrity in lines:
        content = (out / (name if name != "call" else "call.html")).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}" == integrity
    page = (out / "call.html").read_text()
    assert '<meta name="poruch-server" content="https://poruch.example.org">' in page
    assert '"/static' not in page


def test_with_the_phone_number_it_is_the_very_page_that_a_server_delivers(checkout: Path, tmp_path: Path) -> None:
    phone = "+380 44 <b>\"000\"</b> & 'all' %server%"
    for name, options in (("without", ()), ("with", (f"--phone={phone}",))):
        _release(checkout, f"--to={tmp_path / name}", *options, temporary=tmp_path / f"build {name}")
    page = (tmp_path / "without" / "call.html").read_text()
    assert with_phone(page, "") == page
    delivered = with_phone(page, phone)
    assert (tmp_path / "with" / "call.html").read_text() == delivered
    assert delivered.count(escape(phone)) == 2


def test_a_server_that_is_no_origin_is_refused(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="is not like"):
        _release(checkout, "--server=https://poruch.example.org/call", temporary=tmp_path / "one")
