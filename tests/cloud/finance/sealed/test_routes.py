"""Devices are registered, let in and revoked over HTTP; what is sealed is kept as it came."""

import base64
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud.finance.sealed import service
from lumen_e2ee import (
    DeviceKeys,
    NotReadable,
    approval_proof,
    decrypt_transaction_data,
    encrypt_transaction_data,
    rewrap_dek,
)
from shared.clock import ManualClock
from tests.cloud.finance.people import signed_up
from tests.cloud.finance.sealed.pairs import pair

DEVICES = "/api/v1/users/me/devices"
TRANSACTIONS = "/api/v1/transactions"
Headers = dict[str, str]


def described(keys: DeviceKeys, **changes: str) -> dict[str, str]:
    return {
        "device_id": keys.device_id,
        "public_key": keys.public_key,
        "device_name": "Chrome on Windows",
        "device_type": "web",
    } | changes


class Lumen:
    """One signed-in person."""

    def __init__(self, client: httpx.AsyncClient, headers: Headers) -> None:
        self.client = client
        self.headers = headers

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.client.request(method, path, headers=self.headers, json=body)

    async def register(self, keys: DeviceKeys, **changes: str) -> httpx.Response:
        return await self.call("POST", DEVICES, described(keys, **changes))

    async def statuses(self) -> dict[str, str]:
        found = (await self.call("GET", DEVICES)).json()["devices"]
        return {device["device_id"]: device["status"] for device in found}

    async def add(self, *readers: DeviceKeys, merchant: str = "Cafe Luna") -> dict[str, Any]:
        sealed = encrypt_transaction_data(
            {keys.device_id: keys.public_key for keys in readers}, merchant=merchant, invoice_no="B-7"
        )
        answer = await self.call("POST", TRANSACTIONS, {"amount": 250, "currency": "INR", **sealed})
        assert answer.status_code == 201, answer.text
        assert {name: answer.json()[name] for name in sealed} == sealed
        found: dict[str, Any] = answer.json()
        return found

    async def shown(self, transaction_id: int) -> dict[str, Any]:
        found: dict[str, Any] = (await self.call("GET", f"{TRANSACTIONS}/{transaction_id}")).json()
        return found

    async def wrap_missing(self, by: DeviceKeys, new: DeviceKeys) -> None:
        page = (await self.call("GET", f"{DEVICES}/{new.device_id}/missing-keys?limit=500")).json()
        keys = {str(row["id"]): rewrap_dek(row, by, new.public_key) for row in page["transactions"]}
        path = f"{DEVICES}/{new.device_id}/wrapped-deks"
        answer = await self.call("PUT", path, {"wrapped_deks": keys})
        assert answer.json() == {"remaining": 0}

    async def vouch(self, by: DeviceKeys, new: DeviceKeys, **changes: str) -> httpx.Response:
        path = f"{DEVICES}/{new.device_id}"
        asked = (await self.call("POST", f"{path}/challenge", {"device_id": by.device_id})).json()
        proof = approval_proof(asked["challenge"], by, device_id=new.device_id, public_key=new.public_key)
        body = {"device_id": by.device_id, "expires_at": asked["expires_at"], "proof": proof} | changes
        return await self.call("POST", f"{path}/approve", body)

    async def let_in(self, by: DeviceKeys, new: DeviceKeys) -> None:
        assert (await self.register(new)).json()["status"] == "pending"
        await self.wrap_missing(by, new)
        assert (await self.vouch(by, new)).json()["status"] == "active"


@pytest.fixture
async def ana(client: httpx.AsyncClient) -> Lumen:
    return Lumen(client, (await signed_up(client, "ana"))[1])


async def test_the_first_device_reads_at_once_what_it_sealed(ana: Lumen) -> None:
    phone = pair("phone")

    answer = await ana.register(phone)

    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "device_id": "phone",
        "device_name": "Chrome on Windows",
        "device_type": "web",
        "status": "active",
        "public_key": phone.public_key,
        "fingerprint": phone.fingerprint,
        "created_at": "2026-01-01T00:00:00Z",
        "approved_at": "2026-01-01T00:00:00Z",
    }
    assert (await ana.register(phone)).json() == answer.json()
    assert (await ana.call("GET", f"{DEVICES}/phone")).json() == answer.json()
    added = await ana.add(phone)
    assert (added["merchant_name_raw"], added["invoice_no"], added["merchant_id"]) == (None, None, None)
    assert added["amount"] == 250
    opened = decrypt_transaction_data(await ana.shown(added["id"]), phone)
    assert (opened.merchant, opened.invoice_no) == ("Cafe Luna", "B-7")
    assert (await ana.call("GET", "/api/v1/merchants")).json() == {"merchants": []}


