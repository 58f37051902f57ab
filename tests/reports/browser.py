"""A real Chromium without a window, for tests of the page.

Debian's `chromium` and `chromium-driver`. Where they are absent a test is skipped with that reason,
but never in CI. Nothing is downloaded: selenium is given both paths.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root in a container has none
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
)


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Start it, keeping its console and its network requests on record."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        missing = "no chromium and chromedriver (Debian: chromium, chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    options = ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS:
        options.add_argument(flag)
    logs = {"browser": "ALL", "performance": "ALL"}
    options.set_capability("goog:loggingPrefs", logs)
    page = Chrome(options=options, service=Service(driver))
    try:
        yield page
    finally:
        page.quit()


def show(browser: Chrome, page: Path, *, width: int = 1200, dark: bool = False) -> None:
    """Open a file at a width and in a colour scheme, on an empty record."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for log in ("browser", "performance"):
        entries(browser, log)
    browser.get(page.as_uri())
    wait_for_frames(browser)


def entries(browser: Chrome, log: str) -> list[dict[str, Any]]:
    """Take what the console (`browser`) or the network (`performance`) has recorded since."""
    return browser.get_log(log)  # type: ignore[no-any-return, no-untyped-call]


def wait_for_frames(browser: Chrome) -> None:
    """Let the page draw: its pictures wait for their width, and for a frame."""
    browser.execute_async_script(
        """const done = arguments[0]; let left = 5;
        const step = () => (left-- ? requestAnimationFrame(step) : done()); step();"""
    )


def ask(browser: Chrome, script: str, *arguments: Any) -> Any:
    """Run a script in the page and return what it returns."""
    return browser.execute_script(script, *arguments)


def swipe(browser: Chrome, start: tuple[float, float], up: float, *, end: str = "touchEnd") -> None:
    """Put a finger down at a place of the window, move it up, and lift it (or end it otherwise)."""
    x, y = start
    points = [(x, y - up * part / 10) for part in range(11)]
    for place, (at_x, at_y) in enumerate(points):
        touch(browser, "touchMove" if place else "touchStart", [{"x": at_x, "y": at_y}])
    touch(browser, end, [])
    wait_for_frames(browser)


def touch(browser: Chrome, kind: str, points: list[dict[str, float]]) -> None:
    """Send one touch event with the fingers that are down."""
    event = {"type": kind, "touchPoints": points}
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", event)


def column(browser: Chrome, section: str, title: str) -> list[str]:
    """Return the cells of a section's first table under a heading."""
    found: list[str] = ask(
        browser,
        """const table = document.querySelector(`#${arguments[0]} table:not(.heat)`);
        const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
        const at = heads.findIndex((head) => head.textContent.trim() === arguments[1]);
        return [...table.tBodies[0].rows].map((row) => row.cells[at].textContent);""",
        section,
        title,
    )
    return found


def press(browser: Chrome, section: str, text: str) -> WebElement:
    """Press a button of a section with the Enter key."""
    buttons = browser.find_elements(By.CSS_SELECTOR, f"#{section} button")
    button = next(b for b in buttons if b.text.strip() == text)
    button.send_keys(Keys.ENTER)
    return button


def choose(browser: Chrome, section: str, label: str, text: str) -> None:
    """Choose an option of the field with a label."""
    labels = browser.find_elements(By.CSS_SELECTOR, f"#{section} .controls label")
    field = next(one for one in labels if one.text.startswith(label))
    Select(field.find_element(By.TAG_NAME, "select")).select_by_visible_text(text)
    wait_for_frames(browser)
