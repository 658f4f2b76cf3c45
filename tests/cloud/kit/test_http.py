"""Bodies are taken strictly, amounts leave exactly, errors have one shape."""

from decimal import Decimal
from typing import Annotated

import httpx
import pytest
from litestar import Litestar, get, post
from litestar.connection import ASGIConnection
from litestar.params import FromPath, JSONBody, MultipartBody
from msgspec import Meta, Struct

from cloud.api.stelltron import render_error
from cloud.errors import BadRequest, Conflict, NotFound, RateLimited, Unavailable
from cloud.kit.fields import decode_fields
from cloud.kit.http import JsonBody, JsonResponse, Number, client_address, decode


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    on: bool


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1, le=5)] = 1
    amount: Number = Decimal(0)
    ratio: float = 0.0
    inner: Inner | None = None


@post("/orders", status_code=201)
async def create(data: JSONBody[Order]) -> dict[str, object]:
    return {"count": data.count, "amount": data.amount, "ratio": data.ratio}


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    a: str


class Form(Struct, frozen=True, kw_only=True):
    name: str | None = None


@post("/forms", status_code=201, dto=None)
async def fill_in(data: MultipartBody[Form]) -> dict[str, str | None]:
    return {"name": data.name}


@get("/raise/{name:str}", status_code=200)
async def fails(name: FromPath[str]) -> None:
    raise {
        "conflict": Conflict("taken already"),
        "missing": NotFound("no order 7"),
        "limited": RateLimited("slow down", retry_after_s=12),
        "unavailable": Unavailable("nothing was stored: disk full"),
        "defect": ZeroDivisionError("secret detail"),
    }[name]


@pytest.fixture
async def client():
    app = Litestar(
        [create, fails, fill_in],
        dto=JsonBody,
        return_dto=None,
        response_class=JsonResponse,
        exception_handlers={Exception: render_error},
        request_max_body_size=1_048_576,
        openapi_config=None,
        debug=False,
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def send(client, body, content_type="application/json"):
    return await client.post("/orders", content=body, headers={"Content-Type": content_type})


async def test_a_right_body_is_taken_and_an_amount_keeps_every_digit(client):
    answer = await send(client, b'{"count": 2, "amount": 922337203685.4775807, "ratio": 0.5}')

    assert answer.status_code == 201
    assert answer.text == '{"count":2,"amount":922337203685.4775807,"ratio":0.5}'


@pytest.mark.parametrize(
    "body, field",
    [
        (b'{"count": "1"}', "count"),
        (b'{"count": 1.0}', "count"),
        (b'{"count": 1.5}', "count"),
        (b'{"count": true}', "count"),
        (b'{"count": null}', "count"),
        (b'{"count": 0}', "count"),
        (b'{"count": 6}', "count"),
        (b'{"count": 99999999999999999999999}', "count"),
        (b'{"inner": {"on": 0}}', "inner.on"),
        (b'{"inner": {"on": "false"}}', "inner.on"),
        (b'{"inner": {"on": true, "off": 1}}', "inner"),
        (b'{"unknown": 1}', "body: Object contains unknown field"),
        (b"[]", "body"),
        (b"1", "body"),
        (b"null", "body"),
        (b'{"amount": NaN}', "the body is not JSON"),
        (b'{"ratio": Infinity}', "the body is not JSON"),
        (b'{"ratio": 1e999}', "ratio"),
        (b"", "the body is missing"),
        (b'{"count": 1', "the body is not JSON"),
        (b'{"count": 1}}', "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b'{"inner": ' + b"[" * 100_000, "inner"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body: Object contains unknown"),
    ],
    ids=lambda value: value[:40].decode(errors="replace") if isinstance(value, bytes) else "",
)
async def test_a_wrong_body_is_a_400_that_names_its_field(client, body, field):
    answer = await send(client, body)

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(field)


@pytest.mark.parametrize("body", [rb'{"a": "\u0000"}', rb'{"a\u0000": 1}', rb'{"a": "x\\\u0000"}'])
@pytest.mark.parametrize("read", [decode, decode_fields])
def test_a_text_that_one_of_the_databases_could_not_keep_is_refused_on_both(body, read):
    with pytest.raises(BadRequest, match=r"U\+0000"):
        read(body, Named)


def test_the_six_characters_that_would_escape_it_are_text_like_any_other():
    assert decode(rb'{"a": "\\u0000"}', Named) == Named(a=r"\u0000")


def test_a_bottomless_body_is_refused_where_anything_is_allowed():
    with pytest.raises(BadRequest, match="nested too deeply"):
        decode(b"[" * 100_000, object)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/x-msgpack",
        "text/plain",
    ],
)
async def test_a_body_that_does_not_call_itself_json_is_a_400(client, content_type):
    answer = await send(client, b"count=1", content_type)

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


async def test_a_body_of_two_megabytes_is_a_413(client):
    answer = await send(client, b'{"unknown": "' + b"x" * 2_000_000 + b'"}')

    assert answer.status_code == 413
    assert list(answer.json()) == ["error"]


async def test_two_megabytes_without_a_stated_length_are_a_413_too(client):
    async def chunks():
        for _ in range(200):
            yield b" " * 10_000

    answer = await send(client, chunks())

    assert answer.status_code == 413


@pytest.mark.parametrize(
    "name, status, message",
    [
        ("conflict", 409, "taken already"),
        ("missing", 404, "no order 7"),
        ("limited", 429, "slow down"),
        ("unavailable", 503, "nothing was stored: disk full"),
        ("defect", 500, "internal error"),
    ],
)
async def test_every_error_has_the_documents_shape(client, name, status, message):
    answer = await client.get(f"/raise/{name}")

    assert answer.status_code == status
    assert answer.json() == {"error": message}
    assert answer.headers["content-type"] == "application/json"


async def test_who_should_come_back_is_told_when(client):
    assert (await client.get("/raise/limited")).headers["Retry-After"] == "12"
    assert (await client.get("/raise/unavailable")).headers["Retry-After"] == "1"


async def test_unknown_paths_and_methods_have_the_same_shape(client):
    unknown, method = await client.get("/nowhere"), await client.put("/orders")

    assert (unknown.status_code, list(unknown.json())) == (404, ["error"])
    assert (method.status_code, list(method.json())) == (405, ["error"])


@pytest.mark.parametrize(
    "peer, forwarded, address",
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["127.0.0.1", "198.51.100.7"], "198.51.100.7"),  # some proxies add a header of their own
        ("10.0.0.1", ["127.0.0.1", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", [""], "10.0.0.1"),
    ],
)
def test_a_forwarded_address_counts_from_a_configured_proxy_only(peer, forwarded, address):
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    connection = ASGIConnection({"type": "http", "client": (peer, 1), "headers": headers})

    assert client_address(connection, ("10.0.0.1", "10.0.0.2")) == address


@pytest.mark.parametrize(
    "part",
    [
        b'Content-Disposition: form-data; name="name"\r\n\r\n\x89PNG',
        b'Content-Disposition: form-data; name="name"\r\nContent-Type: text/plain; charset=no-such\r\n\r\nA',
    ],
)
async def test_a_field_of_a_form_that_is_no_text_is_refused(client, part):
    answer = await client.post(
        "/forms",
        content=b"--b\r\n" + part + b"\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )

    assert answer.status_code == 400
    assert "field of the form" in answer.json()["error"]
