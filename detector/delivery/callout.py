"""A call-out: when a fire lane is blocked, the camera's platform is asked to speak to whoever stands there. Pure.

The message is a webhook in the form of Standard Webhooks (standardwebhooks.com): `webhook-id` is the incident's id, so that a
platform that gets it twice speaks once; `webhook-signature` is HMAC-SHA256 over `id.timestamp.body`, where there is a secret.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from api.schema import as_utc_text
from streams.source.address import redact

SENTENCE = "fire_lane_keep_clear"
"""Key of the sentence that the platform is asked for; what it says, and in which language, is the platform's."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret in base64, no secret itself


@dataclass(frozen=True, slots=True)
class CallOut:
    """Whom to ask; prints itself redacted.

    Raises:
        ValueError: The address or the secret is none.
    """

    url: str = field(repr=False)
    """Full URL, credentials included. Only for sending: never log it."""
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # a port that is none
            usable = False
        if not usable or any(sign.isspace() for sign in self.url):
            raise ValueError(f"url: {str(self)!r} is no address: allowed is http://HOST[:PORT]/… or https://…")
        if self.secret is not None:
            _key(self.secret)

    def headers(self, message_id: str, sent_s: int, body: bytes) -> dict[str, str]:
        """What goes with a message, the signature where there is a secret.

        Args:
            message_id: The same for every try.
            sent_s: Seconds since 1970.
            body: As it is sent.
        """
        headers = {"Content-Type": "application/json", "webhook-id": message_id, "webhook-timestamp": str(sent_s)}
        if self.secret is not None:
            signed = f"{message_id}.{sent_s}.".encode() + body
            digest = hmac.new(_key(self.secret), signed, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers

    def __str__(self) -> str:
        return redact(self.url)


def _key(secret: str) -> bytes:
    if not secret:
        raise ValueError("secret_env: the secret is empty")
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"secret_env: what follows {SECRET_PREFIX} is no base64") from None


@dataclass(frozen=True, slots=True)
class Blocked:
    """What the platform is told; only what it needs to speak."""

    incident: str
    camera: str
    zone: str
    type: str
    confirmed_at: datetime
    subject: str
    """Class of what stands there."""
    place: str | None = None

    def body(self) -> bytes:
        """The message as JSON."""
        told = asdict(self) | {"confirmed_at": as_utc_text(self.confirmed_at), "sentence": SENTENCE, "schema": 1}
        return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
