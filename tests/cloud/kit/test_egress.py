"""Where strangers may send us: nowhere but the public internet, whatever a name means at which moment."""

import ipaddress
import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver

from cloud.kit.egress import Egress, EgressRefused, Unanswered, is_loopback_host, is_public
from tests.cloud.webhooks.receiver import receiving

PUBLIC = "93.184.216.34"

REFUSED = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",  # carrier-grade NAT
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",  # cloud metadata
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


class Names(AbstractResolver):
    """Answers each question with the next of its answers, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not found:
            raise OSError("no such host")
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in found
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_of_the_public_internet_is_none(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"])
def test_others_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", REFUSED)
async def test_at_setup_it_is_refused_written_out_and_behind_a_name(address: str) -> None:
    written = f"[{address}]" if ":" in address else address
    async with Egress(loopback=False, resolver=Names([PUBLIC, address])) as egress:
        with pytest.raises(EgressRefused):
            await egress.check(f"https://{written}/hook")
        with pytest.raises(EgressRefused):
            await egress.check("https://hooks.example/hook")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "ftp://hooks.example/",
        "https://",
        "https:///hook",
        "hooks.example",
        "https://user:secret@hooks.example/",
        "https://hooks.example/#part",
        "https://hooks.example:99999/",
        "https://hooks.example/a b",
        "https://hooks.example\\@10.0.0.1/",
        "https://h%6foks.example/",
        "https://hooks.example/" + "x" * 2_000,
        "https://[::1",
        "http://127.0.0.1/",
    ],
)
async def test_what_is_no_address_to_send_to_is_refused(url: str) -> None:
    async with Egress(loopback=False, resolver=Names([PUBLIC])) as egress:
        with pytest.raises(EgressRefused):
            await egress.check(url)


async def test_a_public_name_passes_and_an_unknown_one_does_not() -> None:
    async with Egress(loopback=False, resolver=Names([PUBLIC], [])) as egress:
        await egress.check("https://hooks.example/hook?key=1")
        with pytest.raises(EgressRefused, match="no known host"):
            await egress.check("https://hooks.example/hook")


async def test_a_name_that_was_public_at_setup_and_is_private_at_connect_is_not_reached() -> None:
    async with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        url = f"https://rebinding.example:{port}/hook"
        async with Egress(loopback=False, resolver=Names([PUBLIC], ["127.0.0.1"])) as egress:
            await egress.check(url)
            with pytest.raises(Unanswered, match=r"127\.0\.0\.1 is not a public address"):
                await egress.post(url, b"{}", {})
        assert receiver.came == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0x7f.1"]
)
async def test_no_spelling_of_loopback_is_reached(host: str) -> None:
    async with Egress(loopback=False, timeout_s=5) as egress:
        with pytest.raises(Unanswered):
            await egress.post(f"https://{host}:9/hook", b"{}", {})
        with pytest.raises(EgressRefused):
            await egress.check(f"https://{host}:9/hook")


async def test_loopback_is_reached_where_it_is_allowed_and_nothing_else_that_is_private(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with receiving() as receiver, Egress(loopback=True, resolver=Names(["10.0.0.1"])) as egress:
        await egress.check(receiver.url)
        assert (await egress.post(receiver.url, b"{}", {})).status == 200
        for url in ("https://10.0.0.1/", "https://hooks.example/", "http://hooks.example/"):
            with pytest.raises(EgressRefused):
                await egress.check(url)
            with pytest.raises(Unanswered):
                await egress.post(url, b"{}", {})
    assert len(receiver.came) == 1


async def test_of_a_long_answer_the_beginning_is_read() -> None:
    async with receiving() as receiver, Egress(loopback=True) as egress:
        receiver.pours = True
        assert len((await egress.post(receiver.url, b"{}", {})).body) == 65_536


@pytest.mark.parametrize(
    "host, is_own",
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.com", False),
    ],
)
def test_only_a_service_on_loopback_is_on_loopback(host: str, is_own: bool) -> None:
    assert is_loopback_host(host) is is_own
