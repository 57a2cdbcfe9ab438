"""Which addresses notices may go to: asked when a subscription is made, and anew before each try."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from api.addresses import IpAddress, Resolve, addresses_of, is_public, is_within, resolve_name
from api.notices.sending import Check, Receiver, RefusedError
from api.settings import Settings

RESOLVERS = 32
"""Names are looked up in threads of their own: a name server that hangs holds up no delivery to anybody else."""


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
    found = addresses_of(host, port, resolve)
    if not found:
        raise RefusedError(f"{host} can't be found")
    for address in found:
        _require_allowed(host, address, parts.scheme, settings)
    return Receiver(url, str(found[0]))


def _require_allowed(host: str, address: IpAddress, scheme: str, settings: Settings) -> None:
    if is_within(address, settings.webhook_networks):
        return
    if not is_public(address):
        raise RefusedError(f"{host} is in no public network; `webhook_networks` in settings.yaml can allow its own")
    if scheme != "https":
        raise RefusedError(f"{host} is in a public network: allowed is https there")
