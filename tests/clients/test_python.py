"""What the Python clients say and understand: every answer of the document, word by word."""

import inspect
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

import terra_lumina
from terra_lumina import async_client, async_resources, async_transport, client, resources, transport
from tests.clients.conftest import Either
from tests.clients.stand_in import SECOND_PAGE, SECOND_PROJECT, Fault, StandIn


def test_a_list_is_fetched_page_by_page_while_one_walks(stand_in: StandIn) -> None:
    walk = iter(
        terra_lumina.TerraLumina("key", base_url=stand_in.base_url).projects.list(
            technology="solar", country="US", min_return=7.5, limit=1
        )
    )

    assert stand_in.seen == []
    assert next(walk).id == "prj_sunrise_solar"
    assert len(stand_in.seen) == 1
    assert next(walk).id == SECOND_PROJECT
    filters = {"technology": "solar", "country": "US", "min_return": "7.5", "limit": "1"}
    assert [request.query for request in stand_in.seen] == [filters, filters | {"cursor": SECOND_PAGE}]
    assert next(walk, None) is None


def test_a_listed_project_has_what_its_financial_block_has(done: Either, stand_in: StandIn) -> None:
    project = done(done.client(stand_in.base_url).projects.list())[0]

    assert project.name == "Sunrise Solar Farm - Nevada"
    assert project.funding_percentage == project.financial.funding_percentage == 72
    assert project.raised_amount == Decimal(1_800_000)
    assert project.expected_return_total == 105
    assert project.funding_deadline == datetime(2025, 12, 15, 23, 59, 59, tzinfo=UTC)
    assert project.location.coordinates.lng == -115.1398
    assert project.impact.jobs_created == 158


def test_one_project_is_told_whole(done: Either, stand_in: StandIn) -> None:
    project = done(done.client(stand_in.base_url).projects.get("prj_sunrise_solar"))

    assert project.max_investment == 100_000
    assert project.expected_return_total == 105
    assert project.expected_cod == date(2026, 6, 1)
    assert project.technical["panel_count"] == 87_719
    assert project.documents[0].size_bytes == 2_458_624
    assert project.third_party_validation[0].firm == "DNV GL Energy"
    assert project.rating_breakdown.values == 4.9
    assert stand_in.seen[0].path == "/projects/prj_sunrise_solar"


def test_a_search_names_its_filters_as_the_document_does(done: Either, stand_in: StandIn) -> None:
    found = done(
        done.client(stand_in.base_url).projects.search(
            "solar nevada", filters={"technology": "solar", "country": "US"}
        )
    )

    assert [project.id for project in found] == ["prj_sunrise_solar", SECOND_PROJECT]
    assert stand_in.seen[0].query == {
        "q": "solar nevada",
        "filters[technology]": "solar",
        "filters[country]": "US",
    }


def test_updates_of_a_project(done: Either, stand_in: StandIn) -> None:
    (update,) = done(done.client(stand_in.base_url).projects.updates("prj_sunrise_solar"))

    assert update.title == "Construction Milestone: 60% Complete"
    assert update.attachments[0].url == "https://cdn.terralumina.org/updates/photo1.jpg"


def test_an_investment_needs_a_project_and_an_amount_alone(done: Either, stand_in: StandIn) -> None:
    created = done(
        done.client(stand_in.base_url).investments.create(project_id="prj_sunrise_solar", amount=500.00)
    )

    assert stand_in.seen[0].json == {
        "project_id": "prj_sunrise_solar",
        "amount": 500,
        "payment_method": "stripe",
    }
    assert str(created.amount) == "500.00"
    assert created.project_name == "Sunrise Solar Farm - Nevada"
    assert created.status == "pending"
    assert created.next_action.redirect_url == "https://checkout.stripe.com/..."
    assert "secret" not in repr(created)


