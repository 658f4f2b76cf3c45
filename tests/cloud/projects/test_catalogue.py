"""The catalogue: loaded at each start, never touching money."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from cloud.projects.catalogue_file import SAMPLE, Catalogue, CatalogueError, read_catalogue
from cloud.settings import Settings
from tests.cloud.applications import application
from tests.cloud.projects.conftest import World
from tests.test_architecture import ROOT

SAMPLE_FILE = ROOT / "cloud" / "projects" / "catalogue" / "sample.toml"


@pytest.fixture
def catalogue(world: World) -> Catalogue:
    return Catalogue(world.projects, world.parts.services.documents)


async def test_the_sample_has_the_document_s_project_and_five_more(world: World, catalogue: Catalogue):
    assert await catalogue.load(SAMPLE) == 6
    page = (await world.get("/v1/projects")).json()["data"]
    sunrise = (await world.get("/v1/projects/prj_sunrise_solar")).json()["data"]

    assert len(page) == 6
    assert {project["technology"] for project in page} == {"solar", "wind", "hydro", "storage"}
    assert {project["financial"]["currency"] for project in page} == {"USD", "EUR", "GBP"}
    assert {project["stage"] for project in page} == {"planning", "construction", "operating"}
    assert len({project["location"]["country"] for project in page}) == 4
    assert all(project["financial"]["raised_amount"] == 0 for project in page)
    assert sunrise["capacity_mw"] == 50
    assert sunrise["financial"]["target_amount"] == 2_500_000
    assert sunrise["financial"]["total_cost"] == 65_000_000
    assert sunrise["financial"]["token_supply"] == 25_000_000
    assert sunrise["financial"]["token_price"] == 2.6
    assert sunrise["technical"]["capacity_factor"] == 27.4
    assert sunrise["rating"] == 4.8
    assert sunrise["created_at"] == "2025-08-01T10:00:00Z"
    [document] = sunrise["documents"]
    assert document["name"] == "Project Prospectus.pdf"
    content = (await world.get(document["url"])).content
    assert content == (SAMPLE_FILE.parent / "sunrise_prospectus.pdf").read_bytes()
    assert await world.ids("/v1/projects/search", q="elbtal sud") == ["prj_elbtal_wind"]


async def test_loading_again_changes_nothing_and_leaves_the_money(world: World, catalogue: Catalogue):
    await catalogue.load(SAMPLE)
    await world.raise_money("prj_sunrise_solar", 50_000)
    await world.patch("/v1/projects/prj_elbtal_wind", {"name": "Renamed"})
    await world.add("prj_other")
    before = (await world.get("/v1/projects/prj_sunrise_solar")).json()
    world.parts.clock.advance(60)
    await catalogue.load(SAMPLE)

    assert (await world.get("/v1/projects/prj_sunrise_solar")).json() == before
    assert before["data"]["financial"]["raised_amount"] == 500
    elbtal = (await world.get("/v1/projects/prj_elbtal_wind")).json()["data"]
    assert (elbtal["name"], elbtal["updated_at"]) == ("Windpark Elbtal-Süd", "2026-01-01T00:01:00Z")
    assert len(await world.ids()) == 7


async def test_the_service_loads_it_at_its_start(settings: Settings, clock, tmp_path: Path):
    with_catalogue = msgspec.structs.replace(settings, project_catalogue=SAMPLE)
    async with application(with_catalogue, clock) as app, app.lifespan(), app.state.parts.store.read() as tx:
        project = await app.state.parts.services.projects.get(tx, "prj_sunrise_solar")
    assert project.name == "Sunrise Solar Farm - Nevada"


def test_the_example_of_the_documentation_is_a_catalogue(tmp_path: Path):
    text = (ROOT / "docs" / "projects.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", text, re.S)
    assert example is not None
    path = tmp_path / "projects.toml"
    path.write_text(example[1], encoding="utf-8")

    [project] = read_catalogue(path).projects
    assert set(tomllib.loads(example[1])["projects"][0]) == set(project.__struct_fields__)


@pytest.mark.parametrize(
    "before, after, told",
    [
        ("[[projects]]", "[[projects", "Expected"),
        ('technology = "wind"', 'technology = "coal"', "coal"),
        ("capacity_mw = 25.2", "capacity_mw = 0", "prj_elbtal_wind: capacity_mw: Must be above 0"),
        ('"prj_elbtal_wind"', '"prj_sunrise_solar"', "stands there twice"),
        ('"prj_elbtal_wind"', '"elbtal"', "id"),
        ("hub_height_m = 149", "raised_amount = [1]", "technical"),
        ("created_at = 2025-05-12T08:00:00Z", "created_at = 2025-05-12T08:00:00", "created_at: Must be"),
        ('stage = "planning"', 'stage = "planning"\nraised_amount = 5', "raised_amount"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_project_and_field(tmp_path, before, after, told):
    text = SAMPLE_FILE.read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "projects.toml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")

    with pytest.raises(CatalogueError, match=r"projects\.toml") as refused:
        read_catalogue(path)
    assert told in str(refused.value)


async def test_a_document_or_a_file_that_is_not_there_is_named(tmp_path, catalogue: Catalogue):
    with pytest.raises(CatalogueError, match=r"none\.toml"):
        await catalogue.load(str(tmp_path / "none.toml"))
    path = tmp_path / "projects.toml"
    path.write_text(SAMPLE_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"sunrise_prospectus\.pdf"):
        await catalogue.load(str(path))


async def test_the_file_cannot_take_back_what_people_invested_on(
    tmp_path, world: World, catalogue: Catalogue
):
    await catalogue.load(SAMPLE)
    await world.raise_money("prj_sunrise_solar", 50_000)
    path = tmp_path / "projects.toml"
    text = SAMPLE_FILE.read_text(encoding="utf-8")
    path.write_text(text.replace("total_cost = 65_000_000", "total_cost = 66_000_000"), encoding="utf-8")

    with pytest.raises(CatalogueError, match=r"financial\.total_cost: Cannot change"):
        await catalogue.load(str(path))
