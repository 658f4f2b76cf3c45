"""A person who is signed in, agents with keys, and callers from near and far."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Struct
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.app import Parts
from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.identity.model import Person
from cloud.identity.service import Identity, WalletProof
from cloud.ledger.service import Ledger
from cloud.settings import Settings


class Agent:
    """An agent's key; it signs as the wire contract says, straight from PyNaCl."""

    def __init__(self, device_id: str = "rpi-4b-prod-01", seed: int = 100) -> None:
        self.device_id = device_id
        self._key = SigningKey(bytes([seed]) * 32)
        self.public_key = bytes(self._key.verify_key).hex()

    def sign(self, purpose: str, payload: bytes) -> str:
        signed = b"lumengrid/v1/" + purpose.encode() + b"\n" + payload
        return base64.b64encode(self._key.sign(signed).signature).decode()

    def enrolment(self, code: str | None = None, **change: Any) -> dict[str, Any]:
        payload = f"{code or ''}\n{self.device_id}\n{self.public_key}".encode()
        return {
            "device_id": self.device_id,
            "enrolment_code": code,
            "public_key": self.public_key,
            "signature": self.sign("enrol", payload),
            **change,
        }

    def claim(self, person_id: str) -> dict[str, Any]:
        return {
            "device_id": self.device_id,
            "signature": self.sign("claim", f"{self.device_id}\n{person_id}".encode()),
        }

    def request(
        self, path: str, body: Mapping[str, Any], counter: int | str, *, method: str = "POST"
    ) -> dict[str, Any]:
        """The arguments of a signed request."""
        content = json.dumps(body).encode()
        signature = self.sign("request", f"{method}\n{path}\n{counter}\n".encode() + content)
        return {
            "content": content,
            "headers": {
                "X-Device-Id": self.device_id,
                "X-Device-Counter": str(counter),
                "X-Device-Signature": signature,
                "Content-Type": "application/json",
            },
        }


class SignedIn(Struct, frozen=True):
    """A person with the header that signs them in."""

    person: Person
    headers: dict[str, str]


class Probe(Struct):
    """The body of the probe routes: device ids are all the guards look at."""

    device_id: str


@post("/iot/probe/caller", status_code=200)
async def probe_caller(data: JSONBody[Probe], caller: NamedDependency[Device]) -> dict[str, Any]:
    assert data.device_id == caller.device_id
    return {"device_id": caller.device_id, "energy_scale": caller.energy_scale}


@post("/iot/probe/controlled", status_code=200)
async def probe_controlled(data: JSONBody[Probe], controlled: NamedDependency[Device]) -> dict[str, Any]:
    assert data.device_id == controlled.device_id
    return {"device_id": controlled.device_id}


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """The defaults, or with what a test's `parametrize("settings", [{…}], indirect=True)` says."""
    return Settings(data_dir=tmp_path / "cloud", **getattr(request, "param", {}))


@pytest.fixture(scope="session")
def more_routes() -> Sequence[BaseRouteHandler]:
    """Those that do nothing but pass the guards."""
    return probe_caller, probe_controlled


@pytest.fixture
def devices(parts: Parts) -> Devices:
    found = parts.services.devices
    assert isinstance(found, Devices)
    return found


@pytest.fixture
def identity(parts: Parts) -> Identity:
    found = parts.services.identity
    assert isinstance(found, Identity)
    return found


@pytest.fixture
def books(parts: Parts) -> Ledger:
    """The ledger of the service."""
    found = parts.services.ledger
    assert isinstance(found, Ledger)
    return found


async def _sign_in(identity: Identity, seed: int) -> SignedIn:
    key = SigningKey(bytes([seed]) * 32)
    digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
    proof = WalletProof(
        wallet_address=StrKey.encode_ed25519_public_key(bytes(key.verify_key)),
        signature=base64.b64encode(key.sign(digest).signature).decode(),
        message=None,
    )
    person, _ = await identity.signup(proof)
    tokens = await identity.login(proof)
    return SignedIn(person, {"Authorization": f"Bearer {tokens.access_token}"})


@pytest.fixture
async def ana(identity: Identity) -> SignedIn:
    return await _sign_in(identity, 1)


@pytest.fixture
async def ben(identity: Identity) -> SignedIn:
    return await _sign_in(identity, 2)


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def calling_from(app: Litestar) -> Callable[[str], httpx.AsyncClient]:
    """A caller from any address."""

    def caller(address: str) -> httpx.AsyncClient:
        asgi: Any = app
        transport = httpx.ASGITransport(app=asgi, raise_app_exceptions=False, client=(address, 50_000))
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")

    return caller


@pytest.fixture
def far(calling_from: Callable[[str], httpx.AsyncClient]) -> httpx.AsyncClient:
    """A caller from the internet (TEST-NET-3, RFC 5737)."""
    return calling_from("203.0.113.9")
