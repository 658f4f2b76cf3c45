"""The routes of investments, portfolio and distributions: who may, in which shape, and what is refused."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.identity.model import Person
from cloud.identity.scopes import Scope
from shared.clock import ManualClock
from tests.cloud.identity.oauth import conftest as oauth
from tests.cloud.projects.example import described

PROJECT = "prj_sunrise_solar"
BODY = {
    "project_id": PROJECT,
    "amount": 500.00,
    "currency": "USD",
    "payment_method": "stripe",
    "payment_source": "pm_card_visa",
}
DECLARED = {"year": 2026, "quarter": 1, "record_date": "2026-03-31", "total_amount": 285000}
CLAIM = f"/v1/distributions/dist_q1_2026_{PROJECT}/claim"
HALF_HOUR_S = 1_800

Headers = dict[str, str]


class Api:
    """An operator with a project, and Ana who has invested 500.00 in it and may claim 285,000.00."""

    def __init__(self, client: httpx.AsyncClient, parts: Parts, clock: ManualClock) -> None:
        self.client, self.parts, self.clock = client, parts, clock
        self.oauth = oauth.World(client, parts)

    async def prepare(self) -> None:
        self.operator_person = await self.person("operator@example.com", is_admin=True)
        self.operator = await self.key(self.operator_person, *Scope)
        self.ana_person = await self.person("ana@example.com")
        self.ana = await self.key(self.ana_person, *(scope for scope in Scope if scope is not Scope.ADMIN))
        self.ben_person = await self.person("ben@example.com")
        self.ben = await self.key(self.ben_person, *(scope for scope in Scope if scope is not Scope.ADMIN))
        assert (await self.post("/v1/projects", described(id=PROJECT), self.operator)).status_code == 201

    async def invested(self) -> dict[str, Any]:
        """Ana's investment; the first quarter is over, and its distribution waits for her."""
        made = (await self.post("/v1/investments", BODY, self.ana)).json()["data"]
        self.clock.advance(100 * 86_400)
        declared = await self.post(f"/v1/projects/{PROJECT}/distributions", DECLARED, self.operator)
        assert declared.status_code == 201, declared.text
        return made

    async def person(self, email: str, *, is_admin: bool = False, is_verified: bool = True) -> Person:
        found = await self.oauth.person(email)
        identity = self.parts.services.identity
        async with self.parts.store.write() as tx:
            if is_verified:
                at_us = self.clock.now_us()
                await identity.set_kyc(tx, found, "verified", verified_at_us=at_us)
        if is_admin:
            await identity.grant(email, "admin")
        async with self.parts.store.read() as tx:
            return await identity.person(tx, found.id)

    async def key(self, person: Person, *scopes: Scope) -> Headers:
        made = await self.parts.services.api_keys.create(person, name="test", scopes=frozenset(scopes))
        return {"X-API-Key": made.text}

    async def token(self, person: Person, scope: Scope) -> Headers:
        """Of an application that the person let in for just this."""
        app = await self.oauth.app(self.ben_person, scopes=frozenset({scope}))
        tokens = await self.oauth.tokens(person, app)
        return {"Authorization": f"Bearer {tokens['access_token']}"}

    async def post(self, path: str, body: Any, headers: Headers, **more: str) -> httpx.Response:
        return await self.client.post(path, json=body, headers=headers | more)

    async def get(self, path: str, headers: Headers, **parameters: Any) -> httpx.Response:
        return await self.client.get(path, params=parameters, headers=headers)

    async def data(self, path: str, headers: Headers, **parameters: Any) -> Any:
        answer = await self.get(path, headers, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@pytest.fixture
async def api(client: httpx.AsyncClient, parts: Parts, clock: ManualClock) -> Api:
    made = Api(client, parts, clock)
    await made.prepare()
    return made


Call = Callable[[Headers], Awaitable[httpx.Response]]


def calls(api: Api, investment_id: str) -> dict[str, tuple[Scope, int, int, Call]]:
    """Each route: its scope, what Ana is answered, what somebody else is, and the call."""
    portfolio, returns = Scope.READ_PORTFOLIO, Scope.READ_RETURNS
    own = f"/v1/investments/{investment_id}"
    return {
        "create": (Scope.MAKE_INVESTMENTS, 201, 201, lambda h: api.post("/v1/investments", BODY, h)),
        "list": (portfolio, 200, 200, lambda h: api.get("/v1/investments", h)),
        "get": (portfolio, 200, 404, lambda h: api.get(own, h)),
        "portfolio": (portfolio, 200, 200, lambda h: api.get("/v1/portfolio", h)),
        "performance": (portfolio, 200, 200, lambda h: api.get("/v1/portfolio/performance", h)),
        "distributions": (returns, 200, 200, lambda h: api.get("/v1/distributions", h)),
        "claim": (Scope.CLAIM_RETURNS, 200, 404, lambda h: api.post(CLAIM, {}, h)),
    }


@pytest.mark.parametrize(
    "route", ["create", "list", "get", "portfolio", "performance", "distributions", "claim"]
)
async def test_each_route_by_each_caller(api: Api, route: str):
    made = await api.invested()
    scope, for_ana, for_ben, call = calls(api, made["id"])[route]
    all_but = await api.key(api.ana_person, *(one for one in Scope if one not in {scope, Scope.ADMIN}))

    answers = {
        "anonymous": await call({}),
        "wrong scope": await call(all_but),
        "somebody else": await call(api.ben),
        "by key": await call(await api.key(api.ana_person, scope)),
        "by token": await call(await api.token(api.ana_person, scope)),
        "by a wrong token": await call(await api.token(api.ana_person, Scope.READ_PROJECTS)),
    }

    assert {who: answer.status_code for who, answer in answers.items()} == {
        "anonymous": 401,
        "wrong scope": 403,
        "somebody else": for_ben,
        "by key": for_ana,
        "by token": for_ana,
        "by a wrong token": 403,
    }
    codes = {401: "AUTHENTICATION_REQUIRED", 403: "INSUFFICIENT_PERMISSIONS", 404: "RESOURCE_NOT_FOUND"}
    for answer in answers.values():
        if answer.status_code in codes:
            assert answer.json()["error"]["code"] == codes[answer.status_code]


async def test_only_operators_declare_distributions(api: Api):
    path = f"/v1/projects/{PROJECT}/distributions"
    await api.invested()
    second = DECLARED | {"record_date": "2026-04-01", "quarter": 2}
    reading = await api.key(api.operator_person, Scope.READ_RETURNS)

    assert (await api.post(path, second, {})).status_code == 401
    assert (await api.post(path, second, api.ana)).status_code == 403
    assert (await api.post(path, second, reading)).status_code == 403
    assert (await api.post(path, second, api.operator)).status_code == 201
    assert (await api.post(path, second, api.operator)).status_code == 409
    unknown = await api.post("/v1/projects/prj_none/distributions", second, api.operator)
    assert unknown.status_code == 404


async def test_a_new_investment_in_the_documents_shape(api: Api):
    answer = await api.post("/v1/investments", BODY | {"payment_source": None}, api.ana)

    made = answer.json()["data"]
    assert made.pop("id").startswith("inv_")
    intent = made.pop("payment_intent_id")
    assert intent.startswith("pi_")
    assert made.pop("payment_client_secret").startswith(f"{intent}_secret")
    assert made.pop("next_action") == {
        "type": "complete_payment",
        "redirect_url": f"http://127.0.0.1:8080/sandbox/payments/{intent}",
    }
    assert made == {
        "project_id": PROJECT,
        "project_name": "Sunrise Solar Farm - Nevada",
        "amount": 500,
        "currency": "USD",
        "platform_fee": 10,
        "total_charged": 510,
        "ownership_tokens": 192.3076923,
        "status": "pending",
        "decline_code": None,
        "expires_at": "2026-01-01T00:30:00Z",
    }


async def test_the_clients_snippet_needs_project_and_amount_only(api: Api):
    answer = await api.post("/v1/investments", {"project_id": PROJECT, "amount": 500.00}, api.ana)

    assert answer.status_code == 201
    assert answer.json()["data"]["status"] == "pending"


async def test_an_investment_in_the_documents_shapes(api: Api):
    made = await api.invested()
    assert (made["status"], made["next_action"]) == ("completed", None)
    await api.post(CLAIM, {"payment_method": "bank_transfer"}, api.ana)

    (row,) = await api.data("/v1/investments", api.ana)
    shared = {
        "id": made["id"],
        "user_id": api.ana_person.user_id,
        "project_id": PROJECT,
        "project_name": "Sunrise Solar Farm - Nevada",
        "amount": 500,
        "currency": "USD",
        "platform_fee": 10,
        "payment_method": "stripe",
        "status": "completed",
        "ownership_tokens": 192.3076923,
        "invested_at": "2026-01-01T00:00:00Z",
        "blockchain_tx_hash": None,
    }
    assert row == shared | {
        "current_value": 285500,
        "return_to_date": 285000,
        "return_percentage": 57000.0,
    }
    assert await api.data(f"/v1/investments/{made['id']}", api.ana) == shared | {
        "payment_id": made["payment_intent_id"],
        "failure_reason": None,
        "refund_status": None,
        "performance": {
            "current_value": 285500,
            "return_to_date": 285000,
            "return_percentage": 57000.0,
            "distributions_received": 285000,
            "distribution_count": 1,
        },
        "distributions": [
            {
                "id": f"dist_q1_2026_{PROJECT}",
                "amount": 285000,
                "distribution_date": "2026-04-11",
                "claimed": True,
                "claimed_at": "2026-04-11T00:00:00Z",
            }
        ],
    }


async def test_a_distribution_in_the_documents_shapes(api: Api):
    await api.invested()
    row = {
        "id": f"dist_q1_2026_{PROJECT}",
        "project_id": PROJECT,
        "project_name": "Sunrise Solar Farm - Nevada",
        "distribution_date": "2026-04-11",
        "record_date": "2026-03-31",
        "total_amount_project": 285000,
        "user_amount": 285000,
        "currency": "USD",
        "distribution_type": "quarterly",
        "claimed": False,
        "claimed_at": None,
        "payment_method": None,
        "payment_reference": None,
    }
    assert await api.data("/v1/distributions", api.ana) == [row]
    assert await api.data("/v1/distributions", api.ana, claimed="true") == []

    claimed = await api.post(CLAIM, {"payment_method": "bank_transfer"}, api.ana)

    # 2026-04-11 is a Saturday: two business days on is Tuesday, the 14th.
    assert claimed.json() == {
        "data": {
            "id": f"dist_q1_2026_{PROJECT}",
            "amount": 285000,
            "currency": "USD",
            "claimed": True,
            "claimed_at": "2026-04-11T00:00:00Z",
            "expected_transfer_date": "2026-04-14",
            "payment_reference": "TL-DIST-Q1-2026-1",
        }
    }
    api.clock.advance(86_400)
    again = await api.post(CLAIM, {"payment_method": "bank_transfer"}, api.ana)
    assert again.json() == claimed.json()
    assert await api.data("/v1/distributions", api.ana, claimed="true", project_id=PROJECT) == [
        row
        | {
            "claimed": True,
            "claimed_at": "2026-04-11T00:00:00Z",
            "payment_method": "bank_transfer",
            "payment_reference": "TL-DIST-Q1-2026-1",
        }
    ]


async def test_a_portfolio_in_the_documents_shape(api: Api):
    await api.post(
        "/v1/projects",
        described(
            id="prj_wind", name="Wind", technology="wind", stage="operating", location={"country": "UK"}
        ),
        api.operator,
    )
    await api.post("/v1/investments", BODY | {"amount": 2500}, api.ana)
    await api.post("/v1/investments", BODY | {"amount": 1500, "project_id": "prj_wind"}, api.ana)
    await api.post("/v1/investments", BODY | {"amount": 1000}, api.ana)
    api.clock.advance(100 * 86_400)
    body = DECLARED | {"total_amount": 425}
    await api.post(f"/v1/projects/{PROJECT}/distributions", body, api.operator)
    await api.post(CLAIM, {}, api.ana)

    # 425 of 5,000 are 8.5 %; 425 of 3,500 are 12.142857...
    assert await api.data("/v1/portfolio", api.ana) == {
        "currency": "USD",
        "currencies": ["USD"],
        "total_invested": 5000,
        "current_value": 5425,
        "total_return": 425,
        "return_percentage": 8.5,
        "distributions_received": 425,
        "investment_count": 3,
        "project_count": 2,
        "breakdown_by_technology": {
            "solar": {"amount": 3500, "percentage": 70},
            "wind": {"amount": 1500, "percentage": 30},
        },
        "breakdown_by_country": {
            "US": {"amount": 3500, "percentage": 70},
            "UK": {"amount": 1500, "percentage": 30},
        },
        "breakdown_by_stage": {
            "construction": {"amount": 3500, "percentage": 70},
            "operating": {"amount": 1500, "percentage": 30},
        },
        "top_investments": [
            {
                "project_id": PROJECT,
                "project_name": "Sunrise Solar Farm - Nevada",
                "amount": 3500,
                "current_value": 3925,
                "return": 425,
                "return_percentage": 12.1,
            },
            {
                "project_id": "prj_wind",
                "project_name": "Wind",
                "amount": 1500,
                "current_value": 1500,
                "return": 0,
                "return_percentage": 0,
            },
        ],
    }


async def test_a_performance_in_the_documents_shape(api: Api):
    await api.post("/v1/investments", BODY | {"amount": 5000}, api.ana)
    api.clock.advance(100 * 86_400)
    body = DECLARED | {"total_amount": 35}
    await api.post(f"/v1/projects/{PROJECT}/distributions", body, api.operator)
    await api.post(CLAIM, {}, api.ana)

    found = await api.data("/v1/portfolio/performance", api.ana)

    points = found.pop("data_points")
    assert [point["date"] for point in points] == [
        "2026-01-01",
        "2026-02-01",
        "2026-03-01",
        "2026-04-01",
        "2026-04-11",
    ]
    assert points[-1] == {
        "date": "2026-04-11",
        "total_invested": 5000,
        "portfolio_value": 5035,
        "return": 35,
        "return_percentage": 0.7,
    }
    # 0.7 % in 100 days are 1.007 ^ 3.65 - 1 = 2.58 % a year, by whichever rule.
    assert found == {
        "currency": "USD",
        "period": "1y",
        "granularity": "monthly",
        "summary": {
            "starting_value": 5000,
            "ending_value": 5035,
            "total_return": 35,
            "return_percentage": 0.7,
            "annualized_return": 2.6,
            "time_weighted_return": 0.7,
            "money_weighted_return": 2.6,
        },
    }


async def test_sums_beyond_all_sense_have_no_rates_and_everything_else(api: Api):
    await api.post("/v1/investments", BODY, api.ana)
    api.clock.advance(100 * 86_400)
    for year, quarter, day in ((2025, 4, "2026-03-30"), (2026, 1, "2026-03-31"), (2026, 2, "2026-04-01")):
        body = {"year": year, "quarter": quarter, "record_date": day, "total_amount": 10**16}
        made = await api.post(f"/v1/projects/{PROJECT}/distributions", body, api.operator)
        await api.post(f"/v1/distributions/{made.json()['data']['id']}/claim", {}, api.ana)

    found = await api.data("/v1/portfolio/performance", api.ana)

    assert found["summary"]["total_return"] == 3 * 10**16
    rates = ("annualized_return", "time_weighted_return", "money_weighted_return")
    assert [found["summary"][name] for name in rates] == [None, None, None]


async def test_before_the_first_distribution_every_return_is_zero_and_none_below(api: Api):
    await api.post("/v1/investments", BODY, api.ana)
    api.clock.advance(100 * 86_400)

    answer = await api.get("/v1/portfolio/performance", api.ana)

    assert answer.json()["data"]["summary"]["money_weighted_return"] == 0
    assert "-0" not in answer.text.partition('"summary"')[2]


async def test_whoever_has_nothing_has_an_empty_portfolio(api: Api):
    summary = await api.data("/v1/portfolio", api.ben)
    performance = await api.data("/v1/portfolio/performance", api.ben, period="all", granularity="daily")

    assert (summary["total_invested"], summary["return_percentage"], summary["top_investments"]) == (0, 0, [])
    assert (summary["currency"], summary["currencies"], summary["breakdown_by_stage"]) == ("USD", [], {})
    assert performance["data_points"] == []
    assert performance["summary"]["annualized_return"] is None


async def test_currencies_are_never_added_up(api: Api):
    euro = described(id="prj_eur", financial={"currency": "EUR"})
    await api.post("/v1/projects", euro, api.operator)
    await api.post("/v1/investments", BODY, api.ana)
    await api.post("/v1/investments", BODY, api.ana)
    body = BODY | {"project_id": "prj_eur", "currency": "EUR", "amount": 900}
    await api.post("/v1/investments", body, api.ana)

    dollars = await api.data("/v1/portfolio", api.ana)
    euros = await api.data("/v1/portfolio", api.ana, currency="EUR")

    assert (dollars["currency"], dollars["total_invested"]) == ("USD", 1000)
    assert dollars["currencies"] == ["USD", "EUR"]
    assert (euros["currency"], euros["total_invested"], euros["project_count"]) == ("EUR", 900, 1)
    performed = await api.data("/v1/portfolio/performance", api.ana, currency="EUR")
    assert performed["summary"]["ending_value"] == 900


@pytest.mark.parametrize("period", ["1m", "3m", "6m", "1y", "all"])
@pytest.mark.parametrize("granularity", ["daily", "weekly", "monthly"])
async def test_every_period_and_granularity_ends_with_now(api: Api, period: str, granularity: str):
    await api.invested()

    found = await api.data("/v1/portfolio/performance", api.ana, period=period, granularity=granularity)

    assert found["data_points"][-1]["date"] == "2026-04-11"
    assert found["summary"]["ending_value"] == 500


@pytest.mark.parametrize(
    "parameters", [{"period": "2y"}, {"granularity": "hourly"}, {"currency": "usd"}, {"currency": "EURO"}]
)
async def test_periods_that_are_none_are_refused(api: Api, parameters: dict[str, str]):
    answer = await api.get("/v1/portfolio/performance", api.ana, **parameters)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    "change,status,code",
    [
        ({"amount": 9.99}, 422, "VALIDATION_ERROR"),
        ({"amount": 100000.01}, 422, "VALIDATION_ERROR"),
        ({"amount": -500}, 422, "VALIDATION_ERROR"),
        ({"amount": 500.001}, 400, "INVALID_REQUEST"),
        ({"amount": 1e300}, 400, "INVALID_REQUEST"),
        ({"amount": "much"}, 422, "VALIDATION_ERROR"),
        ({"amount": None}, 422, "VALIDATION_ERROR"),
        ({"currency": "EUR"}, 422, "VALIDATION_ERROR"),
        ({"currency": "dollars"}, 422, "VALIDATION_ERROR"),
        ({"payment_method": "cash"}, 422, "VALIDATION_ERROR"),
        ({"payment_source": "4242424242424242"}, 422, "VALIDATION_ERROR"),
        ({"project_id": "sunrise"}, 422, "VALIDATION_ERROR"),
        ({"project_id": "prj_atlantis"}, 404, "RESOURCE_NOT_FOUND"),
        ({"novelty": 1}, 422, "VALIDATION_ERROR"),
    ],
)
async def test_what_is_no_investment_is_refused(api: Api, change: dict[str, Any], status: int, code: str):
    answer = await api.post("/v1/investments", BODY | change, api.ana)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code


