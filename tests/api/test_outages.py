"""PostgreSQL that goes away and comes back under a running event system, and what it can't keep."""

from pathlib import Path

import httpx
import psycopg
import pytest

from api.server import EmbeddedServer
from tests.api import storages
from tests.api.conftest import write_settings
from tests.api.events import System, incident, put, put_file


def test_a_database_that_goes_away_and_comes_back(postgresql: storages.PostgreSQL, tmp_path: Path) -> None:
    data_dir, address = tmp_path / "data", postgresql.new_database()
    write_settings(data_dir, database=address)
    name = address.rpartition("/")[2]
    with EmbeddedServer(data_dir) as server:
        system = System(data_dir, server.url)
        worker, anybody = system.with_token(), system.anybody()
        assert put(worker, incident("before")).status_code == 201
        admin = psycopg.connect(postgresql.url("postgres", driver="postgresql"), autocommit=True)
        with admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            for answer in (put(worker, incident("during")), worker.get("/v1/incidents"), anybody.get("/readyz")):
                assert answer.status_code == 503
                assert answer.headers["content-type"] == "application/problem+json"
                assert "secret" not in answer.text
            assert anybody.get("/healthz").status_code == 200  # what watches the process does not end it for this
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
            assert put(worker, incident("during")).status_code == 201
            assert worker.get("/readyz").status_code == 200
            listed = worker.get("/v1/incidents").json()["incidents"]
            assert {found["id"] for found in listed} == {"before", "during"}
        system.close()


def test_a_bucket_that_goes_away(s3: storages.S3, tmp_path: Path) -> None:
    data_dir, bucket = tmp_path / "data", s3.new_bucket()
    write_settings(data_dir, evidence=f"s3://{bucket}/x")
    with EmbeddedServer(data_dir) as server:
        system = System(data_dir, server.url)
        worker = system.with_token()
        put(worker, incident("case"))
        httpx.request("DELETE", f"{s3.endpoint}/{bucket}", headers=storages.SIGNED).raise_for_status()
        for size in (1000, 20_000_000):
            answer = put_file(worker, "case", "a.jpg", b"\xff\xd8\xff" + bytes(size))
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert worker.get("/v1/incidents/case").status_code == 200
        assert worker.get("/readyz").status_code == 503
        system.close()


@pytest.mark.parametrize("revision", [2**31, 2**63, 10**30])
def test_numbers_beyond_any_column(worker: httpx.Client, revision: int) -> None:
    assert put(worker, incident("numbers", revision=revision)).status_code == 422


def test_texts_with_nul(worker: httpx.Client, reviewer: httpx.Client) -> None:
    """SQLite keeps them, PostgreSQL can't: a clear answer either way."""
    assert put(worker, incident("nul", place="a\0b")).status_code == 201  # within the document it is escaped
    assert worker.get("/v1/incidents/nul").json()["place"] == "a\0b"
    answer = reviewer.post("/v1/incidents/nul/review", json={"verdict": "confirm", "note": "a\0b"})
    assert answer.status_code in (201, 422)
    answer = reviewer.post("/v1/session", json={"name": "a\0b", "password": "x"})
    assert answer.status_code in (401, 422)
