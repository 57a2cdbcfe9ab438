"""Signing in in a real browser: a second factor that is needed is set up, and then asked for."""

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from api.provision import create_user
from tests.api.conftest import write_settings
from tests.api.events import System
from tests.browser import chromium

PASSWORD = "a password of theirs"


@pytest.fixture(scope="module")
def data_dir(data_dir: Path) -> Path:
    known = yaml.safe_load((data_dir / "settings.yaml").read_text())
    write_settings(data_dir, **known, second_factor_for=["administrator"])
    return data_dir


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def fill_in(page: Page, **fields: str) -> None:
    for label, text in fields.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Sign in").click()


def test_a_second_factor_is_set_up_and_asked_for(browser: Browser, system: System) -> None:
    create_user(system.data_dir, "chief", "administrator", PASSWORD)
    page = browser.new_context(base_url=system.url).new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/")
    expect(page.get_by_label("Code")).to_have_count(0)  # nobody has one yet
    fill_in(page, Name="chief", Password=PASSWORD)
    page.wait_for_url("**/second-factor")
    page.goto("/queue")  # there is nothing but setting it up
    page.wait_for_url("**/second-factor")
    page.get_by_role("button", name="Set it up").click()
    expect(page.locator("#qr svg")).to_be_visible()
    app = pyotp.TOTP(page.locator("#secret").inner_text())
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
    page.get_by_label("Code").fill(app.now())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("It counts from now on.")).to_be_visible()
    codes = page.locator("#recovery").inner_text().split()
    assert len(codes) == 10
    page.get_by_role("link", name="Go to the queue").click()
    page.wait_for_url("**/queue")
    page.get_by_role("button", name="Sign out").click()
    fill_in(page, Name="chief", Password=PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("Name, password or code is wrong.")
    fill_in(page, Name="chief", Password=PASSWORD, Code=codes[0])
    page.wait_for_url("**/queue")
    assert wrong == []
