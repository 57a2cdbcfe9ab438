"""Deleting footage whose time is over: what goes, what stays, and that it is written down."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from api.app import create_app
from api.casework.workflow import Step
from api.clock import now
from api.errors import ApiError
from api.parts import Parts
from api.records.operators import operator
from api.records.retention import over_at, run
from api.settings import load_settings
from api.upkeep_commands import retention
from tests.api.events import System, entry, incident, put, put_file

CAME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "stood_days", "table", "kept_days"),
    [
        ("rejected", 0, {"rejected": 30}, 30),
        ("rejected", 5, {"rejected": 30}, 35),  # from the rejection on, not from the arrival
        ("archived", 100, {"archived": 365}, 465),
        ("archived", 100, {"rejected": 30}, None),  # not named: kept
        ("archived", 100, {"archived": None}, None),
        ("discovered", 0, {"discovered": 180}, 180),
        ("rejected", 0, {"rejected": 1}, 30),  # the law's least time, whatever a table says
    ],
)
def test_when_it_is_over(step: str, stood_days: int, table: dict[str, int | None], kept_days: int | None) -> None:
    over = over_at(Step(step), CAME + timedelta(days=stood_days), CAME, table)
    assert over == (None if kept_days is None else CAME + timedelta(days=kept_days))


def jpeg(text: str) -> bytes:
    return b"\xff\xd8\xff\xe0" + text.encode() * 10


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    return system.signed_in("chief", "administrator")


@pytest.fixture
def parts(system: System) -> Iterator[Parts]:
    made = create_app(load_settings(system.data_dir)).state.parts
    yield made
    made.database.close()


def stored(system: System, content: bytes) -> bool:
    sha256 = hashlib.sha256(content).hexdigest()
    return f"{sha256[:2]}/{sha256}" in system.stored()


def case_with(worker: httpx.Client, name: str, *pictures: bytes) -> None:
    files = {f"snapshot-{number}.jpg": content for number, content in enumerate(pictures)}
    files["tracks-alarm.json"] = json.dumps({"of": name}).encode()
    put(worker, incident(name, evidence=[entry(file, content) for file, content in files.items()]))
    for file, content in files.items():
        assert put_file(worker, name, file, content).status_code == 201


def test_footage_goes_and_the_record_stays(
    system: System, worker: httpx.Client, chief: httpx.Client, parts: Parts
) -> None:
    shared = jpeg("shared")
    for name in ("old", "young", "held", "open", "lead", "part"):
        case_with(worker, name, jpeg(name), *([shared] if name in ("old", "young") else []))
    for name in ("old", "held", "lead"):
        chief.post(f"/v1/incidents/{name}/review", json={"verdict": "reject", "reason": "loading"})
    chief.post("/v1/incidents/open/review", json={"verdict": "confirm"})
    chief.put("/v1/cases/held/hold", json={"reason": "court"})
    assert chief.post("/v1/cases/lead/merged", json={"incident": "part"}).status_code == 204
    after_29, after_31 = (now() + timedelta(days=days) for days in (29, 31))
    assert run(parts, operator(), after_29).cases == ()
    would = run(parts, operator(), after_31, dry_run=True)
    assert stored(system, jpeg("old"))
    done = run(parts, operator(), after_31)
    assert would == done
    # The part goes with the case that leads it. `young` waits for a verdict, 180 days; `open` is not finished.
    assert (sorted(done.cases), done.files) == (["lead", "old", "part"], 4)
    assert done.size_bytes == sum(len(content) for content in (jpeg("old"), shared, jpeg("lead"), jpeg("part")))
    gone = {name: not stored(system, jpeg(name)) for name in ("old", "young", "held", "open", "lead", "part")}
    assert gone == {"old": True, "young": False, "held": False, "open": False, "lead": True, "part": True}
    assert stored(system, shared)  # another case still has it
    assert run(parts, operator(), after_31).cases == ()
    answer = worker.get("/v1/incidents/old/evidence/snapshot-0.jpg")
    assert (answer.status_code, "deleted by the retention rule" in answer.json()["detail"]) == (410, True)
    assert worker.get("/v1/incidents/old/evidence/tracks-alarm.json").status_code == 200
    case = worker.get("/v1/incidents/old").json()
    assert [(item["name"], item["stored"]) for item in case["evidence"]] == [
        ("snapshot-0.jpg", False),
        ("snapshot-1.jpg", False),
        ("tracks-alarm.json", True),
    ]
    assert case["case"]["footage_deleted_at"] == case["evidence"][0]["deleted_at"]
    assert case["review"]["reason"] == "loading"
    # A worker that repeats itself does not bring it back.
    assert put_file(worker, "old", "snapshot-0.jpg", jpeg("old")).status_code == 200
    assert not stored(system, jpeg("old"))
    log = chief.get("/v1/incidents/old/audit").json()["entries"]
    deleted = [(item["who"], item["reason"]) for item in log if item["action"] == "retention.delete"]
    assert deleted == [(operator().name, "snapshot-0.jpg, snapshot-1.jpg")]


def test_a_released_hold_lets_it_go(system: System, worker: httpx.Client, chief: httpx.Client, parts: Parts) -> None:
    case_with(worker, "court", jpeg("court"))
    chief.post("/v1/incidents/court/review", json={"verdict": "reject", "reason": "loading"})
    chief.put("/v1/cases/court/hold", json={"reason": "court"})
    later = now() + timedelta(days=4000)
    assert "court" not in run(parts, operator(), later).cases
    chief.delete("/v1/cases/court/hold")
    assert "court" in run(parts, operator(), later).cases


def test_an_archived_pack_without_footage_says_so(
    system: System, worker: httpx.Client, chief: httpx.Client, parts: Parts
) -> None:
    case_with(worker, "filed", jpeg("filed"))
    system.signed_in("otto", "officer")
    for action, said in (("accept", {}), ("dispatch", {"assignee": "otto"}), ("handle", {"note": "done"})):
        assert chief.post("/v1/cases/filed/steps", json={"action": action, **said}).status_code == 201
    other = system.signed_in("carl", "administrator")
    for action in ("verify", "archive"):
        assert other.post("/v1/cases/filed/steps", json={"action": action}).status_code == 201
    assert "filed" not in run(parts, operator(), now() + timedelta(days=1094)).cases
    assert "filed" in run(parts, operator(), now() + timedelta(days=1096)).cases
    pack = chief.get("/v1/incidents/filed/package", params={"purpose": "appeal"})
    assert pack.status_code == 200
    assert b"deleted by the retention rule on" in pack.content
    assert jpeg("filed") not in pack.content


def test_who_may_run_it(system: System, worker: httpx.Client, reviewer: httpx.Client, chief: httpx.Client) -> None:
    for client in (worker, reviewer):
        assert client.post("/v1/retention/runs", json={}).status_code == 403
    answer = chief.post("/v1/retention/runs", json={"dry_run": True})
    assert (answer.status_code, answer.json()["dry_run"]) == (201, True)
    assert chief.post("/v1/retention/runs", json={"days": 1}).status_code == 422
    told = CliRunner().invoke(retention, ["--data", str(system.data_dir), "--dry-run"])
    assert json.loads(told.output) == {"dry_run": True, "cases": [], "files": 0, "size_bytes": 0}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("retention_days: {rejected: 29}", "retention_days.rejected: Input should be greater than or equal to 30"),
        ("retention_days: {lost: 30}", "retention_days.lost"),
        ("step_roles: {jump: [officer]}", "step_roles.jump"),
        ("step_roles: {accept: [worker]}", "step_roles.accept.0"),
        ("time_limits: {steps: {discovered: 0}}", "time_limits.steps.discovered"),
        ("time_limits: {steps: {lost: 1}}", "time_limits.steps.lost"),
        ("working_time: {zone: Mars/Olympus}", "working_time.zone: Value error, allowed is a name like Asia/Shanghai"),
        ("working_time: {hours: {mon: ['9-5']}}", "working_time: Value error, working hours are '9-5'"),
        ("working_time: {hours: {}}", "no day of the week has working hours"),
        ("working_time: {speed: 1}", "working_time.speed: unknown key; allowed are zone, hours, holidays, workdays"),
        # A minute each Monday is less than 9 hours in ten years, 8 hours are about 4,200.
        ("working_time: {hours: {mon: ['08:00-08:01']}}", "time_limits.steps.discovered: 14.0 working hours from"),
        (
            "time_limits: {by_type: {dumping: {handled: 8760}}}\nworking_time: {hours: {mon: ['08:00-16:00']}}",
            "time_limits.by_type.dumping.handled: 8760.0 working hours from",
        ),
        ("workflow: {lock_s: 1}", "workflow.lock_s"),
        ("workflow: {camera_verifies: [archived]}", "workflow.camera_verifies.0"),
        ("grades: {}", "grades"),
    ],
)
def test_wrong_settings(tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / "settings.yaml").write_text(written)
    with pytest.raises(ApiError) as caught:
        load_settings(tmp_path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_line_of_a_table_can_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(
        "step_roles: {dispatch: [administrator]}\nretention_days: {archived: null}\n"
        "time_limits: {by_type: {dumping: {dispatched: 7}}}\nworking_time: {holidays: [2026-10-01]}\n"
    )
    settings = load_settings(tmp_path)
    assert settings.step_roles["dispatch"] == ("administrator",)  # type: ignore[index]
    assert "officer" in settings.step_roles["accept"]  # type: ignore[index]
    assert settings.retention_days["archived"] is None
    assert settings.retention_days["rejected"] == 30
    assert settings.time_limits.hours(Step.DISPATCHED, "dumping") == 7
    assert settings.time_limits.hours(Step.DISPATCHED, "illegal_parking") == 14
    assert settings.time_limits.hours(Step.APPRAISED, "dumping") is None
    assert settings.calendar.spans_of(datetime(2026, 10, 1, tzinfo=UTC).date()) == ()
