"""Trials on the page: what a click opens, curves laid over each other, slices and hover cards."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from tests.reports.browser import ask, choose, column, entries, show, wait_for_frames


def first_of(browser: Chrome, method: str) -> Any:
    """Return the first cell of a method."""
    return ask(browser, "return DATA.cells.find((one) => one.method === arguments[0])", method)


def text_of(browser: Chrome, selector: str) -> str:
    found: str = ask(browser, "return document.querySelector(arguments[0]).textContent", selector)
    return found


def open_first(browser: Chrome) -> Any:
    """Open the first trial of the table by keyboard; return its curve's data."""
    button = browser.find_element(By.CSS_SELECTOR, "#trials td button.link")
    trial = button.text
    button.send_keys(Keys.ENTER)
    wait_for_frames(browser)
    return ask(browser, "return DATA.curves.find((one) => one.trial === arguments[0])", trial)


def test_a_trial_opens_by_keyboard_with_all_that_is_known_of_it(opened: Chrome) -> None:
    curve = open_first(opened)
    shown = text_of(opened, "#trial")
    assert curve["trial"] in shown
    for split, scores in curve["metrics"].items():
        assert split in shown
        assert all(f"{100 * value:.2f}" in shown for value in scores.values())
    labels = [
        svg.get_attribute("aria-label")
        for svg in opened.find_elements("css selector", "#trial svg")
    ]
    assert any("by epoch" in str(label) for label in labels)
    opened.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not ask(opened, "return document.querySelector('#trial').open")
    assert opened.switch_to.active_element.text == curve["trial"]
    assert entries(opened, "browser") == []


def test_labels_and_confusions_add_up_to_the_predictions(opened: Chrome) -> None:
    curve = open_first(opened)
    counts = curve["counts"]["dev"]
    right = sum(one[2] for one in counts["classes"])
    total = sum(one[0] for one in counts["classes"])
    assert right / total == curve["metrics"]["dev"]["accuracy"]
    assert right + sum(one[2] for one in counts["confused"]) == total
    cells = opened.find_elements(By.CSS_SELECTOR, "#trial .heat td")
    assert len(cells) == len(counts["classes"]) ** 2
    assert sum(int(cell.text) for cell in cells) == total


def test_many_labels_are_listed_by_their_most_frequent_confusions(opened: Chrome) -> None:
    open_first(opened)
    ask(
        opened,
        """const labels = Array.from({length: 40}, (_, row) => `intent ${row}`);
        const place = document.querySelector("#trial > div:last-child");
        place.replaceChildren();
        labelTables(place, labels, {classes: labels.map(() => [10, 9, 8]), confused: [[0, 1, 2]]},
          "dev")""",
    )
    assert len(opened.find_elements(By.CSS_SELECTOR, "#trial .heat")) == 0
    assert "Most frequent confusions on dev" in text_of(opened, "#trial")
    assert "intent 39" in text_of(opened, "#trial")


def test_settings_have_a_column_each_and_filter(opened: Chrome) -> None:
    heads = [
        head.text.strip() for head in opened.find_elements(By.CSS_SELECTOR, "#trials thead th")
    ]
    assert [head for head in heads if head in ("lr", "epsilon", "tau", "lambda")] == [
        "lr",
        "epsilon",
        "tau",
        "lambda",
    ]
    choose(opened, "trials", "epsilon", "0.005")
    assert set(column(opened, "trials", "epsilon")) == {"0.005"}
    assert set(column(opened, "trials", "method")) == {"CAT"}


def test_ticked_trials_lie_over_each_other(opened: Chrome) -> None:
    before = len(opened.find_elements(By.CSS_SELECTOR, "#curves .chips li"))
    boxes = opened.find_elements(By.CSS_SELECTOR, "#trials td input")
    box = next(one for one in boxes if not one.is_selected())
    trial = box.get_attribute("data-trial")
    box.send_keys(Keys.SPACE)
    wait_for_frames(opened)
    assert len(opened.find_elements(By.CSS_SELECTOR, "#curves .chips li")) == before + 1
    lines = opened.find_elements(By.CSS_SELECTOR, "#curves svg path[stroke-width='2']")
    assert len(lines) == 2 * (before + 1)  # one in the plot and one in the legend
    choose(opened, "curves", "Curve", "loss")
    label = opened.find_element(By.CSS_SELECTOR, "#curves svg").get_attribute("aria-label")
    assert str(label).startswith("loss by epoch")
    out = opened.find_element(By.CSS_SELECTOR, f"[aria-label='Remove {trial}']")
    out.send_keys(Keys.ENTER)
    wait_for_frames(opened)
    assert len(opened.find_elements(By.CSS_SELECTOR, "#curves .chips li")) == before
    assert not box.is_selected()


