"""A repeated POST gets the first answer."""

import asyncio

import httpx
import pytest
from litestar import Litestar, Request, post
from litestar.params import FromPath
from msgspec import Struct

from cloud.api.lumen import render_error
from cloud.kit.idempotency import NO_KEY, Call, IdempotencyConflict, Once, forget_old, once_of

DAY_S = 24 * 3_600


class Paid(Struct, frozen=True):
    number: int


class Till:
    """Pays one more with every call that is not a repeat."""

    def __init__(self, store) -> None:
        self._store = store
        self.payments = 0

    async def pay(self, once: Once, *, refuse: bool = False) -> Paid:
        async with self._store.write() as tx:
            kept = await once.kept(tx, Paid)
            if kept is not None:
                return kept
            paid = Paid(self.payments + 1)
            await once.keep(tx, paid)
            if refuse:
                raise LookupError
            self.payments += 1
            return paid


@pytest.fixture
def till(store) -> Till:
    return Till(store)


@pytest.fixture
def once(clock):
    """`once(key="k", account="a", route="POST /pay", body="b")`."""

    def make(**changed) -> Once:
        call = {"account": "a", "route": "POST /pay", "key": "k", "body": "b"} | changed
        return Once(Call(call["account"], call["route"], call["key"], call["body"], clock.now_us()))

    return make


async def test_a_repeat_gets_the_first_result_and_does_nothing(till, once):
    first = await till.pay(once())
    again = await till.pay(once())

    assert first == again == Paid(1)
    assert till.payments == 1


async def test_fifty_repeats_at_once_act_once(till, once):
    results = await asyncio.gather(*(till.pay(once()) for _ in range(50)))

    assert set(results) == {Paid(1)}
    assert till.payments == 1


@pytest.mark.parametrize("other", [{"key": "k2"}, {"account": "a2"}, {"route": "POST /refund"}], ids=str)
async def test_another_key_account_or_route_is_another_request(till, once, other):
    await till.pay(once())

    assert await till.pay(once(**other)) == Paid(2)


async def test_the_same_key_with_another_body_is_refused(till, once):
    await till.pay(once())

    with pytest.raises(IdempotencyConflict, match="Idempotency-Key"):
        await till.pay(once(body="b2"))
    assert till.payments == 1


async def test_what_was_refused_is_tried_afresh(till, once):
    with pytest.raises(LookupError):
        await till.pay(once(), refuse=True)

    assert await till.pay(once()) == Paid(1)


async def test_a_key_is_remembered_for_a_day(till, once, clock):
    await till.pay(once())

    clock.advance(DAY_S - 1)
    assert await till.pay(once()) == Paid(1)

    clock.advance(1)
    assert await till.pay(once(body="b2")) == Paid(2)
    assert await till.pay(once(body="b2")) == Paid(2)


async def test_without_a_key_every_request_is_a_new_one(till):
    assert [await till.pay(NO_KEY), await till.pay(NO_KEY)] == [Paid(1), Paid(2)]


async def test_old_keys_are_forgotten_and_young_ones_kept(till, once, store, clock):
    await till.pay(once(key="old"))
    clock.advance(DAY_S - 60)
    await till.pay(once(key="young"))
    clock.advance(60)

    assert await forget_old(store, clock) == 1
    assert await till.pay(once(key="young")) == Paid(2)


@pytest.fixture
async def shop(till, clock):
    """One route, whose account is named by a header."""

    @post("/pay/{thing:str}")
    async def pay(request: Request, thing: FromPath[str]) -> Paid:
        return await till.pay(await once_of(request, request.headers["x-account"], clock))

    app = Litestar([pay], exception_handlers={Exception: render_error})
    app.state.parts = type("Parts", (), {"clock": clock})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def test_the_header_makes_the_repeat(shop, till):
    headers = {"x-account": "a", "Idempotency-Key": "4b1f"}
    first = await shop.post("/pay/x", content=b'{"amount": 1}', headers=headers)
    again = await shop.post("/pay/x", content=b'{"amount": 1}', headers=headers)
    spaced = await shop.post("/pay/x", content=b'{"amount":1}', headers=headers)

    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"number": 1})
    assert spaced.status_code == 422  # the raw body counts
    assert till.payments == 1


async def test_the_same_key_and_body_for_another_thing_is_another_request(shop):
    headers = {"x-account": "a", "Idempotency-Key": "4b1f"}

    paid = [(await shop.post(f"/pay/{thing}", headers=headers)).json()["number"] for thing in "xyxy"]

    assert paid == [1, 2, 1, 2]


@pytest.mark.parametrize("key", ["", "x" * 256, "k\u00e9y".encode("latin-1"), b"a\tb"])
async def test_a_key_that_is_none_is_refused(shop, till, key):
    answer = await shop.post("/pay/x", headers={"x-account": "a", "Idempotency-Key": key})

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["message"]
    assert till.payments == 0


async def test_the_longest_key_is_taken(shop):
    answer = await shop.post("/pay/x", headers={"x-account": "a", "Idempotency-Key": "x" * 255})

    assert answer.status_code == 201
