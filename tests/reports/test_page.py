import base64
import hashlib
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.page.page import build_page, embedded
from reports.page.pictures import Pictures
from reports.page.publish import Extras, publish
from reports.results.results import read_results
from search_spaces.display_names import DisplayNames
from search_spaces.study import parse_study
from tests.reports.pages import ATTACK, HOSTILE, Parsed, Site, build_site
from tests.reports.stores import build, read_cells
from tests.results import keep
from trainers.records.store import Store

NAMES = DisplayNames()
SECTIONS = [
    "headline",
    "tables",
    "comparisons",
    "examples",
    "heatmaps",
    "parallel",
    "slices",
    "importance",
    "budgets",
    "curves",
    "trials",
    "failures",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def page(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    return site.write(tmp_path_factory.mktemp("page")).read_text("utf-8")


@pytest.fixture(scope="module")
def parsed(page: str) -> Parsed:
    return Parsed(page)


@pytest.fixture(scope="module")
def data(parsed: Parsed) -> dict[str, Any]:
    return json.loads(parsed.texts["script"][0])  # type: ignore[no-any-return]


def test_the_page_is_one_file_that_asks_for_nothing(parsed: Parsed) -> None:
    for tag, attributes in parsed.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "img"}
        assert not {name for name in attributes if name in {"src", "srcset", "action"}}
        assert not {name for name in attributes if name.startswith("on") or name == "style"}
        assert (attributes.get("href") or "#").startswith("#")
    assert len(parsed.texts["script"]) == 2
    assert "url(" not in parsed.texts["style"][0]
    assert "import" not in parsed.texts["style"][0]


def test_only_its_own_scripts_and_style_may_run(parsed: Parsed) -> None:
    policy = next(m["content"] for m in parsed.having("meta") if "http-equiv" in m)
    hashes = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in (
            ("script", parsed.texts["script"][1]),
            ("style", parsed.texts["style"][0]),
        )
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}';"
        f" script-src 'sha256-{hashes['script']}'"
    )


def test_no_name_or_text_becomes_markup(page: str, parsed: Parsed, data: dict[str, Any]) -> None:
    assert ATTACK not in page
    assert HOSTILE in parsed.texts["section"][0]  # in the headline, as text
    assert "$study ${style}" in page  # no name is read as a template
    assert {cell["encoder"] for cell in data["cells"]} == {"Tiny", HOSTILE}
    assert any(HOSTILE in row[3] for row in data["failures"]["rows"])


def test_a_studys_name_is_text_too() -> None:
    pictures = Pictures(study=HOSTILE, wanted=0, wanted_cells=0, cells=(), budgets=(), curves=())
    parsed = Parsed(build_page(pictures, [], [], []))
    assert parsed.texts["h1"] == [HOSTILE]
    assert parsed.texts["title"] == [f"{HOSTILE}: catsweep report"]
    assert len(parsed.texts["script"]) == 2


def test_every_section_has_its_heading_and_link(parsed: Parsed) -> None:
    found = [attributes["id"] for attributes in parsed.having("section")]
    assert found == SECTIONS
    assert len(parsed.texts["h2"]) == len(SECTIONS)
    assert len(parsed.texts["h1"]) == 1
    links = [attributes["href"] for attributes in parsed.having("a")]
    assert [link for link in links[1:] if link] == [f"#{section}" for section in SECTIONS]
    identities = Counter(a["id"] for _, a in parsed.elements if "id" in a)
    assert max(identities.values()) == 1


def test_the_same_store_gives_the_same_bytes(site: Site, page: str, tmp_path: Path) -> None:
    assert site.write(tmp_path).read_text("utf-8") == page


def test_comparisons_are_the_reports_tests_unrounded(site: Site, data: dict[str, Any]) -> None:
    cells = read_cells(site.study.trials(), site.store)
    tests = [t for r in build("hostile", cells, site.store) for t in r.verdicts]
    assert len(tests) == len(data["comparisons"]) == 4
    for test, row in zip(tests, data["comparisons"], strict=True):
        assert row[:3] == [test.definition.title, NAMES(test.method), "dev"]
        assert row[3:7] == [test.p_value, test.p_holm, test.p_after, test.p_after_holm]
        assert row[8] == pytest.approx(test.delta, abs=1e-6)
        assert row[9:11] == [None, None], "no interval was asked for"
        scores = [test.system.score, test.baseline.score]
        assert row[12:14] == pytest.approx(scores, abs=1e-6)
        assert row[15] == NAMES(test.encoder)
        settings = [len(cell_of(cells, test, m).finished) for m in ("standard", "cat")]
        assert row[16:18] == [f"{count} x 1" for count in settings]
        assert test.comparison is not None
        assert row[18:20] == [test.comparison.discordant, test.comparison.n]
    assert [row[7] for row in data["comparisons"]] == ["‡", "none", "†", "none"]


