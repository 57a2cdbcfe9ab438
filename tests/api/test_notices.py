"""The log of notices: in the transaction of what it tells, numbered in the order of the commits, readers skip nothing."""

import concurrent.futures
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from api.clock import now
from api.notices.kinds import KINDS, CameraData, kind
from api.notices.log import append, head_of, read
from api.notices.telling import tell_camera
from api.schema import content_digest
from api.storage.data_folder import open_database
from api.storage.database import Database
from api.storage.tables import Notice
from tests.api.conftest import LARGE
from tests.api.events import System, entry, incident, put, put_file

WRITERS, EACH = 6, 15
WRITERS_ON_SQLITE = 2
"""It has one writer at a time, and a queue without an order: more would only wait for each other."""

JPEG = b"\xff\xd8\xff\xe0" + b"n" * 50
DOWN = CameraData(camera="gate-3", condition="down", since="2026-03-02T08:00:00.000Z")


@pytest.fixture(scope="module")
def databases(data_dir: Path) -> Iterator[list[Database]]:
    """Two, as two processes have them."""
    with closing(open_database(data_dir)) as first, closing(open_database(data_dir)) as second:
        yield [first, second]


def everything(client: httpx.Client) -> list[dict[str, Any]]:
    """All notices, page by page."""
    found: list[dict[str, Any]] = []
    after = 0
    while page := client.get("/v1/notices", params={"after": after}).json():
        found += page["notices"]
        if page["next"] == after:
            break
        after = page["next"]
    return found


def kinds(client: httpx.Client, incident_id: str) -> list[str]:
    """What has been told of an incident: the middles of the types."""
    return [
        item["type"].removeprefix("io.streetwarden.").removesuffix(".v1")
        for item in everything(client)
        if item["subject"] == f"incidents/{incident_id}"
    ]


def test_a_reader_that_follows_sees_every_number(databases: list[Database], storage: str) -> None:
    """Six writers on two engines, each about another incident, so that nothing else keeps them apart; they draw their
    number early or late and commit whenever. One that reads on meanwhile sees 90 notices in the order of their numbers;
    had numbers become visible out of order, it would have gone past some.
    """
    writers = WRITERS if storage == LARGE else WRITERS_ON_SQLITE
    with databases[0].read() as session:
        start = head_of(session)

    def write(writer: int) -> None:
        chance = random.Random(writer)
        for number in range(EACH):
            with databases[writer % 2].write(about=f"ordered-{writer}") as session:
                time.sleep(chance.random() * 0.004)
                two = [kind("camera.down"), kind("camera.recovered")]
                append(session, two, f"cameras/w-{writer}-{number}", "gate-3", DOWN, now())
                time.sleep(chance.random() * 0.004)

    ended = threading.Event()
    seen: list[int] = []

    def follow() -> None:
        reached = start
        while True:
            last_time = ended.is_set()
            with databases[1].read() as session:
                page = [notice.sequence for notice in read(session, reached)]
            seen.extend(page)
            reached = seen[-1] if seen else start
            if last_time and not page:
                return

    with concurrent.futures.ThreadPoolExecutor(writers + 1) as pool:
        following = pool.submit(follow)
        try:
            list(pool.map(write, range(writers)))
        finally:
            ended.set()
        following.result(timeout=30)
    assert seen == list(range(start + 1, start + 1 + 2 * writers * EACH))


