"""Leases by a clock that the test holds, over both databases: a camera is one worker's, and changes of hands are numbered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from api.fleet import leases
from api.fleet.documents import CameraReport
from api.fleet.health import find_unwatched, take_reports
from api.fleet.leases import SUBJECT, Holder
from api.problems import Problem
from api.provision import create_token
from api.settings import load_settings
from api.storage.data_folder import open_database
from api.storage.database import Database
from api.storage.tables import CameraHealth, CameraLease, Notice, Token, WorkerReport
from tests.api.events import BEGAN

LEASE_S, DOWN_S = 30.0, 60.0


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


class Fleet:
    """What is under test. Workers' tokens are left out: their numbers would have to stand in a table."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def take(self, worker: str, cameras: list[str], at: float) -> tuple[dict[str, int], list[str]]:
        """Its epochs by camera, and what it did not get."""
        with self.database.write(about=SUBJECT) as session:
            own, elsewhere = leases.take(session, Holder(worker, None), cameras, after(at), LEASE_S)
            return {lease.camera_id: lease.epoch for lease in own}, [lease.camera_id for lease in elsewhere]

    def join(self, worker: str, cameras: list[str], capacity: int, at: float, token_id: int | None = None) -> list[str]:
        """What a worker without a list of its own gets."""
        with self.database.write(about=SUBJECT) as session:
            row = session.get(WorkerReport, worker)
            if row is None:
                row = WorkerReport(
                    id=worker, name=worker, version="1", started_at=after(at), seen_at=after(at), report=""
                )
                session.add(row)
            row.seen_at, row.capacity, row.token_id = after(at), capacity, token_id
            session.flush()
            chosen = leases.choose(session, Holder(worker, None), cameras, capacity, after(at), LEASE_S)
            own, _ = leases.take(session, Holder(worker, None), chosen, after(at), LEASE_S)
            return [lease.camera_id for lease in own]

    def report(self, worker: str, at: float, **said: object) -> None:
        with self.database.write(about=SUBJECT) as session:
            held = [row for row in session.query(CameraLease).all() if row.worker == worker]
            reports = [CameraReport.model_validate({"state": "live", "last_packet_age_s": 0.1, **said})]
            take_reports(session, worker, reports, held, after(at), DOWN_S)

    def unwatched(self, at: float) -> int:
        with self.database.write(about=SUBJECT) as session:
            return find_unwatched(session, after(at), DOWN_S)

    def condition(self, camera: str) -> str | None:
        with self.database.read() as session:
            row = session.get(CameraHealth, camera)
            return row.condition if row else None

    def told(self, camera: str) -> list[str]:
        with self.database.read() as session:
            notices = session.query(Notice).filter(Notice.camera_id == camera).order_by(Notice.sequence)
            return [notice.type.split(".")[-2] for notice in notices]


@pytest.fixture
def fleet(data_dir: Path) -> Iterator[Fleet]:
    database = open_database(data_dir, load_settings(data_dir))
    with database.write() as session:
        for table in (CameraLease, CameraHealth, WorkerReport):
            session.query(table).delete()
    yield Fleet(database)
    database.close()


def test_a_camera_is_one_workers_until_it_says_nothing_for_a_while(fleet: Fleet) -> None:
    assert fleet.take("a", ["x", "y"], 0) == ({"x": 1, "y": 1}, [])
    assert fleet.take("b", ["x"], 10) == ({}, ["x"])
    assert fleet.take("a", ["x", "y"], 20) == ({"x": 1, "y": 1}, [])  # held for 30 s more, until 50
    assert fleet.take("b", ["x"], 49) == ({}, ["x"])
    assert fleet.take("b", ["x"], 50) == ({"x": 2}, [])
    assert fleet.take("a", ["x", "y"], 51) == ({"y": 1}, ["x"])  # y: nobody has had it since


def test_what_is_not_wanted_any_more_is_free_at_once(fleet: Fleet) -> None:
    fleet.take("a", ["x", "y"], 0)
    fleet.take("a", ["y"], 1)
    assert fleet.take("b", ["x", "y"], 1) == ({"x": 2}, ["y"])
    assert fleet.take("a", [], 2) == ({}, [])
    assert fleet.take("b", ["x", "y"], 2) == ({"x": 2, "y": 2}, [])


def test_of_many_that_ask_at_once_one_gets_it(fleet: Fleet) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: fleet.take(f"worker-{n}", ["x"], 0)[0], range(8)))
    assert sorted(len(each) for each in got) == [0] * 7 + [1]
    with ThreadPoolExecutor(8) as pool:
        later = list(pool.map(lambda n: fleet.take(f"worker-{n}", ["x"], 31)[0], range(8)))
    assert [epochs for epochs in later if epochs] in ([{"x": 1}], [{"x": 2}])  # the same one again, or another


