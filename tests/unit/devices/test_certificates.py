"""Certificates and signatures: the one form that holds, and every twin that does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from consent.policy import Role
from server.devices import certificates
from server.devices.certificates import Certificate, CertificateError
from server.devices.signatures import (
    KeyTextError,
    canon,
    from_base64url,
    public_key,
    sign,
    spki,
    to_base64url,
    verify,
)
from tests.support.casework import Worker
from tests.support.staff_device import Organisation, StaffDevice

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERSON = Worker("0123456789abcdef", "Олег Ткачук", Role.INTERPRETER)
ORGANISATION, DEVICE = Organisation(), StaffDevice()


def certified(**changes: Any) -> Certificate:
    """What the organisation says about the device, from this moment on."""
    return ORGANISATION.certify(DEVICE, PERSON, **({"issued": NOW, "expires": NOW + certificates.VALID} | changes))


def test_it_reads_back_what_was_certified() -> None:
    body = certificates.check(certified(), ORGANISATION.public, NOW)
    assert (body.account, body.name, body.role, body.device) == (
        PERSON.id,
        PERSON.name,
        PERSON.role,
        DEVICE.fingerprint,
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"issued": NOW + timedelta(minutes=10)}, "not_yet_valid"),
        ({"issued": NOW - timedelta(days=300), "expires": NOW}, "expired"),
        ({"expires": NOW + timedelta(days=500)}, "too_long"),
        ({"organisation": "A" * 43}, "wrong_organisation"),
    ],
)
def test_it_refuses_what_does_not_hold_now(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(CertificateError) as caught:
        certificates.check(certified(**changes), ORGANISATION.public, NOW)
    assert caught.value.code == code


def test_it_refuses_another_organisation_and_every_forgery() -> None:
    genuine = certified()
    with pytest.raises(CertificateError, match="wrong_organisation"):
        certificates.check(genuine, Organisation().public, NOW)
    stranger = Organisation().certify(DEVICE, PERSON)
    for forged in (
        genuine.model_copy(update={"body": genuine.body.replace("interpreter", "lawyer")}),
        genuine.model_copy(update={"signature": stranger.signature}),
        genuine.model_copy(update={"signature": ""}),
        genuine.model_copy(update={"signature": genuine.signature[:-2]}),
        Certificate(body=genuine.body, signature=sign(ORGANISATION.key, "poruch vault", genuine.body)),
    ):
        with pytest.raises(CertificateError, match="bad_signature"):
            certificates.check(forged, ORGANISATION.public, NOW)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body + " ",
        lambda body: body.replace(":", ": ", 1),
        lambda body: body.replace('"v":1', '"v":2'),
        lambda body: body.replace("device-certificate", "leaf"),
        lambda body: body.replace('"v":1', '"v":1,"x":1'),
        lambda body: body.replace("interpreter", "chief"),
        lambda _: "[]",
        lambda _: "",
        lambda _: "[" * 2000,
    ],
)
def test_it_reads_the_one_form_alone(spoil: object) -> None:
    genuine = certified()
    with pytest.raises(CertificateError, match="malformed"):
        certificates.read(Certificate(body=spoil(genuine.body), signature=genuine.signature))  # type: ignore[operator]


def test_a_key_has_one_spelling() -> None:
    point = DEVICE.signing.public_key()
    assert public_key(spki(point)) == point
    head = point.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)[:26]
    compressed = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    for text in (
        "",
        "!",
        spki(point) + "=",
        spki(point)[:-4],
        to_base64url(head + compressed),
        spki(other),
        "A" * 122,
    ):
        with pytest.raises(KeyTextError):
            public_key(text)


def test_a_signature_counts_for_its_label_its_body_and_its_key() -> None:
    signature = sign(DEVICE.signing, "poruch vault", "body")
    assert len(from_base64url(signature)) == 64
    assert verify(DEVICE.sign_key, "poruch vault", "body", signature)
    assert not verify(DEVICE.sign_key, "poruch device", "body", signature)
    assert not verify(DEVICE.sign_key, "poruch vault", "other", signature)
    assert not verify(DEVICE.seal_key, "poruch vault", "body", signature)
    assert not verify("no key", "poruch vault", "body", signature)
    assert not verify(DEVICE.sign_key, "poruch vault", "body", to_base64url(bytes(64)))


def test_it_spells_json_as_the_browser_does() -> None:
    assert canon({"b": [1, None, True], "a": 'ї\n\u0001"\u2028'}) == '{"a":"ї\\n\\u0001\\"\u2028","b":[1,null,true]}'
