"""Verdicts and evidence packs: a named person, a reason, a purpose, and a register of all of it."""

import hashlib
import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.provision import create_user
from api.records.audit_chain import hash_of
from tests.api.events import System, entry, incident, put, put_file

JPEG = b"\xff\xd8\xff\xe0" + b"j" * 100_000


def review(client: httpx.Client, incident_id: str, **verdict: Any) -> httpx.Response:
    return client.post(f"/v1/incidents/{incident_id}/review", json=verdict)


@pytest.fixture(scope="module")
def officer(system: System) -> httpx.Client:
    return system.signed_in("olga", "officer")


def test_a_verdict_names_its_reviewer(worker: httpx.Client, reviewer: httpx.Client) -> None:
    put(worker, incident("judged"))
    answer = review(reviewer, "judged", verdict="confirm", note="  plate is legible ")
    assert answer.status_code == 201
    stored = worker.get("/v1/incidents/judged").json()["review"]
    expected = {"verdict": "confirm", "reviewer": "anna", "note": "plate is legible", "revision": 1, "reason": None}
    assert stored.items() >= expected.items()


def test_the_latest_verdict_counts_and_all_are_kept(
    worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client
) -> None:
    put(worker, incident("changed"))
    review(reviewer, "changed", verdict="confirm")
    review(officer, "changed", verdict="reject", reason="loading")
    assert worker.get("/v1/incidents/changed").json()["review"]["reason"] == "loading"
    history = worker.get("/v1/incidents/changed/history").json()["history"]
    said = [(event["verdict"], event["reviewer"]) for event in history if event["event"] == "review"]
    assert said == [("confirm", "anna"), ("reject", "olga")]
    # A new revision keeps the verdict.
    put(worker, incident("changed", revision=2))
    assert worker.get("/v1/incidents/changed").json()["review"]["verdict"] == "reject"


@pytest.mark.parametrize(
    ("verdict", "status", "told"),
    [
        ({"verdict": "reject"}, 422, "no_offence"),
        ({"verdict": "reject", "reason": ""}, 422, "no_offence"),
        ({"verdict": "reject", "reason": "because"}, 422, "no_offence"),
        ({"verdict": "maybe"}, 422, "body.verdict"),
        ({}, 422, "body.verdict"),
        ({"verdict": "confirm", "revision": 9}, 422, "revision"),
        ({"verdict": "confirm", "colour": 1}, 422, "body.colour"),
        ({"verdict": "confirm", "note": "x" * 3000}, 422, "body.note"),
        ({"verdict": "confirm", "reason": "", "note": ""}, 201, ""),
        ({"verdict": "reject", "reason": "queueing", "revision": 1}, 201, ""),
    ],
)
def test_verdicts(
    worker: httpx.Client, reviewer: httpx.Client, verdict: dict[str, Any], status: int, told: str
) -> None:
    put(worker, incident("verdicts"))
    answer = review(reviewer, "verdicts", **verdict)
    assert answer.status_code == status, answer.text
    assert told in answer.json().get("detail", "")


def test_who_may_review(system: System, worker: httpx.Client) -> None:
    put(worker, incident("whose"))
    create_user(system.data_dir, "rita", "reviewer")
    may = system.with_token(role="reviewer", user="rita")
    assert review(worker, "whose", verdict="confirm").status_code == 403
    assert review(system.signed_in("vera", "viewer"), "whose", verdict="confirm").status_code == 403
    assert review(may, "whose", verdict="confirm").json()["reviewer"] == "rita"
    assert review(may, "nowhere", verdict="confirm").status_code == 404


