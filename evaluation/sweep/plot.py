"""A sweep as a picture: recall over false alarms, a line for each dwell. The same bytes for the same rows."""

from __future__ import annotations

import io
from itertools import groupby
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from evaluation.report.build import write_text
from evaluation.sweep.rows import Row

_SIZE_IN: Final = (6.4, 4.0)


def write_plot(path: Path, rows: list[Row], fa_per_hour_max: float) -> None:
    """Draw it as SVG."""
    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    axes = figure.subplots()
    for dwell_s, group in groupby(rows, key=lambda row: row.dwell_s):
        points = [
            (row.metrics.fa_per_camera_hour, row.metrics.recall, row.score_min)
            for row in group
            if row.metrics.fa_per_camera_hour is not None and row.metrics.recall is not None
        ]
        if not points:
            continue
        rates, recalls, scores = zip(*points, strict=True)
        label = "dwell as drawn" if dwell_s is None else f"dwell {dwell_s:g} s"
        axes.plot(rates, recalls, marker="o", markersize=4, linewidth=1, label=label)
        for place in {0, len(points) - 1}:
            axes.annotate(
                f"{scores[place]:g}", points[place][:2], textcoords="offset points", xytext=(4, 4), fontsize=7
            )
    axes.axvline(fa_per_hour_max, linewidth=0.8, linestyle=":", color="grey")
    axes.set(xlabel="false alarms per camera-hour", ylabel="recall", ylim=(-0.02, 1.05))
    axes.set_title("Thresholds: first and last score at the ends of each line", fontsize=9)
    axes.grid(visible=True, linewidth=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
    written = io.StringIO()
    # Else ids are random, and text is drawn as outlines.
    with mpl.rc_context({"svg.hashsalt": "streetwarden", "svg.fonttype": "none"}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    write_text(path, written.getvalue())
