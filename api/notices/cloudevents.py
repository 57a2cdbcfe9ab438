"""Notices as they travel: CloudEvents 1.0, structured, as JSON. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md; `sequence` is the extension of that name.
"""

import json
from datetime import datetime
from typing import Any

from api.notices.kinds import PING, PingData, schema_name
from api.schema import as_utc_text
from api.storage.tables import Notice

MEDIA_TYPE = "application/cloudevents+json"

SOURCE = "urn:streetwarden:event-system"
"""Where notices come from, while nobody has said under which address this one is reached (`public_url`)."""

SEQUENCE_DIGITS = 20
"""The extension is compared as text, so that it needs leading zeros; a 64-bit number has up to 19 digits."""


def event_of(notice: Notice, public_url: str | None) -> dict[str, Any]:
    """A notice as a CloudEvent.

    Args:
        notice: As it stands in the log.
        public_url: Where this event system is reached; links are relative without it.
    """
    data: dict[str, Any] = json.loads(notice.data)
    data["links"] = _links(data, public_url or "")
    return {
        **_head(notice.id, notice.type, notice.subject, notice.at, public_url),
        "sequence": f"{notice.sequence:0{SEQUENCE_DIGITS}}",
        "data": data,
    }


def ping_of(delivery_id: int, webhook_id: int, at: datetime, public_url: str | None) -> dict[str, Any]:
    """A try-out of one subscription."""
    head = _head(f"ping-{delivery_id}", PING, f"webhooks/{webhook_id}", at, public_url)
    return {**head, "data": PingData(webhook=webhook_id).model_dump(exclude_none=True)}


def body_of(event: dict[str, Any]) -> str:
    """A CloudEvent as the text that is signed and sent."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _head(id_: str, kind: str, subject: str, at: datetime, public_url: str | None) -> dict[str, Any]:
    name = schema_name(kind)
    schema = f"{public_url}/v1/notices/schemas/{name}" if public_url else f"urn:streetwarden:schema:{name}:v1"
    return {
        "specversion": "1.0",
        "id": id_,
        "source": public_url or SOURCE,
        "type": kind,
        "subject": subject,
        "time": as_utc_text(at),
        "datacontenttype": "application/json",
        "dataschema": schema,
    }


def _links(data: dict[str, Any], base: str) -> dict[str, str]:
    if "incident" not in data:
        return {"camera": f"{base}/v1/cameras/{data['camera']}"}
    path = f"{base}/v1/incidents/{data['incident']}"
    links = {
        "incident": path,
        "case": f"{base}/v1/cases/{data['incident']}",
        "page": f"{base}/cases/{data['incident']}",
    }
    if data.get("action") == "photo" and data.get("value"):
        links["photo"] = f"{path}/evidence/{data['value']}"
    return links
