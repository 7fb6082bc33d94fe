"""One WebRTC transport: ICE, DTLS and SRTP of one peer connection, between the wire and the router."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from .batch import Destination
from .control import MediaError
from .dtls import Dtls
from .guards import Budget
from .ice import Address, Check, IceLite, StreamAddress, new_credentials
from .ortc import PeerDtls
from .outbox import WayOut
from .router import Take
from .srtp import SrtpKeys, SrtpSession, sessions
from .tcp import Streams
from .wire import PACKET_COST, Inlet, Kind, Wire

BYTES_PER_TICK = 1 << 18
"""What a peer may send between two refills: 35 Mbit/s, or 21,000 small packets a second, far more than any browser."""
CHECKS_PER_S, CHECKS_AT_ONCE = 50.0, 200.0
"""Connectivity checks of one transport: browsers send a few dozen at the start or a restart, later one a second."""
CONTROLS_PER_S, CONTROLS_AT_ONCE = 400.0, 800.0
"""DTLS and RTCP packets of one peer."""

OnPacket = Callable[["WebRtcTransport", bool, bytes, float], None]
OnReady = Callable[["WebRtcTransport"], None]
OnEnd = Callable[["WebRtcTransport", str], None]


class WebRtcTransport:
    """``on_packet(transport, rtcp, data, now)`` gets packets that were decrypted one by one, what ``taker()`` returns
    those that lie decrypted in the wire's memory. ``on_ready(transport)`` says when packets begin to leave,
    ``on_moved(transport)`` that they go another way, ``on_end(transport, reason)`` gets a failure.
    """

    def __init__(
        self,
        identity: str,
        room: str,
        peer: str,
        *,
        wire: Wire,
        streams: Streams | None,
        counters: Counter[str],
        on_packet: OnPacket,
        taker: Callable[[], Take],
        on_ready: OnReady,
        on_moved: OnReady,
        on_end: OnEnd,
    ) -> None:
        self.id = identity
        self.room = room
        self.peer = peer
        self.ice = IceLite(new_credentials())
        self.checks = Budget(CHECKS_PER_S, CHECKS_AT_ONCE)
        self._controls = Budget(CONTROLS_PER_S, CONTROLS_AT_ONCE)
        self._wire = wire
        self._streams = streams
        self._counters = counters
        self._on_packet = on_packet
        self._taker = taker
        self._on_ready = on_ready
        self._on_moved = on_moved
        self._dtls = Dtls(self._send, self._got_keys, lambda reason: on_end(self, reason))
        self._peer_dtls: PeerDtls | None = None
        self._started = False
        self._receive: SrtpSession | None = None
        self._protect: SrtpSession | None = None
        self._inlet: Inlet | None = None
        self._destination: Destination | None = None
        self._sink = self.receive  # one bound method, so that the wire can tell sinks apart by identity

    @property
    def fingerprint(self) -> str:
        """Our certificate's SHA-256 fingerprint."""
        return self._dtls.fingerprint

    def connect(self, peer: PeerDtls) -> None:
        """Begin the handshake as soon as possible. Raises :class:`MediaError` when it was begun before."""
        if self._peer_dtls is not None:
            raise MediaError("wrong_state", "this transport is connected already")
        self._peer_dtls = peer
        self._start_dtls()

    def on_check(self, check: Check, source: Address, now: float) -> bool:
        """Answer a connectivity check; False when it is not authentic."""
        selected = self.ice.selected
        if selected is not None and not isinstance(selected, StreamAddress):
            self.ice.heard(selected, self._wire.heard_at(selected))
        answer = self.ice.answer(check, source, now)
        if answer is None:
            return False
        self._send_to(answer.reply, source)
        if not isinstance(source, StreamAddress):
            self._wire.admit(source, self._sink)
        elif self._streams is not None:
            self._streams.admit(source, self._sink)
        if answer.moved:
            self._counters["address_selected"] += 1
            self._point_to(source)
            self._start_dtls()
            if self._protect is not None:
                self._on_moved(self)
        return True

    def receive(self, kind: Kind, datagram: bytes, source: Address, now: float) -> None:
        """Take a datagram from a checked address."""
        if kind is not Kind.RTP and not self._controls.take(1, now):
            self._counters["over_budget"] += 1
            return
        if kind is Kind.DTLS:
            self._dtls.feed(datagram)
            return
        if self._receive is None:
            self._counters["srtp_early"] += 1
            return
        rtcp = kind is Kind.RTCP
        if not rtcp and self._inlet is not None:  # over TCP; what comes over UDP is charged before it is decrypted
            self._inlet.bytes_left -= len(datagram) + PACKET_COST
            if self._inlet.bytes_left < 0:
                self._counters["over_budget"] += 1
                return
        data = self._receive.unprotect_rtcp(datagram) if rtcp else self._receive.unprotect_rtp(datagram)
        if data is None:
            self._counters["srtp_refused"] += 1
            return
        self.ice.heard(source, now)
        self._counters["rtcp_in" if rtcp else "rtp_in"] += 1
        self._on_packet(self, rtcp, data, now)

    def send(self, packet: bytes, *, rtcp: bool) -> None:
        """Encrypt and send with the next flush; silently dropped while there is no key or no address."""
        if self._protect is None:
            return
        data = self._protect.protect_rtcp(packet) if rtcp else self._protect.protect_rtp(packet)
        if data is None:
            self._counters["protect_refused"] += 1
            return
        self._counters["rtcp_out" if rtcp else "rtp_out"] += 1
        self._send_media(data)

    @property
    def way_out(self) -> WayOut | None:
        """Libsrtp's sending session and the place of the destination, for packets that many peers get at once.

        The place stays the same when the peer's address changes. None while packets must go through :meth:`send`.
        """
        if self._protect is None or self._destination is None or isinstance(self.ice.selected, StreamAddress):
            return None
        return WayOut(self._protect.context, self._destination.place, (self._protect, self._destination))

    def refill(self) -> None:
        """Grant the peer its bytes until the next tick."""
        if self._inlet is not None:
            self._inlet.bytes_left = BYTES_PER_TICK

    def detach(self) -> None:
        """Stop media in both directions before this call returns."""
        self._wire.dismiss(self._sink)
        if self._streams is not None:
            self._streams.dismiss(self._sink)
        self._receive = self._protect = self._inlet = None

    def _point_to(self, address: Address) -> None:
        if isinstance(address, StreamAddress):
            return
        if self._destination is None:
            self._destination = self._wire.destination(address)
        else:
            self._destination.move(address)

    async def farewell(self) -> None:
        """Tell the peer that it is over."""
        await self._dtls.stop()
        if self._streams is not None and isinstance(self.ice.selected, StreamAddress):
            self._streams.hang_up(self.ice.selected)

    @property
    def path(self) -> str | None:
        """How packets go to the peer now: ``udp`` or ``tcp``; None before the first check."""
        if self.ice.selected is None:
            return None
        return "tcp" if isinstance(self.ice.selected, StreamAddress) else "udp"

    def _send_media(self, datagram: bytes) -> None:
        way = self.way_out
        if way is not None:
            self._wire.outbox.add(datagram, way.place)
        elif self._streams is not None and isinstance(self.ice.selected, StreamAddress):
            self._streams.gather(datagram, self.ice.selected)
        else:
            self._send(datagram)

    def _send(self, datagram: bytes) -> None:
        if self.ice.selected is not None:
            self._send_to(datagram, self.ice.selected)

    def _send_to(self, datagram: bytes, address: Address) -> None:
        if not isinstance(address, StreamAddress):
            self._wire.send(datagram, address)
        elif self._streams is not None:
            self._streams.send(datagram, address)

    def _start_dtls(self) -> None:
        # Our ClientHello needs an address to go to, so both roles begin with the first check.
        if not self._started and self._peer_dtls is not None and self.ice.selected is not None:
            self._started = True
            self._dtls.start(self._peer_dtls)

    def _got_keys(self, keys: SrtpKeys) -> None:
        self._receive, self._protect = sessions(keys)
        self._inlet = Inlet(self._receive.context, self._taker(), BYTES_PER_TICK)
        self._wire.open_inlet(self._sink, self._inlet)
        self._counters["dtls_connected"] += 1
        self._on_ready(self)
