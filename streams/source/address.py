"""Where video comes from: a path or a URL that keeps its password to itself."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

RtspTransport = Literal["tcp", "udp", "http"]

LIVE_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp")
TLS_SCHEMES = ("rtsps", "https")

_USERINFO = re.compile(r"(?<=://)\S+@")
"""Up to the last `@`: a password may hold `@` and `/` that nobody encoded."""
_SECRET = re.compile(
    r"((?:pass(?:word|wd|phrase)?|pwd|psw|pw|secret|token|auth|key|sign(?:ature)?|sig)=)[^&\s'\"]+", re.I
)
"""`password=x` and its kin, in a query or (as cheap cameras have it) in the path. What ends such a key is enough: `userpwd=`.
Rather too much is hidden than too little, so that a value goes on up to the next `&`."""
_PORT = re.compile(r":\d{1,5}(?:[/?]|$)")


def redact(text: str) -> str:
    """Takes logins out of every URL in a text, those in query strings as well.

    >>> redact("open rtsp://admin:s3cret@10.0.0.5/live failed")
    'open rtsp://***@10.0.0.5/live failed'
    >>> redact("http://10.0.0.5/video?user=admin&password=s3cret&channel=1")
    'http://10.0.0.5/video?user=admin&password=***&channel=1'
    """
    return _SECRET.sub(r"\1***", _USERINFO.sub("***@", text))


@dataclass(frozen=True, slots=True)
class Address:
    """A source, and how to reach it; prints itself redacted.

    Raises:
        ValueError: The choices don't go with the URL.
    """

    target: str = field(repr=False)
    """Full URL or path, credentials included. Only for opening: never log it."""
    transport: RtspTransport = "tcp"
    """How the pictures of an RTSP source travel: inside its connection, as datagrams, or through an HTTP tunnel."""
    verify_certificate: bool = True
    """Whether the certificate of rtsps and https is checked."""
    ca_file: Path | None = None
    """Certificates (PEM) that are trusted instead of the system's: of an authority, or the camera's own."""
    certificate_name: str | None = None
    """The name that the certificate bears, where it is not the host of the URL."""

    def __post_init__(self) -> None:
        if self.transport != "tcp" and self.scheme not in ("rtsp", "rtsps"):
            raise ValueError(f"transport: udp and http are for rtsp:// and rtsps://; the source is {self}")
        if self.transport == "udp" and self.scheme == "rtsps":
            raise ValueError("transport: datagrams beside rtsps would not be encrypted: allowed are tcp and http")
        if self.scheme not in TLS_SCHEMES and not self._trusts_as_usual:
            raise ValueError(
                f"verify_certificate, ca_file, certificate_name: are for rtsps:// and https://; the source is {self}"
            )

    @property
    def _trusts_as_usual(self) -> bool:
        return self.verify_certificate and self.ca_file is None and self.certificate_name is None

    @property
    def scheme(self) -> str:
        """Scheme of the URL in small letters; empty for a path."""
        scheme, separator, _ = self.target.partition("://")
        return scheme.lower() if separator else ""

    @property
    def live(self) -> bool:
        """True for a camera that plays whether we watch or not, False for a recorded file."""
        return self.scheme in LIVE_SCHEMES

    def with_login(self, login: str) -> "Address":
        """The same source with `user:password` put into its URL, percent-encoded.

        Raises:
            ValueError: The source takes no login, or this is none.
        """
        if self.scheme in ("", "udp"):
            raise ValueError(
                f"login_env, login_file: are for rtsp://, rtsps://, http:// and https://; the source is {self}"
            )
        user, separator, password = login.partition(":")
        if not (user and separator):
            raise ValueError("login_env, login_file: allowed is user:password")
        scheme, rest = self.target.split("://", 1)
        place = _USERINFO.sub("", f"://{rest}")
        return replace(self, target=f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{place[3:]}")

    def __str__(self) -> str:
        return redact(self.target)

    def __repr__(self) -> str:
        return f"Address({self})"


def parse_address(source: str, relative_to: Path) -> Address:
    """Reads the `source` of a camera: a URL as it is, a path relative to the folder of the file that names it.

    Raises:
        ValueError: The scheme is neither a file's nor one of a live camera, or a port is missing.
    """
    if "://" not in source:
        return Address(str(relative_to / Path(source).expanduser()))
    address = Address(source)
    if not address.live:
        allowed = ", ".join(f"{name}://" for name in LIVE_SCHEMES)
        raise ValueError(
            f"source {str(address)!r} has scheme {address.scheme!r}: allowed are {allowed} and a path of a file"
        )
    if address.scheme == "udp" and not _PORT.search(source):
        raise ValueError(
            f"source {str(address)!r} has no port: a transport stream comes to udp://GROUP-OR-OWN-HOST:PORT"
        )
    return address
