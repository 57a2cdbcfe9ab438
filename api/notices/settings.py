"""What an operator says about notices: the address in their links, and the MQTT broker."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MQTT_PASSWORD_VARIABLE = "STREETWARDEN_MQTT_PASSWORD"  # noqa: S105 - the name of a variable

_PORTS = {"mqtt": 1883, "mqtts": 8883}


def _mqtt_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        port_fits = parts.port != 0
    except ValueError:
        port_fits = False
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _PORTS or not parts.hostname or not port_fits or not is_bare:
        raise ValueError(f"allowed is mqtts://HOST:PORT (or mqtt://), the password in {MQTT_PASSWORD_VARIABLE}")
    return url


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("allowed is https://HOST")
    return url.rstrip("/")


PublicUrl = Annotated[str, StringConstraints(max_length=500), AfterValidator(_public_url)]
"""Under which address people and programs reach this event system."""


class MqttSettings(BaseModel):
    """Where notices are published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_mqtt_url)]
    topic_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,9}$")] = (
        "streetwarden"
    )
    username: str | None = Field(default=None, max_length=200)

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, or the usual one."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def is_encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return urlsplit(self.url).scheme == "mqtts"
