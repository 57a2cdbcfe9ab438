"""A gate in CI: does a finished report say that it got worse?

A condition such as `dumping.f1 < 0.93 or all.f1 < baseline.all.f1 - 0.01` is parsed with Python's own `ast`, and only the few
kinds of node that are listed here are taken; nothing is ever executed.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from api.schema import IncidentType
from evaluation.errors import EvaluationError

LENGTH_MAX: Final = 2000
"""Characters of a condition: more than anybody writes, less than what exhausts the parser."""
ALL: Final = "all"
BASELINE: Final = "baseline"
_COMPARE: Final[dict[type[ast.cmpop], tuple[str, Callable[[float, float], bool]]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
_CALCULATE: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_ALLOWED: Final = "allowed are and, or, not, comparisons, + - *, numbers, brackets, and names such as all.f1"

Numbers = Mapping[str, float | None]
"""Numbers of a report by their dotted name; None where the report says null."""


class _Report(BaseModel):
    """As much of report.json as a gate needs."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    all: dict[str, Any]
    types: dict[str, dict[str, Any]]
    clips: list[dict[str, Any]] = []
    clips_failed: int = 0


@dataclass(frozen=True)
class Finished:
    """A finished report, as a gate reads it.

    Attributes:
        numbers: all numbers under `all` and under each type of incident.
        types: types of incidents that occur in it.
        clips: names of the clips that were scored.
        clips_failed: how many could not be.
    """

    numbers: Numbers
    types: frozenset[str]
    clips: frozenset[str]
    clips_failed: int


@dataclass(frozen=True)
class Compared:
    """One comparison, with what was compared.

    Attributes:
        text: as it was written.
        values: the numbers, None where one is null.
        signs: between them.
        held: whether it is true; with a null it is not.
    """

    text: str
    values: tuple[float | None, ...]
    signs: tuple[str, ...]
    held: bool

    def __str__(self) -> str:
        shown = [_shown(self.values[0])]
        for sign, value in zip(self.signs, self.values[1:], strict=True):
            shown += [sign, _shown(value)]
        return f"{self.text} ({' '.join(shown)})"


@dataclass(frozen=True)
class Verdict:
    """What one condition says.

    Attributes:
        condition: as it was written.
        fails: it is true, so the gate says no.
        reasons: the comparisons that decided so.
        nulls: names whose value is null, and that made a comparison false.
    """

    condition: str
    fails: bool
    reasons: tuple[Compared, ...]
    nulls: tuple[str, ...]


def read_report(path: Path) -> Finished:
    """Read a report.json.

    Raises:
        EvaluationError: it can't be read, or is none.
    """
    try:
        return finished(_Report.model_validate_json(path.read_bytes()).model_dump())
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read: {error.strerror}") from error
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        place = ".".join(map(str, mistake["loc"]))
        raise EvaluationError(f"{path}: is no report of `evaluate`: {place or 'file'}: {mistake['msg']}") from error


def finished(report: Mapping[str, Any]) -> Finished:
    """The content of a report.json, as a gate reads it."""
    numbers = dict(_numbers(ALL, report["all"]))
    for kind, found in report["types"].items():
        numbers |= _numbers(kind, found)
    clips = frozenset(str(clip.get("name", clip.get("camera"))) for clip in report["clips"])
    return Finished(numbers, frozenset(report["types"]), clips, int(report.get("clips_failed", 0)))


def judge(condition: str, report: Finished, baseline: Finished | None = None) -> Verdict:
    """Say whether a condition for failing is true of a report.

    Args:
        condition: what must not be; names are those of the report, under `baseline.` those of the old one.
        report: the new one.
        baseline: the old one, if there is one.

    Raises:
        EvaluationError: the condition can't be understood, or a name is unknown.
    """
    judging = _Judging(condition, report, baseline)
    root = _parse(condition)
    fails = judging.checked(root)
    return Verdict(condition, fails, tuple(judging.reasons(root, wanted=fails)), tuple(dict.fromkeys(judging.nulls)))


def check(condition: str, *, has_baseline: bool) -> None:
    """Look at the form of a condition before there is a report: a slip must not cost an evaluation.

    Raises:
        EvaluationError: the condition can't be understood, names no type of incident, or is about a baseline
            that is not given.
    """
    blank: dict[str, Any] = {"all": {}, "types": {}, "clips": []}
    empty = finished(blank)
    _Judging(condition, empty, empty if has_baseline else None, form_only=True).checked(_parse(condition))


def differing_clips(report: Finished, baseline: Finished) -> str | None:
    """A line if the two reports are about other clips: then their numbers say little about the change."""
    only_new, only_old = sorted(report.clips - baseline.clips), sorted(baseline.clips - report.clips)
    if not only_new and not only_old:
        return None
    return f"the baseline is about other clips: only there {only_old or 'none'}, only here {only_new or 'none'}"


