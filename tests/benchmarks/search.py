"""The cost of TPE and early stopping until the full grid's best score is reached: prints JSON.

    python -m tests.benchmarks.search quickstart --store STORE
    python -m tests.benchmarks.search tests/benchmarks/search-cola.yaml --store STORE --data DATA

The grid is trained once, by `catsweep run`, unless the store has it. Then every search is simulated
on the recorded curves, one trial at a time: a trial has the same curve whichever search suggests
it, so the simulated cost is the real one, and five seeds take seconds. Costs are shares of the
grid's training and evaluation seconds; a search that stops the best trial never reaches its score,
and if most seeds do not, there is no median.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from math import inf, isinf
from pathlib import Path
from statistics import median

import numpy as np

from orchestrator.stopping import NoController, build_scheduler
from orchestrator.tpe import CellSearch
from search_spaces.cells import group_by_cell
from search_spaces.study import load_study
from search_spaces.trial import TrialConfig
from tests.end_to_end.sweeps import COMMAND, environment
from trainers.records.outcome import TrialRecord
from trainers.records.store import Store

SEEDS = range(5)
Records = dict[str, TrialRecord]
Tell = Callable[[TrialConfig, float], None]


class Running:
    """A trial as Ray Tune passes it to a scheduler."""

    def __init__(self, trial: TrialConfig) -> None:
        self.trial_id = trial.signature
        self.config = {"trial": trial.canonical_json()}


def in_order(trials: list[TrialConfig], seed: int) -> Iterator[tuple[TrialConfig, Tell]]:
    """Yield all trials in a random order."""
    for place in np.random.default_rng(seed).permutation(len(trials)):
        yield trials[place], lambda _trial, _score: None


def suggested(trials: list[TrialConfig], seed: int) -> Iterator[tuple[TrialConfig, Tell]]:
    """Yield all trials in the order that TPE suggests them."""
    search = CellSearch(trials, {}, len(trials), seed)
    while (trial := search.suggest()) is not None:
        yield trial, search.add_result


def play(
    order: Iterator[tuple[TrialConfig, Tell]], scheduler: str, records: Records, best: float
) -> float | None:
    """Return the seconds until the best score is reached, or None if its trial is stopped."""
    stopper, seconds = build_scheduler(scheduler, [], lambda _trial, _result: None), 0.0
    for trial, tell in order:
        record, live = records[trial.signature], Running(trial)
        stopper.on_trial_add(NoController(), live)
        score = 0.0
        for epoch in record.epochs:
            seconds += epoch.train_seconds + epoch.evaluate_seconds
            score, last = epoch.score, epoch.epoch == len(record.epochs)
            result = {"epoch": epoch.epoch, "score": score}
            if not last and stopper.on_trial_result(NoController(), live, result) == "STOP":
                break
        else:
            stopper.on_trial_complete(NoController(), live, result)
            if score >= best:
                return seconds
        tell(trial, score)
    return None


SEARCHED = {
    "random order": (in_order, "fifo"),
    "tpe": (suggested, "fifo"),
    "asha": (in_order, "asha"),
    "median": (in_order, "median"),
    "tpe and asha": (suggested, "asha"),
}


def shares(trials: list[TrialConfig], records: Records) -> dict[str, object]:
    """Simulate every search on one cell's grid; return shares of its seconds, one per seed."""
    whole = sum(
        epoch.train_seconds + epoch.evaluate_seconds
        for trial in trials
        for epoch in records[trial.signature].epochs
    )
    best = max(records[trial.signature].epochs[-1].score for trial in trials)
    found: dict[str, object] = {"trials": len(trials), "seconds": round(whole, 1), "best": best}
    for name, (order, scheduler) in SEARCHED.items():
        spent = [play(order(trials, seed), scheduler, records, best) for seed in SEEDS]
        middle = median(inf if seconds is None else seconds / whole for seconds in spent)
        found[name] = {
            "median_share": None if isinf(middle) else round(middle, 3),
            "shares": [None if s is None else round(s / whole, 3) for s in spent],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    folder = options.store or Path(tempfile.mkdtemp()) / "store"
    command = [*COMMAND, "run", options.study, "--store", str(folder)]
    command += ["--data", str(options.data.absolute())] if options.data else []
    subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL, check=True)
    store, study = Store(folder, create=False), load_study(options.study)
    records = {trial.signature: store.record(trial.signature) for trial in study.trials()}
    cells = {
        " ".join(cell): shares(found, records)
        for cell, found in group_by_cell(study).items()
        if len(found) > len(SEEDS)
    }
    print(json.dumps({"seeds": [*SEEDS], "cells": cells}, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
