"""Writes the best trial of a study as a model folder: `catsweep best`.

In: a study's trials, a store, a task and, optionally, a method and an encoder. Out: a Hugging Face
model folder with a model card. The model is the one kept in the store; if none was kept, that trial
is trained again.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.model_card import Card, choose_split, model_card
from orchestrator.say import say
from reports.results.cells import read_groups
from reports.results.predictions import predicts_one_class
from reports.results.results import read_results
from reports.study_reports import trial_reports
from reports.verdicts.judge import judge
from reports.verdicts.verdict import Verdict
from search_spaces.cells import group_by_cell
from search_spaces.errors import UserError, unknown_name
from search_spaces.methods import METHODS
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.checkpoints import Checkpoints, Keeping, make_keeping
from trainers.kept_models import CHECKSUMS, check_model, find_model, read_failure_note
from trainers.records.files import Unreadable, path_exists
from trainers.records.metrics import DECIMALS
from trainers.records.outcome import TrialRecord
from trainers.records.record import RECORD_VERSION
from trainers.records.store import State, Store


@dataclass(frozen=True, kw_only=True)
class ChosenTrial:
    """A chosen trial, its record, and the number of finished trials that it was chosen from."""

    config: TrialConfig
    record: TrialRecord
    finished: int


def choose_trial(
    study: Study, store: Store, task: str, method: str | None, encoder: str | None
) -> ChosenTrial:
    """Return the best trial: of the setting with the highest mean score over its seeds.

    The first setting wins a tie. Of its seeds, the one with the highest score is chosen, among
    those whose model is kept, if there are any. `method` is a name as in tables, such as `cat
    norm=mix` in a study that compares norms.

    Raises:
        UserError: the study has no such task, method or encoder, or no trial is finished.
        CorruptTrial: a result is truncated or altered.
    """
    cells, wanted = group_by_cell(study), (task, encoder, method)
    for index, kind in enumerate(("task", "encoder", "method")):
        name, known = wanted[index], dict.fromkeys(cell[index] for cell in cells)
        if name is not None and name not in known:
            raise unknown_name(f"{kind} of study {study.name}", name, known)
    groups = {
        cell: grid
        for cell, grid in cells.items()
        if all(name in {None, own} for name, own in zip(wanted, cell, strict=True))
    }
    found = [cell for cell in read_groups(groups, store, study.known_tasks) if cell.chosen]
    if not found:
        raise UserError(
            f"no trial of study {study.name} on {task} is finished: run catsweep run first"
        )
    for trial in (trial for one in found for trial in one.finished):
        store.verified_record(trial.record.signature)  # A damaged score must not choose a trial.
    cell = max(
        found,
        key=lambda one: round(one.chosen.selection_score, DECIMALS) if one.chosen else -2.0,
    )
    assert cell.chosen is not None
    trials = [t for t in cell.chosen.trials if find_model(store, t.record.signature)]
    best = max(trials or cell.chosen.trials, key=lambda trial: trial.record.selection_score)
    return ChosenTrial(
        config=best.config,
        record=store.verified_record(best.record.signature),
        finished=sum(len(one.finished) for one in found),
    )


def find_verdicts(
    study: Study, store: Store, signature: str
) -> tuple[list[tuple[str, Verdict]], str | None]:
    """Return the verdicts on a trial's setting with their tables, or why there are none."""
    try:
        results = read_results(study, store)
        found = [
            (report.table.name, verdict)
            for report in trial_reports(results, judge(results))
            for verdict in report.verdicts
            if signature in verdict.system.trials
        ]
    except Unreadable:
        raise
    except UserError as error:  # Of another trial, which does not affect this one.
        return [], str(error)
    return found, None


