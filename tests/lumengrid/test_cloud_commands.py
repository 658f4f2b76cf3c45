"""What an administrator types, and what a wrong word answers."""

import asyncio
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from cloud.app import opened
from cloud.identity.registration import Registration, UserType
from cloud.payments.model import PayoutWish
from cloud.settings import load_settings
from lumengrid.cli import main
from shared.clock import SystemClock

UNKNOWN_WALLET = "GBXFXNDLV4LSWA4VB7YIL5GBD7BVNR22SGBTDKMO2SBZZHDXSKZYCP7L"


def run(*words: str):
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A service's folder with one device that came by first contact."""
    settings = load_settings(None, {}, data_dir=tmp_path / "cloud")

    async def prepare() -> None:
        async with opened(settings, SystemClock()) as parts, parts.store.write() as tx:
            await parts.services.devices.first_contact(tx, "pi-1", "127.0.0.1")

    asyncio.run(prepare())
    return settings.data_dir


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("LUMENGRID_PORT", str(port))
        monkeypatch.setenv("LUMENGRID_DATA_DIR", str(tmp_path))

        answer = run("cloud", "run")

    assert answer.exit_code == 1
    assert f"port {port} on 127.0.0.1 is taken" in answer.output
    assert "LUMENGRID_PORT" in answer.output


@pytest.mark.parametrize(
    "name,value",
    [("PORT", "70000"), ("NETWORK", "mainnet"), ("GRID_ZONE", "Mars/Olympus"), ("PRICE_ALPHA", "-1")],
)
def test_a_wrong_setting_stops_the_start_and_is_named(name, value, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LUMENGRID_{name}", value)

    answer = run("cloud", "run")

    assert answer.exit_code == 1
    assert name.lower() in answer.output
    assert value in answer.output


def test_the_scale_of_a_device_is_an_administrator_s_word(data_dir: Path) -> None:
    answer = run("cloud", "device", "scale", "pi-1", "1", "--data-dir", str(data_dir))

    assert answer.output == "pi-1: energy_scale 1\n"


def test_an_unknown_device_an_unknown_wallet_and_an_unknown_mint_are_refused_in_a_sentence(
    data_dir: Path,
) -> None:
    where = ["--data-dir", str(data_dir)]
    answers = [
        run("cloud", "device", "scale", "pi-2", "1", *where),
        run("cloud", "user", "grant", UNKNOWN_WALLET, "admin", *where),
        run("cloud", "mint", "release", "7", *where),
        run("cloud", "user", "grant", UNKNOWN_WALLET, "emperor", *where),
    ]

    assert [answer.exit_code for answer in answers] == [1, 1, 1, 1]
    assert all(answer.output.startswith("Error: ") and "Traceback" not in answer.output for answer in answers)


def test_nothing_is_held_where_nothing_was_minted(data_dir: Path) -> None:
    assert run("cloud", "mint", "held", "--data-dir", str(data_dir)).output == ""


def test_an_administrator_raises_somebody_s_calls_by_email_or_number(data_dir: Path) -> None:
    settings = load_settings(None, {}, data_dir=data_dir)

    async def sign_up() -> None:
        async with opened(settings, SystemClock()) as parts:
            for user_type in UserType:
                wish = Registration(
                    email="ana@example.com",
                    password="securepass123",
                    name="Ana",
                    user_type=user_type,
                    phone=None,
                    business_name="Acme" if user_type is UserType.BUSINESS else None,
                    contact_person="Ana" if user_type is UserType.BUSINESS else None,
                    gstin="27AAPFU0939F1ZV" if user_type is UserType.BUSINESS else None,
                )
                await parts.services.email_sign_in.register(wish)

    asyncio.run(sign_up())
    where = ["--data-dir", str(data_dir)]

    both = run("cloud", "user", "tier", "ANA@example.com", "pro", *where)
    one = run("cloud", "user", "tier", "usr_2", "pro", *where)
    wrong = run("cloud", "user", "tier", "usr_2", "gold", *where)
    nobody = [
        run("cloud", "user", "tier", who, "pro", *where)
        for who in ("usr_9", "usr_x", "usr_" + "9" * 30, "eve@example.com", UNKNOWN_WALLET)
    ]

    assert (both.exit_code, both.output) == (
        1,
        "Error: ANA@example.com: belongs to usr_1 and usr_2; name one of them\n",
    )
    assert one.output == "usr_2: pro\n"
    assert wrong.output == "Error: tier: 'gold' is none of free, basic, pro, enterprise\n"
    assert [answer.exit_code for answer in nobody] == [1] * 5
    assert all("nobody signed up with it" in answer.output for answer in nobody)


def test_an_administrator_says_where_somebody_is_paid(data_dir: Path) -> None:
    settings = load_settings(None, {}, data_dir=data_dir)

    async def sign_up() -> str:
        async with opened(settings, SystemClock()) as parts, parts.store.write() as tx:
            return (await parts.services.identity.add(tx, None)).account

    async def destination(account: str) -> str | None:
        async with opened(settings, SystemClock()) as parts:
            return await parts.services.payees.destination(account)

    account = asyncio.run(sign_up())
    words = ("cloud", "payee", "set", "usr_1")
    wrong = run(*words, "DE89370400440532013000", "--data-dir", str(data_dir))
    assert wrong.exit_code == 1
    assert "no connected account" in wrong.output
    assert asyncio.run(destination(account)) is None

    right = run(*words, "acct_1032D82eZvKYlo2C", "--data-dir", str(data_dir))

    assert (right.exit_code, right.output) == (0, "usr_1: paid into acct_1032D82eZvKYlo2C\n")
    assert asyncio.run(destination(account)) == "acct_1032D82eZvKYlo2C"


def test_what_was_not_paid_is_listed_with_its_reason_and_sent_again_once(data_dir: Path) -> None:
    settings = load_settings(None, {}, data_dir=data_dir)

    async def fail() -> str:
        async with opened(settings, SystemClock()) as parts, parts.store.write() as tx:
            account = (await parts.services.identity.add(tx, None)).account
            wish = PayoutWish(
                reference="TL-DIST-Q3-2025-1", account=account, amount_minor=1_575, currency="USD"
            )
            made = await parts.services.payments.pay_out(tx, wish)
            await tx.execute("UPDATE payouts SET state = 'failed', failure = 'reversed', due_at_us = NULL")
            return made.id

    where = ["--data-dir", str(data_dir)]
    nothing = run("cloud", "payment", "failed", *where)
    id_ = asyncio.run(fail())
    listed = run("cloud", "payment", "failed", *where)
    again = run("cloud", "payment", "retry", id_, *where)
    twice = run("cloud", "payment", "retry", id_, *where)

    assert nothing.output == ""
    assert listed.output == (
        f"{id_}  15.75 USD for TL-DIST-Q3-2025-1: failed at sandbox, reversed, attempt 1\n"
    )
    assert (again.exit_code, again.output) == (0, f"{id_}: is sent again as {id_}.2\n")
    assert (twice.exit_code, twice.output) == (1, f"Error: {id_}: is waiting, not failed\n")
    assert run("cloud", "payment", "failed", *where).output == ""
