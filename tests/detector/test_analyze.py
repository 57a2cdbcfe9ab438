"""`analyze` on recordings that are broken, missing, or beside others; through the command where its exit code matters."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from detector.analyze import analyze
from detector.errors import ConfigError
from tests.whole.warm import RunWarm

ROOT = Path(__file__).resolve().parents[2]
ZONE = {"id": "kerb", "kind": "no_parking", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "dwell_s": 10}


def cameras_file(folder: Path, **sources: Path | str) -> Path:
    path = folder / "cameras.yaml"
    entries = [{"id": name, "source": str(source), "zones": [ZONE]} for name, source in sources.items()]
    path.write_text(json.dumps({"cameras": entries}), encoding="utf-8")
    return path


def streetwarden(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streetwarden", *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def faststart(source: Path, target: Path) -> Path:
    """The same packets with the index in front, so that a cut file can still be opened."""
    with av.open(source) as opened, av.open(target, "w", options={"movflags": "+faststart"}) as out:
        stream = out.add_stream_from_template(opened.streams.video[0])
        for packet in opened.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return target


def test_a_recording_that_breaks_off_yields_what_came_before(shared: Path, tmp_path: Path) -> None:
    name = "p01_kerb_city"
    scenarios = shared / "clips" / "scenarios"
    whole = faststart(scenarios / f"{name}.mp4", tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    camera: dict[str, Any] = json.loads((scenarios / f"{name}.camera.yaml").read_text(encoding="utf-8"))
    camera["cameras"][0]["source"] = "cut.mp4"
    (tmp_path / "cameras.yaml").write_text(json.dumps(camera), encoding="utf-8")
    done = streetwarden("analyze", tmp_path / "cameras.yaml", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "cut.mp4" in done.stderr
    result = json.loads((tmp_path / "out" / "incidents.json").read_text(encoding="utf-8"))
    (source,) = result["sources"]
    assert source["status"] == "truncated"
    assert 38 < source["read_s"] < 65  # about half of 92 s, as far as the bit rate is even
    # Both alarms fell at 31 s.
    assert [incident["zone"] for incident in result["incidents"]] == ["kerb", "kerb"]
    for incident in result["incidents"]:
        assert incident["confirmed_s"] < source["read_s"]
        kinds = {file["kind"] for file in incident["evidence"]}
        assert {"clip", "snapshot", "record"} <= kinds


def test_one_missing_file_stops_everything_before_anything_is_written(
    make_clip, tmp_path: Path, run_warm: RunWarm
) -> None:
    good = make_clip("good.mp4")
    done = run_warm("analyze", cameras_file(tmp_path, good=good, bad="missing.mp4"), "--out", tmp_path / "out")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if not line[:2].isdigit()]  # log lines begin with the year
    assert line.startswith("streetwarden: camera bad: source ")
    assert "missing.mp4" in line
    assert not (tmp_path / "out").exists()


def test_each_bad_source_has_its_line(make_clip, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("this is no video", encoding="utf-8")
    (tmp_path / "empty.mp4").write_bytes(b"")
    path = cameras_file(tmp_path, a=make_clip(), b="text.mp4", c="empty.mp4", d="none.mp4")
    with pytest.raises(ConfigError) as raised:
        analyze(path, tmp_path / "out")
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == ["camera b", "camera c", "camera d"]
    assert not (tmp_path / "out").exists()


def test_a_live_camera_is_no_recording(tmp_path: Path) -> None:
    path = cameras_file(tmp_path, gate="rtsp://viewer:secret@127.0.0.1:9/live")
    with pytest.raises(ConfigError, match="camera gate: is live") as raised:
        analyze(path, tmp_path / "out")
    assert "secret" not in str(raised.value)


def test_a_class_that_the_model_has_not_is_refused(make_clip, tmp_path: Path) -> None:
    zone = {**ZONE, "classes": ["car", "rickshaw"]}
    path = tmp_path / "cameras.yaml"
    entry = {"id": "gate", "source": str(make_clip()), "zones": [zone]}
    path.write_text(json.dumps({"cameras": [entry]}), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"camera gate, zone kerb: classes: rickshaw: .* allowed are person, bicycle"):
        analyze(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_several_cameras_keep_their_order_and_say_what_was_read(make_clip, tmp_path: Path) -> None:
    path = cameras_file(tmp_path, z=make_clip("z.mp4", seconds=3), a=make_clip("a.mp4", seconds=5))
    result = analyze(path, tmp_path / "out")
    assert [source["camera"] for source in result["sources"]] == ["z", "a"]
    assert [source["status"] for source in result["sources"]] == ["ok", "ok"]
    # The last of 75 and of 125 pictures, 0.04 s apart.
    assert [source["read_s"] for source in result["sources"]] == [pytest.approx(2.96), pytest.approx(4.96)]
    assert result["incidents"] == []
    assert json.loads((tmp_path / "out" / "incidents.json").read_text(encoding="utf-8")) == result


def test_progress_adds_up_to_what_was_read(make_clip, tmp_path: Path) -> None:
    told_s: list[float] = []
    analyze(cameras_file(tmp_path, a=make_clip(seconds=3.5)), tmp_path / "out", on_progress=told_s.append)
    assert sum(told_s) == pytest.approx(3.46, abs=0.05)  # the last of 88 pictures begins at 87 * 0.04 s, or one before


def test_files_of_others_in_the_folder_are_left_alone(make_clip, tmp_path: Path) -> None:
    notes = tmp_path / "out" / "evidence" / "my-notes" / "case.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine", encoding="utf-8")
    for _ in range(2):
        analyze(cameras_file(tmp_path, a=make_clip()), tmp_path / "out")
        assert notes.exists()


@pytest.mark.parametrize("name", ["", ".."])
def test_a_list_that_another_program_wrote_does_no_harm(make_clip, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    notes = out / "evidence" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine", encoding="utf-8")
    (out / "incidents.json").write_text(json.dumps({"incidents": [{"id": name}]}), encoding="utf-8")
    analyze(cameras_file(tmp_path, a=make_clip()), out)
    assert notes.exists()
