"""The data folder: the one place on disk where an event system keeps everything, unless it is told otherwise.

What it keeps is opened here: the database and the evidence store that the settings name.
"""

from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError

from api.errors import ApiError
from api.settings import Settings, load_settings
from api.storage.database import Database
from api.storage.evidence_folder import EvidenceFolder
from api.storage.evidence_store import EvidenceStore
from api.storage.places import Bucket

DATABASE_FILE = "streetwarden.db"
EVIDENCE_FOLDER = "evidence"


def make_data_folder(data_dir: Path) -> None:
    """Makes the folder if it is missing, for nobody else's eyes.

    Raises:
        ApiError: It can't be made.
    """
    try:
        if not data_dir.exists():
            data_dir.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ApiError(f"--data {data_dir}: {error.strerror or error}; a folder that can be written to") from None


def open_database(data_dir: Path, settings: Settings | None = None) -> Database:
    """Opens the database in the newest form: the one that the settings name, else SQLite in the data folder.

    Args:
        data_dir: It is made if missing.
        settings: Read from the data folder if not given.

    Raises:
        ApiError: The folder can't be made or written to, what lies there is no database of ours, or PostgreSQL is away.
    """
    make_data_folder(data_dir)
    database = connect_database(data_dir, settings or load_settings(data_dir))
    try:
        database.migrate()
    except DatabaseError as error:
        database.close()
        raise ApiError(f"{_place(data_dir, database)} can't be used: {_line(error)}") from None
    except BaseException:
        database.close()
        raise
    return database


def connect_database(data_dir: Path, settings: Settings) -> Database:
    """The database as it is: nothing is opened before it is used, and nothing is migrated."""
    return Database(settings.storage.database or URL.create("sqlite", database=str(data_dir / DATABASE_FILE)))


def open_store(data_dir: Path, settings: Settings) -> EvidenceStore:
    """Opens the evidence store that the settings name, else the folder in the data folder.

    Raises:
        ApiError: It can't be used.
    """
    place = settings.storage.evidence
    if isinstance(place, Bucket):
        from api.storage.evidence_bucket import EvidenceBucket  # noqa: PLC0415 - loads the S3 client, which most don't need

        return EvidenceBucket(place)
    return EvidenceFolder(
        place or data_dir / EVIDENCE_FOLDER, group_may_read=settings.storage.accel_redirect is not None
    )


def _place(data_dir: Path, database: Database) -> str:
    return f"--data {data_dir}: {DATABASE_FILE}" if database.is_sqlite else f"database {database.name}"


def _line(error: DatabaseError) -> str:
    """What the driver says, in one line; PostgreSQL's client tells one per address it has tried."""
    return " ".join(str(error.orig).split())
