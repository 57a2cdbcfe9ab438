"""The queue in a browser while things happen: rows come at once, nobody loses their place, and it works without a stream."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.events import System, incident, put
from tests.api.test_console import sign_in
from tests.browser import chromium

pytestmark = pytest.mark.sqlite_only


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, system: System) -> Iterator[Page]:
    context = browser.new_context(base_url=system.url, viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def test_a_new_case_comes_at_once_and_takes_no_focus(page: Page, system: System) -> None:
    worker = system.with_token()
    for number in range(20):
        put(worker, incident(f"live-{number}", camera="live", score=0.3 + number / 100))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/v1/incidents?" in request.url else None)
    sign_in(page, system, "lia")
    rows = page.locator(".row")
    expect(rows).to_have_count(20)
    page.wait_for_timeout(4000)  # the stream is open by now, and the page no longer asks every three seconds
    asked.clear()
    page.wait_for_timeout(4000)
    assert asked == []
    last = rows.nth(19)
    last.scroll_into_view_if_needed()
    last.focus()
    before = last.bounding_box()
    put(worker, incident("live-new", camera="live", score=0.99))
    expect(rows).to_have_count(21, timeout=1900)  # below the 3 s of asking
    expect(page.locator(".row:focus")).to_have_attribute("data-id", "live-0")
    expect(page.locator("#counts")).to_have_text("21 awaiting review")
    after = page.locator("[data-id=live-0]").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 5  # what one looks at stays where it is
    badge = page.get_by_role("button", name="1 new case")
    expect(badge).to_be_visible()
    badge.click()
    expect(badge).to_be_hidden()
    expect(rows.first).to_have_attribute("data-id", "live-new")
    assert page.evaluate("window.scrollY") == 0


def test_without_a_stream_it_asks(page: Page, system: System) -> None:
    worker = system.with_token()
    page.route("**/v1/stream", lambda route: route.fulfill(status=503))
    sign_in(page, system, "lou")
    page.get_by_label("Type").select_option("dumping")
    put(worker, incident("polled", camera="polled", type="dumping"))
    expect(page.locator(".row")).to_have_count(1, timeout=6000)


def test_signed_out_elsewhere_the_page_asks_to_sign_in(page: Page, system: System) -> None:
    sign_in(page, system, "lea")
    page.wait_for_timeout(1000)
    system.execute("DELETE FROM user_sessions WHERE user_id = (SELECT id FROM users WHERE name = 'lea')")
    page.wait_for_url("**/sign-in**", timeout=10_000)
