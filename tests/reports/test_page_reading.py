"""Everyone can read the page: contrast, widths, both colour schemes, keyboard, screen readers."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from tests.reports.browser import ask, show, wait_for_frames

AUDIT = (Path(__file__).parent / "audit.js").read_text("utf-8")


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everyone_can_read_it(browser: Chrome, hostile_page: Path, width: int, dark: bool) -> None:
    show(browser, hostile_page, width=width, dark=dark)
    for details in browser.find_elements(By.TAG_NAME, "details"):
        ask(browser, "arguments[0].open = true", details)
    wait_for_frames(browser)
    assert ask(browser, AUDIT) == []
    paper = ask(browser, "return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(22, 23, 26)" if dark else "rgb(255, 255, 255)")
    small = ask(
        browser,
        """return [...document.querySelectorAll("body *")].filter((one) =>
        one.textContent.trim() && one.getClientRects().length
        && parseFloat(getComputedStyle(one).fontSize) < 11).length""",
    )
    assert small == 0


def test_headings_are_heard_as_they_are_written(opened: Chrome) -> None:
    """Without the arrows that show the eye how a column is sorted, and none without a name."""
    tree = opened.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    heads = [n for n in tree if not n["ignored"] and n["role"]["value"] == "columnheader"]
    names = [node["name"]["value"] for node in heads]
    assert {"RTE accuracy", "Gain on Standard", "p after choice", "epsilon"} <= set(names)
    assert not [name for name in names if not name or set(name) & set("↕↑↓")]


def test_every_section_is_reached_by_keyboard(opened: Chrome) -> None:
    """The first tab stop skips to the results; each scrolling table can be focused."""
    opened.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert ask(opened, "return document.activeElement.textContent") == "Skip to the results"
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    assert opened.current_url.endswith("#headline")
    loose = ask(
        opened,
        """return [...document.querySelectorAll(".scroll")].filter((one) => one.tabIndex !== 0
        || one.getAttribute("role") !== "region" || !one.getAttribute("aria-label")).length""",
    )
    assert loose == 0
