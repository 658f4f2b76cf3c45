"""Messages from a phone, as Twilio passes them on."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import httpx
import pytest
from aiohttp import web

from cloud.app import Parts
from cloud.finance.ingest.errors import FileTooLarge, NotFromTwilio
from cloud.finance.ingest.whatsapp.media import Media
from cloud.finance.ingest.whatsapp.periods import covered_us
from cloud.finance.ingest.whatsapp.signature import signature_of, twiml
from cloud.finance.messages.command import Period
from cloud.settings import Settings
from shared.clock import ManualClock, to_micros
from tests.cloud.finance.ingest.test_routes import JPEG, Receipts
from tests.cloud.finance.people import signed_up

PATH = "/api/v1/ingest/whatsapp"
SID, TOKEN = "AC0123456789", "twilio-token"
PHONE = "+919876543210"


class Twilio:
    """Serves media to whoever knows the account's token; `/moved` leads to an address of a test's choice."""

    def __init__(self) -> None:
        self.url = ""
        self.moved_to = ""
        self.content = JPEG

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/media", self.media)
        app.router.add_get("/moved", self.moved)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def media(self, request: web.Request) -> web.Response:
        expected = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != expected:
            return web.Response(status=401)
        return web.Response(body=self.content)

    async def moved(self, _request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": self.moved_to})


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    server = Twilio()
    await server.start()
    yield server
    await server.runner.cleanup()


@pytest.fixture
def settings(tmp_path: Path, twilio: Twilio) -> Settings:
    return Settings(
        data_dir=tmp_path / "cloud",
        rate_limit_per_minute=0,
        sign_ins_per_minute=0,
        public_url="https://lumen.example.com",
        twilio_account_sid=SID,
        twilio_auth_token=TOKEN,
        twilio_number="+14155238886",
        twilio_url=twilio.url,
    )


def signed(fields: dict[str, str], url: str = f"https://lumen.example.com{PATH}") -> str:
    """As Twilio's description writes it."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


class Phone:
    def __init__(self, client: httpx.AsyncClient, number: str = PHONE) -> None:
        self.client, self.number, self.sent = client, number, 0

    async def say(self, text: str, *media: str, sid: str | None = None) -> str:
        self.sent += 1
        fields = {
            "MessageSid": sid or f"SM{self.number}{self.sent}",
            "From": f"whatsapp:{self.number}",
            "To": "whatsapp:+14155238886",
            "Body": text,
            "NumMedia": str(len(media)),
            "ProfileName": "",
        } | {f"MediaUrl{number}": url for number, url in enumerate(media)}
        answer = await self.client.post(
            PATH,
            content=urlencode(fields),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Twilio-Signature": signed(fields),
            },
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/xml")
        found = ET.fromstring(answer.text)
        assert found.tag == "Response"
        return "\n".join(message.text or "" for message in found)


async def linked(client: httpx.AsyncClient, name: str = "ana", number: str = PHONE):
    _, headers = await signed_up(client, name)
    body = {"consent_whatsapp_ingest": True}
    await client.patch("/api/v1/users/me/consent", headers=headers, json=body)
    made = (await client.post(f"{PATH}/link", headers=headers)).raise_for_status().json()
    phone = Phone(client, number)
    assert "is linked" in await phone.say(made["text"])
    return phone, headers


async def rows(client: httpx.AsyncClient, headers: dict[str, str]):
    return (await client.get("/api/v1/transactions", headers=headers)).json()["transactions"]


def test_a_signature_is_that_of_twilios_own_example() -> None:
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"

    assert signature_of("12345", url, fields.items()) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


