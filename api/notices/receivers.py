"""Which addresses notices may go to: asked when a subscription is made, and anew before each try."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from api.notices.sending import Check, Receiver, RefusedError
from api.settings import Settings

RESOLVERS = 32
"""Names are looked up in threads of their own: a name server that hangs holds up no delivery to anybody else."""

Resolve = Callable[[str, int], Sequence[str]]
"""Name and port to IP addresses; raises `OSError`."""

_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""NAT64: an IPv4 address, of any kind, in the clothes of a public IPv6 one."""


def resolve_name(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system finds them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def new_check(settings: Settings) -> Check:
    """The check of one event system, by what its operator allows."""
    pool = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="names")

    async def check(url: str) -> Receiver:
        return await asyncio.get_running_loop().run_in_executor(pool, check_receiver, url, settings)

    return check


def check_receiver(url: str, settings: Settings, resolve: Resolve = resolve_name) -> Receiver:
    """Resolves an address and looks whether notices may go there.

    Allowed are https addresses that lie in the public internet with all that their name stands for, and http as well as
    https in the networks that the operator names (`webhook_networks`).

    Raises:
        RefusedError: They may not; says why.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise RefusedError("allowed is https://HOST/PATH") from None
    host = parts.hostname or ""
    if not host or "@" in parts.netloc or "%" in parts.netloc:
        raise RefusedError("allowed is https://HOST/PATH, without a name and password in it")
    try:
        found = [ip_address(address) for address in resolve(host, port)]
    except (OSError, ValueError):
        found = []
    if not found:
        raise RefusedError(f"{host} can't be found")
    for address in map(_plain, found):
        _require_allowed(host, address, parts.scheme, settings)
    return Receiver(url, str(found[0]))


def _require_allowed(host: str, address: IPv4Address | IPv6Address, scheme: str, settings: Settings) -> None:
    if any(address in network for network in settings.webhook_networks):
        return
    if not _is_public(address):
        raise RefusedError(f"{host} is in no public network; `webhook_networks` in settings.yaml can allow its own")
    if scheme != "https":
        raise RefusedError(f"{host} is in a public network: allowed is https there")


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that is written as an IPv6 one is what it is."""
    return getattr(address, "ipv4_mapped", None) or address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        tunnelled = address.sixtofour or address.teredo or any(address in network for network in _TRANSLATED)
        if tunnelled or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
