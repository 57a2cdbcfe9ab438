"""Advice out of verdicts: numbers by hand, and the real event system with people who judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.provision import create_token
from api.server import EmbeddedServer
from evaluation.advice.advice import REVIEWS_MIN, Threshold, advise, precision_of, threshold
from evaluation.advice.verdicts import Reviews, Verdict, reviews_of
from tests.api.events import System, incident, put
from tests.whole.house import run as streetwarden
from tests.whole.warm import RunWarm

KIND = "illegal_parking"


def said(score: float, *, confirmed: bool, reason: str = "queueing", camera: str = "gate", kind: str = KIND) -> Verdict:
    return Verdict(camera, kind, score, confirmed, None if confirmed else reason)


def spread(confirmed: list[float], rejected: list[float]) -> list[Verdict]:
    return [said(score, confirmed=True) for score in confirmed] + [said(score, confirmed=False) for score in rejected]


def test_precision_has_the_interval_of_wilson() -> None:
    # p = 8/10, z = 1.96: (0.8 + 0.192 ± 1.96 * sqrt(0.016 + 0.0096)) / 1.384 = 0.7167 ± 0.2266
    found = precision_of(spread([0.9] * 8, [0.4] * 2))
    assert (found.confirmed, found.rejected, found.precision) == (8, 2, 0.8)
    assert (found.low, found.high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))
    assert precision_of(spread([0.9] * 8, [])).high == 1.0


@pytest.mark.parametrize(
    ("confirmed", "rejected", "loss_max", "expected"),
    [
        # The lowest confirmed case is at 0.6: below it lie 0.3 and 0.5.
        ([0.6, 0.7, 0.8, 0.9], [0.3, 0.5, 0.65], 0.0, Threshold(0.0, 0.6, 2, 0)),
        # A quarter of 4 is one case: 0.6 may go, and 0.7 is the score that the next one has.
        ([0.6, 0.7, 0.8, 0.9], [0.3, 0.5, 0.65], 0.25, Threshold(0.25, 0.7, 3, 1)),
        # A rejected case with the very score of the lowest confirmed one stays.
        ([0.6, 0.7], [0.6, 0.6], 0.0, None),
        # With two at 0.6 one can't be lost without the other, so nothing is lost at all.
        ([0.6, 0.6, 0.8, 0.9], [0.5, 0.7], 0.25, Threshold(0.25, 0.6, 1, 0)),
        ([0.3, 0.4], [0.8, 0.9], 0.0, None),
        ([], [0.8, 0.9], 0.0, None),
    ],
)
def test_thresholds_by_hand(
    confirmed: list[float], rejected: list[float], loss_max: float, expected: Threshold | None
) -> None:
    assert threshold(spread(confirmed, rejected), loss_max) == expected


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (spread([0.9] * 10, [0.2] * (REVIEWS_MIN - 11)), f"too few reviews: {REVIEWS_MIN - 1} of {REVIEWS_MIN}"),
        (spread([0.9] * REVIEWS_MIN, []), "nothing was rejected"),
        (spread([], [0.2] * REVIEWS_MIN), "nothing was confirmed"),
        (spread([0.2] * 20, [0.9] * 20), "no threshold saves a rejection"),
    ],
)
def test_why_there_is_no_threshold(verdicts: list[Verdict], words: str) -> None:
    (rule,) = advise(Reviews(tuple(verdicts)))["rules"]
    assert rule["thresholds"] == []
    assert rule["no_threshold"].startswith(words)


def test_rules_and_cameras_are_kept_apart() -> None:
    verdicts = spread([0.8] * 30, [0.5] * 10)
    verdicts += [said(0.6, confirmed=False, reason="loading", camera="bridge", kind="dumping")] * 3
    advice = advise(Reviews(tuple(verdicts), unreviewed=7))
    assert (advice["reviewed"], advice["unreviewed"]) == (43, 7)
    assert [(row["camera"], row["type"], row["precision"]) for row in advice["cameras"]] == [
        ("bridge", "dumping", 0.0),
        ("gate", KIND, 0.75),
    ]
    assert advice["reasons"] == [{"reason": "queueing", "count": 10}, {"reason": "loading", "count": 3}]
    dumping, parking = advice["rules"]
    assert dumping["no_threshold"] == f"too few reviews: 3 of {REVIEWS_MIN}"
    # No loss saves all ten; what costs more saves no more, and is not offered.
    assert parking["thresholds"] == [{"loss_max": 0.0, "score_min": 0.8, "rejections_saved": 10, "confirmed_lost": 0}]
    assert parking["curve"] == [
        {"score_min": 0.5, "rejections_saved": 0, "confirmed_lost": 0},
        {"score_min": 0.8, "rejections_saved": 10, "confirmed_lost": 0},
    ]


def test_the_latest_line_of_an_incident_counts_and_what_is_none_is_named() -> None:
    row = {"id": "a", "camera": "gate", "type": KIND, "score": 0.5}
    lines: list[object] = [
        {**row, "review": None},
        {**row, "review": {"verdict": "confirm", "reason": None}},
        {**row, "review": {"verdict": "reject", "reason": "loading"}},
        {**row, "id": "b", "review": None},
        {**row, "id": "c", "score": 7},
        "no json",
    ]
    reviews = reviews_of(iter(lines), "export.jsonl")
    assert reviews.verdicts == (Verdict("gate", KIND, 0.5, confirmed=False, reason="loading"),)
    assert reviews.unreviewed == 1
    assert [line.split(":")[1] for line in reviews.problems] == [" incident 5", " incident 6"]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, str]]:
    """An event system with 250 cases: 200 confirmed at 0.7 and more, 40 rejected at 0.5, 10 nobody has looked at."""
    data_dir = tmp_path_factory.mktemp("events") / "data"
    with EmbeddedServer(data_dir) as server:
        system = System(data_dir, server.url)
        worker, reviewer = system.with_token(name="worker-1"), system.signed_in("anna", "reviewer")
        for number in range(250):
            name = f"case-{number:03d}"
            score = 0.5 if number < 40 else 0.7 + (number - 40) / 1000
            answer = put(worker, incident(name, score=score, camera="gate-3" if number % 2 else "gate-4"))
            assert answer.status_code == 201
            verdict = {"verdict": "reject", "reason": "loading"} if number < 40 else {"verdict": "confirm"}
            if number < 240:
                assert reviewer.post(f"/v1/incidents/{name}/review", json=verdict).status_code == 201
        yield system, create_token(data_dir, "viewer", name="advice")
        for client in system.clients:
            client.close()


def test_the_real_event_system(judged: tuple[System, str], tmp_path: Path) -> None:
    system, token = judged
    out, kept = tmp_path / "advice.json", tmp_path / "kept.jsonl"
    done = streetwarden(
        "advise", "--events", system.url, "--out", out, "--keep", kept, env={"STREETWARDEN_TOKEN": token}
    )
    assert done.returncode == 0, done.stderr
    advice = json.loads(out.read_text())
    assert advice["reviewed"] == 240
    assert [(row["camera"], row["confirmed"], row["rejected"]) for row in advice["cameras"]] == [
        ("gate-3", 100, 20),
        ("gate-4", 100, 20),
    ]
    assert advice["reasons"] == [{"reason": "loading", "count": 40}]
    assert advice["rules"][0]["thresholds"][0] == {
        "loss_max": 0.0, "score_min": 0.7, "rejections_saved": 40, "confirmed_lost": 0,
    }  # fmt: skip
    assert f"{KIND}: 0.7 saved 40 of 40 rejections, cost 0 of 200 confirmed cases" in done.stdout
    from_file = streetwarden("advise", "--file", kept)
    assert from_file.stdout == done.stdout


WRONG: dict[str, tuple[list[str], dict[str, str], str]] = {
    "no token": (["--events", "URL"], {"STREETWARDEN_TOKEN": ""}, "STREETWARDEN_TOKEN: is not set"),
    "a wrong token": (["--events", "URL"], {"STREETWARDEN_TOKEN": "x"}, "refuses the token"),
    "nobody there": (["--events", "http://user:hidden@127.0.0.1:9"], {"STREETWARDEN_TOKEN": "x"}, "can't be read"),
    "no address": (["--events", "nowhere"], {"STREETWARDEN_TOKEN": "x"}, "can't be read"),
    "no file": (["--file", "/nowhere.jsonl"], {}, "can't be read: No such file"),
    "neither": ([], {}, "exactly one of"),
    "both": (["--events", "URL", "--file", "x"], {}, "exactly one of"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_user_gets_wrong(name: str, judged: tuple[System, str], run_warm: RunWarm) -> None:
    arguments, environment, words = WRONG[name]
    answer = run_warm("advise", *(judged[0].url if it == "URL" else it for it in arguments), env=environment)
    assert answer.returncode == 2
    assert words in answer.stderr
    assert "hidden" not in answer.stderr
    assert answer.stderr.count("\n") == 1
