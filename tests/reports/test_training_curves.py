from dataclasses import replace
from pathlib import Path

from reports.page.curve_figures import training_curves_figure
from reports.page.pictures import build_pictures
from search_spaces.study import load_study
from tests.reports.stores import read_cells
from tests.results import finished
from trainers.records.store import Store


def test_neither_norm_nor_rise_of_an_attack_is_a_loss(tmp_path: Path) -> None:
    """A norm may be ten times as large, and would flatten the losses beside it."""
    study = load_study("quickstart")
    trial, store = study.trials()[-1], Store(tmp_path / "store", create=True)
    result = finished(trial, {"heldout": 120})
    losses = {"loss": 0.5, "attack_norm_max": 9.5, "attack_rise_max": 0.1, "attack_norm_l2": 8.0}
    epochs = tuple(
        result.record.epochs[0].model_copy(update={"epoch": epoch, "losses": losses})
        for epoch in (1, 2)
    )
    record = result.record.model_copy(update={"epochs": epochs})
    store.commit(trial, replace(result, record=record))
    (curve,) = build_pictures(study.name, {trial.cell: [trial]}, read_cells([trial], store)).curves
    assert curve.losses == {"loss": (0.5, 0.5)}
    assert curve.norms == {"attack_norm_max": (9.5, 9.5), "attack_norm_l2": (8.0, 8.0)}
    drawn = [str(line.get_label()) for line in training_curves_figure([curve]).axes[0].lines]
    assert len(drawn) == 1
