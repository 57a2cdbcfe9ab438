"""The labelling page in a real browser: draw, mark, save; what it wrote is a sound dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from evaluation.datasets.truth import read_dataset
from evaluation.datasets.validate import validate
from evaluation.labelling.server import LabelServer, open_clips
from tests.browser import chromium
from tests.evaluation.clips import write_clip
from tests.whole.house import wait_for

# Ten pictures a second with a gap of 2 s after the 20th: a declared rate would be wrong by it.
TIMES_S = [number / 10 + (2 if number >= 20 else 0) for number in range(80)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path / "street.mp4", TIMES_S)
    write_clip(tmp_path / "Old Yard.avi", [number / 25 for number in range(50)], codec="mpeg4")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[LabelServer]:
    clips = open_clips([folder / "street.mp4", folder / "Old Yard.avi"], folder / "data")
    with LabelServer(clips) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: LabelServer) -> Iterator[Page]:
    """A page whose scripts may not fail, and which asks for nothing from elsewhere."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
    page.on("request", lambda request: None if request.url.startswith(server.url) else complaints.append(request.url))
    page.goto(server.url)
    page.wait_for_selector("body[data-ready]")
    yield page
    context.close()
    assert complaints == []


def is_complaint(message: Any) -> bool:
    """A refused save is an answer, which the browser logs as well."""
    return message.type == "error" and "422" not in message.text


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def at_frame(page: Page, frame: int) -> None:
    expect(page.locator("#picture")).to_have_attribute("data-frame", str(frame))


def click_at(page: Page, x: float, y: float) -> None:
    place = page.locator("#overlay").bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + x * place["width"], place["y"] + y * place["height"])


def draw_zone(page: Page) -> None:
    press(page, "z")
    for x, y in ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9), (0.1, 0.1)):
        click_at(page, x, y)
    expect(page.locator("#zones button")).to_have_count(1)


def draw_box(page: Page) -> None:
    press(page, "b")
    click_at(page, 0.25, 0.25)
    click_at(page, 0.5, 0.5)


def test_from_an_empty_folder_to_a_sound_dataset(page: Page, folder: Path) -> None:
    expect(page.locator("#unsaved")).to_be_hidden()
    expect(page.locator("#hint")).to_have_text("Begin with a zone: z, then its corners.")
    draw_zone(page)
    expect(page.locator("#hint")).to_contain_text("press i")
    page.get_by_label("Name").fill("kerb")
    page.get_by_label("Dwell, seconds").fill("2")
    press(page, "Enter")
    expect(page.locator("#zones button")).to_contain_text("kerb")
    expect(page.locator("#unsaved")).to_be_visible()

    # One second on is ten pictures; then one picture on and one back.
    press(page, "Shift+ArrowRight", "ArrowRight", "ArrowLeft")
    at_frame(page, 10)
    expect(page.locator("#clock")).to_contain_text("picture 10 of 79 · 1.000 s of")
    press(page, "i")
    expect(page.locator("#incident-onset")).to_have_text("1.000 s")
    expect(page.locator("#incident-alarm")).to_have_text("3.000 s, onset + 2 s")
    press(page, "s")
    expect(page.locator("#notice")).to_contain_text("incident 1: has no box yet")
    draw_box(page)
    # Picture 20 comes at 4.0 s, after the gap.
    for _ in range(10):
        press(page, "ArrowRight")
    at_frame(page, 20)
    press(page, "o")
    expect(page.locator("#incident-end")).to_have_text("4.000 s")
    press(page, "s")
    expect(page.locator("#notice")).to_contain_text("Saved: street.camera.yaml, street.truth.json")
    expect(page.locator("#unsaved")).to_be_hidden()

    path = folder / "data" / "dataset.yaml"
    (clip,) = read_dataset(path).clips
    (incident,) = clip.incidents
    assert (incident.type, incident.zone) == ("illegal_parking", "kerb")
    assert (incident.onset_s, incident.alarm_s, incident.end_s) == (1.0, 3.0, 4.0)
    assert list(incident.box) == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=0.005)
    assert validate(path).findings == ()


