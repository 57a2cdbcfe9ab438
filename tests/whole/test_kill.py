"""`kill -9`, again and again, of a worker's delivery or of the event system, while incidents with files are on their way."""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.api import storages
from tests.api.conftest import LARGE, SMALL
from tests.conftest import ROOT
from tests.whole.conftest import EventSystem
from tests.whole.house import run

SEED = 20_261_126
AT_WORK_S = (0.2, 2.5)
"""After a start, somebody is killed within this time: also before it is ready."""


@pytest.fixture
def storage_settings(storage: str) -> Iterator[dict[str, str]]:
    if storage == SMALL:
        yield {}
        return
    with storages.postgresql() as database, storages.s3() as bucket:
        yield {"database": database.new_database(), "evidence": f"s3://{bucket.new_bucket()}/district-1"}


def sender(system: EventSystem, folder: Path, seconds: float) -> subprocess.Popen[bytes]:
    arguments = [folder / "state", system.url, folder / "ledger", seconds]
    with (folder / "sender.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.whole.sender", *map(str, arguments)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env=os.environ | {"STREETWARDEN_TOKEN": system.worker_token},
        )


def taken(ledger: Path) -> dict[str, tuple[int, dict[str, str]]]:
    """Of each incident that the outbox has taken, the newest revision and the digests of its files."""
    found: dict[str, tuple[int, dict[str, str]]] = {}
    for line in ledger.read_text().splitlines():
        name, revision, *files = line.split(" ")
        found[name] = (int(revision), dict(file.split("=") for file in files))
    return found


def kill_at_random(system: EventSystem, folder: Path, kills: int) -> None:
    """One of the two is killed after a random time at work, and started again."""
    chance = random.Random(SEED)
    working = sender(system, folder, seconds=3600)
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(*AT_WORK_S))
            if chance.random() < 0.5:
                working.kill()
                working.wait()
                working = sender(system, folder, seconds=3600)
            else:
                system.kill()
                system.start()
    finally:
        working.kill()
        working.wait()


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("storage", "kills"),
    [
        pytest.param(SMALL, 12, id="sqlite-12"),
        pytest.param(SMALL, 200, id="sqlite-200", marks=pytest.mark.slow),
        pytest.param(LARGE, 200, id="postgresql-200", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_lost_or_doubled(
    tmp_path: Path,
    storage: str,
    storage_settings: dict[str, str],
    kills: int,
    event_system: Callable[..., EventSystem],
) -> None:
    (tmp_path / "events").mkdir(mode=0o700)
    (tmp_path / "events" / "settings.yaml").write_text(yaml.safe_dump(storage_settings))
    system = event_system()
    kill_at_random(system, tmp_path, kills)
    assert sender(system, tmp_path, seconds=0).wait(300) == 0, (tmp_path / "sender.log").read_text()[-2000:]

    told = taken(tmp_path / "ledger")
    assert len(told) > kills
    listed: list[str] = []
    page = {"incidents": [], "next": ""}
    while page["next"] is not None:
        page = system.events.client.get("/v1/incidents", params={"limit": 200, "cursor": page["next"]}).json()
        listed += [row["id"] for row in page["incidents"]]
    assert len(listed) == len(set(listed))
    assert set(told) <= set(listed)
    # Killed between the outbox and the ledger: what was taken once more than it was written down is there as well.
    assert len(listed) - len(told) <= kills
    for name, (revision, files) in told.items():
        found = system.events.client.get(f"/v1/incidents/{name}").raise_for_status().json()
        assert found["revision"] >= revision
        assert {file["name"] for file in found["evidence"]} >= set(files)
        assert all(file["stored"] for file in found["evidence"])
        for file, sha256 in files.items():
            assert hashlib.sha256(system.events.file(found, file)).hexdigest() == sha256
    assert run("audit", "verify", "--data", system.data).returncode == 0
    if storage == SMALL:
        kept = [path for path in (system.data / "evidence").rglob("*") if path.is_file()]
        half = [path for path in kept if path.parent.name == "incoming"]
        assert len(half) <= kills  # half received when somebody died: removed at a start a day later
        for path in set(kept) - set(half):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
