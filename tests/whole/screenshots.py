"""A newcomer's first ten minutes, in a real browser: start the demo, sign in, watch the case, confirm it, download the pack.

`python -m tests.whole.screenshots docs/images` takes the README's pictures on the way.
"""

import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import chromium
from tests.rtsp import free_port
from tests.whole.house import running, wait_for

FIRST_CASE_S = 120


@contextmanager
def demo(log: Path) -> Iterator[tuple[str, str, str]]:
    """A running demo: its address, name and password."""
    with running("demo", "--port", str(free_port()), log=log):
        said = wait_for(
            lambda: re.search(r"Console: (\S+) +sign in as (\S+) with (\S+)", log.read_text()),
            90,
            "the demo starts",
            log,
        )
        yield said[1], said[2], said[3]


def walk_through(page: Page, url: str, name: str, password: str, pictures: Path) -> Path:
    """From the sign-in to the downloaded pack; gives the pack."""
    page.goto(url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/queue")
    rows = page.locator(".row")
    expect(rows.first).to_be_visible(timeout=FIRST_CASE_S * 1000)
    expect(rows.first).to_contain_text("示例路 10 号")
    rows.first.locator("img").wait_for()
    page.wait_for_function("() => [...document.images].every(image => image.complete && image.naturalWidth)")
    page.screenshot(path=pictures / "queue.png")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/**")
    # The clip follows the alarm by its post-roll; the page shows it as soon as it is there.
    page.wait_for_function(
        "() => { const v = document.querySelector('video'); return v && !v.paused && v.currentTime > 2 }",
        timeout=60_000,
    )
    page.keyboard.press("s")  # to the alarm
    # Without a screen Chromium paints late: wait until the pictures on the page are those of this moment.
    page.evaluate(
        """async () => {
            const video = document.querySelector("video")
            for (let shown = 0; shown < 10; shown++) await new Promise(done => video.requestVideoFrameCallback(done))
            video.pause()
        }"""
    )
    page.wait_for_timeout(500)
    page.screenshot(path=pictures / "case.png")
    case_url = page.url
    page.keyboard.press("c")
    page.wait_for_url(lambda address: address != case_url)
    page.goto(case_url)
    expect(page.get_by_text("Confirmed by")).to_be_visible()
    return _download(page, pictures)


def _download(page: Page, folder: Path) -> Path:
    case = page.url.rsplit("/", 1)[1]
    pack = page.request.get(f"/v1/incidents/{case}/package", params={"purpose": "walk-through of the demo"})
    assert pack.ok, pack.text()
    path = folder / "pack.zip"
    path.write_bytes(pack.body())
    return path


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo(Path(folder) / "log") as (url, name, password),
        chromium() as browser,
    ):
        page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 800})
        pack = walk_through(page, url, name, password, out)
        print(*zipfile.ZipFile(pack).namelist(), sep="\n")  # noqa: T201 - a script's output
        pack.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
