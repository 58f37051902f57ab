"""Parallel coordinates on the page: ranges by keyboard, mouse and finger."""

from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from tests.reports.browser import ask, column, press, show, swipe, wait_for_frames


def cell_of_parallel(browser: Chrome) -> Any:
    return ask(
        browser,
        """const cells = DATA.cells.filter((cell) => cell.axes.length);
        return cells.sort((a, b) => b.finished - a.finished)[0]""",
    )


def expected_within(cell: Any, axis: str, low: int, high: int) -> list[str]:
    at = [one["name"] for one in cell["axes"]].index(axis)
    pairs = zip(cell["trials"], cell["places"], strict=True)
    return [trial for trial, places in pairs if low <= places[at] <= high]


def test_parallel_coordinates_narrow_by_keyboard(opened: Chrome) -> None:
    cell = cell_of_parallel(opened)
    select = opened.find_element(By.CSS_SELECTOR, "#parallel [aria-label='epsilon from']")
    select.send_keys(Keys.ARROW_DOWN)
    wait_for_frames(opened)
    expected = expected_within(cell, "epsilon", 1, 2)
    assert 0 < len(expected) < len(cell["trials"])
    assert column(opened, "parallel", "trial") == expected[:10]
    assert set(column(opened, "parallel", "lr")) <= {"1e-05", "2e-05"}  # as a study writes them
    status = opened.find_element(By.CSS_SELECTOR, "#parallel > .mount [role=status]").text
    assert status.startswith(f"{len(expected)} of {len(cell['trials'])} trials are within")
    scores = [cell["scores"][cell["trials"].index(trial)] for trial in expected]
    assert status.endswith(f"best {100 * max(scores):.2f}, median {100 * median(scores):.2f}")
    kept, best = (
        opened.find_elements(By.CSS_SELECTOR, f"#parallel svg .{kind}") for kind in ("kept", "best")
    )
    assert len(kept) == len(expected) - 1
    assert [line.get_attribute("data-trial") for line in best] == expected[:1]
    press(opened, "parallel", "All trials")
    assert column(opened, "parallel", "trial") == cell["trials"][:10]


def test_parallel_coordinates_narrow_by_dragging(opened: Chrome) -> None:
    cell = cell_of_parallel(opened)
    handle = opened.find_element(By.CSS_SELECTOR, "#parallel [data-axis='epsilon']")
    ask(opened, "arguments[0].scrollIntoView({block: 'center'})", handle)
    height = handle.size["height"]
    chain = ActionChains(opened).move_to_element_with_offset(handle, 0, int(0.45 * height))
    chain.click_and_hold().move_by_offset(0, -int(0.3 * height)).release().perform()
    wait_for_frames(opened)
    expected = expected_within(cell, "epsilon", 0, 0)
    assert column(opened, "parallel", "trial") == expected[:10]
    low, high = (
        Select(opened.find_element(By.CSS_SELECTOR, f"[aria-label='epsilon {end}']"))
        for end in ("from", "to")
    )
    assert low.first_selected_option.text == high.first_selected_option.text == "0.001"
    opened.find_element(By.CSS_SELECTOR, "#parallel [data-axis='epsilon']").click()
    wait_for_frames(opened)
    assert column(opened, "parallel", "trial") == cell["trials"][:10]  # a click keeps all again


def handle_of(browser: Chrome, axis: str) -> dict[str, float]:
    """Bring an axis into view; its handle's rectangle in the window."""
    found: dict[str, float] = ask(
        browser,
        """const handle = document.querySelector(`#parallel [data-axis='${arguments[0]}']`);
        handle.scrollIntoView({block: "center"}); return handle.getBoundingClientRect().toJSON()""",
        axis,
    )
    return found


def scrolled(browser: Chrome) -> float:
    return float(ask(browser, "return window.scrollY"))


def test_a_finger_narrows_along_an_axis_and_scrolls_beside_it(
    browser: Chrome, hostile_page: Path
) -> None:
    show(browser, hostile_page, width=400)
    cell, box = cell_of_parallel(browser), handle_of(browser, "epsilon")
    x, y, height = box["x"] + box["width"] / 2, box["y"], box["height"]
    before = scrolled(browser)
    swipe(browser, (x, y + 0.95 * height), 0.3 * height)
    assert column(browser, "parallel", "trial") == expected_within(cell, "epsilon", 0, 0)[:10]
    assert scrolled(browser) == before
    swipe(browser, (x + box["width"], y + 0.9 * height), 0.3 * height)
    assert scrolled(browser) > before
    assert column(browser, "parallel", "trial") == expected_within(cell, "epsilon", 0, 0)[:10]


