"""A comparison of two runs as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

from markupsafe import Markup

from evaluation.report import words
from evaluation.report.compare import ALL
from evaluation.report.gallery import SHOWN_MAX
from evaluation.report.load import LoadedReport
from evaluation.report.page import data_uri, delays_by_type, environment

GROUPS: Final = {
    "newly_missed": "Newly missed",
    "new_false_alarms": "New false alarms",
    "newly_found": "Newly found",
    "gone_false_alarms": "False alarms that are gone",
    "delays": "Alarms at another moment",
}
"""What got worse comes first."""
_METRIC_NAMES: Final = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "fa_per_camera_hour": "False alarms an hour",
    "delay_median_s": "Alarm delay, median s",
}
_NOTHING: Final = {"a": "A reports nothing here", "b": "B reports nothing here"}


def render_comparison(comparison: Mapping[str, Any], a: LoadedReport, b: LoadedReport) -> str:
    """The page.

    Args:
        comparison: of the two (`compare.compare`).
        a: the run before, with its stills.
        b: the run after, with its stills.
    """
    groups, left_out = _groups(comparison["incidents"], a, b)
    return (
        environment()
        .get_template("comparison.html")
        .render(
            comparison=comparison,
            verdict=verdict(comparison),
            names=_METRIC_NAMES,
            groups=groups,
            left_out=left_out,
            charts=_charts(a, b, comparison),
        )
    )


def verdict(comparison: Mapping[str, Any]) -> str:
    """One or two sentences: F1, what changed, and whether it is more than chance."""
    f1 = next(row for row in comparison["metrics"] if (row["scope"], row["metric"]) == (ALL, "f1"))
    if f1["difference"] is None:
        said = "F1 can't be compared: one of the two has nothing to measure"
    elif f1["verdict"] == "same":
        said = f"B is as good as A by F1, {f1['b']:.2f}"
    else:
        said = f"B is {f1['verdict']} than A: F1 {f1['b']:.2f} instead of {f1['a']:.2f}"
    incidents = comparison["incidents"]
    said += (
        f". True incidents: {len(incidents['newly_found'])} newly found, {len(incidents['newly_missed'])} newly missed."
        f" False alarms: {len(incidents['new_false_alarms'])} new, {len(incidents['gone_false_alarms'])} gone."
    )
    return said + (_chance(f1) if f1["difference"] else "")


def _chance(row: Mapping[str, Any]) -> str:
    if row["more_than_chance"] is None:
        return " The clips are too few, or too rarely hold anything, to say whether that is more than chance."
    if row["more_than_chance"]:
        return " That is more than chance: drawing the clips anew gives the same sign in 95 of 100 cases and more."
    return " That may be chance: with other clips of the same kind it could as well be the other way round."


def _groups(incidents: Mapping[str, Any], a: LoadedReport, b: LoadedReport) -> tuple[list[dict[str, Any]], int]:
    """Cards by group, as many as are shown, and how many more there are."""
    room, left_out = SHOWN_MAX, 0
    groups: list[dict[str, Any]] = []
    for key, title in GROUPS.items():
        found = incidents[key]
        shown = found[:room]
        room -= len(shown)
        left_out += len(found) - len(shown)
        if found:
            cards = [_card(change, a, b) for change in shown]
            groups.append({"key": key, "title": title, "count": len(found), "cards": cards})
    return groups, left_out


def _card(change: Mapping[str, Any], a: LoadedReport, b: LoadedReport) -> dict[str, Any]:
    sides = []
    for side, run in (("a", a), ("b", b)):
        row, kind = change[side], change[f"kind_{side}"]
        still = change[f"still_{side}"]
        sides.append(
            {
                "side": side.upper(),
                "image": data_uri(run.stills.get(still)) if still else None,
                "headline": _NOTHING[side] if row is None else f"{side.upper()}: {words.OUTCOMES[kind].lower()}",
                "explained": None if row is None else words.explained(kind, row),
                "summary": None if row is None else words.why_lines(row.get("why"))[0],
            }
        )
    moved = change.get("change_s")
    headline = f"{words.plain(change['type'])} in {change['zone']}"
    if moved is not None:
        headline += f", alarm {words.seconds(abs(moved))} {'later' if moved > 0 else 'earlier'}"
    return {
        "headline": headline[0].upper() + headline[1:],
        "clip": change["clip"],
        "camera": change["camera"],
        "sides": sides,
    }


def _charts(a: LoadedReport, b: LoadedReport, comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    from evaluation.report import charts  # noqa: PLC0415 - matplotlib takes half a second to load

    if comparison["only_in_a"] or comparison["only_in_b"]:
        return []  # the curves of the reports are over all of their own clips
    made: list[dict[str, Any]] = []
    delays = {label: [*chain.from_iterable(delays_by_type(run.report).values())] for label, run in (("A", a), ("B", b))}
    delays = {label: values for label, values in delays.items() if values}
    if delays:
        made.append({"title": "Alarm delay", "svg": Markup(charts.delay_chart(delays))})  # noqa: S704 - drawn by us
    det = [(run.report.get("curves") or {}).get("det") or {} for run in (a, b)]
    for number, kind in enumerate(sorted(det[0].keys() | det[1].keys())):
        curves = {label: curve for label, one in zip("AB", det, strict=True) if (curve := one.get(kind)) is not None}
        if any(curve["points"] for curve in curves.values()):
            svg = Markup(charts.det_chart(curves, name=f"det{number}"))  # noqa: S704 - drawn by us
            made.append({"title": f"P(miss) and false alarms: {words.plain(kind)}", "svg": svg})
    return made
