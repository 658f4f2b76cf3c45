"""Accounts by email as a client meets them: shapes and words of LUMEN's document, time moved by hand."""

import asyncio
from typing import Any

import httpx
import pytest
from nacl import pwhash

from cloud.app import Parts
from cloud.errors import Unavailable
from cloud.identity import passwords
from cloud.identity.passwords import NOBODYS_HASH, Passwords
from cloud.ledger.model import Asset
from shared.clock import ManualClock
from tests.cloud.identity.conftest import Wallet

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
LOGOUT = "/api/v1/auth/logout"
ME = "/api/v1/users/me"

ANA = {
    "email": "ana@example.com",
    "password": "securepass123",
    "name": "Ana Rao",
    "user_type": "consumer",
    "phone": "+919876543210",
}
SHOP = {
    **ANA,
    "user_type": "business",
    "business_name": "Acme Corp",
    "contact_person": "Jane Smith",
    "gstin": "27AAPFU0939F1ZV",
}
WAY_IN = {name: ANA[name] for name in ("email", "password", "user_type")}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def headers_of(client: httpx.AsyncClient, body: dict[str, Any] = ANA) -> dict[str, str]:
    answer = await client.post(REGISTER, json=body)
    assert answer.status_code == 201, answer.text
    return bearer(answer.json()["access_token"])


async def test_registering_gives_the_documented_answer_and_signs_in(client: httpx.AsyncClient) -> None:
    answer = await client.post(REGISTER, json=ANA)

    assert answer.status_code == 201
    body = answer.json()
    assert body == {
        "access_token": body["access_token"],
        "token_type": "bearer",
        "user_id": 1,
        "user_type": "consumer",
    }
    me = await client.get(ME, headers=bearer(body["access_token"]))
    assert me.status_code == 200
    assert me.json() == {
        "id": 1,
        "email": "ana@example.com",
        "wallet_address": None,
        "user_type": "consumer",
        "name": "Ana Rao",
        "phone": "+919876543210",
        "timezone": "Asia/Kolkata",
        "locale": "en",
        "currency": "INR",
        "budget_preferences": {},
        "personal_category_set": ["Groceries", "Food & Dining", "Transport", "Utilities", "Entertainment"],
        "consent_gmail_ingest": False,
        "consent_whatsapp_ingest": False,
        "consent_upi_ingest": False,
        "consent_sms_ingest": False,
        "is_active": True,
        "created_at": "2026-01-01T00:00:00Z",
        "last_active": "2026-01-01T00:00:00Z",
    }


async def test_a_person_lets_each_source_be_read_or_not(client: httpx.AsyncClient) -> None:
    headers = await headers_of(client)

    given = await client.patch(ME + "/consent", headers=headers, json={"consent_sms_ingest": True})
    wrong = await client.patch(
        ME + "/consent", headers=headers, json={"consent_upi_ingest": "yes", "consent_fax_ingest": True}
    )
    withdrawn = await client.patch(
        ME + "/consent", headers=headers, json={"consent_sms_ingest": False, "consent_upi_ingest": True}
    )

    assert (given.status_code, given.json()["consent_sms_ingest"]) == (200, True)
    assert wrong.status_code == 422
    assert sorted(wrong.json()["details"]) == ["consent_fax_ingest", "consent_upi_ingest"]
    assert withdrawn.json() == (await client.get(ME, headers=headers)).json()
    assert [withdrawn.json()[f"consent_{name}_ingest"] for name in ("gmail", "whatsapp", "upi", "sms")] == [
        False,
        False,
        True,
        False,
    ]


async def test_a_business_has_its_fields_and_its_own_categories(client: httpx.AsyncClient) -> None:
    me = (await client.get(ME, headers=await headers_of(client, SHOP))).json()

    assert (me["business_name"], me["contact_person"]) == ("Acme Corp", "Jane Smith")
    assert me["gstin"] == "27AAPFU0939F1ZV"
    assert me["personal_category_set"] == ["Inventory", "Supplies", "Travel", "Services", "Salary"]


async def test_an_email_has_one_account_of_each_type(client: httpx.AsyncClient) -> None:
    first = await client.post(REGISTER, json=ANA)
    other_type = await client.post(REGISTER, json=SHOP)
    again = await client.post(REGISTER, json={**ANA, "password": "another one"})
    shouted = await client.post(REGISTER, json={**ANA, "email": "ANA@Example.COM"})

    assert (first.status_code, other_type.status_code) == (201, 201)
    assert first.json()["user_id"] != other_type.json()["user_id"]
    assert again.status_code == shouted.status_code == 409
    assert again.json()["error"] == "Conflict"
    assert "never" not in again.json()["message"]