def find_one_class_splits(store: Store, record: TrialRecord) -> list[str]:
    """Return the splits on which a trial predicts the same class for every example.

    Raises:
        CorruptTrial: predictions do not match their checksum.
    """
    return [split for split in record.scores if predicts_one_class(record, split, store)]


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What only the user knows about a model: its licence and language, as the hub names them."""

    license: str | None = None
    language: str | None = None


def write_best(
    study: Study,
    store: Store,
    chosen: ChosenTrial,
    out: Path,
    *,
    retrain: bool,
    data: Path | None,
    about: ModelInfo,
) -> str:
    """Write the model folder; return a line for the user.

    Raises:
        UserError: `out` exists or cannot be written, or no model is kept and `retrain` is not set.
        CorruptTrial: predictions do not match their checksum.
    """
    signature = chosen.config.signature
    kept = find_model(store, signature)
    if kept is None and not retrain:
        note = read_failure_note(store, signature)
        raise UserError(
            f"no model of trial {signature} ({chosen.config.describe()}) is kept"
            f"{f' ({note})' if note else ''}: add --retrain to train that one trial again"
        )
    try:
        with _empty_folder(out) as scratch:
            record, home = chosen.record, store
            if kept is None:
                kept, record, home = _retrain(study, scratch, chosen, data, store.code)
            model = scratch / "model"
            check_model(kept, sealed=chosen.record.version >= RECORD_VERSION)
            shutil.copytree(kept, model, ignore=shutil.ignore_patterns(CHECKSUMS))
            verdicts, problem = find_verdicts(study, store, signature)
            card = Card(
                study=study.name,
                task=study.task(chosen.config.task),
                config=chosen.config,
                method={**METHODS, **study.own_methods}[chosen.config.method.name].title,
                record=record,
                finished=chosen.finished,
                verdicts=verdicts,
                problem=problem,
                predicted=home.labels(record, choose_split(record)),
                one_class=find_one_class_splits(home, record),
                license=about.license,
                language=about.language,
            )
            text = model_card(card)
            (model / "README.md").write_text(text, "utf-8")
            if out.exists():
                out.rmdir()
            model.rename(out)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
    score = f"{record.metric} {record.selection_score:.4f} on {record.selection}"
    return f"{out}: trial {signature}, {chosen.config.describe()}, {score}"


@contextmanager
def _empty_folder(out: Path) -> Iterator[Path]:
    """Yield a scratch folder beside `out`; UserError unless `out` is missing or empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} already exists: give a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".catsweep-", dir=out.parent) as scratch:
        yield Path(scratch)


def _retrain(
    study: Study, scratch: Path, chosen: ChosenTrial, data: Path | None, code: Path
) -> tuple[Path, TrialRecord, Store]:
    """Train one trial in a new store; return its model, its record and that store."""
    from orchestrator.job import Job, spin_briefly

    spin_briefly()
    from orchestrator.runner import TrialRunner

    store, config = Store(scratch / "store", create=True), chosen.config
    if path_exists(code):
        shutil.copytree(code, store.code)
    job = Job(
        store=store.root,
        identity=store.mark.identity,
        data=data.absolute() if data else None,
        threads=chosen.record.environment.threads,
        checkpoint_every=float("inf"),
        own_tasks=study.own_tasks,
        keeping=make_keeping(study.name, "all", {config.cell: [config]}),
    )
    runner = TrialRunner(job)
    runner.start(config)
    while not runner.advance():
        say(f"epoch {len(runner.curve)} of {config.trained_epochs}")
    if store.state(config.signature) is not State.DONE:
        raise UserError(f"trial failed: {store.failure(config.signature).reason}")
    model, record = find_model(store, config.signature), store.record(config.signature)
    if model is None:
        raise UserError(
            read_failure_note(store, config.signature) or "its model could not be written"
        )
    _warn_if_different(chosen.record, record)
    return model, record, store


def _warn_if_different(before: TrialRecord, now: TrialRecord) -> None:
    """Warn if the predictions differ from the stored ones, as they may on other hardware.

    The model card has the new scores.
    """
    if {name: file.sha256 for name, file in before.files.items()} != {
        name: file.sha256 for name, file in now.files.items()
    }:
        say(
            f"warning: after training again, the predictions differ from the stored ones:"
            f" {now.metric} {now.selection_score:.4f} on {now.selection},"
            f" before {before.selection_score:.4f}"
        )


def remove_leftover_models(keeping: Keeping, store: Store) -> None:
    """Remove what a killed run left beside the best models.

    Raises:
        Unreadable: the folders of the models cannot be listed.
    """
    checkpoints = Checkpoints(store, keeping)
    checkpoints.check_folders()
    for cell in keeping.cells.values():
        checkpoints.drop_others(cell[0])


def describe_unkept_models(
    keeping: Keeping, trained: Sequence[TrialConfig], store: Store
) -> list[str]:
    """Describe the best models of this run's cells that could not be kept."""
    if keeping.keep == "none":
        return []
    checkpoints = Checkpoints(store, keeping)
    trials, lines = {trial.signature: trial for trial in trained}, []
    for cell in keeping.cells.values():
        best = checkpoints.best(cell) if not trials.keys().isdisjoint(cell) else None
        if best is None or best not in trials:
            continue
        if not any(find_model(store, name) for name in checkpoints.list_seeds(best)):
            why = read_failure_note(store, best) or "it was lost"
            lines.append(f"the model of trial {best} {trials[best].describe()} is not kept: {why}")
    return lines
