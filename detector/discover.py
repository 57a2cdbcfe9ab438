"""`cameras discover`: finds ONVIF devices, and writes their streams as entries for a cameras file."""

import logging
import re
from collections.abc import Iterator, Sequence

import yaml

from detector.zoning.zones import ZoneKind
from streams.errors import SourceError
from streams.source.discovery import discover
from streams.source.onvif import Device, Profile, describe_device

log = logging.getLogger(__name__)

ONVIF_PORT = 80
_WHOLE_PICTURE = [[0, 0], [1, 0], [1, 1], [0, 1]]


def found_hosts(timeout_s: float) -> list[tuple[str, int]]:
    """Host and port of every device that answers a search on the local networks; each is logged."""
    devices = discover(timeout_s)
    for device in devices:
        log.info("%s:%d: %s", device.host, device.port, _plain(f"{device.name or '-'}, {device.hardware or '-'}"))
    return [(device.host, device.port) for device in devices]


def parse_host(text: str) -> tuple[str, int]:
    """Reads `HOST` or `HOST:PORT`.

    Raises:
        ValueError: The port is none.
    """
    host, _, port = text.partition(":")
    if not host or (port and not (port.isdecimal() and 0 < int(port) < 1 << 16)):
        raise ValueError(f"host {text!r}: allowed is HOST or HOST:PORT")
    return host, int(port or ONVIF_PORT)


def describe(hosts: Sequence[tuple[str, int]], login: str | None) -> list[Device | SourceError]:
    """Asks each device in turn; one that does not tell is there with its error."""

    def described(host: str, port: int) -> Device | SourceError:
        try:
            return describe_device(host, port, login)
        except SourceError as error:
            return error

    return [described(host, port) for host, port in hosts]


def as_entries(devices: Sequence[Device], login_env: str | None) -> str:
    """A cameras file with an entry for the main stream of each device; other streams stand beside it as comments.

    It has no passwords. The zone, which every entry must have, is the whole picture: to be drawn by somebody who has seen it.
    """
    return "\n".join(["cameras:", *(line for device in devices for line in _entry(device, login_env))]) + "\n"


def _entry(device: Device, login_env: str | None) -> Iterator[str]:
    yield f"  # {_plain(f'{device.maker} {device.model}, firmware {device.firmware}')}, {device.host}:{device.port}"
    if not device.profiles:
        yield "  # has no stream with pictures"
        return
    main, *others = device.profiles
    yield f"  # {_stream(main)}"
    entry = {"id": _id(device), "source": str(main.address)} | ({"login_env": login_env} if login_env else {})
    zone = {"id": "draw-me", "kind": ZoneKind.NO_PARKING.value, "polygon": _WHOLE_PICTURE}
    written = yaml.safe_dump([entry | {"zones": [zone]}], sort_keys=False, allow_unicode=True, width=1000)
    yield from (f"  {line}" for line in written.splitlines())
    for other in others:
        yield f"    # or {_stream(other)}: {_plain(str(other.address))}"


def _stream(profile: Profile) -> str:
    fps = "unknown" if profile.fps is None else f"{profile.fps:g}"
    return _plain(f"{profile.name}: {profile.codec} {profile.width_px}x{profile.height_px}, {fps} fps")


def _id(device: Device) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{device.model} {device.host}".lower()).strip("-")[:100]


def _plain(text: str) -> str:
    """What a device says of itself, fit for a terminal and for a comment: one line, nothing that steers."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
