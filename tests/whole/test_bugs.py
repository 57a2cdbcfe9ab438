"""What breaks by itself is answered, counted, and logged with the request's id; no login gets into the log."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from api.server import ThreadServer, app_config, bind
from api.settings import load_settings
from api.tracing import log_request_ids
from detector.logs import FORMAT_VARIABLE, FORMATS, set_up_logs


def broken() -> None:
    raise RuntimeError("no answer of rtsp://admin:hunter2@10.0.0.5/live?token=abc123")


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    root, make = logging.getLogger(), logging.getLogRecordFactory()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.setLogRecordFactory(make)


@pytest.mark.usefixtures("logs_as_before")
@pytest.mark.parametrize("form", FORMATS)
def test_a_bug(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(FORMAT_VARIABLE, form)
    logging.getLogger().handlers.clear()  # the test runner's, which would be taken for ours
    set_up_logs(logging.INFO)
    log_request_ids()
    app = create_app(load_settings(tmp_path))
    app.router.routes.insert(0, APIRoute("/broken", broken))
    with (
        ThreadServer(app_config(app), bind("127.0.0.1", 0), "event system") as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        answer = client.get("/broken", headers={"X-Request-Id": "mine-1"})
        told = client.get("/metrics").text
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (500, "mine-1")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json()["detail"] == "Something broke here. It has been logged."
    assert 'streetwarden_http_requests_total{method="GET",route="/broken",status="500"} 1.0' in told.splitlines()
    said = capsys.readouterr().err
    assert said.count("RuntimeError: no answer of rtsp://***@10.0.0.5/live?token=***") == 1
    assert "hunter2" not in said
    assert "abc123" not in said
    if form == "json":
        (line,) = [json.loads(line) for line in said.splitlines() if '"exc_info"' in line]
        assert (line["message"], line["request_id"]) == ("GET /broken broke", "mine-1")
