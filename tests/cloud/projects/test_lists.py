"""Lists: every filter, every sort, and paging that shows each project once."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from cloud.kit.cursors import CursorRefused
from cloud.projects.errors import InvestmentUnavailable
from cloud.projects.listing import Filter, Sort
from cloud.projects.model import Risk, Stage, Technology
from tests.cloud.projects.conftest import World

COUNTRIES = ["US", "UK", "DE"]
RISKS = {"operating": "low", "construction": "medium", "planning": "high"}
RANKS = {"low": 0, "medium": 1, "high": 2}


async def varied(world: World, count: int, seed: int) -> dict[str, dict[str, Any]]:
    """So many projects with many equal values; what each was made of, by id."""
    rng = random.Random(seed)
    made: dict[str, dict[str, Any]] = {}
    for number in range(count):
        project_id = f"prj_{rng.randrange(10**6):06d}_{number}"
        made[project_id] = await one(world, project_id, rng)
        if rng.random() < 0.5:
            world.parts.clock.advance(1)
    return made


async def one(world: World, project_id: str, rng: random.Random) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "technology": rng.choice(list(Technology)).value,
        "country": rng.choice(COUNTRIES),
        "stage": rng.choice(list(Stage)).value,
        "risk": rng.choice([None, None, *(risk.value for risk in Risk)]),
        "return": rng.choice([5, 7.25, 7.5, 10, 10.5]),
        "rating": rng.choice([None, 3, 4.1, 4.8]),
        "raised": rng.choice([0, 0, 50, 51, 100]),
        "created": world.parts.clock.now_us(),
    }
    parts = ("financial", "technical", "community", "risk", "values")
    await world.add(
        project_id,
        technology=facts["technology"],
        location={"country": facts["country"]},
        stage=facts["stage"],
        risk=facts["risk"],
        financial={"expected_return_annual": facts["return"], "target_amount": 100},
        rating_breakdown=None if facts["rating"] is None else dict.fromkeys(parts, facts["rating"]),
    )
    if facts["raised"]:
        await world.raise_money(project_id, facts["raised"] * 100)
    return facts


def passes(facts: dict[str, Any], asked: dict[str, Any]) -> bool:
    risk = facts["risk"] or RISKS[facts["stage"]]
    return (
        asked.get("technology", facts["technology"]) == facts["technology"]
        and asked.get("country", facts["country"]) == facts["country"]
        and asked.get("stage", facts["stage"]) == facts["stage"]
        and facts["return"] >= asked.get("min_return", 0)
        and RANKS[risk] <= RANKS[asked.get("max_risk", "high")]
    )


SORT_KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "newest": lambda facts: facts["created"],
    "funded": lambda facts: facts["raised"],
    "rating": lambda facts: facts["rating"] or 0,
    "return": lambda facts: facts["return"],
}


def expected(made: dict[str, dict[str, Any]], asked: dict[str, Any], sort: str) -> list[str]:
    """By brute force: the most first, among equals the highest id."""
    passed = [project_id for project_id, facts in made.items() if passes(facts, asked)]
    return sorted(
        passed, key=lambda project_id: (SORT_KEYS[sort](made[project_id]), project_id), reverse=True
    )


def some_filter(rng: random.Random) -> dict[str, Any]:
    choices: dict[str, list[Any]] = {
        "technology": [technology.value for technology in Technology],
        "country": COUNTRIES,
        "stage": [stage.value for stage in Stage],
        "min_return": [0, 7.25, 7.251, 10, 10.5, 11],
        "max_risk": list(RANKS),
    }
    return {name: rng.choice(values) for name, values in choices.items() if rng.random() < 0.35}


async def test_each_filter_and_sort_shows_what_brute_force_finds_page_by_page(world: World):
    rng = random.Random(7)
    made = await varied(world, 45, seed=1)
    for number in range(60):
        asked, sort = some_filter(rng), rng.choice(list(SORT_KEYS))
        limit = rng.choice([1, 2, 7, 100]) if number else 1
        found = await world.ids(**asked, sort=sort, limit=limit)

        assert found == expected(made, asked, sort), (asked, sort, limit)
        page = (await world.get("/v1/projects", **asked, sort=sort, limit=limit)).json()
        assert page["pagination"]["total"] == len(found)


async def test_filters_of_the_search_are_those_of_the_list(world: World):
    rng = random.Random(8)
    made = await varied(world, 20, seed=2)
    for _ in range(20):
        asked = some_filter(rng)
        nested = {f"filters[{name}]": value for name, value in asked.items()}
        found = await world.ids("/v1/projects/search", **nested, limit=3)

        assert found == expected(made, asked, "newest"), asked


@pytest.mark.parametrize("sort", [None, *Sort])
async def test_what_does_not_change_is_shown_once_whatever_else_does(world: World, sort):
    """Projects are added, funded and described anew between the pages; the others stay exactly once."""
    rng = random.Random(f"{sort}")
    made = await varied(world, 30, seed=3)
    still = set(rng.sample(sorted(made), 15))
    asked = {} if sort is None else {"sort": sort.value}
    shown: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await world.get("/v1/projects", **asked, **cursor, limit=4)).json()
        shown += [project["id"] for project in page["data"]]
        if not page["pagination"]["has_more"]:
            break
        cursor = {"cursor": page["pagination"]["next_cursor"]}
        await one(world, f"prj_new_{len(shown)}", rng)
        changing = rng.choice(sorted(set(made) - still))
        with suppress(InvestmentUnavailable):
            await world.raise_money(changing, 1_000)
        parts = ("financial", "technical", "community", "risk", "values")
        change = {
            "financial": {"expected_return_annual": rng.choice([5, 8, 12])},
            "rating_breakdown": dict.fromkeys(parts, rng.choice([2, 4.5])),
        }
        assert (await world.patch(f"/v1/projects/{changing}", change)).status_code == 200

    for project_id in still:
        assert shown.count(project_id) == 1
    if sort in {None, Sort.NEWEST}:
        assert sorted(set(shown)) == sorted(shown)
        assert set(made) <= set(shown)
    if sort is Sort.FUNDED:
        assert sorted(set(shown)) == sorted(shown)  # what is funded only moves towards the beginning


async def test_the_total_is_counted_once_and_again_only_after_a_change(world: World, monkeypatch):
    from cloud.projects import lists

    await varied(world, 5, seed=4)
    counted = 0
    count = lists.storage.total

    async def counting(tx, wanted):
        nonlocal counted
        counted += 1
        return await count(tx, wanted)

    monkeypatch.setattr(lists.storage, "total", counting)
    await world.ids(limit=1)
    await world.ids(limit=2, sort="rating")
    assert counted == 1
    await world.raise_money(await world.add("prj_new") and "prj_new", 1_000)
    page = (await world.get("/v1/projects")).json()
    assert (counted, page["pagination"]["total"]) == (2, 6)
    await world.raise_money("prj_new", 1_000)
    await world.ids()
    assert counted == 2
    await world.patch("/v1/projects/prj_new", {"technology": "nuclear"})
    found = (await world.get("/v1/projects", technology="nuclear")).json()["pagination"]["total"]
    assert found == len(await world.ids(technology="nuclear"))


BAD = [
    ("technology", "coal"),
    ("technology", ""),
    ("technology", "Solar"),
    ("country", "ZZ"),
    ("country", "USA"),
    ("country", "D\u00c9"),
    ("stage", "built"),
    ("min_return", "-1"),
    ("min_return", "-0.01"),
    ("min_return", "nan"),
    ("min_return", "NaN"),
    ("min_return", "inf"),
    ("min_return", "1e400"),
    ("min_return", "1001"),
    ("min_return", "ten"),
    ("min_return", ""),
    ("max_risk", "none"),
    ("sort", "oldest"),
    ("sort", "id; DROP TABLE projects"),
    ("limit", "0"),
    ("limit", "101"),
    ("limit", "-1"),
    ("limit", "many"),
    ("cursor", ""),
    ("cursor", "eyJpZCI6MTIzfQ=="),
    ("cursor", "x" * 1_001),
    ("search", "s" * 201),
    ("search", " ".join(f"w{n}" for n in range(13))),
]


async def test_what_a_parameter_cannot_be_is_refused_by_its_name(world: World):
    for name, value in BAD:
        refused(await world.get("/v1/projects", **{name: value}), name)


async def test_the_search_refuses_the_same_by_the_nested_name(world: World):
    plain = {"limit": "limit", "cursor": "cursor", "search": "q"}
    for name, value in BAD:
        if name != "sort":
            nested = plain.get(name, f"filters[{name}]")
            refused(await world.get("/v1/projects/search", **{nested: value}), nested)


async def test_the_search_knows_no_other_filters(world: World):
    for name in ("filters[colour]", "filters", "filters[]", "filters[technology][0]", "filters.technology"):
        refused(await world.get("/v1/projects/search", **{name: "solar"}), name)


def refused(answer, name: str) -> None:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "INVALID_REQUEST"
    assert list(error["details"]) == [name]
    assert error["message"].startswith(f"{name}: ")


async def test_a_cursor_is_good_for_its_own_filter_and_sort_alone(world: World):
    for number in range(3):
        await world.add(f"prj_{number}", stage="planning")
    plain = (await world.get("/v1/projects", limit=1)).json()["pagination"]["next_cursor"]
    for name, value in (
        ("sort", "rating"),
        ("technology", "solar"),
        ("country", "US"),
        ("stage", "planning"),
        ("min_return", "5"),
        ("max_risk", "high"),
        ("search", "sunrise"),
    ):
        asked = {name: value}
        own = (await world.get("/v1/projects", **asked, limit=1)).json()["pagination"]["next_cursor"]
        assert (await world.get("/v1/projects", **asked, limit=2, cursor=own)).status_code == 200
        refused(await world.get("/v1/projects", **asked, cursor=plain), "cursor")
        refused(await world.get("/v1/projects", cursor=own), "cursor")
    refused(await world.get("/v1/projects/prj_0/updates", cursor=plain), "cursor")
    altered = plain[:-1] + ("A" if plain[-1] != "A" else "B")
    refused(await world.get("/v1/projects", cursor=altered), "cursor")


async def test_a_return_is_compared_with_every_digit_that_was_asked_for(world: World):
    await world.add("prj_a", financial={"expected_return_annual": 7.25})
    for least, found in (("7.25", ["prj_a"]), ("7.250", ["prj_a"]), ("7.2500001", []), ("725e-2", ["prj_a"])):
        assert await world.ids(min_return=least) == found, least


async def test_gb_and_uk_are_one_country_in_any_case(world: World):
    await world.add("prj_a", location={"country": "UK"})
    for code in ("UK", "GB", "uk", "gb"):
        assert await world.ids(country=code) == ["prj_a"]


async def test_updates_are_paged_the_newest_first(world: World):
    await world.add("prj_a")
    await world.add("prj_b")
    sent = []
    for number in range(7):
        body = {"title": f"News {number}", "content": "!"}
        sent.append((await world.post("/v1/projects/prj_a/updates", body)).json()["data"]["id"])
        if number % 2:
            world.parts.clock.advance(1)
    await world.post("/v1/projects/prj_b/updates", {"title": "Other", "content": "!"})

    shown = await world.ids("/v1/projects/prj_a/updates", limit=2)
    assert sorted(shown) == sorted(sent)
    assert [set(shown[n : n + 2]) for n in (1, 3, 5)] == [set(sent[n : n + 2]) for n in (4, 2, 0)]
    page = (await world.get("/v1/projects/prj_a/updates", limit=2)).json()
    assert page["pagination"]["total"] == 7
    refused(await world.get("/v1/projects/prj_b/updates", cursor=page["pagination"]["next_cursor"]), "cursor")


async def test_a_cursor_of_another_length_is_refused_inside_too(world: World):
    lists = world.parts.services.project_lists
    with pytest.raises(CursorRefused):
        await lists.page_json(Filter(), Sort.NEWEST, limit=1, cursor="W10.AAAAAAAAAAAAAAAAAAAAAA")
