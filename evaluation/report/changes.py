"""What changed from one run to another, incident by incident. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evaluation.metrics.matching import Match, Truth, match
from evaluation.report.gallery import Kind, still_name
from evaluation.report.load import LoadedReport, prediction_of, unique_names

DELAY_CHANGE_S: Final = 0.05  # about one picture at 25 a second; less is no change
_Key = tuple[Any, ...]


@dataclass(frozen=True)
class _Clip:
    """A clip of a report and its place there, which stills are named after."""

    name: str
    index: int
    content: Mapping[str, Any]


def changes(a: LoadedReport, b: LoadedReport) -> dict[str, Any]:
    """Compare the outcomes of the clips that both have.

    Returns:
        lists of changes, in the order of the clips of A: `newly_found`, `newly_missed`, `new_false_alarms`,
        `gone_false_alarms`, and `delays` (the greatest change first); and how many are `unchanged`, and how many true
        incidents only one of them knows (`truth_differs`). Each change names its clip and has `a` and `b`, the rows of the
        two reports (null where there is none), and their stills.
    """
    found: dict[str, list[dict[str, Any]]] = {
        "newly_found": [],
        "newly_missed": [],
        "new_false_alarms": [],
        "gone_false_alarms": [],
        "delays": [],
    }
    counts: Counter[str] = Counter(unchanged=0, truth_differs=0)
    for before, after in _pairs(a, b):
        for group, change in (*_of_truths(before, after), *_of_false_alarms(before, after)):
            if group in counts:
                counts[group] += 1
            else:
                found[group].append(change)
    found["delays"].sort(key=lambda change: -abs(change["change_s"]))
    return {**found, **counts}


def _pairs(a: LoadedReport, b: LoadedReport) -> Iterator[tuple[_Clip, _Clip]]:
    left, right = ({clip.name: clip for clip in _clips(run)} for run in (a, b))
    for name, clip in left.items():
        if name in right:
            yield clip, right[name]


def _clips(run: LoadedReport) -> Iterator[_Clip]:
    for index, (name, content) in enumerate(zip(unique_names(run.report), run.report["clips"], strict=True)):
        yield _Clip(name, index, content)


def _of_truths(before: _Clip, after: _Clip) -> Iterator[tuple[str, dict[str, Any]]]:
    old, new = _outcomes(before), _outcomes(after)
    for key in [*old, *(key for key in new if key not in old)]:
        left, right = old.get(key), new.get(key)
        change = _change(before, after, left, right)
        if left is None or right is None:
            yield "truth_differs", change
        elif left[0] != right[0]:
            yield ("newly_found" if right[0] == "match" else "newly_missed"), change
        elif left[0] == "match" and abs(moved := right[2]["delay_s"] - left[2]["delay_s"]) >= DELAY_CHANGE_S:
            yield "delays", change | {"change_s": moved}
        else:
            yield "unchanged", change


_Outcome = tuple[Kind, int, Mapping[str, Any]]
"""Kind, number among those of its kind, row."""


def _outcomes(clip: _Clip) -> dict[_Key, _Outcome]:
    """What became of each true incident. Two that are the same in all are told apart by their order."""
    seen: Counter[_Key] = Counter()
    outcomes: dict[_Key, _Outcome] = {}
    rows: list[_Outcome] = [("match", number, row) for number, row in enumerate(clip.content["matches"])]
    rows += [("miss", number, row) for number, row in enumerate(clip.content["misses"])]
    for kind, number, row in rows:
        true = row["truth"] if kind == "match" else row
        key = (true["type"], true["zone"], true["onset_s"], true["alarm_s"], *true["box"])
        seen[key] += 1
        outcomes[*key, seen[key]] = (kind, number, row)
    return outcomes


def _of_false_alarms(before: _Clip, after: _Clip) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same false alarm is one that would match the other one if that were true."""
    old, new = before.content["false_alarms"], after.content["false_alarms"]
    predictions = [prediction_of(row) for row in new]
    stand_ins = [
        Truth(one.type, one.zone, one.onset_s, one.confirmed_s, one.box) for one in (prediction_of(row) for row in old)
    ]
    same = match(predictions, stand_ins).matches
    kept_old, kept_new = _places(same, stand_ins, predictions)
    for number, row in enumerate(old):
        group = "unchanged" if number in kept_old else "gone_false_alarms"
        yield group, _change(before, after, ("false_alarm", number, row), None)
    for number, row in enumerate(new):
        if number not in kept_new:
            yield "new_false_alarms", _change(before, after, None, ("false_alarm", number, row))


def _places(same: tuple[Match, ...], old: list[Truth], new: list[Any]) -> tuple[set[int], set[int]]:
    """Where the two of each pair stand: by identity, as two may be equal."""
    truths, predictions = {id(pair.truth) for pair in same}, {id(pair.prediction) for pair in same}
    return (
        {number for number, one in enumerate(old) if id(one) in truths},
        {number for number, one in enumerate(new) if id(one) in predictions},
    )


def _change(before: _Clip, after: _Clip, left: _Outcome | None, right: _Outcome | None) -> dict[str, Any]:
    known = left or right
    return {
        "clip": before.name,
        "camera": before.content["camera"],
        "type": None if known is None else known[2]["type"],
        "zone": None if known is None else known[2]["zone"],
        "a": None if left is None else dict(left[2]),
        "b": None if right is None else dict(right[2]),
        "kind_a": None if left is None else left[0],
        "kind_b": None if right is None else right[0],
        "still_a": None if left is None else still_name(before.index, left[0], left[1]),
        "still_b": None if right is None else still_name(after.index, right[0], right[1]),
    }
