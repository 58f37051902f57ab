"""The table of what a choice is worth: every number against one worked out by itself."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from reports.tables.selection_table import selection_table
from reports.tables.table import Table
from reports.verdicts.judge import judge
from tests.references import selection as slow
from tests.reports.stores import predict, prune, read_cells, results_of, trials, words_of
from tests.results import labelled, result_of
from trainers.records.metrics import Labels
from trainers.records.store import Store

HEADINGS = (
    "Settings",
    "Seeds",
    "Trials",
    "Best setting / score",
    "Best setting / honest",
    "Gain on Standard / best",
    "Gain on Standard / matched",
    "Gain on Standard / least",
    "p / naive",
    "p / after choice",
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def predictions() -> tuple[Labels, Labels]:
    """Eight examples; two baseline and four system trials."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 2, 8)
    right = rng.random((6, 8)) < np.array([[0.4]] * 2 + [[0.8]] * 4)
    return gold, np.where(right, gold, 1 - gold)


def table_of(store: Store, *, more: int = 0) -> Table:
    """With `more` system trials than are finished."""
    gold, rows = predictions()
    predict(store, trials("standard", 2), gold, rows[:2])
    predict(store, trials("cat", 4), gold, rows[2:])
    cells = read_cells([*trials("standard", 2), *trials("cat", 4 + more)], store)
    results = results_of(cells, store)
    return selection_table(results, judge(results))


def test_every_number_is_what_it_says(store: Store) -> None:
    table = table_of(store)
    gold, rows = predictions()
    shares = [Fraction(int(count), 8) for count in (rows == gold).sum(axis=1)]
    baseline, system = shares[:2], shares[2:]
    best = rows[shares.index(max(baseline))], rows[2 + system.index(max(system))]
    only = [int(((a == gold) & (b != gold)).sum()) for a, b in (best, best[::-1])]
    greater, less, _ = slow.best_vs_best(
        "accuracy", gold.tolist(), rows[:2].tolist(), rows[2:].tolist()
    )
    assert table.headings == HEADINGS
    assert [row.labels for row in table.rows] == [
        ("RTE (accuracy)", "Tiny", "Standard"),
        ("RTE (accuracy)", "Tiny", "CAT"),
    ]
    values = dict(zip(HEADINGS, (cell.value for cell in table.rows[1].cells), strict=True))
    assert values["Trials"] == 4
    assert values["Best setting / score"] == float(max(system))
    assert values["Gain on Standard / best"] == float(max(system) - max(baseline))
    matched = slow.expected_best(system, 2) - max(baseline)
    assert values["Gain on Standard / matched"] == pytest.approx(float(matched))
    assert values["Gain on Standard / least"] == least_gap(sum(only))
    assert values["p / naive"] == pytest.approx(stats.binomtest(only[0], sum(only)).pvalue)
    after = min(1.0, 2 * float(min(greater, less)))
    assert values["p / after choice"] == pytest.approx(after)


def least_gap(discordant: int, n: int = 8) -> float | None:
    """The least |b - c| / n with b + c discordant that McNemar's exact test calls significant."""
    gaps = [
        abs(discordant - 2 * b)
        for b in range(discordant + 1)
        if stats.binomtest(b, discordant).pvalue < 0.05
    ]
    return min(gaps) / n if gaps else None


def test_honest_is_the_mean_of_what_bootstrap_samples_leave_out(store: Store) -> None:
    gold, rows = predictions()
    samples = np.random.default_rng(1).integers(0, 8, size=(4_000, 8)).tolist()
    expected = slow.honest("accuracy", gold.tolist(), rows[2:].tolist(), samples)
    honest = table_of(store).rows[1].cells[4].value
    assert honest is not None
    assert float(honest) == pytest.approx(float(expected), abs=0.03)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (
            (0.5, 1.0, 1.0),
            "RTE Tiny Standard: its score is that of the last epoch, 75.0;"
            " after epoch 2 of 4 it was 100.0.",
        ),
        ((0.5, 0.75, 0.5), None),
    ],
)
def test_the_best_epoch_is_beside_the_last(
    scores: tuple[float, ...], said: str | None, store: Store
) -> None:
    gold = np.arange(4) % 2
    (trial,) = trials("standard", 1)
    found = result_of(trial, {"dev": labelled(gold, np.array([0, 1, 0, 0]))})
    (last,) = found.record.epochs
    curve = [
        last.model_copy(update={"epoch": place, "score": score})
        for place, score in enumerate((*scores, last.score), 1)
    ]
    record = found.record.model_copy(update={"epochs": tuple(curve)})
    store.commit(trial, replace(found, record=record))
    cells = read_cells([trial], store)
    results = results_of(cells, store)
    notes = selection_table(results, judge(results)).notes
    assert [note for note in notes if "its score is" in note] == ([said] if said else [])


def test_a_baseline_has_its_own_numbers_only(store: Store) -> None:
    row = table_of(store).rows[0]
    assert [cell.value is None for cell in row.cells] == [False] * 5 + [True] * 5


def test_what_pruned_trials_forbid_is_a_dash_and_a_reason(store: Store) -> None:
    prune(store, trials("cat", 5)[4])
    table = table_of(store, more=1)
    values = dict(zip(HEADINGS, (cell.value for cell in table.rows[1].cells), strict=True))
    assert {name for name, value in values.items() if value is None} == {
        "Best setting / honest",
        "Gain on Standard / matched",
        "p / after choice",
    } | ({"Gain on Standard / least"} if values["Gain on Standard / least"] is None else set())
    assert table.notes[-1] == "rte/tiny/cat: refused: rte/tiny/cat: 1 of its trials was pruned"
    assert "Of 7 trials 1 was stopped early." in words_of(table)


def test_no_number_is_called_the_best(store: Store) -> None:
    assert not any(best for row in table_of(store).best() for best in row)


def test_a_note_says_what_budgets_would_do(store: Store) -> None:
    gold, rows = predictions()
    (note,) = table_of(store).signatures
    fields = dict(part.split(":", 1) for part in note.split(": ", 1)[1].split("|"))
    shares = [Fraction(int(count), 8) for count in (rows == gold).sum(axis=1)]
    top, system = max(shares[:2]), shares[2:]
    assert fields["expected_best_of_2"] == f"{float(slow.expected_best(system, 2)):.4f}"
    assert fields["beats_best_standard"] == f"{float(slow.beats(system, 2, top)):.3f}"
    half = [n for n in range(1, 5) if slow.beats(system, n, top) >= Fraction(1, 2)]
    assert fields["even_in_half"] == str(half[0] if half else "never")
    mean = [n for n in range(1, 5) if slow.expected_best(system, n) > top]
    assert fields["even_in_mean"] == str(mean[0] if mean else "never")
