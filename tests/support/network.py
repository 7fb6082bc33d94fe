"""A network of the tests' own: this process and all its children meet nobody else.

Firefox sends nothing to a 127.0.0.1 candidate, so the server under test needs an address that is not loopback. As root
the process moves into a network namespace with one (`unshare`); nothing is left behind when it ends. Otherwise the
machine's own address has to serve.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ADDRESS = "10.77.0.1"
CLONE_NEWNET = 0x40000000

# The route makes browsers and servers see this address as the one that leads out, although nothing is there.
COMMANDS = (
    "ip link set lo up",
    "ip link add own0 type veth peer name own1",
    f"ip address add {ADDRESS}/24 dev own0",
    "ip link set own0 up",
    "ip link set own1 up",
    "ip route add default via 10.77.0.2 dev own0",
)


class NoAddressError(Exception):
    """This machine offers neither a namespace nor an address that is not loopback."""


@cache
def enter() -> str:
    """Move into an own network where that is possible, and say which address the media will have.

    Returns the address; raises NoAddressError with what the reader can do.
    """
    if os.geteuid() == 0 and threading.active_count() == 1 and _unshare():
        return ADDRESS
    address = _own_address()
    if address is None:
        raise NoAddressError(
            "Firefox needs an address that is not loopback: run the tests as root (with iproute2), "
            "or connect this machine to a network"
        )
    return address


@contextlib.contextmanager
def without(*what: str) -> Iterator[None]:
    """Let packets of this kind (words of ``ip rule``: ``ipproto udp dport 4000``) go nowhere in the own network."""
    if enter() != ADDRESS:
        raise NoAddressError("only in a network of one's own may packets be stopped: run the tests as root")
    _rules_before_local()
    rule = ("pref", "10", *what, "blackhole")
    subprocess.run(("ip", "rule", "add", *rule), check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(("ip", "rule", "del", *rule), check=True, capture_output=True)


@cache
def _rules_before_local() -> None:
    """Move the table of own addresses behind the rules: it comes before all others otherwise."""
    for command in ("ip rule add pref 100 lookup local", "ip rule del pref 0"):
        subprocess.run(command.split(), check=True, capture_output=True)


def _unshare() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open() as before:
        if libc.unshare(CLONE_NEWNET) != 0:
            return False
        try:
            for command in COMMANDS:
                subprocess.run(command.split(), check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            libc.setns(before.fileno(), CLONE_NEWNET)
            return False
    return True


def _own_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; it only asks the routing table. 192.0.2.0/24 is RFC 5737's.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address
