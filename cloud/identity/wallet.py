"""Proof of a wallet: an Ed25519 signature over the SHA-256 of prefix and message, as in SEP-53.

stellar-sdk does address checksum, prefix and signature. It costs 0.5 s and 57 MB to import, so it is
imported on the first proof, and proofs belong in a thread.
"""

import base64
import binascii

from cloud.identity.errors import BadWalletProof, WrongSignature

CONSTANT_MESSAGE = "los-tecnicos-auth"


def check_address(address: str, *, field: str = "wallet_address") -> None:
    """Return silently for a Stellar public key, `G…` with its checksum.

    Raises:
        BadWalletProof: anything else, secret seeds and contract addresses included.
    """
    from stellar_sdk import StrKey

    if not StrKey.is_valid_ed25519_public_key(address):
        raise BadWalletProof(f"{field}: must be a Stellar public key, G and 55 more characters")


def verify_wallet(address: str, message: str, signature: str) -> None:
    """Return silently when the wallet signed the message.

    Raises:
        BadWalletProof: the address or the base64 is malformed.
        WrongSignature: another key, another message, or not 64 bytes.
    """
    from stellar_sdk import Keypair
    from stellar_sdk.exceptions import BadSignatureError

    check_address(address)
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise BadWalletProof("signature: must be base64") from None
    try:
        Keypair.from_public_key(address).verify_message(message, raw)
    except (BadSignatureError, ValueError):
        raise WrongSignature("signature: does not belong to this wallet and message") from None