async def test_two_registrations_at_once_make_one_account(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post(REGISTER, json=ANA) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_an_account_by_email_starts_without_xlm(client: httpx.AsyncClient, parts: Parts) -> None:
    await client.post(REGISTER, json=ANA)

    async with parts.store.read() as tx:
        person = await parts.services.identity.person(tx, 1)
        assert await parts.services.ledger.balance(tx, person.account, Asset.XLM) == 0
    assert person.shown_id == "usr_1"


BAD_FIELDS: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({"email": "ana"}, {"email": ["Invalid email format"]}),
    ({"email": "ana@localhost"}, {"email": ["Invalid email format"]}),
    ({"email": "ana@example.com "}, {"email": ["Invalid email format"]}),
    ({"email": "a" * 65 + "@example.com"}, {"email": ["Invalid email format"]}),
    ({"email": "a@" + "b." * 130 + "com"}, {"email": ["Invalid email format"]}),
    ({"email": "ana@exämple.com"}, {"email": ["Invalid email format"]}),
    ({"password": "1234567"}, {"password": ["Password must be at least 8 characters"]}),
    (
        {"email": "x", "password": ""},
        {"email": ["Invalid email format"], "password": ["Password must be at least 8 characters"]},
    ),
    ({"name": "  "}, {"name": ["Required"]}),
    ({"phone": "9876543210"}, {"phone": ["Must be + and country code, 7 to 15 digits"]}),
    ({"gstin": "27AAPFU0939F1ZV"}, {"gstin": ["Only for business users"]}),
    (
        {"user_type": "business"},
        {name: ["Required for business users"] for name in ("business_name", "contact_person", "gstin")},
    ),
    (
        {**SHOP, "gstin": "27AAPFU0939F1ZO"},
        {"gstin": ["Invalid GSTIN: 15 characters, the last one a check character"]},
    ),
    ({"is_admin": True}, {"is_admin": ["Unknown field"]}),
]


@pytest.mark.parametrize("change, details", BAD_FIELDS)
async def test_every_wrong_field_is_named_in_one_answer(
    client: httpx.AsyncClient, change: dict[str, Any], details: dict[str, list[str]]
) -> None:
    answer = await client.post(REGISTER, json={**ANA, **change})

    assert answer.status_code == 422
    assert answer.json() == {
        "error": "Validation Error",
        "message": "Invalid input data",
        "timestamp": "2026-01-01T00:00:00Z",
        "details": details,
    }


async def test_missing_fields_and_wrong_types_are_all_named(client: httpx.AsyncClient) -> None:
    answer = await client.post(REGISTER, json={"email": 7, "name": "x" * 201, "user_type": "admin"})

    assert answer.status_code == 422
    assert set(answer.json()["details"]) == {"email", "password", "name", "user_type"}
    assert answer.json()["details"]["password"] == ["Required"]


@pytest.mark.parametrize("path", [REGISTER, ME])
async def test_what_is_no_json_object_is_a_bad_request(client: httpx.AsyncClient, path: str) -> None:
    headers = await headers_of(client)
    for body in (b"", b"{", b"[]", b"null", b"\xff", b"[" * 5000, b'{"name": "\\ud800"'):
        answer = await client.request(
            "PATCH" if path == ME else "POST",
            path,
            content=body,
            headers={**headers, "Content-Type": "application/json"},
        )

        assert answer.status_code == 400, body
        assert answer.json()["error"] == "Bad Request"


async def test_signing_in_by_email_gives_a_token_of_30_minutes(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await client.post(REGISTER, json=ANA)

    answer = await client.post(LOGIN, json={**WAY_IN, "email": "Ana@Example.com"})

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "user_id", "user_type"}
    assert (body["user_id"], body["token_type"]) == (1, "bearer")
    clock.advance(30 * 60 - 1)
    assert (await client.get(ME, headers=bearer(body["access_token"]))).status_code == 200
    clock.advance(1)
    expired = await client.get(ME, headers=bearer(body["access_token"]))
    assert expired.status_code == 401
    assert expired.json()["error"] == "Unauthorized"


