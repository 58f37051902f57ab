"""What a study can show: the smallest gain of a method that its examples and seeds let be seen.

In: a study, its store, and a gain to look for or none. Out: a `Showing` for each task, and its text
and JSON. It speaks of the test of methods (`reports/statistics/method_test.py`) on the split that
tables end with. How predictions vary is taken from the tests of methods in the study's last report
where it has some on a task, and is else as `Variation` has it by default.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from reports.statistics.method_test import Effects, MethodTest
from reports.statistics.power import POWER, Plan, Variation, find_examples, find_seeds
from search_spaces.study import Study
from search_spaces.tasks import Task

if TYPE_CHECKING:
    from trainers.records.store import Store

ADVISED: Final = 5
"""Seeds that are spoken of where a study has one, which says nothing of methods."""
MORE_SEEDS: Final = (10, 20, 50, 100, 200, 500)
"""Tried where more examples alone do not find a gain."""


@dataclass(frozen=True, kw_only=True)
class Showing:
    """Of one task: its examples on a split, the seeds of each setting, and the smallest gain.

    `takes` are the pairs (seeds, examples) that find a gain to look for: more seeds on these
    examples, more examples with these seeds, or, where neither is ever enough, more of both.
    `measured` is how predictions vary in the study's last report, None where defaults are taken.
    """

    task: str
    title: str
    split: str
    examples: int
    seeds: int
    smallest_gain: float
    takes: tuple[tuple[int, int], ...] = ()
    measured: Variation | None = None


def showings(
    study: Study, detect: float | None = None, store: "Store | None" = None
) -> list[Showing]:
    """Work out what each task can show; one whose examples are not counted yet is left out.

    `detect` is a gain between 0 and 1.
    """
    found, counts = [], _seeds(study)
    known = measured_in(store.reports / study.name) if store else {}
    for name in study.tasks:
        seeds = counts.get(name, 0)
        split, examples = _shown(study, study.task(name))
        if examples < 2 or len(_methods(study, name)) < 2:
            continue
        variation = known.get(name)
        plan = Plan(
            examples=examples,
            seeds=seeds if seeds > 1 else ADVISED,
            variation=variation or Variation(),
        )
        found.append(
            Showing(
                task=name,
                title=study.task(name).title,
                split=split,
                examples=examples,
                seeds=seeds,
                smallest_gain=plan.smallest_gain(),
                takes=_takes(plan, detect) if detect else (),
                measured=variation,
            )
        )
    return found


def measured_in(reports: Path) -> dict[str, Variation]:
    """Return how predictions vary on each task, by the tests of methods in a study's report.

    Means over these tests; a report that is not there, or not of this version, has none.
    """
    try:
        entries = json.loads((reports / "comparisons.json").read_bytes())
        tests = [(entry["task"], entry["gain"]) for entry in entries if entry["gain"]]
        of_task: dict[str, list[Variation]] = {}
        for task, gain in tests:
            of_task.setdefault(task, []).append(Variation.from_test(_test_of(gain)))
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {task: _mean(found) for task, found in of_task.items()}


def _test_of(gain: dict[str, Any]) -> MethodTest:
    effects = Effects(**gain["effects"])
    pairs = {name: tuple(gain[name]) for name in ("seeds", "deviations")}
    return MethodTest(**gain | pairs | {"effects": effects})


def _mean(found: Sequence[Variation]) -> Variation:
    return Variation(
        **{
            name: fmean(getattr(one, name) for one in found)
            for name in ("discordant", "repeated", "seed_deviation")
        }
    )


def _takes(plan: Plan, gain: float) -> tuple[tuple[int, int], ...]:
    seeds, examples = find_seeds(plan, gain), find_examples(plan, gain)
    found = [(seeds, plan.examples)] if seeds else []
    found += [(plan.seeds, examples)] if examples else []
    if found:
        return tuple(dict.fromkeys(found))
    both = ((n, find_examples(replace(plan, seeds=n), gain)) for n in MORE_SEEDS)
    return tuple((n, needed) for n, needed in both if needed)[:1]


def _methods(study: Study, task: str) -> set[str]:
    return {method for part in study.parts if task in part.tasks for method in part.methods}


def _seeds(study: Study) -> dict[str, int]:
    """Seeds of each setting by task: the fewest that one of its methods has."""
    of_methods: dict[tuple[str, str], set[int]] = {}
    for trial in study.trials():
        of_methods.setdefault((trial.task, trial.method.name), set()).add(trial.seed)
    found: dict[str, int] = {}
    for (task, _), seeds in of_methods.items():
        found[task] = min(len(seeds), found.get(task, len(seeds)))
    return found


def _shown(study: Study, task: Task) -> tuple[str, int]:
    """Return the labelled split that a claim is about, and how many of its examples count."""
    split = "test" if task.counts.get("test") else "dev"
    most = {part.max_eval_samples for part in study.parts if task.name in part.tasks}
    counted = task.counts.get(split, 0)
    limits = [limit for limit in most if limit is not None]
    return split, min([counted, *limits]) if split == "dev" else counted


def showing_lines(found: Sequence[Showing], detect: float | None = None) -> list[str]:
    """Say it in sentences; nothing where no two methods are compared."""
    if not found:
        return []
    seeds = {one.seeds for one in found}
    of = f"{ADVISED if seeds == {1} else min(seeds)} seeds"
    gains = "; ".join(
        f"{one.title} {100 * one.smallest_gain:.1f} ({one.examples:,} {one.split} examples)"
        for one in found
    )
    lines = []
    if 1 in seeds:
        lines.append(
            "A method has one seed: nothing here can show that a method, and not only a trained"
            " model, is better. Set seeds: [0, 1, 2, 3, 4] in the study for that."
        )
    lines.append(
        f"Smallest gain in points that the test of methods finds with power {POWER:g} and {of} of"
        f" each setting (two-sided, p < .05, for accuracy): {gains}."
    )
    if detect is not None:
        lines += [_detecting(one, detect) for one in found]
    for one in found:
        if one.measured:
            lines.append(f"Measured on {one.title} in the last report: {_varies(one.measured)}.")
    if any(one.measured is None for one in found):
        lines.append(f"Assumed{' elsewhere' if len(lines) > 2 else ''}: {_varies(Variation())}.")
    return lines


def _varies(of_all: Variation) -> str:
    return (
        f"exactly one of two models is right on {of_all.discordant:.0%} of the examples;"
        f" {of_all.repeated:.0%} of that repeats with other seeds; a score's standard deviation"
        f" over seeds is {100 * of_all.seed_deviation:.2g} points"
    )


def _detecting(one: Showing, detect: float) -> str:
    """Say what a gain takes on one task."""
    points = f"{100 * detect:g} point{'' if detect == 0.01 else 's'}"
    ways = " or ".join(f"{seeds:,} seeds on {n:,} examples" for seeds, n in one.takes)
    if any(n == one.examples for _, n in one.takes):
        return f"A gain of {points} on {one.title} takes {ways}."
    return (
        f"A gain of {points} on {one.title} is not found on its {one.examples:,} examples, with"
        f" any number of seeds; it takes {ways or 'more than can be had'}."
    )


def showings_json(found: Sequence[Showing]) -> list[dict[str, Any]]:
    """The same for programs; gains between 0 and 1."""
    return [asdict(one) | {"power": POWER} for one in found]
