"""The page in a real browser: it asks for nothing, works by keyboard, and can be read by all."""

import json
import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from reports.page.publish import Extras, folder_page, publish
from reports.results.folder import read_folder
from reports.results.results import read_results
from reports.tables.build import build_reports
from reports.tables.folder_table import folder_report
from reports.verdicts.judge import judge
from reports.verdicts.judge_folder import judge_folder
from search_spaces.study import parse_study
from tests.reports.browser import ask, chromium, entries, show, swipe, wait_for_frames
from tests.reports.pages import HOSTILE, build_site
from tests.results import keep as keep_result
from trainers.records.store import Store

SEEDED = """
name: seeded
tasks: [rte]
encoders: [tiny]
methods: [standard, cat]
axes: {lr: [1e-5, 2e-5], epsilon: [0.01], tau: [0.1], lambda: [0.3]}
seeds: [0, 1, 2]
"""
AUDIT = (Path(__file__).parent / "audit.js").read_text("utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    return build_site(folder).write(folder)


@pytest.fixture
def opened(browser: Chrome, page: Path) -> Chrome:
    show(browser, page)
    return browser


def column(browser: Chrome, section: str, title: str) -> list[str]:
    """The cells of a section's first table under a heading."""
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


def test_it_opens_without_an_error_or_a_request(opened: Chrome, page: Path) -> None:
    assert entries(opened, "browser") == []
    events = [json.loads(entry["message"])["message"] for entry in entries(opened, "performance")]
    urls = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    assert urls == {page.as_uri()}
    assert "hostile: catsweep report" in opened.title


def test_the_policy_blocks_what_is_not_the_pages_own(opened: Chrome) -> None:
    ask(
        opened,
        """const script = document.createElement("script"); script.text = "window.hacked = 1";
        document.body.append(script); const image = new Image(); image.src = "https://example.org";
        document.body.append(image);""",
    )
    assert ask(opened, "return window.hacked") is None
    assert any(
        "Content Security Policy" in entry["message"] for entry in entries(opened, "browser")
    )


def test_hostile_names_and_texts_are_shown_as_they_are(opened: Chrome) -> None:
    assert ask(opened, "return window.hacked") is None
    assert ask(opened, "return document.images.length") == 0
    assert HOSTILE in ask(opened, "return document.querySelector('#headline').textContent")
    assert any(HOSTILE in text for text in column(opened, "examples", "text"))
    assert any(HOSTILE in text for text in column(opened, "failures", "reason"))
    first = ask(opened, "return DATA.cells.map((cell) => cell.encoder)")
    choose(opened, "heatmaps", "Cell", f"rte, {first[-1]}, cat")
    assert ask(opened, "return window.hacked") is None


@pytest.mark.parametrize("title", ["score", "seconds", "setting"])
def test_a_table_sorts_by_keyboard_in_both_directions(opened: Chrome, title: str) -> None:
    rows = ask(
        opened,
        """return DATA.cells.flatMap((cell) => cell.trials.map((_, row) =>
        [cell.scores[row], cell.seconds[row], setting(cell, row)]))""",
    )
    values = [row[("score", "seconds", "setting").index(title)] for row in rows]
    press(opened, "trials", title)
    first = column(opened, "trials", title)
    press(opened, "trials", title)
    second = column(opened, "trials", title)
    assert len(first) == len(second) == 50
    if title == "setting":
        assert [text == "" for text in first] == [False] * 50
        assert first[0] == min(value for value in values if value)
        return
    digits = 2 if title == "score" else 0
    shown = [f"{100 * v:.2f}" if digits else f"{v:.0f}" for v in sorted(values, reverse=True)]
    assert first == shown[:50]
    assert second == shown[::-1][:50]
    head = ask(opened, "return document.querySelector('#trials th[aria-sort=ascending]').innerText")
    assert head.strip().startswith(title)


def test_a_ready_table_sorts_by_its_unrounded_values(opened: Chrome) -> None:
    press(opened, "tables", "RTE accuracy")
    press(opened, "tables", "RTE accuracy")
    values = ask(
        opened,
        """return [...document.querySelectorAll("#tables table")[0].tBodies[0].rows]
        .map((row) => Number(row.cells[2].dataset.value))""",
    )
    assert len(values) == 4
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_words_sort_from_a_and_gaps_stand_last_whatever_the_direction(opened: Chrome) -> None:
    for arrow, methods in (("ascending", ["CAT", "Standard"]), ("descending", ["Standard", "CAT"])):
        press(opened, "tables", "Method")
        assert list(dict.fromkeys(column(opened, "tables", "Method"))) == methods
        assert ask(
            opened,
            "return document.querySelector('#tables th[aria-sort=' + arguments[0] + ']').innerText",
            arrow,
        ).startswith("Method")
    for _ in range(2):
        press(opened, "comparisons", "p after choice")
        shown = column(opened, "comparisons", "p after choice")
        assert shown.count("–") == 1
        assert shown[-1] == "–"


def test_gaps_of_a_ready_table_stand_last_whatever_the_direction(opened: Chrome) -> None:
    for _ in range(2):
        press(opened, "tables", "naive")
        values = ask(
            opened,
            """const body = [...document.querySelectorAll("#tables tbody")].at(-1);
            return [...body.rows].map((row) => [...row.cells].at(-2).dataset.value)""",
        )
        gaps = [value == "" for value in values]
        assert 0 < sum(gaps) < len(gaps)
        assert gaps == sorted(gaps)


def test_examples_can_be_searched_and_filtered(opened: Chrome) -> None:
    every = ask(opened, "return DATA.examples[0].rows")
    field = opened.find_element(By.CSS_SELECTOR, "#examples input[type=search]")
    field.send_keys("QUOTES separator")
    expected = [r[0] for r in every if "quotes" in r[1].lower() and "separator" in r[1].lower()]
    assert 0 < len(expected) < len(every)
    assert column(opened, "examples", "id") == expected[:50]
    status = opened.find_element(By.CSS_SELECTOR, "#examples [role=status]").text
    assert f"{len(expected)} rows, of {len(every)} in all" in status
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(Keys.DELETE)
    choose(opened, "examples", "gold", every[0][2])
    expected = [row[0] for row in every if row[2] == every[0][2]]
    assert column(opened, "examples", "id") == expected[:50]
    field.send_keys("there is no such example")
    assert column(opened, "examples", "id") == []


def test_a_number_is_found_as_it_is_shown(opened: Chrome) -> None:
    score = column(opened, "trials", "score")[0]
    total = ask(opened, "return DATA.cells.reduce((sum, cell) => sum + cell.finished, 0)")
    opened.find_element(By.CSS_SELECTOR, "#trials input[type=search]").send_keys(score)
    found = column(opened, "trials", "score")
    assert 0 < len(found) < total
    assert set(found) == {score}


def test_long_tables_turn_their_pages(opened: Chrome) -> None:
    total = ask(opened, "return DATA.cells.reduce((sum, cell) => sum + cell.finished, 0)")
    first = column(opened, "trials", "trial")
    press(opened, "trials", "Next rows")
    second = column(opened, "trials", "trial")
    assert (len(first), len(second)) == (50, min(50, total - 50))
    assert not set(first) & set(second)
    press(opened, "trials", "Previous rows")
    assert column(opened, "trials", "trial") == first


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
    (first,) = (
        line.find_element(By.TAG_NAME, "title").get_attribute("textContent") for line in best
    )
    assert (first or "").startswith(expected[0])
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


def test_a_finger_narrows_along_an_axis_and_scrolls_beside_it(browser: Chrome, page: Path) -> None:
    show(browser, page, width=400)
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
    browser: Chrome, page: Path
) -> None:
    show(browser, page, width=400)
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


