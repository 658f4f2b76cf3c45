"""`/v1/webhooks`: its shapes, who may do what, and endpoints of applications."""

from urllib.parse import urlencode

import pytest

from cloud.identity.scopes import Scope, scopes_of
from tests.cloud.webhooks.receiver import receiving

WISH = {"url": "http://127.0.0.1:9/hook", "events": ["project.update", "investment.created"]}
PATH = "/v1/webhooks"


async def api_key(world, who, scopes: str) -> dict[str, str]:
    made = await world.parts.services.api_keys.create(who.person, name="k", scopes=scopes_of(scopes))
    return {"X-API-Key": made.text}


async def test_an_endpoint_is_shown_with_its_secret_once(world, ana) -> None:
    answer = await world.client.post(PATH, json=WISH, headers=ana.headers)
    assert answer.status_code == 201
    made = answer.json()["data"]
    assert made["secret"].startswith("whsec_")
    shown = (await world.client.get(f"{PATH}/{made['id']}", headers=ana.headers)).json()["data"]
    assert shown == {
        "id": made["id"],
        "client_id": None,
        "url": WISH["url"],
        "description": "",
        "events": ["investment.created", "project.update"],
        "status": "enabled",
        "disabled_because": None,
        "created_at": "2026-01-01T00:00:00Z",
    }
    listed = (await world.client.get(PATH, headers=ana.headers)).json()["data"]
    assert listed == [shown]


async def test_four_callers(world, ana, ben) -> None:
    made = (await world.client.post(PATH, json=WISH, headers=ana.headers)).json()["data"]
    weak = await api_key(world, ana, "read_portfolio")
    good = await api_key(world, ana, "read_profile write_profile read_projects read_portfolio")
    one = f"{PATH}/{made['id']}"
    routes = [
        ("GET", one, 200),
        ("PATCH", one, 200),
        ("POST", f"{one}/rotate", 201),
        ("POST", f"{one}/disable", 200),
        ("POST", f"{one}/enable", 200),
        ("GET", f"{one}/deliveries", 200),
        ("DELETE", one, 204),
    ]
    for method, path, status in routes:
        body = {"json": {}} if method == "PATCH" else {}
        assert (await world.client.request(method, path, **body)).status_code == 401
        assert (await world.client.request(method, path, headers=weak, **body)).status_code == 403
        assert (await world.client.request(method, path, headers=ben.headers, **body)).status_code == 404
        assert (await world.client.request(method, path, headers=good, **body)).status_code == status


async def test_an_event_needs_the_scope_that_reads_it(world, ana) -> None:
    key = await api_key(world, ana, "read_profile write_profile read_projects")
    answer = await world.client.post(PATH, json=WISH, headers=key)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == {"events": "The scope read_portfolio is required"}


async def test_changes_of_one_endpoint_at_once_take_nothing_back(world, ana, monkeypatch) -> None:
    """While the first URL is looked up, another caller narrows or widens the events."""
    made = (await world.client.post(PATH, json=WISH, headers=ana.headers)).json()["data"]
    one = f"{PATH}/{made['id']}"
    weak = await api_key(world, ana, "write_profile read_projects read_portfolio")
    check = world.webhooks._egress.check
    meanwhile = [["project.funded"], ["distribution.available"]]

    async def slow(url: str) -> None:
        await check(url)
        if meanwhile and url.endswith("/new"):
            events = {"events": meanwhile.pop(0)}
            assert (await world.client.patch(one, json=events, headers=ana.headers)).status_code == 200

    monkeypatch.setattr(world.webhooks._egress, "check", slow)
    new = {"url": "http://127.0.0.1:9/new"}
    changed = await world.client.patch(one, json=new, headers=weak)
    refused = await world.client.patch(one, json=new | {"description": "mine"}, headers=weak)

    assert (changed.json()["data"]["url"], changed.json()["data"]["events"]) == (
        new["url"],
        ["project.funded"],
    )
    assert refused.status_code == 422  # it is of events that the key may not hear of
    shown = (await world.client.get(one, headers=ana.headers)).json()["data"]
    assert (shown["description"], shown["events"]) == ("", ["distribution.available"])


@pytest.mark.parametrize(
    "change, field",
    [
        ({"url": "https://10.0.0.1/hook"}, "url"),
        ({"url": "http://example.com/hook"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["investment.failed"]}, "events"),
        ({"events": ["price"]}, "events"),
        ({"client_id": "client_of_somebody"}, "client_id"),
        ({"description": "x" * 201}, "description"),
        ({"secret": "mine"}, "secret"),
    ],
)
async def test_a_wrong_wish_names_its_field(world, ana, change, field) -> None:
    answer = await world.client.post(PATH, json=WISH | change, headers=ana.headers)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["details"]) == [field]


