"""SEP-10 with stellar-sdk's own client side as the judge."""

import base64
import json
import tomllib

import httpx
import pytest
from stellar_sdk import Keypair, MuxedAccount, Network, TransactionEnvelope
from stellar_sdk.sep.stellar_web_authentication import build_challenge_transaction, read_challenge_transaction

from cloud.app import Parts
from shared.clock import ManualClock
from tests.cloud.identity.conftest import Wallet

TOML = "/.well-known/stellar.toml"
AUTH = "/sep10/auth"
ME = "/api/v1/auth/me"
TESTNET = Network.TESTNET_NETWORK_PASSPHRASE
HOME = "127.0.0.1:8080"

ANA = Keypair.from_raw_ed25519_seed(bytes([1]) * 32)
BEN = Keypair.from_raw_ed25519_seed(bytes([2]) * 32)


async def toml_of(client: httpx.AsyncClient) -> dict[str, str]:
    return tomllib.loads((await client.get(TOML)).text)


async def challenge_of(client: httpx.AsyncClient, account: str = ANA.public_key) -> str:
    answer = await client.get(AUTH, params={"account": account})
    assert answer.status_code == 200, answer.text
    transaction: str = answer.json()["transaction"]
    return transaction


def signed(transaction: str, *keys: Keypair, passphrase: str = TESTNET) -> str:
    envelope = TransactionEnvelope.from_xdr(transaction, passphrase)
    for key in keys:
        envelope.sign(key)
    return envelope.to_xdr()


async def test_the_file_tells_wallets_where_and_by_whom(client: httpx.AsyncClient) -> None:
    answer = await client.get(TOML)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["access-control-allow-origin"] == "*"
    told = tomllib.loads(answer.text)
    assert told["NETWORK_PASSPHRASE"] == TESTNET
    assert told["WEB_AUTH_ENDPOINT"] == f"http://{HOME}/sep10/auth"
    Keypair.from_public_key(told["SIGNING_KEY"])


async def test_the_sdk_s_client_accepts_the_challenge(client: httpx.AsyncClient) -> None:
    answer = await client.get(AUTH, params={"account": ANA.public_key, "home_domain": HOME})

    assert answer.json()["network_passphrase"] == TESTNET
    read = read_challenge_transaction(
        answer.json()["transaction"], (await toml_of(client))["SIGNING_KEY"], HOME, HOME, TESTNET
    )
    assert read.client_account_id == ANA.public_key
    transaction = read.transaction.transaction
    assert transaction.sequence == 0
    bounds = transaction.preconditions.time_bounds if transaction.preconditions else None
    assert bounds is not None
    assert bounds.max_time - bounds.min_time == 900