def test_pictures_say_their_numbers_and_list_them(opened: Chrome) -> None:
    budget = ask(opened, "return DATA.budgets[0]")
    label = opened.find_element(By.CSS_SELECTOR, "#budgets svg").get_attribute("aria-label")
    for curve in budget["curves"]:
        assert f"{curve['method']} from {100 * curve['expected'][0]:.1f} at 1 to" in (label or "")
    opened.find_element(By.CSS_SELECTOR, "#budgets summary").send_keys(Keys.ENTER)
    wait_for_frames(opened)
    shown = column(opened, "budgets", "expected best")
    numbers = [f"{100 * one:.2f}" for curve in budget["curves"] for one in curve["expected"]]
    assert shown == numbers[:50]


def test_a_legend_and_long_numbers_leave_a_chart_its_room(browser: Chrome, page: Path) -> None:
    show(browser, page, width=400)
    chart = """const [names, high] = arguments, x = [1, 2], y = [0, high];
        const looks = {colour: "#000", dash: [], marker: "o"};
        const svg = lineChart(360, {series: names.map((name) => ({name, x, y, ...looks})),
          xLabel: "epoch", yLabel: "%", show: (at) => at.toPrecision(3), yRange: y});
        document.querySelector("#budgets figure").replaceChildren(svg);
        const boxes = [...svg.querySelectorAll("text")].map((text) => text.getBBox());
        const touch = (a, b) => a !== b && a.x < b.x + b.width && b.x < a.x + a.width
          && a.y < b.y + b.height && b.y < a.y + a.height;
        return {plot: svg.querySelector("path.axis").getBBox().height,
          outside: boxes.filter((one) => one.x < 0 || one.x + one.width > 360).length,
          touching: boxes.filter((one) => boxes.some((other) => touch(one, other))).length}"""
    one = ask(browser, chart, ["cat"], 1)
    methods = ["standard", "at", "cat", "scl", "pgd", "freeat", "freelb", "rdrop", "r3f", "smart"]
    all_of_them = ask(browser, chart, [*methods, "matthews_correlation on heldout"], 0.0004)
    assert one == all_of_them
    assert one["plot"] > 150
    assert one["outside"] == one["touching"] == 0


