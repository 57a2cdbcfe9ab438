"""Who is told what: the filter of a subscription, and its secrets."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from sqlalchemy import ColumnElement
from standardwebhooks import Webhook as Signer

from api.notices.kinds import KINDS
from api.storage.tables import Notice, Webhook

SECRET_BYTES = 32
"""Standard Webhooks asks for 24 to 64."""


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError("there is no such kind of notices; see /v1/notices/kinds")
    return kind


KindList = Annotated[list[Annotated[str, AfterValidator(_known)]], Field(max_length=len(KINDS))]
"""Kinds that somebody asks for."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix


@dataclass(frozen=True)
class Wanted:
    """What a subscription asks for; an empty list means all.

    Attributes:
        types: Kinds of notices.
        cameras: Whose.
    """

    types: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()


def new_secret() -> str:
    """A fresh secret, in the form of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def wanted_by(webhook: Webhook) -> Wanted:
    """What a stored subscription asks for."""
    return Wanted(*(tuple(json.loads(text)) for text in (webhook.types, webhook.cameras)))


def listed(values: Sequence[str]) -> str:
    """A list as it is stored: each value once."""
    return json.dumps(list(dict.fromkeys(values)), ensure_ascii=False)


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What a notice has to be to be wanted."""
    found: list[ColumnElement[bool]] = []
    if wanted.types:
        found.append(Notice.type.in_(wanted.types))
    if wanted.cameras:
        found.append(Notice.camera_id.in_(wanted.cameras))
    return found


def rotate(webhook: Webhook, until: datetime) -> str:
    """Gives a subscription a new secret; the one before signs as well until then.

    Returns:
        The new one.
    """
    webhook.previous_secret, webhook.previous_until = webhook.secret, until
    webhook.secret = new_secret()
    return webhook.secret


def valid_secrets(webhook: Webhook, moment: datetime) -> tuple[str, ...]:
    """The secrets that sign at this moment, the newest first."""
    before, until = webhook.previous_secret, webhook.previous_until
    return (webhook.secret, before) if before and until and until > moment else (webhook.secret,)


def signed_headers(given: Sequence[str], message_id: str, moment: datetime, body: str) -> dict[str, str]:
    """The headers of Standard Webhooks for a body: one signature per secret."""
    signatures = [Signer(secret).sign(message_id, moment, body) for secret in given]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
