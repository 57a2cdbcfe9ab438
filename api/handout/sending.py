"""Sending a file of evidence: whole or in part, piece by piece, or through the front server."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.intake.media_types import is_shown
from api.problems import Problem
from api.schema import header_of_sha256
from api.storage.evidence_store import EvidenceStore

_LOG = logging.getLogger(__name__)
_RANGE = re.compile(r"^bytes=\s*(\d{0,18})-(\d{0,18})$")


@dataclass(frozen=True)
class SentFile:
    """What is sent.

    Attributes:
        sha256: Hex digest; also its ETag.
        size_bytes: Its size.
        media_type: What it is sent as.
        shown_name: The name under which a browser saves it.
    """

    sha256: str
    size_bytes: int
    media_type: str
    shown_name: str


def answer_with_file(
    request: Request, store: EvidenceStore, file: SentFile, accel_redirect: str | None = None
) -> Response:
    """Answers a GET.

    Args:
        request: Its `Range`, `If-Range` and `If-None-Match` count.
        store: Where the file lies.
        file: From its row in the database.
        accel_redirect: See `api.storage.places.Storage`: the front server reads the file, and the ranges, itself.

    Raises:
        Problem: 416: the range lies outside the file; 500: the file is lost.
        StoreUnavailableError: It can't be read at the moment; answered 503.
    """
    etag = f'"{file.sha256}"'
    if etag in (given.strip() for given in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers={"ETag": etag})
    headers = {
        "ETag": etag,
        "Content-Disposition": f'{"inline" if is_shown(file.media_type) else "attachment"}; filename="{file.shown_name}"',
        "Repr-Digest": header_of_sha256(file.sha256),
        # A browser may keep it, but asks each time, so that each view is registered.
        "Cache-Control": "private, no-cache",
        # Whatever it is, it runs nothing and loads nothing.
        "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; sandbox",
    }
    if accel_redirect is not None:
        headers["X-Accel-Redirect"] = f"{accel_redirect}/{file.sha256[:2]}/{file.sha256}"
        return Response(headers=headers, media_type=file.media_type)
    part = _part_asked_for(request.headers, file.size_bytes, etag)
    start, end = part or (0, file.size_bytes)
    headers |= {"Accept-Ranges": "bytes", "Content-Length": str(end - start)}
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    return StreamingResponse(_begun(store, file, start, end), 206 if part else 200, headers, file.media_type)


def _begun(store: EvidenceStore, file: SentFile, start: int, end: int) -> Iterator[bytes]:
    """The pieces, of which the first has been read: what is wrong is known before the answer begins.

    Raises:
        Problem: 500.
        StoreUnavailableError: Answered 503.
    """
    pieces = store.pieces(file.sha256, start, end)
    try:
        first = next(pieces, b"")
    except FileNotFoundError:
        _LOG.error("%s (%s) is lost from the evidence store", file.shown_name, file.sha256)
        raise Problem(500, f"{file.shown_name}: lost from the evidence store.") from None
    return chain((first,), pieces)


def _part_asked_for(headers: Mapping[str, str], size_bytes: int, etag: str) -> tuple[int, int] | None:
    """The bytes that are asked for: from, and up to but not including; None: all of them.

    Several ranges, units that we don't know, and ranges of another content (`If-Range`) are passed over, as RFC 9110
    sections 13.1.5 and 14.2 allow: the whole file answers.

    Raises:
        Problem: 416.
    """
    given = headers.get("range", "").strip()
    found = _RANGE.match(given)
    first, last = (found[1], found[2]) if found else ("", "")
    if (not first and not last) or headers.get("if-range", etag).strip() != etag:
        return None
    beyond = int(first) >= size_bytes if first else int(last) == 0 or size_bytes == 0
    if beyond or (first and last and int(last) < int(first)):
        raise Problem(
            416,
            f"Range is {given!r}; the file has {size_bytes} bytes.",
            headers={"Content-Range": f"bytes */{size_bytes}"},
        )
    if not first:
        return max(size_bytes - int(last), 0), size_bytes
    return int(first), min(int(last) + 1, size_bytes) if last else size_bytes
