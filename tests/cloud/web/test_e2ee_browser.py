"""Keys made by WebCrypto in a real browser and by Python read each other's data through a running service."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from lumen_e2ee import DeviceKeys, LumenE2EE, NotReadable
from tests.cloud.web.person import PASSWORD, Person

TRANSACTIONS = "/api/v1/transactions"
SENSITIVE = {"merchant": "Kaffee Größe ☕", "invoiceNo": "B-7", "parsedFields": {"table": 4, "tip": "₹20"}}


class Tab:
    """A page of the service that uses the module."""

    def __init__(self, browser: Any, base_url: str, token: str) -> None:
        self._context = browser.new_context()
        self._context.set_default_timeout(40_000)
        self.page = self._context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{base_url}/api/docs")  # its policy allows this service's scripts alone
        self._service = {"token": token}

    def run(self, program: str, *values: Any) -> Any:
        """The value of an expression in which `e2ee` is the module and `service` the person's."""
        return self.page.evaluate(
            "async ([program, service, values]) => {"
            " const e2ee = await import('/assets/lumen-e2ee.js');"
            f" return await ({program})(e2ee, service, ...values); }}",
            [program, self._service, list(values)],
        )

    def new_device(self, name: str) -> dict[str, Any]:
        """As registered, with `publicKey`."""
        pair = self.run("(e2ee) => e2ee.generateDeviceKeypair()")
        registered = self.run(
            "(e2ee, service, device) => e2ee.registerDevice(service, device)", pair | {"deviceName": name}
        )
        return pair | registered

    def decrypt(self, transaction: dict[str, Any], device_id: str) -> Any:
        return self.run("(e2ee, _, row, id) => e2ee.decryptTransactionData(row, id)", transaction, device_id)

    def complaint(self, program: str, *values: Any) -> str:
        """What the expression throws."""
        return self.run(f"(...all) => ({program})(...all).then(() => '', (error) => error.message)", *values)

    def close(self) -> None:
        self._context.close()
        assert self.complaints == []


class Bought:
    """Purchases that the service reads, and seals to whoever is active then."""

    def __init__(self, base_url: str, token: str) -> None:
        self._url = base_url + TRANSACTIONS
        self._headers = {"Authorization": f"Bearer {token}"}
        self._count = 0

    def more(self) -> None:
        self._count += 1
        body = {"amount": self._count, "merchant_name_raw": f"Bought {self._count}"}
        httpx.post(self._url, json=body, headers=self._headers, timeout=30).raise_for_status()


class Interrupted(httpx.HTTPTransport):
    """Something happens right before a challenge, once."""

    at_challenge: Callable[[], None] | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/challenge") and Interrupted.at_challenge is not None:
            happens, Interrupted.at_challenge = Interrupted.at_challenge, None
            happens()
        return super().handle_request(request)


@pytest.fixture
def token(base_url: str, ana: Person) -> str:
    body = {"email": ana.email, "password": PASSWORD, "user_type": "consumer"}
    answer = httpx.post(f"{base_url}/api/v1/auth/login", json=body, timeout=30).raise_for_status()
    found: str = answer.json()["access_token"]
    return found


@pytest.fixture
def tab(browser: Any, base_url: str, token: str) -> Iterator[Tab]:
    opened = Tab(browser, base_url, token)
    yield opened
    opened.close()


