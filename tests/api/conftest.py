"""One event system per file of tests and storage, on a real port.

Tests that use one run twice: on SQLite and a folder, and on PostgreSQL and S3. `sqlite_only` keeps a test to the first;
files of `ON_SQLITE` do so as a whole, but for the slow suites.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from api.server import EmbeddedServer
from tests.api import storages
from tests.api.events import System

SMALL, LARGE = "sqlite+folder", "postgresql+s3"
CAMERA_NETWORKS = ["10.0.0.0/8", "127.0.0.0/8"]
ON_SQLITE = ("test_console", "test_console_flow", "test_console_jobs", "test_console_sign_in", "test_console_cameras")
"""Pages fetch what they show like any other program: a browser per storage tells little more."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "storage" not in metafunc.fixturenames:
        return
    module = metafunc.module.__name__.rpartition(".")[2]
    once = metafunc.definition.get_closest_marker("sqlite_only") or (
        module in ON_SQLITE and not metafunc.config.getoption("--all")
    )
    metafunc.parametrize("storage", [SMALL] if once else [SMALL, LARGE], scope="module")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[storages.PostgreSQL]:
    with storages.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[storages.S3]:
    with storages.s3() as server:
        yield server


@pytest.fixture(scope="module")
def data_dir(storage: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A fresh data folder whose settings name fresh storage."""
    folder = tmp_path_factory.mktemp("events") / "data"
    places = {}
    if storage == LARGE:
        postgresql, s3 = request.getfixturevalue("postgresql"), request.getfixturevalue("s3")
        places = {"database": postgresql.new_database(), "evidence": f"s3://{s3.new_bucket()}/district-1"}
    write_settings(folder, camera_networks=CAMERA_NETWORKS, **places)
    return folder


def write_settings(folder: Path, **settings: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))


@pytest.fixture(scope="module")
def system(data_dir: Path) -> Iterator[System]:
    """One event system for all tests of a file; they keep apart by the ids of their incidents."""
    with EmbeddedServer(data_dir) as server:
        running = System(data_dir, server.url)
        yield running
        running.close()


@pytest.fixture(scope="module")
def worker(system: System) -> httpx.Client:
    return system.with_token(name="worker-1")


@pytest.fixture(scope="module")
def reviewer(system: System) -> httpx.Client:
    return system.signed_in("anna", "reviewer")