@pytest.mark.parametrize("as_form", [False, True])
async def test_a_signed_challenge_gives_a_token_that_acts_as_the_wallet(
    client: httpx.AsyncClient, clock: ManualClock, as_form: bool
) -> None:
    body = {"transaction": signed(await challenge_of(client), ANA)}

    answer = await client.post(AUTH, data=body) if as_form else await client.post(AUTH, json=body)

    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    me = await client.get(ME, headers=headers)
    assert me.json()["wallet_address"] == ANA.public_key
    middle = answer.json()["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    assert claims["sub"] == ANA.public_key
    assert claims["iss"] == f"http://{HOME}/sep10/auth"
    assert claims["exp"] - claims["iat"] == 900
    assert len(claims["jti"]) == 64
    clock.advance(900)
    assert (await client.get(ME, headers=headers)).status_code == 401


async def test_it_is_the_same_person_as_by_sep_53_and_logout_ends_it(
    client: httpx.AsyncClient, ana: Wallet
) -> None:
    await client.post("/api/v1/auth/signup", json=ana.proof())
    assert ana.address == ANA.public_key
    token = (await client.post(AUTH, json={"transaction": signed(await challenge_of(client), ANA)})).json()
    headers = {"Authorization": f"Bearer {token['token']}"}

    assert (await client.get("/api/v1/users/me", headers=headers)).json()["id"] == 1
    await client.post("/api/v1/auth/logout", headers=headers)
    assert (await client.get(ME, headers=headers)).status_code == 401


async def test_a_challenge_is_used_once(client: httpx.AsyncClient) -> None:
    body = {"transaction": signed(await challenge_of(client), ANA)}
    assert (await client.post(AUTH, json=body)).status_code == 200

    again = await client.post(AUTH, json=body)

    assert again.status_code == 401
    assert set(again.json()) == {"error"}


async def test_what_the_account_did_not_sign_is_refused(client: httpx.AsyncClient, parts: Parts) -> None:
    challenge = await challenge_of(client)
    for transaction in (challenge, signed(challenge, BEN), signed(challenge, ANA, BEN)):
        assert (await client.post(AUTH, json={"transaction": transaction})).status_code == 401
    async with parts.store.read() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM people") == 0


async def test_what_this_service_did_not_make_is_refused(client: httpx.AsyncClient) -> None:
    stranger = Keypair.random()
    server = (await toml_of(client))["SIGNING_KEY"]

    def made(home: str = HOME, web_auth: str = HOME, passphrase: str = TESTNET) -> str:
        return build_challenge_transaction(stranger.secret, ANA.public_key, home, web_auth, passphrase)

    envelope = TransactionEnvelope.from_xdr(await challenge_of(client), TESTNET)
    envelope.transaction.sequence = 1
    envelope.signatures = []
    envelope.sign(ANA)
    other_network = TransactionEnvelope.from_xdr(await challenge_of(client), "Another Network")
    other_network.sign(ANA)
    changed = TransactionEnvelope.from_xdr(await challenge_of(client), TESTNET)
    changed.transaction.source = MuxedAccount(server)
    changed.transaction.operations = changed.transaction.operations[:1]
    changed.sign(ANA)
    for what, transaction in (
        ("a stranger's", signed(made(), ANA)),
        ("for another home", signed(made(home="example.com"), ANA)),
        ("with a sequence number", envelope.to_xdr()),
        ("changed after it was signed", changed.to_xdr()),
        ("no base64", "%%%"),
        ("no transaction", base64.b64encode(b"hello").decode()),
        ("empty", ""),
    ):
        answer = await client.post(AUTH, json={"transaction": transaction})
        assert answer.status_code == 400, what
        assert set(answer.json()) == {"error"}
    assert (await client.post(AUTH, json={"transaction": other_network.to_xdr()})).status_code == 401


async def test_a_challenge_ends_after_15_minutes(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stellar_sdk.sep import stellar_web_authentication

    transaction = signed(await challenge_of(client), ANA)
    now = stellar_web_authentication.time.time()
    monkeypatch.setattr(stellar_web_authentication.time, "time", lambda: now + 902)

    answer = await client.post(AUTH, json={"transaction": transaction})

    assert answer.status_code == 400
    assert "timebounds" in answer.json()["error"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "account=G1",
        "account=",
        f"account={ANA.secret}",
        f"account={MuxedAccount(ANA.public_key, 7).account_muxed}",
        f"account={ANA.public_key}&memo=7",
        f"account={ANA.public_key}&home_domain=example.com",
        f"account={'G' * 300}",
    ],
)
async def test_a_challenge_is_for_a_plain_account_of_this_service(
    client: httpx.AsyncClient, query: str
) -> None:
    answer = await client.get(f"{AUTH}?{query}")

    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert ANA.secret not in answer.text


async def test_a_body_without_its_transaction_is_a_bad_request(client: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b"[]", b'{"transaction": 7}', b'{"token": "x"}'):
        answer = await client.post(AUTH, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, body
    for form in (b"", b"transaction", b"transaction=a&transaction=b", b"\xff", b"a=1&" * 50):
        answer = await client.post(
            AUTH, content=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code == 400, form


@pytest.mark.parametrize("settings", [{"public_url": "https://grid.example.com"}], indirect=True)
async def test_behind_its_public_address_the_service_names_that(client: httpx.AsyncClient) -> None:
    assert (await toml_of(client))["WEB_AUTH_ENDPOINT"] == "https://grid.example.com/sep10/auth"
    read = read_challenge_transaction(
        await challenge_of(client),
        (await toml_of(client))["SIGNING_KEY"],
        "grid.example.com",
        "grid.example.com",
        TESTNET,
    )
    assert read.matched_home_domain == "grid.example.com"


@pytest.mark.parametrize(
    "settings, passphrase",
    [
        (
            {
                "network": "public",
                "device_trust": "signed",
                "plausibility_policy": "reject",
                "constant_sign_in": False,
            },
            Network.PUBLIC_NETWORK_PASSPHRASE,
        ),
        ({"network": "testnet"}, TESTNET),
    ],
    indirect=["settings"],
)
async def test_each_network_has_its_own_passphrase(client: httpx.AsyncClient, passphrase: str) -> None:
    challenge = await challenge_of(client)

    assert (await toml_of(client))["NETWORK_PASSPHRASE"] == passphrase
    body = {"transaction": signed(challenge, ANA, passphrase=passphrase)}
    assert (await client.post(AUTH, json=body)).status_code == 200


async def test_the_key_survives_a_restart_and_is_readable_by_its_owner_only(
    client: httpx.AsyncClient, parts: Parts
) -> None:
    key_file = parts.settings.data_dir / "sep10_key"

    seed = bytes.fromhex(key_file.read_text().strip())
    assert Keypair.from_raw_ed25519_seed(seed).public_key == (await toml_of(client))["SIGNING_KEY"]
    assert key_file.stat().st_mode & 0o077 == 0
