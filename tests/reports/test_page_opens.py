"""The page in a real browser: it opens, asks for nothing, and shows every name as it is."""

import json
import os
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from reports.page.publish import Extras, folder_page, publish
from reports.results.folder import read_folder
from reports.results.results import read_results
from reports.tables.build import build_reports
from reports.tables.folder_table import folder_report
from reports.verdicts.judge import judge
from reports.verdicts.judge_folder import judge_folder
from search_spaces.study import parse_study
from tests.reports.browser import (
    ask,
    choose,
    chromium,
    column,
    entries,
    show,
)
from tests.reports.pages import HOSTILE
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


def test_it_opens_without_an_error_or_a_request(opened: Chrome, hostile_page: Path) -> None:
    assert entries(opened, "browser") == []
    events = [json.loads(entry["message"])["message"] for entry in entries(opened, "performance")]
    urls = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    assert urls == {hostile_page.as_uri()}
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
    choose(opened, "heatmaps", "Cell", f"RTE, {first[-1]}, CAT")
    assert ask(opened, "return window.hacked") is None


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
