"""What the documents of the API say, held against the specification's own table and against JSON Schema."""

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from cloud.api.documents.compose import compose
from cloud.api.documents.family import FAMILIES
from cloud.api.documents.postman import collection
from cloud.app import create_app
from cloud.settings import Settings

TABLE = Path(__file__).parents[3] / "contract" / "endpoints.tsv"
PLATFORM, FINANCE, ENERGY = "/v1/openapi.json", "/api/openapi.json", "/iot/openapi.json"
NO_OPERATION = {"/v1/ws", "/v1/openapi.json", "/health", "/iot/openapi.json"}


def rows(source: str) -> list[tuple[str, str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.reader(file, delimiter="\t") if line and line[0] == source]
    return [(line[1], line[2], line[3]) for line in lines]


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> dict[str, Any]:
    """By path, as JSON has them; the application is made once and not started."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("documents")))
    return {
        family.path: json.loads(json.dumps(compose(app, family, "https://api.example.org")))
        for family in FAMILIES
    }


def test_every_route_of_the_platform_is_there_with_the_scope_that_opens_it(documents):
    paths = documents[PLATFORM]["paths"]

    for method, path, auth in rows("terra-lumina"):
        if method not in {"GET", "POST", "PATCH"} or path in NO_OPERATION or not path.startswith("/v1/"):
            continue
        operation = paths[path][method.lower()]
        if path.startswith("/v1/oauth/"):
            assert operation["security"] == [{"Client": []}, {}]
            continue
        assert operation["security"] == [{"OAuth2": [auth]}, {"AccessToken": []}, {"ApiKey": []}]
        assert {"200", "201"} & set(operation["responses"])
        assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])


def test_every_route_of_the_energy_network_is_there_and_says_who_may_ask(documents):
    paths = documents[ENERGY]["paths"]

    for method, path, auth in rows("stelltron"):
        if method != "WS":
            asks = paths[path][method.lower()].get("security", [])
            assert bool(asks) == (auth != "public") or path == "/iot/nodes/{device_id}", path


def test_each_document_has_its_own_routes_alone(documents):
    platform, finance, energy = [set(documents[path]["paths"]) for path in (PLATFORM, FINANCE, ENERGY)]

    assert all(path.startswith(("/v1/", "/.well-known/oauth")) for path in platform)
    assert platform & (finance | energy) == set()
    assert finance & energy == {"/api/v1/auth/login"}


@pytest.mark.parametrize("path", [PLATFORM, FINANCE, ENERGY])
def test_every_reference_leads_somewhere_and_every_schema_is_one(documents, path):
    found = documents[path]
    for reference in references(found):
        place: Any = found
        for word in reference.removeprefix("#/").split("/"):
            place = place[word]
    for schema in found["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    used = {reference.rpartition("/")[2] for reference in references(found) if "/schemas/" in reference}
    assert set(found["components"]["schemas"]) == used


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for one in value for found in references(one)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for one in value.values() for found in references(one)]


def test_every_operation_has_a_name_of_its_own_and_says_what_it_is_for(documents):
    for path in (PLATFORM, FINANCE, ENERGY):
        found = documents[path]
        operations = [one for item in found["paths"].values() for one in item.values()]
        names = [one["operationId"] for one in operations]
        assert len(set(names)) == len(names)
        assert all(one["summary"] and one["tags"] for one in operations)


def test_the_examples_are_of_the_shapes_that_they_stand_at(documents):
    found = documents[PLATFORM]
    shown = 0
    for item in found["paths"].values():
        for operation in item.values():
            parts = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in [one for part in parts for one in part.get("content", {}).values()]:
                if "example" in content:
                    whole = content["schema"] | {"components": found["components"]}
                    jsonschema_rs.validator_for(whole).validate(content["example"])
                    shown += 1
    assert shown >= 24


def test_amounts_are_numbers_and_what_is_refused_is_in_the_schema(documents):
    schemas = documents[PLATFORM]["components"]["schemas"]

    assert schemas["NewInvestment"]["properties"]["amount"]["type"] == "number"
    assert schemas["NewInvestment"]["additionalProperties"] is False
    assert schemas["NewInvestment"]["required"] == ["project_id", "amount"]
    assert schemas["InvestmentRow"]["properties"]["ownership_tokens"] == {"type": "number"}


def test_an_operation_names_the_codes_of_its_own_refusals(documents):
    paths = documents[PLATFORM]["paths"]

    refusals = paths["/v1/investments"]["post"]["responses"]
    assert "KYC_REQUIRED" in refusals["403"]["description"]
    assert "INVESTMENT_UNAVAILABLE" in refusals["422"]["description"]
    assert refusals["404"] == {"$ref": "#/components/responses/NotFound"}


def test_a_money_post_takes_an_idempotency_key(documents):
    paths = documents[PLATFORM]["paths"]

    for path in ("/v1/investments", "/v1/distributions/{distribution_id}/claim"):
        assert "Idempotency-Key" in [one["name"] for one in paths[path]["post"]["parameters"]]
    assert paths["/v1/projects"]["get"]["responses"]["304"]


async def test_the_documents_are_served_once_to_whoever_has_them_and_litestars_own_never(client):
    first = await client.get(PLATFORM)
    assert first.json()["info"]["title"] == "Terra Lumina API"
    again = await client.get(PLATFORM, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    made = (await client.get("/docs/LUMEN_API.postman_collection.json")).json()
    assert made["info"]["name"] == "LUMEN API"
    for path in ("/schema", "/schema/openapi.json"):
        assert (await client.get(path)).status_code == 404


def test_the_postman_collection_has_every_operation_once_with_its_body(documents):
    found = documents[FINANCE]
    made = collection(found, "https://api.example.org")

    requests = [one["request"] for folder in made["item"] for one in folder["item"]]
    said = sorted((one["method"], "/" + "/".join(one["url"]["path"])) for one in requests)
    assert said == sorted(
        (method.upper(), path.replace("{", ":").replace("}", ""))
        for path, item in found["paths"].items()
        for method in item
    )
    assert made["info"]["schema"].endswith("/v2.1.0/collection.json")
    register = next(one for one in requests if one["url"]["path"][-1] == "register")
    assert {"email", "password"} <= set(json.loads(register["body"]["raw"]))
    assert register["auth"] == {"type": "noauth"}
    me = next(one for one in requests if one["url"]["path"][-1] == "me")
    assert "auth" not in me