async def test_kyc_and_a_closed_project_have_their_own_codes(api: Api):
    stranger = await api.person("new@example.com", is_verified=False)
    key = await api.key(stranger, Scope.MAKE_INVESTMENTS)
    refused = await api.post("/v1/investments", BODY, key)
    await api.client.patch(
        f"/v1/projects/{PROJECT}", json={"accepts_investments": False}, headers=api.operator
    )
    closed = await api.post("/v1/investments", BODY, api.ana)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "KYC_REQUIRED")
    assert (closed.status_code, closed.json()["error"]["code"]) == (422, "INVESTMENT_UNAVAILABLE")


async def test_a_source_that_nobody_knows_fails_the_investment(api: Api):
    made = (await api.post("/v1/investments", BODY | {"payment_source": "pm_none"}, api.ana)).json()["data"]

    assert (made["status"], made["next_action"]) == ("failed", None)
    project = await api.data(f"/v1/projects/{PROJECT}", api.ana)
    assert project["financial"]["raised_amount"] == 0


async def test_every_post_takes_an_idempotency_key(api: Api):
    await api.invested()
    declared = DECLARED | {"quarter": 2, "record_date": "2026-04-10"}
    posts: list[tuple[str, dict[str, Any], dict[str, Any], Headers]] = [
        ("/v1/investments", BODY, BODY | {"amount": 501}, api.ana),
        (CLAIM, {}, {"payment_method": "bank_transfer"}, api.ana),
        (f"/v1/projects/{PROJECT}/distributions", declared, declared | {"total_amount": 1}, api.operator),
    ]
    for path, body, other, headers in posts:
        first = await api.post(path, body, headers, **{"Idempotency-Key": "k-1"})
        again = await api.post(path, body, headers, **{"Idempotency-Key": "k-1"})
        wrong = await api.post(path, other, headers, **{"Idempotency-Key": "k-1"})

        assert first.status_code < 300, first.text
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "VALIDATION_ERROR")
    assert len(await api.data("/v1/investments", api.ana)) == 2