def test_with_the_keyboard_alone(page: Page, folder: Path) -> None:
    # The cross starts in the middle. A shifted arrow moves it by 0.05, an arrow by 0.005.
    press(page, "z", "Enter")
    press(page, *["Shift+ArrowRight"] * 4, "Enter", *["Shift+ArrowDown"] * 4, "ArrowDown", "Enter", "f")
    expect(page.locator("#zones button")).to_have_count(1)
    press(
        page,
        "n",
        "w",
        "b",
        *["Shift+ArrowLeft"] * 2,
        "Enter",
        *["Shift+ArrowUp"] * 3,
        *["Shift+ArrowLeft"] * 2,
        "Enter",
    )
    expect(page.locator("#incident-box")).not_to_contain_text("none yet")
    # Reach the dwell by Tab from the zone's button, as somebody without a mouse does.
    page.locator("#zones button").focus()
    press(page, "Tab", "Tab", "Tab", "Tab")
    assert page.evaluate("document.activeElement.id") == "zone-dwell"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("3")
    press(page, "Enter", "s")
    expect(page.locator("#notice")).to_contain_text("Saved")
    camera = yaml.safe_load((folder / "data" / "street.camera.yaml").read_text())
    assert camera["cameras"][0]["zones"][0]["polygon"] == [[0.5, 0.5], [0.7, 0.5], [0.7, 0.705]]
    truth = json.loads((folder / "data" / "street.truth.json").read_text())
    (incident,) = truth["incidents"]
    assert (incident["onset_s"], incident["alarm_s"], incident["end_s"]) == (None, 3.0, None)
    assert validate(folder / "data" / "dataset.yaml").findings == ()


def test_undo_and_what_is_unsaved(page: Page) -> None:
    draw_zone(page)
    press(page, "n", "ArrowRight", "i", "u")
    expect(page.locator("#incident-onset")).to_have_text("0.000 s")
    press(page, "u")
    expect(page.locator("#incidents button")).to_have_count(0)
    press(page, "u")
    expect(page.locator("#zones button")).to_have_count(0)
    expect(page.locator("#unsaved")).to_be_hidden()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    draw_zone(page)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.close(run_before_unload=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]


def test_what_was_saved_is_loaded_and_continued(browser: Browser, page: Page, folder: Path) -> None:
    draw_zone(page)
    page.get_by_label("Dwell, seconds").fill("2")
    press(page, "Enter", "n")
    draw_box(page)
    press(page, "s")
    expect(page.locator("#notice")).to_contain_text("Saved")
    camera_file, truth_file = folder / "data" / "street.camera.yaml", folder / "data" / "street.truth.json"
    camera = camera_file.read_text()
    camera_file.write_text(camera.replace("  source:", "  place: Xinhua Road 3\n  source:"))
    truth = json.loads(truth_file.read_text())
    truth["incidents"][0] |= {"alarm_s": 5.0, "note": "white van"}  # by hand: the alarm later than onset and dwell
    truth_file.write_text(json.dumps(truth))

    with LabelServer(open_clips([folder / "street.mp4"], folder / "data")) as again:
        other = browser.new_page()
        other.goto(again.url)
        other.wait_for_selector("body[data-ready]")
        expect(other.locator("#unsaved")).to_be_hidden()
        expect(other.locator("#zones button")).to_have_count(1)
        press(other, "j")
        expect(other.locator("#incident-alarm")).to_have_text("5.000 s, set by hand")
        press(other, "e", "Shift+ArrowRight", "i", "s")
        expect(other.locator("#notice")).to_contain_text("Saved")
        other.close()
    (incident,) = json.loads(truth_file.read_text())["incidents"]
    assert (incident["onset_s"], incident["alarm_s"], incident["note"]) == (1.0, 5.0, "white van")
    assert "place: Xinhua Road 3" in camera_file.read_text()
    assert len(read_dataset(folder / "data" / "dataset.yaml").clips) == 1


def test_it_plays_and_stops_on_an_exact_picture(page: Page) -> None:
    press(page, " ")
    page.wait_for_function(
        "() => { const v = document.querySelector('video'); return !v.paused && v.currentTime > 0.5 }"
    )
    press(page, " ")
    expect(page.locator("#film")).to_be_hidden()
    frame = int(page.locator("#picture").get_attribute("data-frame") or -1)
    assert frame > 4
    # What stands on the clock is the time of that very picture.
    expect(page.locator("#clock")).to_contain_text(f"picture {frame} of 79 · {TIMES_S[frame]:.3f} s")


def test_a_clip_that_browsers_cannot_play_gets_a_viewing_copy(page: Page, server: LabelServer) -> None:
    page.get_by_label("Clip", exact=True).select_option("Old Yard")
    expect(page.locator("#clock")).to_contain_text("of 49")
    at_frame(page, 0)
    press(page, "Tab", "End")
    page.locator("#scrub").blur()
    # Not `wait_for_function`: a promise is true for it, whatever it brings.
    film = f"{server.url}/api/clips/1/film"
    wait_for(lambda: page.request.get(film).json()["state"] == "ready", 30, "a copy that browsers can play")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('video').videoWidth === 320")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_sideways(browser: Browser, server: LabelServer, width: int, scheme: Any) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(server.url)
    page.wait_for_selector("body[data-ready]")
    draw_zone(page)
    press(page, "n")
    draw_box(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    unlabelled = "() => [...document.querySelectorAll('input, select')].filter((field) => !field.labels.length).length"
    assert page.evaluate(unlabelled) == 0
    page.close()
