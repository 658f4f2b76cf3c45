"""Conditional reads: what is tagged, what a known tag spares, and what passes untouched."""

import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar, Response, get, post
from litestar.response import Stream

from cloud.kit.etag import ConditionalReads, is_known


@get("/thing")
async def thing() -> dict[str, int]:
    return {"a": 1}


@get("/missing", status_code=404)
async def missing() -> dict[str, int]:
    return {"a": 1}


@get("/tagged")
async def tagged() -> Response[str]:
    return Response("x", headers={"ETag": '"own"'})


@get("/stream")
async def stream() -> Stream:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"a", b"b", b"c"):
            yield part

    return Stream(parts())


@post("/thing", status_code=200)
async def act() -> dict[str, int]:
    return {"a": 1}


@pytest.fixture
def http() -> httpx.AsyncClient:
    app = Litestar(
        [thing, missing, tagged, stream, act], middleware=[ConditionalReads()], openapi_config=None
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://t")


TAG = '"' + hashlib.sha256(b'{"a":1}').hexdigest()[:32] + '"'


async def test_an_answer_is_tagged_by_its_content(http: httpx.AsyncClient) -> None:
    answer = await http.get("/thing")

    assert (answer.status_code, answer.headers["etag"], answer.json()) == (200, TAG, {"a": 1})


@pytest.mark.parametrize("sent", [TAG, f"W/{TAG}", f'"x", {TAG}', f'W/"x" , W/{TAG}', "*"])
async def test_who_has_it_already_gets_no_body(http: httpx.AsyncClient, sent: str) -> None:
    answer = await http.get("/thing", headers={"If-None-Match": sent})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", TAG)
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("sent", ["", '"x"', TAG.strip('"'), f"{TAG}x", "**", f'"x{TAG}"'])
async def test_who_has_something_else_gets_it_whole(http: httpx.AsyncClient, sent: str) -> None:
    answer = await http.get("/thing", headers={"If-None-Match": sent})

    assert (answer.status_code, answer.json()) == (200, {"a": 1})


@pytest.mark.parametrize("path, method, status", [("/missing", "GET", 404), ("/thing", "POST", 200)])
async def test_only_good_answers_to_get_are_tagged(
    http: httpx.AsyncClient, path: str, method: str, status: int
) -> None:
    answer = await http.request(method, path, headers={"If-None-Match": "*"})

    assert answer.status_code == status
    assert "etag" not in answer.headers


async def test_what_has_a_tag_keeps_it_and_a_stream_passes(http: httpx.AsyncClient) -> None:
    own, streamed = await http.get("/tagged"), await http.get("/stream")

    assert own.headers["etag"] == '"own"'
    assert streamed.content == b"abc"
    assert "etag" not in streamed.headers


def test_no_header_is_no_tag() -> None:
    assert not is_known(TAG, "")
