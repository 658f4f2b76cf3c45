"""A device at a service: registered, sealing and reading, letting others in."""

from collections.abc import Iterator, Mapping
from hmac import compare_digest
from types import TracebackType
from typing import Any, Self

import httpx

from lumen_e2ee.envelope import (
    DecryptedData,
    approval_proof,
    decrypt_transaction_data,
    encrypt_transaction_data,
    rewrap_dek,
)
from lumen_e2ee.keys import DeviceKeys, fingerprint_of

_DEVICES = "/api/v1/users/me/devices"
_TRANSACTIONS = "/api/v1/transactions"
_AT_ONCE = 200
_TRIES_MAX = 3


class LumenE2EE:
    """Calls raise `httpx.HTTPStatusError` for what the service refuses."""

    def __init__(
        self,
        base_url: str,
        access_token: str,
        keys: DeviceKeys,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.keys = keys
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {access_token}"},
            timeout=30,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def register(self, device_name: str, device_type: str) -> dict[str, Any]:
        """The device with its public key; `status` tells whether another must let it in."""
        body = {
            "device_id": self.keys.device_id,
            "public_key": self.keys.public_key,
            "device_name": device_name,
            "device_type": device_type,
        }
        return self._call("POST", _DEVICES, body)

    def devices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", _DEVICES)["devices"]
        return found

    def add(
        self,
        entry: Mapping[str, Any],
        *,
        merchant: str | None,
        invoice_no: str | None = None,
        parsed_fields: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A transaction whose sensitive fields are sealed to all active devices; `entry` is readable."""
        active = {one["device_id"]: one["public_key"] for one in self.devices() if one["status"] == "active"}
        sealed = encrypt_transaction_data(
            active, merchant=merchant, invoice_no=invoice_no, parsed_fields=parsed_fields
        )
        return self._call("POST", _TRANSACTIONS, {**entry, **sealed})

    def transactions(self, **filters: str | int) -> Iterator[dict[str, Any]]:
        """All of them, the newest first."""
        offset = 0
        while True:
            wanted = {**filters, "limit": _AT_ONCE, "offset": offset}
            answer = self._http.get(_TRANSACTIONS, params=wanted).raise_for_status().json()
            yield from answer["transactions"]
            offset += _AT_ONCE
            if offset >= answer["total"]:
                return

    def decrypt(self, transaction: Mapping[str, Any]) -> DecryptedData:
        """Raises NotReadable."""
        return decrypt_transaction_data(transaction, self.keys)

    def approve(self, device_id: str, *, fingerprint: str) -> dict[str, Any]:
        """Let a pending device in: wrap every key for it, then vouch for it with this device's own.

        `fingerprint` is what the new device shows of its key; ValueError: the service names another.
        """
        path = f"{_DEVICES}/{device_id}"
        public_key = self._call("GET", path)["public_key"]
        if not compare_digest(fingerprint_of(public_key), fingerprint.lower()):
            raise ValueError("the new device has another key than the service says: do not let it in")
        for _ in range(_TRIES_MAX - 1):
            self._wrap_missing(path, public_key)
            try:
                return self._vouch(path, device_id, public_key)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.CONFLICT:
                    raise  # a conflict: more was sealed meanwhile
        self._wrap_missing(path, public_key)
        return self._vouch(path, device_id, public_key)

    def revoke(self, device_id: str) -> None:
        """Needs a sign-in younger than five minutes."""
        self._http.delete(f"{_DEVICES}/{device_id}").raise_for_status()

    def _wrap_missing(self, path: str, public_key: str) -> None:
        after = 0
        while True:
            page = self._call("GET", f"{path}/missing-keys?after={after}&limit={_AT_ONCE}")
            keys = {
                str(row["id"]): rewrap_dek(row, self.keys, public_key)
                for row in page["transactions"]
                if self.keys.device_id in row["wrapped_deks"]
            }
            if keys:
                self._call("PUT", f"{path}/wrapped-deks", {"wrapped_deks": keys})
            if page["next_after"] is None:
                return
            after = page["next_after"]

    def _vouch(self, path: str, device_id: str, public_key: str) -> dict[str, Any]:
        approver = {"device_id": self.keys.device_id}
        asked = self._call("POST", f"{path}/challenge", approver)
        proof = approval_proof(asked["challenge"], self.keys, device_id=device_id, public_key=public_key)
        body = {**approver, "expires_at": asked["expires_at"], "proof": proof}
        return self._call("POST", f"{path}/approve", body)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self._http.request(method, path, json=body).raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
