"""A second way into one account: both sides proven, nothing merged, nothing taken twice."""

from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.ledger.model import Asset
from shared.clock import ManualClock
from tests.cloud.identity.conftest import Wallet

SIGNUP = "/api/v1/auth/signup"
LOGIN = "/api/v1/auth/login"
CHALLENGE = "/api/v1/auth/link/challenge"
LINK_WALLET = "/api/v1/auth/link/wallet"
LINK_EMAIL = "/api/v1/auth/link/email"
STELLTRON_ME = "/api/v1/auth/me"
LUMEN_ME = "/api/v1/users/me"

EMAIL = {
    "email": "ana@example.com",
    "password": "securepass123",
    "name": "Ana Rao",
    "user_type": "consumer",
}
WAY_IN = {name: EMAIL[name] for name in ("email", "password", "user_type")}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def by_email(client: httpx.AsyncClient, **change: Any) -> dict[str, str]:
    answer = await client.post("/api/v1/auth/register", json={**EMAIL, **change})
    assert answer.status_code == 201
    return bearer(answer.json()["access_token"])


async def by_wallet(client: httpx.AsyncClient, wallet: Wallet) -> dict[str, str]:
    await client.post(SIGNUP, json=wallet.proof())
    return bearer((await client.post(LOGIN, json=wallet.proof())).json()["access_token"])


async def wallet_link(
    client: httpx.AsyncClient, headers: dict[str, str], wallet: Wallet, **change: Any
) -> dict[str, Any]:
    asked = await client.post(CHALLENGE, headers=headers, json={"wallet_address": wallet.address})
    assert asked.status_code == 200, asked.text
    return {**wallet.proof(asked.json()["message"]), "password": EMAIL["password"], **change}


async def email_link(
    client: httpx.AsyncClient, headers: dict[str, str], wallet: Wallet, **change: Any
) -> dict[str, Any]:
    message = (await client.post(CHALLENGE, headers=headers, json={})).json()["message"]
    return {**EMAIL, "message": message, "signature": wallet.sign(message), **change}


async def test_an_email_account_gets_a_wallet_and_is_one_person_by_either_way(
    client: httpx.AsyncClient, parts: Parts, ana: Wallet
) -> None:
    headers = await by_email(client)

    answer = await client.post(LINK_WALLET, headers=headers, json=await wallet_link(client, headers, ana))

    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["wallet_address"]) == (1, ana.address)
    wallets = bearer((await client.post(LOGIN, json=ana.proof())).json()["access_token"])
    emails = bearer((await client.post(LOGIN, json=WAY_IN)).json()["access_token"])
    for way in (headers, wallets, emails):
        assert (await client.get(STELLTRON_ME, headers=way)).json()["id"] == ana.address
        assert (await client.get(LUMEN_ME, headers=way)).json()["id"] == 1
    assert (await client.post(SIGNUP, json=ana.proof())).status_code == 200
    async with parts.store.read() as tx:
        person = await parts.services.identity.person(tx, 1)
        assert await parts.services.ledger.balance(tx, person.account, Asset.XLM) == 100_000_000_000


async def test_a_wallet_account_gets_an_email_and_is_one_person_by_either_way(
    client: httpx.AsyncClient, ana: Wallet
) -> None:
    headers = await by_wallet(client, ana)

    answer = await client.post(LINK_EMAIL, headers=headers, json=await email_link(client, headers, ana))

    assert answer.status_code == 200
    assert answer.json()["email"] == "ana@example.com"
    session = (await client.post(LOGIN, json=WAY_IN)).json()
    assert session["user_id"] == 1
    assert (await client.get(STELLTRON_ME, headers=bearer(session["access_token"]))).json()[
        "id"
    ] == ana.address


async def test_a_wallet_that_is_somebody_s_is_never_merged(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet
) -> None:
    bens = await by_wallet(client, ben)
    headers = await by_email(client)

    answer = await client.post(LINK_WALLET, headers=headers, json=await wallet_link(client, headers, ben))

    assert answer.status_code == 409
    assert answer.json()["error"] == "Conflict"
    assert answer.json()["message"].startswith("wallet_address: belongs to another account")
    assert (await client.get(LUMEN_ME, headers=bens)).json()["email"] is None
    assert (await client.get(LUMEN_ME, headers=headers)).json()["wallet_address"] is None


async def test_an_email_that_is_somebody_s_is_never_merged(client: httpx.AsyncClient, ana: Wallet) -> None:
    await by_email(client)
    headers = await by_wallet(client, ana)

    answer = await client.post(
        LINK_EMAIL,
        headers=headers,
        json=await email_link(client, headers, ana, email="ANA@example.com", password="my own choice"),
    )

    assert answer.status_code == 409
    assert (await client.get(LUMEN_ME, headers=headers)).json()["email"] is None
    assert (await client.post(LOGIN, json={**WAY_IN, "password": "my own choice"})).status_code == 401


async def test_nobody_has_two_wallets_or_two_emails(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet
) -> None:
    headers = await by_email(client)
    linked = await client.post(LINK_WALLET, headers=headers, json=await wallet_link(client, headers, ana))
    assert linked.status_code == 200

    second = await client.post(LINK_WALLET, headers=headers, json=await wallet_link(client, headers, ben))
    body = await email_link(client, headers, ana, email="other@example.com")
    other_email = await client.post(LINK_EMAIL, headers=headers, json=body)

    assert second.status_code == other_email.status_code == 409
    assert (await client.post(LOGIN, json=ben.proof())).status_code == 404


