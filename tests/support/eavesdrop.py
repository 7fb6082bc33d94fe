"""Decoding what may not be decodable. Opus makes sound of nearly anything and VP8 a picture of some noise, so what
comes out counts only where it makes sense: a tone or silence for half a second, three smooth pictures in a row.

It is made for what the browsers' fake devices send: a beep or a tone, a drawn picture or one colour.
"""

from __future__ import annotations

import cmath
import math
from array import array
from collections.abc import Iterator, Sequence

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

RATE = 48_000
OPUS_SAMPLES = 960
"""20 ms, which is what browsers send."""
SILENCE = 0.002
BLACK = 24
"""Black is 16, and a coder may blur it a little."""
TONE = 0.8
"""A tone has so much of its energy at one pitch; noise of a narrow band that passes for one does not keep it up."""
PHRASE = 25
PHRASE_CLEAR = 22
"""Half a second of sound, and how many of its frames must be a tone or silence."""
SCENE = 3
"""So many pictures in a row; noise after a key frame's clear bytes may pass for one, not for three."""
ROUGH = 4.0
"""Mean difference of neighbouring pixels beyond which a picture is noise; the fake cameras' have less than 1."""

_HALF = 64
_SWING = [cmath.exp(-1j * math.pi * turn / _HALF) for turn in range(_HALF)]


def understood(kind: str, frames: Sequence[bytes], codec: str = "vp8") -> int:
    """How many of these frames in a row decode, and make sense together with their neighbours."""
    return _made_of(kind, frames, codec)[0]


def revealed(kind: str, frames: Sequence[bytes], codec: str = "vp8") -> int:
    """How many of those that are understood show or say anything: black and silence tell nothing of anybody."""
    return _made_of(kind, frames, codec)[1]


def _made_of(kind: str, frames: Sequence[bytes], codec: str) -> tuple[int, int]:
    if kind == "audio":
        sounds = list(_heard(frames))
        within = _within([_is_sound(sound) for sound in sounds], PHRASE, PHRASE_CLEAR)
        clear = [sound for at in within if (sound := sounds[at]) is not None]
        return len(clear), sum(_loudness(_samples(sound)) >= SILENCE for sound in clear)
    pictures = list(_watched(frames, codec))
    within = _within([_is_picture(picture) for picture in pictures], SCENE, SCENE)
    return len(within), sum(_brightness(picture) > BLACK for at in within if (picture := pictures[at]) is not None)


def _within(sensible: Sequence[bool], length: int, enough: int) -> set[int]:
    """Which of them are in so long a row that has enough sense."""
    starts = range(len(sensible) - length + 1)
    return {
        at for start in starts if sum(sensible[start : start + length]) >= enough for at in range(start, start + length)
    }


def _heard(frames: Sequence[bytes]) -> Iterator[AudioFrame | None]:
    decoder = av.CodecContext.create("opus", "r")
    for frame in frames:
        try:
            decoded = decoder.decode(av.Packet(frame))
        except av.FFmpegError:
            decoded = []
        yield decoded[0] if len(decoded) == 1 and decoded[0].samples == OPUS_SAMPLES else None


def _watched(frames: Sequence[bytes], codec: str) -> Iterator[VideoFrame | None]:
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1  # or pictures would come some frames later
    for frame in frames:
        try:
            decoded = decoder.decode(av.Packet(frame))
        except av.FFmpegError:
            decoded = []
        yield decoded[0] if len(decoded) == 1 else None


def _is_sound(sound: AudioFrame | None) -> bool:
    if sound is None:
        return False
    samples = _samples(sound)
    return _loudness(samples) < SILENCE or _share_of_one_pitch(samples) >= TONE


def _samples(sound: AudioFrame) -> Sequence[float]:
    return array("f", bytes(sound.planes[0])[: 4 * sound.samples])


def _loudness(samples: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in samples) / len(samples))


def _brightness(picture: VideoFrame) -> float:
    plane = picture.planes[0]
    rows = (bytes(plane)[top * plane.line_size :][: picture.width] for top in range(0, picture.height, 8))
    seen = b"".join(rows)
    return sum(seen) / len(seen)


def _share_of_one_pitch(samples: Sequence[float]) -> float:
    """How much of the energy below 6 kHz lies around the strongest frequency."""
    slow = [sum(samples[at : at + 4]) for at in range(0, 8 * _HALF, 4)]
    shaped = [value * (0.5 - 0.5 * math.cos(math.pi * at / _HALF)) for at, value in enumerate(slow)]
    power = [abs(value) ** 2 for value in _spectrum([complex(value) for value in shaped])[:_HALF]]
    strongest = max(range(_HALF), key=power.__getitem__)
    total = sum(power)
    return sum(power[max(0, strongest - 2) : strongest + 3]) / total if total else 0.0


def _spectrum(values: list[complex]) -> list[complex]:
    if len(values) == 1:
        return values
    even, odd = _spectrum(values[::2]), _spectrum(values[1::2])
    turned = [value * _SWING[at * _HALF // len(odd)] for at, value in enumerate(odd)]
    return [a + b for a, b in zip(even, turned, strict=True)] + [a - b for a, b in zip(even, turned, strict=True)]


def _is_picture(picture: VideoFrame | None) -> bool:
    if picture is None:
        return False
    plane, step = picture.planes[0], 8
    brightness = bytes(plane)
    differences = 0
    for top in range(0, picture.height, step):
        row = brightness[top * plane.line_size : top * plane.line_size + picture.width]
        differences += sum(abs(a - b) for a, b in zip(row[::2], row[1::2], strict=False))
    return differences / (len(range(0, picture.height, step)) * (picture.width // 2)) < ROUGH
