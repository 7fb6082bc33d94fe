"""The one error that every parser of this folder raises."""

from __future__ import annotations


class ParseError(ValueError):
    """A datagram or a part of it is not what its format demands; the text names the field and what was expected."""
