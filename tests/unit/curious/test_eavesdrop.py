"""The ears and eyes of the curious server: they know sound and pictures, and take no noise for either."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable
from fractions import Fraction

import av
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from tests.support.eavesdrop import OPUS_SAMPLES, RATE, revealed, understood

CHANCE = random.Random(7605)
FRAMES = 60


def spoken(sample: Callable[[int], float]) -> list[bytes]:
    """A second and a bit of Opus; `sample` makes the n-th sample."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "flt"
    encoder.time_base = Fraction(1, RATE)
    packets = []
    for number in range(FRAMES):
        sound = AudioFrame("flt", "mono", OPUS_SAMPLES)
        sound.sample_rate, sound.pts = RATE, number * OPUS_SAMPLES
        at = range(number * OPUS_SAMPLES, (number + 1) * OPUS_SAMPLES)
        sound.planes[0].update(array("f", (sample(each) for each in at)).tobytes())
        packets += encoder.encode(sound)
    return [bytes(packet) for packet in packets]


def tone(at: int) -> float:
    """As Firefox's fake microphone has it."""
    return 0.1 * math.sin(2 * math.pi * 1000 * at / RATE)


def beep(at: int) -> float:
    """As Chromium's has it."""
    return 0.4 * math.sin(2 * math.pi * 300 * at / RATE) if at % (RATE // 2) < RATE // 20 else 0.0


def noise(_at: int) -> float:
    """As nobody's has it."""
    return CHANCE.uniform(-0.3, 0.3)


def silence(_at: int) -> float:
    """As a microphone has it that is switched off."""
    return 0.0


def filmed(frames: int = FRAMES, *, ground: int = 60, square: int = 220, coder: str = "libvpx") -> list[bytes]:
    """A bright square that wanders over a dark ground, in VP8 or another coder's."""
    encoder = av.CodecContext.create(coder, "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, 30), 400_000
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    packets = []
    for number in range(frames):
        picture = VideoFrame(320, 180, "yuv420p")
        picture.pts = number
        for plane, value in zip(picture.planes, (ground, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        rows = bytearray(bytes(picture.planes[0]))
        width = picture.planes[0].line_size
        for row in range(60, 100):
            rows[row * width + 2 * number : row * width + 2 * number + 40] = bytes([square]) * 40
        picture.planes[0].update(bytes(rows))
        packets += encoder.encode(picture)
    return [bytes(packet) for packet in packets]


def scrambled(frame: bytes, clear: int) -> bytes:
    """The frame as encryption would leave it: all but the first bytes are chance."""
    return frame[:clear] + CHANCE.randbytes(len(frame) - clear)


@pytest.mark.parametrize("sample", [tone, beep])
def test_it_hears_a_tone_and_a_beep(sample: Callable[[int], float]) -> None:
    frames = spoken(sample)
    assert understood("audio", frames) >= 0.95 * len(frames)


def test_it_hears_nothing_in_noise() -> None:
    assert understood("audio", spoken(noise)) == 0


@pytest.mark.parametrize("clear", [0, 1])
def test_it_hears_nothing_in_scrambled_sound_though_opus_decodes_nearly_anything(clear: int) -> None:
    assert understood("audio", [scrambled(frame, clear) for frame in spoken(tone)]) == 0


def test_it_sees_a_film() -> None:
    assert understood("video", filmed()) == FRAMES


def test_it_sees_nothing_in_a_scrambled_film_with_the_bytes_that_packetisers_need() -> None:
    frames = filmed()
    assert understood("video", [scrambled(frame, 1 if frame[0] & 1 else 10) for frame in frames]) == 0


def test_it_sees_a_film_in_vp9_and_nothing_of_it_when_it_is_sealed_whole() -> None:
    frames = filmed(coder="libvpx-vp9")
    assert understood("video", frames, "vp9") == FRAMES
    assert understood("video", [scrambled(frame, 0) for frame in frames], "vp9") == 0


def test_it_sees_three_pictures_that_slip_out_at_the_beginning() -> None:
    frames = filmed()
    slipped = frames[:3] + [scrambled(frame, 1) for frame in frames[3:]]
    assert understood("video", slipped) == 3


def test_silence_and_black_are_understood_and_reveal_nothing() -> None:
    quiet, black = spoken(silence), filmed(ground=16, square=16)
    assert (understood("audio", quiet) >= 0.95 * len(quiet), revealed("audio", quiet)) == (True, 0)
    assert (understood("video", black), revealed("video", black)) == (FRAMES, 0)


def test_a_beep_a_tone_and_a_film_reveal_somebody() -> None:
    assert revealed("audio", spoken(tone)) >= 0.95 * FRAMES
    assert revealed("audio", spoken(beep)) > 0
    assert revealed("video", filmed()) == FRAMES
