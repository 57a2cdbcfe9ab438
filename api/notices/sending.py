"""One try of a delivery over HTTP: to the very address that was checked, bounded in time and in what is read."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import certifi
import httpx

from api.clock import now
from api.notices.cloudevents import MEDIA_TYPE
from api.notices.queue import ANSWER_CHARACTERS, Outcome, Parcel
from api.notices.subscriptions import signed_headers

TRY_S = 20.0
"""Everything together: finding the address, connecting, sending, the answer. Receivers should answer first and work later."""

CONNECT_S = 5.0
ANSWER_BYTES = 4096
"""So much of an answer is read, and the connection is closed."""

_REDIRECTS = range(300, 400)


@dataclass(frozen=True)
class Receiver:
    """An address that has been checked.

    Attributes:
        url: As it was given.
        address: The IP address that was checked, and that is connected to.
    """

    url: str
    address: str


class RefusedError(Exception):
    """An address that notices may not be sent to (any more); says why."""


Check = Callable[[str], Awaitable[Receiver]]
"""Resolves and checks an address; raises `RefusedError`."""


def new_client() -> httpx.AsyncClient:
    """A client that knows no proxy and keeps no connection: a kept one would be known by its IP address alone.

    Certificates are checked against those of the system (or of `SSL_CERT_FILE`) and the public ones.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return httpx.AsyncClient(
        verify=context,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(TRY_S, connect=CONNECT_S),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
    )


async def send(client: httpx.AsyncClient, parcel: Parcel, check: Check) -> Outcome:
    """Sends a parcel once.

    Args:
        client: From `new_client`.
        parcel: What, and where to.
        check: Says whether and where to connect; asked anew for each try, as names change.
    """
    began = time.monotonic()
    status = error = answer = retry_after_s = None
    try:
        async with asyncio.timeout(TRY_S):
            receiver = await check(parcel.url)
            response = await client.send(_request(client, receiver, parcel), stream=True)
            async with aclosing(response):
                status = response.status_code
                retry_after_s = _seconds(response.headers.get("retry-after"))
                answer = await _beginning(response)
        if status in _REDIRECTS:
            error = "Redirects are not followed."
    except RefusedError as refused:
        error = str(refused)
    except TimeoutError:
        error = f"No whole answer within {TRY_S:g} s."
    except (httpx.HTTPError, OSError, ValueError) as failed:
        error = f"{type(failed).__name__}: {failed}"
    if status is not None and error and status not in _REDIRECTS:
        status = None  # it began to answer and broke off: nobody knows whether it has taken it
    return Outcome(status, time.monotonic() - began, _plain(error), _plain(answer), retry_after_s)


def _request(client: httpx.AsyncClient, receiver: Receiver, parcel: Parcel) -> httpx.Request:
    url = httpx.URL(receiver.url)
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
        "Accept-Encoding": "identity",
        "User-Agent": "Streetwarden",
        "Connection": "close",
        **signed_headers(parcel.secrets, parcel.message_id, now(), parcel.body),
    }
    return client.build_request(
        "POST",
        url.copy_with(host=receiver.address),
        headers=headers,
        content=parcel.body.encode(),
        # The certificate has to be the name's, not the IP address's.
        extensions={"sni_hostname": url.host},
    )


async def _beginning(response: httpx.Response) -> str:
    """How an answer begins; what comes after, or is packed, is nobody's business."""
    read = b""
    async for chunk in response.aiter_raw(ANSWER_BYTES):
        read += chunk
        if len(read) >= ANSWER_BYTES:
            break
    return read[:ANSWER_BYTES].decode("utf-8", "replace")


def _plain(text: str | None) -> str | None:
    """One line of printable characters, as it may stand in a table and a page."""
    if text is None:
        return None
    return "".join(char if char.isprintable() else " " for char in text[: 4 * ANSWER_CHARACTERS])[:ANSWER_CHARACTERS]


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
