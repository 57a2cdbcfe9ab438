"""Work for the processes of `evaluate` that needs no detector: each clip has a file that says what comes of it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from evaluation.errors import EvaluationError
from evaluation.running.job import Job, Tell

LOG = "calls.log"
BOX = [0.1, 0.2, 0.3, 0.4]


def table_work(job: Job, tell: Tell) -> None:
    """Does what `NAME.plan.json` says, and notes that it was asked."""
    name = job.cameras.stem
    with (job.cameras.parent / LOG).open("a") as log:
        log.write(f"{name}\n")
    plan = json.loads((job.cameras.parent / f"{name}.plan.json").read_text())
    tell(plan.get("read_s", 90.0))
    end = plan.get("end")
    if end == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "hangs":
        time.sleep(600)
    if end == "exits":
        os._exit(7)
    if end == "refused":
        raise EvaluationError(f"{name}.mp4: is not video")
    if end == "defect":
        raise ZeroDivisionError
    job.folder.mkdir(parents=True, exist_ok=True)
    source = {"camera": name, "status": plan.get("status", "ok"), "read_s": plan.get("read_s", 90.0)}
    found = {"schema": 1, "sources": [source], "incidents": plan.get("incidents", [])}
    (job.folder / "incidents.json").write_text(json.dumps(found))


def write_clip(folder: Path, name: str, *, duration_s: float = 90.0, true: int = 0, **plan: object) -> dict[str, str]:
    """A clip with `true` incidents, and what comes of it; gives its entry in a dataset."""
    zone = {"id": "kerb", "kind": "no_parking", "polygon": [[0, 0], [1, 0], [1, 1]], "dwell_s": 30}
    camera = {"id": name, "source": f"{name}.mp4", "zones": [zone]}
    truth = {"type": "illegal_parking", "zone": "kerb", "onset_s": 10, "alarm_s": 40, "end_s": None, "box": BOX}
    (folder / f"{name}.yaml").write_text(json.dumps({"cameras": [camera]}))
    (folder / f"{name}.mp4").write_bytes(name.encode() * 1000)
    (folder / f"{name}.json").write_text(json.dumps({"duration_s": duration_s, "incidents": [truth] * true}))
    (folder / f"{name}.plan.json").write_text(json.dumps({"read_s": duration_s, **plan}))
    return {"cameras": f"{name}.yaml", "truth": f"{name}.json"}


def found(name: str, onset_s: float = 10.5, confirmed_s: float = 43.0) -> dict[str, object]:
    """An alarm."""
    return {
        "id": name,
        "type": "illegal_parking",
        "zone": "kerb",
        "onset_s": onset_s,
        "confirmed_s": confirmed_s,
        "ended_s": None,
        "box": BOX,
        "score": 0.8,
    }


def calls(folder: Path) -> list[str]:
    """Clips that were analysed since this was last asked, in order."""
    log = folder / LOG
    names = log.read_text().split() if log.is_file() else []
    log.unlink(missing_ok=True)
    return names
