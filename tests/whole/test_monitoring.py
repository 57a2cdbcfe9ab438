"""Alerts and dashboard: of metrics that there are, and rules that do what they say."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from api.server import EmbeddedServer
from detector.delivery.outbox import Outbox
from detector.errors import ConfigError
from detector.metrics import WorkerMetrics, serve_metrics
from tests.api.events import System, incident, put

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
METRIC = re.compile(r"streetwarden_[a-z_]+")

ROW = {
    "camera": "gate",
    "state": "live",
    "last_packet_age_s": 0.5,
    "failures": {"read": 1},
    "drops": {"displaced by a newer sample": 2},
    "looks": 7,
    "analysed": 5,
    "picture": {"faults": ["moved"]},
}


def of_worker(folder: Path) -> str:
    (folder / "health").mkdir(exist_ok=True)
    content = {"schema": 1, "at": "2999-01-01T00:00:00+00:00", "cameras": [ROW]}
    (folder / "health" / "shard-0.json").write_text(json.dumps(content))
    outbox = Outbox(folder)
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(folder, outbox))
    told = generate_latest(registry).decode()
    outbox.close()
    return told


def test_what_a_worker_measures(tmp_path: Path) -> None:
    told = of_worker(tmp_path)
    for line in (
        'streetwarden_worker_cameras{state="live"} 1.0',
        'streetwarden_worker_packet_age_seconds{camera="gate"} 0.5',
        'streetwarden_worker_looks_total{camera="gate"} 7.0',
        'streetwarden_worker_lost_total{camera="gate",cause="displaced by a newer sample"} 2.0',
        'streetwarden_worker_picture_fault{camera="gate",fault="moved"} 1.0',
        'streetwarden_worker_outbox_messages{state="waiting"} 0.0',
        "streetwarden_worker_outbox_oldest_seconds 0.0",
    ):
        assert line in told.splitlines()


def test_it_answers_where_it_is_told_to(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    for wrong in ("nowhere", "127.0.0.1:x", "127.0.0.1:99999", "203.0.113.1:9"):
        with pytest.raises(ConfigError, match="--metrics"):
            serve_metrics(wrong, tmp_path, outbox)
    outbox.close()


def test_every_metric_that_is_named_is_there(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data") as server:
        system = System(tmp_path / "data", server.url)
        worker = system.with_token()
        put(worker, incident("x"))
        beat = {"worker": "worker-1", "name": "gate", "version": "1", "started_at": "2026-01-01T00:00:00Z"}
        report = {"camera": "gate-3", "state": "live", "last_packet_age_s": 0.1}
        worker.post("/v1/worker/beat", json={**beat, "cameras": ["gate-3"], "reports": [report]}).raise_for_status()
        told = httpx.get(f"{server.url}/metrics", trust_env=False).text
        system.close()
    told += of_worker(tmp_path)
    assert 'streetwarden_cameras{condition="ok"} 1.0' in told
    there = set(METRIC.findall(told))
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
    asked: list[Any] = [rule["expr"] for rule in rules]
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for expression in asked for name in METRIC.findall(expression)}
    assert named <= there, named - there
    page = (FOLDER.parents[1] / "docs" / "monitoring.md").read_text()
    assert [rule["alert"] for rule in rules if f"| `{rule['alert']}` |" not in page] == []


def test_every_rule_has_a_test_in_which_it_fires() -> None:
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]
    fires = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fires == {rule["alert"] for rule in rules}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, of Debian's package prometheus")
def test_the_rules_do_what_they_say() -> None:
    for command in (("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")):
        done = subprocess.run(("promtool", *command), cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