@pytest.mark.parametrize(
    "amount, said",
    [
        (500, b'"amount":500'),
        (19.99, b'"amount":19.99'),
        ("19.90", b'"amount":19.90'),
        (Decimal("0.10"), b'"amount":0.10'),
        (1e16, b'"amount":10000000000000000'),
    ],
)
def test_an_amount_is_sent_as_it_is_written(
    done: Either, stand_in: StandIn, amount: Any, said: bytes
) -> None:
    done(done.client(stand_in.base_url).investments.create(project_id="prj_a", amount=amount))

    assert said + b"," in stand_in.seen[0].body


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), "ten", "", True, None])
def test_what_is_no_amount_is_not_sent(stand_in: StandIn, amount: Any) -> None:
    api = terra_lumina.TerraLumina("key", base_url=stand_in.base_url)

    with pytest.raises(ValueError, match="amount"):
        api.investments.create(project_id="prj_a", amount=amount)
    assert stand_in.seen == []


@pytest.mark.parametrize("wrong", ["", "..", "a/b", "a?b", "prj_a\n", "é"])
def test_an_id_cannot_lead_to_another_path(stand_in: StandIn, wrong: str) -> None:
    api = terra_lumina.TerraLumina("key", base_url=stand_in.base_url)

    with pytest.raises(ValueError, match="not an id"):
        api.projects.get(wrong)
    assert stand_in.seen == []


def test_investments_of_a_person(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url)

    (listed,) = done(api.investments.list(status="completed"))
    one = done(api.investments.get("inv_abc123"))

    assert stand_in.seen[0].query == {"status": "completed"}
    for investment in (listed, one):
        assert investment.ownership_tokens == Decimal("192.3076923")
        assert investment.current_value == Decimal("542.50")
        assert investment.return_to_date == Decimal("42.50")
        assert investment.return_percentage == 8.5
    assert one.distributions_received == Decimal("42.50")
    assert one.performance.distribution_count == 3
    assert one.distributions[0].distribution_date == date(2025, 10, 1)


def test_the_portfolio(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url)

    portfolio = done(api.portfolio.get())
    performance = done(api.portfolio.performance(period="1y", granularity="monthly"))

    assert portfolio.return_percentage == 8.5
    assert portfolio.breakdown_by_country["UK"].amount == 1500
    assert portfolio.top_investments[0].return_amount == 85
    assert [point.return_amount for point in performance.data_points] == [0, 35]
    assert performance.summary.annualized_return == 8.2
    assert stand_in.seen[1].query == {"period": "1y", "granularity": "monthly"}


def test_distributions_are_listed_and_claimed(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url)

    (distribution,) = done(api.distributions.list(claimed=False))
    claim = done(api.distributions.claim(distribution.id))

    assert stand_in.seen[0].query == {"claimed": "false"}
    assert distribution.user_amount == Decimal("15.75")
    assert stand_in.seen[1].json == {"payment_method": "bank_transfer"}
    assert stand_in.seen[1].path == "/distributions/dist_q3_2025_prj_sunrise/claim"
    assert claim.expected_transfer_date == date(2025, 11, 18)


def test_the_person_and_their_verification(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url)

    user = done(api.user.get())
    changed = done(api.user.update(name="Jane Smith", preferences={"currency": "EUR"}))
    status = done(api.user.kyc())
    session = done(api.user.start_kyc(provider="onfido", return_url="https://yourapp.com/kyc/complete"))

    assert user.preferences.notifications.sms is False
    assert user.kyc_verified_at == datetime(2025, 10, 15, 10, 30, tzinfo=UTC)
    assert stand_in.seen[1].json == {"name": "Jane Smith", "preferences": {"currency": "EUR"}}
    assert changed.preferences.currency == "EUR"
    assert changed.preferences.notifications is None
    assert status.status == "verified"
    assert session.verification_url == "https://verify.onfido.com/abc123"
    assert stand_in.seen[3].json == {"provider": "onfido", "return_url": "https://yourapp.com/kyc/complete"}


