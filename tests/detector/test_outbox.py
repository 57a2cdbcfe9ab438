import logging
import multiprocessing
import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from detector.delivery import outbox as outbox_module
from detector.delivery.outbox import Outbox

WRITERS, INCIDENTS_EACH = 2, 20


def revision(incident: str, number: int, *names: str) -> dict[str, Any]:
    evidence = [{"name": name, "sha256": "ab" * 32} for name in names]
    return {"id": incident, "revision": number, "evidence": evidence, "place": "人民路"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    files.mkdir()
    for name in ("a.jpg", "b.mp4"):
        (files / name).write_bytes(b"x")
    return files


def drained(outbox: Outbox) -> list[tuple[str, str, str]]:
    order = []
    while messages := outbox.next_messages(1):
        order += [(message.incident, message.kind, message.name) for message in messages]
        outbox.sent(messages[0])
    return order


def test_in_order_per_incident_the_revision_before_its_files(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.post(revision("x", 1, "a.jpg"), folder)
    outbox.post(revision("y", 1), folder)
    outbox.post(revision("x", 2, "a.jpg", "b.mp4"), folder)
    # One message of each incident at a time: nothing overtakes.
    assert [(m.incident, m.kind, m.name) for m in outbox.next_messages(16)] == [
        ("x", "revision", "000001"),
        ("y", "revision", "000001"),
    ]
    order = drained(outbox)
    assert [item for item in order if item[0] == "x"] == [
        ("x", "revision", "000001"),
        ("x", "evidence", "a.jpg"),
        ("x", "revision", "000002"),
        ("x", "evidence", "b.mp4"),
    ]
    assert outbox.counts() == {"waiting": 0, "sent": 5, "dead": 0}
    outbox.close()


def test_what_was_posted_survives_reopening(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.post(revision("x", 1, "a.jpg"), folder)
    outbox.sent(outbox.next_messages(1)[0])
    outbox.close()
    again = Outbox(tmp_path)
    (message,) = again.next_messages(16)
    assert (message.kind, message.name, message.path, message.sha256) == (
        "evidence", "a.jpg", folder / "a.jpg", "ab" * 32,
    )  # fmt: skip
    assert again.counts() == {"waiting": 1, "sent": 1, "dead": 0}
    again.close()


def test_the_same_revision_twice_is_one_message(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    for _ in range(2):
        outbox.post(revision("x", 1, "a.jpg"), folder)
    assert outbox.counts()["waiting"] == 2  # the revision and its file
    drained(outbox)
    outbox.post(revision("x", 1, "a.jpg"), folder)
    assert outbox.counts() == {"waiting": 0, "sent": 2, "dead": 0}
    outbox.close()


def test_another_body_by_the_same_number_is_not_told_and_said(tmp_path: Path, folder: Path, caplog) -> None:
    outbox = Outbox(tmp_path)
    outbox.post(revision("x", 1), folder)
    drained(outbox)
    outbox.post(revision("x", 1), folder)
    assert caplog.text == ""
    outbox.post(revision("x", 1) | {"place": "elsewhere"}, folder)
    assert outbox.counts() == {"waiting": 0, "sent": 1, "dead": 0}
    assert "incident x, revision 000001: another body was posted before" in caplog.text
    outbox.close()


def test_files_that_another_worker_has_sent_are_not_sent_again(tmp_path: Path, folder: Path, caplog) -> None:
    caplog.set_level(logging.INFO)
    outbox = Outbox(tmp_path)
    # Taken over from another worker, at revision 3: its files are on that one's disk.
    outbox.post(revision("x", 4, "elsewhere.jpg", "a.jpg"), folder)
    assert drained(outbox) == [("x", "revision", "000004"), ("x", "evidence", "a.jpg")]
    assert "elsewhere.jpg" in caplog.text
    outbox.post(revision("x", 5, "elsewhere.jpg", "a.jpg", "b.mp4"), folder)
    assert drained(outbox) == [("x", "revision", "000005"), ("x", "evidence", "b.mp4")]
    assert caplog.text.count("elsewhere.jpg") == 1
    # The camera was another worker's once more, which told 6 and 7.
    outbox.post(revision("x", 8, "elsewhere.jpg", "a.jpg", "b.mp4", "elsewhere-2.jpg"), folder)
    assert drained(outbox) == [("x", "revision", "000008")]
    outbox.close()


@pytest.mark.parametrize("number", [1, 3])
def test_a_file_of_its_own_that_is_lost_is_not_taken_for_sent(tmp_path: Path, folder: Path, number: int) -> None:
    outbox = Outbox(tmp_path)
    if number > 1:
        outbox.post(revision("x", number - 1), folder)
    outbox.post(revision("x", number, "lost.jpg"), folder)
    assert ("x", "evidence", "lost.jpg") in drained(outbox)  # the courier says what is wrong with it
    outbox.close()


def test_sent_messages_are_forgotten_but_an_open_incidents_files_never_sent_again(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "SENT_KEPT", 20)
    monkeypatch.setattr(outbox_module, "FORGET_EVERY", 1)
    outbox = Outbox(tmp_path)
    outbox.post(revision("long", 1, "a.jpg"), folder)
    outbox.post(revision("longer", 1, "b.mp4"), folder)
    drained(outbox)
    for number in range(60):
        outbox.post(revision(f"other-{number}", 1), folder)
        if number % 10 == 0:
            outbox.post(revision("long", 2 + number // 10, "a.jpg"), folder)
        drained(outbox)
    assert outbox.counts()["sent"] <= 30
    for incident, number, name in (("long", 8, "a.jpg"), ("longer", 2, "b.mp4")):  # one that spoke, one that was silent
        outbox.post(revision(incident, number, name), folder)
        assert drained(outbox) == [(incident, "revision", f"{number:06d}")]
    outbox.close()


def test_the_file_is_freed_once_sent_and_not_before(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.post(revision("x", 1, "a.jpg"), folder)
    outbox.sent(outbox.next_messages(1)[0])
    (message,) = outbox.next_messages(1)
    outbox.failed(message)
    assert (folder / "a.jpg").exists()
    outbox.sent(outbox.next_messages(1)[0])
    assert not (folder / "a.jpg").exists()
    assert (folder / "b.mp4").exists()
    outbox.close()


def test_a_dead_letter_stays_with_its_file_and_lets_the_next_one_pass(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.post(revision("x", 1, "a.jpg"), folder)
    outbox.sent(outbox.next_messages(1)[0])
    outbox.refused(outbox.next_messages(1)[0], "409 conflict")
    outbox.post(revision("x", 2, "a.jpg"), folder)
    assert [message.name for message in outbox.next_messages(16)] == ["000002"]
    assert outbox.counts() == {"waiting": 1, "sent": 1, "dead": 1}
    assert (folder / "a.jpg").exists()
    assert outbox.incidents_waiting() == {"x"}
    outbox.close()


def test_it_knows_how_long_the_oldest_waits(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    assert outbox.oldest_taken_at() is None
    began = datetime.now(UTC).replace(microsecond=0)
    outbox.post(revision("x", 1), folder)
    taken_at = outbox.oldest_taken_at()
    assert taken_at is not None
    assert began <= taken_at <= datetime.now(UTC)
    outbox.sent(outbox.next_messages(1)[0])
    assert outbox.oldest_taken_at() is None
    outbox.close()


def test_an_outbox_of_0_1_0_is_taken_over(tmp_path: Path, folder: Path) -> None:
    Outbox(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as database:
        database.execute("ALTER TABLE messages DROP COLUMN taken_at")
        database.execute("INSERT INTO messages (incident, kind, name, body) VALUES ('x', 'revision', '000001', '{}')")
    outbox = Outbox(tmp_path)
    assert outbox.oldest_taken_at() is None  # nobody wrote it down then
    outbox.post(revision("y", 1), folder)
    assert drained(outbox) == [("x", "revision", "000001"), ("y", "revision", "000001")]
    outbox.close()


def test_failures_are_counted(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.post(revision("x", 1), folder)
    for attempts in range(3):
        (message,) = outbox.next_messages(1)
        assert message.attempts == attempts
        outbox.failed(message)
    outbox.close()


def test_a_revision_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    broken = revision("x", 1, "a.jpg")
    broken["evidence"].append({"name": "no-digest.jpg"})
    with pytest.raises(KeyError):
        outbox.post(broken, folder)
    assert outbox.counts() == {"waiting": 0, "sent": 0, "dead": 0}
    outbox.post(revision("x", 1), folder)  # and it still takes others
    assert outbox.counts()["waiting"] == 1
    outbox.close()


def _write(folder: Path, writer: int) -> None:
    outbox = Outbox(folder)
    for number in range(INCIDENTS_EACH):
        outbox.post(revision(f"w{writer}-{number}", 1, "a.jpg"), folder)
    outbox.close()
    os._exit(0)


def test_writers_in_two_processes_and_a_reader_lose_nothing(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, writer)) for writer in range(WRITERS)]
    taken: list[tuple[str, str]] = []
    try:
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers) or outbox.counts()["waiting"]:
            for message in outbox.next_messages(8):
                outbox.sent(message)
                taken.append((message.incident, message.kind))
        assert [writer.exitcode for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            if writer.pid is not None:
                writer.kill()
                writer.join()
        outbox.close()
    assert len(taken) == len(set(taken)) == WRITERS * INCIDENTS_EACH * 2
    for incident in {name for name, _ in taken}:
        assert taken.index((incident, "revision")) < taken.index((incident, "evidence"))


def test_threads_have_connections_of_their_own(tmp_path: Path, folder: Path) -> None:
    outbox = Outbox(tmp_path)
    failures: list[BaseException] = []

    def post(number: int) -> None:
        try:
            outbox.post(revision(f"x{number}", 1), folder)
        except sqlite3.Error as error:
            failures.append(error)
        finally:
            outbox.close()

    threads = [threading.Thread(target=post, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert outbox.counts()["waiting"] == 4
    outbox.close()