def test_a_drag_that_is_broken_off_changes_nothing_then_or_later(
    browser: Chrome, hostile_page: Path
) -> None:
    show(browser, hostile_page, width=400)
    cell, box = cell_of_parallel(browser), handle_of(browser, "epsilon")
    x, y, height = box["x"] + box["width"] / 2, box["y"], box["height"]
    swipe(browser, (x, y + 0.4 * height), 0.3 * height, end="touchCancel")
    assert ask(browser, "return document.querySelectorAll('#parallel .brush[height]').length") == 0
    swipe(browser, (20, y - 60), 0)
    assert column(browser, "parallel", "trial") == cell["trials"][:10]


def mouse(browser: Chrome, kind: str, button: str, place: tuple[float, float]) -> None:
    event = {"type": kind, "button": button, "clickCount": 1, "x": place[0], "y": place[1]}
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def test_only_the_main_button_drags_and_shows_its_way(opened: Chrome) -> None:
    cell, box = cell_of_parallel(opened), handle_of(opened, "epsilon")
    start = box["x"] + box["width"] / 2, box["y"] + 0.95 * box["height"]
    end = start[0], start[1] - 0.3 * box["height"]
    everything, lowest = cell["trials"], expected_within(cell, "epsilon", 0, 0)
    for button, ways, kept in (("right", 0, everything), ("left", 1, lowest)):
        mouse(opened, "mousePressed", button, start)
        mouse(opened, "mouseMoved", button, end)
        shown = opened.find_elements(By.CSS_SELECTOR, "#parallel .brush[height]")
        assert len(shown) == ways
        mouse(opened, "mouseReleased", button, end)
        wait_for_frames(opened)
        assert column(opened, "parallel", "trial") == kept[:10]


def test_names_of_many_axes_do_not_touch(browser: Chrome, hostile_page: Path) -> None:
    show(browser, hostile_page, width=400)
    names = ["lr", "batch_size", "epsilon", "tau", "lambda", "seed"]
    boxes = ask(
        browser,
        """const axes = arguments[0].map((name) => ({name, values: ["0.0001", "0.02"]}));
        const trials = ["a", "b"].map((one) => one.repeat(12));
        const place = document.querySelector("#parallel .mount > div:last-child");
        place.replaceChildren();
        parallel(place, {...DATA.cells[0], axes, trials, places: [axes.map(() => 0),
          axes.map(() => 1)], scores: [0.9, 0.8], seconds: [1, 1]});
        return new Promise((done) => setTimeout(() => done([...place.querySelectorAll("svg text")]
          .map((text) => [text.textContent, text.getBBox()])
          .map(([name, box]) => [name, box.x, box.y, box.width, box.height])), 100))""",
        names,
    )
    found = [box for box in boxes if box[0] in (*names, "accuracy")]
    assert [box[0] for box in found] == [*names, "accuracy"]
    for (one, x, y, width, height), (other, x2, y2, width2, height2) in combinations(boxes, 2):
        apart = x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
        assert apart, (one, other)


def test_the_best_of_those_kept_is_drawn_even_if_not_all_are(opened: Chrome) -> None:
    drawn = ask(
        opened,
        """const rows = Array.from({length: 1000}, (_, row) => row);
        const place = document.querySelector("#parallel .mount > div:last-child");
        place.replaceChildren();
        parallel(place, {...DATA.cells[0], axes: [{name: "lr", values: rows.map(String)}],
          trials: rows.map((row) => `trial-${row}`), places: rows.map((row) => [row]),
          scores: rows.map((row) => 1 - row / 1000), seconds: rows});
        const ends = [...place.querySelectorAll("[aria-label^='lr ']")];
        ends.forEach((end) => { end.value = 1; end.dispatchEvent(new Event("change")); });
        const look = () => ["best", "kept", "dropped"].map((kind) =>
          [...place.querySelectorAll(`svg .${kind}`)].map((line) => line.dataset.trial));
        return new Promise((done) => {
          const again = (left) => look()[2].length || !left
            ? done(look()) : setTimeout(() => again(left - 1), 50);
          setTimeout(() => again(100), 100);
        })""",
    )
    best, kept, dropped = drawn
    assert (len(kept), len(dropped)) == (0, 400)
    assert [line.split()[0] for line in best] == ["trial-1"]
    assert not any(line.startswith("trial-1 ") for line in dropped)
