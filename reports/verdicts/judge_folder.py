"""Judges predictions made elsewhere: every system against the baseline, on every task.

In: a `Folder`. Out: `Verdict`s, corrected for all of them. How each system was chosen is not known.
"""

from collections.abc import Mapping

from reports.results.folder import Folder, GivenTask
from reports.verdicts.compare_settings import adjust
from reports.verdicts.pair_tests import bootstrap_interval, constant_score, is_flat, run_test
from reports.verdicts.verdict import GIVEN, Chosen, Verdict
from search_spaces.errors import UserError
from search_spaces.tasks import Task
from trainers.records.metrics import score


def judge_folder(folder: Folder, *, intervals: bool = False) -> list[Verdict]:
    """Compare every system with the baseline; with `intervals`, of one seed each, too.

    Raises:
        UserError: a system has one seed where another has several.
    """
    found = {}
    for task in folder.tasks:
        sides = {system: _chosen(task, system) for system in folder.systems}
        for system in folder.systems[1:]:
            verdict = _verdict(folder, task, sides, system, intervals=intervals)
            found[task.name, system] = verdict
    return list(adjust(found, len(found)).values())


def _verdict(
    folder: Folder, task: GivenTask, sides: Mapping[str, Chosen], system: str, *, intervals: bool
) -> Verdict:
    pair = task.pair(folder.baseline, system)
    test = run_test(pair)
    if test.refused:
        raise UserError(
            f"task {task.name}: {folder.baseline} has {pair.seeds[0]} and {system} {pair.seeds[1]}"
            " files: how seeds differ takes two seeds of both, or compare one of each"
        )
    return Verdict(
        task=task.name,
        encoder="",
        method=system,
        split=GIVEN,
        definition=task_of(task),
        baseline=sides[folder.baseline],
        system=sides[system],
        data="",
        chosen_on="",
        pair=pair,
        comparison=test.comparison,
        gain=test.gain,
        least=test.least,
        interval=bootstrap_interval(pair) if intervals and test.comparison else None,
        best=None,
        budget=None,
        refused=None,
        selected=False,
        epoch_selected=False,
        p_after=test.p_value,
        constant=constant_score(pair),
        one_class=is_flat(pair.system),
        against=folder.baseline,
    )


def task_of(task: GivenTask) -> Task:
    """What tables say of a task that is known by its predictions alone."""
    return Task(name="given", title=task.name, text=("text",), metric=task.metric.name)


def _chosen(task: GivenTask, system: str) -> Chosen:
    rows = task.predicted[system]
    values = (score(task.metric, task.gold, row, len(task.labels)).value for row in rows)
    return Chosen(
        setting=f"{task.name}/{system}",
        trials=tuple(f"{system}-{place}" for place in range(len(rows))),
        scores=tuple(values),
        settings=1,
        finished=len(rows),
        wanted=len(rows),
    )
