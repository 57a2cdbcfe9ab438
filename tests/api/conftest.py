"""One event system per file of tests, on a real port."""

from collections.abc import Iterator

import httpx
import pytest

from api.server import EmbeddedServer
from tests.api.events import System


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One event system for all tests of a file; they keep apart by the ids of their incidents."""
    data_dir = tmp_path_factory.mktemp("events") / "data"
    with EmbeddedServer(data_dir) as server:
        running = System(data_dir, server.url)
        yield running
        for client in running.clients:
            client.close()


@pytest.fixture(scope="module")
def worker(system: System) -> httpx.Client:
    return system.with_token(name="worker-1")


@pytest.fixture(scope="module")
def reviewer(system: System) -> httpx.Client:
    return system.signed_in("anna", "reviewer")