async def test_deliveries_are_listed_page_by_page_and_sent_again(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    ids = [await world.invested(ana, number) for number in range(3)]
    for id_ in ids:
        await world.delivered(ana, made, id_)
    one = f"{PATH}/{made.endpoint.id}/deliveries"
    first = (await world.client.get(one, params={"limit": 2}, headers=ana.headers)).json()
    assert [row["event_id"] for row in first["data"]] == [f"evt_{ids[2]}", f"evt_{ids[1]}"]
    assert first["pagination"]["total"] == 3
    last = first["data"][0]["last_attempt"]
    assert (last["status_code"], last["problem"], last["response_excerpt"]) == (200, None, "thanks ")
    cursor = first["pagination"]["next_cursor"]
    second = (await world.client.get(one, params={"cursor": cursor}, headers=ana.headers)).json()
    assert [row["event_id"] for row in second["data"]] == [f"evt_{ids[0]}"]
    answer = await world.client.post(f"{one}/evt_{ids[0]}/resend", headers=ana.headers)
    assert answer.status_code == 202
    await receiver.wait_for(4)
    assert receiver.came[3].id == f"evt_{ids[0]}"
    assert (await world.client.post(f"{one}/evt_999/resend", headers=ana.headers)).status_code == 404
    await world.webhooks.disable(ana.manager, made.endpoint.id)
    assert (await world.client.post(f"{one}/evt_{ids[0]}/resend", headers=ana.headers)).status_code == 409


async def let_in(world, who, client_id: str, scope: str) -> None:
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": "https://app.example/back",
        "scope": scope,
    }
    await world.parts.services.oauth.allow(who.person, urlencode(query))


async def test_an_application_hears_of_those_who_let_it_and_only_of_what_they_let(world, ana, ben) -> None:
    services = world.parts.services
    made = await services.applications.register(
        ana.person,
        name="Diary",
        is_confidential=True,
        redirect_uris=["https://app.example/back"],
        scopes=frozenset({Scope.READ_PORTFOLIO, Scope.READ_RETURNS}),
    )
    client_id = made.application.client_id
    async with receiving() as receiver:
        endpoint = await world.endpoint(ana, receiver, client_id=client_id)
        await world.invested(ben, 1)  # not let in yet
        taken = await world.announce("project.update", {"project_id": "prj_x"})
        await world.delivered(ana, endpoint, taken)
        await let_in(world, ben, client_id, "read_portfolio")
        heard = await world.invested(ben, 2)
        await world.announce(
            "distribution.available",
            {"distribution_id": "dist_1", "project_id": "p", "user_id": ben.person.user_id},
        )
        await world.delivered(ana, endpoint, heard)
        receiver.status = 500
        refused = await world.invested(ben, 3)
        await world.settled(ana, endpoint, refused, 1)
        await services.oauth.withdraw(ben.person, client_id)
        receiver.status = 200
        world.clock.advance(10)
        public = await world.announce("project.update", {"project_id": "prj_x"})
        await world.delivered(ana, endpoint, public)
        came = [one.id for one in receiver.came]
        assert came == [f"evt_{id_}" for id_ in (taken, heard, refused, public)]


async def test_an_application_reaches_its_own_endpoints_and_no_others_of_its_owner(world, ana) -> None:
    made = await world.parts.services.applications.register(
        ana.person,
        name="Diary",
        is_confidential=True,
        redirect_uris=[],
        scopes=scopes_of("read_profile write_profile read_projects read_portfolio"),
    )
    client_id = made.application.client_id
    asked = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": made.secret}
    token = (await world.client.post("/v1/oauth/token", json=asked)).json()["access_token"]
    app = {"Authorization": f"Bearer {token}"}
    anas = (await world.client.post(PATH, json=WISH, headers=ana.headers)).json()["data"]

    own = (await world.client.post(PATH, json=WISH, headers=app)).json()["data"]

    assert own["client_id"] == client_id
    assert [one["id"] for one in (await world.client.get(PATH, headers=app)).json()["data"]] == [own["id"]]
    others = f"{PATH}/{anas['id']}"
    for method, path in [
        ("GET", others),
        ("PATCH", others),
        ("POST", f"{others}/rotate"),
        ("POST", f"{others}/disable"),
        ("GET", f"{others}/deliveries"),
        ("DELETE", others),
    ]:
        body = {"json": {}} if method == "PATCH" else {}
        assert (await world.client.request(method, path, headers=app, **body)).status_code == 404
    assert len((await world.client.get(PATH, headers=ana.headers)).json()["data"]) == 2