def test_events_that_were_missed(done: Either, stand_in: StandIn) -> None:
    (event,) = done(done.client(stand_in.base_url).events.list(after="evt_41"))

    assert stand_in.seen[0].query == {"after": "evt_41"}
    assert event.type == "investment.completed"
    assert event.data["amount"] == 500


def test_the_key_travels_in_its_header_and_is_never_shown(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url)

    done(api.portfolio.get())

    assert stand_in.seen[0].headers["x-api-key"] == "tl_test_key"
    assert "authorization" not in stand_in.seen[0].headers
    assert "tl_test_key" not in repr(api) + repr(api._transport.caller)


def test_key_and_address_may_come_from_the_environment(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERRA_LUMINA_API_KEY", "from the environment")
    monkeypatch.setenv("TERRA_LUMINA_BASE_URL", stand_in.base_url + "/")

    with terra_lumina.TerraLumina() as api:
        api.portfolio.get()

    assert stand_in.seen[0].path == "/portfolio"
    assert stand_in.seen[0].headers["x-api-key"] == "from the environment"


def test_a_client_is_nobody_s_or_one_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERRA_LUMINA_API_KEY", raising=False)

    for given in ({}, {"api_key": "a", "access_token": "b"}):
        with pytest.raises(ValueError, match="one of api_key"):
            terra_lumina.TerraLumina(**given)


@pytest.mark.parametrize(
    "url", ["http://api.terralumina.org/v1", "ftp://127.0.0.1/v1", "http://127.0.0.1.evil.example/v1", "v1"]
)
def test_credentials_never_travel_in_the_clear(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        terra_lumina.TerraLumina("key", base_url=url)


def test_a_list_that_leads_back_to_where_it_was_ends(done: Either, stand_in: StandIn) -> None:
    page = {"data": [], "pagination": {"next_cursor": "again", "has_more": True, "total": 1}}
    stand_in.faults.extend([Fault(200, page)] * 9)

    with pytest.raises(terra_lumina.UnexpectedAnswerError):
        done(done.client(stand_in.base_url).investments.list())
    assert len(stand_in.seen) == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data": {"id": 7}}', b"[" * 100_000])
def test_what_is_no_answer_is_said_to_be_none(done: Either, stand_in: StandIn, body: bytes) -> None:
    stand_in.faults.append(Fault(200, body))

    with pytest.raises(terra_lumina.UnexpectedAnswerError):
        done(done.client(stand_in.base_url).portfolio.get())


def test_a_redirect_is_not_followed(done: Either, stand_in: StandIn) -> None:
    stand_in.faults.append(Fault(307, {}, {"Location": "/v1/user/me"}))

    with pytest.raises(terra_lumina.UnexpectedAnswerError, match="307"):
        done(done.client(stand_in.base_url).portfolio.get())
    assert len(stand_in.seen) == 1


@pytest.mark.parametrize(
    "blocking, other",
    [(client, async_client), (resources, async_resources), (transport, async_transport)],
)
def test_both_clients_offer_the_same(blocking: Any, other: Any) -> None:
    def offered(module: Any) -> dict[str, list[str]]:
        return {
            name.removeprefix("Async"): [
                f"{method}{list(inspect.signature(function).parameters)}"
                for method, function in inspect.getmembers(kind, inspect.isfunction)
                if not method.startswith("_")
            ]
            for name, kind in inspect.getmembers(module, inspect.isclass)
            if kind.__module__ == module.__name__
        }

    assert offered(blocking) == offered(other)


@pytest.mark.parametrize("is_given", [False, True])
def test_whoever_opened_the_http_client_closes_it(
    done: Either, stand_in: StandIn, is_given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = httpx.AsyncClient if done.is_async else httpx.Client
    http = kind()
    monkeypatch.setattr(httpx, kind.__name__, lambda **_: http)

    api = done.client(stand_in.base_url, **({"http": http} if is_given else {}))
    done(api.close())

    assert http.is_closed is not is_given
    done(http.aclose() if done.is_async else http.close())
