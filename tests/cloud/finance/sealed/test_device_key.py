"""Only an RSA-2048 public key with the exponent 65537 is taken; what is wrong is said without echoing it."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from cloud.finance.sealed.device_key import BadKey, key_sha256, pem_of, public_key_of

GOOD = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
DER = GOOD.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
LINES = base64.encodebytes(DER).decode()
PEM = f"-----BEGIN PUBLIC KEY-----\n{LINES}-----END PUBLIC KEY-----\n"


def spki(key: object) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private(form: PrivateFormat, encoding: Encoding = Encoding.PEM) -> bytes:
    return GOOD.private_bytes(encoding, form, NoEncryption())


@pytest.mark.parametrize(
    "text", [PEM, PEM.strip(), PEM.replace("\n", "\r\n"), base64.b64encode(DER).decode(), LINES]
)
def test_every_spelling_of_a_key_is_one_key(text: str) -> None:
    key = public_key_of(text)

    assert key_sha256(key) == hashlib.sha256(DER).hexdigest()
    assert base64.b64decode("".join(pem_of(key).splitlines()[1:-1])) == DER


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "public key in PEM"),
        ("not a key", "public key in PEM"),
        ("é" * 10, "public key in PEM"),
        (PEM[:-40], "public key in PEM"),
        (PEM + PEM, "one public key"),
        ("A" * 2_001, "At most 2000"),
        (spki(rsa.generate_private_key(public_exponent=65_537, key_size=1_024)), "has 1024"),
        (spki(rsa.generate_private_key(public_exponent=65_537, key_size=2_056)), "has 2056"),
        (spki(rsa.generate_private_key(public_exponent=3, key_size=2_048)), "exponent must be 65537"),
        (spki(ec.generate_private_key(ec.SECP256R1())), "RSA key of 2048"),
        (spki(ed25519.Ed25519PrivateKey.generate()), "RSA key of 2048"),
        (private(PrivateFormat.PKCS8).decode(), "private key"),
        (private(PrivateFormat.TraditionalOpenSSL).decode(), "private key"),
        (PEM + private(PrivateFormat.PKCS8).decode(), "private key"),
        (base64.b64encode(private(PrivateFormat.PKCS8, Encoding.DER)).decode(), "private key"),
        (base64.b64encode(private(PrivateFormat.TraditionalOpenSSL, Encoding.DER)).decode(), "private key"),
    ],
)
def test_anything_else_is_refused_without_being_repeated(text: str, problem: str) -> None:
    with pytest.raises(BadKey) as refused:
        public_key_of(text)

    assert problem in str(refused.value)
    assert len(str(refused.value)) < 150
    assert refused.value.__cause__ is None
