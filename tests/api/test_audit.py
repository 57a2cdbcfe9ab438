"""The audit log in the database: what goes into it, that it is one chain, and that harm done to it is found."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.clock import now
from api.errors import ApiError
from api.provision import create_user
from api.records.audit import Deed, append, head_of, verify_log
from api.records.audit_chain import Head, hash_of, verify
from api.records.operators import operator
from api.storage.data_folder import open_database
from api.storage.database import Database
from api.upkeep_commands import audit
from tests.api.events import System, incident, put, put_file

JPEG = b"\xff\xd8\xff\xe0" + b"a" * 1000


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    return system.signed_in("chief", "administrator")


def log_of(chief: httpx.Client, case: str) -> list[dict[str, Any]]:
    answer = chief.get(f"/v1/incidents/{case}/audit")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["entries"])


def test_everything_about_a_case_is_in_it(
    system: System, worker: httpx.Client, reviewer: httpx.Client, chief: httpx.Client
) -> None:
    put(worker, incident("logged"))
    put(worker, incident("logged"))  # the same again is no deed
    put_file(worker, "logged", "snapshot-alarm.jpg", JPEG)
    put_file(worker, "logged", "snapshot-alarm.jpg", JPEG)
    put(worker, incident("logged", score=0.1))  # other content under the same number
    reviewer.get("/v1/incidents/logged/package", params={"purpose": "too early"})
    reviewer.post("/v1/incidents/logged/review", json={"verdict": "confirm"})
    reviewer.get("/v1/incidents/logged/evidence/snapshot-alarm.jpg")
    reviewer.get("/v1/incidents/logged/package", params={"purpose": "fine 7"})
    worker.get("/v1/incidents/logged/package", params={"purpose": "x"})
    worker.post("/v1/incidents/logged/review", json={"verdict": "confirm"})
    reviewer.post("/v1/incidents/logged/review", json={"verdict": "confirm"}, headers={"X-CSRF-Token": "wrong"})
    entries = log_of(chief, "logged")
    told = [(entry["who"], entry["action"], entry["reason"]) for entry in entries]
    assert [(who, action) for who, action, _ in told] == [
        ("worker-1", "revision"),
        ("worker-1", "evidence"),
        ("worker-1", "refused.409"),
        ("anna", "refused.409"),
        ("anna", "review.confirm"),
        ("anna", "case.accept"),
        ("anna", "view"),
        ("anna", "download"),
        ("worker-1", "refused.403"),
        ("worker-1", "refused.403"),
    ]
    assert told[7][2] == "fine 7"
    assert "no person has confirmed it" in str(told[3][2])
    assert all(entry["client"] == "127.0.0.1" and hash_of(entry) == entry["hash"] for entry in entries)
    # What was refused at the gate has no case yet, but a path and a person.
    exported = [json.loads(line) for line in chief.get("/v1/audit").text.splitlines()]
    at_the_gate = [entry for entry in exported if "X-CSRF-Token" in (entry["reason"] or "")]
    assert [(e["who"], e["action"], e["object"]) for e in at_the_gate] == [
        ("anna", "refused.403", "POST /v1/incidents/logged/review")
    ]
    accounts = [(entry["who"], entry["action"], entry["object"]) for entry in exported]
    assert (operator().name, "user.create", "user anna") in accounts
    assert ("anna", "session.open", "/v1/session") in accounts


def test_sign_ins_that_fail_are_in_it(system: System, chief: httpx.Client) -> None:
    for name in ("chief", "nobody at all"):
        assert system.anybody().post("/v1/session", json={"name": name, "password": "wrong"}).status_code == 401
    exported = [json.loads(line) for line in chief.get("/v1/audit").text.splitlines()]
    refused = [entry["who"] for entry in exported if entry["object"] == "POST /v1/session"]
    assert refused == ["chief"]  # nobody is nobody


def test_the_unit_stands_beside_the_name(system: System, worker: httpx.Client, chief: httpx.Client) -> None:
    password = create_user(system.data_dir, "uli", "reviewer", unit="东城中队")
    uli = system.anybody()
    uli.headers["X-CSRF-Token"] = uli.post("/v1/session", json={"name": "uli", "password": password}).json()[
        "csrf_token"
    ]
    put(worker, incident("by-uli"))
    uli.post("/v1/incidents/by-uli/review", json={"verdict": "confirm"})
    assert {entry["unit"] for entry in log_of(chief, "by-uli")} == {None, "东城中队"}
    with pytest.raises(ApiError, match="unit"):
        create_user(system.data_dir, "ute", "reviewer", unit="\n")


def test_who_may_read_it(system: System, worker: httpx.Client, reviewer: httpx.Client, chief: httpx.Client) -> None:
    put(worker, incident("private"))
    for path in ("/v1/audit", "/v1/audit/verify", "/v1/incidents/private/audit"):
        assert [client.get(path).status_code for client in (worker, reviewer, system.anybody())] == [403, 403, 401]
    assert chief.get("/v1/incidents/none/audit").status_code == 404


def test_export_and_verify(system: System, worker: httpx.Client, chief: httpx.Client, tmp_path: Path) -> None:
    found = chief.get("/v1/audit/verify").json()
    assert (found["intact"], found["faults"]) == (True, [])
    answer = chief.get("/v1/audit")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert verify(lines).is_intact
    assert (lines[-1]["action"], lines[-1]["sequence"]) == ("export", len(lines))
    # From a head that was kept on, here and in the exported file.
    head = f"{found['head_sequence']}:{found['head_hash']}"
    later = {"after": found["head_sequence"], "hash": found["head_hash"]}
    put(worker, incident("later"))
    part = chief.get("/v1/audit/verify", params=later).json()
    assert (part["intact"], part["checked"]) == (True, part["head_sequence"] - found["head_sequence"])
    assert chief.get("/v1/audit/verify", params=later | {"hash": "0" * 64}).json()["faults"][0]["what"] == "head"
    assert chief.get("/v1/audit/verify", params={"after": 3}).status_code == 422
    assert chief.get("/v1/audit/verify", params=later | {"after": 10**30}).status_code == 422
    rest = chief.get("/v1/audit", params={"after": found["head_sequence"]}).text.splitlines()
    assert json.loads(rest[0])["sequence"] == found["head_sequence"] + 1
    exported = tmp_path / "audit.jsonl"
    exported.write_text(answer.text)
    run = CliRunner().invoke
    for arguments in (["--data", str(system.data_dir)], ["--file", str(exported)]):
        for more in ([], ["--after", head]):
            checked = run(audit, ["verify", *arguments, *more])
            assert (checked.exit_code, json.loads(checked.output)["intact"]) == (0, True), checked.output
    assert run(audit, ["export", "--data", str(system.data_dir)]).output.splitlines()[0] == answer.text.splitlines()[0]
    exported.write_text(re.sub('"who": "command line[^"]*"', '"who": "nobody"', answer.text, count=1))
    forged = run(audit, ["verify", "--file", str(exported)])
    assert (forged.exit_code, json.loads(forged.output)["faults"][0]["what"]) == (1, "edited")


def test_what_was_written_down_is_compared(system: System, chief: httpx.Client, tmp_path: Path) -> None:
    exported = tmp_path / "audit.jsonl"
    exported.write_text(chief.get("/v1/audit").text)
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    right, wrong = f"2:{lines[1]['hash']}", f"2:{'0' * 64}"
    for kept, is_intact in ((right, True), (wrong, False), (f"99999999:{lines[1]['hash']}", False)):
        found = chief.get("/v1/audit/verify", params={"expect": kept}).json()
        assert (found["intact"], [fault["what"] for fault in found["faults"]]) == (
            is_intact,
            [] if is_intact else ["head"],
        )
        for place in (["--data", str(system.data_dir)], ["--file", str(exported)]):
            told = CliRunner().invoke(audit, ["verify", *place, "--expect", right, "--expect", kept])
            assert (told.exit_code, json.loads(told.output)["intact"]) == (int(not is_intact), is_intact), told.output
    assert chief.get("/v1/audit/verify", params={"expect": "2"}).status_code == 422
    assert (
        chief.get("/v1/audit/verify", params={"expect": right, "after": 2, "hash": lines[1]["hash"]}).status_code == 422
    )
    # The entry to begin after is checked as well where the file has it; a file that ends before it proves nothing.
    after = CliRunner().invoke(audit, ["verify", "--file", str(exported), "--after", wrong])
    assert (after.exit_code, [fault["what"] for fault in json.loads(after.output)["faults"]]) == (1, ["head"])
    short = CliRunner().invoke(audit, ["verify", "--file", str(exported), "--after", f"{len(lines) + 1}:{'0' * 64}"])
    assert isinstance(short.exception, ApiError)
    assert f"ends with entry {len(lines)}" in str(short.exception)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "either --data or --file"),
        (["--file", "FILE", "--after", "3"], "NUMBER:HASH"),
        (["--file", "FILE", "--expect", "3"], "--expect 3: allowed is NUMBER:HASH"),
        (["--file", "FILE", "--after", f"3:{'0' * 64}", "--expect", f"3:{'0' * 64}"], "before the entry"),
        (["--file", "FILE"], "line 1 is no entry"),
    ],
)
def test_wrong_commands(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "file").write_text("hello\n")
    answer = CliRunner().invoke(audit, ["verify", *[str(tmp_path / "file") if a == "FILE" else a for a in arguments]])
    assert isinstance(answer.exception, ApiError)
    assert told in str(answer.exception)


COPY_BEHIND_THE_END = (
    "INSERT INTO audit SELECT {7}, at, who, unit, role, user_id, token_id, client, action, object, incident_id, reason, "
    "content_sha256, hash, hash FROM audit WHERE sequence = {6}"
)
UNPROTECTED = {
    "sqlite": ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"),
    "postgresql": ("DROP TRIGGER audit_append_only ON audit",),
}


class UndoneError(Exception):
    """Rolls a transaction back."""


def faults_after(database: Database, statements: tuple[str, ...]) -> list[tuple[int, str]]:
    """What a check finds after somebody went past the triggers to the last six entries, {1} to {6} in a statement."""
    told: list[tuple[int, str]] = []
    with suppress(UndoneError), database.write() as session:
        before = head_of(session).sequence
        for number in range(1, 7):
            append(session, operator(), Deed("test", f"thing {number}"), now())
        for statement in (*UNPROTECTED[session.get_bind().dialect.name], *statements):
            session.execute(text(statement.format(*range(before, before + 8))))
        found = verify_log(session)
        told = [(max(fault.sequence - before, 0), fault.what) for fault in found.faults]
        assert found.is_intact == (told == [])
        raise UndoneError
    return told


@pytest.fixture(scope="module")
def database(system: System) -> Iterator[Database]:
    opened = open_database(system.data_dir)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("statements", "faults"),
    [
        ((), []),
        (("UPDATE audit SET who = 'nobody' WHERE sequence = {3}",), [(3, "edited")]),
        (("UPDATE audit SET at = '2026-01-01 00:00:00.000000' WHERE sequence = {3}",), [(3, "edited")]),
        (("UPDATE audit SET reason = '' WHERE sequence = {3}",), [(3, "edited")]),
        (("DELETE FROM audit WHERE sequence = {3}",), [(4, "missing")]),
        (("DELETE FROM audit WHERE sequence IN ({3}, {4})",), [(5, "missing")]),
        (("DELETE FROM audit WHERE sequence < {2}",), [(2, "missing")]),
        (("DELETE FROM audit WHERE sequence = {6}",), [(5, "head")]),
        (("DELETE FROM audit",), [(0, "head")]),
        # 3 and 4 change places.
        (
            (
                "UPDATE audit SET sequence = 100000 WHERE sequence = {3}",
                "UPDATE audit SET sequence = {3} WHERE sequence = {4}",
                "UPDATE audit SET sequence = {4} WHERE sequence = 100000",
            ),
            [(3, "unchained"), (3, "edited"), (4, "unchained"), (4, "edited"), (5, "unchained")],
        ),
        # A gap closed by giving the later ones new numbers.
        (
            ("DELETE FROM audit WHERE sequence = {5}", "UPDATE audit SET sequence = {5} WHERE sequence = {6}"),
            [(5, "unchained"), (5, "edited"), (5, "head")],
        ),
        # One added behind the end, without the head; and the head alone set back.
        ((COPY_BEHIND_THE_END,), [(7, "edited"), (7, "head")]),
        (("UPDATE audit_head SET sequence = {5}",), [(6, "head")]),
    ],
)
def test_harm_done_to_the_database_is_found(
    worker: httpx.Client, database: Database, statements: tuple[str, ...], faults: list[tuple[int, str]]
) -> None:
    assert faults_after(database, statements) == faults
    with database.read() as session:
        assert verify_log(session).is_intact  # the harm has been rolled back


@pytest.mark.parametrize("table", ["audit", "case_events", "reviews", "incident_revisions"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
def test_the_database_refuses_changes(
    worker: httpx.Client, reviewer: httpx.Client, database: Database, table: str, change: str
) -> None:
    put(worker, incident("unchanged"))
    reviewer.post("/v1/incidents/unchanged/review", json={"verdict": "confirm"})
    column = "incident_id"
    with pytest.raises(DBAPIError, match=f"{table} is append-only"), database.write() as session:
        session.execute(text(change.format(table, column, column)))


def test_writers_at_once_make_one_chain(system: System) -> None:
    """Two processes' worth of databases, four threads each: every entry is there, and each follows the one before."""
    databases = [open_database(system.data_dir) for _ in range(2)]
    with databases[0].read() as session:
        before = head_of(session).sequence
    ready = threading.Barrier(8)

    def write(number: int) -> None:
        ready.wait()
        for entry in range(10):
            with databases[number % 2].write(about=f"case {number}") as session:
                append(session, operator(), Deed("test", f"{number}/{entry}"), now())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with databases[0].read() as session:
        found = verify_log(session)
    for database in databases:
        database.close()
    assert (found.is_intact, found.checked) == (True, before + 80)


