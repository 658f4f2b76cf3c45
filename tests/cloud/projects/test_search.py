"""Search: found by the words however they are written, and the best fit first."""

import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.projects.listing import search_of
from cloud.projects.words import WORD_LENGTH_MAX, fold, weigh, words
from tests.cloud.projects.conftest import World

WRITTEN = {
    "Süd": "sud",
    "SÜD": "sud",
    "su\u0308d": "sud",
    "Südwind": "sudwind",
    "Łódź": "lodz",
    "Júcar": "jucar",
    "JUCAR": "jucar",
    "Straße": "strasse",
    "STRASSE": "strasse",
    "Ærø": "aero",
    "Œuvre": "oeuvre",
    "ﬁeld": "field",
    "Field": "field",
    "fields": "fields",
    "50": "50",
    "50MW": "50mw",
    "sun": "sun",
    "sunny": "sunny",
    "\uff21lps": "alps",
}
"""Words with their folded form, by hand."""


@pytest.mark.parametrize("written, folded", WRITTEN.items())
def test_case_accents_and_ligatures_do_not_count(written, folded):
    assert words(written) == [folded]


@pytest.mark.parametrize(
    "text, found",
    [
        ("Sunrise Solar Farm - Nevada", ["sunrise", "solar", "farm", "nevada"]),
        ("run-of-river, 4.2 MW (new)", ["run", "of", "river", "4", "2", "mw", "new"]),
        ("snake_case", ["snake", "case"]),
        ("  \t\n", []),
        ("!?%_'\"", []),
        ("a" * 100, ["a" * 40]),
        ("सौर ऊर्जा", ["सौर", "ऊर्जा"]),
        ("\x00nul\x00l", ["nul", "l"]),
    ],
)
def test_words_end_where_letters_and_digits_do(text, found):
    assert words(text) == [
        unicodedata.normalize("NFKD", word) if word.isascii() else fold(word) for word in found
    ]


@settings(deadline=None)
@given(st.text(max_size=200))
def test_folding_what_is_folded_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
    assert words(" ".join(words(text))) == words(text)
    assert all(1 <= len(word) <= WORD_LENGTH_MAX for word in words(text))


def test_a_word_weighs_by_where_it_stands_and_how_often():
    found = weigh(name="Solar Solar Nevada", description="solar solar solar solar sun", place="solar US")

    assert [(one.word, one.weight, one.in_text) for one in found] == [
        ("nevada", 8, True),
        ("solar", 8 + 4 + 3, True),
        ("sun", 1, True),
        ("us", 4, False),
    ]


def test_whole_words_are_asked_once_and_the_last_may_go_on():
    search = search_of("solar Nevada SOLAR nev", "q", in_text_only=False)
    assert search is not None
    assert search.words == ("solar", "nevada", "nev")
    again = search_of("solar nevada solar", "q", in_text_only=False)
    assert again is not None
    assert again.words == ("solar", "nevada", "solar")


async def test_search_finds_what_brute_force_finds_on_any_query(world: World):
    rng = random.Random(11)
    texts: dict[str, tuple[list[str], list[str]]] = {}
    for number in range(25):
        name, description = (rng.choices(list(WRITTEN), k=rng.randrange(1, 5)) for _ in range(2))
        await world.add(
            f"prj_{number}",
            name=" ".join(name),
            description=", ".join(description),
            technology="wind",
            location={"country": "DE", "state": None, "city": "Ulm"},
        )
        texts[f"prj_{number}"] = (name, description)

    def found(project_id: str, query: list[str], last: str) -> bool:
        there = {WRITTEN[word] for part in texts[project_id] for word in part}
        return all(WRITTEN[word] in there for word in query) and any(word.startswith(last) for word in there)

    for _ in range(80):
        query = rng.choices(list(WRITTEN), k=rng.randrange(3))
        last = rng.choice(list(WRITTEN.values()))
        last = last[: rng.randrange(1, len(last) + 1)]
        wanted = sorted(project_id for project_id in texts if found(project_id, query, last))
        text = " ".join([*query, last.upper()])

        assert sorted(await world.ids(search=text, limit=9)) == wanted, text
        assert sorted(await world.ids("/v1/projects/search", q=text, limit=9)) == wanted, text


async def test_the_best_fit_comes_first_and_pages_go_on_in_that_order(world: World):
    place = {"state": None, "city": "Ulm", "country": "DE"}
    for project_id, name, description in (
        ("prj_a_name", "Nevada Farm", "solar"),
        ("prj_b_begins", "Nevadan Farm", "solar"),
        ("prj_c_thrice", "A Farm", "nevada nevada nevada nevada"),
        ("prj_d_once", "Another Farm", "in Nevada"),
        ("prj_e_again", "Another Farm", "in Nevada"),
        ("prj_f_none", "Another Farm", "in Utah"),
        ("prj_g_both", "Nevada", "Nevada"),
    ):
        await world.add(project_id, name=name, description=description, location=place)
    best_first = [
        "prj_g_both",  # 2 · (8 + 1)
        "prj_a_name",  # 2 · 8
        "prj_b_begins",  # 8: only the beginning
        "prj_c_thrice",  # 2 · 3
        "prj_e_again",  # 2 · 1, among equals the higher id
        "prj_d_once",
    ]

    for limit in (1, 2, 100):
        assert await world.ids("/v1/projects/search", q="nevada", limit=limit) == best_first


async def test_place_and_technology_count_in_the_search_but_not_in_the_filter_of_the_list(world: World):
    await world.add("prj_a", name="Farm", description="panels", technology="solar")
    for word in ("vegas", "NV", "us", "solar"):
        assert await world.ids("/v1/projects/search", q=word) == ["prj_a"]
        assert await world.ids(search=word) == []
    assert await world.ids(search="farm pan") == ["prj_a"]


async def test_what_is_described_anew_is_found_by_its_new_words_alone(world: World):
    await world.add("prj_a", name="Old Mill")
    await world.patch("/v1/projects/prj_a", {"name": "New Weir"})

    assert await world.ids(search="weir") == ["prj_a"]
    assert await world.ids(search="mill") == []


async def test_signs_are_no_words_and_no_wildcards_and_an_empty_search_is_none(world: World):
    await world.add("prj_a")
    for text in ("!!!", "%", "_", "' OR 1=1 --", "\U0010ffff", "\x00"):
        assert await world.ids(search=text) == [], text
    for text in ("", "  "):
        assert await world.ids(search=text) == ["prj_a"]
        assert await world.ids("/v1/projects/search", q=text) == ["prj_a"]