async def test_each_side_has_to_be_proven_for_a_wallet(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet, clock: ManualClock
) -> None:
    headers, others = await by_email(client), await by_email(client, email="eve@example.com")
    good = await wallet_link(client, headers, ana)
    sign_in = (await client.post("/api/v1/auth/challenge")).json()["message"]
    refused: list[tuple[str, dict[str, Any], int]] = [
        ("wrong password", {"password": "securepass124"}, 401),
        ("other wallet's signature", {"signature": ben.sign(good["message"])}, 401),
        ("other wallet", {"wallet_address": ben.address, "signature": ben.sign(good["message"])}, 401),
        ("the constant", {"message": "los-tecnicos-auth", "signature": ana.sign()}, 401),
        ("a sign-in's challenge", {"message": sign_in, "signature": ana.sign(sign_in)}, 401),
        ("no base64", {"signature": "%"}, 400),
        ("no address", {"wallet_address": "G1"}, 400),
        ("no password", {"password": None}, 422),
        ("one field more", {"person": 2}, 422),
    ]
    for what, change, status in refused:
        clock.advance(20)  # slow enough for failures not to add up
        answer = await client.post(LINK_WALLET, headers=headers, json={**good, **change})
        assert answer.status_code == status, what
    assert (await client.post(LINK_WALLET, headers=others, json=good)).status_code == 401
    assert (await client.post(LINK_WALLET, json=good)).status_code == 401
    assert (await client.post(LINK_WALLET, headers=headers, json=good)).status_code == 200


async def test_each_side_has_to_be_proven_for_an_email(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet
) -> None:
    headers, bens = await by_wallet(client, ana), await by_wallet(client, ben)
    good = await email_link(client, headers, ana)
    refused: list[tuple[str, dict[str, Any], int]] = [
        ("other wallet's signature", {"signature": ben.sign(good["message"])}, 401),
        ("the constant", {"message": "los-tecnicos-auth", "signature": ana.sign()}, 401),
        ("short password", {"password": "short"}, 422),
        ("business without its fields", {"user_type": "business"}, 422),
        ("no signature", {"signature": None}, 422),
    ]
    for what, change, status in refused:
        answer = await client.post(LINK_EMAIL, headers=headers, json={**good, **change})
        assert answer.status_code == status, what
    stolen = {**good, "signature": ben.sign(good["message"])}
    assert (await client.post(LINK_EMAIL, headers=bens, json=stolen)).status_code == 401
    assert (await client.post(LINK_EMAIL, json=good)).status_code == 401
    assert (await client.post(LINK_EMAIL, headers=headers, json=good)).status_code == 200


async def test_a_link_s_challenge_signs_nobody_in(client: httpx.AsyncClient, ana: Wallet) -> None:
    headers = await by_wallet(client, ana)
    message = (await client.post(CHALLENGE, headers=headers, json={})).json()["message"]

    assert (await client.post(LOGIN, json=ana.proof(message))).status_code == 401


async def test_a_link_s_challenge_expires_and_is_used_once(
    client: httpx.AsyncClient, parts: Parts, ana: Wallet, clock: ManualClock
) -> None:
    headers = await by_email(client)
    late = await wallet_link(client, headers, ana)
    clock.advance(300)
    assert (await client.post(LINK_WALLET, headers=headers, json=late)).status_code == 401
    used = await wallet_link(client, headers, ana)
    assert (await client.post(LINK_WALLET, headers=headers, json=used)).status_code == 200

    again = await client.post(LINK_WALLET, headers=headers, json=used)

    assert again.status_code == 401
    assert "used before" in again.json()["message"]


async def test_a_challenge_names_wallet_and_person_and_needs_a_wallet(
    client: httpx.AsyncClient, ana: Wallet
) -> None:
    headers = await by_email(client)

    asked = await client.post(CHALLENGE, headers=headers, json={"wallet_address": ana.address})
    without = await client.post(CHALLENGE, headers=headers, json={})
    malformed = await client.post(CHALLENGE, headers=headers, json={"wallet_address": "G1"})

    assert asked.json()["message"].startswith(f"lumengrid-link {ana.address} usr_1 1767225900 ")
    assert asked.json()["expires_at"] == "2026-01-01T00:05:00Z"
    assert without.status_code == malformed.status_code == 400
    assert (await client.post(CHALLENGE, json={})).status_code == 401


async def test_guessing_the_password_in_a_stolen_session_has_to_wait(
    client: httpx.AsyncClient, ana: Wallet
) -> None:
    headers = await by_email(client)
    guess = await wallet_link(client, headers, ana, password="wrong guess")

    statuses = [(await client.post(LINK_WALLET, headers=headers, json=guess)).status_code for _ in range(6)]

    assert statuses == [401] * 5 + [429]


@pytest.mark.parametrize(
    "settings",
    [
        {
            "network": "public",
            "device_trust": "signed",
            "plausibility_policy": "reject",
            "constant_sign_in": False,
        }
    ],
    indirect=True,
)
async def test_on_the_public_network_a_linked_wallet_starts_with_nothing(
    client: httpx.AsyncClient, parts: Parts, ana: Wallet
) -> None:
    headers = await by_email(client)
    await client.post(LINK_WALLET, headers=headers, json=await wallet_link(client, headers, ana))

    async with parts.store.read() as tx:
        person = await parts.services.identity.person(tx, 1)
        assert person.wallet_address == ana.address
        assert await parts.services.ledger.balance(tx, person.account, Asset.XLM) == 0