def test_names_of_many_axes_do_not_touch(browser: Chrome, page: Path) -> None:
    show(browser, page, width=400)
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
          [...place.querySelectorAll(`svg .${kind} title`)].map((title) => title.textContent));
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


def test_norms_of_attacks_have_a_chart_of_their_own(opened: Chrome) -> None:
    ask(
        opened,
        """const place = document.querySelector("#curves .mount > div:last-child");
        place.replaceChildren();
        trainingCurves(place, {...DATA.curves[0], norms: {attack_norm: [9.5]}})""",
    )
    wait_for_frames(opened)
    pictures = opened.find_elements(By.CSS_SELECTOR, "#curves svg")
    labels = [str(picture.get_attribute("aria-label")) for picture in pictures]
    starts = ["mean training loss by epoch", "mean norm of the attack by epoch", "% by epoch"]
    assert [label.split(":")[0] for label in labels] == starts
    assert "attack_norm from 9.50 to 9.50" in labels[1]
    opened.find_element(By.CSS_SELECTOR, "#curves summary").send_keys(Keys.ENTER)
    wait_for_frames(opened)
    assert column(opened, "curves", "attack_norm") == ["9.500"]


def test_the_heatmap_shows_each_page_and_its_best(opened: Chrome) -> None:
    cell = ask(opened, "return DATA.cells.filter((one) => one.heatmap && one.method === 'cat')[0]")
    choose(opened, "heatmaps", "Cell", f"{cell['task']}, {cell['encoder']}, cat")
    best = max(s for page in cell["heatmap"]["scores"] for p in page for r in p for s in r)
    starred = opened.find_elements(By.CSS_SELECTOR, "#heatmaps td.best")
    assert {one.text for one in starred} == {f"{100 * best:.1f} ★"}
    for page, value in enumerate(cell["heatmap"]["page"]["values"]):
        choose(opened, "heatmaps", "Page", f"lr = {value}")
        cells = opened.find_elements(By.CSS_SELECTOR, "#heatmaps td")
        scores = [s for p in cell["heatmap"]["scores"][page] for r in p for s in r]
        assert [one.text.removesuffix(" ★") for one in cells] == [f"{100 * s:.1f}" for s in scores]


