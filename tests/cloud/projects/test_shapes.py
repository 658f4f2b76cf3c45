"""Answers as the document shows them, from its own example."""

import hashlib
from decimal import Decimal
from fractions import Fraction

import pytest

from cloud.projects.figures import capacity_factor, payback_years, percentage
from tests.cloud.projects.conftest import World
from tests.cloud.projects.example import described

LISTED = {
    "id": "prj_sunrise_solar",
    "name": "Sunrise Solar Farm - Nevada",
    "description": "50 MW utility-scale solar installation in Nevada desert",
    "technology": "solar",
    "capacity_mw": 50,
    "location": {
        "country": "US",
        "state": "NV",
        "city": "Las Vegas",
        "coordinates": {"lat": 36.1699, "lng": -115.1398},
    },
    "stage": "construction",
    "financial": {
        "target_amount": 2500000,
        "raised_amount": 1800000,
        "funding_percentage": 72,
        "min_investment": 10,
        "investor_count": 614,
        "expected_return_annual": 10.5,
        "total_return": 105,
        "payback_period_years": 10,
        "funding_deadline": "2026-12-15T23:59:59Z",
    },
    "impact": {"co2_avoided_tons_annual": 85000, "homes_powered": 12000, "jobs_created": 158},
    "rating": 4.8,
    "created_at": "2026-01-01T00:00:00Z",
}
SHOWN = {
    **{name: value for name, value in LISTED.items() if name not in {"financial", "impact"}},
    "construction_progress": 60,
    "expected_cod": "2026-06-01",
    "financial": {
        "target_amount": 2500000,
        "raised_amount": 1800000,
        "funding_percentage": 72,
        "min_investment": 10,
        "max_investment": 100000,
        "investor_count": 614,
        "expected_return_annual": 10.5,
        "expected_return_total": 105,
        "payback_period_years": 10,
        "exit_timeline_years": 10,
        "funding_deadline": "2026-12-15T23:59:59Z",
    },
    "technical": {
        "panel_type": "Bifacial monocrystalline",
        "panel_manufacturer": "Longi Solar",
        "panel_capacity_w": 570,
        "panel_count": 87719,
        "inverter_type": "String inverters",
        "tracking": "Single-axis horizontal",
        "expected_generation_mwh_annual": 120000,
        "capacity_factor": 27.4,
        "degradation_annual": 0.45,
    },
    "impact": {
        "co2_avoided_tons_annual": 85000,
        "homes_powered": 12000,
        "jobs_construction": 150,
        "jobs_operations": 8,
        "community_benefit_annual": 50000,
    },
    "third_party_validation": [
        {
            "firm": "DNV GL Energy",
            "type": "technical_due_diligence",
            "conclusion": "Sound technical design with proven components",
            "date": "2025-07-15",
        }
    ],
    "rating_breakdown": {"financial": 4.7, "technical": 4.9, "community": 4.8, "risk": 4.7, "values": 4.9},
    "updated_at": "2026-01-01T00:00:00Z",
}
PDF = b"%PDF-1.4\nprospectus"


@pytest.fixture
async def sunrise(world: World) -> World:
    """1,800,000 of 614 investors."""
    await world.add("prj_sunrise_solar")
    async with world.parts.store.write() as tx:
        await world.projects.reserve(tx, await world.projects.get(tx, "prj_sunrise_solar"), 180_000_000)
        for number in range(614):
            amount_minor = 293_000 if number else 180_000_000 - 613 * 293_000
            await world.projects.confirm(tx, "prj_sunrise_solar", amount_minor, investor=f"acct_{number}")
    return world


def within(wanted, shown, more: dict[str, set[str]]) -> None:
    """`shown` has what the document has; `more` names what else, by block ('' is the outermost)."""

    def compare(wanted, shown, path: str) -> None:
        if isinstance(wanted, dict):
            assert set(shown) == set(wanted) | more.get(path, set()), path
            for name, value in wanted.items():
                compare(value, shown[name], name)
        else:
            assert shown == wanted, path

    compare(wanted, shown, "")


async def test_a_list_is_as_the_document_shows_it(sunrise: World):
    page = (await sunrise.get("/v1/projects", technology="solar", country="US")).json()

    assert set(page) == {"data", "pagination"}
    assert page["pagination"] == {"next_cursor": None, "has_more": False, "total": 1}
    within(LISTED, page["data"][0], {"": {"risk"}, "financial": {"currency"}})


async def test_search_answers_like_the_list(sunrise: World):
    listed = (await sunrise.get("/v1/projects")).json()
    found = await sunrise.client.get(
        "/v1/projects/search?q=solar+nevada&filters[technology]=solar&filters[country]=US",
        headers=sunrise.investor,
    )

    assert found.status_code == 200
    assert found.json() == listed


