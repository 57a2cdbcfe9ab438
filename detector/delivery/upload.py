"""Files of evidence on their way: small ones in one request, large ones so that a broken connection costs little (tus 1.0)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx

from api.schema import header_of_sha256
from detector.delivery.outbox import Message

LARGE_BYTES = 8 * 1024 * 1024
"""Below, sending it once more costs less than asking how much has arrived."""
PIECE_BYTES = 256 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
UNKNOWN_HERE = frozenset({404, 405})
"""Answers of an event system that is older than this, and of one that knows no such incident: a plain request tells which."""
ELSEWHERE = frozenset({404, 409})
"""Answers to a part that begins elsewhere than the event system is: to be asked anew."""


def send_file(client: httpx.Client, message: Message, trace: Mapping[str, str]) -> httpx.Response:
    """Sends a file of evidence; one that broke off goes on where the event system says.

    Args:
        client: To the event system.
        message: Its `path` and `sha256` are there.
        trace: Headers that say which trace it belongs to.

    Raises:
        httpx.TransportError: The connection could not be made, or broke.
        OSError: The file can't be read.
    """
    if message.path is None or message.sha256 is None:
        raise ValueError(f"{message.name} is no file")
    where = f"/v1/incidents/{quote(message.incident, safe='')}/evidence/{quote(message.name, safe='')}"
    size = message.path.stat().st_size
    if size > LARGE_BYTES:
        answer = _in_parts(client, where, message.path, message.sha256, trace)
        if answer is not None:
            return answer
    with message.path.open("rb") as file:
        headers = {
            "Repr-Digest": header_of_sha256(message.sha256),
            "Content-Length": str(size),
            "Content-Type": "application/octet-stream",
            **trace,
        }
        return client.put(where, content=file, headers=headers)


def _in_parts(
    client: httpx.Client, where: str, path: Path, sha256: str, trace: Mapping[str, str]
) -> httpx.Response | None:
    """The last answer; None: it can't be sent in parts here."""
    size = path.stat().st_size
    asked = {**TUS, "Upload-Length": str(size), "Repr-Digest": header_of_sha256(sha256), **trace}
    begun = client.post(f"{where}/uploads", headers=asked)
    if begun.status_code in UNKNOWN_HERE:
        return None
    if begun.status_code != httpx.codes.CREATED:
        return begun
    start = int(begun.headers["Upload-Offset"])
    headers = {
        **TUS,
        "Upload-Offset": str(start),
        "Content-Length": str(size - start),
        "Content-Type": "application/offset+octet-stream",
        **trace,
    }
    answer = client.patch(begun.headers["Location"], content=_from(path, start), headers=headers)
    if answer.status_code in ELSEWHERE:
        # A former try of ours is still being read there: by and by it is over.
        return httpx.Response(httpx.codes.SERVICE_UNAVAILABLE, text=answer.text, request=answer.request)
    return answer


def _from(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while piece := file.read(PIECE_BYTES):
            yield piece
