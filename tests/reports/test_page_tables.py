"""Tables of the page: sorted, searched, filtered, turned and saved."""

from xml.etree import ElementTree

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from tests.reports.browser import ask, choose, column, press


@pytest.mark.parametrize("title", ["score", "seconds", "lr"])
def test_a_table_sorts_by_keyboard_in_both_directions(opened: Chrome, title: str) -> None:
    rows = ask(
        opened,
        """return DATA.cells.flatMap((cell) => cell.trials.map((_, row) =>
        [cell.scores[row], cell.seconds[row],
         settingValue(cell.axes[0].values[cell.places[row][0]])]))""",
    )
    values = [row[("score", "seconds", "lr").index(title)] for row in rows]
    press(opened, "trials", title)
    first = column(opened, "trials", title)
    press(opened, "trials", title)
    second = column(opened, "trials", title)
    assert len(first) == len(second) == 50
    if title == "lr":
        shown = ["2e-05"] * values.count(2e-5) + ["1e-05"] * values.count(1e-5)
        assert (first, second) == (shown[:50], shown[::-1][:50])
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


SAVED = """const [section, name, place] = arguments;
    return new Promise((done) => {
      const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => { blob.text().then(done); return make.call(URL, blob); };
      [...document.querySelectorAll(`#${section} .save`)]
        .filter((one) => one.textContent === name)[place].click();
    })"""


def test_a_table_is_saved_as_it_is_filtered(opened: Chrome) -> None:
    choose(opened, "trials", "method", "Standard")
    shown = column(opened, "trials", "trial")
    lines = ask(opened, SAVED, "trials", "CSV", 0).strip().split("\r\n")
    assert lines[0].startswith("trial,task,")
    assert [line.split(",")[0] for line in lines[1:]] == shown
    latex = ask(opened, SAVED, "trials", "LaTeX", 0)
    assert latex.count(r" \\") == len(shown) + 1
    assert r"\begin{tabular}" in latex
    assert r"a\_b \& 50\% \#1" in latex


def test_ready_tables_are_saved_as_the_files_beside_the_page(opened: Chrome) -> None:
    tables = ask(opened, "return DATA.tables")
    first = next(iter(tables))
    assert ask(opened, SAVED, "tables", "LaTeX", 0) == tables[first]["tex"]
    assert ask(opened, SAVED, "tables", "CSV", 0) == tables[first]["csv"]
    assert r"\begin{table" in tables[first]["tex"]


def test_a_picture_is_saved_with_its_looks(opened: Chrome) -> None:
    svg = ask(opened, SAVED, "budgets", "SVG", 0)
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [element for element in root.iter() if element.tag.endswith("text")]
    assert texts
    assert all("fill: rgb" in element.attrib["style"] for element in texts)