def test_what_is_undone_was_not_told(databases: list[Database]) -> None:
    with databases[0].read() as session:
        before = head_of(session)

    def fail_after_telling() -> None:
        with databases[0].write() as session:
            append(session, [kind("camera.down")], "cameras/gate-3", "gate-3", DOWN, now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_telling()
    with databases[0].write() as session:
        append(session, [kind("camera.down")], "cameras/gate-3", "gate-3", DOWN, now())
        assert head_of(session) == before + 1


@pytest.mark.parametrize("change", ["UPDATE notices SET type = 'x'", "DELETE FROM notices"])
def test_it_is_only_appended_to(databases: list[Database], change: str) -> None:
    with databases[0].write() as session:
        append(session, [kind("camera.down")], "cameras/gate-3", "gate-3", DOWN, now())
    with pytest.raises(DBAPIError, match="append-only"), databases[0].write() as session:
        session.execute(text(change))


def test_cameras(databases: list[Database]) -> None:
    with databases[0].write() as session:
        tell_camera(session, "cam-x", "covered", now(), now(), "nearly black for 5 min")
    with databases[0].read() as session:
        told = session.scalars(select(Notice).where(Notice.camera_id == "cam-x")).one()
    assert (told.type, told.subject) == ("io.streetwarden.camera.covered.v1", "cameras/cam-x")
    with pytest.raises(ValueError, match="allowed are down, moved"), databases[0].write() as session:
        tell_camera(session, "cam-x", "bored", now(), now())


def test_the_same_is_told_once(system: System, worker: httpx.Client) -> None:
    files = {"snapshot-a.jpg": JPEG, "snapshot-b.jpg": JPEG + b"b"}
    evidence = [entry(name, content) for name, content in files.items()]
    document = incident("once", evidence=evidence)
    for _ in range(2):
        put(worker, document)
    assert kinds(worker, "once") == ["incident.created", "incident.confirmed"]
    put_file(worker, "once", "snapshot-a.jpg", files["snapshot-a.jpg"])
    put(worker, incident("once", revision=2, evidence=evidence, score=0.95))
    for _ in range(2):
        put_file(worker, "once", "snapshot-b.jpg", files["snapshot-b.jpg"])
    put(worker, incident("once", revision=3, evidence=evidence, score=0.96))
    assert kinds(worker, "once")[2:] == ["evidence.complete"]
    more = [*evidence, entry("snapshot-c.jpg", JPEG + b"c")]
    ended = {"state": "ended", "ended_at": "2026-03-02T09:00:00Z"}
    put(worker, incident("once", revision=4, evidence=more, **ended))
    put_file(worker, "once", "snapshot-c.jpg", JPEG + b"c")
    assert kinds(worker, "once")[3:] == ["incident.ended", "evidence.complete"]
    assert kinds(worker, "candidate") == []
    put(worker, incident("candidate", state="candidate", confirmed_at=None, evidence=evidence))
    put(worker, incident("candidate", revision=2, state="ended", confirmed_at=None, ended_at="2026-03-02T09:00:00Z"))
    assert kinds(worker, "candidate") == ["incident.created", "incident.ended"]  # dropped: nobody ever confirmed it


def test_a_whole_case(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    chief, officer = system.signed_in("n-chief", "administrator"), system.signed_in("n-olga", "officer")
    put(worker, incident("whole"))
    put(worker, incident("part"))
    path = "/v1/cases/whole"

    def step(client: httpx.Client, **said: Any) -> None:
        answer = client.post(f"{path}/steps", json=said)
        assert answer.status_code == 201, answer.text

    step(reviewer, action="accept")
    step(reviewer, action="dispatch", assignee="n-olga")
    step(officer, action="handle", note="n-olga moved it")
    step(reviewer, action="return", reason="still_there")
    step(officer, action="handle", note="done")
    step(reviewer, action="verify")
    step(reviewer, action="archive")
    step(chief, action="appraise", reason="good")
    step(chief, action="reopen", note="again")
    assert chief.put(f"{path}/hold", json={"reason": "court"}).status_code == 204
    assert chief.delete(f"{path}/hold").status_code == 204
    assert reviewer.post(f"{path}/merged", json={"incident": "part"}).status_code == 204
    assert reviewer.delete(f"{path}/merged/part").status_code == 204
    assert reviewer.put(f"{path}/tags/night").status_code == 204
    step(reviewer, action="reject", reason="permitted")
    told = [name.removeprefix("case.") for name in kinds(worker, "whole")[2:]]
    assert told == [
        *("confirmed", "accepted", "dispatched", "handled", "returned", "handled", "verified", "archived"),
        *("appraised", "reopened", "held", "released", "changed", "changed", "changed", "rejected"),
    ]
    assert kinds(worker, "part")[2:] == ["case.merged", "case.split"]
    notices = everything(worker)
    merged = next(item for item in notices if item["type"].endswith("case.merged.v1"))
    assert (merged["data"]["value"], merged["data"]["to_step"]) == ("whole", "merged")
    told_of_all = str(notices)
    for private in ("n-olga", "moved it", "court", "anna"):
        assert private not in told_of_all


def test_asking_page_by_page(system: System, worker: httpx.Client) -> None:
    for number in range(3):
        put(worker, incident(f"paged-{number}", camera="paged"))
    viewer = system.with_token(role="viewer", cameras=["paged"])
    asked: dict[str, Any] = {"limit": 2, "types": ["io.streetwarden.incident.confirmed.v1"], "after": 0}
    first = viewer.get("/v1/notices", params=asked).json()
    second = viewer.get("/v1/notices", params={**asked, "after": first["next"]}).json()
    third = viewer.get("/v1/notices", params={**asked, "after": second["next"]}).json()
    found = [[item["data"]["incident"] for item in page["notices"]] for page in (first, second, third)]
    assert found == [["paged-0", "paged-1"], ["paged-2"], []]
    assert third["next"] == second["next"]
    for wrong in ({"types": "nothing"}, {"after": -1}, {"after": 2**63}, {"limit": 0}, {"types": ["x"] * 100}):
        assert viewer.get("/v1/notices", params=wrong).status_code == 422


def test_what_there_is_to_know(worker: httpx.Client) -> None:
    listed = worker.get("/v1/notices/kinds").json()["kinds"]
    assert {item["type"] for item in listed} == set(KINDS)
    assert all(item["name"]["en"] and item["name"]["zh"] for item in listed)
    put(worker, incident("schema"))
    for item in everything(worker):
        name = item["dataschema"].split(":")[-2]
        schema = worker.get(f"/v1/notices/schemas/{name}").json()
        assert set(item["data"]) <= set(schema["properties"])
        assert set(schema["required"]) <= set(item["data"])
    assert worker.get("/v1/notices/schemas/nothing").status_code == 404
    assert len(content_digest(schema)) == 64
