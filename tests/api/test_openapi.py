"""What the OpenAPI document promises is answered, to every role, to sense and to nonsense; and nothing of what is not theirs.

Requests are made up by schemathesis from the document itself, so that a route that comes later is tried as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.provision import create_token, create_user
from tests.api.events import System
from tests.api.whole_case import put_whole_case

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROLES = ("viewer", "reviewer", "officer", "engineer", "administrator", "worker", "one camera", "nobody")
OUTSIDE = "outside-the-scope"
"""Stands in everything about the case that one of the callers must not see: its zone, its tag, its file, its comment."""
REAL = {
    "incident_id": ["ours", "theirs", "ours-too"],
    "part": ["ours-too", "theirs"],
    "name": ["clip-arrival.mp4", "snapshot-alarm.jpg", "photo-after.jpg", "anna", "gate-3"],
    "camera_id": ["gate-3", "gate-4"],
    "tag": ["night"],
    "camera": ["gate-3", "gate-4"],
}
"""Values of path parameters that lead somewhere: random ones mostly end in a 404."""
ENDLESS = "text/event-stream"


@dataclass
class Callers:
    """A filled event system, its document, and a token for each caller."""

    url: str
    schema: Any
    tokens: dict[str, str | None]


@pytest.fixture(scope="module")
def callers(system: System) -> Callers:
    worker = system.with_token()
    put_whole_case(worker, "ours")
    put_whole_case(worker, "ours-too")
    put_whole_case(worker, "theirs", camera="gate-4", zone=OUTSIDE, why={"summary": OUTSIDE})
    chief = system.signed_in("chief", "administrator")
    assert chief.put(f"/v1/cases/theirs/tags/{OUTSIDE}").status_code in (200, 204)
    assert chief.post("/v1/cases/theirs/comments", json={"text": OUTSIDE}).status_code in (200, 201, 422)
    tokens: dict[str, str | None] = {"nobody": None}
    for role in ("viewer", "reviewer", "officer", "engineer", "administrator"):
        create_user(system.data_dir, f"the-{role}", role)
        tokens[role] = create_token(system.data_dir, role, user=f"the-{role}")
    tokens["worker"] = create_token(system.data_dir, "worker")
    tokens["one camera"] = create_token(system.data_dir, "viewer", cameras=["gate-3"])
    return Callers(system.url, schemathesis.openapi.from_url(f"{system.url}/openapi.json"), tokens)


def operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        operation = result.ok()
        answers = operation.definition.raw.get("responses", {}).values()
        if not any(ENDLESS in answer.get("content", {}) for answer in answers):
            yield operation


def aimed(case: Case, data: st.DataObject) -> Case:
    """Three in four requests are about something that is there."""
    for name in case.path_parameters or {}:
        if name in REAL and data.draw(st.integers(0, 3)):
            case.path_parameters[name] = data.draw(st.sampled_from(REAL[name]))
    if isinstance(case.body, dict) and isinstance(case.body.get("wait_s"), int | float):
        case.body["wait_s"] = min(case.body["wait_s"], 0.1)  # a worker may wait for a job, and need not here
    return case


def try_out(callers: Callers, caller: str, examples: int) -> int:
    """Sends made-up requests to every route; gives how many."""
    sent = 0
    failures: list[str] = []
    for operation in operations(callers.schema):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=examples,
                derandomize=True,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
            def send(case: Case, data: st.DataObject) -> None:
                nonlocal sent
                check(callers, caller, aimed(case, data))
                sent += 1

            try:
                send()
            except Exception as error:  # noqa: BLE001 - every route is tried, then all that went wrong is said
                failures.append(f"{operation.method.upper()} {operation.path} ({mode.value}):\n{_short(error)}")
    assert not failures, "\n\n".join(failures)
    return sent


def check(callers: Callers, caller: str, case: Case) -> None:
    """Sends one request as a caller, and looks at the answer."""
    # What identifies the caller is not made up.
    for name in [name for name in case.headers or {} if name.lower() in ("authorization", "cookie")]:
        del case.headers[name]
    case.cookies = {}
    token = callers.tokens[caller]
    answer = case.call(
        base_url=callers.url, headers={} if token is None else {"Authorization": f"Bearer {token}"}, timeout=30
    )
    case.validate_response(answer, checks=CHECKS)
    if caller in ("one camera", "nobody"):
        asked = f"{case.formatted_path} {case.query} {case.body}"
        assert OUTSIDE.encode() not in answer.content or OUTSIDE in asked, f"{case.method} {asked} shows {OUTSIDE}"


def _short(error: BaseException) -> str:
    parts = getattr(error, "exceptions", None)
    return "\n".join(_short(part) for part in parts) if parts else f"{type(error).__name__}: {str(error)[:600]}"


@pytest.mark.parametrize("caller", ROLES)
def test_every_answer_is_one_that_is_documented(callers: Callers, caller: str) -> None:
    assert try_out(callers, caller, examples=3) > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("caller", ROLES)
def test_every_answer_is_one_that_is_documented_at_length(callers: Callers, caller: str) -> None:
    assert try_out(callers, caller, examples=60) > 2000
