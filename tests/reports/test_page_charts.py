"""Pictures of the page: budgets, training curves, heatmaps, importances, slices."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from tests.reports.browser import ask, choose, column, show, wait_for_frames


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


def test_a_legend_and_long_numbers_leave_a_chart_its_room(
    browser: Chrome, hostile_page: Path
) -> None:
    show(browser, hostile_page, width=400)
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
    cell = ask(opened, "return DATA.cells.filter((one) => one.heatmap && one.method === 'CAT')[0]")
    choose(opened, "heatmaps", "Cell", f"{cell['task']}, {cell['encoder']}, CAT")
    best = max(s for page in cell["heatmap"]["scores"] for p in page for r in p for s in r)
    starred = opened.find_elements(By.CSS_SELECTOR, "#heatmaps td.best")
    assert {one.text for one in starred} == {f"{100 * best:.1f} ★"}
    for page, value in enumerate(cell["heatmap"]["page"]["values"]):
        choose(opened, "heatmaps", "Page", f"lr = {value}")
        cells = opened.find_elements(By.CSS_SELECTOR, "#heatmaps td")
        scores = [s for p in cell["heatmap"]["scores"][page] for r in p for s in r]
        assert [one.text.removesuffix(" ★") for one in cells] == [f"{100 * s:.1f}" for s in scores]


@pytest.mark.parametrize("width", [1200, 400])
def test_bars_are_as_long_as_their_shares(browser: Chrome, hostile_page: Path, width: int) -> None:
    show(browser, hostile_page, width=width)
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


def test_pictures_change_with_the_colour_scheme(browser: Chrome, hostile_page: Path) -> None:
    show(browser, hostile_page)
    curve = """const line = document.querySelector("#budgets svg path[stroke-width='2']");
        return line.getAttribute("stroke")"""
    light = ask(browser, curve)
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    wait_for_frames(browser)
    styles = ask(browser, "return DATA.styles.Standard")
    assert (light, ask(browser, curve)) == (styles["light"], styles["dark"])
