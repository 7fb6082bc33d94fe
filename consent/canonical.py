"""Canonical JSON ◇ (RFC 8785): one spelling for one value, so that its hash means something in every language."""

from __future__ import annotations

import json
import math
from json.encoder import encode_basestring
from typing import Any

LARGEST = 2**53 - 1
"""Of an integer that every reader takes for the same number (RFC 8785 §3.2.2.3, IEEE 754)."""
DEEPEST = 64


class CanonicalError(ValueError):
    """A value or a text that has no canonical spelling; the message names what is wrong."""


def canonical(value: Any) -> bytes:
    """The RFC 8785 spelling of a JSON value as UTF-8.

    Raises CanonicalError for NaN and infinities, integers beyond 2^53-1, lone surrogates, keys that are no text,
    other types, and nesting beyond 64 levels.
    """
    try:
        return _spell(value, DEEPEST).encode()
    except UnicodeEncodeError:
        raise CanonicalError("text holds half a surrogate pair") from None


def parse(text: str | bytes) -> Any:
    """The value of a JSON text. Raises CanonicalError where readers could understand different things.

    That is: double keys, NaN, infinities, integers no double holds, text that is not UTF-8, nesting beyond 64 levels.
    """
    try:
        value = json.loads(text, object_pairs_hook=_only_once, parse_constant=_no_constant, parse_int=_whole)
    except CanonicalError:
        raise
    except (ValueError, RecursionError):
        raise CanonicalError("not JSON") from None
    if _deeper_than(value, DEEPEST):
        raise CanonicalError(f"nested deeper than {DEEPEST}")
    return value


def _spell(value: Any, levels: int) -> str:  # noqa: PLR0911 - one way out for each type of JSON
    if levels < 0:
        raise CanonicalError(f"nested deeper than {DEEPEST}")
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            # The same escapes as RFC 8785 §3.2.2.2: the two-letter ones, \u00xx in lower case, nothing else.
            return encode_basestring(value)
        case int():
            if abs(value) > LARGEST:
                raise CanonicalError("an integer beyond 2^53-1")
            return str(int(value))
        case float():
            return _number(value)
        case list() | tuple():
            return "[" + ",".join([_spell(each, levels - 1) for each in value]) + "]"
        case dict():
            return _object(value, levels)
    raise CanonicalError(f"{type(value).__name__} is no JSON type")


def _object(value: dict[Any, Any], levels: int) -> str:
    keys = list(value)
    if not all(isinstance(key, str) for key in keys):
        raise CanonicalError("a key that is no text")
    # RFC 8785 §3.2.3 sorts by UTF-16 code units; that differs from Python's order only beyond the basic plane.
    keys.sort(key=_code_units)
    return "{" + ",".join([f"{encode_basestring(key)}:{_spell(value[key], levels - 1)}" for key in keys]) + "}"


def _code_units(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> str:
    """ECMAScript's Number::toString, which RFC 8785 §3.2.2.3 prescribes; ``repr`` gives the same shortest digits."""
    if not math.isfinite(value):
        raise CanonicalError("a number that is not finite")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return sign + _place(digits, point)


def _place(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return digits + power if count == 1 else f"{digits[0]}.{digits[1:]}{power}"


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CanonicalError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise CanonicalError(f"{name} is no JSON number")


def _whole(digits: str) -> int | float:
    """Beyond 2^53-1 only what a double holds exactly as it is spelt, as ECMAScript would read and write it."""
    if len(digits) > 22:
        raise CanonicalError("an integer with more digits than any reader keeps")
    value = int(digits)
    if abs(value) <= LARGEST:
        return value
    if _number(float(value)) != digits:
        raise CanonicalError("an integer that readers take for different numbers")
    return float(value)


def _deeper_than(value: Any, levels: int) -> bool:
    if levels < 0:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_deeper_than(each, levels - 1) for each in inner)
