"""The real programs as a user starts them: `streetwarden …` in processes of their own, stopped whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import httpx

from evaluation.sample.compose import Sample

COMMAND = [sys.executable, "-m", "streetwarden"]
STOP_S = 30.0


def run(
    *arguments: str | Path, limit_s: float = 120, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=limit_s,
        env=os.environ | (env or {}),
        check=False,
    )


@contextmanager
def running(*arguments: str | Path, env: dict[str, str] | None = None, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs a command while the block lasts; its words go to `log`."""
    with log.open("a") as words:
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], stdout=words, stderr=words, text=True, env=os.environ | (env or {})
        )
        try:
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[str], how: signal.Signals = signal.SIGTERM) -> None:
    """Stops a process, with force if it does not listen."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def kill_whole(process: subprocess.Popen[str]) -> None:
    """Kills a worker and its shards at once, as a power cut does: nobody gets to tidy up."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    process.wait()


PATIENCE = 2.0
"""Of an idle machine's limits: others may be at work beside the tests, and what comes in time waits no longer for it."""


def wait_for(condition: Callable[[], Any], limit_s: float, what: str, log: Path | None = None) -> Any:
    """Waits until a condition gives something, and gives it; `limit_s` is what it may take on an idle machine."""
    deadline_s = time.monotonic() + limit_s * PATIENCE
    while time.monotonic() < deadline_s:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    said = log.read_text()[-3000:] if log else ""
    raise AssertionError(f"{what}: not within {limit_s} s\n{said}")


class Events:
    """The event system as a reader sees it over HTTP."""

    def __init__(self, url: str, token: str) -> None:
        self.client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=10,
            follow_redirects=True,
        )

    def up(self) -> bool:
        try:
            return self.client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def incidents(self) -> list[dict[str, Any]]:
        try:
            listed = self.client.get("/v1/incidents").raise_for_status().json()["incidents"]
            return [self.client.get(f"/v1/incidents/{row['id']}").raise_for_status().json() for row in listed]
        except httpx.TransportError:
            return []

    def file(self, incident: dict[str, Any], name: str) -> bytes:
        return self.client.get(f"/v1/incidents/{incident['id']}/evidence/{name}").raise_for_status().content


def cut_film(sample: Sample, start_s: float, end_s: float, out: Path) -> Path:
    """A part of the sample camera's film, cut at keyframes (it has one every 2 s), without transcoding."""
    with av.open(sample.path) as source, av.open(out, "w") as made:
        video = source.streams.video[0]
        stream = made.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.pts is None or not start_s <= float(packet.pts * packet.time_base) < end_s:
                continue
            packet.pts -= round(start_s / packet.time_base)
            packet.dts = packet.pts
            packet.stream = stream
            made.mux(packet)
    return out


def cameras_file(path: Path, source: str | Path, zones: dict[str, float], polygon: Any, **more: Any) -> Path:
    """A cameras file with one camera `street` and a no-parking zone for each name and dwell."""
    entry = {
        "id": "street",
        "source": str(source),
        "zones": [
            {"id": name, "kind": "no_parking", "polygon": [list(corner) for corner in polygon], "dwell_s": dwell_s}
            for name, dwell_s in zones.items()
        ],
        **more,
    }
    path.write_text(json.dumps({"cameras": [entry]}, ensure_ascii=False), encoding="utf-8")
    return path