async def test_a_token_of_30_minutes_outlives_later_sign_ins(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    first = await headers_of(client)
    for _ in range(5):
        clock.advance(5 * 60)
        await client.post(LOGIN, json=WAY_IN)

    assert (await client.get(ME, headers=first)).status_code == 200


@pytest.mark.usefixtures("dear_passwords")
async def test_a_wrong_password_and_an_unknown_email_are_told_alike_and_cost_the_same(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.post(REGISTER, json=ANA)
    compared: list[bytes] = []
    verify = passwords.argon2id.verify

    def counting(stored: bytes, password: bytes) -> bool:
        compared.append(stored)
        return bool(verify(stored, password))

    monkeypatch.setattr(passwords.argon2id, "verify", counting)
    answers = [
        await client.post(LOGIN, json={**WAY_IN, **change})
        for change in (
            {"password": "securepass124"},
            {"email": "ben@example.com"},
            {"user_type": "business"},
            {"email": "no address"},
        )
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert len({answer.content for answer in answers}) == 1
    assert len(compared) == 4
    settings_of = [stored.split(b"$")[1:4] for stored in compared]
    assert settings_of == [[b"argon2id", b"v=19", b"m=65536,t=2,p=1"]] * 4


@pytest.mark.usefixtures("dear_passwords")
async def test_nobody_s_hash_lets_nobody_in() -> None:
    assert not await Passwords().matches(None, "")
    assert not await Passwords().matches(None, "securepass123")
    hashed = await Passwords().hash("securepass123")
    # The same cost as the one that stands in for accounts that do not exist.
    assert hashed.split("$")[:4] == NOBODYS_HASH.split("$")[:4]
    assert pwhash.argon2id.verify(hashed.encode(), b"securepass123")
    assert hashed != await Passwords().hash("securepass123")


async def test_however_a_keyboard_composes_a_letter_it_is_one_password() -> None:
    hashed = await Passwords().hash("gr\u00fc\u00dfe-an-alle")

    assert await Passwords().matches(hashed, "gru\u0308\u00dfe-an-alle")


async def test_too_many_passwords_at_once_are_told_to_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING_MAX", 3)
    monkeypatch.setattr(passwords, "_verify", lambda stored, password: True)
    hasher = Passwords()

    answers = await asyncio.gather(
        *(hasher.matches("$stored", "x") for _ in range(5)), return_exceptions=True
    )

    assert answers[:3] == [True, True, True]
    assert all(isinstance(answer, Unavailable) for answer in answers[3:])
    assert await hasher.matches("$stored", "x")


async def test_no_password_is_stored_in_clear_or_shown(client: httpx.AsyncClient, parts: Parts) -> None:
    answer = await client.post(REGISTER, json=ANA)
    await client.post(LOGIN, json=WAY_IN)

    assert "securepass123" not in answer.text
    for path in parts.settings.data_dir.iterdir():
        assert b"securepass123" not in path.read_bytes()


async def test_logging_out_ends_every_token_of_the_person_alone(client: httpx.AsyncClient) -> None:
    anas, shops = await headers_of(client), await headers_of(client, SHOP)
    later = bearer((await client.post(LOGIN, json=WAY_IN)).json()["access_token"])

    answer = await client.post(LOGOUT, headers=anas)

    assert answer.json() == {"message": "Logged out successfully"}
    assert (await client.get(ME, headers=anas)).status_code == 401
    assert (await client.get(ME, headers=later)).status_code == 401
    assert (await client.get(ME, headers=shops)).status_code == 200


async def test_an_email_s_token_acts_on_the_energy_network_too(client: httpx.AsyncClient) -> None:
    me = await client.get("/api/v1/auth/me", headers=await headers_of(client))

    assert me.status_code == 200
    assert (me.json()["id"], me.json()["wallet_address"]) == ("usr_1", None)


async def test_a_wallet_s_person_has_a_profile_with_an_integer_id(
    client: httpx.AsyncClient, ana: Wallet
) -> None:
    await client.post("/api/v1/auth/signup", json=ana.proof())
    token = (await client.post(LOGIN, json=ana.proof())).json()["access_token"]

    me = (await client.get(ME, headers=bearer(token))).json()

    assert (me["id"], me["email"], me["wallet_address"], me["name"]) == (1, None, ana.address, "")


async def test_last_active_is_the_newest_sign_in_or_refresh(
    client: httpx.AsyncClient, ana: Wallet, clock: ManualClock
) -> None:
    await client.post("/api/v1/auth/signup", json=ana.proof())
    tokens = (await client.post(LOGIN, json=ana.proof())).json()
    clock.advance(60)
    fresh = await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    clock.advance(60)

    me = await client.get(ME, headers=bearer(fresh.json()["access_token"]))

    assert me.json()["last_active"] == "2026-01-01T00:01:00Z"


async def test_the_profile_changes_as_documented_and_keeps_the_rest(client: httpx.AsyncClient) -> None:
    headers = await headers_of(client)
    change = {
        "name": "Ana Updated",
        "phone": "+919876543211",
        "personal_category_set": ["Groceries", "Food", "Health", "Education"],
    }

    answer = await client.patch(ME, headers=headers, json=change)

    assert answer.status_code == 200
    assert answer.json() == (await client.get(ME, headers=headers)).json()
    assert {name: answer.json()[name] for name in change} == change
    assert (answer.json()["email"], answer.json()["timezone"]) == ("ana@example.com", "Asia/Kolkata")
    more = {
        "phone": None,
        "timezone": "Europe/Berlin",
        "locale": "en-IN",
        "currency": "EUR",
        "budget_preferences": {"Food": 1000.50, "total": "2500"},
    }
    answer = await client.patch(ME, headers=headers, json=more)
    assert {name: answer.json()[name] for name in more} == more
    assert answer.json()["name"] == "Ana Updated"


BAD_CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"phone": "12"}, "phone"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"timezone": "../../etc/passwd"}, "timezone"),
    ({"timezone": "Europe"}, "timezone"),
    ({"locale": "english"}, "locale"),
    ({"currency": "inr"}, "currency"),
    ({"personal_category_set": []}, "personal_category_set"),
    ({"personal_category_set": ["Food", "food"]}, "personal_category_set"),
    ({"personal_category_set": ["x" * 61]}, "personal_category_set"),
    ({"personal_category_set": [str(number) for number in range(51)]}, "personal_category_set"),
    ({"personal_category_set": "Food"}, "personal_category_set"),
    ({"budget_preferences": []}, "budget_preferences"),
    ({"budget_preferences": {"x": "y" * 5_000}}, "budget_preferences"),
    ({"business_name": "Acme"}, "business_name"),
    ({"email": "other@example.com"}, "email"),
    ({"consent_gmail_ingest": True}, "consent_gmail_ingest"),
    ({"id": 2}, "id"),
]


