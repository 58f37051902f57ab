"""What the store has of a study's confirmation: fresh seeds of the settings that are chosen now.

In: a study, its cells and the store. Out: a `Confirmed`, the cells of the fresh seeds alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.results.cells import CellResult, Key, read_groups, refuse_mixture
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.records.confirmations import read_confirmations
from trainers.records.store import Store


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """The cells of a confirmation, and in words what of it no longer belongs to the study."""

    cells: tuple[CellResult, ...] = ()
    remarks: tuple[str, ...] = ()


def read_confirmed(study: Study, cells: Sequence[CellResult], store: Store) -> Confirmed:
    """Read the fresh seeds of each chosen setting that a confirmation was made of.

    Of several confirmations of a setting the one with the most seeds counts. One that the study has
    left behind (another setting is chosen now, or one of its seeds chose) counts no more.

    Raises:
        UserError, CorruptTrial: as `read_groups` does.
    """
    chosen = {cell.key: cell.chosen.config for cell in cells if cell.chosen}
    own = {trial.seed for trial in study.trials()}
    groups: dict[Key, list[TrialConfig]] = {}
    changed: dict[Key, str] = {}
    for record in read_confirmations(store, study.name):
        for cell in record.cells:
            key = (cell.task, cell.encoder, cell.method)
            if key not in chosen:
                continue
            if chosen[key].with_seed(0).signature != cell.setting:
                changed[key] = "another setting is chosen now"
            elif own.intersection(record.seeds):
                changed[key] = "its seeds are among those that choose now"
            elif len(record.seeds) > len(groups.get(key, ())):
                groups[key] = [chosen[key].with_seed(seed) for seed in record.seeds]
    found = read_groups(groups, store, study.known_tasks)
    refuse_mixture(trial for cell in (*cells, *found) for trial in cell.finished)
    names = {cell.key: cell.name for cell in cells}
    return Confirmed(
        cells=tuple(found),
        remarks=tuple(
            f"study {study.name} changed after its confirmation: {names[key]}: {why};"
            f" catsweep confirm {study.name} confirms what is chosen now"
            for key, why in changed.items()
            if key not in groups
        ),
    )
