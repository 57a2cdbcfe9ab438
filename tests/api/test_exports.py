"""Exports: what a list shows, as a table, as JSON and as points on a map; safe to open, scoped, registered."""

import csv
import io
import json
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.handout.case_table import COLUMNS
from api.identity.principals import Principal, Role
from api.metrics import Metrics
from api.parts import Parts
from api.routers import exports
from api.settings import load_settings
from api.storage.data_folder import open_database, open_store
from evaluation.benches.many_cases import fill
from tests.api.events import BEGAN, System, incident, put

FOR = {"purpose": "monthly report"}


@pytest.fixture(scope="module")
def cases(worker: httpx.Client, reviewer: httpx.Client) -> None:
    put(
        worker,
        incident(
            "sheet-1",
            camera="sheet",
            place='=HYPERLINK("http://x","click")',
            event_code="0505",
            why={"latitude": 39.907512, "longitude": -116.391312},
        ),
    )
    put(worker, incident("sheet-2", camera="sheet", place="新华路3号, 东侧", why={"latitude": "north", "longitude": 3}))
    put(worker, incident("sheet-3", camera="sheet-b", type="dumping", place="@SUM(1)"))
    reviewer.post("/v1/incidents/sheet-2/review", json={"verdict": "reject", "reason": "permitted", "note": "Anna: ok"})


