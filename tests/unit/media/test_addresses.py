"""Where an engine can be reached: both families on one port, and what candidates name."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace

import pytest
from aioice import stun

from media import control
from media.engine import Engine
from media.pool import announced_addresses, listen_address


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")


def settings(listen: str, *announced: str) -> SimpleNamespace:
    return SimpleNamespace(media_listen=listen, media_announced=list(announced), media_port=0, media_workers=1)


@needs_ipv6
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
async def test_one_engine_answers_checks_of_both_families(family: socket.AddressFamily, host: str) -> None:
    engine = Engine(control.Start("::", 0, ["127.0.0.1", "::1"]), lambda _room, _event: None)
    engine.handle(control.OpenRoom("room"))
    made = engine.handle(control.CreateTransport("room", "ann", "send"))
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{made['iceParameters']['usernameFragment']}:client"
    request.add_message_integrity(made["iceParameters"]["password"].encode())
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((host, engine.port))
        client.send(bytes(request))
        reply = stun.parse_message(await asyncio.wait_for(loop.sock_recv(client, 2048), 10))
        assert reply.attributes["XOR-MAPPED-ADDRESS"] == client.getsockname()[:2]
    tcp = next(each for each in made["iceCandidates"] if each["protocol"] == "tcp")
    _, line = await asyncio.open_connection(host, tcp["port"])
    line.close()
    await engine.close()


def test_candidates_name_what_was_configured_first_and_never_loopback_beside_it() -> None:
    named = announced_addresses(settings("0.0.0.0", "192.0.2.7"))
    assert named[0] == "192.0.2.7"
    assert "127.0.0.1" not in named
    assert announced_addresses(settings("127.0.0.1")) == ["127.0.0.1"]


@needs_ipv6
def test_every_address_means_both_families_where_the_machine_has_them() -> None:
    assert listen_address(settings("::")) == "::"
    assert listen_address(settings("0.0.0.0")) == "0.0.0.0"
    assert announced_addresses(settings("::", "2001:db8::7"))[0] == "2001:db8::7"
