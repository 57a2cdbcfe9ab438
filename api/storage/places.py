"""Where an event system keeps what it keeps: which database, which place for evidence, and who sends files.

Without a word in the settings that is SQLite and a folder in the data folder. `DATA/settings.yaml` or variables of the
environment, which come before it, name a PostgreSQL database, another folder or a bucket.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from api.errors import ApiError

STORAGE_KEYS = ("database", "evidence", "accel_redirect")
"""Keys in the settings file; in the environment they are written `STREETWARDEN_DATABASE` and so on."""

ENVIRONMENT_PREFIX = "STREETWARDEN_"

_POSTGRESQL = ("postgresql", "postgresql+psycopg")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.()-]+(/[A-Za-z0-9!_.()-]+)*")
_INTERNAL_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+")


@dataclass(frozen=True)
class Bucket:
    """A place in an S3 bucket; endpoint, region and credentials come from the environment (`AWS_…`).

    Attributes:
        name: The bucket.
        prefix: What all keys begin with; empty for none.
    """

    name: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}"


@dataclass(frozen=True)
class Storage:
    """What has been configured.

    Attributes:
        database: A PostgreSQL database; None: SQLite in the data folder.
        evidence: A bucket or another folder; None: a folder in the data folder.
        accel_redirect: The internal address under which a front server sends files of the evidence folder itself; None:
            it does not.
    """

    database: URL | None = None
    evidence: Bucket | Path | None = None
    accel_redirect: str | None = None


def read_storage(written: Mapping[str, object], environment: Mapping[str, str], source: Path) -> Storage:
    """Reads the three keys.

    Args:
        written: What the settings file says for `STORAGE_KEYS`.
        environment: Variables of the environment; one that is empty counts as not there.
        source: The settings file, for messages.

    Raises:
        ApiError: A value is not allowed. It says where the value stands, and never repeats a password.
    """
    places: dict[str, tuple[str, object]] = {}
    for key in STORAGE_KEYS:
        variable = ENVIRONMENT_PREFIX + key.upper()
        if environment.get(variable):
            places[key] = (variable, environment[variable])
        elif written.get(key) is not None:
            places[key] = (f"{source}: {key}", written[key])
    database = _database(*places["database"]) if "database" in places else None
    evidence = _evidence(*places["evidence"]) if "evidence" in places else None
    accel = _accel_redirect(*places["accel_redirect"]) if "accel_redirect" in places else None
    if accel is not None and isinstance(evidence, Bucket):
        raise ApiError(
            f"{places['accel_redirect'][0]}: a front server can send files of a folder only, and evidence lies in {evidence}"
        )
    return Storage(database, evidence, accel)


def _database(where: str, given: object) -> URL:
    allowed = "allowed is postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE"
    try:
        url = make_url(str(given))
    except (ValueError, ArgumentError):
        raise ApiError(f"{where}: {allowed}") from None
    if url.drivername not in _POSTGRESQL or not url.database:
        raise ApiError(f"{where}: {url.render_as_string(hide_password=True)}: {allowed}")
    return url.set(drivername="postgresql+psycopg")


def _evidence(where: str, given: object) -> Bucket | Path:
    allowed = (
        "allowed is s3://BUCKET/PREFIX (keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) or an absolute folder"
    )
    if not isinstance(given, str):
        raise ApiError(f"{where}: {given!r}: {allowed}")
    if Path(given).is_absolute():
        return Path(given)
    parts = urlsplit(given)
    if "@" in parts.netloc:
        raise ApiError(f"{where}: credentials don't belong into the address: {allowed}")
    prefix = parts.path.strip("/")
    is_bucket = parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc) and not parts.query and not parts.fragment
    if not is_bucket or (prefix and not _PREFIX.fullmatch(prefix)):
        raise ApiError(f"{where}: {given!r}: {allowed}")
    return Bucket(parts.netloc, prefix)


def _accel_redirect(where: str, given: object) -> str:
    if not isinstance(given, str) or not _INTERNAL_PATH.fullmatch(given):
        raise ApiError(f"{where}: {given!r}: allowed is an address without a slash at its end, such as /evidence-files")
    return given