def rows_of(answer: httpx.Response) -> dict[str, dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return {row["id"]: row for row in csv.DictReader(io.StringIO(answer.text))}


def test_a_table(cases: None, reviewer: httpx.Client) -> None:
    answer = reviewer.get("/v1/exports/cases.csv", params={**FOR, "camera": "sheet", "language": "zh"})
    rows = rows_of(answer)
    assert list(rows) == ["sheet-2", "sheet-1"] or list(rows) == ["sheet-1", "sheet-2"]
    assert tuple(rows["sheet-1"]) == COLUMNS
    first, second = rows["sheet-1"], rows["sheet-2"]
    assert first["place"] == '\'=HYPERLINK("http://x","click")'
    assert (first["latitude"], first["longitude"]) == ("39.907512", "-116.391312")  # a number stays a number
    assert (first["type_name"], first["event_name"], first["step_name"]) == ("车辆违停", "机动车乱停放", "发现上报")
    assert (second["verdict"], second["reason_name"], second["place"]) == ("reject", "许可范围内", "新华路3号, 东侧")
    assert (second["latitude"], second["longitude"]) == ("", "")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="cases-')
    assert not answer.content.startswith(b"\xef\xbb\xbf")
    for_excel = reviewer.get("/v1/exports/cases.csv", params={**FOR, "bom": True})
    assert for_excel.content.startswith(b"\xef\xbb\xbfid,")
    english = rows_of(reviewer.get("/v1/exports/cases.csv", params={**FOR, "type": "dumping"}))
    assert (english["sheet-3"]["type_name"], english["sheet-3"]["place"]) == ("Dumping", "'@SUM(1)")


def test_the_same_as_json_and_on_the_map(cases: None, reviewer: httpx.Client) -> None:
    listed = reviewer.get("/v1/exports/cases.json", params={**FOR, "camera": "sheet"}).json()["cases"]
    assert {case["id"] for case in listed} == {"sheet-1", "sheet-2"}
    assert set(listed[0]) == set(COLUMNS)
    answer = reviewer.get("/v1/exports/cases.geojson", params={**FOR, "camera": "sheet"})
    assert answer.headers["content-type"] == "application/geo+json"
    shapes = {shape["id"]: shape for shape in answer.json()["features"]}
    assert shapes["sheet-1"]["geometry"] == {"type": "Point", "coordinates": [-116.391312, 39.907512]}
    assert shapes["sheet-2"]["geometry"] is None
    assert shapes["sheet-2"]["properties"]["reviewer"] == "anna"
    none = reviewer.get("/v1/exports/cases.geojson", params={**FOR, "camera": "nowhere"}).json()
    assert none == {"type": "FeatureCollection", "features": []}


def test_scope_purpose_and_record(cases: None, system: System, reviewer: httpx.Client) -> None:
    narrow = system.with_token(role="viewer", cameras=["sheet-b"])
    assert set(rows_of(narrow.get("/v1/exports/cases.csv", params=FOR))) == {"sheet-3"}
    for wrong in ({}, {"purpose": "  "}, {**FOR, "cursor": "x"}, {**FOR, "colour": "red"}, {**FOR, "limit": 1_000_001}):
        assert reviewer.get("/v1/exports/cases.csv", params=wrong).status_code == 422
    assert reviewer.get("/v1/exports/cases.xlsx", params=FOR).status_code == 422
    assert system.with_token(role="worker").get("/v1/exports/cases.csv", params=FOR).status_code == 403
    assert system.anybody().get("/v1/exports/cases.csv", params=FOR).status_code == 401
    chief = system.signed_in("exports-chief", "administrator")
    log = [json.loads(line) for line in chief.get("/v1/audit").text.splitlines()]
    taken = [entry for entry in log if entry["object"].startswith("/v1/exports/") and entry["action"] == "export"]
    assert (taken[0]["who"], taken[0]["reason"]) == ("anna", "monthly report")
    assert taken[0]["object"] == "/v1/exports/cases.csv?camera=sheet&language=zh"
    assert taken[-1]["who"] == "viewer"


def test_what_is_registered_is_what_was_taken(cases: None, system: System, reviewer: httpx.Client) -> None:
    """Of a key that is there many times the last counts: that one is written down, not the first of a long row."""
    asked = [("type", "dumping")] * 30 + [("type", "illegal_parking"), *FOR.items()]
    assert reviewer.get("/v1/exports/cases.csv", params=httpx.QueryParams(asked)).status_code == 200
    chief = system.signed_in("exports-auditor", "administrator")
    log = [json.loads(line) for line in chief.get("/v1/audit").text.splitlines()]
    (last,) = [entry["object"] for entry in log if entry["object"].startswith("/v1/exports/")][-1:]
    assert last == "/v1/exports/cases.csv?type=illegal_parking"


def test_limits(cases: None, reviewer: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three cases in pages of one; two when two are asked for; refused, and not cut, when there are too many."""
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 1)
    assert len(rows_of(reviewer.get("/v1/exports/cases.csv", params=FOR))) == 3
    assert len(rows_of(reviewer.get("/v1/exports/cases.csv", params={**FOR, "limit": 2}))) == 2
    monkeypatch.setattr(exports, "EXPORT_MAX", 2)
    answer = reviewer.get("/v1/exports/cases.csv", params=FOR)
    assert answer.status_code == 422
    assert "more than 2 cases" in answer.json()["detail"]


@pytest.mark.slow
@pytest.mark.sqlite_only
@pytest.mark.parametrize("form", ["csv", "geojson"])
def test_memory_stays_flat(tmp_path: Path, form: str) -> None:
    """Forty thousand cases: what is held at once is that of a page, and does not grow with the number."""
    settings = load_settings(tmp_path)
    database = open_database(tmp_path, settings)
    fill(database, 40_000, until=BEGAN)
    parts = Parts(settings=settings, database=database, store=open_store(tmp_path, settings), metrics=Metrics())
    filters = exports.ExportFilters(purpose="test")

    def peak(limit: int) -> int:
        tracemalloc.start()
        asked = filters.model_copy(update={"limit": limit})
        who: Any = Principal("anna", Role.REVIEWER, user_id=1)
        for _ in exports._written(form, exports._pages(parts, who, asked, BEGAN + timedelta(days=200)), ""):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    small, large = peak(2_000), peak(40_000)
    database.close()
    assert large < 1.5 * small
