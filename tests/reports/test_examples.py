import csv
from pathlib import Path

import numpy as np
import pytest

from reports.page.examples import (
    LONGEST,
    MOST_ROWS,
    Discordant,
    clip_text,
    find_discordant,
    share_rows,
)
from reports.page.texts import Texts
from reports.results.failures import read_failures
from reports.tables.report import Report
from search_spaces.errors import UserError
from tests.reports.pages import HOSTILE, Site, build_site
from tests.reports.stores import build, read_cells
from trainers.data.loading import load_task


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def reports(site: Site) -> list[Report]:
    return build("hostile", read_cells(site.study.trials(), site.store), site.store)


def examples(site: Site, reports: list[Report], data: Path | None = None) -> tuple[Discordant, ...]:
    labels = {
        cell.task: cell.finished[0].record.labels
        for cell in read_cells(site.study.trials(), site.store)
        if cell.finished
    }
    return find_discordant(reports, labels, Texts(data or site.data))


def test_they_are_what_exactly_one_trial_gets_right(site: Site, reports: list[Report]) -> None:
    found = examples(site, reports)
    tests = [test for report in reports for test in report.verdicts]
    assert len(found) == len(tests) == 4
    for one, test in zip(found, tests, strict=True):
        rights = []
        for (trial,) in one.trials:
            kept = site.store.predictions(site.store.record(trial), "dev")
            rows = zip(kept.ids, kept.gold.tolist(), kept.logits, strict=True)
            rights.append({name: int(np.argmax(row)) == gold for name, gold, row in rows})
        first, second = rights
        wins = {name for name in first if second[name] and not first[name]}
        losses = {name for name in first if first[name] and not second[name]}
        assert {example.id for example in one.examples if example.right == "system"} == wins
        assert {example.id for example in one.examples if example.right == "baseline"} == losses
        assert (one.wins, one.losses) == (len(wins), len(losses))
        assert test.comparison is not None
        assert one.wins + one.losses == test.comparison.discordant
    assert sum(one.wins for one in found) > 0


def test_texts_are_those_of_the_data_folder(site: Site, reports: list[Report]) -> None:
    written = (site.data / "rte" / "validation.csv").open(encoding="utf-8", newline="")
    with written as file:
        rows = list(csv.DictReader(file))
    first = examples(site, reports)[0]
    assert (first.task, first.encoder, first.no_texts) == ("rte", "tiny", "")
    for example in first.examples:
        row = rows[int(example.id.removeprefix("dev-"))]
        whole = f"sentence1: {row['sentence1']}\nsentence2: {row['sentence2']}"
        assert example.text == clip_text(whole)
        assert example.gold != example.baseline
        assert example.gold == example.system
    assert any(
        HOSTILE in (example.text or "")
        for one in examples(site, reports)
        for example in one.examples
    )


def test_a_long_text_is_cut_visibly() -> None:
    assert clip_text("x" * LONGEST) == "x" * LONGEST
    assert clip_text("x" * (LONGEST + 1)) == "x" * (LONGEST - 1) + "…"


def test_rows_are_bounded_over_all_comparisons(
    site: Site, reports: list[Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_ROWS >= 1_000
    monkeypatch.setattr("reports.page.examples.MOST_ROWS", 8)
    found = examples(site, reports)
    assert [len(one.examples) for one in found] == [min(2, one.wins + one.losses) for one in found]


def test_what_a_comparison_leaves_of_its_share_is_for_the_others() -> None:
    assert share_rows(10, [8, 1, 9]) == [4, 1, 5]
    assert share_rows(10, [3, 0, 4]) == [3, 0, 4]
    assert share_rows(2, [5, 5, 5]) == [0, 1, 1]
    assert share_rows(2, []) == []


def test_other_data_than_the_trials_saw_is_not_shown(
    site: Site, reports: list[Report], tmp_path: Path
) -> None:
    for name in ("rte", "mrpc"):
        for file in (site.data / name).iterdir():
            text = file.read_text("utf-8")
            copy = tmp_path / name / file.name
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(text.replace("second 7", "other 7"), "utf-8")
    for one in examples(site, reports, tmp_path):
        assert "not those that were predicted" in one.no_texts
        assert {example.text for example in one.examples} <= {None}
    missing = examples(site, reports, tmp_path / "none")
    assert "does not exist" in missing[0].no_texts
    assert [len(one.examples) for one in missing] == [one.wins + one.losses for one in missing]


def test_a_split_that_was_carved_out_of_another_finds_its_texts(site: Site) -> None:
    train = load_task("rte", site.data).splits["train"]
    some = train.take([5, 3, 8])
    held = some.ids, some.labels
    found = Texts(site.data).read("rte", "heldout", *held, some.fingerprint())
    assert [text.split("\n")[0][:17] for text in found] == ["sentence1: train " for _ in range(3)]
    assert [f"train {row} " in text for row, text in zip((5, 3, 8), found, strict=True)] == [
        True
    ] * 3
    with pytest.raises(UserError, match="not those that were predicted"):
        Texts(site.data).read("rte", "heldout", *held, "0" * 16)
    with pytest.raises(UserError, match="not those that were predicted"):
        Texts(site.data).read("rte", "test", *held, some.fingerprint())


def test_failures_say_what_ended_a_trial(site: Site) -> None:
    found = read_failures(site.study.trials(), site.store)
    assert [one.kind for one in found] == ["stopped early", "exception"]
    assert found[1].reason == f"{HOSTILE} (on test)"
    named = {trial.signature: trial.describe() for trial in site.study.trials()}
    assert [named[one.trial] for one in found] == [one.settings for one in found]
