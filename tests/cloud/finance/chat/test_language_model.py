"""A model that words answers: taken only where it says the same, and never waited for long."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cloud.finance.chat.language_model import LanguageModel

ANSWER = "You spent ₹8,450 on Groceries last month. This includes 12 transactions."
GOOD = "Last month you spent ₹8,450 on Groceries, in 12 transactions."


class Model:
    """What it was asked, and what it is to say."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, Any], str | None]] = []
        self.body: object = {"choices": [{"message": {"content": GOOD}}]}
        self.status = 200
        self.hangs = False
        self.pieces = 1

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((await request.json(), request.headers.get("Authorization")))
        if self.hangs:
            await asyncio.Event().wait()
        if self.pieces > 1:
            return await self.in_pieces(request)
        return web.json_response(self.body, status=self.status)

    async def in_pieces(self, request: web.Request) -> web.StreamResponse:
        """Each is read before the next is written: both ends are on one loop."""
        whole = json.dumps(self.body).encode()
        answer = web.StreamResponse()
        await answer.prepare(request)
        for number in range(self.pieces):
            await answer.write(
                whole[len(whole) * number // self.pieces : len(whole) * (number + 1) // self.pieces]
            )
            for _ in range(20):
                await asyncio.sleep(0)
        return answer


@pytest.fixture
async def model() -> Model:
    return Model()


@pytest.fixture
async def url(model: Model) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.serve)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/v1"))


async def said(url: str, timeout_s: float = 5) -> str:
    model = LanguageModel(url, "small", "hunter2", timeout_s=timeout_s)
    return await model.rephrased("How much on groceries?", ANSWER, ("Groceries",))


async def test_other_words_for_the_same_are_taken_and_only_question_and_answer_are_sent(
    model: Model, url: str
) -> None:
    assert await said(url) == GOOD
    ((body, authorization),) = model.asked
    assert authorization == "Bearer hunter2"
    assert body["model"] == "small"
    assert body["messages"][1]["content"] == f'["How much on groceries?","{ANSWER}"]'


async def test_an_answer_is_read_to_its_end_and_no_further_than_an_answer_goes(
    model: Model, url: str
) -> None:
    model.pieces = 5
    whole = await said(url)
    model.body = {"choices": [{"message": {"content": GOOD}}], "usage": "x" * 70_000}

    assert whole == GOOD
    assert await said(url) == ANSWER


@pytest.mark.parametrize(
    "body, status",
    [
        ({"choices": [{"message": {"content": GOOD.replace("8,450", "8,540")}}]}, 200),
        ({"choices": [{"message": {"content": GOOD + " You could save half."}}]}, 200),
        ({"choices": [{"message": {"content": None}}]}, 200),
        ({"choices": []}, 200),
        ({"error": "overloaded"}, 200),
        ([1], 200),
        ({"choices": [{"message": {"content": GOOD}}]}, 500),
    ],
)
async def test_anything_else_leaves_the_answer_as_it_was(
    model: Model, url: str, body: object, status: int
) -> None:
    model.body, model.status = body, status

    assert await said(url) == ANSWER


async def test_a_model_that_hangs_or_is_not_there_leaves_the_answer_as_it_was(model: Model, url: str) -> None:
    model.hangs = True

    assert await said(url, timeout_s=0.05) == ANSWER
    assert await said("http://127.0.0.1:9/v1") == ANSWER
