from dataclasses import replace

import pytest

from detector.rules import RULES, Stay, rule_for
from detector.rules.dumping import DumpingRule
from detector.rules.rule import Ask, Subject
from detector.rules.signs import Actor, Company, Vehicle
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind

ZONE = Zone("yard", ZoneKind.NO_DUMPING, ((0, 0), (1, 0), (1, 1), (0, 1)), dwell_s=30.0)
SOMEBODY = Actor("person", "person", Box(0.4, 0.4, 0.45, 0.7), seen_s=100.1, left_s=109.0, went="left")
STAY = Stay(
    now_s=132.0, since_s=100.0, onset_s=100.0, box=Box(0.45, 0.6, 0.5, 0.7), class_name="thing", mean_score=1.0,
    looks=16, seen=14, held=0, hidden=2, present=True, signs=Company(alone_s=20.0), actor=SOMEBODY, actor_sought=True,
    closely=Vehicle(None),
)  # fmt: skip
UNSEEN = {"actor": None, "now_s": 145.0}


@pytest.mark.parametrize(
    ("change", "confirmed"),
    [
        ({}, True),  # 32 s of 30 s
        ({"now_s": 130.0}, True),  # to the second
        ({"now_s": 129.9}, False),
        ({"onset_s": None, "since_s": 0.0}, False),  # was there before
        ({"present": False}, False),
        ({"signs": Company(alone_s=2.9)}, False),  # somebody stayed a moment ago
        ({"signs": Company(alone_s=3.0)}, True),
        ({"signs": Company(alone_s=20.0, moved=True)}, False),
        ({"signs": None}, False),  # nobody knows who is near
        ({"seen": 2, "hidden": 14}, False),  # shown in two looks only
        ({"seen": 10, "hidden": 2}, True),  # 10 of 14 in view: 71 %
        ({"seen": 9, "hidden": 2}, False),  # 64 %
        ({"actor_sought": False, "actor": None}, False),  # first ask
        ({"closely": None}, False),
        ({"closely": Vehicle("car", 0.29)}, True),
        ({"closely": Vehicle("car", 0.3)}, False),  # a car that the detector had missed
        # Nobody was seen to put it there: 1.5 * 30 = 45 s, and in nine of ten looks.
        (UNSEEN, True),
        (UNSEEN | {"now_s": 144.9}, False),
        (UNSEEN | {"looks": 22, "seen": 18}, True),  # 18 of 20
        (UNSEEN | {"looks": 23, "seen": 18}, False),  # 18 of 21
        (UNSEEN | {"closely": Vehicle("car", 0.14)}, True),
        (UNSEEN | {"closely": Vehicle("car", 0.15)}, False),  # a faint one is enough then
        # Whoever it was had not left when the pictures of the arrival ended.
        ({"actor": replace(SOMEBODY, left_s=None, went=None)}, True),
        ({"actor": replace(SOMEBODY, left_s=None, went=None), "signs": Company(alone_s=9.9)}, False),
    ],
)
def test_confirmed(change: dict[str, object], confirmed: bool) -> None:
    assert DumpingRule().judge(replace(STAY, **change), ZONE).confirmed is confirmed


@pytest.mark.parametrize(
    ("change", "asks"),
    [
        ({"actor_sought": False, "actor": None}, Ask.ACTOR),
        ({"actor_sought": False, "actor": None, "now_s": 129.0}, None),  # not yet: it costs seconds of decoding
        ({"actor_sought": False, "actor": None, "signs": Company(alone_s=0.0)}, None),
        ({"actor_sought": False, "actor": None, "onset_s": None}, None),
        ({}, None),
        ({"closely": None}, Ask.CLOSELY),
        ({"closely": None, "signs": Company(alone_s=2.9)}, None),
        ({"closely": Vehicle("car", 0.9)}, None),  # asked once: the look shows it, so nothing is in front
    ],
)
def test_it_asks_who_it_was_last(change: dict[str, object], asks: Ask | None) -> None:
    assert DumpingRule().judge(replace(STAY, **change), ZONE).asks is asks


def test_the_score_says_whether_somebody_was_seen() -> None:
    rule = DumpingRule()
    assert rule.judge(STAY, ZONE).score == 1.0  # 14 of 14 in view
    assert rule.judge(replace(STAY, seen=7), ZONE).score == 0.5
    assert rule.judge(replace(STAY, **UNSEEN), ZONE).score == 0.6


TAIL = "it lay there for 32 s of 30 s, nobody has stayed near it for 20 s; seen in 14 of 16 looks, hidden in 2."
LORRY = Actor("vehicle", "truck", Box(0, 0, 1, 1), 100.0, 104.0, "towards the camera")


@pytest.mark.parametrize(
    ("change", "head"),
    [
        ({}, "Put down by a person who left after 9 s to the left; "),
        ({"actor": LORRY}, "Put down by a truck that left after 4 s towards the camera; "),
        ({"actor": None}, "Put down; nobody was seen to do it; "),
        ({"actor": None, "actor_sought": False}, "Put down; by whom is not known yet; "),
        ({"onset_s": None}, "There since before watching began; "),
        ({"signs": Company(20.0, moved=True)}, "Moved from close by, where it stood before; "),
    ],
)
def test_why_is_a_sentence(change: dict[str, object], head: str) -> None:
    assert DumpingRule().judge(replace(STAY, **change), ZONE).why["summary"] == head + TAIL


def test_why_has_its_numbers() -> None:
    why = DumpingRule().judge(STAY, ZONE).why
    assert (why["stood_s"], why["dwell_s"], why["alone_s"], why["there_from_start"]) == (32.0, 30.0, 20.0, False)
    assert (why["looks"], why["seen"], why["hidden"], why["actor_sought"]) == (16, 14, 2, True)
    assert why["actor"] == {
        "role": "person", "class": "person", "box": [0.4, 0.4, 0.45, 0.7], "left_after_s": 9.0, "went": "left",
    }  # fmt: skip


def test_it_watches_what_lies_where_nothing_must_be_dumped() -> None:
    rule = rule_for(ZoneKind.NO_DUMPING)
    assert rule in RULES
    assert isinstance(rule, DumpingRule)
    assert (rule.incident_type, rule.subject, rule.needs) == ("dumping", Subject.THING, frozenset({"person"}))
