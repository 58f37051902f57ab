"""False positive rate and power of each test: prints JSON.

    python -m tests.benchmarks.calibration --replicates 400

Cells are simulated at the size of CoLA's dev set, and the best of many system trials is compared
with the best of few baseline trials. `naive` is the paper's mark: the ordinary two-sided test of
the two best trials (McNemar for accuracy, Fisher randomization for F1 and MCC) with p < .05 and the
system ahead, which for two given systems has a rate of 2.5 %. `best_vs_best` is the one-sided p <=
.05, `two_sided` the two-sided p <= .05 with the system ahead, `behind` the one-sided p <= .05 with
the baseline ahead. `error` is half the width of the 95 % interval of a rate of .05 over the number
of replicates, and `verdict` compares `best_vs_best` with .05 if no system is better.

The scenarios are exchangeable trials at several budgets; grids whose settings differ in quality,
with equally good best settings; a gain of all system trials; and the caveats. These are: trials
that differ in true quality, as seeds may, so that the larger cell finds the better trial and the
test correctly, but perhaps unexpectedly, says so (the difference at equal budgets, `matched_delta`,
stays at 0); a rare label; and trials whose epoch was chosen on the same examples, in both cells, or
in the system's alone, for which tables have no double dagger.

`--worlds 400` compares the test of methods over seeds with common alternatives (`seed_worlds.py`),
`--choices 200` the marks of chosen settings with seeds (`chosen_worlds.py`), and `--multiplier
2000` best against best with M(1), a bootstrap that has more power (`multiplier_worlds.py`).

`--tables 400` takes 400 studies without a better method from trials in a store to the marks of a
table: `daggers` and `double_daggers` are the shares of studies with one. A two-sided p < .05 in the
system's favour is expected in .025 of them; `error` is half the width of its 95 % interval.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from unittest.mock import patch

from reports.statistics.best_vs_best import best_vs_best
from reports.statistics.budget import compare_budgets
from reports.statistics.significance import fisher_randomization, mcnemar
from tests.benchmarks.chosen_worlds import GAINS as CHOSEN_GAINS
from tests.benchmarks.chosen_worlds import NULLS as CHOSEN_NULLS
from tests.benchmarks.chosen_worlds import rates as rates_of_choices
from tests.benchmarks.multiplier_worlds import rates_of_all
from tests.benchmarks.seed_worlds import GAINS, NULLS, error
from tests.benchmarks.seed_worlds import rates as rates_of_worlds
from tests.reports.cells import DIFFICULTY, exchangeable
from tests.reports.nulls import marks_of_a_null

ITEMS = 1_043
LEVEL = 0.05
METRICS = ("accuracy", "f1", "mcc")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The parameters of `exchangeable`: trials of baseline and system, the system's gain, etc."""

    trials: tuple[int, int] = (3, 360)
    gain: float = 0.0
    spread: float = 0.0
    settings: tuple[tuple[float, ...], tuple[float, ...]] = ((0.0,), (0.0,))
    positive: float = 0.69
    difficulty: tuple[float, float] = DIFFICULTY
    epochs: tuple[int, int] = (1, 1)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Shares of replicates, and means over them."""

    naive: float
    best_vs_best: float
    two_sided: float
    behind: float
    error: float
    verdict: str | None
    delta: float
    matched_delta: float


SCENARIOS = {
    "null, 360 against 3": Scenario(),
    "null, 12 against 3": Scenario(trials=(3, 12)),
    "null, 3 against 3": Scenario(trials=(3, 3)),
    "null, 3 against 360": Scenario(trials=(360, 3)),
    "null, 360 against 1": Scenario(trials=(1, 360)),
    "null, 1 against 1": Scenario(trials=(1, 1)),
    "settings, baseline's 0, -3, -6 points": Scenario(
        trials=(3, 12), settings=((0.0, -0.03, -0.06), (0.0,))
    ),
    "settings, baseline's 0, -1, -2 points": Scenario(
        trials=(3, 12), settings=((0.0, -0.01, -0.02), (0.0,))
    ),
    "settings, one of 12 of the baseline's is good": Scenario(
        trials=(12, 3), settings=((0.0, *[-0.05] * 11), (0.0,))
    ),
    "settings, one of 36 of the system's is good": Scenario(
        trials=(3, 36), settings=((0.0,), (0.0, *[-0.03] * 35))
    ),
    "settings, both 0, -2, -10 points": Scenario(
        trials=(3, 36), settings=((0.0, -0.02, -0.1), (0.0, -0.02, -0.1))
    ),
    "settings, gain of 3 points, two of three collapse": Scenario(
        trials=(3, 36), gain=0.03, settings=((0.0,), (0.0, -0.4, -0.4))
    ),
    "gain of 1 point": Scenario(gain=0.01),
    "gain of 2 points": Scenario(gain=0.02),
    "caveat, quality spreads by .2 points": Scenario(spread=0.002),
    "caveat, quality spreads by .4 points": Scenario(spread=0.004),
    "caveat, quality spreads by .8 points": Scenario(spread=0.008),
    "caveat, 2 % of gold 1": Scenario(trials=(1, 360), positive=0.02, difficulty=(0.58, 0.018)),
    "epochs, best of 10 of both": Scenario(trials=(1, 12), epochs=(10, 10)),
    "epochs, best of 10 against last": Scenario(trials=(1, 12), epochs=(1, 10)),
}


def rates(
    scenario: Scenario, metric: str, replicates: int, resamples: int, items: int = ITEMS
) -> Rates:
    """Simulate a scenario; replicate k is drawn and resampled with seed k."""
    found = [_replicate(scenario, metric, seed, resamples, items) for seed in range(replicates)]
    naive, one, two, behind, delta, matched = (fmean(column) for column in zip(*found, strict=True))
    error = 1.96 * (LEVEL * (1 - LEVEL) / replicates) ** 0.5
    return Rates(
        naive=round(naive, 4),
        best_vs_best=round(one, 4),
        two_sided=round(two, 4),
        behind=round(behind, 4),
        error=round(error, 4),
        verdict=None if scenario.gain or scenario.spread else _verdict(one, error),
        delta=round(delta, 4),
        matched_delta=round(matched, 4),
    )


def _verdict(rate: float, error: float) -> str:
    if abs(rate - LEVEL) <= error:
        return "within"
    return "below" if rate < LEVEL else "above"


def _replicate(
    scenario: Scenario, metric: str, seed: int, resamples: int, items: int
) -> tuple[float, ...]:
    baseline, system = exchangeable(items, metric=metric, seed=seed, **vars(scenario))
    pair = (system.gold, baseline.predicted[baseline.best], system.predicted[system.best])
    plain = mcnemar(*pair) if metric == "accuracy" else fisher_randomization(*pair, metric, 2)
    ours = best_vs_best(baseline, system, resamples=resamples, seed=seed)
    ahead = ours.delta > 0
    return (
        plain.p_value < LEVEL and ahead,
        ours.p_greater <= LEVEL,
        ours.p_value <= LEVEL and ahead,
        ours.p_less <= LEVEL,
        ours.delta,
        compare_budgets(baseline.scores, system.scores).matched_delta,
    )


def mark_rates(
    metric: str, replicates: int, trials: tuple[int, int] = (3, 360), items: int = ITEMS
) -> dict[str, float]:
    """Simulate studies without a better method; replicate k is drawn with seed k."""
    marks = []
    with patch("os.fsync"):  # Made-up trials need not survive a power cut.
        for seed in range(replicates):
            with TemporaryDirectory() as folder:
                marks.append(marks_of_a_null(Path(folder), metric, trials, items, seed))
    daggers, double = (fmean(column) for column in zip(*marks, strict=True))
    error = 1.96 * (LEVEL / 2 * (1 - LEVEL / 2) / replicates) ** 0.5
    rounded = {"daggers": daggers, "double_daggers": double, "error": error}
    return {name: round(value, 4) for name, value in rounded.items()}


def choices(worlds: int) -> dict[str, object]:
    """Return the rates of all marks of chosen settings, in every kind of world."""
    found = [
        {**asdict(world), **rates_of_choices(world, worlds)}
        for world in (*CHOSEN_NULLS, *CHOSEN_GAINS)
    ]
    return {"worlds": worlds, "error": error(worlds), "rates": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--metrics", nargs="*", default=[*METRICS], choices=METRICS)
    parser.add_argument("--scenarios", nargs="*", default=[*SCENARIOS], choices=[*SCENARIOS])
    parser.add_argument("--tables", type=int, metavar="REPLICATES", help="count marks of tables")
    parser.add_argument("--worlds", type=int, help="simulate methods whose seeds differ")
    parser.add_argument("--choices", type=int, help="simulate choices among settings with seeds")
    parser.add_argument("--multiplier", type=int, help="simulate M(1) beside best against best")
    options = parser.parse_args()
    if options.multiplier:
        print(json.dumps(rates_of_all(options.multiplier), indent=1))  # noqa: T201
        return
    if options.choices:
        print(json.dumps(choices(options.choices), indent=1))  # noqa: T201
        return
    if options.worlds:
        told = {"worlds": options.worlds, "error": error(options.worlds)}
        found = [
            {**asdict(world), **rates_of_worlds(world, options.worlds)}
            for world in (*NULLS, *GAINS)
        ]
        print(json.dumps({**told, "rates": found}, indent=1))  # noqa: T201
        return
    if options.tables:
        marks = {metric: mark_rates(metric, options.tables) for metric in options.metrics}
        print(json.dumps({"replicates": options.tables, "marks": marks}, indent=1))  # noqa: T201
        return
    report = {
        name: {
            metric: asdict(rates(SCENARIOS[name], metric, options.replicates, options.resamples))
            for metric in options.metrics
        }
        for name in options.scenarios
    }
    whole = {"replicates": options.replicates, "resamples": options.resamples, "items": ITEMS}
    print(json.dumps({**whole, "scenarios": report}, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
