"""Two runs side by side: a pair of reports made by hand, and what a user gets wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evaluation.errors import EvaluationError
from evaluation.metrics.scoring import ClipScore
from evaluation.report.command import compare_command
from evaluation.report.compare import compare
from evaluation.report.comparison_page import render_comparison, verdict
from evaluation.report.load import load_report
from evaluation.report.write import write_report
from tests.evaluation.report_cases import alarm, clip, parsed, text_of, truth, write

QUIET = [clip("quiet", [], [])]
A = [
    clip("slow", [truth()], [alarm()]),
    clip("better", [truth()], []),
    clip("worse", [truth()], [alarm()]),
    clip("both", [truth()], [alarm(), alarm(100.0, name="same")]),
    clip("gone", [], [alarm(name="gone")]),
    clip("new", [], []),
    clip("again", [truth()], []),
    *QUIET,
]
B = [
    clip("slow", [truth()], [alarm(delay_s=3.0)]),
    clip("better", [truth()], [alarm()]),
    clip("worse", [truth()], []),
    clip("both", [truth()], [alarm(), alarm(104.0, name="other id, same thing")]),
    clip("gone", [], []),
    clip("new", [], [alarm(name="new")]),
    clip("again", [truth()], [alarm()]),
    *QUIET,
]


def pair(folder: Path, a: list[ClipScore], b: list[ClipScore], **more: Any) -> dict[str, Any]:
    write(folder / "a", a, settings=more.get("a"))
    write(folder / "b", b, settings=more.get("b"))
    return compare(load_report(folder / "a"), load_report(folder / "b"))


def metric(comparison: dict[str, Any], name: str, scope: str = "all") -> dict[str, Any]:
    return next(row for row in comparison["metrics"] if (row["scope"], row["metric"]) == (scope, name))


@pytest.mark.parametrize(
    ("name", "before", "after", "difference", "said"),
    [
        # A finds 3 (slow, worse, both), misses 2, raises 2 for nothing; B finds 4, misses 1, raises 2 for nothing
        ("precision", 0.6, 0.6667, 0.0667, "better"),  # 3/5 and 4/6
        ("recall", 0.6, 0.8, 0.2, "better"),  # 3/5 and 4/5
        ("f1", 0.6, 0.7273, 0.1273, "better"),  # 6/10 and 8/11
        ("fa_per_camera_hour", 2.0, 2.0, 0.0, "same"),  # 2 in 8 * 450 s = 1 h
        ("delay_median_s", 1.0, 1.0, 0.0, "same"),  # of 1 1 1, and of 3 1 1 1
    ],
)
def test_the_table_says_by_how_much_each_metric_differs(
    tmp_path: Path, name: str, before: float, after: float, difference: float, said: str
) -> None:
    row = metric(pair(tmp_path, A, B), name)
    assert (row["a"], row["b"], row["difference"], row["verdict"]) == (before, after, difference, said)


def test_less_is_better_for_false_alarms(tmp_path: Path) -> None:
    fewer = metric(pair(tmp_path, [clip("a", [], [alarm()])], [clip("a", [], [])]), "fa_per_camera_hour")
    assert (fewer["a"], fewer["b"], fewer["verdict"]) == (8.0, 0.0, "better")  # 1 in 450 s


def test_each_incident_that_changed_is_listed_once(tmp_path: Path) -> None:
    incidents = pair(tmp_path, A, B)["incidents"]
    assert {
        group: [change["clip"] for change in found] for group, found in incidents.items() if isinstance(found, list)
    } == {
        "newly_found": ["better.yaml", "again.yaml"],
        "newly_missed": ["worse.yaml"],
        "new_false_alarms": ["new.yaml"],
        "gone_false_alarms": ["gone.yaml"],
        "delays": ["slow.yaml"],
    }
    assert incidents["delays"][0]["change_s"] == 2.0  # 3 - 1
    assert incidents["unchanged"] == 2  # of clip both: what was found, and the false alarm 4 s beside that of A
    found = incidents["newly_found"][0]
    assert (found["kind_a"], found["kind_b"]) == ("miss", "match")
    assert (found["still_a"], found["still_b"]) == ("001-miss-0.jpg", "001-match-0.jpg")


def test_one_run_compared_with_itself_has_no_change(tmp_path: Path) -> None:
    comparison = pair(tmp_path, A, A)
    incidents = comparison["incidents"]
    assert not any(found for found in incidents.values() if isinstance(found, list))
    assert incidents["unchanged"] == 7  # 5 true incidents and 2 false alarms
    assert {row["verdict"] for row in comparison["metrics"]} == {"same"}
    assert comparison["settings"] == []
    assert verdict(comparison).startswith("B is as good as A by F1, 0.60.")


@pytest.mark.parametrize(
    ("gained", "lost", "more_than_chance", "said"),
    [
        (9, 0, True, "That is more than chance"),
        (3, 2, False, "That may be chance"),  # 5 of 10 changed, nearly as many to the worse
    ],
)
def test_drawing_clips_says_whether_a_difference_is_more_than_chance(
    tmp_path: Path, gained: int, lost: int, *, more_than_chance: bool, said: str
) -> None:
    names = [f"c{number}" for number in range(10)]
    found_a = set(names[gained : gained + lost]) | set(names[gained + lost :])
    found_b = set(names[:gained]) | set(names[gained + lost :])
    a, b = (
        [clip(name, [truth()], [alarm()] if name in found else []) for name in names] for found in (found_a, found_b)
    )
    comparison = pair(tmp_path, a, b)
    row = metric(comparison, "recall")
    assert row["difference"] == pytest.approx((gained - lost) / 10)
    assert row["more_than_chance"] is more_than_chance
    assert (row["difference_interval"]["low"] > 0) is more_than_chance
    assert said in verdict(comparison)


def test_too_few_clips_say_nothing_about_chance(tmp_path: Path) -> None:
    row = metric(pair(tmp_path, A[:3], B[:3]), "f1")
    assert (row["more_than_chance"], row["intervals_overlap"], row["interval_a"]) == (None, None, None)


def test_clips_that_one_run_lacks_are_named_and_in_no_number(tmp_path: Path) -> None:
    comparison = pair(tmp_path, [*A, clip("only", [truth()], [])], B[1:])
    assert (comparison["only_in_a"], comparison["only_in_b"]) == (["slow.yaml", "only.yaml"], [])
    assert metric(comparison, "recall")["a"] == 0.5  # worse and both of better, worse, both, again
    with pytest.raises(EvaluationError, match="no clip in common"):
        pair(tmp_path / "none", A[:1], B[1:])


def test_truth_that_was_changed_between_the_runs_is_counted(tmp_path: Path) -> None:
    comparison = pair(tmp_path, [clip("a", [truth(10.0)], [])], [clip("a", [truth(12.0)], [])])
    assert comparison["incidents"]["truth_differs"] == 2
    page = render_comparison(comparison, load_report(tmp_path / "a"), load_report(tmp_path / "b"))
    assert "2 true incidents in only one of the two" in page


def test_a_clip_that_is_there_twice_is_two_clips(tmp_path: Path) -> None:
    twice = [clip("a", [truth()], []), clip("a", [truth()], [alarm()])]
    comparison = pair(tmp_path, twice, list(reversed(twice)))
    assert comparison["clips"] == ["a.yaml", "a.yaml#2"]
    assert [change["clip"] for change in comparison["incidents"]["newly_missed"]] == ["a.yaml#2"]


def test_settings_that_differ_are_listed(tmp_path: Path) -> None:
    old = {"model": {"name": "m", "precision": "float"}, "thresholds": {"score_min": 0.15}}
    new = {"model": {"name": "m", "precision": "int8"}, "thresholds": {"score_min": 0.15, "seed_score": 0.3}}
    write(tmp_path / "a", A, settings=old)
    write(tmp_path / "b", B, settings=new)
    for side, onnxruntime in (("a", "1.25"), ("b", "1.26")):
        (tmp_path / side / "timing.json").write_text(json.dumps({"machine": {"cores": 2, "onnxruntime": onnxruntime}}))
    comparison = compare(load_report(tmp_path / "a"), load_report(tmp_path / "b"))
    assert comparison["settings"] == [
        {"name": "machine.onnxruntime", "a": "1.25", "b": "1.26"},
        {"name": "model.precision", "a": "float", "b": "int8"},
        {"name": "thresholds.seed_score", "a": None, "b": 0.3},
    ]


def test_the_page_shows_both_sides_of_each_change(tmp_path: Path) -> None:
    comparison = pair(tmp_path, A, B)
    for side in ("a", "b"):
        (tmp_path / side / "pictures").mkdir()
    (tmp_path / "a" / "pictures" / "001-miss-0.jpg").write_bytes(b"picture of A")
    (tmp_path / "b" / "pictures" / "001-match-0.jpg").write_bytes(b"picture of B")
    a, b = load_report(tmp_path / "a"), load_report(tmp_path / "b")
    source = render_comparison(comparison, a, b)
    assert source == render_comparison(compare(a, b), a, b)
    page = parsed(source)
    groups = [text_of(group) for group in page.xpath("//section[@id='changes']/h3")]
    assert groups == [
        "Newly missed: 1",
        "New false alarms: 1",
        "Newly found: 2",
        "False alarms that are gone: 1",
        "Alarms at another moment: 1",
    ]
    assert [image.get("alt").split(",")[0] for image in page.xpath("//img")] == ["A: missed", "B: found"]
    assert "alarm 2 s later" in text_of(page.get_element_by_id("changes"))
    row = page.xpath("//tr[th[normalize-space()='F1']]")[0]
    assert text_of(row).startswith("F1 0.60 ")
    assert " 0.73 " in text_of(row)
    assert " +0.13 " in text_of(row)
    assert "▲ better" in text_of(row)
    assert all(cell.get("scope") for cell in page.xpath("//th"))
    assert "http" not in source


def test_the_command_writes_the_page_and_its_json(tmp_path: Path) -> None:
    pair(tmp_path, A, B)
    out = tmp_path / "new" / "both.html"
    arguments = [str(tmp_path / "a"), str(tmp_path / "b" / "report.json"), "--out", str(out)]
    result = CliRunner().invoke(compare_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert (
        "B is better than A: F1 0.73 instead of 0.60. True incidents: 2 newly found, 1 newly missed." in result.stdout
    )
    document = json.loads((tmp_path / "new" / "both.json").read_text())
    assert (document["schema"], document["a"]["name"], document["b"]["name"]) == (1, "a", "b")
    assert out.read_text().startswith("<!doctype html>")
    first = out.read_bytes()
    CliRunner().invoke(compare_command, arguments, catch_exceptions=False)
    assert out.read_bytes() == first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"holds no report\.json: allowed is a folder that `streetwarden evaluate` wrote"),
        ("not json", r"report\.json: is not valid JSON"),
        ("[]", r"report\.json: is no JSON object"),
        ('{"schema": 1, "incidents": []}', r"report\.json: is no report of an evaluation"),
        ('{"schema": 7, "all": {}, "clips": []}', r"schema: 7 is not known: allowed is 1"),
        (
            '{"schema": 1, "all": {}, "clips": [{"name": "a"}]}',
            r"clips: not as schema 1 has them: 'matches' is missing",
        ),
        ('{"schema": 1, "all": {}, "clips": [3]}', r"clips: not as schema 1 has them"),
    ],
)
def test_what_is_no_report_is_one_clear_line(tmp_path: Path, content: str | None, said: str) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    if content is not None:
        (folder / "report.json").write_text(content)
    write(tmp_path / "good", A)
    out = tmp_path / "out.html"
    with pytest.raises(EvaluationError, match=said) as caught:
        CliRunner().invoke(
            compare_command, [str(tmp_path / "good"), str(folder), "--out", str(out)], catch_exceptions=False
        )
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_reports_of_an_older_version_are_compared_by_what_they_have(tmp_path: Path) -> None:
    report = write(tmp_path / "a", A)
    old = {key: report[key] for key in ("schema", "model", "media_s", "all", "types", "clips")}
    for row in old["clips"]:
        row.pop("zones")
        for wrong in (*row["false_alarms"], *row["misses"]):
            wrong.pop("nearest")
    (tmp_path / "a" / "report.json").write_text(json.dumps(old))
    write_report(tmp_path / "b", write(tmp_path / "b", B))
    a, b = load_report(tmp_path / "a"), load_report(tmp_path / "b")
    assert metric(compare(a, b), "f1")["difference"] == 0.1273
    assert "Newly found" in render_comparison(compare(a, b), a, b)
    assert replace(a, report={}).clips == a.clips
