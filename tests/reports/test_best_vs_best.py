"""Best against best agrees with every swap written out, keeps its level, and refuses its misuse."""

from dataclasses import replace

import numpy as np
import pytest

from reports.statistics import swaps
from reports.statistics.best_vs_best import best_vs_best
from reports.statistics.candidates import Candidates
from reports.statistics.significance import fisher_randomization, mcnemar
from search_spaces.errors import UserError
from tests.references import selection as slow
from tests.reports.cells import candidates, exchangeable
from trainers.records.metrics import Labels

METRICS = ["accuracy", "f1", "mcc", "macro_f1"]


def small(
    n: int, trials: tuple[int, int], n_classes: int, seed: int
) -> tuple[Labels, Labels, Labels]:
    """Gold, baseline and system labels of correlated trials, on all of which someone is wrong."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, n_classes, n)
    rows = np.where(rng.random((sum(trials), n)) < 0.6, gold, rng.integers(0, n_classes, n))
    return gold, rows[: trials[0]], rows[trials[0] :]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("trials", [(1, 1), (1, 4), (3, 5), (4, 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_every_swap(metric: str, trials: tuple[int, int], seed: int) -> None:
    gold, baseline, system = small(8, trials, 2, seed)
    ours = best_vs_best(candidates(gold, baseline, metric), candidates(gold, system, metric))
    greater, less, adjusted = slow.best_vs_best(
        metric, gold.tolist(), baseline.tolist(), system.tolist()
    )
    assert (ours.resamples, ours.seed, ours.standard_error) == (None, None, None)
    assert ours.p_greater == pytest.approx(float(greater), abs=1e-12)
    assert ours.p_less == pytest.approx(float(less), abs=1e-12)
    assert [*ours.p_settings.values()] == pytest.approx([float(p) for p in adjusted], abs=1e-12)
    assert ours.p_value == pytest.approx(min(1.0, 2 * float(min(greater, less))), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_of_many_labels_equals_every_swap(seed: int) -> None:
    gold, baseline, system = small(8, (2, 4), 5, seed)
    ours = best_vs_best(candidates(gold, baseline), candidates(gold, system))
    greater, less, adjusted = slow.best_vs_best(
        "accuracy", gold.tolist(), baseline.tolist(), system.tolist()
    )
    assert (ours.p_greater, ours.p_less) == pytest.approx((float(greater), float(less)))
    assert [*ours.p_settings.values()] == pytest.approx([float(p) for p in adjusted])


@pytest.mark.parametrize("metric", METRICS)
def test_sampled_swaps_equal_the_definition(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leads after given coins, at a size where the fast path cuts blocks, trial by trial."""
    baseline, system = exchangeable(90, (3, 7), metric, seed=4)
    pairs = swaps.pair_up(baseline, system)
    (coins,) = swaps.toss_coins(pairs.movable, 5, np.random.default_rng(1))
    monkeypatch.setattr(swaps, "LOOKUPS", 16)
    gold = baseline.gold
    moves = (np.vstack([baseline.predicted, system.predicted]) != baseline.predicted[0]).any(axis=0)
    order = np.flatnonzero(moves)
    if metric != "accuracy":  # Examples of gold 1 come first.
        order = order[np.argsort(-gold[order], kind="stable")]
    found = swaps.swapped_leads(pairs, coins)
    for toss, row in enumerate(coins):
        full = np.zeros(90, dtype=bool)
        full[order] = row == 1
        for leads, best, cell in zip(found, (baseline, system), (system, baseline), strict=True):
            expected = slow.leads(
                metric,
                gold.tolist(),
                best.predicted[best.best].tolist(),
                cell.predicted.tolist(),
                full.tolist(),
            )
            assert leads[:, toss] == pytest.approx([float(lead) for lead in expected], abs=1e-12)


