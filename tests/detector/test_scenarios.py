"""Real footage through `analyze`: what is found, when it is said, and what evidence there is."""

import hashlib
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import av
import pytest

from detector.analyze import analyze
from detector.zoning.geometry import Box
from evaluation.metrics.matching import Prediction, Truth, match

ONSET_EARLY_S, ONSET_LATE_S, DELAY_MAX_S = 5.0, 10.0, 3.0
FOUND = ("p01_kerb_city", "p02_junction_car", "p03_vtest_parked")
NEGATIVE = "p06_neg_topview"

Analysed = Callable[[str], Path]


@pytest.fixture(scope="session")
def analysed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """Analyses a scenario once per session; gives the folder with `incidents.json`."""
    done: dict[str, Path] = {}

    def run(name: str) -> Path:
        if name not in done:
            out = tmp_path_factory.mktemp(name)
            analyze(shared / "clips" / "scenarios" / f"{name}.camera.yaml", out)
            done[name] = out
        return done[name]

    return run


@pytest.fixture
def scenarios(shared: Path) -> Path:
    return shared / "clips" / "scenarios"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def incidents(out: Path) -> list[dict[str, Any]]:
    return list(read(out / "incidents.json")["incidents"])


def dwell_s(scenarios: Path, name: str) -> float:
    return float(read(scenarios / f"{name}.camera.yaml")["cameras"][0]["zones"][0]["dwell_s"])


def prediction(found: dict[str, Any]) -> Prediction:
    times = found["onset_s"], found["confirmed_s"]
    return Prediction(found["id"], found["type"], found["zone"], *times, Box(*found["box"]))


def truth(true: dict[str, Any]) -> Truth:
    return Truth(true["type"], true["zone"], true["onset_s"], true["alarm_s"], Box(*true["box"]))


@pytest.mark.parametrize("name", FOUND)
def test_every_truth_is_found_once_in_time(analysed: Analysed, scenarios: Path, name: str) -> None:
    found = incidents(analysed(name))
    truths = read(scenarios / f"{name}.truth.json")["incidents"]
    matching = match([prediction(incident) for incident in found], [truth(true) for true in truths])
    assert (matching.false_alarms, matching.misses) == ((), ())
    assert len({incident["id"] for incident in found}) == len(found) == len(truths)
    by_id = {incident["id"]: incident for incident in found}
    for pair, true in zip(matching.matches, truths, strict=True):
        assert -ONSET_EARLY_S <= pair.onset_error_s <= ONSET_LATE_S
        assert -0.1 <= pair.delay_s <= DELAY_MAX_S
        incident = by_id[pair.prediction.id]
        assert incident["confirmed_s"] >= (incident["onset_s"] or 0.0) + dwell_s(scenarios, name)
        if true["end_s"] is None:
            assert incident["ended_s"] is None
        else:
            assert incident["ended_s"] == pytest.approx(true["end_s"], abs=2.0)


def test_an_arrival_in_view_is_dated_to_the_second(analysed: Analysed) -> None:
    (incident,) = incidents(analysed("p02_junction_car"))
    assert incident["onset_s"] == pytest.approx(9.32, abs=1.0)


def test_traffic_seen_from_above_raises_no_alarm(analysed: Analysed) -> None:
    assert incidents(analysed(NEGATIVE)) == []


@pytest.mark.parametrize("name", [*FOUND, NEGATIVE])
def test_the_source_was_read_to_its_end(analysed: Analysed, scenarios: Path, name: str) -> None:
    (source,) = read(analysed(name) / "incidents.json")["sources"]
    assert (source["camera"], source["status"], source["undecodable_packets"]) == (name, "ok", 0)
    # The last picture begins a frame's time before the end.
    assert source["read_s"] == pytest.approx(read(scenarios / f"{name}.truth.json")["duration_s"], abs=0.5)


