"""Where workers may be sent to look: what somebody enters must not make a worker read files or call on other machines."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from api.addresses import IpNetwork, Resolve, addresses_of, is_public, is_within, resolve_name
from api.problems import Problem
from api.scrub import has_login

SCHEMES = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""With their ports. No path of a file: that would be the worker's own disk."""

CALLOUT_SCHEMES = ("http", "https")


def check_source(
    address: str,
    networks: Sequence[IpNetwork],
    *,
    where: str,
    schemes: Sequence[str] = tuple(SCHEMES),
    resolve: Resolve = resolve_name,
) -> None:
    """Checks the address of a camera.

    Args:
        address: As somebody has entered it.
        networks: What the operator allows beside the public internet.
        where: What it is called in the request.
        schemes: Those that are allowed.
        resolve: Finds the addresses of a name.

    Raises:
        Problem: 422: it is no such address, carries a login, or leads into a network that is not allowed.
    """
    try:
        parts = urlsplit(address)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        host, port = parts.hostname or "", parts.port or SCHEMES.get(parts.scheme, 0)
    except ValueError:
        usable, host, port = False, "", 0
    if has_login(address):
        raise Problem(
            422, f"{where}: carries a login; name a variable of the worker's environment in `login_env` instead."
        )
    if not usable or not address.isprintable() or " " in address:
        raise Problem(422, f"{where}: allowed is {', '.join(f'{scheme}://HOST/…' for scheme in schemes)}.")
    found = addresses_of(host, port, resolve)
    if not found:
        raise Problem(422, f"{where}: {host} can't be found.")
    if not all(is_within(each, networks) or is_public(each) for each in found):
        raise Problem(
            422, f"{where}: {host} is in no public network; `camera_networks` in settings.yaml can allow its own."
        )
