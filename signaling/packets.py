"""The only Socket.IO packets that a browser may send: connect, disconnect and text events, in the default namespace."""

from __future__ import annotations

import logging
from typing import Any

from socketio import packet


class NotAPacket(ValueError):
    """A frame that is no packet of ours; it is dropped."""


class BrowserPacket(packet.Packet):  # type: ignore[misc]  # python-socketio ships no types
    """A packet whose parser lets nothing else out than NotAPacket.

    Binary packets are refused before they announce attachments, because those would be kept for ever; acknowledgements,
    because we never ask for any.
    """

    def __init__(self, *args: Any, encoded_packet: Any = None, **others: Any) -> None:
        if encoded_packet is not None and not encoded_packet:
            raise NotAPacket("an empty frame")  # which the parent would take for an event without a name
        super().__init__(*args, encoded_packet=encoded_packet, **others)

    def decode(self, encoded_packet: Any) -> int:
        """Parse a received frame; there are never attachments."""
        try:
            if not isinstance(encoded_packet, str) or super().decode(encoded_packet):
                raise NotAPacket("text without attachments expected")
        except NotAPacket:
            raise
        except (ValueError, TypeError, IndexError, RecursionError) as error:
            raise NotAPacket(type(error).__name__) from error
        if self.namespace not in {None, "/"}:
            raise NotAPacket("the default namespace expected")
        if self.packet_type == packet.EVENT:
            if not isinstance(self.data, list) or not self.data or not isinstance(self.data[0], str):
                raise NotAPacket("a named event expected")
        elif self.packet_type not in {packet.CONNECT, packet.DISCONNECT}:
            raise NotAPacket("connect, disconnect or an event expected")
        return 0


class WithoutRubbish(logging.Filter):
    """Keeps what strangers send from filling the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop what is about NotAPacket."""
        return not (record.exc_info and isinstance(record.exc_info[1], NotAPacket))
