"""The data folder: the one place on disk where an event system keeps everything."""

from pathlib import Path

from sqlalchemy.exc import DatabaseError

from api.database import Database
from api.errors import ApiError

DATABASE_FILE = "streetwarden.db"
EVIDENCE_FOLDER = "evidence"


def open_database(data_dir: Path) -> Database:
    """Makes the folder if it is missing (for nobody else's eyes) and opens its database in the newest form.

    Raises:
        ApiError: The folder can't be made or written to, or what lies there is no database of ours.
    """
    try:
        if not data_dir.exists():
            data_dir.mkdir(mode=0o700, parents=True)
        database = Database(data_dir / DATABASE_FILE)
        database.migrate()
    except OSError as error:
        raise ApiError(f"--data {data_dir}: {error.strerror or error}; a folder that can be written to") from None
    except DatabaseError as error:
        raise ApiError(f"--data {data_dir}: {DATABASE_FILE} can't be used: {error.orig}") from None
    return database
