"""Cases as rows of a table, and as points on a map: what an export says of each. Pure.

It carries what a list shows, in one flat row; plates, pictures and what people wrote stay in the cases.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from api.map_place import place_on_map
from api.settings import Name, Settings

Language = Literal["en", "zh"]

BOM = "\ufeff"
"""By it Excel knows that a CSV file is UTF-8."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Spreadsheets take a cell that begins so for a formula (OWASP, CSV injection), in full width too."""

_TYPES = {
    "illegal_parking": ("Illegal parking", "车辆违停"),
    "two_wheeler_parking": ("Two-wheeler parking", "非机动车乱停放"),
    "street_vending": ("Street vending", "游商经营"),
    "road_occupation": ("Road occupation", "占道经营"),
    "dumping": ("Dumping", "垃圾倾倒"),
}
_STEPS = {
    "discovered": ("Discovered", "发现上报"),
    "accepted": ("Accepted", "受理"),
    "dispatched": ("Dispatched", "派遣"),
    "handled": ("Handled", "处置"),
    "verified": ("Verified", "核查"),
    "archived": ("Archived", "归档"),
    "appraised": ("Appraised", "考核评价"),
    "rejected": ("Rejected", "不予受理"),
    "merged": ("Merged", "并案"),
}
_STATES = {"candidate": ("Candidate", "疑似"), "confirmed": ("Still there", "持续中"), "ended": ("Gone", "已结束")}

COLUMNS = (
    "id", "type", "type_name", "camera", "zone", "place", "direction", "grid_code", "event_code", "event_name", "state",
    "state_name", "step", "step_name", "step_at", "due_at", "overdue", "assignee", "tags", "on_hold", "merged_into",
    "verdict", "reason", "reason_name", "reviewer", "reviewed_at", "onset_at", "confirmed_at", "ended_at", "dwell_s",
    "score", "latitude", "longitude", "received_at", "updated_at", "url",
)  # fmt: skip


def row_of(case: Mapping[str, Any], settings: Settings, language: Language) -> dict[str, Any]:
    """One case as a flat row, in the order of `COLUMNS`.

    Args:
        case: From `api.casework.cases.case_documents`.
        settings: The city's tables, and where links lead.
        language: Of the names.
    """
    review, work, why = case.get("review") or {}, case["case"], case.get("why") or {}
    event, reason = case.get("event_code"), review.get("reason")
    place = place_on_map(why)
    row = {
        **{key: case.get(key) for key in COLUMNS},
        "type_name": _word(_TYPES, case["type"], language),
        "event_name": _name(settings.event_codes.get(event or ""), language),
        "state_name": _word(_STATES, case["state"], language),
        "step_name": _word(_STEPS, work["step"], language),
        **{key: work[key] for key in ("step", "step_at", "due_at", "overdue", "assignee", "merged_into")},
        "tags": " ".join(work["tags"]),
        "on_hold": work["hold"] is not None,
        "verdict": review.get("verdict"),
        "reason": reason,
        "reason_name": _name(settings.reject_reasons.get(reason or ""), language),
        "reviewer": review.get("reviewer"),
        "reviewed_at": review.get("reviewed_at"),
        "latitude": place[0] if place else None,
        "longitude": place[1] if place else None,
        "url": f"{settings.public_url or ''}/cases/{case['id']}",
    }
    return {key: row[key] for key in COLUMNS}


def csv_of(rows: Iterable[Mapping[str, Any]], *, header: bool) -> str:
    """Rows as CSV (RFC 4180), with the names of the columns before them or not."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    if header:
        writer.writerow(COLUMNS)
    writer.writerows([_cell(row[key]) for key in COLUMNS] for row in rows)
    return text.getvalue()


def feature_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a GeoJSON feature (RFC 7946); without a geometry where nobody knows the place on the map."""
    where = None
    if row["latitude"] is not None:
        where = {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]}
    said = {key: value for key, value in row.items() if key not in ("latitude", "longitude") and value is not None}
    return {"type": "Feature", "id": row["id"], "geometry": where, "properties": said}


def json_of(value: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cell(value: Any) -> str:
    r"""A value as text that no spreadsheet calculates with; a number stays one.

    Examples:
        >>> [_cell(value) for value in ("=1+1", -3.5, True, None, "\t=x", "Xinhua Road")]
        ["'=1+1", '-3.5', 'true', '', "'\t=x", 'Xinhua Road']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def _name(name: Name | None, language: Language) -> str | None:
    return None if name is None else (name.zh if language == "zh" and name.zh else name.en)


def _word(table: Mapping[str, tuple[str, str]], code: str, language: Language) -> str:
    return table.get(code, (code, code))[language == "zh"]
