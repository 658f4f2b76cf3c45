"""Documentation that cannot rot: what it lists is what the code has."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from cloud.app import create_app
from cloud.sandbox.tree import routing_tree
from cloud.settings import Settings
from edge.config import EdgeConfig
from lumengrid.settings_table import document as settings_document
from shared import messages
from shared.clock import ManualClock
from shared.topics import ROOT as TOPIC_ROOT
from shared.topics import TOPICS
from tests.test_architecture import DOMAINS, ROOT

WIRE = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table_rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table whose header line is given."""
    lines = text[text.index(header) :].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_topic_table_is_the_code_s() -> None:
    documented = table_rows(WIRE, "| topic | from | retained | payload |")
    expected = [
        [f"`{topic.path}`", topic.sender, "yes" if topic.retained else "no", topic.payload]
        for topic in TOPICS
    ]

    assert documented == expected
    assert f"`{TOPIC_ROOT}`" in WIRE


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.path)
def test_every_payload_on_the_wire_is_a_struct_that_refuses_unknown_fields(topic) -> None:
    struct = getattr(messages, topic.payload.split()[-1])

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"no_such_field": 1}', type=struct)
    assert struct.__struct_config__.forbid_unknown_fields
    assert struct.__struct_config__.frozen


def test_the_settings_tables_are_the_code_s() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert text == settings_document(), "run `python -m lumengrid.settings_table`"


@pytest.mark.parametrize("settings", [Settings, EdgeConfig], ids=["service", "agent"])
def test_every_setting_is_documented(settings: type[msgspec.Struct]) -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    for field in msgspec.structs.fields(settings):
        assert f"`{field.name}`" in text or f"`{field.name}." in text


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_model_is_in_the_glossary(domain: str) -> None:
    model = ROOT / "cloud" / domain / "model.py"
    if not model.exists():
        return
    names = re.findall(r"^class (\w+)\(", model.read_text(encoding="utf-8"), re.M)
    listed = set(re.findall(r"`(\w+)`", GLOSSARY))

    assert sorted(set(names) - listed) == []


def test_the_glossary_lists_nothing_twice() -> None:
    words = [row[0] for row in table_rows(GLOSSARY, "| word | meaning | unit, source |")]

    assert sorted(words) == sorted(set(words))
    assert words == sorted(words, key=str.lower)


def test_every_link_between_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = []
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            if not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)} -> {target}")

    assert broken == []


def test_every_make_target_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))

    assert set(re.findall(r"`make ([a-z]+)", README)) <= targets


def test_every_file_the_texts_name_exists() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    missing = []
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for name in re.findall(
            r"`((?:edge|cloud|shared|hardware|lumengrid|benchmarks|tests|docs|systemd)/[a-z_][\w./-]+)`", text
        ):
            if name != TOPIC_ROOT and not (ROOT / Path(name)).exists():
                missing.append(f"{document.relative_to(ROOT)} names {name}")

    assert missing == []


def test_the_texts_speak_of_the_project_alone() -> None:
    forbidden = re.compile(r"/work/|\bissue #?\d|pypi\.org|files\.pythonhosted", re.I)
    bad = [
        f"{document.relative_to(ROOT)}:{number}"
        for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("[a-z]*/**/*.py")]
        if ".venv" not in document.parts and document != Path(__file__)
        for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1)
        if forbidden.search(line)
    ]

    assert bad == []


def _app(folder: Path) -> Litestar:
    async def made() -> Litestar:
        app = create_app(Settings(data_dir=folder), ManualClock())
        await app.state.parts.store.close()
        return app

    return asyncio.run(made())


def test_every_route_the_texts_name_exists(tmp_path: Path) -> None:
    trees = {"": _app(tmp_path), "/sandbox": routing_tree(1_024)}
    served = {
        (method, re.sub(r"\{[^}]*\}", "{}", below + route.path))
        for below, tree in trees.items()
        for route in tree.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
    }

    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for method, route in re.findall(
            r"`(GET|POST|PATCH|PUT|DELETE) (/[^\s`?]+)", path.read_text(encoding="utf-8")
        ):
            named = re.sub(r"\{[^}]*\}", "{}", route)
            assert (method, named) in served, f"{path.name}: {method} {route}"
