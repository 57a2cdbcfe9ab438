"""Tables that are only appended to: no statement changes, deletes or replaces a row, on either database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from api.storage.append_only import protect
from api.storage.data_folder import open_database
from api.storage.database import Database
from api.storage.tables import Base
from tests.api.events import System, incident, put

TABLES = ("audit", "case_events", "reviews", "incident_revisions", "notices", "registry_versions")
REPLACING = {
    "sqlite": (
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1",
        "REPLACE INTO {table} SELECT * FROM {table} LIMIT 1",
        "INSERT OR IGNORE INTO {table} SELECT * FROM {table} LIMIT 1",
        "INSERT INTO {table} SELECT * FROM {table} WHERE true LIMIT 1 ON CONFLICT DO UPDATE SET {set}",
        "UPDATE OR REPLACE {table} SET {set_own}",
    ),
    "postgresql": (
        "INSERT INTO {table} SELECT * FROM {table} LIMIT 1 ON CONFLICT ({keys}) DO UPDATE SET {set}",
        "TRUNCATE {table} CASCADE",
    ),
}


@pytest.fixture(scope="module")
def database(system: System, worker: httpx.Client, reviewer: httpx.Client) -> Iterator[Database]:
    put(worker, incident("kept"))
    reviewer.post("/v1/incidents/kept/review", json={"verdict": "confirm"})
    system.execute("INSERT INTO registry_versions VALUES ('area', 'north', 1, '{}', '2026-01-01 00:00:00+00', 'anna')")
    opened = open_database(system.data_dir)
    yield opened
    opened.close()


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_replaced(system: System, database: Database, table: str) -> None:
    before = system.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
    assert before
    columns = Base.metadata.tables[table].columns
    other = next(column.name for column in columns if not column.primary_key)
    told = {
        "table": table,
        "keys": ", ".join(column.name for column in columns if column.primary_key),
        "set": f"{other} = excluded.{other}",
        "set_own": f"{other} = {other}",
    }
    for statement in REPLACING[database.engine.dialect.name]:
        with pytest.raises(DBAPIError, match=f"{table} is append-only"), database.write() as session:
            session.connection().exec_driver_sql(statement.format(**told))
    assert system.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3") == before


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        # By the key, by another unique column, and by the number that SQLite itself gives a row.
        ("sequence BIGINT PRIMARY KEY, id TEXT UNIQUE, what TEXT", ["(1, 'z', 'x')", "(9, 'a', 'x')"]),
        ("a TEXT, b INTEGER, what TEXT, PRIMARY KEY (a, b)", ["('1', 2, 'x')"]),
        ("sequence INTEGER PRIMARY KEY, id TEXT, what TEXT", ["(1, 'z', 'x')"]),
    ],
)
def test_whatever_makes_a_row_one_of_its_kind(tmp_path: Path, columns: str, wrong: list[str]) -> None:
    path = tmp_path / "file.db"
    first = "('1', 2, 'first')" if columns.startswith("a ") else "(1, 'a', 'first')"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE log ({columns})")
        connection.exec_driver_sql(f"INSERT INTO log VALUES {first}")
        protect(connection, "log")
    engine.dispose()
    with closing(sqlite3.connect(path)) as database:
        before = database.execute("SELECT rowid, * FROM log").fetchall()
        for row in wrong:
            with pytest.raises(sqlite3.IntegrityError, match="log is append-only"):
                database.execute(f"REPLACE INTO log VALUES {row}")
        with pytest.raises(sqlite3.IntegrityError, match="log is append-only"):
            database.execute("REPLACE INTO log (rowid, what) VALUES (1, 'x')")
        assert database.execute("SELECT rowid, * FROM log").fetchall() == before
        database.execute("INSERT INTO log VALUES (2, 'b', 'second')")
        database.execute("INSERT INTO log (what) VALUES ('third')")
        assert [what for (what,) in database.execute("SELECT what FROM log")] == ["first", "second", "third"]


def test_a_database_of_before_is_protected_as_well(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "streetwarden.db")) as database:
        for table in TABLES:
            database.execute(f"DROP TRIGGER {table}_no_replace")
        database.execute("UPDATE alembic_version SET version_num = '0008'")
        database.commit()
    open_database(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "streetwarden.db")) as database:
        known = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    assert {f"{table}_no_replace" for table in TABLES} <= known
