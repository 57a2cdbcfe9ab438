"""One door to the database: short read and write transactions, migrations, closing."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

BUSY_TIMEOUT_MS = 15_000
"""How long a writer waits for another one; SQLite has one writer at a time, and a write here takes milliseconds."""

MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """SQLite in a file, opened for many threads and several processes.

    Args:
        path: The database file; it is made if missing.
    """

    def __init__(self, path: Path) -> None:
        # isolation_level None: the driver begins nothing by itself, `_on_begin` says which kind of transaction it is.
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None, "timeout": 15})
        event.listen(self._engine, "connect", _on_connect)
        event.listen(self._engine, "begin", _on_begin)
        writing = self._engine.execution_options(takes_the_write_lock=True)
        self._writing_engine = writing
        self._reader = sessionmaker(self._engine, expire_on_commit=False)
        self._writer = sessionmaker(writing, expire_on_commit=False)

    @contextmanager
    def read(self) -> Generator[Session]:
        """A transaction that sees one consistent state and changes nothing."""
        with self._reader() as session:
            yield session

    @contextmanager
    def write(self) -> Generator[Session]:
        """A transaction that holds the write lock from its first moment, so that what it has read stays true."""
        with self._writer.begin() as session:
            yield session

    def migrate(self) -> None:
        """Brings the tables to the newest form; two processes that start at once do it one after the other."""
        with self._writing_engine.begin() as connection:
            command.upgrade(migration_config(connection), "head")

    def ping(self) -> None:
        """Asks the database for a sign of life."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()


def migration_config(connection: Connection) -> Config:
    """Alembic's configuration for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _on_connect(dbapi_connection: Any, _record: Any) -> None:
    cursor = dbapi_connection.cursor()
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    takes_lock = connection.get_execution_options().get("takes_the_write_lock", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if takes_lock else "BEGIN")
