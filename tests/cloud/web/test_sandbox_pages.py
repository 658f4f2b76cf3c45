"""A person in a real browser clicks through the hosted pages of the sandbox, without scripts."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from cloud.app import Parts, create_app
from cloud.payments.model import Charge, Payment
from cloud.settings import Settings
from shared.ids import new_id
from tests.cloud.web.conftest import WAIT_S, Callback, Served
from tests.cloud.web.person import PASSWORD
from tests.cloud.web.test_browser import WIDTHS, Watched


class ServedInLoop(Served):
    """Tells in which loop it runs."""

    loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Asking"]:
    """A service on a real socket, and a way to ask it for payments."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = Settings(
            port=listening.getsockname()[1],
            data_dir=tmp_path_factory.mktemp("live") / "cloud",
            rate_limit_per_minute=0,
            sign_ins_per_minute=0,
        )
        app = create_app(settings)
        server = ServedInLoop(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert server.listens.wait(WAIT_S)
        yield Asking(app.state.parts, server.loop)
        server.should_exit = True
        thread.join(WAIT_S)


@pytest.fixture(scope="module")
def base_url(ask: "Asking") -> str:
    return ask.parts.settings.base_url


def signed_up(base_url: str, email: str) -> dict[str, str]:
    body = {"email": email, "password": PASSWORD, "user_type": "consumer", "name": "Ana Rao"}
    answer = httpx.post(f"{base_url}/api/v1/auth/register", json=body)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def start_kyc(base_url: str, headers: dict[str, str], return_url: str) -> str:
    body = {"provider": "sandbox", "return_url": return_url}
    answer = httpx.post(f"{base_url}/v1/user/me/kyc", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["data"]["verification_url"]
    return url


def kyc_status(base_url: str, headers: dict[str, str]) -> str:
    status: str = httpx.get(f"{base_url}/v1/user/me/kyc", headers=headers).json()["data"]["status"]
    return status


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("button, status", [("Verify me", "verified"), ("Reject me", "rejected")])
def test_a_person_is_verified_or_rejected_and_sent_back(
    base_url: str,
    callback: Callback,
    browser: Any,
    pictures: Path | None,
    width: int,
    button: str,
    status: str,
) -> None:
    headers = signed_up(base_url, f"kyc-{status}-{width}@example.com")
    url = start_kyc(base_url, headers, callback.uri + "?state=7")
    watched = Watched(browser, width, dark=width == 360)
    watched.page.goto(url)
    watched.picture(pictures, f"kyc-{status}")

    watched.page.get_by_role("button", name=button).click()
    watched.page.get_by_text("You are back.").wait_for()

    assert callback.url() == callback.uri + "?state=7"
    assert kyc_status(base_url, headers) == status
    watched.page.goto(url)
    watched.page.get_by_text(f"This check is over: {status}.").wait_for()
    assert watched.complaints == []
    assert all(
        asked.startswith((base_url, callback.uri, "data:"))
        for asked in watched.asked
        if "favicon" not in asked
    )


class Asking:
    """Asks for payments as an investment would, in the service's own thread."""

    def __init__(self, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        self.parts, self.loop = parts, loop

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    def pay(self, source: str | None) -> Payment:
        return self.call(self._pay(source))

    def state(self, payment: Payment) -> str:
        return self.call(self._state(payment)).value

    async def _pay(self, source: str | None) -> Payment:
        s = self.parts.services
        async with self.parts.store.write() as tx:
            payment = await s.payments.charge(
                tx,
                Charge(
                    reference=new_id("inv", s.clock),
                    account=await s.ledger.open_account(tx),
                    amount_minor=51_005,
                    currency="USD",
                    source=source,
                ),
            )
        return await s.payments.open(payment)

    async def _state(self, payment: Payment) -> Any:
        async with self.parts.store.read() as tx:
            return (await self.parts.services.payments.payment(tx, payment.id)).state


@pytest.mark.parametrize("width", WIDTHS)
def test_a_declined_payer_tries_again_and_pays(
    ask: Asking, base_url: str, browser: Any, pictures: Path | None, width: int
) -> None:
    payment = ask.pay("pm_card_chargeDeclined")
    watched = Watched(browser, width, dark=width == 360)
    page = watched.page
    page.goto(payment.redirect_url)
    page.get_by_role("heading", name="Pay 510.05 USD").wait_for()
    page.get_by_text("The last try was declined.").wait_for()
    watched.picture(pictures, "payment")
    page.get_by_role("button", name="Decline").click()
    page.get_by_text("The last try was declined.").wait_for()

    page.get_by_role("button", name="Pay by card").click()
    page.get_by_role("heading", name="Paid 510.05 USD").wait_for()

    watched.picture(pictures, "payment-paid")
    assert ask.state(payment) == "succeeded"
    assert watched.complaints == []
    assert all(asked.startswith((base_url, "data:")) for asked in watched.asked)


@pytest.mark.parametrize(
    "source, button, heading, state",
    [
        ("pm_card_authenticationRequired", "Confirm", "Paid 510.05 USD", "succeeded"),
        (None, "Bank transfer", "510.05 USD are on their way", "processing"),
        (None, "Cancel the payment", "Payment canceled", "canceled"),
    ],
)
def test_every_other_end_can_be_clicked(
    ask: Asking,
    browser: Any,
    pictures: Path | None,
    source: str | None,
    button: str,
    heading: str,
    state: str,
) -> None:
    payment = ask.pay(source)
    watched = Watched(browser, 360)
    watched.page.goto(payment.redirect_url)
    watched.page.get_by_role("button", name=button).click()
    watched.page.get_by_role("heading", name=heading).wait_for()

    watched.picture(pictures, f"payment-{state}")
    assert ask.state(payment) == state
    assert watched.page.get_by_role("button").count() == 0


def test_a_payment_is_not_clicked_from_elsewhere_nor_twice(ask: Asking) -> None:
    payment = ask.pay(None)
    with httpx.Client() as other:
        assert other.post(payment.redirect_url, data={"choice": "pay"}).status_code == 403
        page = other.get(payment.redirect_url).text
        code = page.split('name="form_code" value="')[1].split('"')[0]
        assert other.post(payment.redirect_url, data={"choice": "x", "form_code": code}).status_code == 400
        assert ask.state(payment) == "requires_payment_method"
        answers = [
            other.post(payment.redirect_url, data={"choice": choice, "form_code": code}).status_code
            for choice in ("pay", "cancel")
        ]

    assert answers == [303, 409]
    assert ask.state(payment) == "succeeded"


def test_no_other_site_can_click_for_a_person(base_url: str) -> None:
    headers = signed_up(base_url, "kyc-forged@example.com")
    url = start_kyc(base_url, headers, "https://app.example.com/back")

    with httpx.Client() as other:
        other.get(url)
        for form in ({"decision": "verify"}, {"decision": "verify", "form_code": "00"}):
            assert other.post(url, data=form).status_code == 403
        page = httpx.get(url).text
        code = page.split('name="form_code" value="')[1].split('"')[0]
        assert other.post(url, data={"decision": "verify", "form_code": code}).status_code == 403

    assert kyc_status(base_url, headers) == "pending"


def test_the_pages_load_and_send_nothing_foreign(base_url: str) -> None:
    headers = signed_up(base_url, "kyc-policy@example.com")
    answer = httpx.get(start_kyc(base_url, headers, "https://app.example.com:8443/back?x=y"))

    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
        " frame-ancestors 'none'; form-action 'self' https://app.example.com:8443"
    )
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/sandbox/kyc/run_unknown", "/sandbox/payments/pi_unknown"])
def test_a_page_of_nothing_is_not_found(base_url: str, path: str) -> None:
    assert httpx.get(base_url + path).status_code == 404
