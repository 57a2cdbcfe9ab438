"""From a film of a car that parks to an incident that carries its plate: real pictures of a car, the real networks."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.delivery.wire import recorded
from detector.evidence.plates import PlateDesk
from detector.lifecycle.incidents import State
from models.detections import Detections
from models.letterbox import Letterbox
from models.plates.pictures import read_rgb
from models.plates.reader import load_plate_reader
from tests.detector.film import KnowsOneCar, Watched, watched

Image = NDArray[np.uint8]

WIDTH_PX, HEIGHT_PX = 960, 540
FPS = 8
ENDS_S = 13.0
COMES_S, RESTS_S = 1.0, 3.0
PARKED_PX = (180, 90)
"""Left and top of the car where it parks."""
SCALE = 0.5
"""Of the photograph: the plate is then about 125 px wide."""
LOOKS_SCALE = 8


def street() -> Image:
    noise = np.random.default_rng(0).normal(size=(HEIGHT_PX, WIDTH_PX, 1))
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)[:, :, None]
    return np.clip(110 + 30 * smooth / smooth.std(), 0, 255).astype(np.uint8).repeat(3, axis=2)


def shoot(path: Path, car: Image) -> Path:
    """The car comes in from the right and parks."""
    height, width = car.shape[:2]
    ground = street()
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"x264-params": "scenecut=0", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.codec_context.gop_size = FPS
        for number in range(round(ENDS_S * FPS)):
            image = ground.copy()
            still_s = RESTS_S - number / FPS
            left = PARKED_PX[0] + round(max(0.0, still_s) / (RESTS_S - COMES_S) * (WIDTH_PX - PARKED_PX[0]))
            shown = max(0, min(width, WIDTH_PX - left))
            image[PARKED_PX[1] : PARKED_PX[1] + height, left : left + shown] = car[:, :shown]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


class KnowsThePhotograph(KnowsOneCar):
    """Finds the car of this film wherever it is seen whole."""

    def __init__(self, car: Image) -> None:
        super().__init__()
        self._size_px = car.shape[1], car.shape[0]
        self._car = _small(car)

    def plan(self, width_px: int, height_px: int) -> Letterbox:
        return Letterbox.plan(width_px, height_px, input_px=WIDTH_PX)

    def detect(self, image_rgb: Image, _plan: Letterbox, **_: float) -> Detections:
        alike = cv2.matchTemplate(_small(image_rgb), self._car, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(alike)
        if best < 0.8:
            return Detections.none(self.names)
        left, top = x * LOOKS_SCALE, y * LOOKS_SCALE
        box = [[left, top, left + self._size_px[0], top + self._size_px[1]]]
        return Detections(np.array(box, np.float32), np.array([1]), np.array([0.8], np.float32), self.names)


def _small(image_rgb: Image) -> Image:
    gray = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, None, fx=1 / LOOKS_SCALE, fy=1 / LOOKS_SCALE, interpolation=cv2.INTER_AREA).astype(np.uint8)


@pytest.fixture(scope="module")
def car(shared: Path) -> Image:
    photograph = read_rgb(shared / "images" / "plates" / "single_green.jpg")
    return cv2.resize(photograph, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA).astype(np.uint8)


@pytest.fixture(scope="module")
def film(car: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shoot(tmp_path_factory.mktemp("plate") / "film.mp4", car)


def watch(film: Path, car: Image, folder: Path, **plan: Any) -> Watched:
    return watched(film, folder / "evidence", detector=cast("KnowsOneCar", KnowsThePhotograph(car)), **plan)


def test_the_incident_carries_the_right_plate(film: Path, car: Image, tmp_path: Path) -> None:
    done = watch(film, car, tmp_path)
    (incident,) = done.newest.values()
    assert incident.state is State.CONFIRMED
    assert incident.onset_s == pytest.approx(RESTS_S, abs=0.3)
    assert incident.plate is not None
    assert (incident.plate.text, incident.plate.colour) == ("沪AF71017", "green")
    assert incident.plate.frames_read >= incident.plate.frames_seen / 2 > 1
    (subject,) = recorded(incident)["subjects"]
    assert (subject["role"], subject["class"], subject["plate"]) == ("vehicle", "car", "沪AF71017")
    assert subject["plate_confidence"] >= 0.9
    closeups = [file for file in incident.evidence if file.kind == "closeup"]
    assert [file.name for file in closeups] == ["closeup.jpg", "closeup-plate.jpg"]
    close = read_rgb(done.folder / incident.id / "closeup-plate.jpg")
    assert [it.text for it in load_plate_reader(provider="cpu").read(close)] == ["沪AF71017"]
    record = [file.name for file in incident.evidence if file.kind == "record"][-1]
    written = json.loads((done.folder / incident.id / record).read_text("utf-8"))
    assert written["subjects"] == recorded(incident)["subjects"]


def test_a_plate_that_cannot_be_read_is_left_out(car: Image, tmp_path: Path) -> None:
    blurred = cv2.GaussianBlur(car, (0, 0), 4).astype(np.uint8)
    done = watch(shoot(tmp_path / "film.mp4", blurred), blurred, tmp_path)
    (incident,) = done.newest.values()
    assert incident.plate is None or incident.plate.text is None
    (subject,) = recorded(incident)["subjects"]
    assert subject["plate"] is None
    assert "plate_confidence" not in subject


def test_without_the_networks_the_incident_goes_on(film: Path, car: Image, tmp_path: Path) -> None:
    desk = PlateDesk()
    desk._asked = True  # asked before, and there was none
    done = watch(film, car, tmp_path, plate_reader=desk)
    (incident,) = done.newest.values()
    assert incident.plate is None
    assert {"clip", "snapshot", "closeup", "record"} <= {file.kind for file in incident.evidence}
    assert done.watch.clips_failed == 0
