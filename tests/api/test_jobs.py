"""Jobs over HTTP: who may ask for what, who gets to do it, and what becomes of what they send."""

import hashlib
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.clock import now
from api.jobs.upkeep import tidy
from api.metrics import Metrics
from api.parts import Parts
from api.provision import create_user
from api.scrub import scrub
from api.settings import load_settings
from api.storage.data_folder import open_database, open_store
from tests.api.events import System, incident, put, repr_digest
from tests.api.job_steps import ask, empty_queue, finish, lease, send_file, tell
from tests.api.pictures import clip_bytes, jpeg
from tests.api.whole_case import put_whole_case

COPY = {"kind": "viewing_copy", "incident": "jobbed", "name": "clip-alarm.mkv"}
REDACTED = {"kind": "redaction", "incident": "jobbed", "name": "clip-arrival.mp4"}
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def case(worker: httpx.Client) -> str:
    put_whole_case(worker, "jobbed", camera="gate-3")
    put_whole_case(worker, "elsewhere", camera="yard")
    return "jobbed"


@pytest.fixture(scope="module")
def chief(system: System) -> httpx.Client:
    return system.signed_in("chief", "administrator")


@pytest.fixture(autouse=True)
def no_other_jobs(system: System, case: str) -> None:
    empty_queue(system)


def actions(chief: httpx.Client, job_id: str) -> list[str]:
    lines = [line for line in chief.get("/v1/audit").text.splitlines() if job_id in line]
    return [httpx.Response(200, text=line).json()["action"] for line in lines]


def test_a_redacted_copy_becomes_evidence_of_its_case(
    system: System, worker: httpx.Client, reviewer: httpx.Client, chief: httpx.Client
) -> None:
    asked = ask(reviewer, **REDACTED)
    assert asked.status_code == 201, asked.text
    assert ask(chief, **REDACTED).status_code == 200
    job = lease(worker).json()
    assert (job["id"], job["kind"], job["attempt"]) == (asked.json()["id"], "redaction", 1)
    assert job["spec"]["source"]["name"] == "clip-arrival.mp4"
    assert [tracks["name"] for tracks in job["spec"]["tracks"]] == ["tracks-arrival.json", "tracks-alarm.json"]
    fetched = worker.get(job["spec"]["source"]["href"], params={"purpose": f"job {job['id']}"})
    assert fetched.content == clip_bytes()
    (output,) = job["outputs"]
    assert output["name"].startswith("clip-arrival-redacted-")
    assert tell(worker, job, "progress", progress=0.5, stage="looking").json()["state"] == "leased"
    seen = reviewer.get(f"/v1/jobs/{job['id']}").json()
    assert (seen["state"], seen["progress"], seen["stage"], seen["files"][0]["href"]) == (
        "leased",
        0.5,
        "looking",
        None,
    )
    # Until the job is done nobody sees anything of it.
    send_file(worker, job, output["name"], clip_bytes())
    assert reviewer.get(f"/v1/incidents/jobbed/evidence/{output['name']}").status_code == 404
    assert reviewer.get(f"/v1/jobs/{job['id']}/files/{output['name']}").status_code == 404
    result = {"pictures": 3}
    files = {output["name"]: hashlib.sha256(clip_bytes()).hexdigest()}
    for _ in range(2):
        assert tell(worker, job, "result", result=result, files=files).json()["state"] == "done"
    assert tell(worker, job, "result", result={"pictures": 4}, files=files).status_code == 409
    done = reviewer.get(f"/v1/jobs/{job['id']}").json()
    assert done["result"] == {"pictures": 3}
    items = {item["name"]: item for item in reviewer.get("/v1/incidents/jobbed").json()["evidence"]}
    made = items[output["name"]]
    assert (made["kind"], made["derived_from"], made["stored"], made["job"]) == (
        "redacted",
        "clip-arrival.mp4",
        True,
        job["id"],
    )
    assert made["start_at"] == items["clip-arrival.mp4"]["start_at"]
    assert done["files"][0]["href"] == made["href"]
    assert reviewer.get(made["href"]).content == clip_bytes()
    assert reviewer.get(items["clip-arrival.mp4"]["href"]).status_code == 200
    assert actions(chief, job["id"])[:3] == ["job.ask", "job.lease", "view"]
    assert "job.done" in actions(chief, job["id"])
    # It was made once, and is there for whoever asks next.
    assert ask(reviewer, **REDACTED).json()["id"] == job["id"]
    system.execute("DELETE FROM jobs")
    there = ask(reviewer, **REDACTED)
    assert (there.status_code, there.json()["name"]) == (409, output["name"])


