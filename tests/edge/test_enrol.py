"""The device key, the pinned cloud key, and what a person is told when enrolment fails."""

import stat
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from nacl.signing import SigningKey

from edge.enrol import (
    BrokerLogin,
    Enrolled,
    device_key,
    enrol,
    enrolment_body,
    load_enrolment,
    parse_answer,
    save_enrolment,
)
from edge.errors import CloudUnreachable, ConfigWrong, EnrolmentRefused
from shared.coordinates import Coordinates
from shared.signatures import Purpose, public_key_of, verify

CLOUD_KEY = "ab" * 32
ENROLLED = Enrolled(
    device_id="rpi",
    cloud_public_key=CLOUD_KEY,
    cloud_url="http://cloud",
    mqtt=BrokerLogin(url="mqtt://host:1883", username="rpi", password="secret"),
)


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    key = device_key(tmp_path / "data")

    assert device_key(tmp_path / "data") == key
    assert stat.S_IMODE((tmp_path / "data" / "device.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31, "not a key"])
def test_a_damaged_key_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "device.key"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(ConfigWrong, match=r"device\.key is not a device key"):
        device_key(tmp_path)


def test_a_key_that_others_may_read_stops_the_start_and_names_the_fix(tmp_path: Path) -> None:
    device_key(tmp_path)
    (tmp_path / "device.key").chmod(0o644)

    with pytest.raises(ConfigWrong, match="chmod 600"):
        device_key(tmp_path)


def test_the_enrolment_is_kept_and_its_password_is_not_shown(tmp_path: Path) -> None:
    assert load_enrolment(tmp_path) is None
    save_enrolment(tmp_path, ENROLLED)

    assert load_enrolment(tmp_path) == ENROLLED
    assert stat.S_IMODE((tmp_path / "cloud.json").stat().st_mode) == 0o600
    assert "secret" not in repr(ENROLLED)


def test_a_damaged_enrolment_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "cloud.json").write_text("{")

    with pytest.raises(ConfigWrong, match=r"cloud\.json is damaged"):
        load_enrolment(tmp_path)


@pytest.mark.parametrize("code", ["abc-123", None])
def test_the_request_is_signed_over_code_device_and_key(code: str | None) -> None:
    key = SigningKey(bytes(32))

    body = enrolment_body(key, device_id="rpi", code=code)

    public_key = public_key_of(key)
    signed = f"{code or ''}\nrpi\n{public_key}".encode()
    verify(public_key, Purpose.ENROL, signed, str(body["signature"]))
    assert (body["enrolment_code"], body["device_id"], body["public_key"]) == (code, "rpi", public_key)


def test_the_site_stands_in_the_request_only_when_there_is_one() -> None:
    site = Coordinates(latitude=12.97, longitude=77.59)

    with_site = enrolment_body(SigningKey(bytes(32)), device_id="rpi", code=None, site=site)
    without = enrolment_body(SigningKey(bytes(32)), device_id="rpi", code=None)

    assert (with_site["latitude"], with_site["longitude"]) == (12.97, 77.59)
    assert with_site == without | {"latitude": 12.97, "longitude": 77.59}


@pytest.mark.parametrize(
    "status, code, words",
    [
        (401, "abc", "signature does not hold"),
        (403, None, "give --code"),
        (404, "abc", "code is unknown"),
        (404, None, "does not know this device"),
        (409, "abc", "used already"),
        (409, None, "another key"),
        (418, "abc", "refuses with 418"),
    ],
)
def test_a_refusal_says_in_plain_words_what_to_do(status: int, code: str | None, words: str) -> None:
    text = b'{"error": "as the cloud puts it"}'

    with pytest.raises(EnrolmentRefused, match=words) as raised:
        parse_answer(status, text, cloud_url="http://cloud", device_id="rpi", code=code)
    assert "as the cloud puts it" in str(raised.value)


@pytest.mark.parametrize(
    "status, text",
    [
        (503, b""),
        (429, b"{}"),
        (200, b"<html>a hotel's portal</html>"),
        (200, b'{"device_id": "rpi", "cloud_public_key": "short"}'),
    ],
)
def test_an_answer_that_is_none_may_come_right_later(status: int, text: bytes) -> None:
    with pytest.raises(CloudUnreachable):
        parse_answer(status, text, cloud_url="http://cloud", device_id="rpi", code=None)


def test_an_answer_for_another_device_is_refused() -> None:
    text = msgspec.json.encode({"device_id": "other", "cloud_public_key": CLOUD_KEY})

    with pytest.raises(EnrolmentRefused, match="other"):
        parse_answer(200, text, cloud_url="http://cloud", device_id="rpi", code=None)


async def test_the_cloud_s_answer_is_what_is_kept() -> None:
    asked: list[dict[str, object]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response(
            {
                "device_id": "rpi",
                "cloud_public_key": CLOUD_KEY,
                "mqtt": {"url": "mqtt://host:1883", "username": "rpi", "password": "secret"},
                "later": "fields are allowed",
            }
        )

    app = web.Application()
    app.router.add_post("/iot/enrol", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        enrolled = await enrol(SigningKey(bytes(32)), cloud_url=url + "/", device_id="rpi", code="abc")

    assert (enrolled.cloud_public_key, enrolled.mqtt) == (CLOUD_KEY, ENROLLED.mqtt)
    assert asked[0]["enrolment_code"] == "abc"


async def test_an_unreachable_cloud_is_named() -> None:
    with pytest.raises(CloudUnreachable, match=r"http://127\.0\.0\.1:1/iot/enrol cannot be reached"):
        await enrol(SigningKey(bytes(32)), cloud_url="http://127.0.0.1:1", device_id="rpi", code=None)
