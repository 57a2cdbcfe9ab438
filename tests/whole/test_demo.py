"""What a newcomer types first."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.whole.house import run
from tests.whole.screenshots import demo, walk_through


def test_until_first_prints_one_confirmed_incident_with_its_files() -> None:
    answer = run("demo", "--until-first", limit_s=240)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert len(lines) == 1
    incident = json.loads(lines[0])
    assert (incident["type"], incident["state"]) == ("illegal_parking", "confirmed")
    assert incident["onset_at"] < incident["confirmed_at"]
    kinds = [file["kind"] for file in incident["evidence"] if file["stored"]]
    assert kinds.count("clip") == 1
    assert len(kinds) == len(incident["evidence"])
    originals = {
        file["name"] for file in incident["evidence"] if file["kind"] == "snapshot" and not file["derived_from"]
    }
    assert {"snapshot-arrival.jpg", "snapshot-alarm.jpg"} <= originals
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
def test_another_family_runs_the_demo(shared: Path, tmp_path: Path) -> None:
    own = {"STREETWARDEN_MODELS": str(tmp_path / "models")}
    added = run(
        "models", "add", shared / "models" / "yolox_nano.onnx", "--name", "nano", "--input-size", "416", env=own
    )
    assert added.stdout.startswith("nano: yolox, 80 classes"), added.stderr
    answer = run("demo", "--until-first", "--model", "nano", limit_s=240, env=own)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["type"] == "illegal_parking"


def test_from_the_first_start_to_the_downloaded_pack(tmp_path) -> None:
    with demo(tmp_path / "log") as (url, name, password), chromium() as browser:
        page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 800})
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        pack = walk_through(page, url, name, password, tmp_path)
        assert complaints == []
    with zipfile.ZipFile(pack) as files:
        assert files.testzip() is None
        listed = next(path for path in files.namelist() if path.endswith("/SHA256SUMS"))
        folder = listed.rsplit("/", 1)[0]
        lines = [line.split("  ", 1) for line in files.read(listed).decode().splitlines()]
        sums = {f"{folder}/{name}": digest for digest, name in lines}
        for path, digest in sums.items():
            assert hashlib.sha256(files.read(path)).hexdigest() == digest, path
        assert any(path.endswith("clip.mp4") for path in sums)
        review = json.loads(next(files.read(path) for path in files.namelist() if path.endswith("review.json")))
    assert json.dumps(review).count('"demo"') >= 1
