"""What the service seals its person's device opens, and nobody else; nor does it open once altered."""

import base64
import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.finance.sealed.approval import Challenges, proof_of
from cloud.finance.sealed.device_key import key_sha256, public_key_of
from cloud.finance.sealed.envelope import seal, sealed_row
from cloud.finance.sealed.model import Device, DeviceStatus
from lumen_e2ee import DeviceKeys, NotReadable, approval_proof, decrypt_transaction_data, fingerprint_of
from tests.cloud.finance.sealed.pairs import pair
from tests.cloud.finance.transactions.rows import row

TEXTS = st.text(max_size=40)


def device(keys: DeviceKeys) -> Device:
    return Device(
        person_id=1,
        device_id=keys.device_id,
        public_key=keys.public_key,
        key_sha256=key_sha256(public_key_of(keys.public_key)),
        device_name="",
        device_type="web",
        status=DeviceStatus.ACTIVE,
        created_at_us=0,
        approved_at_us=0,
        revoked_at_us=None,
    )


def sealed(merchant: str = "Cafe Luna", invoice: str = "B-7", *names: str) -> dict[str, Any]:
    envelope = seal(
        merchant_name_raw=merchant,
        invoice_no=invoice,
        parsed_fields='{"table":4}',
        devices=[device(pair(name)) for name in names or ("phone",)],
    )
    found: dict[str, Any] = msgspec.to_builtins(envelope)
    return found


@settings(max_examples=20, deadline=None)
@given(TEXTS, TEXTS)
def test_each_device_opens_what_was_sealed_to_all(merchant: str, invoice: str) -> None:
    transaction = sealed(merchant, invoice, "phone", "laptop")

    for name in ("phone", "laptop"):
        opened = decrypt_transaction_data(transaction, pair(name))

        assert (opened.merchant, opened.invoice_no) == (merchant or None, invoice or None)
        assert opened.parsed_fields == {"table": 4}


def test_no_key_or_nonce_comes_twice() -> None:
    fields = [field for _ in range(20) for field in sealed()["encrypted_data"].values()]

    assert len({field["nonce"] for field in fields}) == 60
    assert len({field["ciphertext"] for field in fields}) == 60


@pytest.mark.parametrize("name", ["laptop", "stranger"])
def test_who_it_was_not_sealed_to_reads_nothing(name: str) -> None:
    transaction = sealed()
    transaction["wrapped_deks"][name] = transaction["wrapped_deks"]["phone"]

    with pytest.raises(NotReadable):
        decrypt_transaction_data(transaction, pair(name))
    with pytest.raises(NotReadable):
        decrypt_transaction_data(sealed(), pair(name))


SEALED = sealed()
PLACES = [
    *(
        (("encrypted_data", name, part))
        for name in SEALED["encrypted_data"]
        for part in ("ciphertext", "nonce")
    ),
    ("wrapped_deks", "phone"),
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.integers(0), st.integers(1, 255))
def test_whatever_is_altered_never_opens(place: tuple[str, ...], at: int, bits: int) -> None:
    altered = copy.deepcopy(SEALED)
    holder = altered
    for name in place[:-1]:
        holder = holder[name]
    raw = bytearray(base64.b64decode(holder[place[-1]]))
    raw[at % len(raw)] ^= bits
    holder[place[-1]] = base64.b64encode(raw).decode()

    with pytest.raises(NotReadable):
        decrypt_transaction_data(altered, pair("phone"))


def test_keys_and_fields_of_two_transactions_do_not_mix() -> None:
    other = sealed()

    for part in ("encrypted_data", "wrapped_deks"):
        with pytest.raises(NotReadable):
            decrypt_transaction_data(SEALED | {part: other[part]}, pair("phone"))


def test_a_row_keeps_the_amount_and_seals_the_rest() -> None:
    kept = sealed_row(row(invoice_no="B-7"), [device(pair("phone"))], {"text": "at Amazon India"})

    assert kept.amount_minor == 125_050
    assert "Amazon" not in f"{kept.encrypted_data}{kept.wrapped_deks}"
    transaction = {
        "encrypted_data": msgspec.json.decode(kept.encrypted_data or ""),
        "wrapped_deks": msgspec.json.decode(kept.wrapped_deks or ""),
    }
    opened = decrypt_transaction_data(transaction, pair("phone"))
    assert (opened.merchant, opened.invoice_no) == ("Amazon India", "B-7")
    assert opened.parsed_fields == {"text": "at Amazon India"}


def test_only_the_approver_answers_and_only_for_that_device_and_key() -> None:
    challenges = Challenges(bytes(32))
    phone, laptop, stranger = (device(pair(name)) for name in ("phone", "laptop", "stranger"))
    asked = base64.b64encode(challenges.challenge(phone, laptop, expires_at_us=9)).decode()

    proof = base64.b64decode(
        approval_proof(asked, pair("phone"), device_id="laptop", public_key=laptop.public_key)
    )

    assert challenges.is_proven(proof, phone, laptop, expires_at_us=9)
    assert not challenges.is_proven(proof, phone, laptop, expires_at_us=10)
    assert not challenges.is_proven(proof, phone, stranger, expires_at_us=9)
    assert not challenges.is_proven(proof, stranger, laptop, expires_at_us=9)
    assert not Challenges(bytes([1]) * 32).is_proven(proof, phone, laptop, expires_at_us=9)
    with pytest.raises(NotReadable):
        approval_proof(asked, pair("stranger"), device_id="laptop", public_key=laptop.public_key)


def test_a_proof_is_the_hmac_of_its_document() -> None:
    # echo -en "lumen-e2ee approve v1\nlaptop\nab" | openssl dgst -sha256 -mac HMAC -macopt hexkey:00..00 (32)
    assert proof_of(bytes(32), "laptop", "ab").hex() == (
        "f9b9dc991f28f745940ee4227cadc874387e7084f68f1023b3f25fc63aaf65a3"
    )
    assert fingerprint_of(pair("phone").public_key) == device(pair("phone")).key_sha256
