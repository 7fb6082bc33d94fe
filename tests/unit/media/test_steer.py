"""The whole loop on a network that changes: layers follow down and up again, driven by the browser's estimate alone."""

from __future__ import annotations

from typing import Any

import pytest

from media import ortc, rtcp, rtp
from media.repair import ASKED_WINDOW, MUCH_ASKED
from media.router import Router
from media.steer import HOLD_AFTER
from tests.support.forwarded import Apart
from tests.support.simulcast import parameters, sources

STEP = 1 / 30
BODIES = (500, 900, 1050)
PACKETS = (1, 2, 5)  # a frame: about 130, 450 and 1300 kbit/s
MICROPHONE = 4001


def microphone() -> dict[str, Any]:
    codec = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}
    return {"mid": "1", "codecs": [codec], "headerExtensions": [], "encodings": [{"ssrc": MICROPHONE}]}


class Network:
    """A publisher, one subscriber behind a line of ``capacity_bps``, and its browser's way of estimating it."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, bool]] = []
        self.apart = Apart(on_hold=lambda _peer, consumer, held: self.notices.append((consumer, held)))
        self.router: Router = self.apart.router
        self.sources = sources()
        self.frames = 0
        self.capacity_bps = 2_000_000.0
        self.drops = True
        """Whether what does not fit is lost; a browser that is short of time estimates low and loses nothing."""
        self.estimate_bps = 200_000.0
        self.most_bps = float("inf")
        """Where the estimate stands still, as Chromium's sometimes does for minutes, whatever arrives."""
        self.reports_a_second = 1
        self.keys_every_s: float | None = None
        """Key frames at times of the publisher's own, however often it is asked; None: when it is asked."""
        self.router.open_link("up", "ann", "send")
        self.router.open_link("down", "bob", "recv")
        self.camera = self.router.create_producer("ann", "up", "video", "camera", parameters(), paused=False)
        self.sound = self.router.create_producer("ann", "up", "audio", "microphone", microphone(), paused=False)
        self.consumers = {
            each: self.router.create_consumer("bob", "down", each)["id"] for each in (self.camera, self.sound)
        }
        for consumer in self.consumers.values():
            self.router.pause_consumer(consumer, paused=False)
        self.reported = 0
        self.layers: list[int | None] = []
        self.sounds = 0

    @property
    def now(self) -> float:
        return 10 + self.frames * STEP

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self._second()

    def _second(self) -> None:
        sent = 0
        for step in range(30):
            layers = self.router._producers[self.camera].layers
            for source in self.sources:
                key = layers[source.place].key_frame_asked_at > self.now - 0.2
                if self.keys_every_s is not None:
                    key = self.frames % round(30 * self.keys_every_s) == 0
                body = bytes(BODIES[source.place])
                for packet in source.frame(self.frames, key=key, packets=PACKETS[source.place], body=body):
                    sent += self._size("up", packet)
            opus = rtp.build(
                marker=False,
                payload_type=111,
                sequence=self.frames & 0xFFFF,
                timestamp=0,
                ssrc=MICROPHONE,
                payload=bytes(130),
            )
            sent += self._size("up", opus, sound=True)
            if step % 2:
                self.router.tick(self.now)
                sent += sum(len(each.packet) for each in self.router.take() if each.transport == "down")
            self.frames += 1
            if self.frames % (30 // self.reports_a_second) == 0:
                self._tell()
        for source in self.sources:
            self.router.on_rtcp("up", source.report(self.frames), self.now)
        self.router.take()
        self._estimate(8 * sent)
        layer = self.router._consumers[self.consumers[self.camera]].layer
        self.layers.append(layer.place if layer else None)

    def _size(self, transport: str, packet: bytes, *, sound: bool = False) -> int:
        out = [each for each in self.apart.give(transport, packet, self.now) if each.transport == "down"]
        media = [each for each in out if not each.rtcp]
        self.sounds += len(media) if sound else 0
        return sum(len(each.packet) for each in out)

    def report(self, lost: int, packets: int = 30) -> None:
        """A report of the receiver, by which ``lost`` of 256 packets of each stream did not come."""
        self.reported += packets
        for consumer in self.consumers.values():
            ssrc = self.router._consumers[consumer].ssrc
            block = rtcp.ReportBlock(ssrc, lost, 0, self.reported, 0, 0, 0)
            self.router.on_rtcp("down", rtcp.build_receiver_report(1, [block]), self.now)

    def _estimate(self, sent_bps: float) -> None:
        """As browsers do: down to 85 % of what passes when more is sent, else up, to 1.5 times that at most."""
        passed = min(sent_bps, self.capacity_bps)
        if sent_bps > self.capacity_bps:
            self.estimate_bps = 0.85 * passed
        else:
            self.estimate_bps = min(1.08 * self.estimate_bps + 1000, 1.5 * passed + 10_000, self.most_bps)
        if sent_bps > self.capacity_bps and self.drops:
            self.report(int(256 * (1 - self.capacity_bps / sent_bps)))
        self._tell()

    def _tell(self) -> None:
        exponent = max(0, int(self.estimate_bps).bit_length() - 18)
        value = (exponent << 18) | int(self.estimate_bps) >> exponent
        packet = b"\x8f\xce\0\5\0\0\0\1\0\0\0\0REMB\1" + value.to_bytes(3, "big") + b"\0\0\0\1"
        self.router.on_rtcp("down", packet, self.now)
        self.router.take()


def test_layers_follow_a_line_down_and_up_again_and_sound_never_stops() -> None:
    network = Network()
    network.run(35)
    assert network.layers[-1] == 2
    network.capacity_bps = 300_000
    network.run(15)
    assert network.layers[-1] == 0
    network.capacity_bps = 2_000_000
    network.run(60)
    assert network.layers[-1] == 2
    assert network.notices == []
    assert network.sounds == network.frames


def test_a_browser_that_reports_all_the_time_is_followed_as_well() -> None:
    network = Network()
    network.reports_a_second = 10  # as Chromium does while it sees too much; the looks between reports are none then
    network.run(35)
    assert network.layers[-1] == 2
    network.capacity_bps = 300_000
    network.run(6)
    assert network.layers[-1] == 0


@pytest.mark.parametrize("reports_a_second", [1, 10])
def test_where_an_estimate_stands_still_what_arrives_counts(reports_a_second: int) -> None:
    network = Network()
    network.reports_a_second = reports_a_second
    network.most_bps = 830_000
    network.run(60)
    assert network.layers[-1] == 2
    network.capacity_bps, network.most_bps = 300_000, float("inf")
    network.run(15)
    assert network.layers[-1] == 0


def test_where_more_than_an_estimate_is_lost_it_is_believed() -> None:
    network = Network()
    network.most_bps = network.capacity_bps = 830_000
    network.run(60)
    assert set(network.layers[20:]) <= {0, 1}


def test_a_line_for_one_layer_more_is_not_tried_again_and_again() -> None:
    network = Network()
    network.capacity_bps = 800_000
    network.run(120)
    changes = sum(one != other for one, other in zip(network.layers[20:], network.layers[21:], strict=False))
    assert network.layers[-1] in (0, 1)
    assert changes <= 12


def test_on_a_line_for_sound_alone_the_picture_is_held_with_a_notice_and_comes_back() -> None:
    network = Network()
    network.run(10)
    network.capacity_bps = 100_000
    network.run(10)
    picture = network.consumers[network.camera]
    assert network.layers[-1] is None
    assert network.notices == [(picture, True)]
    before = network.sounds
    network.run(5)
    assert network.sounds == before + 150
    network.capacity_bps = 2_000_000
    network.run(60)
    assert network.layers[-1] is not None
    assert network.notices[-1] == (picture, False)


def test_an_estimate_alone_takes_nobodys_face_away() -> None:
    network = Network()
    network.drops = False
    network.run(10)
    network.capacity_bps = 100_000
    network.run(20)
    assert network.layers[-1] == 0
    assert network.notices == []


def test_for_who_signs_the_sound_is_held_instead() -> None:
    network = Network()
    network.router.need("bob", sight=True)
    network.router.prefer(network.consumers[network.camera], 720, "pinned")
    network.run(10)
    network.capacity_bps = 130_000
    network.run(15)
    assert set(network.layers[10:]) == {0}
    assert network.notices[0] == (network.consumers[network.sound], True)
    assert {consumer for consumer, _ in network.notices} == {network.consumers[network.sound]}


def test_a_picture_that_nobody_looks_at_is_not_sent_and_comes_back_without_a_notice() -> None:
    network = Network()
    network.run(5)
    network.router.prefer(network.consumers[network.camera], 0, "hidden")
    network.run(int(HOLD_AFTER) + 2)
    assert network.layers[-1] is None
    network.router.prefer(network.consumers[network.camera], 180, "grid")
    network.run(3)
    assert network.layers[-1] == 0
    assert network.notices == []


def test_probes_carry_nothing_and_go_to_the_subscriber_alone() -> None:
    network = Network()
    network.run(10)
    network.capacity_bps = 300_000
    network.run(15)
    network.capacity_bps = 2_000_000
    probes = []
    for _ in range(120):
        network._second()
        network.router.tick(network.now)
        probes += [each for each in network.router.take() if not each.rtcp]
        if probes:
            break
    assert {each.transport for each in probes} == {"down"}
    read = [rtp.parse(each.packet) for each in probes]
    assert {(each.payload_type, each.payload) for each in read} == {(ortc.RTX, b"")}
    assert len({each.sequence for each in read}) == len(read)


def test_what_a_line_carries_now_says_which_pictures_are_smaller_and_which_are_held() -> None:
    network = Network()
    network.run(35)
    line = network.router.line("bob", "udp")
    assert (line.smaller, line.held, line.path) == (0, 0, "udp")
    assert 1_000_000 < line.down_bps < 2_000_000
    network.capacity_bps = 300_000
    network.run(15)
    line = network.router.line("bob", "udp")
    assert (line.smaller, line.held) == (1, 0)
    assert line.down_bps < 300_000
    network.router.prefer(network.consumers[network.camera], 90, "grid")
    assert network.router.line("bob", "udp").smaller == 0
    network.capacity_bps = 100_000
    network.run(10)
    assert network.router.line("bob", None).held == 1


def test_a_peer_that_is_not_there_has_a_line_of_which_nothing_is_known() -> None:
    said = Network().router.line("nobody", None).as_json()
    assert {name for name, value in said.items() if value is None} == {
        *("path", "lost_up_permille", "lost_down_permille", "round_trip_ms", "available_down_kbps")
    }
    assert not any(value for value in said.values())


def test_on_a_line_that_breaks_down_a_large_picture_ends_before_the_small_one_has_begun() -> None:
    network = Network()
    network.run(35)
    assert network.layers[-1] == 2
    network.keys_every_s = 60
    network.capacity_bps = 300_000
    before = network.sounds
    network.run(4)
    assert network.layers[-3:] == [None, None, None]  # nobody is kept waiting by what the line cannot carry
    assert network.sounds == before + 4 * 30
    assert network.notices == []
    network.keys_every_s = None
    network.run(2)
    assert network.layers[-1] == 0


def test_an_estimate_alone_does_not_end_a_picture_before_its_time() -> None:
    network = Network()
    network.run(35)
    network.keys_every_s, network.drops = 60, False
    network.capacity_bps = 300_000
    network.run(4)
    assert network.layers[-1] == 2


def test_a_browser_short_of_time_on_a_bad_radio_link_keeps_its_picture() -> None:
    network = Network()
    network.run(10)
    network.capacity_bps, network.drops = 100_000, False
    for lost in (0, 8, 34, 0, 17, 0, 26, 8, 0, 0, 34, 8, 0):  # of 30 packets four at most, by chance
        network.report(lost)
        network.run(1)
    for lost in (0, 51, 0, 42, 0, 0, 63, 42, 0, 0, 42, 0, 0, 0, 0):  # of four to six packets one at most
        for _ in range(2):
            network.report(lost, 5)
            network.report(0, 5)
        network.run(1)
    assert network.layers[-1] == 0
    assert network.notices == []


def test_many_packets_asked_for_again_are_a_line_that_loses() -> None:
    network = Network()
    network.run(35)
    network.keys_every_s, network.drops = 60, False
    network.capacity_bps = 300_000
    ssrc = network.router._consumers[network.consumers[network.camera]].ssrc
    for lost in range(MUCH_ASKED):  # one after another, and never so many at once
        network.router.on_rtcp("down", rtcp.build_nack(1, ssrc, [lost]), network.now + 2 * lost * ASKED_WINDOW)
    network.run(5)
    assert network.layers[-1] == 2
    network.router.on_rtcp("down", rtcp.build_nack(1, ssrc, list(range(MUCH_ASKED))), network.now)
    network.run(2)
    assert network.layers[-1] is None
