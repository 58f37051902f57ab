"""Compare predictions of other programs: every system with the baseline, on every task.

In: a `Folder`. Out: `Verdict`s, corrected for all comparisons. How each system was chosen is
unknown.
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
    """Compare every system with the baseline.

    `intervals` adds bootstrap intervals for comparisons of one seed each.

    Raises:
        UserError: a system has one seed and the baseline several, or the other way round.
    """
    verdicts = {}
    for task in folder.tasks:
        sides = {system: _make_chosen(task, system) for system in folder.systems}
        for system in folder.systems[1:]:
            verdict = _compare(folder, task, sides, system, intervals=intervals)
            verdicts[task.name, system] = verdict
    return list(adjust(verdicts, len(verdicts)).values())


def _compare(
    folder: Folder, task: GivenTask, sides: Mapping[str, Chosen], system: str, *, intervals: bool
) -> Verdict:
    pair = task.pair(folder.baseline, system)
    test = run_test(pair)
    if test.refused:
        raise UserError(
            f"task {task.name}: {folder.baseline} has {pair.seeds[0]} and {system} {pair.seeds[1]}"
            " files: give at least two seeds of both, or one of each"
        )
    return Verdict(
        task=task.name,
        encoder="",
        method=system,
        split=GIVEN,
        definition=make_task(task),
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


def make_task(task: GivenTask) -> Task:
    """Make the definition of a task that is known only by its predictions."""
    return Task(name="given", title=task.name, text=("text",), metric=task.metric.name)


def _make_chosen(task: GivenTask, system: str) -> Chosen:
    rows = task.predicted[system]
    values = (score(task.metric, task.gold, row, len(task.labels)).value for row in rows)
    return Chosen(
        setting=f"{task.name}/{system}",
        trials=tuple(f"{system}-{seed}" for seed in range(len(rows))),
        scores=tuple(values),
        settings=1,
        finished=len(rows),
        wanted=len(rows),
    )
