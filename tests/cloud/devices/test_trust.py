"""Which addresses are near: RFC 1918, RFC 4193, loopback, link-local; nothing else."""

import pytest

from cloud.devices.trust import is_local


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.255.255",
        "169.254.1.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:192.168.1.5",
    ],
)
def test_loopback_private_and_link_local_addresses_are_near(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address",
    [
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "0.0.0.0",
        "100.64.0.1",
        "203.0.113.9",
        "2001:db8::1",
        "::",
        "::ffff:8.8.8.8",
        "64:ff9b::10.0.0.1",
        "",
        "localhost",
        "testclient",
        "127.1",
        "0177.0.0.1",
        "10.0.0.1, 8.8.8.8",
    ],
)
def test_every_other_address_is_far(address: str) -> None:
    assert not is_local(address)