async def test_a_change_that_does_not_hold_names_its_field_and_changes_nothing(
    client: httpx.AsyncClient,
) -> None:
    headers = await headers_of(client)
    before = (await client.get(ME, headers=headers)).json()
    for change, named in BAD_CHANGES:
        answer = await client.patch(ME, headers=headers, json={"name": "Changed", **change})

        assert answer.status_code == 422, change
        assert set(answer.json()["details"]) == {named}
    assert (await client.get(ME, headers=headers)).json() == before


async def test_a_business_may_change_its_contact(client: httpx.AsyncClient) -> None:
    headers = await headers_of(client, SHOP)

    answer = await client.patch(ME, headers=headers, json={"contact_person": "Joe"})

    assert answer.json()["contact_person"] == "Joe"
    assert (await client.patch(ME, headers=headers, json={"business_name": " "})).status_code == 422


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_profile_is_for_who_is_signed_in(client: httpx.AsyncClient, method: str) -> None:
    ended = await headers_of(client)
    await client.post(LOGOUT, headers=ended)
    for headers in ({}, ended, bearer("a.b.c"), {"Authorization": "Basic YTpi"}):
        answer = await client.request(method, ME, headers=headers, json={"name": "Eve"})

        assert answer.status_code == 401
        assert set(answer.json()) == {"error", "message", "timestamp"}


async def test_nobody_changes_somebody_else_s_profile(client: httpx.AsyncClient) -> None:
    anas, shops = await headers_of(client), await headers_of(client, SHOP)
    await client.patch(ME, headers=shops, json={"name": "Shop"})

    assert (await client.get(ME, headers=anas)).json()["name"] == "Ana Rao"


