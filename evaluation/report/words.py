"""What a report says in sentences: the verdict, and why an outcome came out as it did. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evaluation.metrics.intervals import CLIPS_MIN
from evaluation.metrics.matching import ONSET_EARLY_S, ONSET_LATE_S

OUTCOMES: Final = {"false_alarm": "False alarm", "miss": "Missed", "match": "Found"}
ALLOWED: Final = f"allowed: {ONSET_EARLY_S:g} s early to {ONSET_LATE_S:g} s late"
_HOUR_S: Final = 3600


def seconds(value: float) -> str:
    """Seconds as people write them: `8.4 s`, `74 s`, `0 s`."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0") + " s"  # + 0.0: never -0


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 clip`, `2 clips`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def plain(name: str) -> str:
    """A type or kind as a word: `illegal_parking` is illegal parking."""
    return name.replace("_", " ")


def verdict(report: Mapping[str, Any]) -> str:
    """One sentence that says how good it is, and two on alarms and delay."""
    found = report["all"]
    true = found["found"] + found["misses"]
    hours = report["media_s"] / _HOUR_S
    if true:
        said = f"{found['found']} of {counted(true, 'true incident')} {'was' if found['found'] == 1 else 'were'} found"
    else:
        said = "There was nothing to find"
    said += f", with {counted(found['false_alarms'], 'false alarm')} in {hours:.2f} camera-hours"
    if found["false_alarms"]:
        said += f" ({found['fa_per_camera_hour']:.1f} an hour)"
    delay = found["delay_s"]
    if delay["median"] is not None:
        said += (
            f". The median alarm came {_after(delay['median'])} the ideal moment, the latest {_after(delay['max'])} it"
        )
    return said + "." + _weakest(report["types"]) + _sureness(report)


def _weakest(types: Mapping[str, Any]) -> str:
    """The type that needs work most, where there are several and one is worse."""
    scores = {kind: found["f1"] for kind, found in types.items() if found["f1"] is not None}
    if len(scores) < 2 or len(set(scores.values())) == 1:  # noqa: PLR2004 - one is not weaker than itself
        return ""
    kind = min(scores, key=lambda one: (scores[one], one))
    return f" Weakest: {plain(kind)}, F1 {scores[kind]:.2f}."


def _sureness(report: Mapping[str, Any]) -> str:
    if len(report["clips"]) >= CLIPS_MIN:
        return ""
    return (
        f" How sure these numbers are can't be told from {counted(len(report['clips']), 'clip')}: it takes {CLIPS_MIN}."
    )


def _after(delay_s: float) -> str:
    return f"{seconds(abs(delay_s))} {'after' if delay_s >= 0 else 'before'}"


def headline(kind: str, row: Mapping[str, Any]) -> str:
    """What an outcome is, for a caption."""
    said = f"{OUTCOMES[kind]}: {plain(row['type'])} in {row['zone']}"
    return said + (f", alarm {seconds(row['delay_s'])} late" if kind == "match" and row["delay_s"] > 0 else "")


def explained(kind: str, row: Mapping[str, Any]) -> str:
    """What sets an outcome apart from what comes nearest to it."""
    if kind == "match":
        return (
            f"Due at {seconds(row['truth']['alarm_s'])}, raised at {seconds(row['confirmed_s'])};"
            f" onset off by {_signed(row['onset_error_s'])}; boxes overlap with IoU {row['iou']:.2f}."
        )
    nearest = row.get("nearest")
    if nearest is None:
        return "Nothing happens in this clip." if kind == "false_alarm" else "Nothing was reported in this clip."
    other = nearest["truth" if kind == "false_alarm" else "prediction"]
    name = "true incident" if kind == "false_alarm" else "prediction"
    what = f"Nearest {name}: {plain(other['type'])} in {other['zone']}, {_since(other['onset_s'])}"
    if not nearest["differs"]:
        taken = "another prediction found it" if kind == "false_alarm" else "it found another true incident"
        return f"{what}. They would match, but {taken}."
    reasons = [_reason(aspect, nearest) for aspect in nearest["differs"]]
    return f"{what}. Does not match: {'; '.join(reasons)}."


def _reason(aspect: str, nearest: Mapping[str, Any]) -> str:
    if aspect == "onset":
        return f"onset off by {_signed(nearest['onset_off_s'])} ({ALLOWED})"
    if aspect == "place":
        return f"elsewhere in the picture (IoU {nearest['iou']:.2f})"
    return f"another {aspect}"


def _since(onset_s: float | None) -> str:
    return "there before the clip" if onset_s is None else f"since {seconds(onset_s)}"


def _signed(off_s: float) -> str:
    text = seconds(off_s)
    return text if text.startswith("-") or text == "0 s" else f"+{text}"


def why_lines(why: Mapping[str, Any] | None) -> tuple[str | None, list[tuple[str, str]]]:
    """The `why` of an incident: its summary, and its numbers as (name, value)."""
    numbers = [(plain(name), _value(value)) for name, value in sorted((why or {}).items()) if name != "summary"]
    return (why or {}).get("summary"), numbers


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
