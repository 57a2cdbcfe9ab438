"""What only looks like an incident, one scene for each: composed of real footage, watched from end to end, told of by nobody.

Slow, as each scene is composed first. That something is told at all is shown by the scenes at the end, of the same places.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.recording import watch_recording
from detector.zoning.cameras_file import read_cameras
from evaluation.composer.compose import compose
from models.detector import Detector, load_detector

RECIPE = Path(__file__).resolve().parents[2] / "evaluation" / "composer" / "recipes" / "street.yaml"
HARD_NEGATIVES = {
    "a queue at a red light": ["queue-light-campus", "queue-light-noon"],
    "a jam that creeps": ["jam-creeps-campus"],
    "a loading bay in use": ["unloads-noon"],
    "several short stops at one place, as of a bus": ["stops-campus"],
    "headlights": ["headlights-stand-wet"],
    "rain": ["walkers-junction-rain"],
    "shadows": ["shadow-creeps-open", "shadow-comes-noon"],
    "a light switched on": ["lamp-on-night"],
    "a camera that shakes": ["shake-dumping", "waits-market-shake"],
    "a camera that was turned": ["nudged-campus"],
    "a vendor who is only passing": ["vendor-passes-campus", "vendor-passes-noon"],
    "a group standing and talking": ["talk-campus", "group-stands-noon"],
    "a bus queue": ["bus-queue-junction"],
    "a person who puts a bag down and stays": ["bag-stayed-with", "bag-stayed-with-noon"],
    "bins and bundles that were there before": ["bundle-taken-campus", "bin-moved-campus"],
    "a parked vehicle is no rubbish": ["car-parks-dumping"],
}
HAPPENS = {"park-campus-red": "illegal_parking", "dump-campus-bundle": "dumping", "vend-campus": "street_vending"}


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("yolov8n", provider="cpu")


def told(name: str, shared: Path, folder: Path, detector: Detector) -> list[str]:
    """Types of the incidents that are confirmed in a scene."""
    for _ in compose(RECIPE, shared, folder, only=[name]):
        pass
    (camera,) = read_cameras(folder / f"{name}.camera.yaml")
    found = watch_recording(camera, detector, folder / "evidence", evidence=False).incidents
    return [incident.type for incident in found if incident.confirmed_s is not None]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for names in HARD_NEGATIVES.values() for name in names])
def test_nobody_is_told(name: str, shared: Path, tmp_path: Path, detector: Detector) -> None:
    assert told(name, shared, tmp_path, detector) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", HAPPENS)
def test_what_happens_is_told(name: str, shared: Path, tmp_path: Path, detector: Detector) -> None:
    assert told(name, shared, tmp_path, detector) == [HAPPENS[name]]