@pytest.mark.parametrize(
    "change,status",
    [
        ({"quarter": 5}, 422),
        ({"year": 1999}, 422),
        ({"record_date": "2026-02-30"}, 422),
        ({"record_date": "tomorrow"}, 422),
        ({"record_date": "2026-04-11"}, 422),
        ({"total_amount": 0}, 422),
        ({"total_amount": -5}, 422),
        ({"total_amount": 0.001}, 400),
        ({"novelty": 1}, 422),
    ],
)
async def test_what_is_no_distribution_is_refused(api: Api, change: dict[str, Any], status: int):
    await api.post("/v1/investments", BODY, api.ana)
    api.clock.advance(100 * 86_400)

    answer = await api.post(f"/v1/projects/{PROJECT}/distributions", DECLARED | change, api.operator)

    assert answer.status_code == status


async def test_pages_follow_a_cursor_that_is_good_for_this_list_and_person_only(api: Api):
    for amount in range(10, 15):
        await api.post("/v1/investments", BODY | {"amount": amount}, api.ana)
    first = (await api.get("/v1/investments", api.ana, limit=2)).json()
    cursor = first["pagination"]["next_cursor"]
    second = (await api.get("/v1/investments", api.ana, limit=2, cursor=cursor)).json()
    last = await api.get("/v1/investments", api.ana, limit=2, cursor=second["pagination"]["next_cursor"])

    pages = [first, second, last.json()]
    ids = [row["id"] for page in pages for row in page["data"]]
    assert len(set(ids)) == 5
    assert [page["pagination"]["has_more"] for page in pages] == [True, True, False]
    assert {page["pagination"]["total"] for page in pages} == {5}
    assert last.json()["pagination"]["next_cursor"] is None
    for path, headers, more in (
        ("/v1/investments", api.ben, {}),
        ("/v1/investments", api.ana, {"status": "failed"}),
        ("/v1/distributions", api.ana, {}),
    ):
        refused = await api.get(path, headers, cursor=cursor, **more)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_the_jobs_give_back_room_and_money_by_themselves(api: Api):
    made = (await api.post("/v1/investments", {"project_id": PROJECT, "amount": 500}, api.ana)).json()["data"]
    api.clock.advance(HALF_HOUR_S)

    await api.parts.services.investments.expire_due()

    found = await api.data(f"/v1/investments/{made['id']}", api.ana)
    assert (found["status"], found["failure_reason"]) == ("failed", "expired")
    assert (await api.parts.services.books.check()).discrepancies == ()
