"""A service as anyone would start it, and the people and the device that call it over HTTP alone."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.kit.store.database_url import SQLITE
from lumengrid.processes import free_port
from tests.cloud.databases import PREFIX, back_ends, on_server, run_on_server

HOST = "127.0.0.1"
START_TIMEOUT_S = 60
TWILIO_TOKEN = "twilio-token"


class Person:
    """A wallet and what it signs; `api` is signed in with it."""

    def __init__(self, base_url: str) -> None:
        self._key = SigningKey.generate()
        self.wallet = StrKey.encode_ed25519_public_key(bytes(self._key.verify_key))
        self.api = httpx.Client(base_url=base_url, timeout=60)

    def proof(self) -> dict[str, str]:
        digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
        signature = base64.b64encode(self._key.sign(digest).signature).decode()
        return {"wallet_address": self.wallet, "signature": signature}

    def sign_up(self) -> httpx.Response:
        return self.api.post("/api/v1/auth/signup", json=self.proof())

    def sign_in(self) -> dict[str, str]:
        tokens: dict[str, str] = (
            self.api.post("/api/v1/auth/login", json=self.proof()).raise_for_status().json()
        )
        self.api.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return tokens


class Meter:
    """A device with a key of its own, which signs what it sends."""

    def __init__(self, base_url: str, device_id: str) -> None:
        self.device_id = device_id
        self._key = SigningKey.generate()
        self._counter = 0
        self._api = httpx.Client(base_url=base_url, timeout=60)

    def sign(self, purpose: str, message: bytes) -> str:
        signed = b"lumengrid/v1/" + purpose.encode() + b"\n" + message
        return base64.b64encode(self._key.sign(signed).signature).decode()

    def enrol(self) -> httpx.Response:
        """First contact, without a code."""
        public_key = bytes(self._key.verify_key).hex()
        body = {
            "device_id": self.device_id,
            "enrolment_code": None,
            "public_key": public_key,
            "signature": self.sign("enrol", f"\n{self.device_id}\n{public_key}".encode()),
        }
        return self._api.post("/iot/enrol", json=body)

    def claim(self, owner: Person) -> httpx.Response:
        """Become the owner's."""
        signature = self.sign("claim", f"{self.device_id}\n{owner.wallet}".encode())
        return owner.api.post(
            "/api/v1/iot/device/claim", json={"device_id": self.device_id, "signature": signature}
        )

    def post(self, path: str, **body: object) -> httpx.Response:
        self._counter += 1
        content = json.dumps({"device_id": self.device_id} | body).encode()
        signature = self.sign("request", f"POST\n{path}\n{self._counter}\n".encode() + content)
        return self._api.post(path, content=content, headers=self.headers(signature))

    def headers(self, signature: str) -> dict[str, str]:
        return {
            "X-Device-Id": self.device_id,
            "X-Device-Counter": str(self._counter),
            "X-Device-Signature": signature,
            "Content-Type": "application/json",
        }

    def report(self, sender: str, receiver: str) -> httpx.Response:
        """The document's report: 0.5 kWh by a bench that moved 0.53 Wh."""
        return self.post(
            "/iot/energy/report",
            sender_uid=sender,
            receiver_uid=receiver,
            kwh_transferred=0.5,
            duration_seconds=1800,
            avg_voltage=3.92,
            avg_current=0.27,
            report_id=secrets.token_hex(8),
        )


@contextmanager
def database(back_end: str, purpose: str) -> Iterator[str]:
    """The address of an empty database."""
    if back_end == "sqlite":
        yield SQLITE
        return
    name = f"{PREFIX}{os.getpid()}_{purpose}"
    run_on_server(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    yield on_server(name)
    run_on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session", params=back_ends())
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of each back end."""
    with database(request.param, "contract") as url:
        yield url


@pytest.fixture(scope="session")
def environ(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of the service: a fresh folder, the sample projects, no call limits."""
    return {
        **os.environ,
        "LUMENGRID_PORT": str(free_port(HOST)),
        "LUMENGRID_DATA_DIR": str(tmp_path_factory.mktemp("service")),
        "LUMENGRID_DATABASE_URL": database_url,
        "LUMENGRID_PROJECT_CATALOGUE": "sample",
        "LUMENGRID_RATE_LIMIT_PER_MINUTE": "0",
        "LUMENGRID_SIGN_INS_PER_MINUTE": "0",
        "LUMENGRID_GOOGLE_CLIENT_ID": "1234.apps.example.com",
        "LUMENGRID_GOOGLE_CLIENT_SECRET": "google-secret",
        "LUMENGRID_TWILIO_ACCOUNT_SID": "AC0123456789",
        "LUMENGRID_TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        "LUMENGRID_TWILIO_NUMBER": "+14155238886",
    }


@pytest.fixture(scope="session")
def base_url(environ: dict[str, str]) -> Iterator[str]:
    """`lumengrid cloud run`; stopped as its operator would."""
    log_file = Path(environ["LUMENGRID_DATA_DIR"]) / "log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lumengrid", "cloud", "run"], env=environ, stdout=log, stderr=log
        )
    url = f"http://{HOST}:{environ['LUMENGRID_PORT']}"
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _is_ready(url):
        assert process.poll() is None, log_file.read_text()
        assert time.monotonic() < deadline, log_file.read_text()
        time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(60)


@pytest.fixture(scope="session")
def grant_admin(environ: dict[str, str]) -> Callable[[str], None]:
    """As an operator does, beside the running service."""
    return lambda email: grant_admin_in(environ, email)


def grant_admin_in(environ: dict[str, str], email: str) -> None:
    command = [sys.executable, "-m", "lumengrid", "cloud", "user", "grant", email, "admin"]
    subprocess.run(command, env=environ, check=True, capture_output=True)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=20).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def matches(answer: Any, shape: Any) -> bool:
    """Whether an answer has at least the documented fields, of the documented JSON types.

    A shape is a type, `float` for any number, a dict of shapes, a list of the shape of every element (there
    must be one), or a tuple of alternatives, None among them.
    """
    if isinstance(shape, tuple):
        return any(matches(answer, one) for one in shape)
    if isinstance(shape, dict):
        return isinstance(answer, dict) and all(
            k in answer and matches(answer[k], s) for k, s in shape.items()
        )
    if isinstance(shape, list):
        return isinstance(answer, list) and bool(answer) and all(matches(one, shape[0]) for one in answer)
    if shape is None:
        return answer is None
    if shape is float:
        return isinstance(answer, int | float) and not isinstance(answer, bool)
    return isinstance(answer, shape) and (shape is bool or not isinstance(answer, bool))
