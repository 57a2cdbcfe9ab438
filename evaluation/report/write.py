"""Writes what a run found: `report.json`, the stills in `pictures/`, and `report.html`, which holds all that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evaluation.report.build import write_json, write_text
from evaluation.report.facts import ClipFacts
from evaluation.report.gallery import PICTURES_FOLDER, take_stills, write_stills
from evaluation.report.load import REPORT_FILE
from evaluation.report.page import render_html

PAGE_FILE: Final = "report.html"


def write_report(
    out: Path,
    report: dict[str, Any],
    facts: Sequence[ClipFacts] = (),
    *,
    machine: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write a report for machines and for people.

    Args:
        out: folder; it is made.
        report: content of report.json (`build.build_report`).
        facts: of each of its clips, in their order; clips are read again for the stills.
        machine: what it ran on (`machine.machine`), for the page alone.

    Returns:
        A line for each thing that the page could not show.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / REPORT_FILE, report)
    stills, missing = take_stills(report, facts)
    write_stills(out / PICTURES_FOLDER, stills)
    write_text(out / PAGE_FILE, render_html(report, stills=stills, machine=machine, notes=missing))
    return missing
