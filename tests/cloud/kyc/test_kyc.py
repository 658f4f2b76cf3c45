"""Verification as an investor and an application see it, with the sandbox as provider."""

import asyncio

import pytest

from cloud.kyc.sandbox import Decided
from tests.cloud.kyc.conftest import BACK

DAY_S = 24 * 3_600


async def decide(parts, run_id: str, *, is_verified: bool = True) -> None:
    await parts.services.sandbox_kyc.decide(run_id, is_verified=is_verified)
    await parts.services.kyc.look(run_id)


async def test_before_anything_it_is_not_started(somebody) -> None:
    ana = await somebody()

    assert await ana.standing() == {
        "status": "not_started",
        "verified_at": None,
        "documents_required": ["identity_document", "selfie"],
        "next_steps": ["start_verification"],
    }
    assert not await ana.is_let_in()


async def test_starting_answers_as_documented_and_is_pending(somebody) -> None:
    ana = await somebody()

    data = (await ana.start()).json()["data"]

    assert set(data) == {"verification_url", "applicant_id", "expires_at"}
    assert data["verification_url"].startswith("http://127.0.0.1:8080/sandbox/kyc/run_")
    assert data["applicant_id"].startswith("app_")
    assert data["expires_at"] == "2026-01-02T00:00:00Z"
    assert (await ana.standing())["next_steps"] == ["complete_verification"]
    assert await ana.status() == "pending"


async def test_verified_is_shown_everywhere_and_lets_in(somebody, client, parts) -> None:
    ana = await somebody()
    await decide(parts, await ana.started())

    assert await ana.standing() == {
        "status": "verified",
        "verified_at": "2026-01-01T00:00:00Z",
        "documents_required": [],
        "next_steps": [],
    }
    user = (await client.get("/v1/user/me", headers=ana.headers)).json()["data"]
    assert (user["kyc_status"], user["kyc_verified_at"]) == ("verified", "2026-01-01T00:00:00Z")
    me = (await client.get("/api/v1/auth/me", headers=ana.headers)).json()
    assert me["kyc_status"] == "verified"
    assert await ana.is_let_in()


async def test_rejected_may_try_again(somebody, parts) -> None:
    ana = await somebody()
    await decide(parts, await ana.started(), is_verified=False)
    assert await ana.status() == "rejected"
    assert not await ana.is_let_in()

    second = await ana.started()

    assert await ana.status() == "pending"
    await decide(parts, second)
    assert await ana.status() == "verified"


async def test_asking_again_gives_the_same_page_until_it_is_over(somebody, clock) -> None:
    ana = await somebody()
    first = (await ana.start()).json()
    assert (await ana.start()).json() == first

    clock.advance(DAY_S + 1)
    await ana.sign_in()

    second = (await ana.start()).json()
    assert second["data"]["verification_url"] != first["data"]["verification_url"]
    assert second["data"]["applicant_id"] == first["data"]["applicant_id"]


async def test_an_old_page_that_ends_well_still_counts_and_one_that_ends_badly_does_not(
    somebody, parts
) -> None:
    ana, ben = await somebody(), await somebody()
    for person, is_verified, status in ((ana, True, "verified"), (ben, False, "pending")):
        old = await person.started()
        new = await person.started(return_url="https://other.example.com/")
        assert old != new
        await decide(parts, old, is_verified=is_verified)
        assert await person.status() == status


async def test_a_page_that_is_left_unused_can_be_started_anew(somebody, clock) -> None:
    ana = await somebody()
    await ana.start()
    clock.advance(DAY_S + 1)
    await ana.sign_in()

    assert (await ana.standing())["next_steps"] == ["start_verification"]


async def test_whoever_is_verified_need_not_start(somebody, parts) -> None:
    ana = await somebody()
    await decide(parts, await ana.started())

    answer = await ana.start()

    assert answer.status_code == 409
    assert await ana.status() == "verified"


async def test_after_two_years_it_is_expired_to_the_second(somebody, parts, clock) -> None:
    ana = await somebody()
    await decide(parts, await ana.started())
    clock.advance(730 * DAY_S - 1)
    await ana.sign_in()
    assert await ana.status() == "verified"
    assert await ana.is_let_in()

    clock.advance(1)

    assert await ana.status() == "expired"
    assert not await ana.is_let_in()
    await parts.services.kyc.expire_due()
    user = (await ana.client.get("/v1/user/me", headers=ana.headers)).json()["data"]
    assert user["kyc_status"] == "expired"
    await decide(parts, await ana.started())
    assert await ana.status() == "verified"


async def test_it_can_be_renewed_in_the_last_month_without_losing_it_meanwhile(
    somebody, parts, clock
) -> None:
    ana = await somebody()
    await decide(parts, await ana.started())
    clock.advance(701 * DAY_S)
    await ana.sign_in()

    run_id = await ana.started()
    assert await ana.status() == "verified"
    await decide(parts, run_id, is_verified=False)

    assert await ana.status() == "verified"


async def test_a_run_is_decided_once(somebody, parts) -> None:
    run_id = await (await somebody()).started()
    await decide(parts, run_id)

    with pytest.raises(Decided):
        await decide(parts, run_id, is_verified=False)


async def test_a_verdict_counts_once_and_renews_nothing(somebody, parts, clock) -> None:
    ana = await somebody()
    run_id = await ana.started()
    await decide(parts, run_id)
    clock.advance(DAY_S)
    await ana.sign_in()

    await parts.services.kyc.look(run_id)

    assert (await ana.standing())["verified_at"] == "2026-01-01T00:00:00Z"


async def test_a_click_whose_request_died_is_found_by_the_job(somebody, parts, clock) -> None:
    ana = await somebody()
    run_id = await ana.started()
    await parts.services.sandbox_kyc.decide(run_id, is_verified=True)

    async with asyncio.timeout(20):
        while await ana.status() != "verified":
            clock.advance(1)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "body, field",
    [
        ({"provider": "onfido"}, "provider"),
        ({"provider": ""}, "provider"),
        ({"return_url": "http://app.example.com"}, "return_url"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(somebody, body: dict, field: str) -> None:
    ana = await somebody()

    answer = await ana.start(**body)

    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert list(error["details"]) == [field]
    assert await ana.status() == "not_started"


async def test_somebody_elses_check_changes_nothing_for_me(somebody, parts) -> None:
    ana, ben = await somebody(), await somebody()
    await decide(parts, await ana.started())

    assert await ben.status() == "not_started"


async def test_the_sandbox_takes_no_webhooks(client) -> None:
    for path in ("/webhooks/onfido", "/webhooks/stripe"):
        assert (await client.post(path, json={})).status_code == 404
    assert BACK.startswith("https://")
