"""The device's own key, the cloud's pinned key, and how the one is exchanged for the other.

    POST {cloud}/iot/enrol
    {"device_id", "enrolment_code", "public_key", "signature", "latitude"?, "longitude"?}
    -> 200 {"device_id", "cloud_public_key", "mqtt": {"url", "username", "password"} | null}

The signature (`Purpose.ENROL`) is over code, device id and public key, newline between them. Without a code
(null, signed as empty) it is a first contact, which a cloud accepts under open trust from nearby addresses.
Both files lie in the data folder with mode 0600.
"""

import json
import logging
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, structs
from nacl.signing import SigningKey

from edge.errors import CloudUnreachable, ConfigWrong, EnrolmentRefused
from shared.coordinates import Coordinates
from shared.signatures import PublicKey, Purpose, public_key_of, sign

logger = logging.getLogger(__name__)

KEY_FILE = "device.key"
CLOUD_FILE = "cloud.json"
PATH = "/iot/enrol"
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024


class BrokerLogin(Struct, frozen=True, kw_only=True):
    """How this device signs in at the broker."""

    url: Annotated[str, Meta(max_length=500)]
    username: Annotated[str, Meta(max_length=200)]
    password: Annotated[str, Meta(max_length=200)]

    def __repr__(self) -> str:
        return f"BrokerLogin(url={self.url!r}, username={self.username!r}, ***)"


class Enrolled(Struct, frozen=True, kw_only=True):
    """What the cloud gave, and which cloud it was."""

    device_id: str
    cloud_public_key: PublicKey
    cloud_url: str
    mqtt: BrokerLogin | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    device_id: str
    cloud_public_key: PublicKey
    mqtt: BrokerLogin | None = None


def device_key(data_dir: Path) -> SigningKey:
    """The key of this device, made on the first call.

    Raises:
        ConfigWrong: the file is not a key, may be read by others, or the folder cannot be written.
    """
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            key = SigningKey.generate()
            write_private(path, bytes(key).hex().encode() + b"\n")
            logger.info("device key made public_key=%s", public_key_of(key))
            return key
        if path.stat().st_mode & 0o077:
            raise ConfigWrong(f"{path} may be read by others: run chmod 600 {path}")
        text = path.read_text(encoding="ascii").strip()
        return SigningKey(bytes.fromhex(text))
    except OSError as error:
        raise ConfigWrong(f"{path} cannot be used: {error.strerror}") from error
    except ValueError as error:
        raise ConfigWrong(f"{path} is not a device key ({error}): restore it, or enrol anew") from None


def load_enrolment(data_dir: Path) -> Enrolled | None:
    """What an earlier enrolment left; None before the first.

    Raises:
        ConfigWrong: the file is there and cannot be used.
    """
    path = data_dir / CLOUD_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Enrolled)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigWrong(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ConfigWrong(f"{path} is damaged ({error}): remove it and enrol anew") from None


def save_enrolment(data_dir: Path, enrolled: Enrolled) -> None:
    """Keep it, readable by the agent's user alone."""
    write_private(data_dir / CLOUD_FILE, msgspec.json.format(msgspec.json.encode(enrolled)) + b"\n")


def enrolment_body(
    key: SigningKey, *, device_id: str, code: str | None, site: Coordinates | None = None
) -> dict[str, str | float | None]:
    """The JSON of the request; without a site it has none, which leaves what the cloud knows of it."""
    public_key = public_key_of(key)
    signed = f"{code or ''}\n{device_id}\n{public_key}".encode()
    return {
        "device_id": device_id,
        "enrolment_code": code,
        "public_key": public_key,
        "signature": sign(key, Purpose.ENROL, signed),
        **({} if site is None else structs.asdict(site)),
    }


async def enrol(
    key: SigningKey, *, cloud_url: str, device_id: str, code: str | None, site: Coordinates | None = None
) -> Enrolled:
    """Show the key to the cloud, say where the device is, and learn the cloud's key.

    Raises:
        EnrolmentRefused: the cloud says no; the message says why and what helps.
        CloudUnreachable: no answer, or one that is no answer to this.
    """
    import aiohttp

    url = cloud_url.rstrip("/") + PATH
    body = enrolment_body(key, device_id=device_id, code=code, site=site)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json=body, allow_redirects=False) as response,
        ):
            text = await response.content.read(ANSWER_BYTES_MAX)
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise CloudUnreachable(f"{url} cannot be reached: {reason}; is the service running?") from None
    return parse_answer(status, text, cloud_url=cloud_url, device_id=device_id, code=code)


def parse_answer(status: int, text: bytes, *, cloud_url: str, device_id: str, code: str | None) -> Enrolled:
    """The enrolment in an answer.

    Raises:
        EnrolmentRefused, CloudUnreachable: as `enrol`.
    """
    if status == 200:  # noqa: PLR2004
        try:
            answer = msgspec.json.decode(text, type=_Answer)
        except msgspec.MsgspecError as error:
            raise CloudUnreachable(f"{cloud_url} answers something else than an enrolment: {error}") from None
        if answer.device_id != device_id:
            raise EnrolmentRefused(f"the cloud enrolled {answer.device_id}, not {device_id}")
        return Enrolled(
            device_id=device_id,
            cloud_public_key=answer.cloud_public_key,
            cloud_url=cloud_url,
            mqtt=answer.mqtt,
        )
    said = _error_text(text)
    if status >= 500 or status in {408, 425, 429}:  # noqa: PLR2004
        raise CloudUnreachable(f"{cloud_url} answers {status}: {said or 'no reason given'}; try again later")
    reasons = {
        401: "the signature does not hold: the key file and the request do not belong together",
        403: "the cloud wants an enrolment code: register the device there and give --code",
        404: "the enrolment code is unknown: copy it again from the device's registration"
        if code
        else "the cloud does not know this device: register it there and give --code",
        409: "the enrolment code was used already, or the device has another key: get a new code"
        if code
        else "the device is enrolled with another key: get an enrolment code and give --code",
    }
    reason = reasons.get(status, f"the cloud refuses with {status}")
    raise EnrolmentRefused(f"{reason} (the cloud says: {said})" if said else reason)


def _error_text(text: bytes) -> str:
    try:
        body: Any = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ""
    said = body.get("error") if isinstance(body, dict) else None
    if isinstance(said, dict):
        said = said.get("message")
    return said[:300] if isinstance(said, str) else json.dumps(said)[:300] if said else ""


def write_private(path: Path, content: bytes) -> None:
    """Write whole or not at all, mode 0600 from the first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
