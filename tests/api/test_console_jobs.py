"""Copies on demand, in a real browser: a clip that it can't play, and one without bystanders."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.events import System, entry, incident, put, put_file
from tests.api.job_steps import finish, lease, tell
from tests.api.pictures import jpeg
from tests.api.test_console import browser, page, sign_in

__all__ = ["browser", "page"]

UNPLAYABLE = b"\x1a\x45\xdf\xa3" + b"m" * 2000


@pytest.fixture(scope="module")
def camera_worker(system: System) -> httpx.Client:
    worker = system.with_token(name="camera worker")
    files = {"clip.mkv": UNPLAYABLE, "snapshot-alarm.jpg": jpeg("alarm")}
    span = {"start_at": "2026-03-02T07:59:55Z", "end_at": "2026-03-02T08:01:05Z"}
    put(worker, incident("odd", evidence=[entry(name, content, **span) for name, content in files.items()]))
    for name, content in files.items():
        assert put_file(worker, "odd", name, content).status_code == 201
    return worker


def test_a_clip_that_can_not_be_played_gets_a_copy(page: Page, system: System, camera_worker: httpx.Client) -> None:
    sign_in(page, system, "vera", "viewer")
    page.goto("/cases/odd")
    message = page.locator("#screen-message")
    expect(message).to_contain_text("can't play the clip")
    button = message.get_by_role("button")
    expect(button).to_have_text("Make a viewing copy")
    button.click()
    expect(button).to_have_text("Waiting for a worker…")
    job = lease(camera_worker, kinds=["viewing_copy"]).json()
    tell(camera_worker, job, "progress", progress=0.42)
    expect(button).to_have_text("Being made… 42 %")
    finish(camera_worker, job)
    expect(message).to_be_hidden(timeout=10_000)
    # A function: of a bare expression the second look is an `eval`, which the page's own policy forbids.
    page.wait_for_function("() => document.querySelector('#video').readyState >= 2")
    assert "-view-" in (page.locator("#video").get_attribute("src") or "")
    expect(page.locator("#redacted")).to_be_hidden()  # not for a viewer


def test_a_redacted_copy_is_made_and_can_be_taken(page: Page, system: System, camera_worker: httpx.Client) -> None:
    sign_in(page, system, "anna")
    page.goto("/cases/odd")
    copies = page.locator("#redacted")
    copies.get_by_text("Redacted copies").click()
    rows = copies.locator("li")
    expect(rows).to_have_count(2)
    still = rows.filter(has_text="snapshot-alarm.jpg")
    still.get_by_role("button", name="Make redacted copy").click()
    expect(still.get_by_role("button")).to_have_text("Waiting for a worker…")
    finish(camera_worker, lease(camera_worker, kinds=["redaction"]).json())
    link = still.get_by_role("link", name="Redacted copy")
    expect(link).to_be_visible(timeout=10_000)
    with page.expect_download() as taken:
        link.click()
    assert taken.value.suggested_filename.startswith("odd-snapshot-alarm-redacted-")
    expect(page.locator("#evidence")).to_contain_text("made from snapshot-alarm.jpg")


def test_why_there_is_no_copy_is_said(page: Page, system: System, camera_worker: httpx.Client) -> None:
    sign_in(page, system, "olga")
    page.goto("/cases/odd")
    page.locator("#redacted summary").click()
    clip = page.locator("#redacted li").filter(has_text="clip.mkv")
    clip.get_by_role("button").click()
    expect(clip.get_by_role("button")).to_have_text("Waiting for a worker…")
    job = lease(camera_worker, kinds=["redaction"]).json()
    tell(camera_worker, job, "failure", reason="the model can't be had", ending="final")
    expect(page.locator("#notice")).to_contain_text("No copy: the model can't be had", timeout=10_000)
    expect(clip.get_by_role("button")).to_have_text("Make redacted copy")


def test_on_a_phone(browser: Browser, system: System, camera_worker: httpx.Client) -> None:
    context = browser.new_context(base_url=system.url, viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page, system, "pia", "officer")
    page.goto("/cases/odd")
    page.locator("#redacted summary").click()
    expect(page.locator("#redacted li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
