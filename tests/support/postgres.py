"""A PostgreSQL server of the tests' own: started from the installed binaries, on a socket that nobody else reaches."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
"""Debian's place; the newest comes first."""
PROGRAMS = ("postgres", "initdb", "pg_ctl", "createdb")
OWNER = "postgres"
"""PostgreSQL refuses to run as root; Debian's package makes this user for it."""
NAME = "poruch"


def installed() -> Path | None:
    """Where the server's programs are, if they are."""
    found = shutil.which("postgres")
    places = [*BINARIES, *([Path(found).resolve().parent] if found else [])]
    return next((each for each in places if all((each / program).exists() for program in PROGRAMS)), None)


class Postgres:
    """One running server; each test gets a database of its own in it."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._as_owner = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"] if _is_root() else []
        self.folder = Path(tempfile.mkdtemp(prefix="poruch-postgres-"))
        if _is_root():
            shutil.chown(self.folder, OWNER, OWNER)
        self._data = self.folder / "data"
        self._run("initdb", "-D", str(self._data), "-U", NAME, "-A", "trust", "-E", "UTF8", "--no-sync")
        # Nothing survives the tests, so nothing needs to reach the disk; connections come by the socket alone.
        options = f"-c listen_addresses= -c fsync=off -c max_connections=60 -k {self.folder}"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-o", options, "-w", "start")

    def new_url(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        name = f"t{secrets.token_hex(6)}"
        self._run("createdb", "-h", str(self.folder), "-U", NAME, "-E", "UTF8", "-T", "template0", name)
        return f"postgresql+asyncpg://{NAME}@/{name}?host={self.folder}"

    def stop(self) -> None:
        """End the server and forget it."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_owner, str(self._binaries / program), *arguments]
        # A pipe that the server inherits would never end, so what it says goes into a file.
        with (self.folder / "said").open("ab") as said:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False, cwd="/")
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{(self.folder / 'said').read_text()}")


def _is_root() -> bool:
    return os.geteuid() == 0
