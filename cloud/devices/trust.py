"""Which addresses count as local: where a keyless device may be believed under open trust."""

from collections.abc import Collection
from ipaddress import AddressValueError, IPv4Network, IPv6Address, IPv6Network, ip_address

LOCAL_NETWORKS: Collection[IPv4Network | IPv6Network] = (
    IPv4Network("127.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("169.254.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
    IPv6Network("fe80::/10"),
)
"""Loopback, private use (RFC 1918, RFC 4193) and link-local."""


def is_local(address: str) -> bool:
    """Whether the address is loopback, private or link-local; False for anything that is no address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except (ValueError, AddressValueError):
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in LOCAL_NETWORKS)
