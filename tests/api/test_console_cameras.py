"""The page of cameras in a real browser: what is wrong stands first, and says why."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from api.provision import create_user
from tests.api.events import System
from tests.browser import chromium

PASSWORD = "a password of theirs"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def beat(worker: httpx.Client, *reports: dict[str, Any]) -> None:
    said = {
        "worker": "worker-1",
        "name": "north-1",
        "version": "1",
        "started_at": "2026-05-01T08:00:00Z",
        "cameras": [report["camera"] for report in reports],
        "reports": reports,
    }
    worker.post("/v1/worker/beat", json=said).raise_for_status()


def test_what_is_wrong_stands_first(browser: Browser, system: System, worker: httpx.Client) -> None:
    live = {"state": "live", "last_packet_age_s": 0.2, "fps": 25.0, "gop_s": 2.0, "kbit_per_s": 1800}
    fine = {"camera": "gate-1", **live}
    covered = {"camera": "gate-2", **live, "picture": ["covered"]}
    down = {"camera": "gate-3", "state": "waiting", "last_packet_age_s": 90, "last_error": "rtsp://***@h/: timed out"}
    beat(worker, fine, covered, down)
    create_user(system.data_dir, "vera", "viewer", PASSWORD)
    page = browser.new_context(base_url=system.url).new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/cameras")
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/cameras")
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(3)
    assert [row.get_attribute("data-camera") for row in rows.all()] == ["gate-3", "gate-2", "gate-1"]
    expect(rows.nth(0)).to_contain_text("timed out")
    expect(rows.nth(1)).to_contain_text("Something covers the lens")
    expect(rows.nth(2)).to_contain_text("25.0")
    expect(page.locator("#counts")).to_have_text("3 cameras, 2 with a fault")
    page.get_by_label("Condition").select_option("covered")
    expect(rows).to_have_count(1)
    page.get_by_label("Condition").select_option("")
    page.get_by_label("Find").fill("gate-1")
    expect(rows).to_have_count(1)
    page.get_by_label("Find").fill("")
    beat(worker, fine, {"camera": "gate-2", **live}, down)
    expect(page.locator("#counts")).to_have_text("3 cameras, 1 with a fault", timeout=15_000)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Queue").click()
    page.wait_for_url("**/queue")
    assert wrong == []
