"""Ed25519 with the purpose in front."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from shared.signatures import (
    BadSignature,
    Purpose,
    public_key_of,
    request_bytes,
    sign,
    signed_bytes,
    tree_head_bytes,
    verify,
)

# RFC 8032, section 7.1, test 1.
KEY = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
PUBLIC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def test_the_public_key_is_that_of_rfc_8032():
    assert public_key_of(KEY) == PUBLIC_KEY


def test_what_is_signed_begins_with_its_purpose():
    assert signed_bytes(Purpose.ENERGY, b'{"a":1}') == b'lumengrid/v1/energy\n{"a":1}'


def test_a_signature_is_plain_ed25519_over_the_prefixed_bytes():
    signature = sign(KEY, Purpose.ACK, b"payload")

    KEY.verify_key.verify(b"lumengrid/v1/ack\npayload", base64.b64decode(signature))


@settings(max_examples=30)
@given(st.binary(max_size=200), st.sampled_from(Purpose), st.sampled_from(Purpose))
def test_a_signature_holds_for_its_own_purpose_and_bytes_alone(payload, purpose, other):
    signature = sign(KEY, purpose, payload)

    verify(PUBLIC_KEY, purpose, payload, signature)
    with pytest.raises(BadSignature):
        verify(PUBLIC_KEY, purpose, payload + b" ", signature)
    if other is not purpose:
        with pytest.raises(BadSignature):
            verify(PUBLIC_KEY, other, payload, signature)


GOOD = sign(KEY, Purpose.ENERGY, b"x")


@pytest.mark.parametrize(
    "key, signature",
    [
        (public_key_of(SigningKey(bytes(32))), GOOD),
        ("", GOOD),
        ("zz" * 32, GOOD),
        (PUBLIC_KEY[:-2], GOOD),
        ("00" * 32, GOOD),
        (PUBLIC_KEY, ""),
        (PUBLIC_KEY, "not base64!"),
        (PUBLIC_KEY, GOOD[:-4]),
        (PUBLIC_KEY, GOOD + "AAAA"),
        (PUBLIC_KEY, " " + GOOD),
        (PUBLIC_KEY, "é" * 88),
        (PUBLIC_KEY, base64.b64encode(bytes(64)).decode()),
    ],
)
def test_anything_malformed_is_a_bad_signature_and_nothing_worse(key, signature):
    with pytest.raises(BadSignature, match="bad energy signature"):
        verify(key, Purpose.ENERGY, b"x", signature)


def test_purposes_cannot_be_mistaken_for_each_other():
    prefixes = [signed_bytes(purpose, b"") for purpose in Purpose]

    assert len(set(prefixes)) == len(prefixes)
    assert not any(a != b and a.startswith(b) for a in prefixes for b in prefixes)


def test_a_request_is_signed_with_method_path_counter_and_body():
    assert request_bytes("post", "/iot/ping", 7, b"{}") == b"POST\n/iot/ping\n7\n{}"


def test_a_tree_head_is_signed_with_size_root_and_time():
    utc = datetime(2026, 2, 23, 9, 56, 48, tzinfo=UTC)

    assert tree_head_bytes(3, "ab" * 32, utc) == b"3\n" + b"ab" * 32 + b"\n2026-02-23T09:56:48Z\n"
