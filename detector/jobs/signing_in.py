"""What is checked before a job runner starts: an address, and a token that the event system takes."""

from urllib.parse import urlsplit

import httpx

from detector.errors import ConfigError


def check_events(events_url: str, token: str) -> None:
    """Asks the event system whether it takes the token; when it is away, nothing is known and nothing is wrong.

    Raises:
        ConfigError: The address is none, the token is missing, refused, or not a worker's.
    """
    try:
        address = urlsplit(events_url)
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"--events {events_url}: is no address: allowed is http://HOST:PORT or https://HOST")
    if not token:
        raise ConfigError("STREETWARDEN_TOKEN: is not set: the event system gives one with `streetwarden token create`")
    try:
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{events_url.rstrip('/')}/v1/whoami", headers=headers, timeout=10.0, trust_env=False)
    except httpx.TransportError:
        return
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise ConfigError(f"STREETWARDEN_TOKEN: the event system at {events_url} does not accept this token")
    try:
        role = answer.json().get("role") if answer.is_success else "worker"
    except (ValueError, AttributeError):
        raise ConfigError(f"--events {events_url}: is no event system") from None
    if role != "worker":
        raise ConfigError(f"STREETWARDEN_TOKEN: has role {role!r}: allowed is 'worker'")
