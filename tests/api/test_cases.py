"""The way of a case over HTTP: steps, who may, what they ask for, and what the camera does itself."""

from typing import Any

import httpx
import pytest

from api.provision import create_user
from tests.api.events import System, entry, incident, put, put_file

JPEG = b"\xff\xd8\xff\xe0" + b"the place, clear" * 10
STILL = "snapshot-left.jpg"


@pytest.fixture(scope="module")
def officer(system: System) -> httpx.Client:
    return system.signed_in("olga", "officer")


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    return system.signed_in("chief", "administrator")


def step(client: httpx.Client, case: str, action: str, **said: Any) -> httpx.Response:
    return client.post(f"/v1/cases/{case}/steps", json={"action": action, **said})


def done(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["step"])


def case_of(client: httpx.Client, case: str) -> dict[str, Any]:
    answer = client.get(f"/v1/cases/{case}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def handled(worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client, case: str, **changes: Any) -> None:
    put(worker, incident(case, **changes))
    done(step(reviewer, case, "accept"))
    done(step(reviewer, case, "dispatch", assignee="olga"))
    assert done(step(officer, case, "handle", note="Driver asked to leave.")) == "handled"


def test_the_whole_way(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client, chief: httpx.Client
) -> None:
    put(worker, incident("way"))
    begun = worker.get("/v1/incidents/way").json()["case"]
    assert (begun["step"], begun["overdue"], begun["assignee"]) == ("discovered", False, None)
    assert begun["due_at"] > worker.get("/v1/incidents/way").json()["received_at"]
    legs = [
        (reviewer, "accept", {"note": " plate is legible "}, "accepted"),
        (reviewer, "dispatch", {"assignee": "olga"}, "dispatched"),
        (officer, "handle", {"note": "Car towed."}, "handled"),
        (reviewer, "return", {"reason": "no_proof"}, "dispatched"),
        (officer, "handle", {"note": "Car towed, see photo."}, "handled"),
        (reviewer, "verify", {}, "verified"),
        (reviewer, "archive", {}, "archived"),
        (chief, "appraise", {"reason": "fair", "note": "late"}, "appraised"),
        (reviewer, "reopen", {"note": "appeal"}, "accepted"),
        (reviewer, "reject", {"reason": "permitted"}, "rejected"),
        (reviewer, "reopen", {"note": "permit was for another day"}, "discovered"),
    ]
    for client, action, said, target in legs:
        assert done(step(client, "way", action, **said)) == target
    case = case_of(reviewer, "way")
    told = [(event["action"], event["from"], event["to"], event["who"]) for event in case["events"]]
    assert told[0] == ("accept", "discovered", "accepted", "anna")
    assert told[7] == ("appraise", "archived", "appraised", "chief")
    assert [event[2] for event in told] == [target for *_, target in legs]
    assert case["events"][0]["note"] == "plate is legible"
    assert case["events"][1]["value"] == "olga"
    assert case["case"]["assignee"] == "olga"
    assert set(case["worked_s"]) == {target for *_, target in legs} | {"discovered"}
    # A reopened case has to be judged anew; what was said before stays in the history.
    assert worker.get("/v1/incidents/way").json()["review"] is None
    history = worker.get("/v1/incidents/way/history").json()["history"]
    assert [event["verdict"] for event in history if event["event"] == "review"] == ["confirm", "reject"]
    assert [event["to"] for event in history if event["event"] == "case"] == [target for *_, target in legs]


def test_what_is_not_possible_now_says_what_is(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client
) -> None:
    put(worker, incident("not-yet"))
    answer = step(officer, "not-yet", "handle", note="done")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["step"], answer.json()["allowed"]) == ("discovered", ["accept", "reject"])
    assert case_of(officer, "not-yet")["events"] == []
    # Two people who saw the same step: the second one is told.
    done(step(reviewer, "not-yet", "accept", at_step="discovered"))
    late = step(reviewer, "not-yet", "reject", reason="loading", at_step="discovered")
    assert (late.status_code, late.json()["step"]) == (409, "accepted")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"action": "jump"}, "body.action"),
        ({"action": "comment"}, "body.action"),
        ({}, "body.action"),
        ({"action": "reject"}, "allowed are no_offence"),
        ({"action": "reject", "reason": "because"}, "allowed are no_offence"),
        ({"action": "accept", "reason": "loading"}, "allowed are none"),
        ({"action": "accept", "assignee": "olga"}, "takes none"),
        ({"action": "accept", "colour": 1}, "body.colour"),
        ({"action": "accept", "note": "x" * 2001}, "body.note"),
        ({"action": "accept", "at_step": "somewhere"}, "body.at_step"),
    ],
)
def test_wrong_steps(worker: httpx.Client, reviewer: httpx.Client, body: dict[str, Any], told: str) -> None:
    put(worker, incident("wrong-steps"))
    answer = reviewer.post("/v1/cases/wrong-steps/steps", json=body)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert case_of(reviewer, "wrong-steps")["case"]["step"] == "discovered"