def test_workers_share_what_there_is(fleet: Fleet) -> None:
    cameras = [f"c{n}" for n in range(10)]
    assert fleet.join("a", cameras, 100, 0) == cameras
    # One that joins: each is to have 5. The first gives up its surplus with its next sign of life, the second takes it.
    assert fleet.join("b", cameras, 100, 5) == []
    assert fleet.join("a", cameras, 100, 10) == cameras[:5]
    assert fleet.join("b", cameras, 100, 15) == cameras[5:]
    assert fleet.join("a", cameras, 100, 20) == cameras[:5]  # and there it stays
    # The second dies: it was last seen at 15, so its cameras are free from 45 on.
    assert fleet.join("a", cameras, 100, 44) == cameras[:5]
    assert fleet.join("a", cameras, 100, 46) == cameras
    # One that may take two only gets two; and what a lighter one can't take is not left to it.
    assert fleet.join("c", cameras, 2, 47) == []
    assert fleet.join("a", cameras, 100, 48) == cameras[:8]
    assert fleet.join("c", cameras, 2, 49) == cameras[8:]
    # What is too much for one stays free.
    assert fleet.join("a", cameras, 3, 50) == cameras[:3]


def test_what_nobody_else_may_watch_is_never_left(fleet: Fleet, data_dir: Path) -> None:
    create_token(data_dir, "worker", cameras=["c9"], name="narrow")
    with fleet.database.read() as session:
        token_id = session.query(Token).filter(Token.name == "narrow").one().id
    cameras = [f"c{n}" for n in range(10)]
    assert fleet.join("a", cameras, 100, 0) == cameras
    assert fleet.join("b", ["c9"], 100, 5, token_id) == []
    assert fleet.join("a", cameras, 100, 10) == cameras[:9]  # the one that it may have, and no more
    assert fleet.join("b", ["c9"], 100, 15, token_id) == ["c9"]


def test_writes_under_an_old_epoch_are_refused_but_not_what_was_seen_before(fleet: Fleet) -> None:
    fleet.take("a", ["x"], 0)
    fleet.take("b", ["x"], 40)  # epoch 2
    with fleet.database.read() as session:

        def check(epoch: int | None, seen: float | None, at: float = 60, token_id: int | None = 7) -> None:
            leases.check_epoch(session, "x", epoch, token_id, None if seen is None else after(seen), after(at))

        check(2, None, token_id=None)  # its holder's own token
        check(1, 39)  # nobody else can have seen it
        for epoch, seen in ((1, None), (1, 41), (2, None), (3, None), (None, None), (None, 41)):
            with pytest.raises(Problem, match=r"another worker's since .*epoch 2") as refused:
                check(epoch, seen)
            assert (refused.value.status_code, refused.value.members) == (409, {"epoch": 2})
        check(None, 41, at=71)  # the lease has run out: whoever does not know leases is welcome again
        leases.check_epoch(session, "unleased", 5, 7, None, after(0))


def test_conditions_are_told_when_they_change(fleet: Fleet) -> None:
    fleet.take("a", ["health-x"], 0)
    fleet.report("a", 0, camera="health-x")
    assert (fleet.condition("health-x"), fleet.told("health-x")) == ("ok", [])
    fleet.report("a", 10, camera="health-x", picture=["moved", "covered"])  # the gravest counts
    fleet.report("a", 20, camera="health-x", picture=["covered"])
    assert fleet.told("health-x") == ["covered"]
    fleet.report("a", 30, camera="health-x", state="waiting", last_packet_age_s=59)
    assert fleet.told("health-x") == ["covered", "recovered"]
    fleet.report("a", 40, camera="health-x", state="waiting", last_packet_age_s=69)
    fleet.report("a", 50, camera="health-x", refused="zones.0: is missing")
    fleet.report("a", 60, camera="health-x")
    assert fleet.told("health-x") == ["covered", "recovered", "down", "misconfigured", "recovered"]
    fleet.report("b", 70, camera="health-x", state="waiting", last_packet_age_s=500)  # not b's to say
    assert fleet.condition("health-x") == "ok"


def test_a_camera_that_never_sent_a_picture_is_down_after_a_while(fleet: Fleet) -> None:
    fleet.take("a", ["health-n"], 0)
    fleet.report("a", 59, camera="health-n", state="connecting", last_packet_age_s=None)
    assert fleet.condition("health-n") == "ok"
    fleet.report("a", 61, camera="health-n", state="connecting", last_packet_age_s=None)
    assert fleet.condition("health-n") == "down"


def test_a_camera_that_has_lost_its_worker_is_down(fleet: Fleet) -> None:
    fleet.take("a", ["health-w", "health-e"], 0)  # until 30
    fleet.report("a", 0, camera="health-w")
    fleet.report("a", 0, camera="health-e", state="ended")
    assert fleet.unwatched(89) == 0
    assert fleet.unwatched(90) == 1
    assert fleet.unwatched(95) == 0  # told once
    assert (fleet.told("health-w"), fleet.told("health-e")) == (["down"], [])
    fleet.take("b", ["health-w"], 100)
    fleet.report("b", 100, camera="health-w")
    assert fleet.told("health-w") == ["down", "recovered"]
