"""Large clips over a line that breaks, to a real event system; and to one that is older than sending in parts."""

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api.provision import create_token
from api.server import EmbeddedServer
from detector.delivery import courier as courier_module
from detector.delivery.courier import Courier
from detector.delivery.outbox import Outbox
from detector.delivery.upload import LARGE_BYTES
from tests.api.events import System, entry, incident
from tests.detector.cutting_line import cutting_line
from tests.detector.event_system import Answer, EventSystem, Request

MIB = 1 << 20
CLIP = b"\x00\x00\x00\x20ftypisom" + random.Random(1).randbytes(20 * MIB)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    folder = tmp_path / "events"
    with EmbeddedServer(folder) as server:
        running = System(folder, server.url)
        yield running
        running.close()


@pytest.fixture
def deliver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, bytes], Courier]]:
    """Has a courier deliver an incident with one clip."""
    monkeypatch.setattr(courier_module, "BACKOFF_FIRST_S", 0.05)
    monkeypatch.setattr(courier_module, "BACKOFF_MAX_S", 0.2)
    monkeypatch.setattr(courier_module, "HELD_FIRST_S", 0.05)
    outbox = Outbox(tmp_path / "state")
    made: list[Courier] = []

    def start(url: str, token: str, content: bytes) -> Courier:
        folder = tmp_path / "evidence"
        folder.mkdir()
        (folder / "clip-alarm.mp4").write_bytes(content)
        outbox.post(incident("far-1", evidence=[entry("clip-alarm.mp4", content)]), folder)
        made.append(Courier(outbox, url, token))
        made[-1].start()
        return made[-1]

    yield start
    for courier in made:
        courier.stop()
    outbox.close()


def until_delivered(courier: Courier, count: int, limit_s: float = 40) -> None:
    deadline = time.monotonic() + limit_s
    while courier.delivered < count:
        assert courier.refused == 0
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_clip_arrives_over_a_line_that_breaks_again_and_again(
    system: System, deliver: Callable[[str, str, bytes], Courier]
) -> None:
    """Sent from the start each time, it would never arrive: no connection lives for more than 6 of its 20 MiB."""
    with cutting_line(urlsplit(system.url).port or 0, 6 * MIB) as line:
        courier = deliver(f"http://127.0.0.1:{line.port}", create_token(system.data_dir, "worker"), CLIP)
        until_delivered(courier, 2)
        assert line.cuts >= 3
        # What was on its way when the line broke goes once more, and nothing else.
        assert line.sent_bytes < len(CLIP) + line.cuts * 2 * MIB
    (path,) = [
        path for path in (system.data_dir / "evidence").rglob("*") if path.is_file() and path.stat().st_size > MIB
    ]
    assert path.name == hashlib.sha256(CLIP).hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_event_system_that_is_older_gets_it_in_one(deliver: Callable[[str, str, bytes], Courier]) -> None:
    taken: list[tuple[str, int]] = []

    def answer(request: Request) -> Answer:
        taken.append((request.method, len(request.body)))
        return (404, b"{}") if request.method == "POST" else (201, b"{}")

    old = EventSystem(answer)
    old.start()
    try:
        courier = deliver(old.url, "token", CLIP[: LARGE_BYTES + 1])
        until_delivered(courier, 2)
    finally:
        old.stop()
    assert taken[-1] == ("PUT", LARGE_BYTES + 1)


def test_what_is_wrong_about_it_is_told_once(system: System, deliver: Callable[[str, str, bytes], Courier]) -> None:
    token = create_token(system.data_dir, "worker", cameras=["elsewhere"])
    courier = deliver(system.url, token, CLIP[: LARGE_BYTES + 1])
    deadline = time.monotonic() + 40
    while courier.refused < 2:  # the incident, then its clip
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert courier.delivered == 0
