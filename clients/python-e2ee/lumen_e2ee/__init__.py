"""End-to-end encryption of LUMEN transactions: RSA-OAEP-2048 with SHA-256, AES-256-GCM."""

from lumen_e2ee.device import LumenE2EE
from lumen_e2ee.envelope import (
    DecryptedData,
    NotReadable,
    approval_proof,
    decrypt_transaction_data,
    encrypt_transaction_data,
    rewrap_dek,
)
from lumen_e2ee.keys import DeviceKeys, fingerprint_of

__all__ = [
    "DecryptedData",
    "DeviceKeys",
    "LumenE2EE",
    "NotReadable",
    "approval_proof",
    "decrypt_transaction_data",
    "encrypt_transaction_data",
    "fingerprint_of",
    "rewrap_dek",
]