def test_a_viewing_copy_gives_way_to_the_workers_own(worker: httpx.Client, reviewer: httpx.Client) -> None:
    there = ask(reviewer, **COPY)
    assert (there.status_code, there.json()["name"]) == (409, "clip-alarm-view.mp4")
    assert ask(reviewer, **{**COPY, "name": "clip-arrival.mp4"}).status_code == 201
    job = lease(worker, kinds=["viewing_copy"]).json()
    finish(worker, job)
    (made,) = [item for item in reviewer.get("/v1/incidents/jobbed").json()["evidence"] if item.get("job") == job["id"]]
    assert (made["kind"], made["derived_from"]) == ("clip", "clip-arrival.mp4")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({**COPY, "incident": "unknown"}, 404, "no incident unknown"),
        ({**COPY, "name": "clip-lost.mkv"}, 404, "no evidence clip-lost.mkv"),
        ({**COPY, "name": "snapshot-alarm.jpg"}, 415, "is image/jpeg"),
        ({**REDACTED, "name": "record.json"}, 415, "is application/json"),
        ({**REDACTED, "method": "spiral"}, 422, "pixelate"),
        ({**REDACTED, "name": "../../etc/passwd"}, 422, "name"),
        ({**REDACTED, "surprise": 1}, 422, "surprise"),
        ({"kind": "dance"}, 422, "kind"),
        ({"kind": "probe"}, 422, "needed is one of them"),
        ({"kind": "probe", "address": "rtsp://admin:geheim@10.0.0.5/live"}, 422, "carries a login"),
        ({"kind": "probe", "address": "http://10.0.0.5/v?user=a&password=geheim"}, 422, "carries a login"),
        ({"kind": "probe", "address": "file:///etc/passwd"}, 422, "allowed is rtsp://HOST"),
        ({"kind": "probe", "address": "/etc/passwd"}, 422, "allowed is rtsp://HOST"),
        ({"kind": "probe", "address": "rtsp://[::1"}, 422, "allowed is rtsp://HOST"),
        ({"kind": "probe", "address": "rtsp://h/", "login_env": "STREETWARDEN_TOKEN"}, 422, "login_env"),
        ({"kind": "probe", "camera": "never-seen"}, 404, "no camera never-seen"),
    ],
)
def test_what_can_not_be_asked_for(chief: httpx.Client, body: dict[str, Any], status: int, says: str) -> None:
    answer = ask(chief, **body)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]
    assert "geheim" not in answer.text


