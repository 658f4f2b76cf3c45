"""The service with Onfido as provider, against a stand-in that speaks its documented protocol."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import msgspec
import pytest

from cloud.kit.store import WriteTx
from tests.cloud.kyc.onfido_server import API_TOKEN, WEBHOOK_TOKEN, WORKFLOW_ID, Onfido, signed

JSON = "application/json"


@pytest.fixture
async def onfido():
    server = Onfido()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def settings(settings, onfido):
    return msgspec.structs.replace(
        settings,
        kyc_provider="onfido",
        onfido_url=onfido.url,
        onfido_api_token=API_TOKEN,
        onfido_webhook_token=WEBHOOK_TOKEN,
        onfido_workflow_id=WORKFLOW_ID,
    )


async def send(client, body: bytes, *, content_type: str = JSON, signature: str | None = None):
    return await client.post(
        "/webhooks/onfido",
        content=body,
        headers={
            "X-SHA2-Signature": signed(body) if signature is None else signature,
            "Content-Type": content_type,
        },
    )


async def begun(somebody):
    ana = await somebody()
    return ana, await ana.started(provider="onfido")


async def until(person, status: str, clock) -> None:
    async with asyncio.timeout(20):
        while await person.status() != status:
            clock.advance(1)
            await asyncio.sleep(0.01)


async def test_the_requests_are_as_documented(somebody, onfido) -> None:
    ana = await somebody("Ana Maria Rao")
    data = (await ana.start(provider="onfido")).json()["data"]

    assert data["verification_url"].startswith("https://eu.onfido.app/l/run-")
    assert data["applicant_id"] == "applicant-1"
    (method, path, applicant), (_, _, run) = onfido.requests
    assert (method, path) == ("POST", "/v3.6/applicants")
    assert applicant == {"first_name": "Ana Maria", "last_name": "Rao"}
    assert run["workflow_id"] == WORKFLOW_ID
    assert run["link"] == {
        "completed_redirect_url": "https://app.example.com/kyc/complete",
        "expired_redirect_url": "https://app.example.com/kyc/complete",
        "expires_at": "2026-01-02T00:00:00Z",
    }


@pytest.mark.parametrize(
    "said, status",
    [
        ("approved", "verified"),
        ("declined", "rejected"),
        ("abandoned", "not_started"),
        ("error", "not_started"),
    ],
)
async def test_a_webhook_brings_the_verdict(somebody, client, onfido, clock, said, status) -> None:
    ana, run_id = await begun(somebody)

    answer = await send(client, onfido.decide(run_id, said))

    assert (answer.status_code, answer.content) == (204, b"")
    await until(ana, status, clock)


async def test_a_review_by_hand_is_still_pending(somebody, client, onfido, parts, clock) -> None:
    ana, run_id = await begun(somebody)
    await send(client, onfido.decide(run_id, "review"))
    await parts.services.kyc.run_due()
    assert await ana.status() == "pending"

    await send(client, onfido.decide(run_id, "approved"))

    await until(ana, "verified", clock)


async def test_a_replay_is_answered_and_asks_nothing_again(somebody, client, onfido, parts, clock) -> None:
    ana, run_id = await begun(somebody)
    body = onfido.decide(run_id, "approved")
    await send(client, body)
    await until(ana, "verified", clock)
    asked = len(onfido.requests)

    for _ in range(5):
        assert (await send(client, body)).status_code == 204
    await parts.services.kyc.run_due()

    assert len(onfido.requests) == asked


async def test_news_of_a_check_that_is_decided_ask_nothing(somebody, client, onfido, parts, clock) -> None:
    ana, run_id = await begun(somebody)
    await send(client, onfido.decide(run_id, "approved"))
    await until(ana, "verified", clock)
    asked = len(onfido.requests)

    assert (await send(client, onfido.webhook(run_id, "workflow_run.updated", "declined"))).status_code == 204
    await parts.services.kyc.run_due()

    assert len(onfido.requests) == asked
    assert await ana.status() == "verified"


async def test_the_verdict_is_asked_for_not_believed(somebody, client, onfido, parts) -> None:
    ana, run_id = await begun(somebody)

    await send(client, onfido.webhook(run_id, "workflow_run.completed", "approved"))
    await parts.services.kyc.run_due()

    assert await ana.status() == "pending"


@pytest.mark.parametrize("signature", ["", "00", signed(b"{}"), signed(b"", "other"), "\u00e9"])
async def test_what_onfido_did_not_sign_is_refused(somebody, client, onfido, parts, signature) -> None:
    _, run_id = await begun(somebody)
    body = onfido.decide(run_id, "approved")

    answer = await send(client, body, signature=signature.encode("utf-8"))

    assert answer.status_code == 400
    assert signed(body, "other") != signed(body)


async def test_other_content_huge_bodies_and_nonsense_are_refused(client) -> None:
    assert (await send(client, b"{}", content_type="text/plain")).status_code == 415
    assert (await send(client, b"x" * 1_100_000)).status_code == 413
    for body in (b"", b"{}", b"[]", b"\xff", b"[" * 50_000, b'{"payload": 1}'):
        assert (await send(client, body)).status_code == 400


async def test_a_missed_webhook_is_healed_by_asking(somebody, onfido, clock) -> None:
    ana, run_id = await begun(somebody)
    onfido.decide(run_id, "approved")

    clock.advance(170)
    assert await ana.status() == "pending"

    await until(ana, "verified", clock)


@pytest.mark.parametrize("fault", ["lost", 429, 500, 422])
@pytest.mark.parametrize("at", [0, 1])
async def test_an_outage_is_told_and_the_next_try_goes_on(somebody, onfido, fault, at: int) -> None:
    ana = await somebody()
    onfido.faults.extend([None] * at + [fault])

    refused = await ana.start(provider="onfido")
    assert refused.status_code == 503
    assert await ana.status() == "not_started"

    assert (await ana.start(provider="onfido")).status_code == 201
    assert len(onfido.applicants) == len(onfido.runs) == 1


async def test_an_outage_while_asking_is_waited_for(somebody, onfido, clock) -> None:
    ana, run_id = await begun(somebody)
    onfido.decide(run_id, "approved")
    onfido.faults.extend([500, "lost", 429])

    await until(ana, "verified", clock)


async def test_no_token_is_logged(somebody, onfido, clock, caplog) -> None:
    caplog.set_level("DEBUG")
    onfido.faults.extend(["lost", 401])
    ana = await somebody()
    for _ in range(3):
        await ana.start(provider="onfido")

    assert API_TOKEN not in caplog.text
    assert WEBHOOK_TOKEN not in caplog.text


async def test_who_starts_many_times_at_once_gets_one_page(somebody, onfido) -> None:
    ana = await somebody()

    answers = await asyncio.gather(*(ana.start(provider="onfido") for _ in range(8)))

    assert len({answer.text for answer in answers}) == 1
    assert len(onfido.applicants) == len(onfido.runs) == 1


async def test_a_page_that_was_opened_while_another_start_was_committed_is_the_page_of_both(
    parts, somebody, onfido, monkeypatch
) -> None:
    ana = await somebody()
    store, kyc = parts.store, parts.services.kyc
    second_has_written, first_is_answered = asyncio.Event(), asyncio.Event()
    uses = itertools.count(1)

    @asynccontextmanager
    async def write() -> AsyncIterator[WriteTx]:
        use = next(uses)
        async with store.write() as tx:
            yield tx
        if use == 1:
            await second_has_written.wait()
        elif use == 2:
            second_has_written.set()
            await first_is_answered.wait()

    monkeypatch.setattr(kyc, "_store", SimpleNamespace(write=write, read=store.read))
    first = asyncio.create_task(ana.start(provider="onfido"))
    second = asyncio.create_task(ana.start(provider="onfido"))
    answer = await first
    first_is_answered.set()

    assert (await second).text == answer.text
    assert len(onfido.applicants) == len(onfido.runs) == 1