def test_a_browser_and_python_let_each_other_in_and_read_each_other(
    tab: Tab, base_url: str, token: str
) -> None:
    web = tab.new_device("Chrome")
    assert (web["status"], web["device_id"]) == ("active", web["deviceId"])
    add = "(e2ee, service, sensitive) => e2ee.addTransaction(service, {amount: 250}, sensitive)"
    by_web = tab.run(add, SENSITIVE)
    keys = DeviceKeys.generate()
    with LumenE2EE(base_url, token, keys, transport=Interrupted()) as laptop:
        assert laptop.register("Laptop", "desktop")["status"] == "pending"
        with pytest.raises(NotReadable):
            laptop.decrypt(by_web)

        # The browser lets Python in, but only with the key that Python has.
        let_in = "(e2ee, service, ...of) => e2ee.approveDevice(service, ...of)"
        assert "do not let it in" in tab.complaint(let_in, web["deviceId"], keys.device_id, "0" * 64)
        bought = Bought(base_url, token)  # what is sealed while a device is let in is wrapped as well
        tab.page.route("**/challenge", lambda route: (bought.more(), route.continue_()), times=1)
        assert tab.run(let_in, web["deviceId"], keys.device_id, keys.fingerprint)["status"] == "active"
        assert "Bought 1" in {laptop.decrypt(row).merchant for row in laptop.transactions()}

        row = next(row for row in laptop.transactions() if row["id"] == by_web["id"])
        opened = laptop.decrypt(row)
        assert (opened.merchant, opened.invoice_no) == (SENSITIVE["merchant"], SENSITIVE["invoiceNo"])
        assert opened.parsed_fields == SENSITIVE["parsedFields"]

        # Python seals for both; the browser reads it, also after the page was loaded again.
        by_python = laptop.add({"amount": 77}, merchant="Ράδιο 東京", parsed_fields={"n": [1, None]})
        tab.page.reload()
        assert tab.decrypt(by_python, web["deviceId"]) == {
            "merchant": "Ράδιο 東京",
            "invoiceNo": None,
            "parsedFields": {"n": [1, None]},
        }

        # Python lets a second browser device in, and revokes the first.
        tablet = tab.new_device("Tablet")
        assert tablet["status"] == "pending"
        shown = tab.run("(e2ee, _, pem) => e2ee.fingerprintOf(pem)", tablet["publicKey"])
        with pytest.raises(ValueError, match="another key"):
            laptop.approve(tablet["deviceId"], fingerprint=web["fingerprint"])
        Interrupted.at_challenge = bought.more
        assert laptop.approve(tablet["deviceId"], fingerprint=shown)["status"] == "active"
        laptop.revoke(web["deviceId"])
        for row in laptop.transactions():
            assert tab.decrypt(row, tablet["deviceId"])["merchant"] == laptop.decrypt(row).merchant
            assert web["deviceId"] not in row["wrapped_deks"]
            assert "no key for device" in tab.complaint(
                "(e2ee, _, row, id) => e2ee.decryptTransactionData(row, id)", row, web["deviceId"]
            )


def test_a_private_key_never_leaves_the_browser_and_an_altered_field_never_opens(tab: Tab) -> None:
    device = tab.new_device("Chrome")
    row = tab.run(
        "(e2ee, service, sensitive) => e2ee.addTransaction(service, {amount: 1}, sensitive)", SENSITIVE
    )
    exported = tab.run(
        "(e2ee, service, id) => new Promise((resolve) => {"
        " const opening = indexedDB.open('lumen-e2ee');"
        " opening.onsuccess = () => {"
        "  const asked = opening.result.transaction('devices').objectStore('devices').get(id);"
        "  asked.onsuccess = () => { opening.result.close();"
        "   crypto.subtle.exportKey('pkcs8', asked.result.privateKey)"
        "    .then(() => resolve('exported'), (error) => resolve(error.name)); }; }; })",
        device["deviceId"],
    )
    assert exported == "InvalidAccessError"

    decrypt = "(e2ee, _, row, id) => e2ee.decryptTransactionData(row, id)"
    altered = json.loads(json.dumps(row))
    data = altered["encrypted_data"]
    data["merchant_name_raw"]["nonce"] = data["invoice_no"]["nonce"]
    assert "altered" in tab.complaint(decrypt, altered, device["deviceId"])
    altered = row | {"wrapped_deks": {device["deviceId"]: "A" * 344}}
    assert "another device" in tab.complaint(decrypt, altered, device["deviceId"])
    assert tab.decrypt(row, device["deviceId"]) == SENSITIVE
    tab.run("(e2ee, _, id) => e2ee.forgetDevice(id)", device["deviceId"])
    assert "not in this browser" in tab.complaint(decrypt, row, device["deviceId"])


def test_the_script_is_served_as_a_module_and_not_sent_twice(base_url: str) -> None:
    first = httpx.get(f"{base_url}/assets/lumen-e2ee.js")
    again = httpx.get(f"{base_url}/assets/lumen-e2ee.js", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert (again.status_code, again.content) == (304, b"")
