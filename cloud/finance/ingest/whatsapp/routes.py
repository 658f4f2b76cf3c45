"""Twilio's webhook, and the linking of phones."""

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.errors import BadRequest, PayloadTooLarge
from cloud.finance.ingest.errors import NotFromTwilio, NotSetUp
from cloud.finance.ingest.whatsapp.service import MEDIA_MAX, Inbound, WhatsApp
from cloud.finance.ingest.whatsapp.signature import TWIML, is_signed, twiml
from cloud.identity.model import Person
from cloud.identity.registration import is_phone
from cloud.kit.documented import raises
from cloud.settings import Settings
from shared.clock import rfc3339

PATH = "/api/v1/ingest/whatsapp"
BODY_BYTES_MAX = 65_536
FIELDS_MAX = 200


@post(
    PATH,
    status_code=200,
    request_max_body_size=BODY_BYTES_MAX,
    opt=raises(BadRequest, NotFromTwilio, PayloadTooLarge, NotSetUp),
)
async def whatsapp_webhook(
    request: Request[Any, Any, Any], whatsapp: NamedDependency[WhatsApp], settings: NamedDependency[Settings]
) -> Response[str]:
    """Called by Twilio. The answer is what it sends back to the phone."""
    if settings.twilio_auth_token is None:
        raise NotSetUp("whatsapp", "twilio_auth_token")
    body = await request.body()
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise BadRequest("the body must be a form of UTF-8") from None
    query = request.scope["query_string"].decode("latin-1")
    url = settings.base_url + PATH + (f"?{query}" if query else "")
    if not is_signed(settings.twilio_auth_token, url, fields, request.headers.get("x-twilio-signature", "")):
        raise NotFromTwilio
    reply = await whatsapp.answer(_inbound(dict(fields)))
    return Response(twiml(reply), media_type=TWIML)


@post(PATH + "/link", status_code=201)
async def link_whatsapp(
    person: NamedDependency[Person], whatsapp: NamedDependency[WhatsApp]
) -> dict[str, Any]:
    """A code to send from the phone."""
    made = await whatsapp.new_code(person)
    return {
        "code": made.code,
        "send_to": made.number,
        "text": f"link {made.code}",
        "expires_at": rfc3339(made.expires_at_us),
    }


@get(PATH + "/status", status_code=200)
async def whatsapp_status(
    person: NamedDependency[Person], whatsapp: NamedDependency[WhatsApp]
) -> dict[str, Any]:
    """The phones whose messages are the person's."""
    return {"phones": await whatsapp.phones(person)}


@delete(PATH + "/link", status_code=204)
async def unlink_whatsapp(person: NamedDependency[Person], whatsapp: NamedDependency[WhatsApp]) -> None:
    """No phone is linked any more."""
    await whatsapp.unlink(person)


def _inbound(fields: dict[str, str]) -> Inbound:
    phone = fields.get("From", "").removeprefix("whatsapp:")
    if not is_phone(phone):
        raise BadRequest("From: must be whatsapp: and a phone number")
    try:
        count = int(fields.get("NumMedia", "0") or "0")
    except ValueError:
        raise BadRequest("NumMedia: must be a number") from None
    urls = [fields.get(f"MediaUrl{number}", "") for number in range(max(0, min(count, MEDIA_MAX)))]
    return Inbound(
        sid=fields.get("MessageSid", "")[:100],
        phone=phone,
        text=fields.get("Body", ""),
        media_urls=[url for url in urls if url],
    )


ROUTES: list[BaseRouteHandler] = [whatsapp_webhook, link_whatsapp, whatsapp_status, unlink_whatsapp]
