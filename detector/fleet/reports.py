"""What a worker says of its cameras: the rows of health that its shards write, in the words of the wire. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

WORD, SENTENCE = 60, 500
"""The longest that are taken."""

_MEASURED = ("last_packet_age_s", "last_keyframe_age_s", "fps", "gop_s", "kbit_per_s", "connections")


def reports_of(rows: Iterable[Mapping[str, Any]], refused: Mapping[str, str]) -> list[dict[str, Any]]:
    """Reports by camera.

    Args:
        rows: As `detector.health.read_health` gives them.
        refused: Cameras whose settings can't be used, and why.
    """
    # A shard of before may have left a file about a camera that another one watches now: the fresh row counts.
    old_first = sorted(rows, key=lambda row: "stale_s" not in row)
    found = {str(row["camera"]): _report(row) for row in old_first}
    for camera, why in refused.items():
        found[camera] = {"camera": camera, "state": "closed", "refused": why[:SENTENCE]}
    return list(found.values())


def _report(row: Mapping[str, Any]) -> dict[str, Any]:
    late_s = float(row.get("stale_s", 0.0))
    said = {name: row.get(name) for name in _MEASURED}
    if late_s and said["last_packet_age_s"] is not None:
        said["last_packet_age_s"] += late_s  # its shard has stopped writing, so it reads nothing either
    error = row.get("last_error")
    return {
        "camera": row["camera"],
        "state": row["state"],
        **said,
        "failures": _counts(row.get("failures", {})),
        "drops": _counts(row.get("drops", {})),
        "picture": row.get("picture", {}).get("faults", []),
        "last_error": None if error is None else str(error)[:SENTENCE],
    }


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {str(cause)[:WORD]: count for cause, count in counts.items()}
