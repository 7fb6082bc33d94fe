"""Sealing between aiortc's encoders and packetisers, and opening between its jitter buffers and decoders.

aiortc has no public place for either, so its private names are used, here alone.
"""

from __future__ import annotations

import queue
from typing import Any

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpTransceiver
from aiortc.codecs.opus import OpusEncoder
from aiortc.codecs.vpx import Vp8Encoder
from av.frame import Frame

from tests.support.sframe import FrameKeys, Stream


class SealingOpus(OpusEncoder):
    """Opus, each packet sealed."""

    def __init__(self, keys: FrameKeys) -> None:
        super().__init__()
        self._keys = keys

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        packets, timestamp = super().encode(frame, force_keyframe)
        sealed = (self._keys.seal("audio", "microphone", packet) for packet in packets)
        return [packet for packet in sealed if packet is not None], timestamp


class SealingVp8(Vp8Encoder):
    """VP8, each frame sealed before it is cut into packets."""

    def __init__(self, keys: FrameKeys) -> None:
        super().__init__()
        self._keys = keys

    def _packetize(self, buffer: bytes, picture_id: int) -> list[bytes]:  # type: ignore[override]  # a class method there
        sealed = self._keys.seal("video", "camera", bytes(buffer))
        return [] if sealed is None else super()._packetize(sealed, picture_id)


class Opening:
    """In front of a decoder's queue: frames that do not open never reach it."""

    def __init__(self, keys: FrameKeys, stream: Stream, decoder: queue.Queue[Any]) -> None:
        self._keys, self._stream, self._decoder = keys, stream, decoder

    def put(self, task: tuple[Any, Any] | None) -> None:
        """A codec and an encoded frame, or None at the end."""
        if task is not None:
            codec, frame = task
            plain = self._keys.open(self._stream, bytes(frame.data))
            if plain is None:
                return
            frame.data = plain
            task = (codec, frame)
        self._decoder.put(task)

    def get(self) -> tuple[Any, Any] | None:
        """What has passed; for a decoder that is started only afterwards, and so was given this queue."""
        task: tuple[Any, Any] | None = self._decoder.get()
        return task


def seal_with(keys: FrameKeys, connection: RTCPeerConnection) -> None:
    """Every transceiver that is added from now on sends sealed frames only."""
    add = connection.addTransceiver

    def adding(track_or_kind: MediaStreamTrack | str, direction: str = "sendrecv") -> RTCRtpTransceiver:
        transceiver = add(track_or_kind, direction)
        sender: Any = transceiver.sender
        # No public place.
        sender._RTCRtpSender__encoder = SealingOpus(keys) if transceiver.kind == "audio" else SealingVp8(keys)
        return transceiver

    connection.addTransceiver = adding  # type: ignore[assignment, method-assign]  # for this connection alone


def open_with(keys: FrameKeys, stream: Stream, connection: RTCPeerConnection, track: MediaStreamTrack) -> None:
    """From now on the receiver of this track decodes only what is that stream's."""
    receiver: Any = next(each.receiver for each in connection.getTransceivers() if each.receiver.track is track)
    # No public place.
    receiver._RTCRtpReceiver__decoder_queue = Opening(keys, stream, receiver._RTCRtpReceiver__decoder_queue)
