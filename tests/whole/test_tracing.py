"""An incident's trace from the worker's alarm to the event system's database, and logs as JSON; both in the real programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.whole.house import cameras_file, cut_film, running, wait_for
from tests.whole.otlp import receiving_traces

pytestmark = pytest.mark.timeout(240)


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def test_one_trace_from_the_alarm_to_the_database(
    sample: Any, tmp_path: Path, event_system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving_traces() as traces:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", traces.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        monkeypatch.setenv("STREETWARDEN_LOG_FORMAT", "json")
        # 6 to 32 s of the film: the bus is at rest at 6 s, the alarm is at 14 s.
        film = cut_film(sample, 6, 32, tmp_path / "film.mp4")
        system = event_system()
        cameras = cameras_file(tmp_path / "cameras.yaml", film, {"kerb": 8.0}, sample.zone)
        log = tmp_path / "worker.log"
        arguments = ("worker", cameras, "--events", system.url, "--state", tmp_path / "state", "--no-jobs")
        with running(*arguments, env={"STREETWARDEN_TOKEN": system.worker_token}, log=log) as worker:
            wait_for(system.events.incidents, 60, "an incident", log)
            assert worker.wait(60) == 0
        wait_for(lambda: traces.named("alarm to arrival"), 10, "its trace")
    (incident,) = system.events.incidents()
    alarm = traces.named("alarm to arrival")[0]
    delivered = [span for span in traces.named("deliver") if span.about["incident"] == incident["id"]]
    assert {span.trace for span in delivered} == {alarm.trace}
    assert (alarm.service, alarm.about["zone"], 0 < alarm.seconds < 20) == ("streetwarden-worker", "kerb", True)
    # The event system goes on with the worker's trace, down to its database.
    taken = [span for span in traces.named("PUT /v1/incidents/{incident_id}") if span.trace == alarm.trace]
    assert taken
    assert {span.parent for span in taken} <= {span.span for span in delivered}
    assert {span.about["http.response.status_code"] for span in taken} <= {200, 201}
    written = {span.parent for span in traces.named("database.write") if span.trace == alarm.trace}
    assert {span.span for span in taken} <= written
    assert [span for span in traces.named("evidence.publish") if span.trace == alarm.trace]

    said = lines(log)
    assert all({"time", "level", "logger", "message"} <= set(line) for line in said)
    assert "shard-0" in {line.get("process") for line in said}
    assert "street" in {line.get("camera") for line in said}
    assert system.worker_token not in log.read_text()


def test_without_being_asked_nothing_goes_out(tmp_path: Path, event_system: Any) -> None:
    with receiving_traces() as traces:
        system = event_system()
        answer = system.events.client.get("/v1/incidents")
        assert len(answer.headers["X-Request-Id"]) == 16
        given = system.events.client.get("/v1/incidents", headers={"X-Request-Id": "mine-1"})
        assert given.headers["X-Request-Id"] == "mine-1"
        odd = system.events.client.get("/v1/incidents", headers={"X-Request-Id": "a b\tc" * 40})
        assert odd.headers["X-Request-Id"] != "a b\tc" * 40
    assert traces.spans == []
