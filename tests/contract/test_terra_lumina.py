"""Every row of the investment platform in `endpoints.tsv`, as its document shows it.

The service listens on a real socket and is called over HTTP alone. Only its clock is the tests': it stands
two days back while they invest, so that a distribution can be declared for a day that is over.
"""

import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.sync.client import connect

from cloud.app import create_app
from cloud.settings import Settings
from shared.clock import SystemClock
from tests.cloud.databases import back_ends
from tests.cloud.projects.example import described
from tests.cloud.web.conftest import Served
from tests.cloud.web.person import PASSWORD, Person, authorization, hidden

from .conftest import HOST, database, grant_admin_in, matches
from .table import Example, name_of, rows

ROWS = [row for row in rows() if row.source == "terra-lumina"]
PROJECT = "prj_sunrise_solar"
CALLBACK = "http://127.0.0.1:9/callback"
WITHIN_S = 60
SCOPES = [
    "read_profile",
    "write_profile",
    "read_portfolio",
    "read_projects",
    "make_investments",
    "read_returns",
    "claim_returns",
]


class ShiftedClock(SystemClock):
    """The machine's clock, some days off."""

    def __init__(self) -> None:
        self.ahead = timedelta(days=-2)

    def now(self) -> datetime:
        return super().now() + self.ahead

    def now_us(self) -> int:
        return super().now_us() + self.ahead // timedelta(microseconds=1)


