"""The way of a case in a real browser: buttons for what comes next, the dialog behind them, comments, photos, and locks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from api.provision import create_user
from tests.api.events import System
from tests.api.pictures import jpeg
from tests.api.whole_case import put_whole_case
from tests.browser import chromium

# Pages fetch what they show like any other program: a browser per storage tells little more.
pytestmark = pytest.mark.sqlite_only


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def page_of(browser: Browser, system: System, name: str, role: str, width: int = 1280) -> Page:
    create_user(system.data_dir, name, role, "a password of theirs")
    page = browser.new_context(base_url=system.url, viewport={"width": width, "height": 800}).new_page()
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill("a password of theirs")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/queue")
    return page


def test_from_dispatch_to_verified(browser: Browser, system: System, tmp_path: Path) -> None:
    worker = system.with_token()
    put_whole_case(worker, "walked", place="Xinhua Road 3")
    rita = page_of(browser, system, "rita", "reviewer")
    otto = page_of(browser, system, "otto", "officer", width=390)
    rita.goto("/cases/walked")
    expect(step_of(rita)).to_have_text("Discovered")
    rita.keyboard.press("c")
    rita.wait_for_url("**/queue")
    rita.goto("/cases/walked")
    expect(step_of(rita)).to_have_text("Accepted")
    # Somebody else sees that she is at it, and has no buttons to press.
    otto.goto("/cases/walked")
    expect(otto.locator("#held")).to_contain_text("rita is at this case until")
    expect(otto.get_by_role("button", name="Dispatch…")).to_be_disabled()
    expect(otto.locator("#confirm")).to_be_disabled()
    dispatch(rita)
    handle(otto, tmp_path)
    rita.goto("/cases/walked")
    rita.get_by_role("button", name="Verify").click()
    expect(step_of(rita)).to_have_text("Verified")
    expect(rita.locator("#notice")).to_contain_text("verified")
    for page in (rita, otto):
        page.context.close()
    steps = [event["to"] for event in worker.get("/v1/cases/walked").json()["events"] if event["to"]]
    assert steps == ["accepted", "dispatched", "handled", "verified"]


def step_of(page: Page) -> Locator:
    return page.locator("#way [aria-current]")


def dispatch(rita: Page) -> None:
    rita.get_by_role("button", name="Dispatch…").click()
    rita.locator("#step-assignee").select_option("otto")
    rita.locator("#step-note").fill("before noon")
    rita.locator("#step-send").click()
    expect(step_of(rita)).to_have_text("Dispatched")
    expect(rita.locator("#flow-facts")).to_contain_text("otto")
    expect(rita.locator("#history")).to_contain_text("Dispatched to otto by rita · before noon")
    rita.get_by_label("Comment").fill("<b>mind</b> the bus stop")
    rita.keyboard.press("Enter")
    expect(rita.locator("#history")).to_contain_text("rita: <b>mind</b> the bus stop")
    rita.goto("/queue")  # and lets the case go


def handle(otto: Page, folder: Path) -> None:
    otto.goto("/queue")
    otto.locator("select[name=review]").select_option("")
    otto.locator("select[name=assignee]").select_option("me")
    expect(otto.locator(".row")).to_have_count(1)
    expect(otto.locator(".row")).to_contain_text("Dispatched")
    otto.locator(".row").click()
    (folder / "done.jpg").write_bytes(jpeg("done"))
    expect(otto.locator("#photo")).to_be_visible()
    otto.locator("#photo").set_input_files(folder / "done.jpg")
    expect(otto.locator("#gallery")).to_contain_text("Photo by otto")
    expect(otto.locator("#step-buttons button").first).to_have_text("Handled…")
    otto.locator("#step-buttons button").first.click()
    otto.locator("#step-send").click()
    expect(otto.locator("#step-dialog")).to_be_visible()  # it asks for words first
    otto.locator("#step-note").fill("Driver left.")
    otto.locator("#step-send").click()
    expect(step_of(otto)).to_have_text("Handled")
    assert otto.evaluate("document.documentElement.scrollWidth") == 390
    # Whoever handled it does not verify it.
    expect(otto.get_by_role("button", name="Verify")).to_have_count(0)
    otto.goto("/queue")