def test_a_deed_that_fails_leaves_no_entry(tmp_path: Path) -> None:
    database = open_database(tmp_path / "data")

    def fail() -> None:
        with database.write() as session:
            append(session, operator(), Deed("test", "thing"), now())
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    with database.write() as session:
        append(session, operator(), Deed("test", "another"), now())
    with database.read() as session:
        found = verify_log(session, Head())
    database.close()
    assert (found.is_intact, found.checked) == (True, 1)


def test_the_kept_entry_is_hashed_again(database: Database) -> None:
    with suppress(UndoneError), database.write() as session:
        append(session, operator(), Deed("test", "thing"), now())
        kept = head_of(session)
        assert verify_log(session, kept).is_intact
        session.execute(text(UNPROTECTED[session.get_bind().dialect.name][0]))
        session.execute(text(f"UPDATE audit SET who = 'nobody' WHERE sequence = {kept.sequence}"))
        session.expire_all()
        assert [fault.what for fault in verify_log(session, kept).faults] == ["edited"]
        raise UndoneError


def test_the_kept_entry_has_to_be_there(database: Database) -> None:
    with suppress(UndoneError), database.write() as session:
        append(session, operator(), Deed("test", "thing"), now())
        kept = head_of(session)
        append(session, operator(), Deed("test", "another"), now())
        for statement in UNPROTECTED[session.get_bind().dialect.name]:
            session.execute(text(statement))
        session.execute(text(f"DELETE FROM audit WHERE sequence = {kept.sequence}"))
        assert [fault.what for fault in verify_log(session, kept).faults] == ["head"]
        raise UndoneError
