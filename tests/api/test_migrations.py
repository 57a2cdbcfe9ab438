"""From every released form of the database forwards, with data in it.

`released/VERSION.sql` is what a data folder of that release looked like after a few days' work; a release adds its own.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, select, text

from api.records.audit import documents, verify_log
from api.server import EmbeddedServer
from api.storage.data_folder import open_database
from api.storage.database import Database, migration_config
from api.storage.tables import Base, Incident
from tests.api import storages
from tests.api.events import System, entry, incident, put, put_file

RELEASED = Path(__file__).parent / "released"
JPEG = b"\xff\xd8\xff\xe0" + b"r" * 50


def of_release(version: str, folder: Path) -> Path:
    folder.mkdir()
    with closing(sqlite3.connect(folder / "streetwarden.db")) as database:
        database.executescript((RELEASED / f"{version}.sql").read_text())
    return folder


@pytest.mark.parametrize("version", sorted(path.stem for path in RELEASED.glob("*.sql")))
def test_every_release_leads_to_the_tables(tmp_path: Path, version: str) -> None:
    data = of_release(version, tmp_path / "data")
    for _ in range(2):  # a second start changes nothing
        open_database(data).close()
    engine = create_engine(f"sqlite:///{data}/streetwarden.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    engine.dispose()
    database = open_database(data)
    with database.read() as session:
        assert verify_log(session).is_intact
    database.close()


def test_what_was_there_in_0_1_0_is_there_now(tmp_path: Path) -> None:
    data = of_release("0.1.0", tmp_path / "data")
    with closing(sqlite3.connect(data / "streetwarden.db")) as database:
        bodies = dict(database.execute("SELECT incident_id || '/' || revision, body FROM incident_revisions"))
    database = open_database(data)
    with database.read() as session:
        log = list(documents(session))
    database.close()
    told = [(item["sequence"], item["who"], item["action"], item["object"], item["reason"]) for item in log]
    assert told == [
        (1, "anna", "view", "/v1/incidents/confirmed/evidence/snapshot-alarm.jpg", "review"),
        (2, "olga", "download", "/v1/incidents/confirmed/package", "罚款 2026/17"),
    ]
    assert log[0]["at"].startswith("2026-11-26T05:08:38.")
    with EmbeddedServer(data) as server:
        system = System(data, server.url)
        chief, worker = system.signed_in("chief", "administrator"), system.with_token(name="worker-2")
        cases = {case["id"]: case for case in chief.get("/v1/incidents").json()["incidents"]}
        assert {name: case["case"]["step"] for name, case in cases.items()} == {
            "waiting": "discovered",
            "candidate": "discovered",
            "confirmed": "accepted",
            "rejected": "rejected",
            "changed": "rejected",
        }
        # No limit runs from before there were limits: an old backlog is not overdue overnight.
        assert {case["case"]["due_at"] for case in cases.values()} == {None}
        steps = [
            (event["from"], event["to"], event["who"]) for event in chief.get("/v1/cases/changed").json()["events"]
        ]
        assert steps == [("discovered", "accepted", "anna"), ("accepted", "rejected", "olga")]
        assert cases["confirmed"]["review"]["note"] == "车牌清楚"
        queue = chief.get("/v1/incidents", params={"order": "queue"}).json()["incidents"]
        assert queue[0]["id"] == "waiting"
        assert "candidate" not in [case["id"] for case in queue]
        # Work goes on where it was.
        assert put(worker, json.loads(bodies["confirmed/2"])).json()["outcome"] == "unchanged"
        later = incident("waiting", revision=2, evidence=[entry("snapshot-alarm.jpg", JPEG)])
        assert put(worker, later).status_code == 200
        assert put_file(worker, "waiting", "snapshot-alarm.jpg", JPEG).status_code == 201
        accepted = chief.post("/v1/cases/waiting/steps", json={"action": "accept"})
        assert accepted.json()["step"] == "accepted"
        assert chief.get("/v1/audit/verify").json()["intact"] is True
        for client in system.clients:
            client.close()


def test_0_1_0_on_postgresql(postgresql: storages.PostgreSQL) -> None:
    """The same rows in the other database: put in at the first revision, brought forward from there."""
    rows = [line for line in (RELEASED / "0.1.0.sql").read_text().splitlines() if line.startswith("INSERT INTO")]
    tables = ("users", "cameras", "tokens", "token_cameras", "incidents", "incident_revisions", "evidence_files")
    database = Database(make_url(postgresql.new_database()))
    with database.engine.begin() as connection:
        command.upgrade(migration_config(connection), "0001")
        for table in (*tables, "reviews", "access_log"):
            for row in rows:
                if row.startswith(f'INSERT INTO "{table}"'):
                    # Whether a password must be changed is a truth value there.
                    connection.execute(text(row.replace("fits',1,", "fits',true,").replace(":", "\\:")))
    database.migrate()
    with database.read() as session:
        assert [item["reason"] for item in documents(session)] == ["review", "罚款 2026/17"]
        assert verify_log(session).is_intact
        steps = {case.id: case.step for case in session.scalars(select(Incident))}
        assert compare_metadata(MigrationContext.configure(session.connection()), Base.metadata) == []
    database.close()
    assert steps["confirmed"] == "accepted"
    assert steps["changed"] == steps["rejected"] == "rejected"
