"""Two runs side by side: by how much each metric differs, whether that is more than chance, and which incidents it is. Pure.

All numbers are over the clips that both runs have; what only one has is named and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from evaluation.errors import EvaluationError
from evaluation.metrics.intervals import Intervals, difference_intervals, intervals
from evaluation.metrics.scoring import ClipScore, Metrics, metrics, metrics_by_type, only_type
from evaluation.report.build import rounded
from evaluation.report.changes import changes
from evaluation.report.load import LoadedReport

SCHEMA_VERSION: Final = 1
ALL: Final = "all"
_METRICS: Final[dict[str, tuple[Callable[[Metrics], float | None], bool]]] = {
    "precision": (lambda found: found.precision, True),
    "recall": (lambda found: found.recall, True),
    "f1": (lambda found: found.f1, True),
    "fa_per_camera_hour": (lambda found: found.fa_per_camera_hour, False),
    "delay_median_s": (lambda found: found.delay_s.median, False),
}
"""Those that have an interval: what to read, and whether more is better."""


def compare(a: LoadedReport, b: LoadedReport) -> dict[str, Any]:
    """What B does differently from A, plain and rounded.

    Raises:
        EvaluationError: they have no clip in common.
    """
    names = {clip.name for clip in a.clips} & {clip.name for clip in b.clips}
    if not names:
        raise EvaluationError(f"{a.name} and {b.name}: have no clip in common, so there is nothing to compare")
    before = [clip for clip in a.clips if clip.name in names]
    after = {clip.name: clip for clip in b.clips if clip.name in names}
    paired = [after[clip.name] for clip in before]
    document = {
        "schema": SCHEMA_VERSION,
        "a": _run(a, before),
        "b": _run(b, paired),
        "clips": [clip.name for clip in before],
        "only_in_a": [clip.name for clip in a.clips if clip.name not in names],
        "only_in_b": [clip.name for clip in b.clips if clip.name not in names],
        "metrics": _metrics(before, paired),
        "incidents": changes(a, b),
        "settings": _settings(a, b),
    }
    plain: dict[str, Any] = rounded(document)
    return plain


def _run(run: LoadedReport, clips: Sequence[ClipScore]) -> dict[str, Any]:
    return {
        "name": run.name,
        "model": run.report.get("model"),
        "media_s": sum(clip.media_s for clip in clips),
        "all": asdict(metrics([clip.matching for clip in clips], sum(clip.media_s for clip in clips))),
    }


def _metrics(before: Sequence[ClipScore], after: Sequence[ClipScore]) -> list[dict[str, Any]]:
    types = sorted(metrics_by_type(before).keys() | metrics_by_type(after).keys())
    rows = _scope(ALL, before, after)
    for kind in types:
        rows += _scope(kind, _of_type(before, kind), _of_type(after, kind))
    return rows


def _of_type(clips: Sequence[ClipScore], kind: str) -> list[ClipScore]:
    return [replace(clip, matching=only_type(clip.matching, kind)) for clip in clips]


def _scope(scope: str, before: Sequence[ClipScore], after: Sequence[ClipScore]) -> list[dict[str, Any]]:
    old, new = (
        metrics([clip.matching for clip in clips], sum(clip.media_s for clip in clips)) for clips in (before, after)
    )
    old_sure, new_sure, difference = intervals(before), intervals(after), difference_intervals(before, after)
    return [
        _row(scope, name, (read(old), read(new)), (old_sure, new_sure, difference), more_is_better=more)
        for name, (read, more) in _METRICS.items()
    ]


def _row(
    scope: str,
    name: str,
    values: tuple[float | None, float | None],
    sure: tuple[Intervals, Intervals, Intervals],
    *,
    more_is_better: bool,
) -> dict[str, Any]:
    before, after = values
    old, new, difference = (getattr(one, name) for one in sure)
    change = None if before is None or after is None else rounded(after - before)
    return {
        "scope": scope,
        "metric": name,
        "a": before,
        "b": after,
        "difference": change,
        "verdict": _verdict(change, more_is_better=more_is_better),
        "interval_a": old and asdict(old),
        "interval_b": new and asdict(new),
        "intervals_overlap": None if old is None or new is None else old.low <= new.high and new.low <= old.high,
        "difference_interval": difference and asdict(difference),
        "more_than_chance": None if difference is None else not difference.low <= 0 <= difference.high,
    }


def _verdict(change: float | None, *, more_is_better: bool) -> str | None:
    if change is None:
        return None
    if change == 0:
        return "same"
    return "better" if (change > 0) == more_is_better else "worse"


def _settings(a: LoadedReport, b: LoadedReport) -> list[dict[str, Any]]:
    """What differs of models, thresholds, versions, machines and zones."""
    left, right = _flat_settings(a), _flat_settings(b)
    return [
        {"name": name, "a": left.get(name), "b": right.get(name)}
        for name in sorted(left.keys() | right.keys())
        if left.get(name) != right.get(name)
    ]


def _flat_settings(run: LoadedReport) -> dict[str, Any]:
    flat = {"model": run.report.get("model")}
    flat |= _flat("", run.report.get("settings") or {}) | _flat("machine", run.machine)
    for clip, raw in zip(run.clips, run.report["clips"], strict=True):
        for zone in raw.get("zones", ()):
            flat |= _flat(f"{clip.name}.{zone['id']}", {key: value for key, value in zone.items() if key != "id"})
    return flat


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else key
        flat |= _flat(name, value) if isinstance(value, Mapping) else {name: value}
    return flat