async def test_a_project_has_every_block_of_the_document(sunrise: World):
    form = {"file": ("Project Prospectus.pdf", PDF)}
    await sunrise.client.post(
        "/v1/projects/prj_sunrise_solar/documents",
        files=form,
        data={"type": "prospectus"},
        headers=sunrise.operator,
    )
    body = (await sunrise.get("/v1/projects/prj_sunrise_solar")).json()

    assert set(body) == {"data"}
    documents = body["data"].pop("documents")
    more = {
        "currency",
        "available_amount",
        "accepts_investments",
        "total_cost",
        "token_supply",
        "token_price",
    }
    within(SHOWN, body["data"], {"": {"risk"}, "financial": more})
    assert body["data"]["financial"]["token_price"] == 2.6
    assert body["data"]["risk"] == "medium"
    assert list(body["data"]["technical"]) == list(SHOWN["technical"])
    [document] = documents
    url = document.pop("url")
    document_id = document.pop("id")
    assert document == {
        "type": "prospectus",
        "name": "Project Prospectus.pdf",
        "size_bytes": len(PDF),
        "sha256": hashlib.sha256(PDF).hexdigest(),
        "uploaded_at": "2026-01-01T00:00:00Z",
    }
    assert url == f"http://127.0.0.1:8080/v1/projects/prj_sunrise_solar/documents/{document_id}"


async def test_updates_are_as_the_document_shows_them(world: World):
    await world.add("prj_a")
    sent = {
        "title": "Construction Milestone: 60% Complete",
        "content": "Reached 60% construction completion...",
        "type": "progress",
        "attachments": [{"type": "image", "url": "https://cdn.terralumina.org/updates/photo1.jpg"}],
    }
    made = await world.post("/v1/projects/prj_a/updates", sent)
    page = (await world.get("/v1/projects/prj_a/updates")).json()

    assert made.status_code == 201
    assert page["pagination"] == {"next_cursor": None, "has_more": False, "total": 1}
    [update] = page["data"]
    assert made.json()["data"] == update
    assert update["id"].startswith("upd_")
    more = {"id": update["id"], "project_id": "prj_a", "published_at": "2026-01-01T00:00:00Z"}
    assert update == sent | more


async def test_what_nobody_rated_or_said_is_null(world: World):
    bare = described(location={"country": "UK"})
    bare["location"] = {"country": "UK"}
    for name in ("rating_breakdown", "third_party_validation", "expected_cod", "construction_progress"):
        del bare[name]
    bare["technical"] = {"expected_generation_mwh_annual": 1}
    answer = await world.post("/v1/projects", bare)

    project = answer.json()["data"]
    assert answer.status_code == 201, answer.text
    assert project["id"].startswith("prj_")
    assert project["rating"] is None
    assert project["rating_breakdown"] is None
    assert project["third_party_validation"] == []
    assert project["location"] == {"country": "UK", "state": None, "city": None, "coordinates": None}
    assert project["technical"] == {"expected_generation_mwh_annual": 1, "capacity_factor": 0}


@pytest.mark.parametrize(
    "stage, risk, shown", [("operating", None, "low"), ("planning", None, "high"), ("planning", "low", "low")]
)
async def test_risk_follows_the_stage_unless_it_is_set(world: World, stage, risk, shown):
    assert (await world.add("prj_a", stage=stage, risk=risk))["risk"] == shown


@pytest.mark.parametrize(
    "return_bp, years", [(1_050, 10), (1_000, 10), (1_001, 10), (999, 11), (10_000, 1), (1, 10_000)]
)
def test_payback_is_the_year_in_which_all_is_back(return_bp, years):
    assert payback_years(return_bp) == years


def test_percentages_have_one_decimal_half_even():
    assert percentage(Fraction(1, 3)) == Decimal("33.3")
    assert percentage(Fraction(1, 2_000)) == 0  # 0.05 % is as near to 0.0 as to 0.1
    assert percentage(Fraction(3, 2_000)) == Decimal("0.2")
    assert capacity_factor(120_000, Decimal(50)) == Decimal("27.4")
    assert capacity_factor(8_760, Decimal(1)) == 100


async def test_what_is_known_already_is_not_sent_again(world: World):
    await world.add("prj_a")
    paths = [f"/v1/projects{path}" for path in ("", "/prj_a", "/search", "/prj_a/updates")]
    tags = {path: (await world.get(path)).headers["etag"] for path in paths}

    async def ask(path: str):
        return await world.client.get(path, headers=world.investor | {"If-None-Match": tags[path]})

    for path in paths:
        again = await ask(path)
        assert (again.status_code, again.content) == (304, b"")
    await world.post("/v1/projects/prj_a/updates", {"title": "News", "content": "!"})
    await world.patch("/v1/projects/prj_a", {"name": "Another name"})
    for path in paths:
        changed = await ask(path)
        assert changed.status_code == 200
        assert changed.headers["etag"] != tags[path]


async def test_the_description_of_the_api_has_every_route_of_projects(client):
    schema = (await client.get("/v1/openapi.json")).json()
    routes = {path: set(methods) for path, methods in schema["paths"].items() if "/v1/projects" in path}

    assert routes["/v1/projects"] == {"get", "post"}
    assert routes["/v1/projects/search"] == {"get"}
    assert routes["/v1/projects/{project_id}"] == {"get", "patch"}
    assert routes["/v1/projects/{project_id}/documents/{document_id}"] == {"get"}
    [least] = [
        one["schema"]
        for one in schema["paths"]["/v1/projects"]["get"]["parameters"]
        if one["name"] == "min_return"
    ]
    assert {name: least[name] for name in ("type", "minimum", "maximum")} == {
        "type": "number",
        "minimum": 0,
        "maximum": 1000,
    }