@pytest.mark.parametrize("name", FOUND)
class TestEvidence:
    def test_three_stills_of_which_two_are_further_apart_than_the_dwell(
        self, analysed: Analysed, scenarios: Path, name: str
    ) -> None:
        for incident in incidents(analysed(name)):
            stills = [f for f in incident["evidence"] if f["kind"] == "snapshot" and "derived_from" not in f]
            assert len(stills) >= 3
            # The picture of the place clear shows no vehicle: it does not count.
            times_s = [still["start_s"] for still in stills if "left" not in still["name"]]
            assert max(b - a for a, b in combinations(sorted(times_s), 2)) > dwell_s(scenarios, name)

    def test_an_annotated_copy_says_what_it_is_made_from_and_differs(self, analysed: Analysed, name: str) -> None:
        out = analysed(name)
        for incident in incidents(out):
            folder = out / "evidence" / incident["id"]
            names = {file["name"] for file in incident["evidence"]}
            copies = [file for file in incident["evidence"] if "annotated" in file["name"]]
            assert len(copies) >= 3
            for copy in copies:
                assert copy["derived_from"] in names
                assert (folder / copy["name"]).read_bytes() != (folder / copy["derived_from"]).read_bytes()
            originals = {copy["derived_from"] for copy in copies}
            assert not originals & {copy["name"] for copy in copies}

    def test_clips_cover_onset_and_alarm_with_their_rolls(self, analysed: Analysed, name: str) -> None:
        for incident in incidents(analysed(name)):
            clips = [f for f in incident["evidence"] if f["kind"] == "clip" and "derived_from" not in f]
            onset_s = incident["onset_s"] or 0.0
            for moment_s in (onset_s, incident["confirmed_s"]):
                # 5 s before (or from the first picture on) and 5 s after, but for the distance of two pictures.
                assert any(
                    clip["start_s"] <= max(0.1, moment_s - 5.0) and clip["end_s"] >= moment_s + 4.8 for clip in clips
                ), (moment_s, clips)

    def test_clips_open_and_hold_what_they_say(self, analysed: Analysed, name: str) -> None:
        out = analysed(name)
        for incident in incidents(out):
            for clip in (file for file in incident["evidence"] if file["kind"] == "clip"):
                with av.open(out / "evidence" / incident["id"] / clip["name"]) as opened:
                    times_s = [frame.time for frame in opened.decode(video=0) if frame.time is not None]
                    assert opened.streams.video[0].codec_context.name == "h264"
                assert times_s[0] == pytest.approx(0, abs=0.1)
                assert times_s[-1] == pytest.approx(clip["end_s"] - clip["start_s"], abs=0.1)

    def test_every_file_is_there_once_with_its_digest_and_no_other(self, analysed: Analysed, name: str) -> None:
        out = analysed(name)
        found = incidents(out)
        assert sorted(folder.name for folder in (out / "evidence").iterdir()) == sorted(i["id"] for i in found)
        for incident in found:
            folder = out / "evidence" / incident["id"]
            names = [file["name"] for file in incident["evidence"]]
            assert sorted(path.name for path in folder.iterdir()) == sorted(names)  # nothing else, nothing hidden
            for file in incident["evidence"]:
                assert hashlib.sha256((folder / file["name"]).read_bytes()).hexdigest() == file["sha256"]
                assert file["start_s"] <= file["end_s"]
            kinds = {file["kind"] for file in incident["evidence"]}
            assert kinds == {"clip", "snapshot", "closeup", "tracks", "completeness", "record"}

    def test_tracks_know_their_subject(self, analysed: Analysed, name: str) -> None:
        out = analysed(name)
        for incident in incidents(out):
            for file in (file for file in incident["evidence"] if file["kind"] == "tracks"):
                tracks = read(out / "evidence" / incident["id"] / file["name"])
                assert tracks["clip"] in {other["name"] for other in incident["evidence"]}
                assert all(
                    0 <= left < right <= 1 and 0 <= top < bottom <= 1
                    for row in tracks["frames"]
                    for left, top, right, bottom in (entry["box"] for entry in row["boxes"])
                )
                if "arrival" not in file["name"]:
                    assert tracks["subject"] is not None

    def test_the_record_agrees_with_the_incident(self, analysed: Analysed, name: str) -> None:
        out = analysed(name)
        for incident in incidents(out):
            records = [file for file in incident["evidence"] if file["kind"] == "record"]
            last = read(out / "evidence" / incident["id"] / records[-1]["name"])
            for key in ("id", "camera", "zone", "type", "onset_s", "confirmed_s", "box"):
                assert last[key] == incident[key]

    def test_why_says_how_long_it_stood(self, analysed: Analysed, scenarios: Path, name: str) -> None:
        for incident in incidents(analysed(name)):
            why = incident["why"]
            assert why["stood_s"] >= dwell_s(scenarios, name) == why["dwell_s"]
            assert why["there_from_start"] is (incident["onset_s"] is None)
            assert 0 < incident["score"] <= 1


def test_two_runs_agree_and_the_second_replaces_the_first(analysed: Analysed, scenarios: Path, tmp_path: Path) -> None:
    name = "p02_junction_car"
    stale = tmp_path / "evidence" / "old-incident"
    stale.mkdir(parents=True)
    (stale / "clip.mp4").write_bytes(b"of an earlier run")
    (tmp_path / "incidents.json").write_text(
        json.dumps({"schema": 1, "sources": [], "incidents": [{"id": "old-incident"}]}), encoding="utf-8"
    )
    analyze(scenarios / f"{name}.camera.yaml", tmp_path)
    assert (tmp_path / "incidents.json").read_bytes() == (analysed(name) / "incidents.json").read_bytes()
    assert not stale.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FOUND, NEGATIVE])
def test_full_rate_finds_the_same(scenarios: Path, tmp_path: Path, name: str) -> None:
    analyze(scenarios / f"{name}.camera.yaml", tmp_path, full_rate=True)
    truths = read(scenarios / f"{name}.truth.json")["incidents"]
    matching = match([prediction(incident) for incident in incidents(tmp_path)], [truth(true) for true in truths])
    assert (matching.false_alarms, matching.misses) == ((), ())
    assert all(-0.1 <= pair.delay_s <= 0.5 for pair in matching.matches)
