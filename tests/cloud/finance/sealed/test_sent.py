"""What a client sealed is kept only whole, well formed and for everybody who is to read it."""

import base64

import pytest
from msgspec import structs

from cloud.finance.sealed.model import EncryptedData, Envelope, SealedField
from cloud.finance.sealed.sent import bytes_of, problems_of


def b64(length: int, fill: int = 1) -> str:
    return base64.b64encode(bytes([fill]) * length).decode()


def field(number: int, length: int = 30) -> SealedField:
    return SealedField(ciphertext=b64(length), nonce=b64(12, number))


GOOD = Envelope(
    encrypted_data=EncryptedData(
        merchant_name_raw=field(1), invoice_no=field(2, 16), parsed_fields=field(3, 60_000)
    ),
    wrapped_deks={"phone": b64(256), "laptop": b64(256, 2)},
)
ACTIVE = {"phone", "laptop"}


def with_merchant(**changes: str) -> Envelope:
    data = structs.replace(GOOD.encrypted_data, merchant_name_raw=structs.replace(field(1), **changes))
    return structs.replace(GOOD, encrypted_data=data)


def with_keys(**keys: str) -> Envelope:
    return structs.replace(GOOD, wrapped_deks=keys)


def test_an_envelope_for_all_active_devices_is_taken() -> None:
    assert problems_of(GOOD, ACTIVE) == {}


@pytest.mark.parametrize(
    "envelope, said",
    [
        (with_merchant(ciphertext=b64(15)), "merchant_name_raw.ciphertext"),
        (with_merchant(ciphertext=b64(4_097)), "merchant_name_raw.ciphertext"),
        (with_merchant(ciphertext="Cafe Luna"), "merchant_name_raw.ciphertext"),
        (with_merchant(ciphertext=b64(30).rstrip("=") + "\n"), "merchant_name_raw.ciphertext"),
        (with_merchant(nonce=b64(11)), "merchant_name_raw.nonce"),
        (with_merchant(nonce=b64(16)), "merchant_name_raw.nonce"),
        (with_merchant(nonce=""), "merchant_name_raw.nonce"),
        (with_merchant(nonce=b64(12, 2)), "a nonce of its own"),
    ],
)
def test_a_malformed_field_is_named(envelope: Envelope, said: str) -> None:
    problems = problems_of(envelope, ACTIVE)

    assert list(problems) == ["encrypted_data"]
    assert any(said in text for text in problems["encrypted_data"])


@pytest.mark.parametrize(
    "envelope, said",
    [
        (with_keys(phone=b64(256)), "laptop: missing"),
        (with_keys(), "laptop: missing"),
        (with_keys(phone=b64(256), laptop=b64(255)), "laptop: must be 256 bytes, not 255"),
        (with_keys(phone=b64(256), laptop="?"), "laptop: must be Base64"),
        (with_keys(phone=b64(256), laptop=b64(256), eve=b64(256)), "eve: is none of your active"),
    ],
)
def test_a_key_that_is_wrong_missing_or_for_a_stranger_is_named(envelope: Envelope, said: str) -> None:
    problems = problems_of(envelope, ACTIVE)

    assert list(problems) == ["wrapped_deks"]
    assert (
        said in problems["wrapped_deks"]
        if said.endswith("missing")
        else any(said in text for text in problems["wrapped_deks"])
    )


def test_without_a_device_nothing_can_be_sealed() -> None:
    assert "Register a device first" in problems_of(GOOD, set())["wrapped_deks"][0]


def test_base64_has_one_spelling() -> None:
    assert bytes_of("AA==") == b"\x00"
    assert [bytes_of(text) for text in ("AA", "AB==", "AA==\n", "A-==", "é")] == [None] * 5
