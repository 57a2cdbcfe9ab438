"""The courier with much to tell: revisions together, in one request."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.delivery.batch import BATCH_MIN
from detector.delivery.courier import Courier
from detector.delivery.outbox import Outbox
from tests.detector.event_system import Answer, EventSystem, Request
from tests.detector.test_courier import courier_to, events, outbox, post, until

__all__ = ["courier_to", "events", "outbox"]


def taking_batches(refuse: str = "") -> Callable[[Request], Answer]:
    """Takes all but one incident."""

    def answer(request: Request) -> Answer:
        if not request.path.endswith("/batch"):
            return 201, b"{}"
        incidents = json.loads(request.body)["incidents"]
        results = [
            {"id": it["id"], "status": 422, "detail": "wrong"}
            if it["id"] == refuse
            else {"id": it["id"], "status": 201}
            for it in incidents
        ]
        return 200, json.dumps({"results": results}).encode()

    return answer


def paths(events: EventSystem) -> list[str]:
    return [request.path for request in events.requests]


def test_many_go_together_and_their_files_after_them(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.answers = taking_batches()
    for number in range(BATCH_MIN):
        post(outbox, tmp_path / f"files-{number}", f"x-{number}", 1, "a.jpg")
    courier = courier_to(events.url)
    courier.start()
    until(lambda: outbox.counts()["waiting"] == 0)
    assert paths(events)[0] == "/v1/incidents/batch"
    assert len(json.loads(events.requests[0].body)["incidents"]) == BATCH_MIN
    assert sorted(paths(events)[1:]) == [f"/v1/incidents/x-{number}/evidence/a.jpg" for number in range(BATCH_MIN)]
    assert courier.delivered == 2 * BATCH_MIN


def test_what_is_refused_in_a_batch_is_a_dead_letter_and_the_others_are_delivered(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.answers = taking_batches(refuse="x-1")
    for number in range(BATCH_MIN):
        post(outbox, tmp_path / "files", f"x-{number}")
    courier_to(events.url).start()
    until(lambda: outbox.counts()["waiting"] == 0)
    assert outbox.counts() == {"waiting": 0, "sent": BATCH_MIN - 1, "dead": 1}
    assert outbox.incidents_waiting() == {"x-1"}


@pytest.mark.parametrize("status", [404, 405])
def test_an_older_event_system_gets_them_one_by_one(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path, status: int
) -> None:
    events.answers = lambda request: (status, b"") if request.path.endswith("/batch") else (201, b"{}")
    for number in range(2 * BATCH_MIN):
        post(outbox, tmp_path / "files", f"x-{number}")
    courier_to(events.url).start()
    until(lambda: outbox.counts()["waiting"] == 0)
    assert paths(events).count("/v1/incidents/batch") == 1  # asked once
    assert outbox.counts()["sent"] == 2 * BATCH_MIN


@pytest.mark.parametrize("answer", [(200, b"{}"), (200, b'{"results": []}'), (200, b"<html>"), (422, b"no")])
def test_an_answer_that_says_nothing_of_each_leaves_them_to_be_sent_alone(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path, answer: Answer
) -> None:
    events.answers = lambda request: answer if request.path.endswith("/batch") else (201, b"{}")
    for number in range(BATCH_MIN):
        post(outbox, tmp_path / "files", f"x-{number}")
    courier_to(events.url).start()
    until(lambda: outbox.counts()["waiting"] == 0)
    assert outbox.counts() == {"waiting": 0, "sent": BATCH_MIN, "dead": 0}


def test_an_event_system_that_is_away_keeps_all_of_them_waiting(
    outbox: Outbox, events: EventSystem, courier_to: Callable[[str], Courier], tmp_path: Path
) -> None:
    events.answers = lambda _: (503, b"later")
    for number in range(BATCH_MIN):
        post(outbox, tmp_path / "files", f"x-{number}")
    courier_to(events.url).start()
    until(lambda: len(events.requests) >= 3)
    assert outbox.counts()["waiting"] == BATCH_MIN
    events.answers = taking_batches()
    until(lambda: outbox.counts()["waiting"] == 0)