def test_each_role_asks_for_what_it_may(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    viewer = system.signed_in("vera", "viewer")
    probe = {"kind": "probe", "address": "rtsp://10.0.0.5/live"}
    assert ask(viewer, **{**COPY, "name": "clip-arrival.mp4"}).status_code == 201
    assert ask(viewer, **REDACTED).status_code == 403
    assert ask(reviewer, **REDACTED).status_code == 201
    assert ask(reviewer, **probe).status_code == 403
    assert ask(worker, **REDACTED).status_code == 403
    assert worker.get("/v1/jobs").status_code == 403
    assert lease(reviewer).status_code == 403
    assert viewer.post(f"/v1/jobs/{NOBODY}/retry").status_code == 403
    assert system.anybody().get("/v1/jobs").status_code == 401


def test_nobody_learns_of_jobs_outside_their_cameras(system: System, chief: httpx.Client) -> None:
    theirs = ask(chief, **{**REDACTED, "incident": "elsewhere"}).json()["id"]
    nobodys = ask(chief, kind="probe", address="rtsp://10.0.0.9/live").json()["id"]
    create_user(system.data_dir, "partial", "administrator")
    some = system.with_token(role="administrator", cameras=["gate-3"], user="partial")
    assert some.get("/v1/jobs").json()["jobs"] == []
    for job in (theirs, nobodys):
        assert some.get(f"/v1/jobs/{job}").status_code == 404
        assert some.post(f"/v1/jobs/{job}/cancel").status_code == 404
    assert ask(some, **{**REDACTED, "incident": "elsewhere"}).status_code == 404
    assert ask(some, kind="probe", address="rtsp://10.0.0.9/live").status_code == 403
    narrow = system.with_token(name="narrow", cameras=["gate-3"])
    assert lease(narrow).status_code == 204
    assert lease(system.with_token(name="yard", cameras=["yard"])).json()["id"] == theirs


def test_what_a_worker_sends_is_checked(system: System, worker: httpx.Client, reviewer: httpx.Client) -> None:
    before = system.stored()
    ask(reviewer, **REDACTED)
    job = lease(worker).json()
    name = job["outputs"][0]["name"]
    assert send_file(worker, job, "clip-arrival.mp4", clip_bytes()).status_code == 404  # not the original
    assert send_file(worker, job, "..%2F..%2Fevil.mp4", clip_bytes()).status_code in (404, 422)
    assert send_file(worker, job, ".hidden.mp4", clip_bytes()).status_code == 422
    page = send_file(worker, job, name, b"<html><script>alert(1)</script>" + b" " * 600)
    assert (page.status_code, "has to be video/mp4" in page.text) == (415, True)
    assert send_file(worker, job, name, jpeg("no clip")).status_code == 415
    assert send_file(worker, job, name, b"").status_code == 415
    wrong = send_file(worker, job, name, clip_bytes(), digest=repr_digest(b"other"))
    assert (wrong.status_code, "nothing has been kept" in wrong.text) == (400, True)
    assert send_file(worker, job, name, clip_bytes(), attempt=2).status_code == 409
    assert send_file(worker, {**job, "id": NOBODY}, name, clip_bytes()).status_code == 404
    assert system.stored() == before
    # A result without its file, with another one, or with one too many, is none.
    digest = "0" * 64
    for files in ({}, {name: digest}, {name: digest, "more.mp4": digest}):
        assert tell(worker, job, "result", result={}, files=files).status_code == 409
    other = system.with_token(name="other")
    assert tell(other, job, "result", result={}, files={}).status_code == 409
    assert tell(other, job, "progress", progress=1.0).status_code == 409
    huge = tell(worker, job, "result", result={"text": "x" * 70_000}, files={})
    assert huge.status_code == 413
    # What looks like many addresses neither keeps anybody waiting nor tells who holds the job.
    began_s = time.monotonic()
    many = {"text": "://" * 200_000}
    assert tell(other, job, "result", result=many, files={}).status_code == 413
    assert scrub(many) == many
    assert time.monotonic() - began_s < 5
    assert tell(worker, job, "progress", progress=float(2)).status_code == 422
    assert finish(worker, job).status_code == 200


def test_a_file_beyond_the_limit_is_refused(worker: httpx.Client, chief: httpx.Client) -> None:
    ask(chief, kind="preview", address="rtsp://10.0.0.5/live", camera="gate-3")
    job = lease(worker).json()
    limit = job["outputs"][0]["max_bytes"]
    content = jpeg("large") + bytes(limit)
    assert send_file(worker, job, "preview.jpg", content).status_code == 413
    assert send_file(worker, job, "preview.jpg", jpeg("small")).status_code == 201


def test_a_preview_is_kept_for_some_hours(system: System, worker: httpx.Client, chief: httpx.Client) -> None:
    zones = [{"id": "kerb", "polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}]
    asked = ask(chief, kind="preview", camera="gate-3", zones=zones).json()
    assert lease(worker).status_code == 204  # it has no camera's address
    job = lease(worker, cameras=["gate-3"]).json()
    assert job["spec"]["zones"][0]["id"] == "kerb"
    finish(worker, job)
    (file,) = chief.get(f"/v1/jobs/{asked['id']}").json()["files"]
    shown = chief.get(file["href"])
    assert (shown.content, shown.headers["content-type"]) == (jpeg("made by a job"), "image/jpeg")
    assert actions(chief, asked["id"]) == ["job.ask", "job.lease", "job.done", "view"]
    assert chief.get(f"/v1/jobs/{asked['id']}/files/other.jpg").status_code == 404
    settings = load_settings(system.data_dir)
    parts = Parts(settings, open_database(system.data_dir, settings), open_store(system.data_dir, settings), Metrics())
    assert tidy(parts, now() + timedelta(hours=23)) == (0, 0)
    assert tidy(parts, now() + timedelta(hours=25)) == (1, 0)
    assert chief.get(file["href"]).status_code == 410
    assert tidy(parts, now() + timedelta(days=31)) == (0, 1)
    assert chief.get(f"/v1/jobs/{asked['id']}").status_code == 404
    parts.database.close()


def test_a_result_is_gone_when_its_time_is_over(system: System, worker: httpx.Client, chief: httpx.Client) -> None:
    """Whether or not somebody has tidied up since."""
    asked = ask(chief, kind="preview", camera="gate-3").json()
    finish(worker, lease(worker, cameras=["gate-3"]).json())
    (file,) = chief.get(f"/v1/jobs/{asked['id']}").json()["files"]
    for hours, status in ((23, 200), (25, 410)):
        finished_at = (now() - timedelta(hours=hours)).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        system.execute(f"UPDATE jobs SET finished_at = '{finished_at}'")
        answer = chief.get(file["href"])
        assert answer.status_code == status
    assert answer.json()["detail"] == f"{file['name']} is gone: results are kept for 24 h."
    assert actions(chief, asked["id"]) == ["job.ask", "job.lease", "job.done", "view"]


def test_an_attempt_that_dies_leaves_nothing_behind(system: System, worker: httpx.Client, chief: httpx.Client) -> None:
    before = system.stored()
    ask(chief, **{**REDACTED, "method": "fill"})
    first = lease(worker).json()
    name = first["outputs"][0]["name"]
    send_file(worker, first, name, clip_bytes() + b"first try")
    assert len(system.stored() - before) == 1
    assert tell(worker, first, "failure", reason="killed at rtsp://a:geheim@h/").json()["state"] == "waiting"
    system.execute("UPDATE jobs SET due_at = requested_at")
    second = lease(worker).json()
    assert second["attempt"] == 2
    assert tell(worker, second, "result", result={}, files={name: "0" * 64}).status_code == 409
    send_file(worker, second, name, clip_bytes() + b"second try")
    assert len(system.stored() - before) == 1
    assert tell(worker, first, "result", result={}, files={}).status_code == 409
    cancelled = chief.post(f"/v1/jobs/{second['id']}/cancel").json()
    assert (cancelled["state"], cancelled["failures"][0]["reason"]) == ("cancelled", "killed at rtsp://***@h/")
    assert system.stored() == before
    assert tell(worker, second, "progress", progress=0.1).status_code == 409


def test_what_is_given_up_can_be_read_and_tried_again(
    system: System, worker: httpx.Client, chief: httpx.Client, reviewer: httpx.Client
) -> None:
    ask(reviewer, **{**REDACTED, "method": "blur"})
    job = lease(worker).json()
    for _ in range(2):
        told = tell(worker, job, "failure", reason="the model can't be had", ending="final")
        assert told.json()["state"] == "failed"
    (dead,) = chief.get("/v1/jobs", params={"state": "failed"}).json()["jobs"]
    assert [row["reason"] for row in dead["failures"]] == ["the model can't be had"]
    assert reviewer.post(f"/v1/jobs/{job['id']}/retry").status_code == 403
    assert chief.post(f"/v1/jobs/{job['id']}/retry").json()["state"] == "waiting"
    assert chief.post(f"/v1/jobs/{job['id']}/retry").status_code == 409
    assert lease(worker).json()["attempt"] == 2
    assert "job.retry" in actions(chief, job["id"])


def test_only_who_asked_and_administrators_cancel(system: System, reviewer: httpx.Client, chief: httpx.Client) -> None:
    job = ask(reviewer, **REDACTED).json()["id"]
    other = system.signed_in("otto", "reviewer")
    assert other.post(f"/v1/jobs/{job}/cancel").status_code == 403
    assert reviewer.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
    assert chief.post(f"/v1/jobs/{job}/cancel").status_code == 409


def test_what_was_made_of_deleted_footage_is_not_kept(
    system: System, worker: httpx.Client, reviewer: httpx.Client
) -> None:
    put_whole_case(worker, "short-lived")
    ask(reviewer, kind="redaction", incident="short-lived", name="snapshot-alarm.jpg")
    job = lease(worker).json()
    assert (job["spec"]["still"], job["outputs"][0]["media_type"]) == (True, "image/jpeg")
    system.execute("UPDATE evidence_files SET deleted_at = received_at WHERE incident_id = 'short-lived'")
    send_file(worker, job, job["outputs"][0]["name"], jpeg("copy"))
    files = {job["outputs"][0]["name"]: hashlib.sha256(jpeg("copy")).hexdigest()}
    refused = tell(worker, job, "result", result={}, files=files)
    assert (refused.status_code, "not there any more" in refused.text) == (409, True)
    assert ask(reviewer, kind="redaction", incident="short-lived", name="closeup.jpg").status_code == 410


def test_a_case_without_footage_of_that_name_yet(worker: httpx.Client, reviewer: httpx.Client) -> None:
    put(worker, incident("bare"))
    assert ask(reviewer, kind="viewing_copy", incident="bare", name="clip.mkv").status_code == 404
