"""The results of a confirmation: fresh seeds of the settings that are currently chosen.

In: a study, its cells and the store. Out: a `Confirmed`, with cells of the fresh seeds only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.results.cells import CellKey, CellResult, read_groups, refuse_mixture
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.records.confirmations import read_confirmations
from trainers.records.store import Store


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """The cells of a confirmation, and remarks on parts of it that are out of date."""

    cells: tuple[CellResult, ...] = ()
    remarks: tuple[str, ...] = ()


def read_confirmed(study: Study, cells: Sequence[CellResult], store: Store) -> Confirmed:
    """Read the fresh seeds of each chosen setting that has been confirmed.

    If a setting was confirmed several times, the confirmation with the most seeds counts. A
    confirmation is ignored if another setting is chosen now, or if its seeds are now among those
    that choose.

    Raises:
        UserError, CorruptTrial: as for `read_groups`.
    """
    chosen = {cell.key: cell.chosen.config for cell in cells if cell.chosen}
    study_seeds = {trial.seed for trial in study.trials()}
    groups: dict[CellKey, list[TrialConfig]] = {}
    changed: dict[CellKey, str] = {}
    for record in read_confirmations(store, study.name):
        for cell in record.cells:
            key = (cell.task, cell.encoder, cell.method)
            if key not in chosen:
                continue
            if chosen[key].with_seed(0).signature != cell.setting:
                changed[key] = "another setting is chosen now"
            elif study_seeds.intersection(record.seeds):
                changed[key] = "its seeds are among those that choose now"
            elif len(record.seeds) > len(groups.get(key, ())):
                groups[key] = [chosen[key].with_seed(seed) for seed in record.seeds]
    confirmed = read_groups(groups, store, study.known_tasks)
    refuse_mixture(trial for cell in (*cells, *confirmed) for trial in cell.finished)
    names = {cell.key: cell.name for cell in cells}
    return Confirmed(
        cells=tuple(confirmed),
        remarks=tuple(
            f"study {study.name} changed after its confirmation: {names[key]}: {reason};"
            f" catsweep confirm {study.name} confirms what is chosen now"
            for key, reason in changed.items()
            if key not in groups
        ),
    )
