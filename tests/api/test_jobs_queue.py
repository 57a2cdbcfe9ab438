"""The queue by a clock that the test holds, over both databases."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import delete, select

from api.jobs import queue
from api.jobs.counters import JobMetrics
from api.jobs.kinds import JobKind, JobState
from api.jobs.planning import PlannedJob, plan_preview, plan_probe
from api.jobs.queue import Claim, Ending, Requester
from api.jobs.settings import JobSettings
from api.problems import Problem
from api.provision import create_token
from api.settings import load_settings
from api.storage.data_folder import open_database
from api.storage.database import Database
from api.storage.tables import Job, JobFailure
from tests.api.events import BEGAN

SETTINGS = JobSettings(
    lease_s=60, attempts=3, active_per_requester=2, result_bytes=1 << 20, result_hours=24, kept_days=30
)
ANNA, OLGA = Requester("user 1", "anna"), Requester("user 2", "olga")
ALL = ("probe", "preview", "viewing_copy", "redaction")


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def probe(host: str, camera: str | None = "gate-3") -> PlannedJob:
    return plan_probe(camera, address=f"rtsp://{host}/live")


class Line:
    """The queue under test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.metrics = JobMetrics(CollectorRegistry())

    def add(self, planned: PlannedJob, who: Requester = ANNA, at: float = 0.0) -> tuple[str, bool]:
        with self.database.write(about="jobs") as session:
            job, is_new = queue.add(session, planned, who, after(at), SETTINGS)
            return job.id, is_new

    def lease(self, at: float, **changes: Any) -> tuple[str, int] | None:
        claim = Claim(**{"kinds": ALL, "cameras": (), "scope": None, "worker": "w", "token_id": 1, **changes})
        with self.database.write(about=f"lease {threading.get_ident()}") as session:
            queue.expire(session, after(at), self.metrics)
            session.flush()
            job = queue.lease(session, claim, after(at), SETTINGS)
            return None if job is None else (job.id, job.attempt)

    def fail(self, job_id: str, attempt: int, at: float, ending: Ending = Ending.RETRY, reason: str = "no") -> bool:
        with self.database.write(about=job_id) as session:
            job = queue.held(session, job_id, attempt, 1, or_ended=True)
            return queue.fail(session, job, ending, reason, after(at), self.metrics)

    def finish(self, job_id: str, attempt: int, at: float, digest: str = "d" * 64) -> bool:
        with self.database.write(about=job_id) as session:
            job = queue.held(session, job_id, attempt, 1, or_ended=True)
            if queue.is_told_again(job, attempt, digest):
                return False
            queue.finish(job, {"codec": "h264"}, digest, after(at), self.metrics)
            return True

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def reasons(self, job_id: str) -> list[str]:
        with self.database.read() as session:
            rows = select(JobFailure.reason).where(JobFailure.job_id == job_id).order_by(JobFailure.attempt)
            return list(session.scalars(rows))


@pytest.fixture(scope="module")
def database(data_dir: Path) -> Iterator[Database]:
    for name in ("w", "w2"):  # tokens 1 and 2
        create_token(data_dir, "worker", name=name)
    opened = open_database(data_dir, load_settings(data_dir))
    yield opened
    opened.close()


@pytest.fixture
def line(database: Database) -> Line:
    with database.write() as session:
        session.execute(delete(Job))
    return Line(database)


