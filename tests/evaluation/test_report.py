"""The page of a report, read as a reader or a screen reader meets it; and what sets an outcome apart from its nearest one."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from detector.zoning.geometry import Box
from evaluation.metrics.matching import match
from evaluation.report.build import build_report, render_html
from evaluation.report.differences import between, nearest_prediction, nearest_truth
from evaluation.report.facts import run_settings
from evaluation.report.gallery import SHOWN_MAX, failures
from evaluation.report.machine import machine
from evaluation.report.words import explained, seconds, verdict
from tests.browser import chromium
from tests.evaluation.report_cases import DUMPING, alarm, clip, parsed, text_of, truth

ELSEWHERE = Box(0.0, 0.0, 0.1, 0.1)  # centre 0.05, true box grown by half of it begins at 0.3
JPEG = b"\xff\xd8a picture"


def report_of_all_kinds() -> dict[str, Any]:
    """Found 2, one of them 7 s late; 1 false alarm, 22 s too late to be the true one; 1 miss."""
    late = [truth(10.0), truth(100.0)], [alarm(10.0, name="good", delay_s=0.0), alarm(101.0, name="slow", delay_s=6.0)]
    wrong = [truth(20.0)], [replace(alarm(42.0, name="wrong"), score=0.61)]
    return build_report([clip("late", *late), clip("wrong", *wrong), clip("quiet", [], [])], model="<model>")


@pytest.mark.parametrize(
    ("prediction", "differs"),
    [
        (alarm(10.0), ()),
        (alarm(20.0), ()),  # +10 s: the edge counts
        (alarm(20.1), ("onset",)),
        (alarm(4.9), ("onset",)),  # -5.1 s
        (alarm(10.0, kind=DUMPING), ("type",)),
        (alarm(10.0, zone="lane"), ("zone",)),
        (alarm(10.0, box=ELSEWHERE), ("place",)),
        (alarm(50.0, zone="lane", box=ELSEWHERE), ("zone", "onset", "place")),
    ],
)
def test_a_difference_is_named_by_the_rules_of_matching(prediction: Any, differs: tuple[str, ...]) -> None:
    found = between(prediction, truth(10.0))
    assert found.differs == differs
    assert (not differs) == bool(match([prediction], [truth(10.0)]).matches)


def test_the_nearest_differs_in_the_fewest_aspects_then_by_onset() -> None:
    stranger = truth(50.0, kind=DUMPING)  # same onset, another type, and its zone differs
    early, later = truth(10.0), truth(70.0)  # 40 s and 20 s off
    matching = match([alarm(50.0)], [replace(stranger, zone="lane"), early, later])
    nearest = nearest_truth(matching.false_alarms[0], matching)
    assert nearest is not None
    assert (nearest.truth, nearest.differs, nearest.onset_off_s) == (later, ("onset",), -20.0)
    assert nearest_prediction(early, match([], [early])) is None


@pytest.mark.parametrize(
    ("value", "text"), [(8.44, "8.4 s"), (74.0, "74 s"), (-0.04, "0 s"), (-1.26, "-1.3 s"), (99.96, "100 s")]
)
def test_seconds_as_people_write_them(value: float, text: str) -> None:
    assert seconds(value) == text


def test_why_an_outcome_came_out_so_is_said() -> None:
    report = report_of_all_kinds()
    wrong = report["clips"][1]
    said = explained("false_alarm", wrong["false_alarms"][0])
    assert said == (
        "Nearest true incident: illegal parking in kerb, since 20 s. Does not match:"
        " onset off by +22 s (allowed: 5 s early to 10 s late)."  # 42 - 20
    )
    assert explained("miss", wrong["misses"][0]).startswith("Nearest prediction: illegal parking in kerb, since 42 s.")
    alone = build_report([clip("a", [], [alarm()]), clip("b", [truth()], [])], model="m")["clips"]
    assert explained("false_alarm", alone[0]["false_alarms"][0]) == "Nothing happens in this clip."
    assert explained("miss", alone[1]["misses"][0]) == "Nothing was reported in this clip."


def test_a_vehicle_that_is_reported_twice_is_said_to_be_taken() -> None:
    twice = build_report([clip("a", [truth(10.0)], [alarm(10.0), alarm(11.0)])], model="m")
    row = twice["clips"][0]["false_alarms"][0]
    assert row["nearest"]["differs"] == []
    assert "another prediction found it" in explained("false_alarm", row)


def test_the_verdict_counts_and_names_the_weakest_type() -> None:
    # 2 of 3 found, 1 false alarm in 3 * 450 s = 0.375 h: 2.67 an hour; delays 0 s and 7 s, median 3.5
    assert verdict(report_of_all_kinds()).startswith(
        "2 of 3 true incidents were found, with 1 false alarm in 0.38 camera-hours (2.7 an hour)."
        " The median alarm came 3.5 s after the ideal moment, the latest 7 s after it."
    )
    two = build_report([clip("a", [truth(), truth(kind=DUMPING)], [alarm()])], model="m")
    assert "Weakest: dumping, F1 0.00." in verdict(two)
    assert "it takes 8" in verdict(two)
    assert verdict(build_report([clip("a", [], [])], model="m")).startswith("There was nothing to find, with 0 false")


def test_the_page_holds_all_that_it_must() -> None:
    report = report_of_all_kinds()
    stills = {shot.name: JPEG for shot in failures(report)}
    page = parsed(render_html(report, stills=stills, machine={"cpu": "Fast One"}, notes=["gone.yaml: no stills"]))
    assert page.findtext(".//title") == "Streetwarden evaluation: <model>"
    cards = page.xpath("//li[contains(@class, 'card')]")
    assert [card.get("data-kind") for card in cards] == [
        "false_alarm",
        "miss",
        "match",
    ]  # what came on time is no failure
    assert "alarm 7 s late" in text_of(cards[2])
    assert "score 0.61" in text_of(cards[0])
    assert [image.get("alt") for image in page.xpath("//img")] == [
        "False alarm: illegal parking in kerb, wrong.yaml at 73 s",  # 42 + 30 + 1
        "Missed: illegal parking in kerb, wrong.yaml at 50 s",
        "Found: illegal parking in kerb, alarm 7 s late, late.yaml at 137 s",  # 101 + 30 + 6; due at 100 + 30
    ]
    rows = {text_of(row[0]): text_of(row) for row in page.xpath("//section[@id='summary']//tbody/tr")}
    assert rows["illegal parking"].startswith("illegal parking 2 1 1 0.67 0.67 0.67 2.7 3.5 / 6.7 / 7.0")
    assert "quiet" in text_of(page.xpath("//section[@id='clips']/div[last()]")[0])
    assert "Fast One" in text_of(page.get_element_by_id("ran"))
    assert "gone.yaml: no stills" in text_of(page.get_element_by_id("summary"))
    assert [image.get("aria-label") for image in page.xpath("//svg")] == [
        "Distribution of the alarm delay",
        "P(miss) over the rate of false alarms",
    ]


def test_the_page_needs_nothing_else_and_can_be_read_aloud() -> None:
    report = report_of_all_kinds()
    source = render_html(report, stills={shot.name: JPEG for shot in failures(report)})
    page = parsed(source)
    assert "http" not in source
    assert not page.xpath("//link | //script[@src] | //iframe")
    assert all(image.get("src").startswith("data:image/jpeg;base64,") for image in page.xpath("//img"))
    assert all(link.startswith("#") for link in page.xpath("//*/@href"))
    assert all(cell.get("scope") for cell in page.xpath("//th"))
    assert page.get("lang") == "en"
    ids = Counter(page.xpath("//*/@id"))
    assert [name for name, count in ids.items() if count > 1] == []
    targets = [link[1:] for link in page.xpath("//a/@href")]
    assert set(targets) <= set(ids)


def test_two_renders_of_one_report_are_equal() -> None:
    assert render_html(report_of_all_kinds()) == render_html(report_of_all_kinds())


def test_more_failures_than_are_shown_are_counted() -> None:
    wrong = [alarm(100.0 * number, name=f"p{number}") for number in range(SHOWN_MAX + 3)]
    page = parsed(render_html(build_report([clip("a", [], wrong)], model="m")))
    assert len(page.xpath("//li[contains(@class, 'card')]")) == SHOWN_MAX
    assert "3 more are not shown here" in text_of(page.get_element_by_id("gallery"))


def test_intervals_stand_below_their_numbers_where_there_are_enough_clips() -> None:
    clips = [clip(f"c{number}", [truth()], [alarm()] if number % 2 else []) for number in range(8)]
    report = build_report(clips, model="m")
    sure = report["all"]["intervals"]["recall"]
    assert sure["low"] < 0.5 < sure["high"]  # 4 of 8 found
    row = text_of(parsed(render_html(report)).xpath("//section[@id='summary']//tbody/tr[1]")[0])
    assert f"{sure['low']:.2f} to {sure['high']:.2f}" in row


def test_scores_are_shown_to_be_reliable_only_where_there_are_alarms_enough() -> None:
    # 100 alarms, scores 0.50 to 0.995; of each ten in a row the first five are true
    clips = [
        clip(f"c{number}", [truth()] if number % 10 < 5 else [], [alarm(score=0.5 + number / 200)])
        for number in range(100)
    ]
    report = build_report(clips, model="m")
    assert [part["found_share"] for part in report["curves"]["reliability"]["bins"]] == [0.5] * 10
    page = parsed(render_html(report))
    assert page.xpath("//svg[@aria-label='Reliability of the scores']")
    # mean scores 0.5225 to 0.9725, in steps of 0.05; on average 0.7475, so 0.2475 above 0.5
    assert "off by 0.25 on average over 100 alarms" in text_of(page.get_element_by_id("curves"))
    few = parsed(render_html(build_report(clips[:99], model="m")))
    assert "takes 100 alarms to say" in text_of(few.get_element_by_id("curves"))


def test_what_ran_is_told_without_what_changes_from_machine_to_machine() -> None:
    settings = run_settings("yolov8n")
    assert settings["model"]["sha256"].startswith("f59b3d833e2ff32e")
    assert settings["model"]["precision"] == "float"
    assert run_settings("nobody's model")["model"] == {"name": "nobody's model"}
    here = machine(provider="cpu")
    assert {"cpu", "cores", "python", "provider", "onnxruntime"} <= set(here)
    assert "provider" not in machine()
    text = json.dumps(build_report([clip("a", [], [])], model="yolov8n", settings=settings))
    assert str(here["python"]) not in text


def test_a_reader_on_a_phone_scrolls_in_one_direction_and_filters(tmp_path: Any) -> None:
    page_file = tmp_path / "report.html"
    page_file.write_text(render_html(report_of_all_kinds()))
    with chromium() as browser:
        for width in (390, 1280):
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.goto(page_file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.get_by_role("button", name="Missed").press("Enter")
            assert page.locator(".card:visible").count() == 1
            page.close()
