"""SEP-53's own vectors, and everything that is no proof."""

import base64

import pytest

from cloud.identity.errors import BadWalletProof, WrongSignature
from cloud.identity.wallet import CONSTANT_MESSAGE, check_address, verify_wallet

ADDRESS = "GBXFXNDLV4LSWA4VB7YIL5GBD7BVNR22SGBTDKMO2SBZZHDXSKZYCP7L"
SEED = "SAKICEVQLYWGSOJS4WW7HZJWAHZVEEBS527LHK5V4MLJALYKICQCJXMW"
HELLO = "fO5dbYhXUhBMhe6kId/cuVq/AfEnHRHEvsP8vXh03M1uLpi5e46yO2Q8rEBzu3feXQewcQE5GArp88u6ePK6BA=="
CONSTANT = "wFsxBKXjYIGWUK6oiOtf4H212/io3v1kzvDwQp1c3m0ueYzh0jPIVM/teXnNRApHG5eJav8R6fEb9/4iRkm2Bw=="


@pytest.mark.parametrize("message, signature", [("Hello, World!", HELLO), ("los-tecnicos-auth", CONSTANT)])
def test_the_vectors_of_sep_53_are_accepted(message: str, signature: str) -> None:
    verify_wallet(ADDRESS, message, signature)


def test_the_constant_message_is_the_documents() -> None:
    assert CONSTANT_MESSAGE == "los-tecnicos-auth"


@pytest.mark.parametrize(
    "message, signature",
    [
        ("los-tecnicos-auth", HELLO),
        ("los-tecnicos-auth ", CONSTANT),
        ("los-tecnicos-auth", base64.b64encode(bytes(64)).decode()),
        ("los-tecnicos-auth", base64.b64encode(bytes(63)).decode()),
        ("los-tecnicos-auth", base64.b64encode(base64.b64decode(CONSTANT) + b"\0").decode()),
        ("los-tecnicos-auth", ""),
    ],
    ids=["other message", "one space more", "zeros", "63 bytes", "65 bytes", "empty"],
)
def test_a_signature_over_anything_else_is_wrong(message: str, signature: str) -> None:
    with pytest.raises(WrongSignature):
        verify_wallet(ADDRESS, message, signature)


def test_a_signature_of_another_wallet_is_wrong() -> None:
    other = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"  # StrKey of 32 bytes in SEP-23

    with pytest.raises(WrongSignature):
        verify_wallet(other, "Hello, World!", HELLO)


@pytest.mark.parametrize(
    "address",
    [
        "GCKFBEIYTKP4BOFPNR4MXKCDQHM3BLFBE4MIFP7GHPDMMCQKWMQ7WT",
        ADDRESS[:-1] + "A",
        ADDRESS.lower(),
        ADDRESS + "A",
        SEED,
        "CA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUWDA",
        "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK",
        "",
        "Ä" * 56,
        "G" * 56,
    ],
    ids=[
        "the document's 54 characters",
        "checksum",
        "lower case",
        "57 characters",
        "secret seed",
        "contract",
        "muxed account",
        "empty",
        "not ASCII",
        "all G",
    ],
)
def test_what_is_no_stellar_public_key_is_a_bad_request(address: str) -> None:
    with pytest.raises(BadWalletProof) as refused:
        check_address(address)

    assert SEED not in str(refused.value)
    with pytest.raises(BadWalletProof):
        verify_wallet(address, "Hello, World!", HELLO)


@pytest.mark.parametrize("signature", ["not base64!", HELLO[:-1], HELLO + "\n", "ü", HELLO.replace("/", "_")])
def test_what_is_no_base64_is_a_bad_request(signature: str) -> None:
    with pytest.raises(BadWalletProof, match="base64"):
        verify_wallet(ADDRESS, "Hello, World!", signature)
