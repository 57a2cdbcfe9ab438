"""Digests of files as they travel in HTTP headers (RFC 9530)."""

import base64
import binascii
import re

from api.problems import Problem

_MEMBER = re.compile(r"^\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;.*)?$")
_SHA256_BYTES = 32


def sha256_of_header(value: str | None) -> str:
    """Reads the SHA-256 from a `Repr-Digest` header.

    Args:
        value: The header, for example `sha-256=:BASE64:`; other algorithms beside it are passed over.

    Returns:
        The digest in hex.

    Raises:
        Problem: 400: the header is missing, or has no readable SHA-256.
    """
    if not value:
        raise Problem(400, "The header Repr-Digest is missing; allowed is `Repr-Digest: sha-256=:BASE64:`.")
    for member in value.split(","):
        found = _MEMBER.match(member)
        if not found:
            continue
        try:
            digest = base64.b64decode(found[1], validate=True)
        except binascii.Error:
            break
        if len(digest) == _SHA256_BYTES:
            return digest.hex()
    raise Problem(400, f"Repr-Digest is {value!r}; allowed is `sha-256=:BASE64:` with the 32 bytes of the hash.")
