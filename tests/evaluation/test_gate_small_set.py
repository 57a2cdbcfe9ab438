"""The gate that guards this project: two short clips, the real detector, and what must not be. With what follows from it: a
second call takes what is finished, and Ctrl-C keeps it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.running.clip import analyse
from evaluation.running.job import Job, Settings
from evaluation.sample.compose import Sample
from tests.whole.house import COMMAND, cut_film
from tests.whole.house import run as streetwarden
from tests.whole.warm import RunWarm

DWELL_S = 20.0
FROM_S, TO_S = 4.0, 48.0
"""Of the sample camera's film: from an empty street until the alarm has its clip; the bus leaves only after that."""
LAWN = [[0.0, 0.0], [0.3, 0.0], [0.3, 0.2], [0.0, 0.2]]
"""Nothing ever stands up there."""
PASSES = "all.f1 < 1 or all.fa_per_camera_hour > 0 or illegal_parking.delay_s.max > 5"


@pytest.fixture(scope="module")
def small_set(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the sample camera's film twice: with a zone where the bus parks, and with one where nothing happens."""
    folder = tmp_path_factory.mktemp("set")
    film = cut_film(sample, FROM_S, TO_S, folder / "film.mp4")
    true = {
        "type": "illegal_parking",
        "zone": "kerb",
        "onset_s": sample.onset_s - FROM_S,
        "alarm_s": sample.onset_s - FROM_S + DWELL_S,
        "end_s": None,
        "box": sample.box,
    }
    for name, zone, truths in (("kerb", sample.zone, [true]), ("lawn", LAWN, [])):
        zones = [{"id": name, "kind": "no_parking", "polygon": zone, "dwell_s": DWELL_S}]
        camera = {"id": name, "source": str(film), "zones": zones}
        (folder / f"{name}.yaml").write_text(json.dumps({"cameras": [camera]}))
        (folder / f"{name}.json").write_text(json.dumps({"duration_s": TO_S - FROM_S, "incidents": truths}))
    clips = [{"cameras": f"{name}.yaml", "truth": f"{name}.json"} for name in ("kerb", "lawn")]
    (folder / "dataset.yaml").write_text(json.dumps({"clips": clips}))
    return folder


@pytest.fixture(scope="module")
def out(small_set: Path) -> Path:
    """Evaluated once, and gated."""
    folder = small_set / "out"
    passed = streetwarden("evaluate", small_set / "dataset.yaml", "--out", folder, "--fail-if", PASSES)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert f"gate passes: {PASSES}" in passed.stdout
    return folder


def test_the_detector_passes_the_gate_and_does_not_pass_a_stricter_one(small_set: Path, out: Path) -> None:
    first = (out / "report.json").read_bytes()
    old = small_set / "old.json"
    old.write_bytes(first)
    failed = streetwarden(
        "evaluate", small_set / "dataset.yaml", "--out", out, "--baseline", old,
        "--fail-if", "all.f1 < baseline.all.f1 - 0.01 or all.delay_s.max > -9",
    )  # fmt: skip
    assert failed.returncode == 3, failed.stdout + failed.stderr
    assert "all.delay_s.max > -9 (" in failed.stdout
    assert (out / "report.json").read_bytes() == first
    assert all(clip["kept"] for clip in json.loads((out / "timing.json").read_text())["clips"])


def test_a_condition_with_a_slip_is_refused_before_anything_is_analysed(small_set: Path, run_warm: RunWarm) -> None:
    refused = run_warm(
        "evaluate", small_set / "dataset.yaml", "--out", small_set / "none", "--fail-if", "dumpling.f1 < 1"
    )
    assert refused.returncode == 2
    assert not (small_set / "none").exists()


def test_evidence_takes_part_in_no_decision(small_set: Path, out: Path) -> None:
    folder = small_set / "evidence"
    analyse(Job("kerb", small_set / "kerb.yaml", folder, Settings(evidence=True)), lambda _: None)
    with_evidence = json.loads((folder / "incidents.json").read_text())
    without = json.loads((out / "clips" / "000-kerb" / "incidents.json").read_text())
    assert with_evidence["incidents"][0]["evidence"]
    for found in (with_evidence, without):
        for incident in found["incidents"]:
            incident["evidence"] = []
            incident["subjects"] = [subject["class"] for subject in incident["subjects"]]  # plates are evidence
        found["sources"][0].pop("clips_failed", None)
    assert without == with_evidence


@pytest.mark.slow
def test_ctrl_c_stops_within_3_s_and_the_same_command_goes_on(small_set: Path, out: Path) -> None:
    folder = small_set / "interrupted"
    command = [*COMMAND, "evaluate", str(small_set / "dataset.yaml"), "--out", str(folder), "--jobs", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _await((folder / "clips" / "000-kerb" / "clip.json").is_file)
    process.send_signal(signal.SIGINT)
    started_s = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - started_s < 3
    assert process.returncode == 130
    assert "1 of 2 clips are finished" in said
    assert "goes on from there" in said
    again = streetwarden(*command[len(COMMAND) :])
    assert again.returncode == 0
    timing = json.loads((folder / "timing.json").read_text())
    assert [clip["kept"] for clip in timing["clips"]] == [True, False]
    assert (folder / "report.json").read_bytes() == (out / "report.json").read_bytes()


def _await(there: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 120
    while not there():
        assert time.monotonic() < until_s
        time.sleep(0.05)
