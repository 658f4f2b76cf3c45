"""The sign-in routes as a client meets them: every status of the document, time moved by hand."""

import logging
import uuid
from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.identity.service import Identity
from cloud.ledger.model import Asset, SystemAccount
from cloud.ledger.service import Ledger
from shared.clock import ManualClock
from tests.cloud.identity.conftest import Wallet

SIGNUP = "/api/v1/auth/signup"
LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"
CHALLENGE = "/api/v1/auth/challenge"
ME = "/api/v1/auth/me"
LOGOUT = "/api/v1/auth/logout"

VECTOR = {
    "wallet_address": "GBXFXNDLV4LSWA4VB7YIL5GBD7BVNR22SGBTDKMO2SBZZHDXSKZYCP7L",
    "signature": "wFsxBKXjYIGWUK6oiOtf4H212/io3v1kzvDwQp1c3m0ueYzh0jPIVM/teXnNRApHG5eJav8R6fEb9/4iRkm2Bw==",
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def tokens_of(client: httpx.AsyncClient, wallet: Wallet) -> dict[str, str]:
    await client.post(SIGNUP, json=wallet.proof())
    answer = await client.post(LOGIN, json=wallet.proof())
    assert answer.status_code == 200
    body: dict[str, str] = answer.json()
    return body


async def challenge_of(client: httpx.AsyncClient, body: dict[str, str] | None = None) -> str:
    answer = await client.post(CHALLENGE, json=body)
    assert answer.status_code == 200
    message: str = answer.json()["message"]
    return message


async def test_signing_up_with_the_documents_vector_gives_the_documented_person(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(SIGNUP, json=VECTOR)

    assert answer.status_code == 201
    assert answer.json() == {
        "id": VECTOR["wallet_address"],
        "wallet_address": VECTOR["wallet_address"],
        "role": "Recipient",
        "kyc_status": "pending",
        "created_at": "2026-01-01T00:00:00Z",
    }


async def test_signing_up_again_answers_200_with_the_same_person(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    first = await client.post(SIGNUP, json=VECTOR)
    clock.advance(3600)

    second = await client.post(SIGNUP, json=VECTOR)

    assert second.status_code == 200
    assert second.json() == first.json()


@pytest.mark.parametrize(
    "settings, granted",
    [
        ({"network": "offline"}, 100_000_000_000),
        ({"network": "testnet"}, 100_000_000_000),
        (
            PUBLIC := {
                "network": "public",
                "device_trust": "signed",
                "plausibility_policy": "reject",
                "constant_sign_in": False,
            },
            0,
        ),
    ],
    indirect=["settings"],
    ids=["offline", "testnet", "public"],
)
async def test_a_new_wallet_starts_with_10_000_xlm_except_on_the_public_network_and_only_once(
    client: httpx.AsyncClient, parts: Parts, ana: Wallet, granted: int
) -> None:
    identity, ledger = parts.services.identity, parts.services.ledger
    assert isinstance(identity, Identity)
    assert isinstance(ledger, Ledger)

    for _ in range(2):
        await client.post(SIGNUP, json=ana.proof(await challenge_of(client)))

    async with parts.store.read() as tx:
        person = await identity.person(tx, 1)
        assert await ledger.balance(tx, person.account, Asset.XLM) == granted
        assert await ledger.balance(tx, SystemAccount.FAUCET, Asset.XLM) == -granted
    assert person.account.startswith("acct_")


async def test_signing_in_gives_a_jwt_and_a_uuid(client: httpx.AsyncClient, ana: Wallet) -> None:
    tokens = await tokens_of(client, ana)

    assert set(tokens) == {"access_token", "refresh_token"}
    assert len(tokens["access_token"].split(".")) == 3
    assert str(uuid.UUID(tokens["refresh_token"])) == tokens["refresh_token"]


async def test_me_is_the_person_of_the_token(client: httpx.AsyncClient, ana: Wallet, ben: Wallet) -> None:
    await client.post(SIGNUP, json=ana.proof())
    tokens = await tokens_of(client, ben)

    answer = await client.get(ME, headers=bearer(tokens["access_token"]))

    assert answer.status_code == 200
    assert answer.json() == {
        "id": ben.address,
        "wallet_address": ben.address,
        "role": "Recipient",
        "location": "",
        "kyc_status": "pending",
        "created_at": "2026-01-01T00:00:00Z",
    }


async def test_an_unknown_wallet_cannot_sign_in_and_a_wrong_signature_never_tells_which_are_known(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet
) -> None:
    await client.post(SIGNUP, json=ana.proof())

    unknown = await client.post(LOGIN, json=ben.proof())
    forged_known = await client.post(LOGIN, json={**ana.proof(), "signature": ben.sign()})
    forged_unknown = await client.post(LOGIN, json={**ben.proof(), "signature": ana.sign()})

    assert (unknown.status_code, set(unknown.json())) == (404, {"error"})
    assert forged_known.status_code == forged_unknown.status_code == 401
    assert forged_known.json() == forged_unknown.json()


BAD_PROOFS: list[tuple[dict[str, Any], int]] = [
    ({"wallet_address": "GCKFBEIYTKP4BOFPNR4MXKCDQHM3BLFBE4MIFP7GHPDMMCQKWMQ7WT"}, 400),
    ({"wallet_address": None}, 400),
    ({"wallet_address": 7}, 400),
    ({"wallet_address": "G" * 1000}, 400),
    ({"signature": "%%%"}, 400),
    ({"signature": None}, 400),
    ({"signature": "A" * 10_000}, 400),
    ({"message": "los-tecnicos-auth\n"}, 401),
    ({"message": "m" * 1000}, 400),
    ({"password": "x"}, 400),
    ({"email": "ana@example.org"}, 400),
]


@pytest.mark.parametrize("path", [SIGNUP, LOGIN])
async def test_bad_input_is_named_and_nobody_comes_in(
    client: httpx.AsyncClient, ana: Wallet, path: str
) -> None:
    for change, status in BAD_PROOFS:
        answer = await client.post(path, json={**ana.proof(), **change})

        assert answer.status_code == status, change
        named = next(iter(change))
        if named == "email" and path == LOGIN:  # both ways in at once: the body that serves both documents
            assert "email" in answer.json()["message"]
        else:
            assert set(answer.json()) == {"error"}
            assert named in answer.json()["error"] or status == 401


@pytest.mark.parametrize("path", [SIGNUP, LOGIN, REFRESH, CHALLENGE])
async def test_what_is_no_json_object_is_a_bad_request(client: httpx.AsyncClient, path: str) -> None:
    for body in (b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 5000):
        answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == 400, body
        assert "error" in answer.json()


async def test_a_login_by_neither_way_is_a_bad_request(client: httpx.AsyncClient) -> None:
    for body in ({}, {"signature": "AA=="}, {"password": "12345678", "user_type": "consumer"}):
        answer = await client.post(LOGIN, json=body)

        assert answer.status_code == 400, body
        assert set(answer.json()) == {"error", "message", "timestamp"}


async def test_a_challenge_signs_up_once_and_another_signs_in_once(
    client: httpx.AsyncClient, ana: Wallet
) -> None:
    proof = ana.proof(await challenge_of(client))
    assert (await client.post(SIGNUP, json=proof)).status_code == 201

    assert (await client.post(SIGNUP, json=proof)).status_code == 401
    assert (await client.post(LOGIN, json=proof)).status_code == 401
    proof = ana.proof(await challenge_of(client, {"wallet_address": ana.address}))
    assert (await client.post(LOGIN, json=proof)).status_code == 200
    assert (await client.post(LOGIN, json=proof)).status_code == 401


async def test_a_login_that_finds_no_person_leaves_the_challenge_for_the_signup(
    client: httpx.AsyncClient, ana: Wallet
) -> None:
    proof = ana.proof(await challenge_of(client))

    assert (await client.post(LOGIN, json=proof)).status_code == 404
    assert (await client.post(SIGNUP, json=proof)).status_code == 201


async def test_a_challenge_expires_after_five_minutes(
    client: httpx.AsyncClient, ana: Wallet, clock: ManualClock
) -> None:
    answer = (await client.post(CHALLENGE)).json()
    assert answer["expires_at"] == "2026-01-01T00:05:00Z"

    clock.advance(300)

    assert (await client.post(SIGNUP, json=ana.proof(answer["message"]))).status_code == 401


async def test_a_challenge_bound_to_a_wallet_serves_no_other(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet
) -> None:
    message = await challenge_of(client, {"wallet_address": ana.address})

    assert (await client.post(SIGNUP, json=ben.proof(message))).status_code == 401
    assert (await client.post(SIGNUP, json=ana.proof(message))).status_code == 201


async def test_a_challenge_for_no_address_is_a_bad_request(client: httpx.AsyncClient) -> None:
    answer = await client.post(CHALLENGE, json={"wallet_address": "G1"})

    assert answer.status_code == 400


async def test_used_challenges_are_forgotten_once_expired(
    client: httpx.AsyncClient, parts: Parts, ana: Wallet, ben: Wallet, clock: ManualClock
) -> None:
    await client.post(SIGNUP, json=ana.proof(await challenge_of(client)))
    clock.advance(301)

    await client.post(SIGNUP, json=ben.proof(await challenge_of(client)))

    async with parts.store.read() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM used_challenges") == 1


@pytest.mark.parametrize("settings", [{"constant_sign_in": False}], indirect=True)
async def test_the_constant_message_can_be_switched_off(client: httpx.AsyncClient, ana: Wallet) -> None:
    without_message = await client.post(SIGNUP, json=ana.proof())
    in_so_many_words = await client.post(SIGNUP, json=ana.proof("los-tecnicos-auth"))
    with_challenge = await client.post(SIGNUP, json=ana.proof(await challenge_of(client)))

    assert without_message.status_code == in_so_many_words.status_code == 400
    assert "challenge" in without_message.json()["error"]
    assert with_challenge.status_code == 201


async def test_the_constant_message_may_also_be_named(client: httpx.AsyncClient, ana: Wallet) -> None:
    assert (await client.post(SIGNUP, json=ana.proof("los-tecnicos-auth"))).status_code == 201


async def test_an_access_token_lives_15_minutes(
    client: httpx.AsyncClient, ana: Wallet, clock: ManualClock
) -> None:
    headers = bearer((await tokens_of(client, ana))["access_token"])

    clock.advance(899)
    assert (await client.get(ME, headers=headers)).status_code == 200
    clock.advance(1)
    expired = await client.get(ME, headers=headers)

    assert expired.status_code == 401
    assert "expired" in expired.json()["error"]


@pytest.mark.parametrize("method, path", [("GET", ME), ("POST", LOGOUT)])
async def test_without_a_token_of_ours_nobody_is_signed_in(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    wrong = ("", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer a b", "bearer\tx")
    for headers in ({}, *({"Authorization": header} for header in wrong)):
        answer = await client.request(method, path, headers=headers)

        assert answer.status_code == 401, headers
        assert set(answer.json()) == ({"error"} if path == ME else {"error", "message", "timestamp"})


async def test_a_refresh_token_gives_access_tokens_for_seven_days(
    client: httpx.AsyncClient, ana: Wallet, clock: ManualClock
) -> None:
    tokens = await tokens_of(client, ana)
    body = {"refresh_token": tokens["refresh_token"]}

    clock.advance(7 * 86_400 - 1)
    answer = await client.post(REFRESH, json=body)

    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token"}
    assert (await client.get(ME, headers=bearer(answer.json()["access_token"]))).status_code == 200
    clock.advance(1)
    assert (await client.post(REFRESH, json=body)).status_code == 401


async def test_rotation_spends_the_old_refresh_token_and_the_new_one_lives_seven_days(
    client: httpx.AsyncClient, ana: Wallet, clock: ManualClock
) -> None:
    old = (await tokens_of(client, ana))["refresh_token"]
    clock.advance(6 * 86_400)

    answer = await client.post(REFRESH, json={"refresh_token": old, "rotate": True})

    assert answer.status_code == 200
    new = answer.json()["refresh_token"]
    assert new != old
    clock.advance(7 * 86_400 - 1)
    assert (await client.post(REFRESH, json={"refresh_token": new})).status_code == 200


@pytest.mark.parametrize("rotate", [True, False])
async def test_a_rotated_token_that_comes_back_ends_its_whole_family(
    client: httpx.AsyncClient, ana: Wallet, caplog: pytest.LogCaptureFixture, rotate: bool
) -> None:
    stolen = (await tokens_of(client, ana))["refresh_token"]
    fresh = (await client.post(REFRESH, json={"refresh_token": stolen, "rotate": True})).json()

    with caplog.at_level(logging.WARNING):
        reuse = await client.post(REFRESH, json={"refresh_token": stolen, "rotate": rotate})

    assert reuse.status_code == 401
    assert (await client.post(REFRESH, json={"refresh_token": fresh["refresh_token"]})).status_code == 401
    assert (await client.get(ME, headers=bearer(fresh["access_token"]))).status_code == 401
    assert "sign-in revoked" in caplog.text
    assert stolen not in caplog.text


async def test_reuse_ends_only_the_family_it_belongs_to(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet
) -> None:
    stolen = (await tokens_of(client, ana))["refresh_token"]
    await client.post(REFRESH, json={"refresh_token": stolen, "rotate": True})
    bens = await tokens_of(client, ben)

    await client.post(REFRESH, json={"refresh_token": stolen})

    assert (await client.get(ME, headers=bearer(bens["access_token"]))).status_code == 200


async def test_a_new_sign_in_ends_the_old_refresh_token_only(client: httpx.AsyncClient, ana: Wallet) -> None:
    old, new = await tokens_of(client, ana), await tokens_of(client, ana)

    assert (await client.post(REFRESH, json={"refresh_token": old["refresh_token"]})).status_code == 401
    assert (await client.post(REFRESH, json={"refresh_token": new["refresh_token"]})).status_code == 200
    assert (await client.get(ME, headers=bearer(old["access_token"]))).status_code == 200


async def test_logout_ends_every_token_of_the_person(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet
) -> None:
    earlier, tokens, bens = (
        await tokens_of(client, ana),
        await tokens_of(client, ana),
        await tokens_of(client, ben),
    )

    answer = await client.post(LOGOUT, headers=bearer(tokens["access_token"]))

    assert answer.status_code == 200
    for ended in (earlier, tokens):
        assert (await client.get(ME, headers=bearer(ended["access_token"]))).status_code == 401
        assert (await client.post(REFRESH, json={"refresh_token": ended["refresh_token"]})).status_code == 401
    assert (await client.get(ME, headers=bearer(bens["access_token"]))).status_code == 200
    again = await tokens_of(client, ana)
    assert (await client.get(ME, headers=bearer(again["access_token"]))).status_code == 200


async def test_a_refresh_without_a_token_of_ours_is_refused(client: httpx.AsyncClient) -> None:
    unknown = "550e8400-e29b-41d4-a716-446655440000"
    refused: list[tuple[dict[str, Any], int]] = [
        ({"refresh_token": unknown}, 401),
        ({"refresh_token": "550e8400"}, 400),
        ({"refresh_token": None}, 400),
        ({}, 400),
        ({"refresh_token": unknown, "rotate": 1}, 400),
        ({"refresh_token": unknown, "scope": "admin"}, 400),
    ]
    for body, status in refused:
        assert (await client.post(REFRESH, json=body)).status_code == status, body


async def test_no_token_is_stored_in_clear(client: httpx.AsyncClient, parts: Parts, ana: Wallet) -> None:
    tokens = await tokens_of(client, ana)

    for path in parts.settings.data_dir.iterdir():
        content = path.read_bytes()
        assert tokens["refresh_token"].encode() not in content
        assert tokens["access_token"].encode() not in content
        assert ana.sign().encode() not in content


async def test_ended_sign_ins_do_not_pile_up(
    client: httpx.AsyncClient, parts: Parts, ana: Wallet, clock: ManualClock
) -> None:
    for _ in range(20):
        await tokens_of(client, ana)
        clock.advance(86_400)

    async with parts.store.read() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM refresh_tokens") <= 8
        assert await tx.fetch_value("SELECT COUNT(*) FROM sign_ins") <= 8
