"""A worker among others, against a real event system: what it watches, what it takes over, and what it does without it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.provision import create_token
from api.server import EmbeddedServer
from detector.delivery.outbox import Outbox
from detector.errors import ConfigError
from detector.fleet import member as member_module
from detector.fleet.client import AwayError, FleetClient
from detector.fleet.member import Member, Wish
from detector.fleet.reports import reports_of
from detector.lifecycle.resume import open_path, read_open, taken_path
from detector.zoning.cameras_file import Camera
from streams.source.address import Address
from tests.api.events import System, incident, put
from tests.detector.event_system import EventSystem
from tests.detector.film import ZONE

GATE, YARD = (Camera(name, Address(f"rtsp://10.0.0.1/{name}"), (ZONE,)) for name in ("gate", "yard"))


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    folder = tmp_path / "events"
    with EmbeddedServer(folder) as server:
        running = System(folder, server.url)
        yield running
        running.close()


@pytest.fixture
def join(tmp_path: Path) -> Iterator[Callable[..., Member]]:
    """Makes members; those that are started are stopped."""
    with ExitStack() as stack:

        def make(url: str, token: str, name: str, cameras: tuple[Camera, ...] | None = (GATE, YARD)) -> Member:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            outbox = Outbox(folder)
            stack.callback(outbox.close)
            client = FleetClient(url, token)
            stack.callback(client.close)
            member = Member(client, folder, outbox, Wish(cameras, 100), lambda _: None)
            member.join()
            return member

        yield make


def names(member: Member) -> list[str]:
    return [camera.id for camera in member.watched.cameras]


def test_what_another_one_watches_is_waited_for(system: System, join: Callable[..., Member]) -> None:
    token = create_token(system.data_dir, "worker")
    first = join(system.url, token, "first", (GATE,))
    second = join(system.url, token, "second")
    assert (names(first), first.watched.lasting) == (["gate"], False)
    assert (names(second), second.watched.lasting) == (["yard"], True)
    assert (first.epoch_of("gate"), second.epoch_of("gate"), second.epoch_of("yard")) == (1, None, 1)
    first.stop()
    second._beat()
    assert (names(second), second.watched.lasting, second.epoch_of("gate")) == (["gate", "yard"], False, 2)


def test_open_cases_pass_on_with_the_latest_revisions(
    system: System, join: Callable[..., Member], tmp_path: Path
) -> None:
    token = create_token(system.data_dir, "worker")
    first = join(system.url, token, "first", (GATE,))
    kept = {"cases": [{"incident": {"id": "x-1", "revision": 3}}, {"incident": {"id": "x-2", "revision": 9}}]}
    path = open_path(tmp_path / "first", "gate")
    path.parent.mkdir()
    path.write_text(json.dumps(kept))
    first.stop()  # leaves it
    # The last that the first one told came after what it has left.
    put(system.with_token(), incident("x-1", camera="gate", revision=5))
    stale = open_path(tmp_path / "second", "gate")
    stale.parent.mkdir(parents=True)
    stale.write_text("what this worker knew of the camera when it had it long ago")
    join(system.url, token, "second", (GATE,))
    taken = json.loads(taken_path(tmp_path / "second", "gate").read_text())
    assert [case["incident"]["revision"] for case in taken["cases"]] == [5, 9]


def test_where_nothing_was_left_old_cases_are_forgotten(
    system: System, join: Callable[..., Member], tmp_path: Path
) -> None:
    token = create_token(system.data_dir, "worker")
    join(system.url, token, "first", (GATE,)).stop()
    stale = open_path(tmp_path / "second", "gate")
    stale.parent.mkdir(parents=True)
    stale.write_text("old")
    join(system.url, token, "second", (GATE,))
    assert read_open(tmp_path / "second", "gate", 0.0, datetime.now(UTC)) == []
    assert not stale.exists()


def test_a_camera_that_was_anothers_meanwhile_is_taken_up_anew(
    system: System, join: Callable[..., Member], tmp_path: Path
) -> None:
    token = create_token(system.data_dir, "worker")
    first = join(system.url, token, "first", (GATE,))
    own = open_path(tmp_path / "first", "gate")
    own.parent.mkdir()
    own.write_text(json.dumps({"cases": []}))
    first._leave()
    before = first.watched
    first._beat()
    assert first.watched is before
    # Between two of its signs of life its lease runs out, another one gets the camera, and leaves it again.
    first._client.beat(first._said(leaving=True))
    second = join(system.url, token, "second", (GATE,))
    kept = open_path(tmp_path / "second", "gate")
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps({"cases": [{"incident": {"id": "x-1", "revision": 7}}]}))
    taken_path(tmp_path / "second", "gate").unlink()  # its shard has taken that up
    second.stop()
    first._beat()
    assert (names(first), first.epoch_of("gate")) == (["gate"], 3)
    assert first.watched is not before
    assert before.cameras[0].taken_as != first.watched.cameras[0].taken_as
    # Whoever watches it still writes; what the other one has left is not overwritten, and nothing is left instead of it.
    own.write_text(json.dumps({"cases": [{"incident": {"id": "x-1", "revision": 2}}]}))
    first._leave()
    third = join(system.url, token, "third", (GATE,))
    assert names(third) == []
    first.stop()
    third._beat()
    for name in ("first", "third"):
        taken = json.loads(taken_path(tmp_path / name, "gate").read_text())
        assert [case["incident"]["revision"] for case in taken["cases"]] == [7]


def test_a_first_lease_does_not_disturb_who_began_without_the_event_system(
    system: System, join: Callable[..., Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise AwayError("away")

    token = create_token(system.data_dir, "worker")
    with monkeypatch.context() as patched:
        patched.setattr(FleetClient, "beat", away)
        member = join(system.url, token, "first", (GATE,))
    before = member.watched
    member._beat()
    assert (member.epoch_of("gate"), member.watched is before) == (1, True)


def test_a_restart_is_the_same_worker_and_goes_on_with_its_own(
    system: System, join: Callable[..., Member], tmp_path: Path
) -> None:
    token = create_token(system.data_dir, "worker")
    join(system.url, token, "first", (GATE,))  # and dies
    own = open_path(tmp_path / "first", "gate")
    own.parent.mkdir()
    own.write_text("its own, newer than anything that was left")
    again = join(system.url, token, "first", (GATE,))
    assert (names(again), again.epoch_of("gate")) == (["gate"], 1)
    assert own.read_text() == "its own, newer than anything that was left"


def test_without_the_event_system_it_goes_on(system: System, join: Callable[..., Member], caplog: Any) -> None:
    away = join("http://127.0.0.1:9", "token", "away")
    assert (names(away), away.epoch_of("gate")) == (["gate", "yard"], None)
    assert caplog.text.count("as before, for now") == 1
    away._beat()
    assert caplog.text.count("as before, for now") == 1  # said once
    nowhere = join("http://127.0.0.1:9", "token", "nowhere", None)
    assert (names(nowhere), nowhere.watched.lasting) == ([], True)


def test_an_event_system_that_is_older_knows_no_leases(join: Callable[..., Member]) -> None:
    old = EventSystem(lambda _: (404, b"{}"))
    old.start()
    try:
        assert names(join(old.url, "token", "listed")) == ["gate", "yard"]
        with pytest.raises(ConfigError, match="has no registry"):
            join(old.url, "token", "unlisted", None)
    finally:
        old.stop()


def test_a_full_disk_does_not_end_its_signs_of_life(
    system: System, join: Callable[..., Member], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(member_module, "LEAVE_EVERY_S", 0.02)
    member = join(system.url, create_token(system.data_dir, "worker"), "full")
    said: list[int] = []

    def beat() -> bool:
        said.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(member, "_beat", beat)
    member._beat_s = 0.04
    member.start()
    deadline = time.monotonic() + 10
    while len(said) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    member.stop()
    assert "No space left" in caplog.text


def test_a_row_of_a_former_shard_does_not_hide_the_fresh_one() -> None:
    fresh = {"camera": "gate", "state": "live", "last_packet_age_s": 0.2}
    old = {"camera": "gate", "state": "waiting", "last_packet_age_s": 3.0, "stale_s": 400.0}
    for rows in ([fresh, old], [old, fresh]):
        (report,) = reports_of(rows, {})
        assert (report["state"], report["last_packet_age_s"]) == ("live", 0.2)
    (silent,) = reports_of([old], {})
    assert silent["last_packet_age_s"] == 403.0
    (refused,) = reports_of([fresh], {"gate": "x" * 900})
    assert (refused["state"], len(refused["refused"])) == ("closed", 500)


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"leases": 3}', b'{"leases": [{"camera": "../x", "epoch": 1}]}'])
def test_nonsense_is_no_answer(join: Callable[..., Member], answer: bytes) -> None:
    odd = EventSystem(lambda _: (200, answer))
    odd.start()
    try:
        assert names(join(odd.url, "token", "listed")) == ["gate", "yard"]
    finally:
        odd.stop()


def test_the_registrys_cameras_by_version(system: System, join: Callable[..., Member]) -> None:
    engineer = system.signed_in("eva", "engineer")
    corners = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
    zone = {"id": "kerb", "kind": "no_parking", "polygon": corners}
    street = {"source": "rtsp://1.1.1.1/live", "zones": [zone]}

    def put_camera(name: str, document: dict[str, Any], **headers: str) -> None:
        engineer.put(f"/v1/registry/camera/{name}", json=document, headers=headers).raise_for_status()

    put_camera("good", street, **{"If-None-Match": "*"})
    crossed = {**zone, "polygon": [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]}  # of the right form, and no polygon
    put_camera("crossed", {**street, "zones": [crossed]}, **{"If-None-Match": "*"})
    member = join(system.url, create_token(system.data_dir, "worker"), "registry", None)
    assert names(member) == ["good"]
    before = member.watched
    member._beat()
    assert member.watched is before
    rows = {row["camera"]: row for row in engineer.get("/v1/cameras").json()["cameras"]}
    assert "edges cross" in rows["crossed"]["report"]["refused"]
    put_camera("good", {**street, "place": "elsewhere"}, **{"If-Match": '"1"'})
    member._beat()
    # A start while the event system is away: with those that it had last.
    without = join("http://127.0.0.1:9", "token", "registry", None)
    assert (names(without), without.watched.lasting) == (["good"], True)
    (changed,) = member.watched.cameras
    assert (changed.place, changed.version != before.cameras[0].version) == ("elsewhere", True)
    assert replace(changed, version="", place=None) == replace(before.cameras[0], version="")
