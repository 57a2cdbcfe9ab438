"""Curves of a report as SVG within the page: drawn by matplotlib, in the light or dark colours that the page has."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from lxml import etree
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaluation.report.words import plain

_SIZE_IN: Final = (4.6, 3.1)
_INK: Final = "#010203"
_FAINT: Final = "#040506"
_SERIES: Final = ("#070809", "#0a0b0c", "#0d0e0f", "#101112")
_PAGE_COLORS: Final = {
    _INK: "var(--ink)",
    _FAINT: "var(--line)",
    **{color: f"var(--series-{number})" for number, color in enumerate(_SERIES, 1)},
}
"""Stand-ins that nothing else has, replaced by variables of the page: one drawing serves light, dark and paper."""
_DASHES: Final = ("-", "--", "-.", ":")
_SVG: Final = "{http://www.w3.org/2000/svg}"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and takes the page's font
    "text.parse_math": False,  # a name may hold a dollar sign
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.grid": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def delay_chart(delays_s: Mapping[str, Sequence[float]]) -> str:
    """How many of the alarms had come so long after their ideal moment.

    Args:
        delays_s: a line for each name (of a type, of a run), which has at least one.
    """

    def draw(axes: Axes) -> None:
        for number, (name, values) in enumerate(delays_s.items()):
            rising = np.sort(np.asarray(values, np.float64))
            share = np.arange(1, len(rising) + 1) / len(rising)
            axes.step([rising[0], *rising], [0.0, *share], where="post", **_line(number, plain(name)))
            axes.plot(rising, share, "o", color=_SERIES[number % len(_SERIES)], markersize=3.5)
        axes.axvline(0, color=_INK, linewidth=0.8)
        axes.set(xlabel="seconds after the ideal moment", ylabel="share of the alarms", ylim=(0, 1.03))
        axes.margins(x=0.08)

    return _svg("delay", "Distribution of the alarm delay", draw, legend=len(delays_s) > 1)


def det_chart(curves: Mapping[str, Mapping[str, Any]], *, name: str = "det") -> str:
    """P(miss) over the rate of false alarms, as the score that an alarm needs goes down.

    Args:
        curves: a line for each name, as in report.json.
        name: of the drawing; no two on a page have the same.
    """
    rate_max = max(
        [1.0] + [p["rfa_per_camera_minute"] * 60 * 1.1 for curve in curves.values() for p in curve["points"]]
    )

    def draw(axes: Axes) -> None:
        for number, (label, curve) in enumerate(curves.items()):
            points = [(0.0, 1.0)] + [(p["rfa_per_camera_minute"] * 60, p["p_miss"]) for p in curve["points"]]
            rates, misses = zip(*points, strict=True)
            axes.plot(rates, misses, marker="o", markersize=3, clip_on=False, **_line(number, plain(label)))
            # No threshold gives more false alarms than the last point: beyond it the curve is level.
            axes.plot([rates[-1], rate_max], [misses[-1], misses[-1]], **{**_line(number, ""), "alpha": 0.45})
        axes.set(xlabel="false alarms per camera-hour", ylabel="P(miss)", ylim=(-0.03, 1.03), xlim=(0, rate_max))

    return _svg(name, "P(miss) over the rate of false alarms", draw, legend=len(curves) > 1)


def reliability_chart(bins: Sequence[Mapping[str, Any]]) -> str:
    """Of the alarms with about this score, how many are true incidents."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], linestyle=":", color=_INK, linewidth=0.9)
        scores, shares = [part["score_mean"] for part in bins], [part["found_share"] for part in bins]
        axes.plot(scores, shares, marker="o", markersize=4, **_line(0, "alarms"))
        axes.set(xlabel="score", ylabel="share that is true", xlim=(0, 1), ylim=(0, 1.03))

    return _svg("reliability", "Reliability of the scores", draw, legend=False)


def _line(number: int, label: str) -> dict[str, Any]:
    """Lines differ in dashes as well as in colour."""
    color, dash = _SERIES[number % len(_SERIES)], _DASHES[number // len(_SERIES) % len(_DASHES)]
    return {"color": color, "linestyle": dash if number >= len(_SERIES) else _DASHES[number], "label": label}


def _svg(name: str, title: str, draw: Callable[[Axes], None], *, legend: bool) -> str:
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=_SIZE_IN, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        if legend:
            axes.legend()
        figure.patch.set_alpha(0)
        axes.patch.set_alpha(0)
        out = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None, "Title": title})  # type: ignore[no-untyped-call]
    return _for_the_page(out.getvalue(), name, title)


def _for_the_page(svg: bytes, name: str, title: str) -> str:
    """Without what only a file needs, with ids that no other drawing has, and in the page's colours."""
    root = etree.fromstring(svg)
    for metadata in root.findall(f"{_SVG}metadata"):
        root.remove(metadata)
    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", f"{name}-{element.get('id')}")
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF).replace("#", f"#{name}-", 1))
        if "clip-path" in element.attrib:
            element.set("clip-path", element.get("clip-path").replace("url(#", f"url(#{name}-"))
    for key in ("width", "height"):
        del root.attrib[key]
    root.set("role", "img")
    root.set("aria-label", title)
    etree.cleanup_namespaces(root)
    text: str = etree.tostring(root, encoding="unicode").replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)
    for color, variable in _PAGE_COLORS.items():
        text = text.replace(color, variable)
    return text