async def test_whoever_is_not_twilio_is_refused(client: httpx.AsyncClient) -> None:
    fields = {"From": f"whatsapp:{PHONE}", "Body": "summary", "MessageSid": "SM1"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    other_url = signed(fields, "https://evil.example.com" + PATH)
    for signature in ("", "x", signed({**fields, "Body": "help"}), other_url):
        answer = await client.post(
            PATH, content=urlencode(fields), headers={**form, "X-Twilio-Signature": signature}
        )
        assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")
    large = await client.post(PATH, content=b"a=" + b"x" * 70_000, headers=form)
    many = await client.post(PATH, content="&".join(f"a{n}=" for n in range(201)), headers=form)
    assert (large.status_code, many.status_code) == (413, 400)


async def test_a_phone_is_linked_by_a_code_sent_from_it_once(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    _, headers = await signed_up(client, "ana")
    without_consent = await client.post(f"{PATH}/link", headers=headers)
    await client.patch("/api/v1/users/me/consent", headers=headers, json={"consent_whatsapp_ingest": True})
    first = (await client.post(f"{PATH}/link", headers=headers)).json()
    second = (await client.post(f"{PATH}/link", headers=headers)).json()
    phone, stranger = Phone(client), Phone(client, "+4915112345678")

    assert without_consent.status_code == 403
    assert "not linked" in await phone.say("summary")
    assert "unknown, used or expired" in await phone.say(first["text"])  # the second replaced it
    assert "is linked" in await phone.say("Link " + second["code"].lower())
    assert "unknown, used or expired" in await stranger.say(second["text"])
    assert second["send_to"] == "+14155238886"
    third = (await client.post(f"{PATH}/link", headers=headers)).json()
    clock.advance(600)
    assert "unknown, used or expired" in await stranger.say(third["text"])
    assert (await client.get(f"{PATH}/status", headers=headers)).json() == {"phones": [PHONE]}
    assert (await client.delete(f"{PATH}/link", headers=headers)).status_code == 204
    assert "not linked" in await phone.say("summary")


async def test_a_purchase_is_told_confirmed_rejected_and_summed(client: httpx.AsyncClient) -> None:
    phone, headers = await linked(client)

    booked = await phone.say("paid 250 to Ravi for lunch")
    (row,) = await rows(client, headers)
    assert row.items() >= {"amount": 250, "source_type": "WhatsApp", "confirmed": None}.items()
    assert str(row["id"]) in booked
    assert "₹250" in booked
    assert "Confirmed" in await phone.say("yes")
    assert (await rows(client, headers))[0]["confirmed"] is True
    assert "₹250" in await phone.say("summary")
    assert "1 purchases" in await phone.say("summary today")
    assert "Rejected" in await phone.say(f"no {row['id']}")
    assert "₹0" in await phone.say("summary")
    assert "unknown" in await phone.say("yes 999")
    assert "photo" in await phone.say("help")
    assert "Not booked" in await phone.say("how much is the fish?")


async def test_a_message_that_twilio_sends_twice_is_booked_once(client: httpx.AsyncClient) -> None:
    phone, headers = await linked(client)

    await phone.say("paid 250 to Ravi", sid="SM7")
    again = await phone.say("paid 250 to Ravi", sid="SM7")

    assert "already" in again
    assert len(await rows(client, headers)) == 1
    # the same words in another message are another purchase, or at least another row
    await phone.say("paid 250 to Ravi", sid="SM8")
    params = {"include_merged": "true"}
    assert (await client.get("/api/v1/transactions", headers=headers, params=params)).json()["total"] == 2


async def test_one_phone_decides_on_nothing_of_another(client: httpx.AsyncClient) -> None:
    phone, headers = await linked(client)
    other, _ = await linked(client, "ben", "+4915112345678")
    await phone.say("paid 250 to Ravi")
    (row,) = await rows(client, headers)

    assert "unknown" in await other.say(f"no {row['id']}")
    assert "asked about nothing" in await other.say("no")
    assert (await rows(client, headers))[0]["confirmed"] is None


async def test_without_consent_nothing_is_read(client: httpx.AsyncClient) -> None:
    phone, headers = await linked(client)
    await client.patch("/api/v1/users/me/consent", headers=headers, json={"consent_whatsapp_ingest": False})

    assert "does not let me" in await phone.say("paid 250 to Ravi")
    assert await rows(client, headers) == []


async def test_a_picture_is_fetched_and_read(client: httpx.AsyncClient, parts: Parts, twilio: Twilio) -> None:
    parts.services.ingestion._receipts = receipts = Receipts()
    phone, headers = await linked(client)

    reply = await phone.say("", f"{twilio.url}/media")

    assert receipts.read_files == [JPEG]
    (row,) = await rows(client, headers)
    assert row["merchant_name_raw"] == "Taj Restaurant"
    assert "₹2,450" in reply


async def test_nothing_is_fetched_from_elsewhere(
    client: httpx.AsyncClient, parts: Parts, twilio: Twilio
) -> None:
    parts.services.ingestion._receipts = receipts = Receipts()
    phone, _ = await linked(client)

    for url in (
        "http://169.254.169.254/latest",
        "https://api.twilio.com.evil.example/media",
        "https://eviltwilio.com/media",
        "http://media.twiliocdn.com/a",
        "https://media.twiliocdn.com:8443/a",
        "file:///etc/passwd",
        "//x",
    ):
        assert "cannot be taken" in await phone.say("", url), url
        twilio.moved_to = url
        assert "cannot be" in await phone.say("", f"{twilio.url}/moved"), url
    assert receipts.read_files == []


async def test_a_file_is_read_up_to_its_limit(twilio: Twilio) -> None:
    media = Media(twilio.url, SID, TOKEN)
    twilio.content = b"x" * 100
    assert await media.fetch(f"{twilio.url}/media", bytes_max=100) == twilio.content
    with pytest.raises(FileTooLarge):
        await media.fetch(f"{twilio.url}/media", bytes_max=99)
    with pytest.raises(NotFromTwilio):
        await media.fetch("https://example.com/media", bytes_max=99)
    await media.close()


def test_an_answer_is_xml_whatever_it_says() -> None:
    assert twiml("") == '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    found = ET.fromstring(twiml('<b> & "\x00\n]]> ₹' + "x" * 2_000))
    assert (found[0].text or "").startswith('<b> & "\n]]> ₹x')
    assert len(found[0].text or "") <= 1_600


@pytest.mark.parametrize(
    "period, first, after",
    [
        (Period.TODAY, "2026-03-01", "2026-03-02"),
        (Period.YESTERDAY, "2026-02-28", "2026-03-01"),
        (Period.THIS_WEEK, "2026-02-23", "2026-03-02"),
        (Period.LAST_WEEK, "2026-02-16", "2026-02-23"),
        (Period.THIS_MONTH, "2026-03-01", "2026-04-01"),
        (Period.LAST_MONTH, "2026-02-01", "2026-03-01"),
        (Period.THIS_YEAR, "2026-01-01", "2027-01-01"),
        (Period.LAST_YEAR, "2025-01-01", "2026-01-01"),
    ],
)
def test_a_period_is_of_the_persons_own_days(period: Period, first: str, after: str) -> None:
    zone = ZoneInfo("Asia/Kolkata")  # 20:00Z on the last of February is the first of March there

    found = covered_us(period, to_micros(datetime.fromisoformat("2026-02-28T20:00:00Z")), zone)

    assert found == tuple(
        to_micros(datetime.fromisoformat(day).replace(tzinfo=zone)) for day in (first, after)
    )