class _Judging:
    """One condition over one report. Everything is looked at, also what no longer matters, so that no typo stays hidden."""

    def __init__(self, condition: str, report: Finished, baseline: Finished | None, *, form_only: bool = False) -> None:
        self._condition = condition
        self._form_only = form_only
        self._report = report
        self._baseline = baseline
        self._truths: dict[ast.expr, bool] = {}
        self._compared: dict[ast.expr, Compared] = {}
        self.nulls: list[str] = []

    def checked(self, root: ast.expr) -> bool:
        """Whether the whole condition is true."""
        try:
            return self.truth(root)
        except RecursionError:
            raise EvaluationError(f"condition {self._condition!r:.60}: is nested too deeply") from None

    def truth(self, node: ast.expr) -> bool:
        """Whether a part of the condition is true."""
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(part) for part in node.values]
            value = all(parts) if isinstance(node.op, ast.And) else any(parts)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            value = not self.truth(node.operand)
        elif isinstance(node, ast.Compare):
            compared = self._compared[node] = self._compare(node)
            value = compared.held
        else:
            raise self._refusal(node, "is no condition: a comparison such as all.f1 < 0.9 is")
        self._truths[node] = value
        return value

    def reasons(self, node: ast.expr, *, wanted: bool) -> Iterator[Compared]:
        """The comparisons that made a condition what it is."""
        if self._truths[node] is not wanted:
            return
        if isinstance(node, ast.Compare):
            yield self._compared[node]
        elif isinstance(node, ast.UnaryOp):
            yield from self.reasons(node.operand, wanted=not wanted)
        elif isinstance(node, ast.BoolOp):
            for part in node.values:
                yield from self.reasons(part, wanted=wanted)

    def _compare(self, node: ast.Compare) -> Compared:
        values = [self._number(part) for part in (node.left, *node.comparators)]
        signs: list[str] = []
        held = True
        for op, left, right in zip(node.ops, values, values[1:], strict=False):
            if type(op) not in _COMPARE:
                raise self._refusal(node, f"can't be compared like this: {_ALLOWED}")
            sign, holds = _COMPARE[type(op)]
            signs.append(sign)
            held = held and left is not None and right is not None and holds(left, right)
        return Compared(ast.unparse(node), tuple(values), tuple(signs), held)

    def _number(self, node: ast.expr) -> float | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return self._finite(node, node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            value = self._number(node.operand)
            return None if value is None else -value
        if isinstance(node, ast.BinOp) and type(node.op) in _CALCULATE:
            left, right = self._number(node.left), self._number(node.right)
            if left is None or right is None:
                return None
            return self._finite(node, _CALCULATE[type(node.op)](left, right))
        if isinstance(node, ast.Attribute | ast.Name):
            return self._named(node)
        raise self._refusal(node, f"is no number: {_ALLOWED}")

    def _finite(self, node: ast.expr, value: float) -> float:
        try:
            finite = math.isfinite(number := float(value))
        except OverflowError:  # a whole number may have any length
            finite = False
        if not finite:
            raise self._refusal(node, "is too large a number")
        return number

    def _named(self, node: ast.Attribute | ast.Name) -> float | None:
        name = self._dotted(node)
        value = self._look_up(name)
        if value is None:
            self.nulls.append(name)
        return value

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Attribute):
            return f"{self._dotted(node.value)}.{node.attr}"
        if isinstance(node, ast.Name):
            return node.id
        raise self._refusal(node, f"is no name: {_ALLOWED}")

    def _look_up(self, name: str) -> float | None:
        report, own = self._report, name
        if name.startswith(f"{BASELINE}."):
            own = name.removeprefix(f"{BASELINE}.")
            if self._baseline is None:
                raise EvaluationError(
                    f"condition {self._condition!r}: {name}: no baseline is given (--baseline REPORT.json)"
                )
            report = self._baseline
        if own in report.numbers:
            return report.numbers[own]
        kind, _, rest = own.partition(".")
        if self._form_only and kind in (ALL, *IncidentType) and rest:
            return None
        # A type that nothing was seen of has no numbers, but the same names as all.
        if kind in set(IncidentType) - report.types and f"{ALL}.{rest}" in report.numbers:
            return None
        raise self._unknown(name, kind, report)

    def _unknown(self, name: str, kind: str, report: Finished) -> EvaluationError:
        roots = [ALL, *sorted(IncidentType)]
        allowed = sorted({known.partition(".")[2] for known in report.numbers if known.startswith(f"{ALL}.")})
        what = (
            f"after {kind}. allowed are {', '.join(allowed)}"
            if kind in roots
            else f"allowed are {', '.join(f'{root}.…' for root in roots)}, with or without baseline. before it"
        )
        return EvaluationError(f"condition {self._condition!r}: {name} is not in the report: {what}")

    def _refusal(self, node: ast.AST, why: str) -> EvaluationError:
        return EvaluationError(f"condition {self._condition!r}: {ast.unparse(node)!r} {why}")


def _parse(condition: str) -> ast.expr:
    if len(condition) > LENGTH_MAX:
        raise EvaluationError(f"condition has {len(condition)} characters: allowed are {LENGTH_MAX}")
    try:
        # In brackets, it may stand in several lines of a CI file.
        return ast.parse(f"({condition}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise EvaluationError(f"condition {condition!r}: can't be understood: {reason}; {_ALLOWED}") from None


def _numbers(prefix: str, found: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for key, value in found.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping):
            yield from _numbers(name, value)
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield name, value


def _shown(value: float | None) -> str:
    return "null" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def lines_of(verdicts: Sequence[Verdict]) -> list[str]:
    """What the gate says, for people: each condition, and the numbers that decided."""
    lines: list[str] = []
    for verdict in verdicts:
        said = "fails" if verdict.fails else "passes"
        lines.append(f"gate {said}: {verdict.condition}")
        if verdict.fails:
            lines += [f"  {reason}" for reason in verdict.reasons]
        lines += [f"  {name} is null: a comparison with it is false" for name in verdict.nulls]
    return lines
