import re
import subprocess
import sys
from pathlib import Path

import pytest

from detector.delivery.outbox import Outbox
from detector.errors import ConfigError
from detector.processes import only_one
from detector.worker import Worker, clear_leftovers, default_shards

HOLDER = """
import sys
from pathlib import Path
from detector.processes import only_one
with only_one(Path(sys.argv[1]), "worker"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_state_folder_belongs_to_one_worker(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with (
                pytest.raises(ConfigError, match=r"--state .*state: another worker uses it"),
                only_one(state, "worker"),
            ):
                pass
        finally:
            holder.kill()  # dies without tidying up
            holder.wait()
    with only_one(state, "worker"):  # the lock died with it
        pass
    with only_one(state, "worker"):  # and is given back in good order
        pass


def test_leftovers_of_candidates_go_and_what_waits_stays(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    outbox = Outbox(tmp_path)
    for name in ("waiting", "dead", "delivered", "candidate"):
        (evidence / name).mkdir(parents=True)
        (evidence / name / "a.jpg").write_bytes(b"x")
    for name in ("waiting", "dead", "delivered"):
        outbox.post({"id": name, "revision": 1, "evidence": []}, evidence / name)
    for message in outbox.next_messages(16):
        if message.incident == "dead":
            outbox.refused(message, "409")
        elif message.incident == "delivered":
            outbox.sent(message)
    clear_leftovers(outbox, tmp_path)
    assert sorted(folder.name for folder in evidence.iterdir()) == ["dead", "waiting"]
    outbox.close()


@pytest.mark.parametrize(
    ("cameras", "cores", "shards"),
    [(1, 2, 1), (8, 2, 1), (9, 2, 2), (100, 2, 2), (100, 64, 13), (1, None, 1)],  # ceil(100 / 8) = 13
)
def test_shards_follow_cameras_and_cores(
    cameras: int, cores: int | None, shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert default_shards(cameras) == shards


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8000",
        "localhost:8000",
        "ftp://127.0.0.1",
        "events",
        "http://",
        "",
        "http://[::1",
        "http://127.0.0.1:99999",
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_else(tmp_path: Path, address: str) -> None:
    worker = Worker((), events_url=address, token="t", state_dir=tmp_path / "state", model="yolov8n", shards=1)
    with pytest.raises(ConfigError, match=f"^--events {re.escape(address)}: is no address: allowed is http://"):
        worker.check()
    assert not (tmp_path / "state").exists()