async def test_a_later_device_reads_everything_once_an_earlier_one_let_it_in(ana: Lumen) -> None:
    phone, laptop = pair("phone"), pair("laptop")
    await ana.register(phone)
    added = [await ana.add(phone, merchant=f"Cafe {number}") for number in range(3)]

    await ana.let_in(phone, laptop)

    for number, row in enumerate(added):
        assert decrypt_transaction_data(await ana.shown(row["id"]), laptop).merchant == f"Cafe {number}"
    assert await ana.statuses() == {"phone": "active", "laptop": "active"}
    assert (await ana.call("GET", f"{DEVICES}/laptop/missing-keys")).json()["remaining"] == 0


async def test_what_is_missing_comes_in_pages(ana: Lumen) -> None:
    await ana.register(pair("phone"))
    ids = [(await ana.add(pair("phone")))["id"] for _ in range(3)]
    await ana.register(pair("laptop"))
    path = f"{DEVICES}/laptop/missing-keys"

    first = (await ana.call("GET", f"{path}?limit=2")).json()
    second = (await ana.call("GET", f"{path}?limit=2&after={first['next_after']}")).json()

    assert [row["id"] for row in first["transactions"] + second["transactions"]] == ids
    assert (first["remaining"], first["next_after"], second["next_after"]) == (3, ids[1], None)
    assert list(first["transactions"][0]["wrapped_deks"]) == ["phone"]


async def test_a_pending_device_gets_nothing_new_and_is_not_let_in_with_gaps(ana: Lumen) -> None:
    phone, laptop = pair("phone"), pair("laptop")
    await ana.register(phone)
    row = await ana.add(phone)
    await ana.register(laptop)

    refused = await ana.vouch(phone, laptop)
    assert (refused.status_code, "1 sealed" in refused.json()["message"]) == (409, True)
    for_pending = encrypt_transaction_data(
        {keys.device_id: keys.public_key for keys in (phone, laptop)}, merchant="Cafe"
    )
    answer = await ana.call("POST", TRANSACTIONS, {"amount": 1, **for_pending})
    assert answer.status_code == 422
    assert answer.json()["details"] == {"wrapped_deks": ["laptop: is none of your active devices"]}

    wrapped = {"wrapped_deks": {"laptop": rewrap_dek(row, phone, laptop.public_key)}}
    done = await ana.call("PUT", f"{TRANSACTIONS}/{row['id']}/wrapped-deks", wrapped)
    assert sorted(done.json()["wrapped_deks"]) == ["laptop", "phone"]
    assert (await ana.vouch(phone, laptop)).json()["status"] == "active"


async def test_a_token_alone_lets_nobody_in(ana: Lumen, clock: ManualClock) -> None:
    phone, laptop, stranger = pair("phone"), pair("laptop"), pair("stranger")
    await ana.register(phone)
    await ana.register(laptop)
    asked = (await ana.call("POST", f"{DEVICES}/laptop/challenge", {"device_id": "phone"})).json()

    with pytest.raises(NotReadable):
        approval_proof(asked["challenge"], laptop, device_id="laptop", public_key=laptop.public_key)
    guesses = [
        await ana.vouch(phone, laptop, proof="AAAA"),
        await ana.vouch(phone, laptop, proof=""),
        await ana.vouch(phone, laptop, expires_at="2026-01-01T00:00:00Z"),
        await ana.vouch(phone, laptop, expires_at="2026-01-01T00:04:59Z"),
        await ana.vouch(phone, laptop, expires_at="2027-01-01T00:00:00Z"),
    ]
    assert [answer.status_code for answer in guesses] == [403] * 5
    itself = await ana.call("POST", f"{DEVICES}/laptop/challenge", {"device_id": "laptop"})
    assert itself.status_code == 409
    assert (await ana.call("POST", f"{DEVICES}/x/challenge", {"device_id": "phone"})).status_code == 404

    # A proof for one key is none for another, and none after its time.
    other = approval_proof(asked["challenge"], phone, device_id="laptop", public_key=stranger.public_key)
    right = approval_proof(asked["challenge"], phone, device_id="laptop", public_key=laptop.public_key)
    body = {"device_id": "phone", "expires_at": asked["expires_at"]}
    path = f"{DEVICES}/laptop/approve"
    assert (await ana.call("POST", path, body | {"proof": other})).status_code == 403
    clock.advance(300)
    assert (await ana.call("POST", path, body | {"proof": right})).status_code == 403
    assert await ana.statuses() == {"phone": "active", "laptop": "pending"}


