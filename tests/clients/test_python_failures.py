"""What the Python clients do when something goes wrong: what is tried again, and what is raised."""

import email.utils
import socket
from typing import Any

import httpx
import pytest

import terra_lumina
from terra_lumina import Retry
from tests.clients.conftest import Either, Waits
from tests.clients.stand_in import Fault, StandIn, refusal

NOW_S = 1_763_217_000.0
WANT = {"project_id": "prj_sunrise_solar", "amount": 500.00}


@pytest.mark.parametrize(
    "status, code, kind",
    [
        (400, "INVALID_REQUEST", "InvalidRequestError"),
        (401, "AUTHENTICATION_REQUIRED", "AuthenticationError"),
        (403, "INSUFFICIENT_PERMISSIONS", "PermissionDeniedError"),
        (403, "KYC_REQUIRED", "KycRequiredError"),
        (404, "RESOURCE_NOT_FOUND", "NotFoundError"),
        (422, "VALIDATION_ERROR", "ValidationError"),
        (422, "INVESTMENT_UNAVAILABLE", "InvestmentUnavailableError"),
        (400, "INSUFFICIENT_FUNDS", "InsufficientFundsError"),
        (409, "VALIDATION_ERROR", "ValidationError"),
        (422, "SOMETHING_NEW", "ValidationError"),
        (418, "SOMETHING_NEW", "ApiError"),
    ],
)
def test_a_refusal_is_raised_by_its_code_and_not_tried_again(
    done: Either, stand_in: StandIn, waits: Waits, status: int, code: str, kind: str
) -> None:
    stand_in.faults.append(refusal(status, code))

    with pytest.raises(terra_lumina.ApiError) as raised:
        done(done.client(stand_in.base_url).investments.create(**WANT))

    error = raised.value
    assert type(error).__name__ == kind
    assert (error.status, error.code, error.message) == (status, code, "why")
    assert error.details == {"amount": "Must be more"}
    assert error.request_id == "req_abc123"
    assert len(stand_in.seen) == 1
    assert waits == []


def test_a_failure_without_the_document_s_body_names_the_request_all_the_same(
    done: Either, stand_in: StandIn
) -> None:
    stand_in.faults.append(Fault(502, b"<html>bad gateway</html>"))

    with pytest.raises(terra_lumina.ServerError) as raised:
        done(done.client(stand_in.base_url, retry=Retry(tries_max=1)).portfolio.get())

    assert raised.value.request_id == "req_header"


def test_what_may_have_invested_is_repeated_under_its_key_and_invests_once(
    done: Either, stand_in: StandIn, waits: Waits
) -> None:
    stand_in.faults.extend([Fault(None, acts=True), Fault(503, {}, acts=True)])

    created = done(done.client(stand_in.base_url).investments.create(**WANT))

    assert created.id == "inv_new1"
    assert len(stand_in.seen) == 3
    assert len(stand_in.invested) == 1
    assert waits == [0.5, 1.0]


def test_two_investments_have_two_keys_and_the_caller_may_give_one(done: Either, stand_in: StandIn) -> None:
    create = done.client(stand_in.base_url).investments.create

    ids = [done(create(**WANT)).id, done(create(**WANT)).id]
    ids += [done(create(**WANT, idempotency_key="order 7")).id for _ in range(2)]

    assert ids == ["inv_new1", "inv_new2", "inv_new3", "inv_new3"]
    assert "order 7" in stand_in.invested


def test_pauses_double_up_to_a_limit_and_tries_end(done: Either, stand_in: StandIn, waits: Waits) -> None:
    stand_in.faults.extend([Fault(500, {})] * 9)
    retry = Retry(tries_max=6, backoff_s=1, backoff_max_s=5)

    with pytest.raises(terra_lumina.ServerError):
        done(done.client(stand_in.base_url, retry=retry, random=lambda: 0.5).portfolio.get())

    assert waits == [0.5, 1, 2, 2.5, 2.5]
    assert len(stand_in.seen) == 6


@pytest.mark.parametrize("said", ["7", email.utils.formatdate(NOW_S + 7, usegmt=True)])
def test_the_service_says_how_long_to_wait(done: Either, stand_in: StandIn, waits: Waits, said: str) -> None:
    stand_in.faults.append(Fault(503, {}, {"Retry-After": said}))

    done(done.client(stand_in.base_url, now_s=lambda: NOW_S).portfolio.get())

    assert waits == [7]


@pytest.mark.parametrize("said", ["soon", "-5", "", "1e9", "٣"])
def test_a_pause_that_nobody_understands_is_our_own(
    done: Either, stand_in: StandIn, waits: Waits, said: str
) -> None:
    stand_in.faults.append(Fault(503, {}, {"Retry-After": said.encode().decode("latin-1")}))

    done(done.client(stand_in.base_url).portfolio.get())

    assert waits == [0.5]


def test_over_the_limit_for_long_is_raised_at_once(done: Either, stand_in: StandIn, waits: Waits) -> None:
    stand_in.faults.append(refusal(429, "RATE_LIMIT_EXCEEDED", retry_after=600))

    with pytest.raises(terra_lumina.RateLimitError) as raised:
        done(done.client(stand_in.base_url).portfolio.get())

    assert raised.value.retry_after == 600
    assert waits == []


def test_over_the_limit_for_a_moment_is_waited_for_whatever_was_asked(
    done: Either, stand_in: StandIn, waits: Waits
) -> None:
    stand_in.faults.append(refusal(429, "RATE_LIMIT_EXCEEDED", retry_after=2))

    done(done.client(stand_in.base_url).user.start_kyc(return_url="https://yourapp.com"))

    assert waits == [2]


@pytest.mark.parametrize("fault", [Fault(None), Fault(500, {}), Fault(503, {})])
def test_what_may_have_begun_a_verification_is_not_tried_again(
    done: Either, stand_in: StandIn, fault: Fault
) -> None:
    stand_in.faults.append(fault)

    with pytest.raises(terra_lumina.TerraLuminaError):
        done(done.client(stand_in.base_url).user.start_kyc(return_url="https://yourapp.com"))

    assert len(stand_in.seen) == 1


def test_a_service_that_is_not_there_is_told_by_one_error(done: Either, waits: Waits) -> None:
    with pytest.raises(terra_lumina.ConnectionFailedError) as raised:
        done(done.client("http://127.0.0.1:1/v1").user.start_kyc(return_url="https://yourapp.com"))

    assert isinstance(raised.value.__cause__, httpx.ConnectError)
    assert waits == [0.5, 1, 2]


def test_a_service_that_is_silent_for_too_long_is_one_that_does_not_answer(waits: Waits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        api: Any = terra_lumina.TerraLumina(
            "key", base_url=f"http://127.0.0.1:{port}/v1", timeout_s=0.05, sleep=waits.sleep
        )

        with pytest.raises(terra_lumina.ConnectionFailedError, match="ReadTimeout"):
            api.portfolio.get()

    assert len(waits) == 3
