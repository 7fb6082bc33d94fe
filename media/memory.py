"""Memory in which packets lie, as the modules see it that decide on them and know no socket."""

from __future__ import annotations

from typing import Protocol


class Cuttable(Protocol):
    """Memory of which a part is a copy."""

    def __getitem__(self, span: slice) -> bytes:
        """Copy a part."""


class Memory(Protocol):
    """Where packets lie: the same bytes to write to and to cut from. At least 16 free bytes lie before a packet."""

    @property
    def bytes(self) -> memoryview:
        """To read and write single bytes."""

    @property
    def buffer(self) -> Cuttable:
        """To cut bytes from."""
