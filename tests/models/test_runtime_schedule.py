"""The order in which requests are served: pure, the time is handed in."""

from collections import Counter

import pytest

from models.runtime.schedule import URGENT_IN_A_ROW, Request, Schedule

LINGER_S = 0.01
LATE_S = 100.0  # long after everything that waits in these tests came


def request(camera: str | None, put_s: float = 0.0, *, shape: str = "wide", urgent: bool = False) -> Request[str]:
    return Request(f"{camera}@{put_s:g}", shape, camera, urgent, put_s)


def filled(*requests: Request[str]) -> Schedule[str]:
    schedule: Schedule[str] = Schedule()
    for one in requests:
        schedule.put(one)
    return schedule


def taken(schedule: Schedule[str], batch_max: int, now_s: float = LATE_S) -> list[str]:
    return [one.payload for one in schedule.take(now_s, batch_max=batch_max, linger_s=LINGER_S)]


def test_the_newest_wins_and_keeps_the_place() -> None:
    schedule, first = filled(), request("slow", 1)
    assert schedule.put(first) is None
    assert schedule.put(request("quick", 2)) is None
    assert schedule.put(request("slow", 3)) is first
    assert len(schedule) == 2
    assert taken(schedule, 1) == ["slow@3"]
    assert taken(schedule, 1) == ["quick@2"]


def test_who_waits_for_an_answer_is_never_displaced() -> None:
    schedule = filled(request(None, 1), request(None, 2), request("a", 3, urgent=True), request("a", 4, urgent=True))
    assert schedule.put(request("a", 5)) is None
    assert sorted(taken(schedule, 8)) == ["None@1", "None@2", "a@3", "a@4", "a@5"]
    assert len(schedule) == 0


def test_a_batch_leaves_when_it_is_full() -> None:
    schedule = filled(request("a", 1.0), request("b", 1.0))
    assert taken(schedule, 3, now_s=1.001) == []
    schedule.put(request("c", 1.001))
    assert taken(schedule, 3, now_s=1.001) == ["a@1", "b@1", "c@1.001"]


def test_a_batch_leaves_when_its_oldest_has_waited() -> None:
    schedule = filled(request("a", 1.0), request("b", 1.009))
    assert schedule.due_s(LINGER_S) == pytest.approx(1.01)
    assert taken(schedule, 3, now_s=1.0099) == []
    assert taken(schedule, 3, now_s=1.0101) == ["a@1", "b@1.009"]
    assert schedule.due_s(LINGER_S) is None
    # A newer picture takes over the place and so the deadline: a camera that is quicker than a batch is served all the same.
    schedule = filled(request("a", 1.0), request("a", 1.009))
    assert schedule.due_s(LINGER_S) == pytest.approx(1.01)


def test_shapes_are_kept_apart_and_one_that_is_ready_does_not_wait_for_one_that_is_not() -> None:
    schedule = filled(
        request("a", 1.0, shape="tall"), request("b", 1.001), request("c", 1.002, shape="tall"), request("d", 1.003)
    )
    schedule.put(request("e", 1.004))
    assert taken(schedule, 3, now_s=1.005) == ["b@1.001", "d@1.003", "e@1.004"]  # full; the tall ones linger on
    assert taken(schedule, 3, now_s=1.005) == []
    assert taken(schedule, 3, now_s=1.011) == ["a@1", "c@1.002"]


def test_no_camera_twice_while_others_wait() -> None:
    schedule = filled(*(request("greedy", put_s, urgent=True) for put_s in (1, 2, 3)), request("other", 4, urgent=True))
    assert taken(schedule, 3) == ["greedy@1", "other@4", "greedy@2"]  # a second place, because nobody else wants it
    assert taken(schedule, 3) == ["greedy@3"]


def test_fair_between_cameras_however_quick_they_are() -> None:
    schedule, served, now_s = filled(), Counter[str](), 0.0
    for turn in range(1000):
        now_s = turn * 1.0
        for number in range(10):
            # Camera 0 sends ten times as often as camera 9.
            if turn % (number + 1) == 0:
                schedule.put(request(f"{number}", now_s))
        served.update(one.camera or "" for one in schedule.take(now_s, batch_max=1, linger_s=0.0))
    # Offered: 1000/1 + 1000/2 + … + 1000/10 = 2,931 pictures for 1,000 places. Camera 9 asks for 100 places, and nobody may get
    # more than a tenth as long as all the others wait: it gets nearly all it asks for.
    assert served["9"] >= 90
    assert served["0"] <= 150
    assert served.total() == 1000


def test_urgent_ones_first_but_within_bounds() -> None:
    patrol = [request(f"p{number}", number) for number in range(10)]
    urgent = [request(f"u{number}", 50 + number, urgent=True) for number in range(30)]
    schedule = filled(*patrol, *urgent)
    order = [name[0] for _ in range(40) for name in taken(schedule, 1)]
    assert order[0] == "u"  # although it came last
    # 30 urgent ones, 3 in a row at most: the 10 others have the 4th, 8th, … 40th place.
    assert URGENT_IN_A_ROW == 3
    assert [place for place, kind in enumerate(order, 1) if kind == "p"] == list(range(4, 44, 4))


def test_in_a_batch_urgent_ones_leave_room_and_other_shapes_have_the_next() -> None:
    urgent = [request(f"u{number}", number, urgent=True) for number in range(20)]
    schedule = filled(*urgent, *(request(f"p{number}") for number in range(4)))
    batch = taken(schedule, 8)
    assert [name[0] for name in batch] == list("uuupuuup")
    schedule = filled(*urgent, request("t", shape="tall"))
    assert [name[0] for name in taken(schedule, 8)] == ["u"] * 8
    assert taken(schedule, 8) == ["t@0"]  # its turn, although urgent ones wait
    assert [name[0] for name in taken(schedule, 8)] == ["u"] * 8


def test_urgent_ones_have_all_places_when_nobody_else_waits() -> None:
    schedule = filled(*(request("a", number, urgent=True) for number in range(10)))
    assert taken(schedule, 8) == [f"a@{number}" for number in range(8)]


def test_what_waits_at_the_end_is_handed_over() -> None:
    schedule = filled(request("a", 1), request("b", 2, urgent=True), request(None, 3))
    assert [one.payload for one in schedule.drain()] == ["b@2", "a@1", "None@3"]
    assert len(schedule) == 0
    assert taken(schedule, 8) == []
