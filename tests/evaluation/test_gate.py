"""Conditions of a gate: what they may say, what they mean, and what is said when they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import EvaluationError
from evaluation.gate import LENGTH_MAX, check, differing_clips, finished, judge, lines_of, read_report
from tests.whole.house import run as streetwarden
from tests.whole.warm import RunWarm


def report(f1: float | None = 0.9, **changes: Any) -> dict[str, Any]:
    whole = {"f1": f1, "recall": 0.8, "fa_per_camera_hour": 0.05, "misses": 2, "delay_s": {"p95": 3.0, "median": None}}
    dumping = {
        "f1": 0.91,
        "recall": 1.0,
        "fa_per_camera_hour": 0.0,
        "misses": 0,
        "delay_s": {"p95": 1.0, "median": 0.5},
    }
    return {"schema": 1, "all": whole, "types": {"dumping": dumping}, "clips": [{"name": "a.yaml"}], **changes}


NEW, OLD = finished(report()), finished(report(f1=0.92))


@pytest.mark.parametrize(
    ("condition", "fails"),
    [
        ("dumping.f1 < 0.93", True),  # 0.91
        ("dumping.f1 < 0.91", False),
        ("dumping.f1 <= 0.91", True),
        ("dumping.f1 == 0.91 and all.misses != 3", True),
        ("dumping.f1 < 0.93 or all.fa_per_camera_hour > 0.1", True),
        ("dumping.f1 > 0.93 or all.fa_per_camera_hour > 0.1", False),
        ("dumping.f1 < 0.93 and all.fa_per_camera_hour > 0.1", False),
        ("not all.f1 >= 0.9", False),
        ("not (all.f1 >= 0.9 and all.recall >= 0.9)", True),  # recall is 0.8
        ("all.f1 < baseline.all.f1 - 0.01", True),  # 0.9 < 0.91
        ("all.f1 < baseline.all.f1 - 0.03", False),  # 0.9 < 0.89
        ("all.misses > 2 * baseline.all.misses - 3", True),  # 2 > 1
        ("all.delay_s.p95 > 2.5", True),
        ("0.8 < all.f1 < 0.95", True),
        ("0.8 < all.f1 < 0.9", False),
        ("-all.misses < -1", True),
        ("(all.f1\n  < 0.95)\n", True),  # as in a CI file
    ],
)
def test_conditions(condition: str, fails: bool) -> None:
    check(condition, has_baseline=True)
    assert judge(condition, NEW, OLD).fails is fails


@pytest.mark.parametrize(
    ("condition", "fails", "names"),
    [
        ("all.delay_s.median > 1", False, ["all.delay_s.median"]),
        ("all.delay_s.median + 1 > 0", False, ["all.delay_s.median"]),
        ("not all.delay_s.median < 60", True, ["all.delay_s.median"]),  # false, and so its opposite is true
        ("all.delay_s.median > 1 or all.f1 < 1", True, ["all.delay_s.median"]),
        ("street_vending.f1 < 0.9", False, ["street_vending.f1"]),  # a type that nothing was seen of
    ],
)
def test_null_makes_a_comparison_false_and_is_said(condition: str, fails: bool, names: list[str]) -> None:
    verdict = judge(condition, NEW, OLD)
    assert verdict.fails is fails
    assert list(verdict.nulls) == names
    assert f"  {names[0]} is null: a comparison with it is false" in lines_of([verdict])


@pytest.mark.parametrize(
    ("condition", "reasons"),
    [
        ("dumping.f1 < 0.93 or all.fa_per_camera_hour > 0.1", ["dumping.f1 < 0.93 (0.91 < 0.93)"]),
        ("all.f1 < baseline.all.f1 - 0.01", ["all.f1 < baseline.all.f1 - 0.01 (0.9 < 0.91)"]),
        ("not (all.f1 > 0.5 and all.recall > 0.9)", ["all.recall > 0.9 (0.8 > 0.9)"]),
        ("(all.f1 < 1 and all.f1 > 0.95) or all.misses > 0", ["all.misses > 0 (2 > 0)"]),
        ("all.f1 < 1 and all.misses > 0", ["all.f1 < 1 (0.9 < 1)", "all.misses > 0 (2 > 0)"]),
    ],
)
def test_what_failed_is_said_with_both_numbers(condition: str, reasons: list[str]) -> None:
    verdict = judge(condition, NEW, OLD)
    assert [str(reason) for reason in verdict.reasons] == reasons
    assert lines_of([verdict])[0] == f"gate fails: {condition}"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("dumpling.f1 < 0.9", ["dumpling.f1", "all.…", "dumping.…"]),
        ("all.f2 < 0.9", ["all.f2 is not in the report", "f1", "delay_s.p95"]),
        ("all.delay_s < 0.9", ["all.delay_s", "delay_s.p95"]),
        ("dumping.f2 < 0.9", ["dumping.f2"]),
        ("street_vending.f2 < 0.9", ["street_vending.f2"]),
        ("all.f1 < 0.9 or all.f2 < 1", ["all.f2"]),  # also where the first part has decided
        ("all.f1 > 0.5 or baseline.all.f2 < 1", ["baseline.all.f2"]),
        ("all.f1", ["'all.f1' is no condition"]),
        ("all.f1 - 1", ["is no condition"]),
        ("all.f1 and all.recall", ["'all.f1' is no condition"]),
        ("all.f1 < (all.recall > 1)", ["is no number"]),
        ("all.f1 < 'high'", ["'high'", "is no number", "allowed are"]),
        ("all.f1 < True", ["is no number"]),
        ("all.f1 < 1j", ["is no number"]),
        ("all.f1 in (1, 2)", ["is no number"]),
        ("all.f1 is 1", ["can't be compared like this"]),
        ("all.f1 < 2 ** 9", ["'2 ** 9' is no number"]),
        ("all.f1 < 1 / 2", ["is no number"]),
        ("all.f1 < 1e400", ["too large"]),
        ("all.f1 < " + "9" * 400, ["too large"]),
        ("all['f1'] < 1", ["is no number"]),
        ("all.f1 < max(1, 2)", ["is no number"]),
        ("__import__('os').system('true') < 1", ["is no number"]),
        ("(lambda: 1)() < 1", ["is no number"]),
        ("().__class__ < 1", ["is no name"]),
        ("(all := 1) < 2", ["is no number"]),
        ("all.f1 <", ["can't be understood"]),
        ("", ["can't be understood", "is no condition"]),
        ("all.f1 < 1; x = 1", ["can't be understood"]),
        ("all.f1 < " + "-" * 1900 + "1", ["nested too deeply", "can't be understood"]),
        ("all.f1 < 1 or " * 200 + "all.f1 < 1", [f"allowed are {LENGTH_MAX}"]),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_executed(condition: str, words: list[str]) -> None:
    alternatives = words if condition == "" or "nested too deeply" in words else None
    with pytest.raises(EvaluationError) as caught:
        judge(condition, NEW, OLD)
    said = str(caught.value)
    assert "\n" not in said
    if alternatives:
        assert any(word in said for word in alternatives)
    else:
        assert all(word in said for word in words)


def test_a_baseline_that_is_not_given() -> None:
    with pytest.raises(EvaluationError, match=r"baseline\.all\.f1: no baseline is given"):
        judge("all.f1 < baseline.all.f1", NEW)
    with pytest.raises(EvaluationError, match="no baseline is given"):
        check("all.f1 < baseline.all.f1", has_baseline=False)


def test_a_slip_is_found_before_there_is_a_report() -> None:
    for condition in ("dumpling.f1 < 1", "all.f1", "all.f1 <", "f1 < 1"):
        with pytest.raises(EvaluationError):
            check(condition, has_baseline=False)
    check("street_vending.f1 < 1 or all.clips > 0", has_baseline=False)  # what keys there are, only a report knows


def test_reports_about_other_clips_are_told_apart() -> None:
    other = finished(report(clips=[{"name": "a.yaml"}, {"name": "b.yaml"}]))
    assert differing_clips(NEW, OLD) is None
    assert differing_clips(NEW, other) == "the baseline is about other clips: only there ['b.yaml'], only here none"


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "can't be read"), ("[]", "is no report"), ('{"all": {}}', "types"), ("{", "is no report")],
)
def test_what_is_no_report(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(EvaluationError, match=words):
        read_report(path)


def test_the_command(tmp_path: Path, run_warm: RunWarm) -> None:
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    new.write_text(json.dumps(report()))
    old.write_text(json.dumps(report(f1=0.92)))
    passes = streetwarden("gate", new, "--fail-if", "all.f1 < 0.9")
    assert (passes.returncode, passes.stdout) == (0, "gate passes: all.f1 < 0.9\n")
    fails = run_warm(
        "gate", new, "--baseline", old, "--fail-if", "all.f1 < 0.5", "--fail-if", "all.f1 < baseline.all.f1"
    )
    assert fails.returncode == 3
    assert fails.stdout.splitlines() == [
        "gate passes: all.f1 < 0.5",
        "gate fails: all.f1 < baseline.all.f1",
        "  all.f1 < baseline.all.f1 (0.9 < 0.92)",
    ]
    wrong = run_warm("gate", new, "--fail-if", "all.f2 < 1")
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") == 1
    new.write_text(json.dumps(report(clips_failed=1)))
    failed = run_warm("gate", new, "--fail-if", "all.f1 < 0.5")
    assert failed.returncode == 3
    assert "1 clips could not be analysed" in failed.stdout
