"""Where video comes from: a path or a URL that keeps its password to itself."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

LIVE_SCHEMES = ("rtsp", "rtsps")

_USERINFO = re.compile(r"(?<=://)\S+@")
"""Up to the last `@`: a password may hold `@` and `/` that nobody encoded."""


def redact(text: str) -> str:
    """Takes user names and passwords out of every URL in a text.

    >>> redact("open rtsp://admin:s3cret@10.0.0.5/live failed")
    'open rtsp://***@10.0.0.5/live failed'
    """
    return _USERINFO.sub("***@", text)


@dataclass(frozen=True, slots=True)
class Address:
    """A source as libavformat opens it; prints itself redacted."""

    target: str = field(repr=False)
    """Full URL or path, credentials included. Only for opening: never log it."""

    @property
    def live(self) -> bool:
        """True for a camera that plays whether we watch or not, False for a recorded file."""
        return urlsplit(self.target).scheme.lower() in LIVE_SCHEMES

    def with_login(self, login: str) -> "Address":
        """The same URL with `user:password` put in, percent-encoded."""
        scheme, rest = self.target.split("://", 1)
        user, _, password = login.partition(":")
        return Address(
            f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{_USERINFO.sub('', '://' + rest)[3:]}"
        )

    def __str__(self) -> str:
        return redact(self.target)

    def __repr__(self) -> str:
        return f"Address({self})"


def parse_address(source: str, relative_to: Path) -> Address:
    """Reads the `source` of a camera: a URL as it is, a path relative to the folder of the file that names it.

    Raises:
        ValueError: The scheme is neither a file's nor one of a live camera.
    """
    scheme = urlsplit(source).scheme.lower()
    if "://" not in source:
        return Address(str(relative_to / Path(source).expanduser()))
    if scheme not in LIVE_SCHEMES:
        allowed = ", ".join(f"{name}://" for name in LIVE_SCHEMES)
        raise ValueError(f"source {redact(source)!r} has scheme {scheme!r}: allowed are {allowed} and a path of a file")
    return Address(source)
