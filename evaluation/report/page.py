"""A report as one HTML page that needs nothing else, neither a script nor a file beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evaluation.report import words
from evaluation.report.gallery import SHOWN_MAX, Shot, failures


def render_html(
    report: Mapping[str, Any],
    *,
    stills: Mapping[str, bytes] | None = None,
    machine: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The report as one page.

    Args:
        report: content of report.json.
        stills: JPEG files of its outcomes by name (`gallery.take_stills`).
        machine: what it ran on (`machine.machine`); may change from run to run.
        notes: lines on what could not be shown.
    """
    known = stills or {}
    wanted = failures(report)
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            verdict=words.verdict(report),
            charts=_charts(report),
            cards=[card(shot, known) for shot in wanted[:SHOWN_MAX]],
            cards_left_out=max(0, len(wanted) - SHOWN_MAX),
            machine=machine or {},
            notes=notes,
        )
    )


@cache
def environment() -> Environment:
    """Templates of this package; a name that is not there is an error."""
    made = Environment(
        loader=PackageLoader("evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"plain": words.plain, "seconds": words.seconds}
    made.globals |= {"allowed": words.ALLOWED, "counted": words.counted}
    return made


def card(shot: Shot, stills: Mapping[str, bytes]) -> dict[str, Any]:
    """What the gallery shows of one outcome."""
    summary, numbers = words.why_lines(shot.row.get("why"))
    return {
        "kind": shot.kind,
        "outcome": words.OUTCOMES[shot.kind],
        "headline": words.headline(shot.kind, shot.row),
        "explained": words.explained(shot.kind, shot.row),
        "summary": summary,
        "numbers": numbers,
        "clip": shot.clip["name"],
        "camera": shot.clip["camera"],
        "time_s": shot.time_s,
        "id": shot.row.get("id"),
        "score": shot.row.get("score"),
        "image": data_uri(stills.get(shot.name)),
    }


def data_uri(jpeg: bytes | None) -> str | None:
    """A picture within the page; None if there is none."""
    return None if jpeg is None else f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def _charts(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    # matplotlib takes half a second to load, which whoever writes no page need not wait for.
    from evaluation.report import charts  # noqa: PLC0415

    made: list[dict[str, Any]] = []
    delays = delays_by_type(report)
    if delays:
        text = "How many alarms had been raised so long after the moment at which an ideal system raises them."
        made.append({"title": "Alarm delay", "svg": Markup(charts.delay_chart(delays)), "text": text})  # noqa: S704 - ours
    curves = {kind: curve for kind, curve in report.get("curves", {}).get("det", {}).items() if curve is not None}
    if curves:
        areas = ", ".join(f"{words.plain(kind)} {curve['naudc']:.2f}" for kind, curve in curves.items())
        text = (
            "What a higher or lower threshold on the score would do (DET curve): each point is a threshold, the last one is the"
            f" detector as it is. nAUDC to 0.2 false alarms a minute (0 is perfect): {areas}."
        )
        made.append({"title": "P(miss) and false alarms", "svg": Markup(charts.det_chart(curves)), "text": text})  # noqa: S704
    made.append(_reliability(report.get("curves", {}).get("reliability")))
    return made


def _reliability(known: Mapping[str, Any] | None) -> dict[str, Any]:
    from evaluation.metrics.reliability import PREDICTIONS_MIN  # noqa: PLC0415
    from evaluation.report import charts  # noqa: PLC0415

    title = "Reliability of scores"
    if known is None:
        text = (
            f"Whether a score of 0.8 is right four times in five takes {PREDICTIONS_MIN} alarms to say; here are fewer."
        )
        return {"title": title, "svg": None, "text": text}
    text = (
        "Of alarms with about this score, how many are true. On the dotted line scores mean what they say;"
        f" they are off by {known['expected_calibration_error']:.2f} on average over {known['predictions']} alarms."
    )
    return {"title": title, "svg": Markup(charts.reliability_chart(known["bins"])), "text": text}  # noqa: S704 - ours


def delays_by_type(report: Mapping[str, Any]) -> dict[str, list[float]]:
    """The delays of what was found, by type."""
    delays: dict[str, list[float]] = {}
    for clip in report["clips"]:
        for row in clip["matches"]:
            delays.setdefault(row["type"], []).append(row["delay_s"])
    return dict(sorted(delays.items()))
