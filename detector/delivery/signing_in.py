"""What is checked before anything starts: the event system's address, and a token that it takes."""

import logging
from urllib.parse import urlsplit

import httpx

from detector.errors import ConfigError

log = logging.getLogger(__name__)


def check_address(events_url: str, token: str) -> None:
    """Looks at what was given, without asking anybody.

    Raises:
        ConfigError: The address is none, or the token is missing.
    """
    try:
        address = urlsplit(events_url)
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:  # an open bracket, a port beyond 65535
        usable = False
    if not usable:
        raise ConfigError(f"--events {events_url}: is no address: allowed is http://HOST:PORT or https://HOST")
    if not token:
        raise ConfigError("STREETWARDEN_TOKEN: is not set: the event system gives one with `streetwarden token create`")


def check_token(client: httpx.Client) -> None:
    """Asks the event system whether it takes the token; when it is away, nothing is known and nothing is wrong.

    Args:
        client: Whose address and token are tried.

    Raises:
        ConfigError: The token is refused, or is not a worker's.
    """
    try:
        answer = client.get("/v1/whoami")
    except httpx.TransportError as error:
        log.warning("the event system at %s is away (%s): what there is to tell waits for it", client.base_url, error)
        return
    except httpx.InvalidURL as error:
        raise ConfigError(f"--events {client.base_url}: is no address: {error}") from error
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise ConfigError(f"STREETWARDEN_TOKEN: the event system at {client.base_url} does not accept this token")
    role = _role_of(answer)
    if role is None and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
        raise ConfigError(
            f"--events {client.base_url}: is no event system: it answers {answer.status_code} {answer.reason_phrase}"
        )
    if role is None:
        log.warning("the event system at %s is not well: it answers %s", client.base_url, answer.status_code)
    elif role != "worker":
        raise ConfigError(f"STREETWARDEN_TOKEN: has role {role!r}: allowed is 'worker'")


def _role_of(answer: httpx.Response) -> str | None:
    """The role that `/v1/whoami` tells; None when somebody else answered."""
    try:
        said = answer.json() if answer.is_success else {}
    except ValueError:
        return None
    role = said.get("role") if isinstance(said, dict) else None
    return role if isinstance(role, str) else None
