"""Canonical JSON: one spelling, and refusal where readers could differ."""

from __future__ import annotations

import json
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as some

from consent.canonical import CanonicalError, canonical, parse

# RFC 8785 appendix B: bits of an IEEE 754 double, and its spelling.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "spelt"), NUMBERS)
def test_it_spells_numbers_as_the_standard_does(bits: str, spelt: str) -> None:
    [number] = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == spelt.encode()


def test_it_sorts_and_escapes_as_the_standards_examples_do() -> None:
    # RFC 8785 §3.2.2 and §3.2.3
    given = parse(
        r'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        r'"string":"€$\u000F\u000aA' + "'" + r'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}'
    )
    assert canonical(given).decode() == (
        r'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    )
    keys = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😂": 5, "\x80": 6, "ö": 7}
    assert list(parse(canonical(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]


JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**53) + 1, 2**53 - 1)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_it_reads_back_what_it_spells(value: object) -> None:
    spelt = canonical(value)
    assert canonical(parse(spelt)) == spelt


def test_it_spells_numbers_and_texts_like_a_browser() -> None:
    values: list[object] = [
        1 / 3,
        1e21,
        1e-7,
        123456789.123,
        -0.0,
        2**53 - 1,
        5e-324,
        0.1 + 0.2,
        "\x7f\u2028\b\f \x00😂",
    ]
    script = "const v=JSON.parse(require('fs').readFileSync(0,'utf8'));process.stdout.write(JSON.stringify(v))"
    told = subprocess.run(["node", "-e", script], input=json.dumps(values).encode(), capture_output=True, check=True)
    assert canonical(values) == told.stdout


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"\udfff": 1}, {1: 2}, {"a": {1, 2}}, b"bytes"],
    ids=repr,
)
def test_it_refuses_what_has_no_spelling(value: object) -> None:
    with pytest.raises(CanonicalError):
        canonical(value)


def test_it_refuses_endless_nesting() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(CanonicalError):
        canonical(endless)
    with pytest.raises(CanonicalError):
        parse("[" * 100 + "]" * 100)
    with pytest.raises(CanonicalError):
        parse("[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', "NaN", "[Infinity]", "9007199254740993", "1" * 5000, "", "{", b"\xff"],
    ids=lambda text: repr(text[:20]),
)
def test_it_refuses_texts_that_readers_understand_differently(text: str | bytes) -> None:
    with pytest.raises(CanonicalError):
        parse(text)
