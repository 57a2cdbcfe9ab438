"""A worker's delivery under load, as a program that may be killed: posts incidents with files, and writes down which.

`python -m tests.whole.sender STATE URL LEDGER SECONDS`: a line of the ledger, synced, says `ID REVISION NAME=SHA256 …` of
what the outbox has taken. With 0 seconds nothing new is posted; either way it ends once everything has been delivered.
"""

import hashlib
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from detector.delivery.courier import Courier
from detector.delivery.outbox import Outbox
from detector.evidence.files import write_evidence
from tests.api.events import entry, incident

BACKLOG_MAX = 120
DRAIN_S = 120.0


def post_one(outbox: Outbox, folder: Path, ledger: Any) -> None:
    """An incident that is confirmed with two stills, and ended with a third."""
    name = f"kill-{time.time_ns()}"
    files = {
        f"snapshot-{which}.jpg": b"\xff\xd8\xff\xe0" + random.randbytes(random.randrange(100, 60_000))
        for which in ("arrival", "alarm", "left")
    }
    listed: list[dict[str, Any]] = []
    for revision, state, news in ((1, "confirmed", ("arrival", "alarm")), (2, "ended", ("left",))):
        for which in news:
            file = f"snapshot-{which}.jpg"
            write_evidence(folder / name, file, "snapshot", files[file], 0.0, 0.0)
            listed.append(entry(file, files[file]))
        document = incident(name, revision=revision, state=state, evidence=list(listed))
        if state == "ended":
            document["ended_at"] = "2026-03-02T08:05:00Z"
        outbox.post(document, folder / name)
        digests = " ".join(f"{item['name']}={hashlib.sha256(files[item['name']]).hexdigest()}" for item in listed)
        ledger.write(f"{name} {revision} {digests}\n")
        ledger.flush()
        os.fsync(ledger.fileno())


def main(state: Path, url: str, ledger_path: Path, seconds: float) -> int:
    outbox = Outbox(state / "outbox")
    courier = Courier(outbox, url, os.environ["STREETWARDEN_TOKEN"])
    courier.start()
    deadline_s = time.monotonic() + seconds
    with ledger_path.open("a", encoding="utf-8") as ledger:
        while time.monotonic() < deadline_s:
            if outbox.counts()["waiting"] > BACKLOG_MAX:
                time.sleep(0.05)
                continue
            post_one(outbox, state / "evidence", ledger)
    left = courier.stop(drain_s=DRAIN_S)
    counts = outbox.counts()
    sys.stderr.write(f"{counts}\n")
    return 0 if left == 0 and counts["dead"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])))
