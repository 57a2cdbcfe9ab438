"""The database, both kinds: what a write has read stays true, a read sees one state, and what is wrong is one line."""

import concurrent.futures
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from api.clock import now
from api.errors import ApiError
from api.storage.data_folder import open_database
from api.storage.database import Database
from api.storage.tables import Base, SignInFailure
from tests.api import storages
from tests.api.conftest import LARGE, write_settings


@pytest.fixture(scope="module")
def database(data_dir: Path) -> Iterator[Database]:
    with closing(open_database(data_dir)) as opened:
        yield opened


def test_migrations_lead_to_the_tables(data_dir: Path, database: Database) -> None:
    open_database(data_dir).close()  # a second time changes nothing
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_processes_that_start_at_once_migrate_one_after_the_other(
    storage: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if storage == LARGE:
        write_settings(tmp_path, database=request.getfixturevalue("postgresql").new_database())
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for opened in pool.map(open_database, [tmp_path] * 4):
            opened.close()


def add(database: Database, name: str, about: str | None) -> None:
    with database.write(about) as session:
        failure = session.get(SignInFailure, name)
        if failure is None:
            session.add(SignInFailure(name=name, count=1, last_at=now()))
        else:
            failure.count += 1


@pytest.mark.parametrize(
    "abouts",
    [
        [None] * 6,
        ["one"] * 6,  # all about the same incident
        [None, "one"] * 3,  # whoever is about everything waits for all
    ],
    ids=["everything", "one incident", "both"],
)
def test_what_a_write_has_read_stays_true(database: Database, abouts: list[str | None]) -> None:
    """Six threads count to ten each, reading and then writing: 60, or an update was lost (or an insert failed)."""
    name = f"counter-{abouts}"
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda about: [add(database, name, about) for _ in range(10)], abouts))
    with database.read() as session:
        assert session.get_one(SignInFailure, name).count == 60


@pytest.mark.parametrize(
    ("held", "wanted", "waits_on_postgresql"),
    [("one", "one", True), ("one", "two", False), (None, "one", True), ("one", None, True), (None, None, True)],
)
def test_who_waits_for_whom(
    database: Database, storage: str, held: str | None, wanted: str | None, *, waits_on_postgresql: bool
) -> None:
    entered = threading.Event()

    def enter() -> None:
        with database.write(wanted):
            entered.set()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with database.write(held):
            other = pool.submit(enter)
            waits = not entered.wait(0.3)
        other.result(timeout=10)
    assert waits == (waits_on_postgresql if storage == LARGE else True)


def test_a_read_sees_one_state_and_holds_up_nobody(database: Database) -> None:
    counting = text("SELECT count(*) FROM sign_in_failures")
    with database.read() as session:
        before = session.scalar(counting)
        add(database, "in between", None)
        assert session.scalar(counting) == before
    with database.read() as session:
        assert session.scalar(counting) == (before or 0) + 1


def test_a_newer_database_is_left_alone(storage: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if storage == LARGE:
        write_settings(tmp_path, database=request.getfixturevalue("postgresql").new_database())
    with closing(open_database(tmp_path)) as database, database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ApiError, match="newer version"):
        open_database(tmp_path)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql+psycopg://streetwarden:hush@127.0.0.1:1/events", "refused"),
        ("postgresql+psycopg://streetwarden:hush@127.0.0.1:PORT/events", "authentication failed"),
        ("postgresql://streetwarden:secret@127.0.0.1:PORT/nothing", 'database "nothing" does not exist'),
        ("postgresql+psycopg://streetwarden:hush@no-such-host.invalid/events", "no-such-host.invalid"),
    ],
)
def test_postgresql_that_cannot_be_used(
    postgresql: storages.PostgreSQL, tmp_path: Path, address: str, told: str
) -> None:
    write_settings(tmp_path, database=address.replace("PORT", str(postgresql.port)))
    with pytest.raises(ApiError) as caught:
        open_database(tmp_path)
    said = str(caught.value)
    assert told in said
    assert said.startswith("database postgresql+psycopg://streetwarden:***@")
    assert "hush" not in said
    assert "\n" not in said


def test_a_server_that_was_away_is_found_again(postgresql: storages.PostgreSQL, tmp_path: Path) -> None:
    """Its connections are ended from the other side, as a restart does it."""
    write_settings(tmp_path, database=postgresql.new_database())
    with closing(open_database(tmp_path)) as database:
        database.ping()
        with closing(open_database(tmp_path)) as other, other.write() as session:
            ended = session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            ).all()
        assert ended
        database.ping()


@pytest.mark.sqlite_only
def test_a_start_waits_for_whoever_brings_the_tables_forward(
    storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.storage.database.BUSY_TIMEOUT_MS", 50)
    open_database(tmp_path).close()
    other = sqlite3.connect(tmp_path / "streetwarden.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # a large table is being rewritten
    release = threading.Timer(0.5, other.rollback)
    release.start()
    began_s = time.monotonic()
    open_database(tmp_path).close()
    assert time.monotonic() - began_s >= 0.4
    release.join()
    other.close()