@pytest.mark.parametrize("width", [1200, 400])
def test_bars_are_as_long_as_their_shares(browser: Chrome, page: Path, width: int) -> None:
    show(browser, page, width=width)
    cell = ask(browser, "return DATA.cells.filter((one) => one.importance.shares)[0]")
    choose(browser, "importance", "Cell", f"{cell['task']}, {cell['encoder']}, {cell['method']}")
    bars = ask(
        browser,
        """const [cell] = arguments;
        const importance = {...cell.importance, shares: [["lr", 0.5, 1], ["tau", 0.25, 0.9]]};
        const place = document.querySelector("#importance .mount > div:last-child");
        importances(place, {...cell, importance});
        return [...[...document.querySelectorAll("#importance table")].at(-1).querySelectorAll("i")]
          .map((bar) => bar.getBoundingClientRect().width)""",
        cell,
    )
    half, whole, quarter, most = bars
    assert half > 20
    assert [whole, quarter, most] == pytest.approx([2 * half, half / 2, 1.8 * half], abs=2.5)


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everyone_can_read_it(browser: Chrome, page: Path, width: int, dark: bool) -> None:
    show(browser, page, width=width, dark=dark)
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


def test_pictures_change_with_the_colour_scheme(browser: Chrome, page: Path) -> None:
    show(browser, page)
    curve = """const line = document.querySelector("#budgets svg path[stroke-width='2']");
        return line.getAttribute("stroke")"""
    light = ask(browser, curve)
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    wait_for_frames(browser)
    styles = ask(browser, "return DATA.styles.standard")
    assert (light, ask(browser, curve)) == (styles["light"], styles["dark"])


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


def test_without_chromium_a_test_fails_in_ci_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    for setting, outcome in (("1", pytest.fail.Exception), ("", pytest.skip.Exception)):
        monkeypatch.setitem(os.environ, "CI", setting)
        with pytest.raises(outcome, match="no chromium"), chromium():
            pass


def test_a_page_of_several_seeds_and_one_of_predictions_alone_open_without_an_error(
    browser: Chrome, tmp_path: Path
) -> None:
    """A comparison of methods has no discordant examples to count; predictions have no trials."""
    store = Store(tmp_path / "store", create=True)
    study = parse_study(SEEDED, source="test")
    for trial in study.trials():
        right = 120 + 20 * (trial.method.name == "cat") + trial.seed
        keep_result(store, trial, {"dev": right})
    results = read_results(study, store)
    reports = build_reports(results, judge(results))
    extras = Extras(html=True, figures=True, data=None)
    publish(results, reports, tmp_path, extras)
    show(browser, tmp_path / "seeded.html")
    assert entries(browser, "browser") == []
    assert column(browser, "comparisons", "settings x seeds") == ["2 x 3"]
    assert column(browser, "comparisons", "discordant") == ["–"]
    assert column(browser, "trials", "seeds")[0] == "3"
    folder = tmp_path / "preds"
    for name, wrong in (("one", 9), ("other", 5)):
        for seed in range(2):
            rows = [f"{k},{k % 2},{(k % 2) ^ (k % wrong == seed)}" for k in range(60)]
            (folder / name / "task").mkdir(parents=True, exist_ok=True)
            lines = ["id,gold,prediction", *rows]
            (folder / name / "task" / f"{seed}.csv").write_text("\n".join(lines))
    given = read_folder(folder, "one", {}, {})
    report = folder_report(given, judge_folder(given))
    (tmp_path / "given.html").write_bytes(folder_page(given, report))
    show(browser, tmp_path / "given.html")
    assert entries(browser, "browser") == []
    assert column(browser, "comparisons", "method") == ["other"]
    assert not browser.find_element(By.ID, "heatmaps").is_displayed()
