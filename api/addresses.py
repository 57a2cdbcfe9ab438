"""Which network addresses somebody may be sent to: public ones, and those that the operator allows."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

Resolve = Callable[[str, int], Sequence[str]]
"""Name and port to IP addresses; raises `OSError`."""

_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""NAT64: an IPv4 address, of any kind, in the clothes of a public IPv6 one."""


def resolve_name(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system finds them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def addresses_of(host: str, port: int, resolve: Resolve = resolve_name) -> list[IpAddress]:
    """All that a host stands for; nothing if it can't be found."""
    try:
        return [ip_address(found) for found in resolve(host, port)]
    except (OSError, ValueError):
        return []


def is_within(address: IpAddress, networks: Sequence[IpNetwork]) -> bool:
    """Whether an address lies in one of some networks; an IPv4 address that is written as an IPv6 one is what it is."""
    plain = _plain(address)
    return any(plain in network for network in networks)


def is_public(address: IpAddress) -> bool:
    """Whether an address is one of the public internet, and not a private one in disguise."""
    plain = _plain(address)
    if isinstance(plain, IPv6Address):
        tunnelled = plain.sixtofour or plain.teredo or any(plain in network for network in _TRANSLATED)
        if tunnelled or plain.is_site_local:
            return False
    return plain.is_global and not (plain.is_multicast or plain.is_reserved or plain.is_unspecified)


def _plain(address: IpAddress) -> IpAddress:
    return getattr(address, "ipv4_mapped", None) or address
