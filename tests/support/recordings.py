"""Small real recordings, made for a test: a voice as Ogg/Opus, and a film as WebM/VP8 in which something moves."""

from __future__ import annotations

import io
import math
import struct
from fractions import Fraction

import av
from av import AudioFrame, VideoFrame

RATE = 48_000
SAMPLES = RATE // 50
WIDTH, HEIGHT, FPS = 320, 240, 15
BAR = 40


def voice(seconds: int = 4, pitch_hz: int = 220) -> bytes:
    """A tone of this length; another pitch makes another file."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono")
        for sent in range(0, seconds * RATE, SAMPLES):
            wave = (int(9000 * math.sin(2 * math.pi * pitch_hz * (sent + n) / RATE)) for n in range(SAMPLES))
            frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
            frame.planes[0].update(struct.pack(f"<{SAMPLES}h", *wave))
            frame.sample_rate, frame.pts, frame.time_base = RATE, sent, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def film(seconds: int = 12) -> bytes:
    """A light bar that wanders over dark grey, without sound, as somebody who signs would be."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size = FPS  # a player can jump to any second
        for number in range(seconds * FPS):
            frame = VideoFrame(WIDTH, HEIGHT, "gray8")
            at = 8 * number % (WIDTH - BAR)
            line = bytearray(b"\x30" * WIDTH)
            line[at : at + BAR] = b"\xe0" * BAR
            padding = bytes(frame.planes[0].line_size - WIDTH)
            frame.planes[0].update((bytes(line) + padding) * HEIGHT)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    return file.getvalue()