async def test_a_later_device_and_a_revocation_need_a_fresh_sign_in(ana: Lumen, clock: ManualClock) -> None:
    clock.advance(300)
    assert (await ana.register(pair("phone"))).json()["status"] == "active"

    late = [await ana.register(pair("laptop")), await ana.call("DELETE", f"{DEVICES}/phone")]

    assert [answer.status_code for answer in late] == [403, 403]
    assert "sign in again" in late[0].json()["message"]
    assert await ana.statuses() == {"phone": "active"}


async def test_a_revoked_device_loses_its_keys_and_never_comes_back(
    ana: Lumen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "REVOKED_AT_ONCE", 2)
    phone, laptop, tablet = pair("phone"), pair("laptop"), pair("tablet")
    await ana.register(phone)
    rows = [await ana.add(phone) for _ in range(3)]
    await ana.let_in(phone, laptop)

    assert (await ana.call("DELETE", f"{DEVICES}/laptop")).status_code == 204

    for row in rows:
        kept = await ana.shown(row["id"])
        assert list(kept["wrapped_deks"]) == ["phone"]
        assert decrypt_transaction_data(kept, phone).merchant == "Cafe Luna"
    assert await ana.statuses() == {"phone": "active"}
    assert (await ana.call("GET", f"{DEVICES}/laptop")).status_code == 404
    assert (await ana.call("DELETE", f"{DEVICES}/laptop")).status_code == 204  # finishes one cut short
    again = [
        await ana.register(laptop),
        await ana.register(tablet, device_id="laptop"),
        await ana.register(laptop, device_id="new"),
    ]
    assert [answer.status_code for answer in again] == [409] * 3
    garbage = {"wrapped_deks": {"laptop": rewrap_dek(rows[0], phone, laptop.public_key)}}
    answer = await ana.call("PUT", f"{TRANSACTIONS}/{rows[0]['id']}/wrapped-deks", garbage)
    assert answer.json()["details"] == {"wrapped_deks": ["laptop: is none of your devices"]}
    await ana.add(phone)


async def test_the_last_device_goes_only_where_the_loss_is_meant(ana: Lumen) -> None:
    phone, laptop, tablet = pair("phone"), pair("laptop"), pair("tablet")
    await ana.register(phone)
    lost = await ana.add(phone)

    assert (await ana.call("DELETE", f"{DEVICES}/phone")).status_code == 409
    assert (await ana.call("DELETE", f"{DEVICES}/phone?lose_sealed=true")).status_code == 204

    assert (await ana.shown(lost["id"]))["wrapped_deks"] == {}
    assert (await ana.register(laptop)).json()["status"] == "active"
    await ana.add(laptop)
    await ana.let_in(laptop, tablet)  # what is lost holds nobody up


async def test_nobody_replaces_the_key_of_an_active_device(ana: Lumen) -> None:
    phone, laptop = pair("phone"), pair("laptop")
    await ana.register(phone)
    row = await ana.add(phone)
    path = f"{TRANSACTIONS}/{row['id']}/wrapped-deks"
    garbage = {"wrapped_deks": {"phone": base64.b64encode(bytes(256)).decode()}}

    assert (await ana.call("PUT", path, garbage)).status_code == 409
    assert (await ana.call("PUT", path, {"wrapped_deks": row["wrapped_deks"]})).status_code == 200
    await ana.register(laptop)
    assert (
        await ana.call("PUT", path, {"wrapped_deks": {"laptop": garbage["wrapped_deks"]["phone"]}})
    ).is_success
    right = {"wrapped_deks": {"laptop": rewrap_dek(row, phone, laptop.public_key)}}
    done = await ana.call("PUT", path, right)  # a pending one's may be mended
    assert decrypt_transaction_data(done.json(), laptop).merchant == "Cafe Luna"


@pytest.mark.parametrize(
    "change, name",
    [
        ({"device_id": ""}, "device_id"),
        ({"device_id": 'a"b'}, "device_id"),
        ({"device_id": "a" * 65}, "device_id"),
        ({"device_name": ""}, "device_name"),
        ({"device_type": "<web>"}, "device_type"),
        ({"public_key": "?"}, "public_key"),
        ({"owner": "me"}, "owner"),
    ],
)
async def test_a_bad_registration_names_its_field(ana: Lumen, change: dict[str, str], name: str) -> None:
    answer = await ana.register(pair("phone"), **change)

    assert (answer.status_code, list(answer.json()["details"])) == (422, [name])


