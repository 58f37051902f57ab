"""Confirmation: the chosen settings of a study, trained again with fresh seeds.

In: the results of a study whose trials have ended. Out: a `Confirmation` to train, and its record.
Fresh seeds are seeds that had no part in choosing the settings.
"""

from collections.abc import Sequence

from reports.results.cells import CellResult
from reports.results.results import Results
from reports.verdicts.verdict import BASELINE
from search_spaces.confirmation import Confirmation, confirm_settings, fresh_seeds
from search_spaces.errors import UserError, unknown_name
from search_spaces.text import one_line
from trainers.records.confirmations import ConfirmationRecord, ConfirmedCell


def choose_confirmation(
    results: Results, seeds: int, methods: Sequence[str] | None
) -> tuple[Confirmation, ConfirmationRecord]:
    """Choose what to confirm: the chosen settings of each method and of the baseline.

    Raises:
        UserError: a method is unknown, there is nothing to compare, or a cell has no choice yet.
    """
    study = results.study
    known = dict.fromkeys(cell.method for cell in results.cells)
    for method in methods or ():
        if method not in known or method == BASELINE:
            raise unknown_name(f"method of study {study.name}", method, [*known])
    wanted = [
        cell
        for cell in results.cells
        if cell.method == BASELINE or methods is None or cell.method in methods
    ]
    cells = _drop_uncompared(wanted)
    if not cells:
        raise UserError(
            f"study {study.name} has no task and encoder with both {BASELINE} and another method:"
            " there is nothing to confirm"
        )
    for cell in cells:
        _refuse_undecided(study.name, cell)
    fresh = fresh_seeds(study, seeds)
    chosen = [cell.chosen.config for cell in cells if cell.chosen]
    record = ConfirmationRecord(
        study=study.name,
        seeds=fresh,
        cells=tuple(
            ConfirmedCell(
                task=cell.task,
                encoder=cell.encoder,
                method=cell.method,
                setting=config.with_seed(0).signature,
            )
            for cell, config in zip(cells, chosen, strict=True)
        ),
    )
    return confirm_settings(study, chosen, fresh), record


def _drop_uncompared(cells: Sequence[CellResult]) -> list[CellResult]:
    """Drop the cells without a comparison: a baseline alone, or a method without a baseline."""
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for cell in cells:
        groups.setdefault((cell.task, cell.encoder), []).append(cell)
    kept = [
        group
        for group in groups.values()
        if len(group) > 1 and BASELINE in {c.method for c in group}
    ]
    return [cell for group in kept for cell in group]


def _refuse_undecided(study: str, cell: CellResult) -> None:
    """Raise UserError if trials of a cell have not ended, since its choice may still change."""
    if cell.missing:
        raise UserError(
            f"{cell.name}: {cell.missing} of its trials {'is' if cell.missing == 1 else 'are'} not"
            f" finished, so its setting is not chosen yet: catsweep run {one_line(study)}"
        )
    if cell.chosen is None:
        raise UserError(f"{cell.name}: no trial has a score, so there is nothing to confirm")
