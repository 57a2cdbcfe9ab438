"""One HTTP download that can go on where it stopped."""

from collections.abc import Callable
from pathlib import Path

import httpx

from models.errors import ModelError

# A source that is out of reach should not keep the next one waiting; a slow one may take its time.
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


def download(url: str, part: Path, *, size_max_bytes: int, on_progress: Callable[[int], None]) -> None:
    """Download into `part`, after what it holds already where the server can do that (RFC 9110, section 14).

    Args:
        url: the address.
        part: the file; kept when the connection breaks, so that the next call goes on.
        size_max_bytes: more than this is refused.
        on_progress: told the length so far.

    Raises:
        ModelError: the address cannot be had; one reason, without the address.
    """
    have_bytes = part.stat().st_size if part.is_file() else 0
    if have_bytes >= size_max_bytes:
        part.unlink()
        have_bytes = 0
    # A compressed transfer would count other bytes than the file has.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have_bytes}-"} if have_bytes else {})
    try:
        with httpx.stream("GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as response:
            if response.status_code not in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
                raise ModelError(f"HTTP {response.status_code}")
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {have_bytes}-")
            if response.status_code == httpx.codes.PARTIAL_CONTENT and not goes_on:
                raise ModelError("the server sent another range than was asked for")
            _write(response, part, "ab" if goes_on else "wb", size_max_bytes, on_progress)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ModelError(str(error) or type(error).__name__) from None


def _write(
    response: httpx.Response, part: Path, mode: str, size_max_bytes: int, on_progress: Callable[[int], None]
) -> None:
    with part.open(mode) as stream:
        for chunk in response.iter_raw():  # as it arrives: a set size would hold back, and lose, what is short of it
            stream.write(chunk)
            if stream.tell() > size_max_bytes:
                stream.truncate(0)
                raise ModelError(f"longer than the {size_max_bytes} bytes expected")
            on_progress(stream.tell())
