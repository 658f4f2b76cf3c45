"""Keys at work: whose they are, what they may, and when they end."""

import httpx
import pytest

from cloud.app import Parts
from cloud.errors import InvalidFields, NotFound
from cloud.identity.api_keys.key import Mode
from cloud.identity.api_keys.service import ApiKeys
from cloud.identity.model import Person
from cloud.identity.scopes import Scope
from shared.clock import ManualClock

READ = frozenset({Scope.READ_PROFILE})
ME = "/v1/user/me"


@pytest.fixture
def api_keys(parts: Parts) -> ApiKeys:
    return parts.services.api_keys


async def sign_up(client: httpx.AsyncClient, parts: Parts, email: str) -> Person:
    body = {"email": email, "password": "securepass123", "name": "Ana", "user_type": "consumer"}
    answer = await client.post("/api/v1/auth/register", json=body)
    async with parts.store.read() as tx:
        return await parts.services.identity.person(tx, answer.json()["user_id"])


@pytest.fixture
async def ana(client: httpx.AsyncClient, parts: Parts) -> Person:
    return await sign_up(client, parts, "ana@example.com")


async def status(client: httpx.AsyncClient, key: str) -> int:
    return (await client.get(ME, headers={"X-API-Key": key})).status_code


async def test_a_key_acts_for_its_owner_within_its_scopes(
    client: httpx.AsyncClient, api_keys: ApiKeys, ana: Person
) -> None:
    made = await api_keys.create(ana, name=" Report ", scopes=READ)
    headers = {"X-API-Key": made.text}

    me = await client.get(ME, headers=headers)
    change = await client.patch(ME, headers=headers, json={"name": "Eve"})

    assert me.json()["data"]["id"] == f"usr_{ana.id}"
    assert (change.status_code, change.json()["error"]["code"]) == (403, "INSUFFICIENT_PERMISSIONS")
    assert "write_profile" in change.json()["error"]["message"]
    assert made.row.name == "Report"
    assert made.text not in repr(made)


@pytest.mark.parametrize("sent", ["", "x", "tl_live_", "tl_live_" + "0" * 38])
async def test_what_is_no_key_is_refused(client: httpx.AsyncClient, sent: str) -> None:
    answer = await client.get(ME, headers={"X-API-Key": sent})

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTHENTICATION_REQUIRED")


async def test_a_test_key_is_refused_on_the_live_side_and_a_live_key_on_the_other(
    client: httpx.AsyncClient, api_keys: ApiKeys, ana: Person
) -> None:
    from cloud.identity.api_keys.service import KeyRefused

    live = await api_keys.create(ana, name="l", scopes=READ)
    test = await api_keys.create(ana, name="t", scopes=READ, mode=Mode.TEST)

    assert [await status(client, live.text), await status(client, test.text)] == [200, 401]
    assert (await api_keys.principal(test.text, mode=Mode.TEST)).person.id == ana.id
    with pytest.raises(KeyRefused):
        await api_keys.principal(live.text, mode=Mode.TEST)


async def test_a_rotated_key_works_for_another_day_beside_the_new_one(
    client: httpx.AsyncClient, api_keys: ApiKeys, ana: Person, clock: ManualClock
) -> None:
    old = await api_keys.create(ana, name="k", scopes=READ)
    new = await api_keys.rotate(ana, old.row.id)

    assert (new.row.name, new.row.scopes) == ("k", "read_profile")
    clock.advance(43_200)
    another = await api_keys.rotate(ana, old.row.id)
    await api_keys.revoke(ana, another.row.id)
    clock.advance(43_199)
    assert [await status(client, old.text), await status(client, new.text)] == [200, 200]
    clock.advance(1)
    assert [await status(client, old.text), await status(client, new.text)] == [401, 200]
    assert [row.id for row in await api_keys.keys_of(ana)] == [new.row.id]


async def test_a_revoked_key_ends_at_once_and_cannot_be_rotated(
    client: httpx.AsyncClient, api_keys: ApiKeys, ana: Person
) -> None:
    made = await api_keys.create(ana, name="k", scopes=READ)

    await api_keys.revoke(ana, made.row.id)

    assert await status(client, made.text) == 401
    for act in (api_keys.rotate(ana, made.row.id), api_keys.revoke(ana, made.row.id)):
        with pytest.raises(NotFound):
            await act


async def test_another_s_key_is_not_found(
    client: httpx.AsyncClient, parts: Parts, api_keys: ApiKeys, ana: Person
) -> None:
    ben = await sign_up(client, parts, "ben@example.com")
    made = await api_keys.create(ana, name="k", scopes=READ)

    for act in (api_keys.rotate(ben, made.row.id), api_keys.revoke(ben, made.row.id)):
        with pytest.raises(NotFound):
            await act
    assert await status(client, made.text) == 200
    assert await api_keys.keys_of(ben) == []


async def test_only_an_admin_gives_admin_and_it_ends_with_the_role(
    parts: Parts, api_keys: ApiKeys, ana: Person
) -> None:
    with pytest.raises(InvalidFields):
        await api_keys.create(ana, name="k", scopes=frozenset({Scope.ADMIN}))
    admin = await parts.services.identity.grant(f"usr_{ana.id}", "admin")
    made = await api_keys.create(admin, name="k", scopes=frozenset({Scope.ADMIN, Scope.READ_PROFILE}))
    assert Scope.ADMIN in (await api_keys.principal(made.text)).scopes

    await parts.services.identity.withdraw_admin(f"usr_{ana.id}")

    assert (await api_keys.principal(made.text)).scopes == READ


@pytest.mark.parametrize(
    "name, scopes, field", [("", READ, "name"), ("x" * 61, READ, "name"), ("k", (), "scopes")]
)
async def test_a_wish_that_does_not_hold_names_its_field(
    api_keys: ApiKeys, ana: Person, name: str, scopes: frozenset[Scope], field: str
) -> None:
    with pytest.raises(InvalidFields) as refusal:
        await api_keys.create(ana, name=name, scopes=frozenset(scopes))

    assert set(refusal.value.details) == {field}


async def test_nobody_has_fifty_one_keys(api_keys: ApiKeys, ana: Person) -> None:
    for _ in range(50):
        await api_keys.create(ana, name="k", scopes=READ)

    with pytest.raises(InvalidFields):
        await api_keys.create(ana, name="k", scopes=READ)


async def test_the_last_use_is_known_to_the_hour(
    client: httpx.AsyncClient, api_keys: ApiKeys, ana: Person, clock: ManualClock
) -> None:
    made = await api_keys.create(ana, name="k", scopes=READ)
    start_us = clock.now_us()
    used = []
    for seconds in (0, 3_599, 1):
        clock.advance(seconds)
        await status(client, made.text)
        used.append((await api_keys.keys_of(ana))[0].used_at_us)

    assert used == [start_us, start_us, start_us + 3_600 * 1_000_000]
