import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from detector.delivery.outbox import Outbox
from detector.lifecycle.pin import PIN_NAME, Pin
from detector.worker import clear_leftovers
from streams.shelf import Shelved
from tests.detector.film import PARKED, ZONE, KnowsOneCar, shoot, watched
from tests.streams.packets import full_disk, likeness, read


@pytest.fixture
def packets(make_clip):
    return read(make_clip(seconds=1, size=(160, 144)))


def test_a_pin_gives_its_packets_from_memory_and_from_disk(packets, tmp_path: Path) -> None:
    pin = Pin(packets, tmp_path / "incident")
    assert likeness(pin.packets()) == likeness(packets)
    assert not (tmp_path / "incident").exists()
    pin.to_disk()
    assert likeness(pin.packets()) == likeness(packets)
    # Synced and whole: it could be read after a crash, too.
    assert likeness(Shelved.open(tmp_path / "incident" / PIN_NAME).packets()) == likeness(packets)


def test_a_released_pin_leaves_nothing(packets, tmp_path: Path) -> None:
    pin = Pin(packets, tmp_path / "incident")
    pin.to_disk()
    pin.release()
    pin.release()
    assert pin.packets() == []
    assert not (tmp_path / "incident").exists()


def test_released_before_it_is_written_it_is_not_written(packets, tmp_path: Path) -> None:
    pin = Pin(packets, tmp_path / "incident")
    pin.release()
    pin.to_disk()
    assert not (tmp_path / "incident").exists()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_released_while_it_is_written_it_goes_all_the_same(packets, tmp_path: Path) -> None:
    for _ in range(50):
        pin = Pin(packets, tmp_path / "incident")
        writer = threading.Thread(target=pin.to_disk)
        writer.start()
        pin.release()
        writer.join()
        assert not (tmp_path / "incident").exists()


def test_evidence_beside_a_pin_stays(packets, tmp_path: Path) -> None:
    pin = Pin(packets, tmp_path)
    pin.to_disk()
    (tmp_path / "snapshot-alarm.jpg").write_bytes(b"x")
    pin.release()
    assert (tmp_path / "snapshot-alarm.jpg").exists()
    assert not (tmp_path / PIN_NAME).exists()


def test_what_the_disk_will_not_take_stays_in_memory(packets, tmp_path: Path, caplog) -> None:
    pin = Pin(packets, tmp_path)
    with full_disk(at_bytes=1000), caplog.at_level(logging.WARNING):
        pin.to_disk()
    assert "stays in memory" in caplog.text
    assert not (tmp_path / PIN_NAME).exists()
    assert likeness(pin.packets()) == likeness(packets)


def test_a_pin_that_cannot_be_read_is_said_to_be_lost(packets, tmp_path: Path, caplog) -> None:
    pin = Pin(packets, tmp_path)
    pin.to_disk()
    (tmp_path / PIN_NAME).write_bytes(b"torn")
    assert pin.packets() == []
    assert "is lost" in caplog.text


def test_what_a_crash_leaves_goes_at_the_next_start(packets, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    Pin(packets, tmp_path / "evidence" / "gate-1").to_disk()  # and the worker is gone
    clear_leftovers(outbox, tmp_path)
    outbox.close()
    assert list((tmp_path / "evidence").iterdir()) == []


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A car comes at 4 s and leaves at 26 s of 32 s."""
    path = tmp_path_factory.mktemp("film") / "kerb.mp4"
    return shoot(path, lambda time_s: [PARKED] if 4.0 <= time_s < 26.0 else [], 32.0)


class Watching(KnowsOneCar):
    """Remembers at each look at the car what pins lie on disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(self._count)
        self.folder = folder
        self.pins: list[int] = []

    def _count(self, _call: int) -> tuple[str, ...]:
        self.pins.append(len(list(self.folder.rglob(PIN_NAME))))
        return ("car",)


def test_a_candidate_pins_its_arrival_until_it_is_confirmed(film: Path, tmp_path: Path) -> None:
    detector = Watching(tmp_path)
    seen = watched(film, tmp_path, zone=replace(ZONE, dwell_s=17.0), detector=detector)
    (last,) = seen.newest.values()
    assert 1 in detector.pins  # from 5 s after the arrival on
    assert list(tmp_path.rglob(PIN_NAME)) == []
    clips = {file.name: file for file in last.evidence if file.kind == "clip"}
    assert set(clips) == {"clip-arrival.mp4", "clip-alarm.mp4"}  # 17 s apart: two clips
    arrival = clips["clip-arrival.mp4"]
    assert (arrival.start_s, arrival.end_s) == (pytest.approx(0.0), pytest.approx(4.0 + 5.0, abs=0.5))
    listed = {file.name for file in last.evidence}
    assert listed == {path.name for path in (tmp_path / last.id).iterdir()}


def test_a_candidate_that_leaves_takes_its_pin_along(film: Path, tmp_path: Path) -> None:
    detector = Watching(tmp_path)
    seen = watched(film, tmp_path, zone=replace(ZONE, dwell_s=60.0), detector=detector)
    assert seen.revisions == []
    assert 1 in detector.pins
    assert list(tmp_path.iterdir()) == []
