"""A new password: with the old one, or with a code that an administrator handed over."""

from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.errors import BadRequest
from cloud.identity.errors import UnknownPerson
from cloud.identity.password_change import PasswordChange
from shared.clock import ManualClock
from tests.cloud.identity.conftest import Wallet

CHANGE = "/api/v1/auth/password"
RESET = "/api/v1/auth/password/reset"
LOGIN = "/api/v1/auth/login"
ME = "/api/v1/users/me"
ANA = {"email": "ana@example.com", "password": "securepass123", "name": "Ana", "user_type": "consumer"}
OLD, NEW = ANA["password"], "another secret"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def login(client: httpx.AsyncClient, password: str) -> httpx.Response:
    body = {"email": ANA["email"], "password": password, "user_type": "consumer"}
    return await client.post(LOGIN, json=body)


@pytest.fixture
async def ana(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.post("/api/v1/auth/register", json=ANA)
    return bearer(answer.json()["access_token"])


@pytest.fixture
def passwords(parts: Parts) -> PasswordChange:
    found = parts.services.password_change
    assert isinstance(found, PasswordChange)
    return found


async def test_the_new_password_signs_in_and_every_other_sign_in_ends(
    client: httpx.AsyncClient, ana: dict[str, str]
) -> None:
    elsewhere = bearer((await login(client, OLD)).json()["access_token"])

    answer = await client.post(CHANGE, headers=ana, json={"old_password": OLD, "new_password": NEW})

    assert answer.status_code == 200, answer.text
    assert answer.json().items() >= {"token_type": "bearer", "user_id": 1, "user_type": "consumer"}.items()
    assert (await client.get(ME, headers=bearer(answer.json()["access_token"]))).status_code == 200
    assert (await client.get(ME, headers=ana)).status_code == 401
    assert (await client.get(ME, headers=elsewhere)).status_code == 401
    assert (await login(client, OLD)).status_code == 401
    assert (await login(client, NEW)).status_code == 200


@pytest.mark.parametrize(
    "body, status",
    [
        ({"old_password": "not it at all", "new_password": NEW}, 401),
        ({"old_password": OLD, "new_password": "short"}, 422),
        ({"old_password": OLD}, 422),
        ({"new_password": NEW}, 422),
    ],
)
async def test_what_does_not_hold_changes_nothing(
    client: httpx.AsyncClient, ana: dict[str, str], body: dict[str, Any], status: int
) -> None:
    answer = await client.post(CHANGE, headers=ana, json=body)

    assert answer.status_code == status
    assert answer.json().keys() >= {"error", "message", "timestamp"}
    assert (await client.get(ME, headers=ana)).status_code == 200
    assert (await login(client, OLD)).status_code == 200


async def test_nobody_changes_a_password_without_being_signed_in(client: httpx.AsyncClient) -> None:
    body = {"old_password": OLD, "new_password": NEW}
    assert (await client.post(CHANGE, json=body)).status_code == 401


async def test_guessing_the_old_password_with_a_stolen_token_is_slowed_down(
    client: httpx.AsyncClient, ana: dict[str, str]
) -> None:
    body = {"old_password": "guess", "new_password": NEW}
    statuses = [(await client.post(CHANGE, headers=ana, json=body)).status_code for _ in range(6)]

    assert statuses == [401] * 5 + [429]


async def test_a_person_who_comes_by_wallet_has_no_password(
    client: httpx.AsyncClient, parts: Parts, passwords: PasswordChange
) -> None:
    wallet = Wallet(7)
    await client.post("/api/v1/auth/signup", json=wallet.proof())
    token = (await client.post(LOGIN, json=wallet.proof())).json()["access_token"]

    answer = await client.post(CHANGE, headers=bearer(token), json={"old_password": OLD, "new_password": NEW})

    assert answer.status_code == 400
    with pytest.raises(BadRequest, match="comes by wallet"):
        await passwords.make_reset(wallet.address)


@pytest.mark.usefixtures("ana")
@pytest.mark.parametrize("who", ["ana@example.com", "ANA@Example.com", "usr_1"])
async def test_a_code_sets_a_password_once(
    client: httpx.AsyncClient, passwords: PasswordChange, who: str
) -> None:
    person, code = await passwords.make_reset(who)
    assert person.id == 1

    first = await client.post(RESET, json={"code": code, "new_password": NEW})
    again = await client.post(RESET, json={"code": code, "new_password": "a third one"})

    assert (first.status_code, again.status_code) == (200, 401)
    assert (await client.get(ME, headers=bearer(first.json()["access_token"]))).status_code == 200
    assert (await login(client, OLD)).status_code == 401
    assert (await login(client, NEW)).status_code == 200


async def test_a_reset_ends_every_sign_in(
    client: httpx.AsyncClient, ana: dict[str, str], passwords: PasswordChange
) -> None:
    _, code = await passwords.make_reset("usr_1")
    assert (await client.get(ME, headers=ana)).status_code == 200

    await client.post(RESET, json={"code": code, "new_password": NEW})

    assert (await client.get(ME, headers=ana)).status_code == 401


@pytest.mark.usefixtures("ana")
async def test_a_code_lasts_a_day_and_a_newer_one_takes_its_place(
    client: httpx.AsyncClient, passwords: PasswordChange, clock: ManualClock
) -> None:
    _, replaced = await passwords.make_reset("usr_1")
    _, code = await passwords.make_reset("usr_1")

    assert (await client.post(RESET, json={"code": replaced, "new_password": NEW})).status_code == 401
    clock.advance(24 * 3_600)
    assert (await client.post(RESET, json={"code": code, "new_password": NEW})).status_code == 401
    assert (await login(client, OLD)).status_code == 200


@pytest.mark.usefixtures("ana")
async def test_a_password_that_is_too_short_does_not_spend_the_code(
    client: httpx.AsyncClient, passwords: PasswordChange
) -> None:
    _, code = await passwords.make_reset("usr_1")

    short = await client.post(RESET, json={"code": code, "new_password": "short"})

    assert (short.status_code, list(short.json()["details"])) == (422, ["new_password"])
    assert (await client.post(RESET, json={"code": code, "new_password": NEW})).status_code == 200


@pytest.mark.usefixtures("ana")
async def test_a_changed_password_makes_an_open_code_worthless(
    client: httpx.AsyncClient, ana: dict[str, str], passwords: PasswordChange
) -> None:
    _, code = await passwords.make_reset("usr_1")
    await client.post(CHANGE, headers=ana, json={"old_password": OLD, "new_password": NEW})

    assert (await client.post(RESET, json={"code": code, "new_password": OLD})).status_code == 401


async def test_nobody_unknown_gets_a_code(passwords: PasswordChange) -> None:
    for who in ("usr_9", "nobody@example.com", "GABC"):
        with pytest.raises(UnknownPerson):
            await passwords.make_reset(who)


@pytest.mark.usefixtures("ana")
async def test_the_code_is_stored_hashed(parts: Parts, passwords: PasswordChange) -> None:
    _, code = await passwords.make_reset("usr_1")

    async with parts.store.read() as tx:
        stored = await tx.fetch_value("SELECT code_hash FROM password_resets")
    assert code not in stored
    assert len(stored) == 64
