"""Debian's Janus with its video room: started with a configuration of its own, asked over its WebSocket, in SDP."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bench.media_client import ClientTransport
from bench.media_load import Person, Room, Stream
from bench.media_servers import in_turns, sources
from media.ortc import ABS_SEND_TIME, TRANSPORT_CC, PeerDtls

_ATTEMPTS = 50
_CONFIGURATION = """
general: {{ configs_folder = "{folder}", plugins_folder = "{lib}/plugins", transports_folder = "{lib}/transports",
  events_folder = "{lib}/events", loggers_folder = "{lib}/loggers", debug_level = 2, session_timeout = 0 {loops} }}
media: {{ rtp_port_range = "{first}-{last}" }}
nat: {{ full_trickle = false, ice_lite = true, ignore_mdns = true }}
plugins: {{ disable = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_lua.so,libjanus_sip.so,libjanus_nosip.so,\
libjanus_streaming.so,libjanus_recordplay.so,libjanus_voicemail.so,libjanus_textroom.so,libjanus_videocall.so,\
libjanus_echotest.so" }}
transports: {{ disable = "libjanus_rabbitmq.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,\
libjanus_http.so" }}
events: {{ broadcast = false }}
"""
_WEBSOCKETS = """
general: {{ json = "compact", ws = true, ws_port = {port}, ws_ip = "127.0.0.1", wss = false }}
admin: {{ admin_ws = false }}
"""
_OFFER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE {mids}
"""
_SECTION = """a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=fingerprint:sha-256 {fingerprint}
a=setup:{setup}
a=mid:{mid}
a=rtcp-mux
a=candidate:1 1 udp 2130706431 {host} {port} typ host
a=end-of-candidates
"""


def _launch(core: int, port: int, event_loops: int, first_port: int) -> tuple[subprocess.Popen[bytes], str]:
    """Start Janus with a configuration of its own; return the process and the folder of it."""
    program, taskset = shutil.which("janus"), shutil.which("taskset")
    if program is None or taskset is None:
        raise SystemExit("Janus is missing. On Debian: sudo apt-get install --no-install-recommends janus")
    folder = tempfile.mkdtemp(prefix="bench-janus-")
    files = {
        "janus.jcfg": _CONFIGURATION.format(
            folder=folder,
            lib=next(Path("/usr/lib").glob("*/janus")),
            first=first_port,
            last=first_port + 1999,
            loops=f", event_loops = {event_loops}" if event_loops else "",
        ),
        "janus.transport.websockets.jcfg": _WEBSOCKETS.format(port=port),
        "janus.plugin.videoroom.jcfg": "general: { }\n",
    }
    for name, text in files.items():
        (Path(folder) / name).write_text(text)
    command = [taskset, "-c", str(core), program, "-F", folder, "-C", f"{folder}/janus.jcfg", "-o"]
    with (Path(folder) / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log), folder  # noqa: S603 - our own words


class Janus:
    """Debian's Janus with its video-room plug-in, in one of its two ways to run."""

    def __init__(self, name: str, address: str, process: subprocess.Popen[bytes], folder: str) -> None:
        self.name = name
        self.pid = process.pid
        self._address = address
        self._process = process
        self._folder = folder
        self._numbers = itertools.count(1)
        self._rooms = itertools.count(1000)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._http: aiohttp.ClientSession
        self._line: aiohttp.ClientWebSocketResponse
        self._reader: asyncio.Task[None]
        self._session = 0
        self.substream: int | None = None

    @classmethod
    async def start(cls, address: str, core: int, *, event_loops: int, first_port: int) -> Janus:
        """Start one pinned to ``core``; ``event_loops`` 0 is its default, a thread for every peer connection."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process, folder = _launch(core, port, event_loops, first_port)
        made = cls(f"janus, event_loops={event_loops}" if event_loops else "janus, default", address, process, folder)
        await made._open(f"ws://127.0.0.1:{port}/")
        return made

    async def _open(self, url: str) -> None:
        self._http = aiohttp.ClientSession()
        for _ in range(100):
            try:
                self._line = await self._http.ws_connect(url, protocols=("janus-protocol",), max_msg_size=0)
                break
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
        else:
            raise SystemExit(f"Janus did not start: {(Path(self._folder) / 'log').read_text()[-2000:]}")
        self._reader = asyncio.create_task(self._read())
        self._session = (await self._ask({"janus": "create"}))["data"]["id"]

    async def _read(self) -> None:
        async for message in self._line:
            said = json.loads(message.data)
            waiting = self._waiting.get(said.get("transaction", ""))
            if waiting is not None and said["janus"] != "ack" and not waiting.done():
                waiting.set_result(said)

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        name = f"t{next(self._numbers)}"
        answer = self._waiting[name] = asyncio.get_running_loop().create_future()
        more = {"session_id": self._session} if self._session else {}
        await self._line.send_json({**message, **more, "transaction": name})
        try:
            return await asyncio.wait_for(answer, 20)
        finally:
            del self._waiting[name]

    async def _attach(self) -> int:
        handle: int = (await self._ask({"janus": "attach", "plugin": "janus.plugin.videoroom"}))["data"]["id"]
        return handle

    async def _say(self, handle: int, body: dict[str, Any], sdp: tuple[str, str] | None = None) -> dict[str, Any]:
        message: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        if sdp is not None:
            message["jsep"] = {"type": sdp[0], "sdp": sdp[1].replace("\n", "\r\n")}
        reply = await self._ask(message)
        if "error" in reply or "error" in reply.get("plugindata", {}).get("data", {}):
            raise RuntimeError(f"Janus refused {body['request']}: {reply}")
        return reply

    async def _until_known(self, handle: int, body: dict[str, Any]) -> dict[str, Any]:
        """Say it again while Janus has not noticed yet that a publisher's handshake is over."""
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(RuntimeError):
                return await self._say(handle, body)
            await asyncio.sleep(0.1)
        return await self._say(handle, body)

    async def connect(self, rooms: Sequence[Room]) -> None:
        """Make a video room for each room."""
        owner = await self._attach()
        for members in rooms:
            room = next(self._rooms)
            await self._say(
                owner,
                {
                    "request": "create",
                    "room": room,
                    "publishers": 64,
                    "videocodec": "vp8",
                    "audiocodec": "opus",
                    "bitrate": 0,
                    "fir_freq": 0,
                    "notify_joining": False,
                    "audiolevel_ext": False,
                },
            )
            numbers = {person.name: place + 1 for place, person in enumerate(members)}
            publishers = [person for person in members if person.streams]
            await in_turns([self._publish(room, numbers[person.name], person) for person in publishers])
            await in_turns(
                [
                    self._subscribe(room, person, [numbers[each.name] for each in publishers if each is not person])
                    for person in members
                    if any(each is not person for each in publishers)
                ]
            )

    async def _publish(self, room: int, number: int, person: Person) -> None:
        handle = await self._attach()
        transport = person.up = ClientTransport(self._address)
        await self._say(handle, {"request": "join", "room": room, "ptype": "publisher", "id": number})
        offer = _OFFER.format(mids=" ".join(str(place) for place, _ in enumerate(sources(person))))
        for place, streams in enumerate(sources(person)):
            offer += _sending(streams) + _section(transport, str(place), "actpass")
        reply = await self._say(
            handle, {"request": "publish", "audiocodec": "opus", "videocodec": "vp8"}, ("offer", offer)
        )
        await _answered(transport, reply["jsep"]["sdp"])

    async def _subscribe(self, room: int, person: Person, feeds: Sequence[int]) -> None:
        handle = await self._attach()
        transport = person.down = ClientTransport(self._address)
        streams = [{"feed": feed} for feed in feeds]
        reply = await self._until_known(
            handle, {"request": "join", "room": room, "ptype": "subscriber", "streams": streams}
        )
        offered: str = reply["jsep"]["sdp"]
        await asyncio.gather(
            _answered(transport, offered),
            self._say(handle, {"request": "start"}, ("answer", _receiving(offered, transport))),
        )
        if self.substream is not None:
            mids = [each["mid"] for each in reply["plugindata"]["data"]["streams"] if each["type"] == "video"]
            chosen = [{"mid": mid, "substream": self.substream} for mid in mids]
            await self._say(handle, {"request": "configure", "streams": chosen})

    async def stop(self) -> None:
        """End the process."""
        self._reader.cancel()
        await self._line.close()
        await self._http.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _section(transport: ClientTransport, mid: str, setup: str) -> str:
    host, port = transport.address
    return _SECTION.format(
        ufrag=transport.ufrag,
        password=transport.password,
        fingerprint=transport.fingerprint,
        setup=setup,
        mid=mid,
        host=host,
        port=port,
    )


def _sending(streams: Sequence[Stream]) -> str:
    stream = streams[0]
    payload = stream.payload_type
    extensions = (
        f"a=extmap:{stream.abs_send_time_id} {ABS_SEND_TIME}\na=extmap:{stream.transport_cc_id} {TRANSPORT_CC}\n"
        "a=sendonly\n"
    )
    extensions += "".join(
        f"a=ssrc:{ssrc} cname:bench\n" for each in streams for ssrc in (each.ssrc, each.rtx_ssrc) if ssrc
    )
    extensions += "".join(f"a=ssrc-group:FID {each.ssrc} {each.rtx_ssrc}\n" for each in streams if each.rtx_ssrc)
    if len(streams) > 1:
        extensions += f"a=ssrc-group:SIM {' '.join(str(each.ssrc) for each in streams)}\n"
    if stream.kind == "audio":
        head = f"m=audio 9 UDP/TLS/RTP/SAVPF {payload}\nc=IN IP4 0.0.0.0\na=rtpmap:{payload} opus/48000/2\n"
        return head + f"a=rtcp-fb:{payload} transport-cc\n" + extensions
    feedback = "".join(
        f"a=rtcp-fb:{payload} {kind}\n" for kind in ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")
    )
    return (
        f"m=video 9 UDP/TLS/RTP/SAVPF {payload} 97\nc=IN IP4 0.0.0.0\na=rtpmap:{payload} VP8/90000\n"
        f"a=rtpmap:97 rtx/90000\na=fmtp:97 apt={payload}\n{feedback}{extensions}"
    )


def _receiving(offer: str, transport: ClientTransport) -> str:
    """Answer an offer by receiving all of it."""
    sections = re.split(r"(?m)^(?=m=)", offer.replace("\r\n", "\n"))[1:]
    mids = [re.search(r"(?m)^a=mid:(\S+)", section)[1] for section in sections]  # type: ignore[index]  # Janus names every section
    answer = _OFFER.format(mids=" ".join(mids))
    kept = re.compile(r"^(m=|c=|a=(rtpmap|fmtp|rtcp-fb|extmap))")
    for mid, section in zip(mids, sections, strict=True):
        answer += "".join(line + "\n" for line in section.splitlines() if kept.match(line)) + "a=recvonly\n"
        answer += _section(transport, mid, "active")
    return answer


async def _answered(transport: ClientTransport, sdp: str) -> None:
    """Connect to whoever wrote this description."""

    def said(pattern: str) -> str:
        found = re.search(pattern, sdp)
        if found is None:
            raise RuntimeError(f"no {pattern} in what Janus said")
        return found[1]

    setup = said(r"a=setup:(\w+)")
    host, port = re.findall(r"a=candidate:\S+ 1 udp \d+ ([\d.]+) (\d+) typ host", sdp, re.IGNORECASE)[0]
    dtls = PeerDtls("client" if setup == "active" else "server", (("sha-256", said(r"a=fingerprint:sha-256 (\S+)")),))
    await transport.connect((host, int(port)), said(r"a=ice-ufrag:(\S+)"), said(r"a=ice-pwd:(\S+)"), dtls)
