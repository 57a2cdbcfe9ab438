"""The page that a person reads first when they open an evidence pack."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from api.schema import as_utc_text

_TYPES = {
    "illegal_parking": "Illegal parking (车辆违停)",
    "two_wheeler_parking": "Two-wheeler parking (非机动车乱停放)",
    "street_vending": "Street vending (游商经营)",
    "road_occupation": "Road occupation (占道经营)",
    "dumping": "Dumping (垃圾倾倒)",
}

_ACTED_ON = {"type": "type", "zone": "zone", "onset_at": "begin", "confirmed_at": "alarm", "grid_code": "grid code"}


def write_readme(
    case: dict[str, Any],
    reviewed: Mapping[str, Any],
    *,
    who: str,
    role: str,
    purpose: str,
    at: datetime,
    photos: Sequence[dict[str, Any]] = (),
) -> str:
    """Writes the text.

    Args:
        case: As `api.casework.cases.case_documents` builds it, with a confirming review.
        reviewed: The incident as it was when it was reviewed.
        who: Who takes the pack.
        role: Their role.
        purpose: What for.
        at: When.
        photos: What people photographed when they dealt with it, as `api.casework.case_summary.photo_documents` builds them.
    """
    review, standing = case["review"], case["case"]
    facts = [
        ("Case", case["id"]),
        ("What", _TYPES.get(case["type"], case["type"])),
        ("Event code", case.get("event_code")),
        ("Camera", case["camera"]),
        ("Place", case.get("place")),
        ("Grid code", case.get("grid_code")),
        ("Zone", case["zone"]),
        ("Began (UTC)", case.get("onset_at") or "not seen: it was there when watching began"),
        ("Alarm (UTC)", case.get("confirmed_at")),
        ("Ended (UTC)", case.get("ended_at") or "not seen by the time of this pack"),
        ("Clock", _clock(case.get("clock"))),
        ("Why", (case.get("why") or {}).get("summary")),
        ("Reviewed by", f"{review['reviewer']}, {review['reviewed_at']}: confirmed{_of_revision(case)}"),
        ("Changed since", "; ".join(_changes(reviewed, case))),
        ("Note", review["note"]),
        ("Step", f"{standing['step']}, since {standing['step_at']}"),
        ("Merged here", ", ".join(standing["merged"])),
        ("Legal hold", standing["hold"]),
        ("Pack taken by", f"{who} ({role}), {as_utc_text(at)}"),
        ("Purpose", purpose),
    ]
    # A line break in what people wrote would begin a line that looks like ours.
    lines = [f"{name + ':':<15}{' '.join(str(value).split())}" for name, value in facts if value]
    files = [_file_line(item) for item in [*case["evidence"], *photos]]
    return "\n".join(
        [
            "EVIDENCE PACK  证据包",
            "",
            *lines,
            "",
            "Files",
            *files,
            "",
            "incident.json  the case as it was recorded; review.json  the verdict; history.json  all that happened to it",
            "audit.jsonl    who saw, took or changed what of it; each line hashes the entry before it in the whole log",
            "SHA256SUMS     check that nothing was altered: sha256sum --check SHA256SUMS",
            "",
            "This download has been registered with name, time and purpose.",
            "",
        ]
    )


def _of_revision(case: dict[str, Any]) -> str:
    """Which revision was looked at, where the camera has said more since."""
    reviewed, latest = case["review"]["revision"], case["revision"]
    if reviewed == latest:
        return ""
    return f" revision {reviewed}; incident.json is revision {latest}, which came later (history.json has the digests)"


def _changes(reviewed: Mapping[str, Any], latest: Mapping[str, Any]) -> Iterator[str]:
    """What the reviewer saw otherwise, of what an officer acts on."""
    for name, told in _ACTED_ON.items():
        then, now = reviewed.get(name), latest.get(name)
        if then != now:
            yield f"{told} was {then or 'not told'}, is {now or 'not told'}"
    then, now = (", ".join(_plates(document)) for document in (reviewed, latest))
    if then != now:
        yield f"plate was {then or 'not read'}, is {now or 'not read'}"


def _plates(document: Mapping[str, Any]) -> Iterator[str]:
    return (subject["plate"] for subject in document.get("subjects") or () if subject.get("plate"))


def _clock(clock: dict[str, Any] | None) -> str:
    if not clock:
        return "source not stated"
    sources = {"rtcp": "the camera's own clock (RTCP)", "arrival": "arrival at the worker", "file": "recorded file"}
    error_s = clock.get("error_s")
    measured = "error not measured" if error_s is None else f"measured error {error_s} s"
    return f"{sources.get(clock.get('source', ''), clock.get('source'))}, {measured}"


def _file_line(item: dict[str, Any]) -> str:
    derived = f", a copy made from {item['derived_from']}" if item.get("derived_from") else ""
    by = f", taken by {item['by']}" if item.get("by") else ""
    missing = "" if item["stored"] else f" ({_why_missing(item)})"
    return f"  {item['name']:<32}{item['kind']}{derived}{by}{missing}"


def _why_missing(item: dict[str, Any]) -> str:
    return f"deleted by the retention rule on {item['deleted_at']}" if item.get("deleted_at") else "has not arrived"
