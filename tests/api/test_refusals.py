"""What somebody was not let do stands in the log: each once, by whoever tried, from where they tried."""

import getpass
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from api.clock import now
from api.provision import create_token
from api.storage.backup import back_up
from api.upkeep_commands import audit
from tests.api.events import System, incident, put


def refusals(system: System, who: str) -> list[tuple[Any, ...]]:
    said = f"SELECT action, object, incident_id FROM audit WHERE who = '{who}' ORDER BY sequence"
    return [row for row in system.execute(said) if row[0].startswith("refused")]


def test_the_same_from_elsewhere_is_another_one(system: System) -> None:
    """A stolen session is used from another address than its owner's: the log tells them apart."""
    eve = system.signed_in("eve", "viewer")
    for address in ("10.1.1.1", "10.2.2.2", "10.1.1.1"):
        assert eve.get("/v1/users", headers={"X-Forwarded-For": address}).status_code == 403
    told = system.execute("SELECT client FROM audit WHERE who = 'eve' AND action = 'refused.403' ORDER BY sequence")
    assert told == [("10.1.1.1",), ("10.2.2.2",)]


def test_no_sign_keeps_a_refusal_out(system: System) -> None:
    token = system.with_token(role="viewer", name="nul")
    assert token.get("/v1/users/a%00b").status_code == 403
    assert refusals(system, "nul") == [("refused.403", "GET /v1/users/a\N{REPLACEMENT CHARACTER}b", None)]


def test_a_try_at_something_hidden_is_a_refusal(system: System, worker: httpx.Client) -> None:
    """To whoever asks it is not there, like what really isn't; only the log tells the two apart."""
    put(worker, incident("hidden-1", camera="gate-4"))
    narrow = system.with_token(role="viewer", name="narrow", cameras=["gate-3"])
    hidden, missing = (narrow.get(f"/v1/incidents/{name}") for name in ("hidden-1", "missing-1"))
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.text.replace("hidden-1", "missing-1") == missing.text
    assert refusals(system, "narrow") == [("refused.404", "GET /v1/incidents/hidden-1", "hidden-1")]


def test_what_is_refused_within_a_batch(system: System, worker: httpx.Client) -> None:
    put(worker, incident("batched", revision=2))
    narrow = system.with_token(name="narrow-worker", cameras=["gate-3"])
    documents = [
        incident("fine-1"),
        incident("batched", revision=1),
        incident("elsewhere-1", camera="gate-4"),
        incident("elsewhere-2", camera="gate-4"),
        incident("wrong", score=2),
    ]
    for _ in range(2):
        results = narrow.post("/v1/incidents/batch", json={"incidents": documents}).json()["results"]
    assert [result["status"] for result in results] == [200, 409, 403, 403, 422]
    assert refusals(system, "narrow-worker") == [
        ("refused.409", "PUT /v1/incidents/batched", "batched"),
        ("refused.403", "PUT /v1/incidents/elsewhere-1", "elsewhere-1"),
        ("refused.403", "PUT /v1/incidents/elsewhere-2", "elsewhere-2"),
    ]


def by_operators(system: System) -> list[tuple[Any, ...]]:
    return system.execute("SELECT who, action, object, reason FROM audit WHERE role = 'operator' ORDER BY sequence")


def test_commands_that_read_everything_are_on_record(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name of whoever ran them: the operating system knows."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    me = f"command line ({getpass.getuser()})"
    create_token(system.data_dir, name="by-me")
    assert by_operators(system)[-1][:2] == (me, "token.create")
    monkeypatch.setenv("SUDO_USER", "anna")
    exported = CliRunner().invoke(audit, ["export", "--data", str(system.data_dir)])
    entry = (f"command line (anna as {getpass.getuser()})", "export", "/v1/audit", None)
    assert by_operators(system)[-1] == entry
    last = json.loads(exported.stdout.splitlines()[-1])
    assert (last["who"], last["action"]) == entry[:2]  # and it ends with that
    back_up(system.data_dir, tmp_path / "copy", now())
    assert by_operators(system)[-1] == (entry[0], "backup", str(tmp_path / "copy"), "with evidence")
    back_up(system.data_dir, tmp_path / "other", now(), with_evidence=False)
    assert by_operators(system)[-1] == (entry[0], "backup", str(tmp_path / "other"), "without evidence")
