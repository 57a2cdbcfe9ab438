"""One door to the database: short read and write transactions, migrations, closing.

Both databases keep one promise: what a write transaction has read stays true until it commits. SQLite has one writer at a
time anyway. On PostgreSQL an advisory lock does the same for all processes that share the database; transactions that say
which one incident they are about go side by side with those about others.
"""

import hashlib
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.orm import Session, sessionmaker

from api.errors import ApiError
from api.tracing import part

BUSY_TIMEOUT_MS = 15_000
"""How long a writer waits for another one; a write here takes milliseconds."""

MIGRATION_WAIT_MS = 3_600_000
"""How long a start waits while another process brings a file's tables forward: a large one takes its time."""

CONNECT_TIMEOUT_S = 10
"""A PostgreSQL server that has not answered by then is said to be away."""

ABANDONED_TRANSACTION_MS = 60_000
"""PostgreSQL ends a transaction whose process has gone silent: it may hold the lock that all others wait for."""

CONNECTIONS_KEPT = 5
CONNECTIONS_MAX = 20
"""To PostgreSQL, per process. Its default allows 100 in all: four processes and a person."""

_LOCK_ALL = 0x5357_0001
_LOCK_ONE = 0x5357_0002
"""The two families of our advisory locks ("SW"): everything, and one subject."""

MIGRATIONS = Path(__file__).parents[1] / "migrations"


class Database:
    """SQLite in a file or a PostgreSQL database, opened for many threads and several processes.

    Args:
        url: `sqlite:///FILE`, which is made if missing, or `postgresql+psycopg://…`.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.engine = _sqlite(url) if self.is_sqlite else _postgresql(url)
        reading = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._writing = self.engine.execution_options(takes_the_write_lock=True) if self.is_sqlite else self.engine
        self._reader = sessionmaker(reading, expire_on_commit=False)
        self._writer = sessionmaker(self._writing, expire_on_commit=False)

    @contextmanager
    def read(self) -> Generator[Session]:
        """A transaction that sees one consistent state and changes nothing."""
        with self._reader() as session:
            yield session

    @contextmanager
    def write(self, about: str | None = None) -> Generator[Session]:
        """A transaction in which what has been read stays true.

        Args:
            about: The id of the one incident whose rows are read to decide something and then written. Such
                transactions wait for each other and for those that are about everything (None), but not for those about
                other incidents. SQLite makes no difference.
        """
        with part("database.write"), self._writer.begin() as session:
            with part("database.lock"):
                connection = session.connection()  # begins at once, not with the first statement
                if not self.is_sqlite:
                    _take_write_lock(connection, about)
            yield session

    def migrate(self) -> None:
        """Brings the tables to the newest form; two processes that start at once do it one after the other.

        Raises:
            ApiError: The database is of a newer version.
        """
        # Another process may be at it, for as long as a large table takes.
        with self._waiting_long() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                _take_write_lock(connection, None)
            try:
                command.upgrade(migration_config(connection), "head")
            except CommandError as error:
                raise ApiError(f"{self.name}: {error}; it is of a newer version than this program") from None

    @contextmanager
    def _waiting_long(self) -> Generator[Connection]:
        """A write transaction that SQLite begins however long somebody else is at it; on PostgreSQL, any."""
        with self._writing.connect() as connection:
            own = connection.connection.cursor()
            if self.is_sqlite:
                own.execute(f"PRAGMA busy_timeout={MIGRATION_WAIT_MS}")
            try:
                with connection.begin():
                    yield connection
            finally:
                if self.is_sqlite:
                    own.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
                own.close()

    def ping(self) -> None:
        """Asks the database for a sign of life."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def is_empty(self) -> bool:
        """Whether there is no table in it."""
        return not inspect(self.engine).get_table_names()

    @property
    def name(self) -> str:
        """What people call it: its file, or its address without the password."""
        return str(self.url.database) if self.is_sqlite else self.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def migration_config(connection: Connection) -> Config:
    """Alembic's configuration for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _sqlite(url: URL) -> Engine:
    # isolation_level None: the driver begins nothing by itself, `_on_begin` says which kind of transaction it is.
    engine = create_engine(url, connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(dbapi_connection: Any, _record: Any) -> None:
    cursor = dbapi_connection.cursor()
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _turn_on_wal(cursor)
    cursor.close()


def _turn_on_wal(cursor: Any) -> None:
    """Waits for itself: while somebody else turns it on in a new file, SQLite says "locked" at once, whatever its timeout.

    Seen with SQLite 3.40: of eight processes that open a new file and write to it, one in seventy was refused.
    """
    deadline_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)
        else:
            return


def _on_begin(connection: Connection) -> None:
    takes_lock = connection.get_execution_options().get("takes_the_write_lock", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if takes_lock else "BEGIN")


def _postgresql(url: URL) -> Engine:
    # READ COMMITTED: after the lock each statement sees what earlier holders have committed.
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=CONNECTIONS_KEPT,
        max_overflow=CONNECTIONS_MAX - CONNECTIONS_KEPT,
        # A server that was started anew has closed the connections that lie in the pool.
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": (
                f"-c lock_timeout={BUSY_TIMEOUT_MS} -c idle_in_transaction_session_timeout={ABANDONED_TRANSACTION_MS}"
            ),
        },
    )


def _take_write_lock(connection: Connection, about: str | None) -> None:
    """Waits for the lock, which PostgreSQL frees after the commit has become visible.

    Raises:
        OperationalError: Somebody has held it for longer than the busy timeout.
    """
    if about is None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:family, 0)"), {"family": _LOCK_ALL})
        return
    # The shared lock comes first for everybody, so nobody waits in a circle.
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:family, 0)"), {"family": _LOCK_ALL})
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:family, :subject)"), {"family": _LOCK_ONE, "subject": _number_of(about)}
    )


def _number_of(about: str) -> int:
    """A signed 32-bit number for a text; two that share one by chance only wait for each other."""
    return int.from_bytes(hashlib.blake2b(about.encode(), digest_size=4).digest(), "big", signed=True)