async def test_failed_sign_ins_make_the_next_one_wait_longer_and_longer(
    client: httpx.AsyncClient, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.post(REGISTER, json=ANA)
    monkeypatch.setattr(passwords, "_verify", lambda stored, password: password == b"securepass123")
    wrong = {**WAY_IN, "password": "wrong guess"}

    async def guess_until_refused() -> tuple[int, int]:
        for guesses in range(100):
            answer = await client.post(LOGIN, json=wrong)
            if answer.status_code == 429:
                return guesses, int(answer.headers["Retry-After"])
            assert answer.status_code == 401
        raise AssertionError("never refused")

    assert await guess_until_refused() == (5, 60)
    assert (await client.post(LOGIN, json=WAY_IN)).status_code == 429  # the right one has to wait too
    clock.advance(60)
    assert (await client.post(LOGIN, json=WAY_IN)).status_code == 200
    assert await guess_until_refused() == (5, 540)  # ten within ten minutes, the first of them a minute ago
    clock.advance(540)
    assert (await guess_until_refused())[0] == 5
    clock.advance(3_600)
    assert (await client.post(LOGIN, json=WAY_IN)).status_code == 200


async def test_an_unknown_account_is_made_to_wait_like_a_known_one(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.post(REGISTER, json=ANA)
    monkeypatch.setattr(passwords, "_verify", lambda stored, password: False)
    seen = {}
    for email in ("ana@example.com", "nobody@example.com"):
        seen[email] = [
            (answer.status_code, answer.headers.get("Retry-After"))
            for answer in [await client.post(LOGIN, json={**WAY_IN, "email": email}) for _ in range(7)]
        ]

    assert seen["ana@example.com"] == seen["nobody@example.com"]
    assert [status for status, _ in seen["ana@example.com"]] == [401] * 5 + [429] * 2


async def test_guesses_at_the_same_time_count_before_they_are_judged(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.post(REGISTER, json=ANA)
    judged: list[bytes] = []
    monkeypatch.setattr(passwords, "_verify", lambda stored, password: judged.append(password) or False)

    answers = await asyncio.gather(
        *(client.post(LOGIN, json={**WAY_IN, "password": f"guess number {n}"}) for n in range(30))
    )

    assert len(judged) == 5
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 25


async def test_sign_ins_that_succeed_never_add_up(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.post(REGISTER, json=ANA)
    monkeypatch.setattr(passwords, "_verify", lambda stored, password: True)

    for _ in range(40):
        assert (await client.post(LOGIN, json=WAY_IN)).status_code == 200


async def test_wrong_wallet_signatures_wait_too_while_bad_input_costs_nothing(
    client: httpx.AsyncClient, ana: Wallet, ben: Wallet
) -> None:
    await client.post("/api/v1/auth/signup", json=ana.proof())
    for _ in range(10):
        assert (await client.post(LOGIN, json={**ana.proof(), "signature": "%"})).status_code == 400
    statuses = [
        (await client.post(LOGIN, json={**ana.proof(), "signature": ben.sign()})).status_code
        for _ in range(6)
    ]

    assert statuses == [401] * 5 + [429]
    refused = await client.post(LOGIN, json=ana.proof())
    assert refused.status_code == 429
    assert set(refused.json()) == {"error"}


async def test_a_way_in_told_by_its_fields_answers_in_its_own_words(client: httpx.AsyncClient) -> None:
    by_email = await client.post(LOGIN, json=WAY_IN)
    incomplete = await client.post(LOGIN, json={"email": "ana@example.com"})

    assert by_email.json() == {
        "error": "Unauthorized",
        "message": "Invalid email or password",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    assert incomplete.status_code == 422
    assert incomplete.json()["details"] == {"password": ["Required"], "user_type": ["Required"]}


async def test_a_place_is_told_and_taken_back_whole(client: httpx.AsyncClient) -> None:
    headers = await headers_of(client)

    told = await client.patch(ME, headers=headers, json={"latitude": 12.97, "longitude": 77.59})
    assert (told.json()["latitude"], told.json()["longitude"]) == (12.97, 77.59)
    moved = await client.patch(ME, headers=headers, json={"latitude": 12.98})
    assert (moved.json()["latitude"], moved.json()["longitude"]) == (12.98, 77.59)

    half = await client.patch(ME, headers=headers, json={"latitude": None})
    assert (half.status_code, list(half.json()["details"])) == (422, ["latitude"])
    gone = await client.patch(ME, headers=headers, json={"latitude": None, "longitude": None})
    assert gone.status_code == 200
    assert "latitude" not in gone.json()
    assert (await client.patch(ME, headers=headers, json={"longitude": 77.59})).status_code == 422
    far = await client.patch(ME, headers=headers, json={"latitude": 90.5, "longitude": 181})
    assert sorted(far.json()["details"]) == ["latitude", "longitude"]