def test_dispatch_and_handling_ask_for_more(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client
) -> None:
    put(worker, incident("asking"))
    done(step(reviewer, "asking", "accept"))
    assert "to whom" in step(reviewer, "asking", "dispatch").json()["detail"]
    for nobody in ("nobody", "anna"):  # anna is a reviewer: she does not go out
        answer = step(reviewer, "asking", "dispatch", assignee=nobody)
        assert answer.status_code == 422
        assert "officer" in answer.json()["detail"]
    assert reviewer.put("/v1/cases/asking/assignee", json={"name": "olga"}).status_code == 204
    done(step(reviewer, "asking", "dispatch"))  # to whom it is assigned
    for nothing in ({}, {"note": "   "}):
        assert step(officer, "asking", "handle", **nothing).status_code == 422


def test_who_may(system: System, worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client) -> None:
    put(worker, incident("whose"))
    viewer = system.signed_in("vera", "viewer")
    for client in (worker, viewer):
        answer = step(client, "whose", "accept")
        assert (answer.status_code, "takes one of: reviewer" in answer.json()["detail"]) == (403, True)
    assert case_of(viewer, "whose")["allowed"] == []
    assert [way["action"] for way in case_of(reviewer, "whose")["allowed"]] == ["accept", "reject"]
    assert case_of(worker, "whose")["may"] == []
    done(step(reviewer, "whose", "accept"))
    assert step(reviewer, "whose", "dispatch", assignee="olga").status_code == 201
    assert step(reviewer, "whose", "handle", note="I was there").status_code == 403
    assert step(reviewer, "nowhere", "accept").status_code == 404
    # A token is bound to its cameras: what lies outside is not there.
    create_user(system.data_dir, "rita", "reviewer")
    elsewhere = system.with_token(role="reviewer", user="rita", cameras=["yard"])
    assert step(elsewhere, "whose", "reject", reason="loading").status_code == 404
    assert elsewhere.get("/v1/cases/whose").status_code == 404


def test_whoever_handled_it_does_not_verify_it(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client
) -> None:
    handled(worker, reviewer, officer, "four-eyes")
    answer = step(officer, "four-eyes", "verify")
    assert (answer.status_code, "somebody else" in answer.json()["detail"]) == (403, True)
    assert "verify" not in [way["action"] for way in case_of(officer, "four-eyes")["allowed"]]
    assert done(step(reviewer, "four-eyes", "verify")) == "verified"


def test_a_verdict_moves_the_case(worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client) -> None:
    put(worker, incident("by-verdict"))
    said = [
        ({"verdict": "confirm"}, "accepted"),
        ({"verdict": "confirm"}, "accepted"),
        ({"verdict": "reject", "reason": "loading"}, "rejected"),
        ({"verdict": "confirm"}, "accepted"),
    ]
    for verdict, target in said:
        assert reviewer.post("/v1/incidents/by-verdict/review", json=verdict).status_code == 201
        assert case_of(reviewer, "by-verdict")["case"]["step"] == target
    # The second one said nothing new: three steps, four verdicts.
    assert [event["to"] for event in case_of(reviewer, "by-verdict")["events"]] == ["accepted", "rejected", "accepted"]
    done(step(reviewer, "by-verdict", "dispatch", assignee="olga"))
    reviewer.post("/v1/incidents/by-verdict/review", json={"verdict": "confirm", "note": "still"})
    assert case_of(reviewer, "by-verdict")["case"]["step"] == "dispatched"


