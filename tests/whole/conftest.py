from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from evaluation.sample.compose import Sample
from evaluation.sample.film import cached_sample
from tests.api.conftest import write_settings
from tests.rtsp import free_port
from tests.whole.house import Events, run, running, wait_for


@pytest.fixture(scope="session")
def sample() -> Sample:
    return cached_sample()


class EventSystem:
    """A real `streetwarden serve` that can be killed and brought back."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.data = folder / "events"
        if settings:
            write_settings(self.data, **settings)
        self.log = folder / "events.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.worker_token = run("token", "create", "--data", self.data, "--role", "worker").stdout.strip()
        reader = run("token", "create", "--data", self.data, "--role", "viewer").stdout.strip()
        self.events = Events(self.url, reader)
        self._stack = ExitStack()

    def start(self) -> None:
        self.process = self._stack.enter_context(
            running("serve", "--data", self.data, "--port", str(self.port), log=self.log)
        )
        wait_for(self.events.up, 30, "the event system answers", self.log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.events.client.close()
        self._stack.close()


@pytest.fixture
def event_system(tmp_path: Path) -> Iterator[Callable[..., EventSystem]]:
    started: list[EventSystem] = []

    def start(**settings: Any) -> EventSystem:
        system = EventSystem(tmp_path, settings)
        started.append(system)
        system.start()
        return system

    yield start
    for system in started:
        system.close()
