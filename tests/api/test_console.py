"""The console in a real browser: sign in, find the case, watch the clip, confirm it, reject the next."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from api.provision import create_user
from tests.api.events import System, entry, incident, put, put_file
from tests.api.pictures import jpeg
from tests.api.whole_case import put_whole_case
from tests.browser import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, system: System) -> Iterator[Page]:
    """A page whose scripts may not fail, and which asks for nothing from elsewhere."""
    complaints: list[str] = []
    context = browser.new_context(base_url=system.url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(system.url) else complaints.append(request.url))
    yield page
    context.close()
    assert complaints == []


def sign_in(page: Page, system: System, name: str, role: str = "reviewer") -> None:
    create_user(system.data_dir, name, role, "a password of theirs")
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill("a password of theirs")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/queue")


def test_from_sign_in_to_the_next_case(page: Page, system: System) -> None:
    worker = system.with_token()
    put_whole_case(worker, "first", score=0.95, place="Xinhua Road 3")
    put(worker, incident("second", score=0.5, camera="yard"))
    sign_in(page, system, "anna")

    rows = page.locator(".row")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Xinhua Road 3")
    expect(rows.first).to_have_attribute("aria-current", "true")
    assert "annotated" in (rows.first.locator("img").get_attribute("src") or "")
    page.keyboard.press("j")
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/first")

    expect(page.get_by_text("Not evidence until a person has confirmed it")).to_be_visible()
    expect(page.locator("#why")).to_have_text("A car stood 60 s of 60 s allowed.")
    expect(page.locator("#gallery img")).to_have_count(4)
    # The clip of the arrival starts 3 s before the onset: the player begins 2 s before it, at 1 s, and plays.
    page.wait_for_function(
        "() => { const v = document.querySelector('video'); return !v.paused && v.currentTime > 1.3 }"
    )
    assert page.evaluate("document.querySelector('video').currentTime") < 6
    # Something is drawn on the overlay: the zone at least.
    drawn = (
        "() => document.querySelector('#overlay').getContext('2d').getImageData(0, 0, 9999, 9999).data.some(Boolean)"
    )
    page.wait_for_function(drawn)
    page.keyboard.press("b")
    page.wait_for_function(f"() => !({drawn})()")
    page.keyboard.press("b")
    # The clip of the alarm starts 4 s before the alarm: 2 s before that is at 2 s.
    page.keyboard.press("s")
    expect(page.get_by_role("tab", name="Alarm")).to_have_attribute("aria-selected", "true")
    page.wait_for_function("() => { const t = document.querySelector('video').currentTime; return t > 2.1 && t < 5 }")
    page.wait_for_function(drawn)  # the tracks of the original, over its viewing copy
    assert page.evaluate("document.querySelector('video').currentSrc").endswith("clip-alarm-view.mp4")

    page.keyboard.press("c")
    page.wait_for_url("**/cases/second")
    review = worker.get("/v1/incidents/first").json()["review"]
    assert (review["verdict"], review["reviewer"]) == ("confirm", "anna")

    expect(page.locator("#screen-message")).to_have_text("There is no clip of this case.")
    page.keyboard.press("r")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue")
    assert worker.get("/v1/incidents/second").json()["review"]["reason"] == "permitted"
    expect(page.get_by_role("heading", name="All reviewed")).to_be_visible()


def test_queue_updates_itself_and_keeps_the_place(page: Page, system: System) -> None:
    worker = system.with_token()
    put(worker, incident("calm-1", camera="calm", score=0.5))
    put(worker, incident("calm-2", camera="calm", score=0.4))
    sign_in(page, system, "bea")
    page.get_by_label("Camera").select_option("calm")
    rows = page.locator(".row")
    expect(rows).to_have_count(2)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    expect(page.locator(".row[aria-current]")).to_have_attribute("data-id", "calm-2")
    put(worker, incident("calm-0", camera="calm", score=0.9))
    expect(rows).to_have_count(3, timeout=8000)
    expect(rows.first).to_have_attribute("data-id", "calm-0")
    expect(page.locator(".row[aria-current]")).to_have_attribute("data-id", "calm-2")


def test_pack_asks_for_the_purpose(page: Page, system: System) -> None:
    worker = system.with_token()
    put(worker, incident("for-pack", camera="pack"))
    sign_in(page, system, "olga", "officer")
    page.goto("/cases/for-pack")
    button = page.get_by_role("button", name="Download evidence pack")
    expect(button).to_be_disabled()
    officer = system.signed_in("otto", "officer")
    officer.post("/v1/incidents/for-pack/review", json={"verdict": "confirm"})
    expect(button).to_be_enabled(timeout=8000)  # another person's verdict shows up by itself
    button.click()
    page.get_by_label("Purpose").fill("fine 12")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "for-pack.zip"


def test_unplayable_clip_says_so(page: Page, system: System) -> None:
    worker = system.with_token()
    content = b"\x00\x00\x00\x20ftypisom" + b"not really" * 100
    put_whole_case(worker, "for-codec", camera="codec")
    stored = worker.get("/v1/incidents/for-codec").json()
    clip = next(item for item in stored["evidence"] if item["name"] == "clip-arrival.mp4")
    sign_in(page, system, "cora")
    page.route(f"**{clip['href']}", lambda route: route.fulfill(body=content, content_type="video/mp4"))
    page.goto("/cases/for-codec")
    expect(page.get_by_text("This browser can't play the clip")).to_be_visible()
    expect(page.get_by_role("link", name="Download it to watch it elsewhere")).to_be_visible()


def test_evidence_appears_when_it_arrives(page: Page, system: System) -> None:
    worker = system.with_token()
    picture = jpeg("late")
    put(worker, incident("for-late", camera="late", evidence=[entry("snapshot-alarm.jpg", picture)]))
    sign_in(page, system, "dora")
    page.goto("/cases/for-late")
    expect(page.get_by_text("not arrived")).to_be_visible()
    put_file(worker, "for-late", "snapshot-alarm.jpg", picture)
    expect(page.locator("#gallery img")).to_have_count(1, timeout=8000)


def test_a_viewer_can_look_but_not_judge(page: Page, system: System) -> None:
    worker = system.with_token()
    put(worker, incident("for-look", camera="look"))
    sign_in(page, system, "vera", "viewer")
    page.goto("/cases/for-look")
    expect(page.locator("#why")).not_to_be_empty()
    expect(page.get_by_role("button", name="Confirm")).to_be_hidden()
    page.keyboard.press("c")
    page.wait_for_timeout(300)
    assert worker.get("/v1/incidents/for-look").json()["review"] is None


def test_first_sign_in_leads_to_a_password_of_ones_own(page: Page, system: System) -> None:
    password = create_user(system.data_dir, "emil", "reviewer")
    page.goto("/queue")
    page.get_by_label("Name").fill("emil")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password")
    page.goto("/queue")
    page.wait_for_url("**/password")
    page.get_by_label("Present password").fill(password)
    page.get_by_label("at least").fill("a new long password")
    page.get_by_label("New password again").fill("a new long password")
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_sideways(browser: Browser, system: System, width: int) -> None:
    worker = system.with_token()
    put_whole_case(worker, f"for-width-{width}", camera="width")
    context = browser.new_context(base_url=system.url, viewport={"width": width, "height": 800})
    page = context.new_page()
    sign_in(page, system, f"wim-{width}")
    for path in ("/queue", f"/cases/for-width-{width}"):
        page.goto(path)
        page.wait_for_selector(".row, #gallery img")
        assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()
