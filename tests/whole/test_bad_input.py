"""What a user gets wrong: one clear line, exit code 2, nothing written, no traceback."""

import json
import socket

import pytest

from tests.whole.house import cameras_file, run

SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]


def zone(**changes):
    return {"id": "kerb", "kind": "no_parking", "polygon": SQUARE, **changes}


def camera(**changes):
    return {"id": "gate", "source": "clip.mp4", "zones": [zone()], **changes}


WRONG = {
    "a key that nobody knows": (camera(colour="red"), ["cameras.yaml", "colour", "allowed are", "source"]),
    "a zone's key that nobody knows": (camera(zones=[zone(dwel_s=3)]), ["zones[0].dwel_s", "dwell_s"]),
    "a kind that nobody knows": (camera(zones=[zone(kind="no_dancing")]), ["zones[0].kind", "no_dancing", "fire_lane"]),
    "a polygon of two points": (camera(zones=[zone(polygon=SQUARE[:2])]), ["polygon", "3"]),
    "a polygon outside the frame": (camera(zones=[zone(polygon=[[0, 0], [1.2, 0], [1, 1]])]), ["1.2", "from 0 to 1"]),
    "a polygon that crosses itself": (
        camera(zones=[zone(polygon=[[0, 0], [1, 1], [1, 0], [0, 1]])]),
        ["polygon", "cross"],
    ),
    "a class that the model does not know": (
        camera(zones=[zone(classes=["spaceship"])]),
        ["spaceship", "allowed are", "car"],
    ),
    "a file that is not there": (camera(source="nowhere.mp4"), ["gate", "nowhere.mp4"]),
    "a file that is not video": (camera(source="words.mp4"), ["gate", "words.mp4"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_cameras_file(name, tmp_path, make_clip, run_warm) -> None:
    entry, words = WRONG[name]
    make_clip()
    (tmp_path / "words.mp4").write_text("no video, only words\n" * 100)
    path = tmp_path / "cameras.yaml"
    path.write_text(json.dumps({"cameras": [entry]}))
    refused(run_warm("analyze", path, "--out", tmp_path / "out"), words)
    assert not (tmp_path / "out").exists()


def test_a_cameras_file_that_is_not_there_or_not_yaml(tmp_path, run_warm) -> None:
    refused(run("analyze", tmp_path / "none.yaml", "--out", tmp_path / "out"), ["none.yaml"])
    broken = tmp_path / "broken.yaml"
    broken.write_text("cameras: [")
    refused(run_warm("analyze", broken, "--out", tmp_path / "out"), ["broken.yaml", "YAML"])
    refused(run_warm("cameras", "check", tmp_path / "none.yaml", "--out", tmp_path / "out"), ["none.yaml"])
    assert not (tmp_path / "out").exists()


def test_all_cameras_are_checked_before_the_first_starts(tmp_path, make_clip, run_warm) -> None:
    make_clip()
    entries = [camera(id="good"), camera(id="bad-1", source="a.mp4"), camera(id="bad-2", source="b.mp4")]
    path = tmp_path / "cameras.yaml"
    path.write_text(json.dumps({"cameras": entries}))
    answer = run_warm("analyze", path, "--out", tmp_path / "out")
    assert answer.returncode == 2
    assert ["bad-1" in answer.stderr, "bad-2" in answer.stderr, "good" in answer.stderr] == [True, True, False]
    assert not (tmp_path / "out").exists()


def test_an_unknown_model(tmp_path, make_clip, run_warm) -> None:
    cameras = cameras_file(tmp_path / "cameras.yaml", make_clip(), {"kerb": 5}, SQUARE)
    refused(run_warm("analyze", cameras, "--out", tmp_path / "out", "--model", "yolov99"), ["yolov99", "yolov8n"])


def test_a_port_that_is_taken(tmp_path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused(run("serve", "--data", tmp_path / "data", "--port", port), [str(port), "--port"])


def test_a_wrong_token(tmp_path, make_clip, event_system) -> None:
    system = event_system()
    cameras = cameras_file(tmp_path / "cameras.yaml", make_clip(), {"kerb": 5}, SQUARE)
    arguments = ("worker", cameras, "--events", system.url, "--state", tmp_path / "state")
    refused(run(*arguments, env={"STREETWARDEN_TOKEN": "swt_wrong"}), ["STREETWARDEN_TOKEN", system.url])
    reader = run("token", "create", "--data", system.data, "--role", "viewer").stdout.strip()
    refused(run(*arguments, env={"STREETWARDEN_TOKEN": reader}), ["viewer", "allowed is 'worker'"])
    refused(run(*arguments, env={"STREETWARDEN_TOKEN": ""}), ["STREETWARDEN_TOKEN"])


def test_an_address_that_is_none(tmp_path, make_clip, run_warm) -> None:
    cameras = cameras_file(tmp_path / "cameras.yaml", make_clip(), {"kerb": 5}, SQUARE)
    arguments = ("worker", cameras, "--state", tmp_path / "state", "--events")
    for address in ("not-an-address", "ftp://host"):
        refused(run_warm(*arguments, address, env={"STREETWARDEN_TOKEN": "swt_x"}), ["--events", address])


def refused(answer, words) -> None:
    assert answer.returncode == 2, (answer.stdout, answer.stderr)
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
    lines = [line for line in answer.stderr.splitlines() if not line[:2].isdigit()]  # log lines begin with the year
    assert len(lines) == 1, answer.stderr
    for word in words:
        assert word in lines[0], (word, lines[0])
