"""What operators say about projects, and what they cannot say."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.projects.countries import country_of
from cloud.projects.merge_patch import merged
from tests.cloud.projects.conftest import World
from tests.cloud.projects.example import described

JSON = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@pytest.mark.parametrize(
    "known, patch, result",
    [  # RFC 7396, appendix A, where both are objects
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_is_that_of_the_rfc(known, patch, result):
    assert merged(known, patch) == result


@settings(deadline=None)
@given(OBJECTS, OBJECTS)
def test_a_patch_is_applied_once_or_twice_alike_and_changes_nothing_it_was_given(known, patch):
    before = repr((known, patch))
    once = merged(known, patch)

    assert merged(once, patch) == once
    assert repr((known, patch)) == before
    assert merged(known, {}) == known


async def test_a_patch_changes_what_it_names_and_nothing_else(world: World):
    made = await world.add("prj_a", risk="low")
    world.parts.clock.advance(60)
    patch = {
        "stage": "operating",
        "construction_progress": 100,
        "risk": None,
        "location": {"city": "Reno"},
        "financial": {"min_investment": 25, "max_investment": 99.5},
        "technical": {"tracking": None, "panel_count": 90000},
    }
    answer = await world.patch("/v1/projects/prj_a", patch)

    made["stage"], made["construction_progress"], made["risk"] = "operating", 100, "low"
    made["location"]["city"] = "Reno"
    made["financial"] |= {"min_investment": 25, "max_investment": 99.5}
    del made["technical"]["tracking"]
    made["technical"]["panel_count"] = 90000
    made["updated_at"] = "2026-01-01T00:01:00Z"
    assert answer.status_code == 200
    assert answer.json()["data"] == made
    assert (await world.get("/v1/projects/prj_a")).json()["data"] == made


TOO_MUCH = 10**13
BAD: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", "n" * 201),
    ("description", ""),
    ("technology", "coal"),
    ("stage", "built"),
    ("risk", "none"),
    ("capacity_mw", 0),
    ("capacity_mw", -1),
    ("capacity_mw", 0.0001),
    ("capacity_mw", 1e300),
    ("construction_progress", 101),
    ("construction_progress", 0.5),
    ("expected_cod", "2026-02-30"),
    ("expected_cod", "soon"),
    ("location.country", "GB"),
    ("location.country", "us"),
    ("location.country", "XX"),
    ("location.coordinates", {"lat": 91, "lng": 0}),
    ("location.planet", "Earth"),
    ("financial.currency", "JPY"),
    ("financial.currency", "usd"),
    ("financial.target_amount", 0),
    ("financial.target_amount", 0.001),
    ("financial.target_amount", 65000000.01),
    ("financial.target_amount", 1e30),
    ("financial.min_investment", 100001),
    ("financial.max_investment", -5),
    ("financial.total_cost", TOO_MUCH),
    ("financial.token_supply", 0),
    ("financial.token_supply", 1.5),
    ("financial.expected_return_annual", 0),
    ("financial.expected_return_annual", 10.555),
    ("financial.expected_return_annual", 101),
    ("financial.exit_timeline_years", 0),
    ("financial.funding_deadline", "2026-12-15"),
    ("financial.funding_deadline", "2026-12-15T23:59:59"),
    ("financial.funding_deadline", "0001-01-01T00:00:00+14:00"),
    ("technical.expected_generation_mwh_annual", -1),
    ("technical.expected_generation_mwh_annual", 1.5),
    ("technical.expected_generation_mwh_annual", "many"),
    ("technical.degradation_annual", 101),
    ("technical.degradation_annual", "low"),
    ("technical.capacity_factor", 27.4),
    ("technical.Panel Type", "x"),
    ("technical.panel_type", ""),
    ("technical.panel_type", "x" * 201),
    ("technical.panel_type", ["x"]),
    ("impact.homes_powered", -1),
    ("impact.jobs_created", 3),
    ("rating_breakdown.values", 5.1),
    ("rating_breakdown.values", -0.1),
    ("rating_breakdown.values", 4.75),
    ("rating", 5),
    ("raised_amount", 5),
    ("financial.raised_amount", 5),
    ("id", "prj_Upper"),
    ("id", "search"),
    ("third_party_validation", [{"firm": "A", "type": "t", "conclusion": "c", "date": "2026-13-01"}]),
]


async def test_a_description_that_does_not_hold_together_is_refused_by_field(world: World):
    await world.add("prj_known")
    for field, value in BAD:
        block, _, name = field.partition(".")
        body = described(**{block: {name: value} if name else value})
        for answer in (
            await world.post("/v1/projects", body),
            await world.patch("/v1/projects/prj_known", {block: body[block]}),
        ):
            assert answer.status_code == 422, (field, value, answer.text)
            error = answer.json()["error"]
            assert error["code"] == "VALIDATION_ERROR"
            assert any(named.startswith(block) for named in error["details"]), (field, value, error)
    assert await world.ids() == ["prj_known"]
    assert (await world.get("/v1/projects/prj_known")).json()["data"]["capacity_mw"] == 50


async def test_every_wrong_field_is_named_at_once(world: World):
    body = described(
        capacity_mw=0, expected_cod="2026-02-30", financial={"currency": "EUX", "target_amount": 0}
    )
    details = (await world.post("/v1/projects", body)).json()["error"]["details"]

    assert set(details) == {"capacity_mw", "expected_cod", "financial.currency", "financial.target_amount"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"x"'])
async def test_what_is_no_object_is_no_request(world: World, body: bytes):
    headers = world.operator | {"Content-Type": "application/json"}
    for method, path in (("POST", "/v1/projects"), ("PATCH", "/v1/projects/prj_a")):
        answer = await world.client.request(method, path, content=body, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "INVALID_REQUEST"


async def test_what_people_invested_on_is_fixed_once_money_is_in_or_on_its_way(world: World):
    await world.add("prj_a")
    free = {"financial": {"currency": "EUR", "total_cost": 66_000_000, "token_supply": 26_000_000}}
    assert (await world.patch("/v1/projects/prj_a", free)).status_code == 200
    await world.raise_money("prj_a", 60_000)
    async with world.parts.store.write() as tx:
        await world.projects.reserve(tx, await world.projects.get(tx, "prj_a"), 40_000)

    for field, value in (
        ("currency", "USD"),
        ("total_cost", 65_000_000),
        ("token_supply", 25_000_000),
        ("target_amount", 999.99),
    ):
        answer = await world.patch("/v1/projects/prj_a", {"financial": {field: value}})
        assert answer.status_code == 422, field
        assert list(answer.json()["error"]["details"]) == [f"financial.{field}"]
    answer = await world.patch("/v1/projects/prj_a", {"financial": {"target_amount": 1_000}})
    assert answer.status_code == 200
    assert answer.json()["data"]["financial"]["available_amount"] == 0
    assert answer.json()["data"]["financial"]["funding_percentage"] == 60


async def test_an_id_is_taken_once(world: World):
    await world.add("prj_a")
    answer = await world.post("/v1/projects", described(id="prj_a", name="Other"))

    assert answer.status_code == 409
    assert (await world.get("/v1/projects/prj_a")).json()["data"]["name"] == "Sunrise Solar Farm - Nevada"


async def test_a_post_that_is_repeated_under_its_key_acts_once(world: World):
    await world.add("prj_a")
    update = {"title": "News", "content": "!"}
    validation = {"firm": "Me", "type": "opinion", "conclusion": "Great", "date": "2026-01-01"}
    for path, body, other in (
        ("/v1/projects", described(), described(name="Other")),
        ("/v1/projects/prj_a/updates", update, update | {"title": "Other"}),
        ("/v1/projects/prj_a/validations", validation, validation | {"firm": "You"}),
    ):
        key = {"Idempotency-Key": "k1"}
        first = await world.post(path, body, **key)
        again = await world.post(path, body, **key)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
        assert (await world.post(path, other, **key)).status_code == 422

    assert len(await world.ids()) == 2
    project = (await world.get("/v1/projects/prj_a")).json()["data"]
    assert [one["firm"] for one in project["third_party_validation"]] == ["DNV GL Energy", "Me"]
    assert (await world.get("/v1/projects/prj_a/updates")).json()["pagination"]["total"] == 1


async def test_an_update_is_announced_to_those_who_follow(world: World):
    await world.add("prj_a")
    sent = {"title": "Grid connected", "content": "At last", "type": "milestone"}
    made = (await world.post("/v1/projects/prj_a/updates", sent)).json()["data"]
    [payload] = [
        event.payload for event in await world.parts.events.after(0) if event.type == "project.update"
    ]

    assert payload == (
        f'{{"project_id":"prj_a","update_id":"{made["id"]}","update_type":"milestone",'
        '"title":"Grid connected","funding_percentage":0}'
    )


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"content": ""},
        {"type": "Not A Word"},
        {"attachments": [{"type": "image", "url": "javascript:alert(1)"}]},
        {"attachments": [{"type": "image", "url": "https://x.example/a b"}]},
        {"attachments": [{"type": "image", "url": "https://x.example/a"}] * 21},
        {"author": "me"},
    ],
)
async def test_an_update_that_is_none_is_refused(world: World, change: dict[str, Any]):
    await world.add("prj_a")
    answer = await world.post("/v1/projects/prj_a/updates", {"title": "News", "content": "!"} | change)

    assert answer.status_code == 422
    assert list(answer.json()["error"]["details"]) == list(change)


def test_countries_are_known_in_any_case_and_britain_by_both_its_codes():
    assert [country_of(code) for code in ("US", "us", "gb", "UK", "DE")] == ["US", "US", "UK", "UK", "DE"]
    assert [country_of(code) for code in ("", "U", "USA", "ZZ", "EU", "\u1e9e")] == [None] * 6