def left(case: str, revision: int, **changes: Any) -> dict[str, Any]:
    why = {"summary": "A car stood 60 s of 60 s allowed.", "left": True}
    ended = {"state": "ended", "ended_at": "2026-03-02T08:20:00Z", "evidence": [entry(STILL, JPEG)]}
    return incident(case, revision=revision, why=why, **(ended | changes))


def test_the_camera_verifies(worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client) -> None:
    handled(worker, reviewer, officer, "seen-clear")
    put(worker, left("seen-clear", 2))
    assert case_of(reviewer, "seen-clear")["case"]["step"] == "handled"  # the still has not arrived
    for _ in range(2):  # a worker may repeat itself
        put_file(worker, "seen-clear", STILL, JPEG)
    case = case_of(reviewer, "seen-clear")
    assert case["case"]["step"] == "verified"
    last = case["events"][-1]
    assert (last["who"], last["action"], last["from"]) == ("camera gate-3", "verify", "handled")
    assert STILL in last["note"]
    assert [event["action"] for event in case["events"]].count("verify") == 1


def test_what_the_camera_saw_before_counts_once_it_is_handled(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client
) -> None:
    put(worker, left("gone-already", 1))
    put_file(worker, "gone-already", STILL, JPEG)
    done(step(reviewer, "gone-already", "accept"))
    assert done(step(reviewer, "gone-already", "dispatch", assignee="olga")) == "dispatched"
    assert done(step(officer, "gone-already", "handle", note="Gone.")) == "verified"
    # Somebody knows better: what the camera said before their doubt proves nothing any more.
    done(step(reviewer, "gone-already", "reopen", note="It stands round the corner."))
    done(step(reviewer, "gone-already", "dispatch"))
    assert done(step(officer, "gone-already", "handle", note="Now it is gone.")) == "handled"
    put(worker, left("gone-already", 2))
    assert case_of(reviewer, "gone-already")["case"]["step"] == "verified"


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("hidden", {"why": {"left": False}}),
        ("no-still", {"evidence": []}),
        ("still-there", {"state": "confirmed"}),
    ],
)
def test_the_camera_does_not_verify_without_proof(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client, case: str, changes: dict[str, Any]
) -> None:
    handled(worker, reviewer, officer, case)
    document = {**left(case, 2), **changes}
    put(worker, document)
    put_file(worker, case, STILL, JPEG)
    assert case_of(reviewer, case)["case"]["step"] == "handled"


def test_a_candidate_has_no_limit_until_it_is_one(worker: httpx.Client) -> None:
    put(worker, incident("maybe", state="candidate", confirmed_at=None))
    assert worker.get("/v1/incidents/maybe").json()["case"]["due_at"] is None
    put(worker, incident("maybe", revision=2))
    due_at = worker.get("/v1/incidents/maybe").json()["case"]["due_at"]
    assert due_at is not None
    put(worker, incident("maybe", revision=3))
    assert worker.get("/v1/incidents/maybe").json()["case"]["due_at"] == due_at


def test_sending_the_same_person_again_gives_no_more_time(
    system: System, worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client
) -> None:
    put(worker, incident("again"))
    done(step(reviewer, "again", "accept"))
    done(step(reviewer, "again", "dispatch", assignee="olga"))
    system.execute("UPDATE incidents SET due_at = '2026-01-05 08:00:00.000000' WHERE id = 'again'")
    done(step(officer, "again", "dispatch", assignee="olga"))
    assert case_of(reviewer, "again")["case"]["overdue"]
    system.signed_in("otto", "officer")
    done(step(reviewer, "again", "dispatch", assignee="otto"))
    assert not case_of(reviewer, "again")["case"]["overdue"]