class World:
    """Ana has invested, Oda operates the project, Ned is verified by nobody."""

    def __init__(self, base_url: str, clock: ShiftedClock, grant_admin: Any) -> None:
        self.base_url = base_url
        self.people = {name: Person(base_url) for name in ("ana", "oda", "ned")}
        for name, person in self.people.items():
            person.email = f"{name}@contract.example.com"
            person.sign_up()
        grant_admin(self.people["oda"].email)
        self.anyone = httpx.Client(base_url=base_url, timeout=60)
        self._sign_in()
        self.verify(self.ana, self.people["ana"])
        self.describe()
        for amount in (500.00, 120.00):
            self.invest(amount).raise_for_status()
        self.until(lambda: self.ana.get("/v1/portfolio").json()["data"]["investment_count"] == 2)
        clock.ahead = timedelta(0)
        self._sign_in()
        ana = self.people["ana"]
        ana.send("/sign-in", {"email": ana.email, "password": PASSWORD, "user_type": "consumer"})
        declared = {
            "year": (datetime.now(UTC) - timedelta(days=1)).year,
            "quarter": ((datetime.now(UTC) - timedelta(days=1)).month + 2) // 3,
            "record_date": (datetime.now(UTC) - timedelta(days=1)).date().isoformat(),
            "total_amount": 62.00,
        }
        self.oda.post(f"/v1/projects/{PROJECT}/distributions", json=declared).raise_for_status()
        self.app = self.people["ana"].register(CALLBACK, scopes=SCOPES)

    def _sign_in(self) -> None:
        self.ana, self.oda, self.ned = [self._signed_in(person) for person in self.people.values()]

    def _signed_in(self, person: Person) -> httpx.Client:
        body = {"email": person.email, "password": PASSWORD, "user_type": "consumer"}
        found = self.anyone.post("/api/v1/auth/login", json=body).raise_for_status().json()
        headers = {"Authorization": f"Bearer {found['access_token']}"}
        return httpx.Client(base_url=self.base_url, timeout=60, headers=headers)

    def verify(self, api: httpx.Client, person: Person) -> None:
        page = self.start_kyc(api).raise_for_status().json()["data"]["verification_url"]
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', person.http.get(page).text))
        person.http.post(page, data=fields | {"decision": "verify"})
        self.until(lambda: api.get("/v1/user/me/kyc").json()["data"]["status"] == "verified")

    def start_kyc(self, api: httpx.Client) -> httpx.Response:
        body = {"provider": "sandbox", "return_url": "https://yourapp.com/kyc/complete"}
        return api.post("/v1/user/me/kyc", json=body)

    def describe(self) -> None:
        """The document's project, with an update and a document, and room for money."""
        deadline = (datetime.now(UTC) + timedelta(days=300)).strftime("%Y-%m-%dT00:00:00Z")
        example = described(id=PROJECT, financial={"funding_deadline": deadline})
        self.oda.post("/v1/projects", json=example).raise_for_status()
        update = {
            "title": "Construction Milestone: 60% Complete",
            "content": "Reached 60% construction completion...",
            "type": "progress",
            "attachments": [{"type": "image", "url": "https://cdn.terralumina.org/updates/photo1.jpg"}],
        }
        self.oda.post(f"/v1/projects/{PROJECT}/updates", json=update).raise_for_status()
        file = {"file": ("Project Prospectus.pdf", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF\n")}
        sent = self.oda.post(f"/v1/projects/{PROJECT}/documents", files=file, data={"type": "prospectus"})
        sent.raise_for_status()

    def invest(self, amount: float, **more: Any) -> httpx.Response:
        body = {
            "project_id": PROJECT,
            "amount": amount,
            "currency": "USD",
            "payment_method": "stripe",
            "payment_source": "pm_card_visa",
        }
        return self.ana.post("/v1/investments", json=body | more)

    def until(self, holds: Any) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    # What a row's call needs first

    def code(self) -> str:
        person = self.people["ana"]
        url = authorization(
            self.base_url,
            client_id=self.app["client_id"],
            redirect_uri=CALLBACK,
            scope="read_profile read_portfolio make_investments",
        )
        return str(httpx.URL(person.decide(url)).params["code"])

    def consent_page(self) -> httpx.Response:
        url = authorization(self.base_url, client_id=self.app["client_id"], redirect_uri=CALLBACK)
        return self.people["ana"].http.get(url)

    def token(self) -> httpx.Response:
        body = {"grant_type": "authorization_code", "code": self.code(), "redirect_uri": CALLBACK}
        return self.anyone.post("/v1/oauth/token", json=body | self.app)

    def investment(self) -> httpx.Response:
        [*_, first] = self.ana.get("/v1/investments").raise_for_status().json()["data"]
        return self.ana.get(f"/v1/investments/{first['id']}")

    def claim(self) -> httpx.Response:
        [share] = self.ana.get("/v1/distributions").raise_for_status().json()["data"]
        path = f"/v1/distributions/{share['id']}/claim"
        return self.ana.post(path, json={"payment_method": "bank_transfer"})

    def live(self) -> dict[str, Any]:
        """What the portfolio channel says of an investment, as the document shows it."""
        address = self.base_url.replace("http", "ws", 1) + "/v1/ws"
        token = self.ana.headers["Authorization"].removeprefix("Bearer ")
        with connect(address, open_timeout=WITHIN_S) as ws:
            ws.send(json.dumps({"type": "auth", "token": token}))
            ws.send(json.dumps({"type": "subscribe", "channel": "portfolio"}))
            self.until(lambda: json.loads(ws.recv(timeout=WITHIN_S))["type"] == "subscribed")
            self.invest(10.00).raise_for_status()
            while True:
                message: dict[str, Any] = json.loads(ws.recv(timeout=WITHIN_S))
                if message["type"] == "portfolio_update":
                    return message


@pytest.fixture(scope="module", params=back_ends())
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock = ShiftedClock()
    with database(request.param, "platform") as url, socket.create_server((HOST, 0)) as listening:
        settings = Settings(
            port=listening.getsockname()[1],
            data_dir=tmp_path_factory.mktemp("platform"),
            database_url=url,
            rate_limit_per_minute=0,
            sign_ins_per_minute=0,
        )
        app = create_app(settings, clock)
        server = Served(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert server.listens.wait(WITHIN_S)
        environ = {
            **os.environ,
            "LUMENGRID_DATA_DIR": str(settings.data_dir),
            "LUMENGRID_DATABASE_URL": settings.database_url,
        }
        yield World(settings.base_url, clock, lambda email: grant_admin_in(environ, email))
        server.should_exit = True
        thread.join(WITHIN_S)


PAGINATION = {"next_cursor": (str, None), "has_more": bool, "total": int}
LOCATION = {"country": str, "state": str, "city": str, "coordinates": {"lat": float, "lng": float}}
FINANCIAL = {
    "target_amount": float,
    "raised_amount": float,
    "funding_percentage": float,
    "min_investment": float,
    "investor_count": int,
    "expected_return_annual": float,
    "payback_period_years": int,
    "funding_deadline": str,
}
LISTED_PROJECT = {
    "id": str,
    "name": str,
    "description": str,
    "technology": str,
    "capacity_mw": float,
    "location": LOCATION,
    "stage": str,
    "financial": FINANCIAL | {"total_return": float},
    "impact": {"co2_avoided_tons_annual": float, "homes_powered": int, "jobs_created": int},
    "rating": float,
    "created_at": str,
}
PROJECT_DETAIL = LISTED_PROJECT | {
    "construction_progress": float,
    "expected_cod": str,
    "financial": FINANCIAL
    | {"max_investment": float, "expected_return_total": float, "exit_timeline_years": int},
    "technical": {
        "panel_type": str,
        "panel_manufacturer": str,
        "panel_capacity_w": float,
        "panel_count": int,
        "inverter_type": str,
        "tracking": str,
        "expected_generation_mwh_annual": float,
        "capacity_factor": float,
        "degradation_annual": float,
    },
    "impact": {
        "co2_avoided_tons_annual": float,
        "homes_powered": int,
        "jobs_construction": int,
        "jobs_operations": int,
        "community_benefit_annual": float,
    },
    "documents": [{"type": str, "name": str, "url": str, "size_bytes": int, "uploaded_at": str}],
    "third_party_validation": [{"firm": str, "type": str, "conclusion": str, "date": str}],
    "rating_breakdown": dict.fromkeys(("financial", "technical", "community", "risk", "values"), float),
    "updated_at": str,
}
PREFERENCES = {"currency": str, "notifications": {"email": bool, "sms": bool}}
RETURN = {"current_value": float, "return_to_date": float, "return_percentage": float}
INVESTMENT = {
    "id": str,
    "user_id": str,
    "project_id": str,
    "project_name": str,
    "amount": float,
    "currency": str,
    "payment_method": str,
    "status": str,
    "ownership_tokens": float,
    "invested_at": str,
    "blockchain_tx_hash": (str, None),
}
PART = {"amount": float, "percentage": float}
POINT = {
    "date": str,
    "total_invested": float,
    "portfolio_value": float,
    "return": float,
    "return_percentage": float,
}


def _page(path: str) -> Any:
    return lambda w: w.people["ana"].http.get(path)


EXAMPLES: dict[tuple[str, str], Example] = {
    ("GET", "/oauth/authorize"): Example(lambda w: w.consent_page(), 200, "Solar Diary"),
    ("POST", "/v1/oauth/token"): Example(
        lambda w: w.token(),
        200,
        {"access_token": str, "token_type": str, "expires_in": int, "refresh_token": str, "scope": str},
    ),
    ("GET", "/v1/user/me"): Example(
        lambda w: w.ana.get("/v1/user/me"),
        200,
        {
            "data": {
                "id": str,
                "email": str,
                "name": str,
                "kyc_status": str,
                "kyc_verified_at": str,
                "created_at": str,
                "preferences": PREFERENCES,
            }
        },
    ),
    ("PATCH", "/v1/user/me"): Example(
        lambda w: w.ana.patch("/v1/user/me", json={"name": "Jane Smith", "preferences": {"currency": "EUR"}}),
        200,
        {"data": {"id": str, "name": str, "preferences": {"currency": str}}},
    ),
    ("GET", "/v1/user/me/kyc"): Example(
        lambda w: w.ned.get("/v1/user/me/kyc"),
        200,
        {"data": {"status": str, "verified_at": None, "documents_required": [str], "next_steps": [str]}},
    ),
    ("POST", "/v1/user/me/kyc"): Example(
        lambda w: w.start_kyc(w.ned),
        201,
        {"data": {"verification_url": str, "applicant_id": str, "expires_at": str}},
    ),
    ("GET", "/v1/projects"): Example(
        lambda w: w.ana.get("/v1/projects?technology=solar&country=US&stage=construction&limit=20"),
        200,
        {"data": [LISTED_PROJECT], "pagination": PAGINATION},
    ),
    ("GET", "/v1/projects/search"): Example(
        lambda w: w.ana.get(
            "/v1/projects/search?q=solar+nevada&filters[technology]=solar&filters[country]=US"
        ),
        200,
        {"data": [LISTED_PROJECT], "pagination": PAGINATION},
    ),
    ("GET", "/v1/projects/{project_id}"): Example(
        lambda w: w.ana.get(f"/v1/projects/{PROJECT}"), 200, {"data": PROJECT_DETAIL}
    ),
    ("GET", "/v1/projects/{project_id}/updates"): Example(
        lambda w: w.ana.get(f"/v1/projects/{PROJECT}/updates"),
        200,
        {
            "data": [
                {
                    "id": str,
                    "project_id": str,
                    "title": str,
                    "content": str,
                    "type": str,
                    "published_at": str,
                    "attachments": [{"type": str, "url": str}],
                }
            ],
            "pagination": PAGINATION,
        },
    ),
    ("GET", "/v1/investments"): Example(
        lambda w: w.ana.get(f"/v1/investments?project_id={PROJECT}&status=completed&limit=5"),
        200,
        {"data": [INVESTMENT | RETURN], "pagination": PAGINATION},
    ),
    ("POST", "/v1/investments"): Example(
        lambda w: w.invest(25.00, payment_source=None),
        201,
        {
            "data": {
                "id": str,
                "project_id": str,
                "project_name": str,
                "amount": float,
                "status": str,
                "payment_intent_id": str,
                "payment_client_secret": str,
                "next_action": {"type": str, "redirect_url": str},
            }
        },
    ),
    ("GET", "/v1/investments/{investment_id}"): Example(
        lambda w: w.investment(),
        200,
        {
            "data": INVESTMENT
            | {
                "payment_id": str,
                "performance": RETURN | {"distributions_received": float, "distribution_count": int},
                "distributions": [
                    {
                        "id": str,
                        "amount": float,
                        "distribution_date": str,
                        "claimed": bool,
                        "claimed_at": (str, None),
                    }
                ],
            }
        },
    ),
    ("GET", "/v1/portfolio"): Example(
        lambda w: w.ana.get("/v1/portfolio"),
        200,
        {
            "data": {
                "total_invested": float,
                "current_value": float,
                "total_return": float,
                "return_percentage": float,
                "distributions_received": float,
                "investment_count": int,
                "project_count": int,
                "breakdown_by_technology": {"solar": PART},
                "breakdown_by_country": {"US": PART},
                "breakdown_by_stage": {"construction": PART},
                "top_investments": [
                    {
                        "project_id": str,
                        "project_name": str,
                        "amount": float,
                        "current_value": float,
                        "return": float,
                        "return_percentage": float,
                    }
                ],
            }
        },
    ),
    ("GET", "/v1/portfolio/performance"): Example(
        lambda w: w.ana.get("/v1/portfolio/performance?period=1m&granularity=daily"),
        200,
        {
            "data": {
                "period": str,
                "granularity": str,
                "data_points": [POINT],
                "summary": {
                    "starting_value": float,
                    "ending_value": float,
                    "total_return": float,
                    "return_percentage": float,
                    "annualized_return": (float, None),
                },
            }
        },
    ),
    ("GET", "/v1/distributions"): Example(
        lambda w: w.ana.get(f"/v1/distributions?project_id={PROJECT}&limit=5"),
        200,
        {
            "data": [
                {
                    "id": str,
                    "project_id": str,
                    "project_name": str,
                    "distribution_date": str,
                    "total_amount_project": float,
                    "user_amount": float,
                    "currency": str,
                    "distribution_type": str,
                    "claimed": bool,
                    "claimed_at": (str, None),
                    "payment_method": (str, None),
                    "payment_reference": (str, None),
                }
            ],
            "pagination": PAGINATION,
        },
    ),
    ("POST", "/v1/distributions/{distribution_id}/claim"): Example(
        lambda w: w.claim(),
        200,
        {
            "data": {
                "id": str,
                "amount": float,
                "claimed": bool,
                "claimed_at": str,
                "expected_transfer_date": str,
                "payment_reference": str,
            }
        },
    ),
    ("WS", "/v1/ws"): Example(
        lambda w: w.live(),
        101,
        {
            "type": str,
            "data": {"total_value": float, "total_return": float, "return_percentage": float},
        },
    ),
    ("GET", "/v1/openapi.json"): Example(
        lambda w: w.anyone.get("/v1/openapi.json"), 200, {"openapi": str, "info": dict, "paths": dict}
    ),
    ("PAGE", "/developers/apps"): Example(_page("/developers/apps"), 200, "Redirect URIs"),
    ("PAGE", "/developers/keys"): Example(_page("/developers/keys"), 200, "API key"),
    ("PAGE", "/developers/webhooks"): Example(_page("/developers/webhooks"), 200, "Webhook"),
    ("PAGE", "/developers/sandbox"): Example(_page("/developers/sandbox"), 200, "andbox"),
    ("PAGE", "/docs"): Example(lambda w: w.anyone.get("/docs"), 200, "/v1/openapi.json"),
}


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_documented_call_is_answered_as_documented(row, world: World) -> None:
    example = EXAMPLES[row.method, row.path]

    answer = example.call(world)

    if isinstance(answer, httpx.Response):
        assert answer.status_code == example.status, answer.text
        if row.path.startswith("/v1/"):
            assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"} <= set(
                answer.headers
            )
        answer = answer.text if isinstance(example.shape, str) else answer.json()
    if isinstance(example.shape, str):
        assert example.shape in answer
    else:
        assert matches(answer, example.shape), answer


def test_every_example_stands_in_the_table() -> None:
    assert set(EXAMPLES) == {(row.method, row.path) for row in ROWS}
    assert len(ROWS) == 24


SCOPED = [row for row in ROWS if row.auth in SCOPES]


def _ask(api: httpx.Client, row, headers: dict[str, str] | None = None) -> httpx.Response:
    path = row.path.replace("{project_id}", PROJECT).replace("{", "").replace("}", "")
    return api.request(row.method, path, headers=headers, json={} if row.method != "GET" else None)


def _is_refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    [(name, error)] = answer.json().items()
    assert name == "error"
    assert error["code"] == code
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]
    return error


@pytest.mark.parametrize("row", SCOPED, ids=name_of)
def test_a_route_is_closed_to_strangers_and_to_keys_without_its_scope(row, world: World) -> None:
    _is_refused(_ask(world.anyone, row), 401, "AUTHENTICATION_REQUIRED")
    answer = _ask(world.anyone, row, {"X-API-Key": "tl_live_nobody"})
    _is_refused(answer, 401, "AUTHENTICATION_REQUIRED")
    assert answer.headers["www-authenticate"] == "Bearer"

    made = world.people["ana"].send(
        "/developers/keys", {"name": "narrow", "scopes": [one for one in SCOPES if one != row.auth]}
    )
    key = re.findall(r"tl_live_\w+", made.text)[0]
    _is_refused(_ask(world.anyone, row, {"X-API-Key": key}), 403, "INSUFFICIENT_PERMISSIONS")


def test_the_documents_codes_are_given_for_what_they_stand_for(world: World) -> None:
    _is_refused(world.ana.get("/v1/projects?stage=ruined"), 400, "INVALID_REQUEST")
    _is_refused(world.ana.get("/v1/projects?cursor=eyJpZCI6MTIzfQ=="), 400, "INVALID_REQUEST")
    _is_refused(world.ana.get("/v1/projects/prj_nowhere"), 404, "RESOURCE_NOT_FOUND")
    _is_refused(world.ned.get("/v1/investments/inv_abc123"), 404, "RESOURCE_NOT_FOUND")
    _is_refused(world.ana.get("/v1/nothing"), 404, "RESOURCE_NOT_FOUND")
    _is_refused(world.invest(5.00), 422, "VALIDATION_ERROR")
    _is_refused(world.invest(500.00, currency="EUR"), 422, "VALIDATION_ERROR")
    _is_refused(world.invest(500.00, project_id="prj_nowhere"), 404, "RESOURCE_NOT_FOUND")
    refused = _is_refused(
        world.ana.post("/v1/investments", json={"amount": 1, "more": 2}), 422, "VALIDATION_ERROR"
    )
    assert set(refused["details"]) == {"project_id", "more"}
    wish = {"project_id": PROJECT, "amount": 500.00}
    _is_refused(world.ned.post("/v1/investments", json=wish), 403, "KYC_REQUIRED")
    world.oda.patch(f"/v1/projects/{PROJECT}", json={"accepts_investments": False}).raise_for_status()
    try:
        _is_refused(world.invest(500.00), 422, "INVESTMENT_UNAVAILABLE")
    finally:
        world.oda.patch(f"/v1/projects/{PROJECT}", json={"accepts_investments": True}).raise_for_status()


def test_the_figures_are_those_that_the_rules_give(world: World) -> None:
    detail = world.ana.get(f"/v1/projects/{PROJECT}").json()["data"]
    assert detail["technical"]["capacity_factor"] == 27.4
    assert detail["financial"]["expected_return_total"] == 105
    assert detail["financial"]["payback_period_years"] == 10
    assert detail["rating"] == 4.8
    first = world.investment().json()["data"]
    assert (first["amount"], first["ownership_tokens"], first["status"]) == (500, 192.3076923, "completed")
    # 62.00 over 500 and 120 invested: 50.00 and 12.00
    assert [one["amount"] for one in first["distributions"]] == [50]
    assert first["performance"]["current_value"] == 550
    [share] = world.ana.get("/v1/distributions").json()["data"]
    assert share["user_amount"] == 62
    assert share["id"].startswith("dist_q")


def test_a_page_leads_to_the_next_and_each_is_a_part(world: World) -> None:
    whole = world.ana.get("/v1/investments?status=completed&limit=100").json()
    first = world.ana.get("/v1/investments?status=completed&limit=1").json()
    assert first["pagination"]["has_more"] is True
    assert first["pagination"]["total"] == whole["pagination"]["total"] == len(whole["data"])
    cursor = first["pagination"]["next_cursor"]
    second = world.ana.get(f"/v1/investments?status=completed&limit=1&cursor={cursor}").json()
    assert [one["id"] for one in first["data"] + second["data"]] == [one["id"] for one in whole["data"][:2]]
    _is_refused(world.ana.get(f"/v1/investments?status=failed&cursor={cursor}"), 400, "INVALID_REQUEST")


def test_a_refresh_token_gives_the_next_and_works_once(world: World) -> None:
    first = world.token().raise_for_status().json()
    assert first["scope"] == "read_profile read_portfolio make_investments"
    assert (first["token_type"], first["expires_in"]) == ("Bearer", 3600)
    body = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]} | world.app
    second = world.anyone.post("/v1/oauth/token", json=body).raise_for_status().json()
    me = {"Authorization": f"Bearer {second['access_token']}"}
    assert world.anyone.get("/v1/user/me", headers=me).status_code == 200
    again = world.anyone.post("/v1/oauth/token", data=body)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert world.anyone.get("/v1/user/me", headers=me).status_code == 401


def test_the_consent_page_names_what_is_asked_for(world: World) -> None:
    page = world.consent_page()
    assert hidden(page.text, "form_code")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    stranger = httpx.get(str(page.url), timeout=60)
    assert stranger.status_code == 303
    assert "/sign-in" in stranger.headers["location"]