def test_pack(system: System, worker: httpx.Client, officer: httpx.Client, tmp_path: Path) -> None:
    put(worker, incident("packed", evidence=[entry("snapshot-alarm.jpg", JPEG)], place="西湖路 3"))
    put_file(worker, "packed", "snapshot-alarm.jpg", JPEG)
    path = "/v1/incidents/packed/package"
    assert officer.get(path, params={"purpose": "fine"}).status_code == 409  # nobody has confirmed it
    review(officer, "packed", verdict="confirm")
    assert officer.get(path).status_code == 422
    assert officer.get(path, params={"purpose": "   "}).status_code == 422
    assert worker.get(path, params={"purpose": "fine"}).status_code == 403
    answer = officer.get(path, params={"purpose": "administrative fine 2026/17"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    folder = tmp_path / "packed"
    documents = {"README.txt", "SHA256SUMS", "audit.jsonl", "history.json", "incident.json", "review.json"}
    names = documents | {"snapshot-alarm.jpg"}
    assert {path.name for path in folder.iterdir()} == names
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK") == len(names) - 1
    assert json.loads((folder / "review.json").read_text())["reviewer"] == "olga"
    log = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    assert all(hash_of(line) == line["hash"] for line in log)
    assert (log[-1]["action"], log[-1]["who"], log[-1]["reason"]) == ("download", "olga", "administrative fine 2026/17")
    readme = (folder / "README.txt").read_text()
    assert "administrative fine 2026/17" in readme
    assert "西湖路 3" in readme
    # Rejected afterwards, it is no evidence any more.
    review(officer, "packed", verdict="reject", reason="permitted")
    assert officer.get(path, params={"purpose": "fine"}).status_code == 409


def test_a_pack_says_which_revision_was_looked_at_and_no_note_looks_like_its_own_lines(
    worker: httpx.Client, officer: httpx.Client
) -> None:
    put(worker, incident("revised"))
    review(officer, "revised", verdict="confirm", note="seen\nReviewed by:   somebody else: confirmed")

    def readme() -> list[str]:
        answer = officer.get("/v1/incidents/revised/package", params={"purpose": "fine"})
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return archive.read("revised/README.txt").decode().splitlines()

    (line,) = [line for line in readme() if line.startswith("Reviewed by:")]
    assert line.endswith(": confirmed")
    put(worker, incident("revised", revision=3, zone="another"))
    (line,) = [line for line in readme() if line.startswith("Reviewed by:")]
    assert "confirmed revision 1; incident.json is revision 3" in line
    car = {"role": "subject", "class": "car", "plate": "浙A12345"}
    put(worker, incident("revised", revision=5, zone="another", subjects=[car])).raise_for_status()
    (line,) = [line for line in readme() if line.startswith("Changed since:")]
    assert line.split(maxsplit=2)[2] == "zone was kerb, is another; plate was not read, is 浙A12345"
    refused = review(officer, "revised", verdict="confirm", revision=4)
    assert (refused.status_code, "never came" in refused.text) == (422, True)
    review(officer, "revised", verdict="confirm", revision=5)
    assert not [line for line in readme() if line.startswith("Changed since:")]


def test_a_verdict_takes_up_what_is_over_only_for_who_may_reopen_it(
    system: System, worker: httpx.Client, reviewer: httpx.Client, officer: httpx.Client
) -> None:
    put(worker, incident("over"))
    review(officer, "over", verdict="reject", reason="permitted")
    assert review(officer, "over", verdict="confirm").status_code == 403
    assert review(reviewer, "over", verdict="confirm").status_code == 201
    system.execute("UPDATE incidents SET step = 'appraised' WHERE id = 'over'")
    assert review(officer, "over", verdict="confirm").status_code == 201  # says what is so, and moves nothing
    assert review(officer, "over", verdict="reject", reason="permitted").status_code == 403
    assert reviewer.get("/v1/cases/over").json()["case"]["step"] == "appraised"


@pytest.mark.parametrize("path", ["/v1/incidents/few/review", "/v1/cases/few/steps"])
def test_nobody_reviews_a_revision_that_is_not_there(worker: httpx.Client, reviewer: httpx.Client, path: str) -> None:
    put(worker, incident("few"))
    answer = reviewer.post(
        path,
        json={"revision": 2, "verdict" if "review" in path else "action": "confirm" if "review" in path else "accept"},
    )
    assert answer.status_code == 422
    assert "the latest is 1" in answer.json()["detail"]
    assert worker.get("/v1/incidents/few").json()["review"] is None


@pytest.mark.sqlite_only
def test_damaged_evidence_breaks_the_download_off(system: System, worker: httpx.Client, officer: httpx.Client) -> None:
    content = JPEG + b"damage"
    put(worker, incident("damaged"))
    put_file(worker, "damaged", "snapshot-alarm.jpg", content)
    review(officer, "damaged", verdict="confirm")
    sha256 = hashlib.sha256(content).hexdigest()
    stored = system.data_dir / "evidence" / sha256[:2] / sha256
    stored.chmod(0o600)
    stored.write_bytes(content.replace(b"damage", b"forged"))
    with pytest.raises(httpx.RemoteProtocolError):
        officer.get("/v1/incidents/damaged/package", params={"purpose": "fine"})


def test_access_is_registered(system: System, worker: httpx.Client, officer: httpx.Client) -> None:
    put(worker, incident("watched"))
    put_file(worker, "watched", "snapshot-alarm.jpg", JPEG)
    review(officer, "watched", verdict="confirm")
    address = "/v1/incidents/watched/evidence/snapshot-alarm.jpg"
    for start in (0, 1000, 2000):  # a player's pieces are one view
        officer.get(address, headers={"Range": f"bytes={start}-"})
    officer.get(address, params={"purpose": "appeal"})
    officer.get("/v1/incidents/watched/package", params={"purpose": "fine"})
    entries = system.execute(
        "SELECT who, role, action, object, reason FROM audit WHERE incident_id = 'watched' "
        "AND action IN ('view', 'download') ORDER BY sequence"
    )
    assert entries == [
        ("olga", "officer", "view", address, "review"),
        ("olga", "officer", "view", address, "appeal"),
        ("olga", "officer", "download", "/v1/incidents/watched/package", "fine"),
    ]


def test_summary_and_tables(reviewer: httpx.Client) -> None:
    summary = reviewer.get("/v1/summary").json()
    assert summary["confirmed"] >= 1
    assert "gate-3" in summary["cameras"]
    reasons = reviewer.get("/v1/tables").json()["reject_reasons"]
    assert reasons[0] == {"code": "no_offence", "name": {"en": "Nothing happened", "zh": "无违规行为"}}


@pytest.mark.parametrize("body", [b'{"verdict": "\xff"}', b'{"verdict":' + b"[" * 100_000, b"{", b""])
def test_a_body_that_cannot_be_read_is_422(reviewer: httpx.Client, worker: httpx.Client, body: bytes) -> None:
    put(worker, incident("unreadable"))
    answer = reviewer.post(
        "/v1/incidents/unreadable/review", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert reviewer.get("/v1/incidents/unreadable").json()["review"] is None
