"""WS-Discovery: asks the local networks which ONVIF devices they have."""

import logging
import socket
import struct
import time
import uuid
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

log = logging.getLogger(__name__)

GROUP = ("239.255.255.250", 3702)
TIMES = 2
"""Datagrams get lost: asked again halfway. Who has answered twice is listed once."""
ANSWER_BYTES = 1 << 16
_PROBE = """<?xml version="1.0" encoding="utf-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
<e:Header><w:MessageID>urn:uuid:{id}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>
<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>
<e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"""


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A device that has answered; name and hardware as it says them itself."""

    host: str
    port: int
    name: str | None = None
    hardware: str | None = None


def discover(timeout_s: float) -> list[Found]:
    """Asks on every network of this machine, and listens for answers until the time is up.

    What lies behind a router does not hear the question.
    """
    found: dict[tuple[str, int], Found] = {}
    unreadable = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        started_s = time.monotonic()
        for ask in range(TIMES):
            _ask(asking)
            until_s = started_s + timeout_s * (ask + 1) / TIMES
            while (left_s := until_s - time.monotonic()) > 0:
                asking.settimeout(left_s)
                try:
                    answer, (host, _) = asking.recvfrom(ANSWER_BYTES)
                    device = parse_answer(answer, host)
                except TimeoutError:
                    break
                except (ValueError, OSError) as error:
                    unreadable += 1
                    log.debug("an answer to the search can't be read: %s", error)
                    continue
                found[device.host, device.port] = device
    if unreadable:
        log.warning("%d answers to the search could not be read", unreadable)
    return sorted(found.values(), key=lambda device: (socket.inet_aton(device.host), device.port))


def _ask(asking: socket.socket) -> None:
    probe = _PROBE.format(id=uuid.uuid4()).encode()
    for index, name in socket.if_nameindex():
        try:
            asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", b"", b"", index))
            asking.sendto(probe, GROUP)
        except OSError as error:  # it is down, or has no IPv4
            log.debug("can't search on %s: %s", name, error)


def parse_answer(answer: bytes, host: str) -> Found:
    """Reads one answer.

    Args:
        answer: A ProbeMatches message.
        host: Who sent it: better than the address inside, which may be one of another network.

    Raises:
        ValueError: It is none, or names no service over HTTP.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(answer, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"{host} answers what is not XML: {error}") from error
    services = [urlsplit(word) for word in _words(root, "XAddrs")]
    ports = [service.port or 80 for service in services if service.scheme == "http"]
    if not ports:
        raise ValueError(f"{host} names no service over HTTP")
    scopes = [urlsplit(word).path for word in _words(root, "Scopes")]
    return Found(host, ports[0], name=_scope(scopes, "/name/"), hardware=_scope(scopes, "/hardware/"))


def _words(root: etree._Element, name: str) -> list[str]:
    return [word for element in root.iter(f"{{*}}{name}") for word in (element.text or "").split()]


def _scope(scopes: list[str], kind: str) -> str | None:
    return next((unquote(scope.removeprefix(kind)) for scope in scopes if scope.startswith(kind)), None)
