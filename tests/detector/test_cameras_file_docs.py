"""What the papers show is accepted as it stands there."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from detector.check import check_cameras
from detector.zoning.cameras_file import read_cameras
from detector.zoning.written import parsed
from detector.zoning.zones import DEFAULT_DWELL_S, ZoneKind, overlap_warnings
from tests.conftest import ROOT

PAPERS = ("docs/zones.md", "docs/cameras.md", "README.md")
BLOCKS = [
    (f"{paper}:{number}", block)
    for paper in PAPERS
    for number, block in enumerate(
        re.findall(r"```yaml\n(.*?)```", (ROOT / paper).read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the examples refer to."""
    monkeypatch.setenv("PLATFORM_SECRET", "s3cret")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "gate3").write_text("viewer:s3cret\n")
    (tmp_path / "certificates").mkdir()
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cam", "-keyout", "key.pem"]
    subprocess.run([*made, "-out", "certificates/gate3.pem"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def as_file(folder: Path, block: str) -> Path:
    """A block as a cameras file: what is of a camera gets one."""
    content: Any = parsed(block)
    whole = (
        content if "cameras" in content else {"cameras": [{"id": "gate", "source": "rtsp://10.0.0.5/live", **content}]}
    )
    path = folder / "cameras.yaml"
    path.write_text(yaml.safe_dump(whole, allow_unicode=True))
    return path


@pytest.mark.parametrize("block", [block for _, block in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_an_example_is_accepted(folder: Path, block: str) -> None:
    for camera in read_cameras(as_file(folder, block)):
        assert camera.zones
        assert overlap_warnings(camera.zones) == []


def test_there_are_examples() -> None:
    assert len([name for name, _ in BLOCKS if name.startswith("docs/zones.md")]) == 7


def test_the_table_of_kinds_is_true() -> None:
    text = (ROOT / "docs" / "zones.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (\d+) \|", text, re.MULTILINE)
    assert {ZoneKind(kind): float(dwell_s) for kind, dwell_s in rows} == DEFAULT_DWELL_S


def test_the_ground_of_the_example_is_drawn(folder: Path, make_clip) -> None:
    make_clip("good.mp4", seconds=3)
    block = next(block for _, block in BLOCKS if block.startswith("homography:"))
    content: Any = yaml.safe_load(as_file(folder, block).read_text())
    content["cameras"][0]["source"] = str(folder / "good.mp4")
    (folder / "cameras.yaml").write_text(yaml.safe_dump(content))
    (row,) = check_cameras(folder / "cameras.yaml", folder / "out")
    # The pairs are those of a camera 6 m high, with a 16:9 picture; this clip's is 4:3, which alters it.
    assert 3 < row["camera_height_m"] < 12