def refusal(call: Any, *arguments: Any, **more: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        call(*arguments, **more)
    return caught.value


def test_from_waiting_to_done(line: Line) -> None:
    job_id, is_new = line.add(probe("a"))
    assert is_new
    assert line.job(job_id).state == JobState.WAITING
    assert line.lease(1) == (job_id, 1)
    assert line.lease(1) is None
    assert line.job(job_id).leased_until == after(61)
    assert line.finish(job_id, 1, 5) is True
    done = line.job(job_id)
    assert (done.state, done.progress, done.finished_at, done.leased_until) == ("done", 1.0, after(5), None)


def test_the_same_result_twice_is_harmless_and_another_one_is_not(line: Line) -> None:
    job_id, _ = line.add(probe("a"))
    line.lease(1)
    assert line.finish(job_id, 1, 5)
    assert line.finish(job_id, 1, 6) is False
    assert line.job(job_id).finished_at == after(5)
    assert refusal(line.finish, job_id, 1, 7, "e" * 64).status_code == 409


def test_a_lease_that_runs_out_leads_back_and_its_late_result_is_refused(line: Line) -> None:
    job_id, _ = line.add(probe("a"))
    assert line.lease(0) == (job_id, 1)
    assert line.lease(59.9) is None
    # It ends at 60 s; the first wait before the next attempt is 5 s.
    assert line.lease(60) is None
    assert line.job(job_id).state == JobState.WAITING
    assert refusal(line.finish, job_id, 1, 61).status_code == 409
    assert line.lease(64.9) is None
    assert line.lease(65) == (job_id, 2)
    late = refusal(line.finish, job_id, 1, 66)
    assert late.status_code == 409
    assert "attempt 2" in str(late.detail)
    assert refusal(line.fail, job_id, 1, 66).status_code == 409
    assert line.finish(job_id, 2, 67)
    assert line.reasons(job_id) == ["No sign of life from w any more."]


def test_a_sign_of_life_keeps_the_lease(line: Line) -> None:
    job_id, _ = line.add(probe("a"))
    line.lease(0)
    with line.database.write() as session:
        queue.renew(queue.held(session, job_id, 1, 1), 0.4, "decoding", after(50), SETTINGS)
    assert line.lease(109) is None
    kept = line.job(job_id)
    assert (kept.state, kept.progress, kept.stage) == ("leased", 0.4, "decoding")


def test_after_the_last_attempt_it_has_failed_with_all_its_reasons(line: Line) -> None:
    job_id, _ = line.add(probe("a"))
    # Waits of 5 and 20 s lie between three attempts.
    for attempt, (at, reason) in enumerate([(0, "first"), (6, "second"), (27, "third")], start=1):
        assert line.lease(at) == (job_id, attempt)
        assert line.fail(job_id, attempt, at + 0.5, reason=reason)
        assert line.fail(job_id, attempt, at + 0.6, reason="again") is False
    dead = line.job(job_id)
    assert (dead.state, dead.finished_at) == ("failed", after(27.5))
    assert line.reasons(job_id) == ["first", "second", "third"]
    assert line.lease(1000) is None
    # The same can be asked for anew, and then the dead one can't come back beside it.
    other, is_new = line.add(probe("a"), at=1000)
    assert is_new
    with line.database.write() as session:
        problem = refusal(queue.retry, session, session.get_one(Job, job_id), after(1001), SETTINGS)
    assert problem.members["job"] == other


def test_what_can_not_succeed_fails_at_once_and_can_be_tried_again(line: Line) -> None:
    job_id, _ = line.add(probe("a"))
    line.lease(0)
    assert line.fail(job_id, 1, 1, Ending.FINAL, "is not video")
    assert line.job(job_id).state == "failed"
    with line.database.write() as session:
        queue.retry(session, session.get_one(Job, job_id), after(10), SETTINGS)
    assert line.lease(10) == (job_id, 2)
    assert line.job(job_id).attempts_max == 4  # one used up, and three more


def test_what_a_stopping_worker_gives_back_is_not_counted_and_goes_on_at_once(line: Line) -> None:
    job_id, _ = line.add(probe("a"))
    for attempt in (1, 2, 3, 4, 5):
        assert line.lease(attempt) == (job_id, attempt)
        assert line.fail(job_id, attempt, attempt, Ending.GIVEN_BACK, "the worker stops")
    assert line.job(job_id).state == "waiting"


def test_what_somebody_waits_for_goes_first(line: Line) -> None:
    copy, _ = line.add(PlannedJob(JobKind.REDACTION, {"outputs": [], "n": 1}, "gate-3"), at=0)
    second, _ = line.add(probe("b"), at=2)
    third, _ = line.add(probe("c"), OLGA, at=3)
    taken = [line.lease(at) for at in (4, 4.1, 4.2)]
    assert [found[0] for found in taken if found] == [second, third, copy]


def test_the_same_asked_twice_is_one_job(line: Line) -> None:
    first, _ = line.add(probe("a"))
    assert line.add(probe("a"), OLGA) == (first, False)
    line.lease(1)
    assert line.add(probe("a"), OLGA, at=2) == (first, False)
    line.finish(first, 1, 3)
    # What an address gives changes: a probe that is done is no answer to the next one. A copy stays what it is.
    again, is_new = line.add(probe("a"), at=4)
    assert (again != first, is_new) == (True, True)
    copy = PlannedJob(JobKind.VIEWING_COPY, {"outputs": [], "incident": "x"}, "gate-3")
    made, _ = line.add(copy, OLGA, at=5)
    assert line.lease(6, kinds=("viewing_copy",)) == (made, 1)
    line.finish(made, 1, 7)
    assert line.add(copy, OLGA, at=8) == (made, False)


def test_one_requester_does_not_fill_the_queue(line: Line) -> None:
    for host in ("a", "b"):
        line.add(probe(host))
    problem = refusal(line.add, probe("c"))
    assert (problem.status_code, dict(problem.headers or {})["Retry-After"]) == (429, "30")
    assert line.add(probe("c"), OLGA)[1]
    with line.database.write() as session:
        queue.cancel(session.scalars(select(Job).where(Job.requester == ANNA.id).limit(1)).one(), after(1))
    assert line.add(probe("d"))[1]


def test_a_worker_gets_only_what_it_may_and_can(line: Line) -> None:
    elsewhere, _ = line.add(probe("a", camera="yard"))
    by_camera, _ = line.add(plan_preview("gate-3"))
    assert line.lease(1, kinds=("viewing_copy",)) is None
    assert line.lease(1, scope=("gate-4",)) is None
    # The preview needs somebody who has the camera's address.
    assert line.lease(1, scope=("gate-3",)) is None
    assert line.lease(1, scope=("gate-3",), cameras=("yard", "gate-3")) == (by_camera, 1)
    assert line.lease(1) == (elsewhere, 1)
    nobodys, _ = line.add(probe("new", camera=None), OLGA)
    assert line.lease(2, scope=("gate-3",)) is None
    assert line.lease(2) == (nobodys, 1)


def test_another_token_does_not_hold_it(line: Line) -> None:
    job_id, _ = line.add(probe("a"))
    line.lease(0, token_id=2, worker="w2")
    assert refusal(line.finish, job_id, 1, 1).status_code == 409
    assert refusal(line.finish, job_id, 2, 1).status_code == 409


def test_what_was_cancelled_is_nobodys(line: Line) -> None:
    job_id, _ = line.add(probe("a"))
    line.lease(0)
    with line.database.write() as session:
        queue.cancel(session.get_one(Job, job_id), after(1))
    assert refusal(line.finish, job_id, 1, 2).members["state"] == "cancelled"
    assert line.lease(500) is None
    with line.database.write() as session:
        assert refusal(queue.cancel, session.get_one(Job, job_id), after(3)).status_code == 409


def test_many_workers_at_once_never_get_the_same_job(line: Line) -> None:
    wanted = {line.add(probe(f"h{n}"), Requester(f"user {n}", "x"))[0] for n in range(40)}
    start = threading.Barrier(8)

    def work(_: int) -> list[str]:
        start.wait()
        taken: list[str] = []
        while (found := line.lease(1)) is not None:
            taken.append(found[0])
            line.finish(*found, 2)
        return taken

    with ThreadPoolExecutor(8) as pool:
        taken = [job for jobs in pool.map(work, range(8)) for job in jobs]
    assert sorted(taken) == sorted(wanted)