async def test_a_private_key_sent_by_mistake_is_refused_and_not_repeated(
    ana: Lumen, caplog: pytest.LogCaptureFixture
) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    answer = await ana.register(pair("phone"), public_key=pem)

    assert answer.status_code == 422
    assert "private key" in answer.json()["details"]["public_key"][0]
    assert pem.splitlines()[5] not in answer.text + caplog.text


@pytest.mark.parametrize(
    "body, names",
    [
        ({"merchant_name_raw": "Cafe"}, ["merchant_name_raw"]),
        ({"invoice_no": "B-7"}, ["invoice_no"]),
        ({"wrapped_deks": None}, ["wrapped_deks"]),
        ({"encrypted_data": None}, ["encrypted_data"]),
        ({"encrypted_data": {}}, ["encrypted_data"]),
        ({"wrapped_deks": {}}, ["wrapped_deks"]),
        ({"wrapped_deks": {"phone": "AAAA"}}, ["wrapped_deks"]),
    ],
)
async def test_half_an_envelope_or_the_clear_beside_it_is_refused(
    ana: Lumen, body: dict[str, Any], names: list[str]
) -> None:
    await ana.register(pair("phone"))
    sealed = encrypt_transaction_data({"phone": pair("phone").public_key}, merchant="Cafe")

    answer = await ana.call("POST", TRANSACTIONS, {"amount": 1, **sealed, **body})

    assert (answer.status_code, list(answer.json()["details"])) == (422, names)


async def test_somebody_else_sees_and_changes_nothing(ana: Lumen) -> None:
    bob = Lumen(ana.client, (await signed_up(ana.client, "bob"))[1])
    phone = pair("phone")
    await ana.register(phone)
    row = await ana.add(phone)
    await bob.register(pair("laptop"))
    wrapped = {"wrapped_deks": {"laptop": rewrap_dek(row, phone, pair("laptop").public_key)}}

    assert (await bob.call("GET", f"{DEVICES}/phone")).status_code == 404
    assert (await bob.call("DELETE", f"{DEVICES}/phone")).status_code == 404
    assert (await bob.call("GET", f"{DEVICES}/phone/missing-keys")).status_code == 404
    path = f"{TRANSACTIONS}/{row['id']}/wrapped-deks"
    assert (await bob.call("PUT", path, wrapped)).status_code == 404
    batch = {"wrapped_deks": {str(row["id"]): wrapped["wrapped_deks"]["laptop"]}}
    assert (await bob.call("PUT", f"{DEVICES}/laptop/wrapped-deks", batch)).status_code == 404
    assert (await bob.register(phone)).status_code == 201  # ids are each person's own
    assert (await ana.call("GET", f"{TRANSACTIONS}/{row['id']}")).json()["wrapped_deks"] == row[
        "wrapped_deks"
    ]


async def test_a_transaction_in_the_clear_has_no_key_to_wrap(ana: Lumen) -> None:
    plain = (await ana.call("POST", TRANSACTIONS, {"amount": 250})).json()
    await ana.register(pair("phone"))
    wrapped = {"wrapped_deks": {"phone": base64.b64encode(bytes(256)).decode()}}

    assert (await ana.call("PUT", f"{TRANSACTIONS}/{plain['id']}/wrapped-deks", wrapped)).status_code == 404
    assert (await ana.call("PUT", f"{TRANSACTIONS}/99/wrapped-deks", wrapped)).status_code == 404
    for numbers, status in (
        ([99], 404),
        ([0], 422),
        ([2**63], 422),
        (["x"], 422),
        (range(1, 502), 422),
        ([], 422),
    ):
        batch = {"wrapped_deks": {str(number): wrapped["wrapped_deks"]["phone"] for number in numbers}}
        assert (await ana.call("PUT", f"{DEVICES}/phone/wrapped-deks", batch)).status_code == status
    assert (await ana.call("PUT", f"{TRANSACTIONS}/{2**63}/wrapped-deks", wrapped)).status_code in {404, 422}


async def test_a_person_has_ten_devices_at_most(ana: Lumen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DEVICES_MAX", 1)
    await ana.register(pair("phone"))

    assert (await ana.register(pair("laptop"))).status_code == 409
