"""The smallest gain of a method that a study can detect with its examples and seeds.

In: a study, its store, and, if given, a gain to look for. Out: a `TaskPower` for each task, and its
text and JSON. The power is that of the test of methods (`reports/statistics/method_test.py`) on the
split that the tables report last. How much predictions vary is measured in the study's last report;
for a task that has no such test there, the defaults of `Variation` are assumed.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from reports.statistics.method_test import Effects, MethodTest
from reports.statistics.power import POWER, Experiment, Variation, find_examples, find_seeds
from search_spaces.study import Study
from search_spaces.tasks import Task

if TYPE_CHECKING:
    from trainers.records.store import Store

DEFAULT_SEEDS: Final = 5
"""Seeds assumed for a study with a single seed, which cannot show anything about methods."""
MORE_SEEDS: Final = (10, 20, 50, 100, 200, 500)
"""Numbers of seeds to try if more examples alone are not enough to detect a gain."""


@dataclass(frozen=True, kw_only=True)
class TaskPower:
    """The power on one task: examples of a split, seeds of each setting, smallest detectable gain.

    `takes` are the pairs (seeds, examples) that are enough for a gain to look for: more seeds on
    these examples, more examples with these seeds or, if neither is ever enough, more of both.
    `measured` is how predictions vary in the study's last report, None if defaults are assumed.
    """

    task: str
    title: str
    split: str
    examples: int
    seeds: int
    smallest_gain: float
    takes: tuple[tuple[int, int], ...] = ()
    measured: Variation | None = None


def estimate_power(
    study: Study, detect: float | None = None, store: "Store | None" = None
) -> list[TaskPower]:
    """Compute the smallest detectable gain on each task; `detect` is a gain between 0 and 1.

    A task is left out if its examples are not counted yet, or if it has fewer than two methods.
    """
    found, counts = [], _count_seeds(study)
    variations = read_variations(store.reports / study.name) if store else {}
    for name in study.tasks:
        seeds = counts.get(name, 0)
        split, examples = _find_claim_split(study, study.task(name))
        if examples < 2 or len(_list_methods(study, name)) < 2:
            continue
        variation = variations.get(name)
        experiment = Experiment(
            examples=examples,
            seeds=seeds if seeds > 1 else DEFAULT_SEEDS,
            variation=variation or Variation(),
        )
        found.append(
            TaskPower(
                task=name,
                title=study.task(name).title,
                split=split,
                examples=examples,
                seeds=seeds,
                smallest_gain=experiment.smallest_gain(),
                takes=_find_sufficient(experiment, detect) if detect else (),
                measured=variation,
            )
        )
    return found


def read_variations(reports: Path) -> dict[str, Variation]:
    """Return how predictions vary on each task: means over the tests in a study's report.

    The result is empty if there is no report, or if another version wrote it.
    """
    try:
        entries = json.loads((reports / "comparisons.json").read_bytes())
        tests = [(entry["task"], entry["gain"]) for entry in entries if entry["gain"]]
        by_task: dict[str, list[Variation]] = {}
        for task, gain in tests:
            by_task.setdefault(task, []).append(Variation.from_test(_parse_test(gain)))
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {task: _mean(variations) for task, variations in by_task.items()}


def _parse_test(gain: dict[str, Any]) -> MethodTest:
    effects = Effects(**gain["effects"])
    pairs = {name: tuple(gain[name]) for name in ("seeds", "deviations")}
    return MethodTest(**gain | pairs | {"effects": effects})


def _mean(variations: Sequence[Variation]) -> Variation:
    return Variation(
        **{
            name: fmean(getattr(one, name) for one in variations)
            for name in ("discordant", "repeated", "seed_deviation")
        }
    )


def _find_sufficient(experiment: Experiment, gain: float) -> tuple[tuple[int, int], ...]:
    seeds, examples = find_seeds(experiment, gain), find_examples(experiment, gain)
    found = [(seeds, experiment.examples)] if seeds else []
    found += [(experiment.seeds, examples)] if examples else []
    if found:
        return tuple(dict.fromkeys(found))
    both = ((n, find_examples(replace(experiment, seeds=n), gain)) for n in MORE_SEEDS)
    return tuple((n, needed) for n, needed in both if needed)[:1]


def _list_methods(study: Study, task: str) -> set[str]:
    return {method for part in study.parts if task in part.tasks for method in part.methods}


def _count_seeds(study: Study) -> dict[str, int]:
    """Count the seeds of each setting by task: the fewest of any of its methods."""
    by_method: dict[tuple[str, str], set[int]] = {}
    for trial in study.trials():
        by_method.setdefault((trial.task, trial.method.name), set()).add(trial.seed)
    found: dict[str, int] = {}
    for (task, _), seeds in by_method.items():
        found[task] = min(len(seeds), found.get(task, len(seeds)))
    return found


def _find_claim_split(study: Study, task: Task) -> tuple[str, int]:
    """Return the labelled split that a claim is about, and how many of its examples are used."""
    split = "test" if task.counts.get("test") else "dev"
    most = {part.max_eval_samples for part in study.parts if task.name in part.tasks}
    counted = task.counts.get(split, 0)
    limits = [limit for limit in most if limit is not None]
    return split, min([counted, *limits]) if split == "dev" else counted


def describe_power(found: Sequence[TaskPower], detect: float | None = None) -> list[str]:
    """Describe the power in sentences; nothing if no two methods are compared."""
    if not found:
        return []
    seeds = {one.seeds for one in found}
    seeds_text = f"{DEFAULT_SEEDS if seeds == {1} else min(seeds)} seeds"
    gains = "; ".join(
        f"{one.title} {100 * one.smallest_gain:.1f} ({one.examples:,} {one.split} examples)"
        for one in found
    )
    lines = []
    if 1 in seeds:
        lines.append(
            "A method has one seed: the results can show that one trained model is better than"
            " another, but not that a method is. Set seeds: [0, 1, 2, 3, 4] in the study for that."
        )
    lines.append(
        f"Smallest gain in points that the test of methods detects with power {POWER:g} and"
        f" {seeds_text} of each setting (two-sided, p < .05, for accuracy): {gains}."
    )
    if detect is not None:
        lines += [_describe_sufficient(one, detect) for one in found]
    for one in found:
        if one.measured:
            lines.append(
                f"Measured on {one.title} in the last report: {_describe_variation(one.measured)}."
            )
    if any(one.measured is None for one in found):
        elsewhere = " elsewhere" if any(one.measured for one in found) else ""
        lines.append(f"Assumed{elsewhere}: {_describe_variation(Variation())}.")
    return lines


def _describe_variation(variation: Variation) -> str:
    return (
        f"exactly one of two models is right on {variation.discordant:.0%} of the examples;"
        f" {variation.repeated:.0%} of that repeats with other seeds; a score's standard deviation"
        f" over seeds is {100 * variation.seed_deviation:.2g} points"
    )


def _describe_sufficient(one: TaskPower, detect: float) -> str:
    """Describe how many seeds and examples are enough to detect a gain on one task."""
    points = f"{100 * detect:g} point{'' if detect == 0.01 else 's'}"
    ways = " or ".join(f"{seeds:,} seeds on {n:,} examples" for seeds, n in one.takes)
    if any(n == one.examples for _, n in one.takes):
        return f"Detecting a gain of {points} on {one.title} takes {ways}."
    return (
        f"A gain of {points} on {one.title} cannot be detected on its {one.examples:,} examples"
        f" with any number of seeds; it takes {ways or 'more examples than are feasible'}."
    )


def power_json(found: Sequence[TaskPower]) -> list[dict[str, Any]]:
    """Return the same as JSON, with gains between 0 and 1."""
    return [asdict(one) | {"power": POWER} for one in found]