def cell_of(cells: Any, test: Any, method: str) -> Any:
    return next(cell for cell in cells if cell.key == (test.task, test.encoder, method))


def test_cells_hold_every_finished_trial_best_first(site: Site, data: dict[str, Any]) -> None:
    for cell in read_cells(site.study.trials(), site.store):
        key = (NAMES.task(cell.definition), NAMES(cell.encoder), NAMES(cell.method))
        shown = next(c for c in data["cells"] if (c["task"], c["encoder"], c["method"]) == key)
        scores = {t.record.signature: t.record.selection_score for t in cell.finished}
        assert dict(zip(shown["trials"], shown["scores"], strict=True)) == pytest.approx(
            scores, abs=1e-6
        )
        assert shown["scores"] == sorted(shown["scores"], reverse=True)
        assert (shown["finished"], shown["wanted"]) == (len(cell.finished), cell.total)


def test_failed_and_pruned_trials_are_listed_with_their_reasons(
    parsed: Parsed, data: dict[str, Any]
) -> None:
    assert parsed.texts["p"][0] == (
        "102 of 104 trials are finished, 1 failed, 1 stopped early, in 8 cells (task, encoder,"
        " method)."
    )
    assert data["failures"]["count"] == 2
    kinds = {row[2]: row[3] for row in data["failures"]["rows"]}
    assert kinds["stopped early"] == "by asha after 1 epoch"
    assert kinds["exception"] == f"{HOSTILE} (on test)"
    assert [len(budget["refused"]) for budget in data["budgets"]] == [0, 0, 1, 0]


def test_numbers_that_are_none_stay_none() -> None:
    with pytest.raises(ValueError, match="JSON"):
        embedded({"score": float("nan")})
    text = embedded({"</script>": "<!-- & \u2028 \ud800"})
    assert not set(text) & set("<>&\u2028\ud800")
    assert json.loads(text) == {"</script>": "<!-- & \u2028 \ud800"}


NOTHING = """
name: none
tasks: [rte]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-5]}
"""


def test_before_anything_is_finished_the_page_says_so(tmp_path: Path) -> None:
    study = parse_study(NOTHING, source="test")
    store = Store(tmp_path / "store", create=True)
    cells = read_cells(study.trials(), store)
    reports = build("none", cells, store)
    extras = Extras(html=True, figures=True, data=None)
    done = publish(read_results(study, store), reports, tmp_path, extras)
    assert [file.name for file in done.files] == ["none.html"]
    assert done.lacking == ("no figures: no trial is finished",)
    text = done.files[0].read_text("utf-8")
    assert "No comparison yet" in text
    assert "<p>0 of 1 trials are finished, in 1 cell (task, encoder, method).</p>" in text


GRID = """
name: grid
tasks: [rte, mrpc, cola]
encoders: [tiny, packaged:minilm]
methods: [standard, cat]
axes:
  lr: [1e-5, 2e-5, 3e-5]
  epsilon: [1e-4, 1e-3, 5e-3, 2e-2]
  tau: [0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
  lambda: [0.1, 0.2, 0.3, 0.4, 0.5]
"""


def test_a_grid_of_360_trials_per_cell_is_small_and_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One such cell is in the store; its numbers stand in for those of the six."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    study = parse_study(GRID, source="test")
    store, rng = Store(tmp_path / "store", create=True), np.random.default_rng(0)
    trials = [trial for trial in study.trials() if trial.cell[:2] == ("rte", "tiny")]
    assert len(trials) == 363
    for trial in trials:
        keep(store, trial, {"dev": int(rng.integers(100, 160))})
    start = time.monotonic()
    extras = Extras(html=True, figures=False, data=tmp_path)
    (file,) = publish(read_results(study, store), [], tmp_path, extras).files
    assert time.monotonic() - start < 10  # a second on a free machine
    assert file.stat().st_size < 5_000_000 / 6
    assert "<p>363 of 2,178 trials are finished, in 12 cells (" in file.read_text("utf-8")
