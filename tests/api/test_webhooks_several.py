"""Several event systems on one storage deliver one queue: nothing twice, nothing lost, each case in its order."""

import concurrent.futures
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest

from api.clock import now
from api.notices import queue
from api.notices.subscriptions import listed, new_secret
from api.server import EmbeddedServer
from api.storage.data_folder import open_database
from api.storage.tables import Delivery, Webhook
from tests.api.conftest import write_settings
from tests.api.events import System, incident, put
from tests.api.receiver import Receiver, await_true, receiving
from tests.api.test_webhooks import data_dir as with_receivers

PROCESSES, CASES = 3, 60
data_dir = with_receivers


@pytest.fixture(scope="module")
def systems(data_dir: Path) -> Iterator[list[System]]:
    with ExitStack() as stack:
        servers = [stack.enter_context(EmbeddedServer(data_dir)) for _ in range(PROCESSES)]
        running = [System(data_dir, server.url) for server in servers]
        yield running
        for system in running:
            system.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def test_each_notice_comes_once_and_each_case_in_order(systems: list[System], receiver: Receiver) -> None:
    """60 cases through three systems, three notices each: 180, none twice although three dispatchers look."""
    chief = systems[0].signed_in("chief", "administrator")
    answer = chief.post("/v1/webhooks", json={"name": "city", "url": receiver.url, "cameras": ["many"]})
    assert answer.status_code == 201
    token = systems[0].with_token().headers["authorization"]
    workers = cycle([system.anybody(headers={"Authorization": token}) for system in systems])
    jobs = [(next(workers), f"many-{number}") for number in range(CASES)]
    ended = {"revision": 2, "state": "ended", "ended_at": "2026-03-02T09:00:00Z"}

    def report(job: tuple[object, str]) -> None:
        client, name = job
        put(client, incident(name, camera="many"))  # type: ignore[arg-type]
        put(client, incident(name, camera="many", **ended))  # type: ignore[arg-type]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(report, jobs))
    receiver.await_events(3 * CASES)
    time.sleep(0.7)  # would anything come twice, it came now
    ids = [taken.headers["webhook-id"] for taken in receiver.taken]
    assert len(ids) == len(set(ids)) == 3 * CASES
    by_case = defaultdict(list)
    for event in receiver.events():
        by_case[event["subject"]].append(event["type"].split(".")[-2])
    assert set(map(tuple, by_case.values())) == {("created", "confirmed", "ended")}
    assert chief.delete(f"/v1/webhooks/{answer.json()['id']}").status_code == 204


@pytest.fixture
def quiet(tmp_path: Path) -> tuple[Path, int]:
    """A database with one subscription and nobody who delivers."""
    write_settings(tmp_path, webhook_networks=["127.0.0.0/8"])
    database = open_database(tmp_path)
    with database.write() as session:
        webhook = Webhook(name="city", url="http://127.0.0.1:9/", types=listed(()), cameras=listed(()))
        webhook.secret, webhook.enabled, webhook.reached = new_secret(), True, 0
        webhook.created_at, webhook.created_by = now(), "chief"
        session.add(webhook)
        session.flush()
        webhook_id = webhook.id
        queue.add_ping(session, webhook_id, now())
    database.close()
    return tmp_path, webhook_id


def test_what_a_dead_process_had_in_hand_is_tried_by_another(quiet: tuple[Path, int]) -> None:
    folder, webhook_id = quiet
    moment = now()
    database = open_database(folder)
    with database.write() as session:
        (first,) = queue.claim(session, webhook_id, 4, moment, None)
    with database.write() as session:
        assert queue.claim(session, webhook_id, 4, moment, None) == []
        late = moment + timedelta(seconds=queue.LEASE_S + 1)
        (second,) = queue.claim(session, webhook_id, 4, late, None)
        assert second.message_id == first.message_id
    # The first one was only slow: what it says later does not undo what the second one has reached.
    with database.write() as session:
        assert queue.finish(session, second, queue.Outcome(200, 0.1), late, 0.5) == "delivered"
        assert queue.finish(session, first, queue.Outcome(500, 0.1), late, 0.5) == "delivered"
        assert session.get_one(Delivery, first.delivery_id).tries == 2
    database.close()


def test_the_wait_is_bounded_whatever_a_receiver_asks_for(quiet: tuple[Path, int]) -> None:
    folder, webhook_id = quiet
    moment = now()
    database = open_database(folder)
    with database.write() as session:
        (parcel,) = queue.claim(session, webhook_id, 1, moment, None)
        asked = queue.Outcome(429, 0.1, retry_after_s=10.0**12)
        assert queue.finish(session, parcel, asked, moment, 0.5) == "waiting"
        assert session.get_one(Delivery, parcel.delivery_id).due_at == moment + timedelta(hours=5)
    database.close()


def test_what_waits_behind_is_due_with_what_it_waits_for(quiet: tuple[Path, int]) -> None:
    """Two pings are about the same subject: the second is due when the first is tried again, and at once when that went."""
    folder, webhook_id = quiet
    moment = now()
    database = open_database(folder)
    with database.write() as session:
        behind = queue.add_ping(session, webhook_id, moment).id
        (first,) = queue.claim(session, webhook_id, 4, moment, None)
        queue.finish(session, first, queue.Outcome(500, 0.1), moment, 0.5)
    with database.write() as session:
        again = moment + timedelta(seconds=5)
        assert session.get_one(Delivery, behind).due_at == again
        (first,) = queue.claim(session, webhook_id, 4, again, None)
        queue.finish(session, first, queue.Outcome(500, 0.1), again, 0.5)
    later = again + timedelta(seconds=40)
    with database.write() as session:
        (first,) = queue.claim(session, webhook_id, 4, later, None)
        queue.finish(session, first, queue.Outcome(204, 0.1), later, 0.5)
    with database.write() as session:
        assert session.get_one(Delivery, behind).due_at == later
        assert [item.delivery_id for item in queue.claim(session, webhook_id, 4, later, None)] == [behind]
    database.close()


def test_who_waits_long_does_not_slow_the_rest_down(systems: list[System], receiver: Receiver) -> None:
    """500 notices that wait for a receiver which is away; another one's come as quickly as ever."""
    chief = systems[0].signed_in("chief-2", "administrator")
    worker = systems[1].with_token()
    away = {"name": "away", "url": "http://127.0.0.1:9/", "cameras": ["busy"]}
    other = {
        "name": "other",
        "url": receiver.url,
        "types": ["io.streetwarden.incident.created.v1"],
        "cameras": ["busy"],
    }
    made = [chief.post("/v1/webhooks", json=said).json()["id"] for said in (away, other)]
    for number in range(100):
        put(worker, incident(f"busy-{number}", camera="busy"))
    receiver.await_events(100)
    began = time.monotonic()
    put(worker, incident("busy-last", camera="busy"))
    await_true(lambda: receiver.events()[-1]["subject"] == "incidents/busy-last")
    assert time.monotonic() - began < 3
    for webhook_id in made:
        chief.delete(f"/v1/webhooks/{webhook_id}")