def test_slices_show_every_trial_against_every_setting_and_open_it(opened: Chrome) -> None:
    cell = ask(
        opened,
        """const cells = DATA.cells.filter((one) => one.axes.length);
        return cells.sort((a, b) => b.finished - a.finished)[0]""",
    )
    pictures = opened.find_elements(By.CSS_SELECTOR, "#slices svg")
    assert len(pictures) == len(cell["axes"])
    for picture, axis in zip(pictures, cell["axes"], strict=True):
        assert f"against {axis['name']}" in str(picture.get_attribute("aria-label"))
        dots = picture.find_elements(By.TAG_NAME, "circle")
        assert [dot.get_attribute("data-trial") for dot in dots] == cell["trials"]
    heights = ask(
        opened,
        """return [...document.querySelectorAll("#slices svg")[0].querySelectorAll("circle")]
        .map((dot) => Number(dot.getAttribute("cy")))""",
    )
    assert heights == sorted(heights)  # the best trial stands highest
    dot = opened.find_element(By.CSS_SELECTOR, "#slices circle:last-child")
    ask(opened, "arguments[0].dispatchEvent(new MouseEvent('click'))", dot)
    assert cell["trials"][-1] in text_of(opened, "#trial")


def test_a_card_names_the_axes_of_what_is_pointed_at(opened: Chrome) -> None:
    dot = opened.find_element(By.CSS_SELECTOR, "#slices circle:last-child")
    ask(opened, "arguments[0].scrollIntoView({block: 'center'})", dot)
    wait_for_frames(opened)
    ActionChains(opened).move_to_element(dot).perform()
    words = text_of(opened, ".card")
    for name in ("lr", "epsilon", "tau", "lambda", "accuracy on dev", "seconds"):
        assert name in words
    ActionChains(opened).send_keys(Keys.ESCAPE).perform()
    assert not opened.find_element(By.CSS_SELECTOR, ".card").is_displayed()


def test_many_numbers_of_an_axis_stand_by_their_size(opened: Chrome) -> None:
    values = [str(10.0**power) for power in range(-7, 6)]
    places = ask(opened, "return spacing(arguments[0])", values)
    assert places[0] == 0
    assert places[-1] == 1
    steps = [b - a for a, b in pairwise(places)]
    assert max(steps) - min(steps) < 1e-9
    assert ask(opened, "return spacing(['0.1', '5'])") == [0, 1]


def test_navigation_stays_in_view_and_names_the_section(
    browser: Chrome, hostile_page: Path
) -> None:
    for width in (400, 1400):
        show(browser, hostile_page, width=width)
        ask(browser, "document.querySelector('#budgets').scrollIntoView()")
        wait_for_frames(browser)
        top = ask(browser, "return document.querySelector('nav').getBoundingClientRect().top")
        assert top == 0
        current = browser.find_elements(By.CSS_SELECTOR, "nav [aria-current]")
        assert len(current) == 1


def test_what_matters_of_comparisons_is_in_view_at_1400(
    browser: Chrome, hostile_page: Path
) -> None:
    show(browser, hostile_page, width=1400)
    right = ask(
        browser,
        """const heads = [...document.querySelectorAll("#comparisons thead th")];
        return Object.fromEntries(heads.map((head) =>
          [head.textContent.trim(), head.getBoundingClientRect().right]))""",
    )
    for title in ("task", "method", "p", "p after Holm", "after choice and Holm", "difference"):
        assert right[title] < 1400
    left = """const row = document.querySelector("#comparisons tbody tr");
        row.closest(".scroll").scrollLeft = 500; return row.cells[0].getBoundingClientRect().left"""
    show(browser, hostile_page, width=400)
    assert ask(browser, left) < 40