def test_scores_beyond_the_table_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collapsed trials span more (TP, FP) than are scored ahead; then each is scored by itself."""
    baseline, system = exchangeable(300, (2, 6), "mcc", seed=5)
    constant = np.vstack([np.zeros_like(baseline.gold), np.ones_like(baseline.gold)])
    system = candidates(baseline.gold, np.vstack([system.predicted, constant]), "mcc")
    whole = best_vs_best(baseline, system, resamples=200)
    assert whole.undefined == ("cat-6", "cat-7")
    monkeypatch.setattr(swaps, "LARGEST_TABLE", 0)
    assert best_vs_best(baseline, system, resamples=200) == whole


def test_blocks_do_not_change_the_coins(monkeypatch: pytest.MonkeyPatch) -> None:
    baseline, system = exchangeable(200, (2, 9), "f1", seed=6)
    whole = best_vs_best(baseline, system, resamples=700, seed=3)
    monkeypatch.setattr(swaps, "TOSSES", 11)
    assert best_vs_best(baseline, system, resamples=700, seed=3) == whole
    assert best_vs_best(baseline, system, resamples=700, seed=4) != whole


@pytest.mark.parametrize("metric", ["accuracy", "mcc"])
def test_of_one_trial_each_it_is_the_ordinary_test(metric: str) -> None:
    baseline, system = exchangeable(400, (1, 1), metric, seed=8)
    labels = (baseline.gold, baseline.predicted[0], system.predicted[0])
    plain = mcnemar(*labels) if metric == "accuracy" else fisher_randomization(*labels, metric)
    ours = best_vs_best(baseline, system)
    assert ours.delta == plain.delta
    assert ours.standard_error is not None
    assert 0.01 < plain.p_value < 0.9
    assert ours.p_value == pytest.approx(plain.p_value, abs=10 * ours.standard_error)


def test_coins_are_fair_and_independent() -> None:
    (coins,) = swaps.toss_coins(130, 1000, np.random.default_rng(0))
    assert coins.shape == (1000, 130)
    assert set(np.unique(coins)) == {0.0, 1.0}
    assert abs(coins.mean() - 0.5) < 5 * 0.5 / 130_000**0.5
    correlation = np.corrcoef(coins.T) - np.eye(130)
    assert np.abs(correlation).max() < 6 / 1000**0.5


@pytest.mark.parametrize("metric", METRICS)
def test_equal_trials_have_p_one_and_no_mark(metric: str) -> None:
    gold, baseline, _ = small(40, (1, 1), 2, 0)
    ours = best_vs_best(
        candidates(gold, baseline, metric), candidates(gold, np.repeat(baseline, 5, 0), metric)
    )
    assert (ours.p_value, ours.p_greater, ours.p_less, ours.delta) == (1, 1, 1, 0)
    assert [*ours.p_settings.values()] == [1] * 5


def test_the_best_trial_has_the_smallest_p_and_a_clear_win_reaches_the_floor() -> None:
    baseline, strong = exchangeable(600, (3, 20), seed=2, gain=0.09)
    rows = np.vstack([strong.predicted, baseline.predicted[:1]])
    system = candidates(baseline.gold, rows)
    ours = best_vs_best(baseline, system, resamples=999)
    scores = system.scores.values
    assert tuple(ours.p_settings) == system.trials
    assert ours.p_greater == ours.p_settings[ours.system_setting] == 1 / 1000
    by_score = [ours.p_settings[system.trials[place]] for place in np.argsort(-scores)]
    assert by_score == sorted(by_score)
    assert by_score[-1] > by_score[0]
    assert ours.p_less == 1.0
    assert ours.p_value == 2 / 1000


def test_cells_that_change_places_change_tails() -> None:
    baseline, system = exchangeable(500, (3, 20), seed=2, settings=((0.0,), (0.02, -0.2)))
    one, other = best_vs_best(baseline, system), best_vs_best(system, baseline)
    assert (one.p_greater, one.p_less) == (other.p_less, other.p_greater)
    assert one.delta == -other.delta


def with_worse(cell: Candidates, trials: int, share: float) -> Candidates:
    """More trials: the best one with a share of its labels turned."""
    rng = np.random.default_rng(0)
    best = cell.predicted[cell.best]
    worse = np.where(rng.random((trials, best.size)) < share, 1 - best, best)
    rows = np.vstack([cell.predicted, worse])
    return candidates(cell.gold, rows, cell.metric.name, cell=cell.cell)


@pytest.mark.parametrize("metric", ["accuracy", "mcc"])
def test_worse_baseline_trials_do_not_make_the_best_one_easier_to_beat(metric: str) -> None:
    """In which of its settings a baseline is bad says nothing about its good one."""
    baseline, system = exchangeable(500, (1, 12), metric, seed=6, gain=0.02)
    alone = best_vs_best(baseline, system)
    assert 0.01 < alone.p_greater < 0.5
    beside = best_vs_best(with_worse(baseline, 11, 0.1), system)
    assert beside.p_greater == pytest.approx(alone.p_greater, abs=0.02)
    swapped = best_vs_best(with_worse(system, 60, 0.1), baseline)
    assert swapped.p_greater > 0.5, "nor does it make a loss of that one"


def test_collapsed_system_trials_do_not_hide_a_gain() -> None:
    """Centred at no difference, what swaps do to them would be wider than any gain."""
    baseline, system = exchangeable(500, (3, 4), seed=6, gain=0.05)
    alone, beside = (
        best_vs_best(baseline, cell) for cell in (system, with_worse(system, 40, 0.45))
    )
    assert alone.p_value < 0.05
    assert beside.p_value == pytest.approx(alone.p_value, abs=0.01)
    assert min([*beside.p_settings.values()][4:]) > 0.4


@pytest.mark.parametrize("seed", range(5))
def test_allowing_for_a_choice_never_makes_p_smaller(seed: int) -> None:
    baseline, system = exchangeable(11, (3, 8), "f1", seed=seed, settings=((0, -0.3), (0, -0.3)))
    ours = best_vs_best(baseline, system)
    pair = baseline.predicted[baseline.best], system.predicted[system.best]
    given = fisher_randomization(baseline.gold, *pair, "f1", 2)
    assert ours.resamples is None
    assert ours.p_value >= given.p_value - 1e-12


def test_signature_says_what_was_chosen_from_what() -> None:
    ours = best_vs_best(*exchangeable(100, (3, 20), seed=2), resamples=99, seed=7)
    start = f"sel:best20-vs-best3|p_sel:{ours.p_value:.4g}|p_sel_greater:{ours.p_greater:.4g}"
    assert ours.signature() == f"{start}|se_sel:{ours.standard_error:.2g}|R:99|seed:7"
    exact = best_vs_best(*exchangeable(8, (1, 2), seed=2))
    assert exact.resamples is None
    assert "seed" not in exact.signature()


def test_the_order_of_examples_and_of_trials_does_not_matter() -> None:
    baseline, system = exchangeable(10, (2, 5), "f1", seed=9)
    mixed = np.random.default_rng(0).permutation(10)
    other = replace(
        system,
        ids=tuple(system.ids[place] for place in mixed),
        gold=system.gold[mixed],
        predicted=system.predicted[:, mixed],
    )
    assert best_vs_best(baseline, other) == best_vs_best(baseline, system)
    turned = replace(system, predicted=system.predicted[::-1], trials=system.trials[::-1])
    again = best_vs_best(baseline, turned)
    assert again.p_settings == best_vs_best(baseline, system).p_settings


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"sampled": "adaptive"}, "cat: its trials were drawn by an adaptive search; best against"),
        ({"pruned": 4}, "cat: 4 of its trials were pruned"),
        ({"missing": 2}, "cat: 2 of its trials are not finished"),
    ],
)
def test_a_search_that_it_is_not_valid_for(how: dict[str, object], message: str) -> None:
    baseline, system = exchangeable(30, (2, 3), seed=0)
    wrong = replace(system, design=replace(system.design, **how))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        best_vs_best(baseline, wrong)
    with pytest.raises(UserError, match=message):
        best_vs_best(wrong, baseline)


def test_failed_trials_do_not_forbid_it() -> None:
    baseline, system = exchangeable(30, (2, 3), seed=0)
    failed = replace(system, design=replace(system.design, failed=3))
    assert best_vs_best(baseline, failed) == best_vs_best(baseline, system)


def test_more_than_two_labels_need_accuracy() -> None:
    gold, baseline, system = small(30, (1, 2), 4, 0)
    with pytest.raises(
        UserError, match="cat: best against best supports accuracy, and other metrics with two"
    ):
        best_vs_best(candidates(gold, baseline, "mcc"), candidates(gold, system, "mcc"))


def test_no_resamples() -> None:
    with pytest.raises(ValueError, match="resamples: expected at least 1, got 0"):
        best_vs_best(*exchangeable(30, (2, 3), seed=0), resamples=0)
