"""The house keeps its own rules: the map in ARCHITECTURE.md is the tree, and each border holds."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("shared", "hardware", "edge", "cloud", "lumengrid")
DOMAINS = sorted(
    path.name
    for path in (ROOT / "cloud").iterdir()
    if path.is_dir() and path.name not in {"kit", "api", "migrations", "services", "__pycache__"}
)
FORBIDDEN_MODULE_NAMES = {"utils", "helpers", "common", "core", "lib", "misc"}
FUNCTION_LINES_MAX = 70
SQL = re.compile(r"^\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s)", re.S)
TIME_CALLS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "sleep"),
    ("time", "monotonic"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
}
TIME_ALLOWED = {
    "shared/clock.py",
    # The supervisor watches real processes and anchors their accelerated clock.
    "lumengrid/up.py",
    "lumengrid/simulated_time.py",
}


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports() -> dict[str, frozenset[str]]:
    """Of every file of the product, by its name: modules, and what is taken from them."""
    return {name_of(path): frozenset(_imports(tree)) for path, tree in modules(*PRODUCT)}


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def mapped_paths() -> set[str]:
    """The paths in ARCHITECTURE.md's folder map, which is indented by two spaces a level."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = text.split("## Folders", 1)[1].split("```", 2)[1]
    found: set[str] = set()
    stack: list[str] = []
    for line in block.splitlines():
        match = re.match(r"^( *)([\w./-]+)(?:\s{2,}.*)?$", line)
        if match is None:
            continue
        depth = len(match.group(1)) // 2
        stack = [*stack[:depth], match.group(2).rstrip("/")]
        found.add("/".join(stack))
    return found


def test_every_path_on_the_map_exists() -> None:
    missing = sorted(path for path in mapped_paths() if not (ROOT / path).exists())

    assert missing == []


def test_every_folder_with_code_is_on_the_map() -> None:
    on_map = mapped_paths()
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for package in PRODUCT
        for path in (ROOT / package).rglob("*.py")
    }

    assert sorted(folders - on_map) == []


def test_no_module_hides_behind_a_name_that_says_nothing() -> None:
    bad = [name for name in imports() if Path(name).stem in FORBIDDEN_MODULE_NAMES]

    assert bad == []


def test_time_is_a_parameter_everywhere_but_in_the_clock() -> None:
    bad = []
    for path, tree in modules(*PRODUCT):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and (node.func.value.id, node.func.attr) in TIME_CALLS
                and name_of(path) not in TIME_ALLOWED
            ):
                bad.append(f"{name_of(path)}:{node.lineno} {node.func.value.id}.{node.func.attr}")

    assert bad == []


def test_sql_of_the_service_stands_in_storage_files_only() -> None:
    bad = []
    for path, tree in modules("cloud"):
        name = name_of(path)
        if path.stem == "storage" or "/storage/" in name or name.startswith("cloud/kit/"):
            continue
        bad += [
            f"{name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
        ]

    assert bad == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_is_reached_through_its_service_or_model_only(domain: str) -> None:
    bad = [
        f"{name} imports {module}"
        for name, imported in imports().items()
        if name.startswith(("cloud/", "lumengrid/")) and not name.startswith(f"cloud/{domain}/")
        for module in imported
        if module == f"cloud.{domain}.storage" or module.startswith(f"cloud.{domain}.storage.")
    ]

    assert bad == []


def test_a_route_knows_neither_sql_nor_storage() -> None:
    bad = [
        f"{name} imports {module}"
        for name, imported in imports().items()
        if name.startswith("cloud/") and name.endswith("/routes.py")
        for module in imported
        if ".storage" in module or module.startswith("sqlite3")
    ]

    assert bad == []


def test_a_model_imports_no_framework() -> None:
    bad = [
        f"{name} imports {module}"
        for name, imported in imports().items()
        if name.startswith("cloud/") and name.endswith("/model.py")
        for module in imported
        if module.split(".")[0] in {"litestar", "uvicorn", "sqlite3"} or module.startswith("cloud.kit.store")
    ]

    assert bad == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name_of(path)}:{node.lineno} {node.name} {node.end_lineno - node.lineno + 1}"
        for path, tree in modules(*PRODUCT)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]

    assert long == []


def test_nothing_unfinished_is_marked_in_the_product() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
    bad = [
        f"{name_of(path)}:{number}"
        for path in map(ROOT.joinpath, imports())
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]

    assert bad == []


def test_requirements_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text(encoding="utf-8")

        assert "://" not in text, path.name
        assert "index" not in text, path.name


def test_what_a_pi_installs_has_no_web_framework_and_no_arrays() -> None:
    names = {
        line.split("==")[0]
        for line in (ROOT / "requirements" / "edge.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }

    assert names.isdisjoint({"numpy", "litestar", "stellar-sdk", "uvicorn", "sqlite-utils", "amqtt"})
    assert {"aiohttp", "gpiozero", "smbus2", "paho-mqtt", "msgspec", "pynacl"} <= names
