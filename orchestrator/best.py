"""The best trial of a study as a model to use: `catsweep best`.

In: a study's trials, a store, a task and, if wanted, a method and an encoder. Out: a Hugging Face
model folder with a model card, from the kept model or by training that one trial again.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.model_card import Card, first_split, model_card
from orchestrator.say import say
from reports.results.cells import read_groups
from reports.results.predictions import is_of_one_class
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
class Chosen:
    """A trial, its record, and from how many finished trials it was chosen."""

    config: TrialConfig
    record: TrialRecord
    finished: int


def choose(
    study: Study, store: Store, task: str, method: str | None, encoder: str | None
) -> Chosen:
    """Return a trial of the setting with the highest mean over its seeds; the first wins a tie.

    Of the setting's seeds it is the one with the highest score, among those whose model is kept if
    one is. `method` is a method as tables name it: `cat norm=mix`, where a study compares that.

    Raises:
        UserError: the study has no such task, method or encoder, or none of the trials finished.
        CorruptTrial: a result is truncated or altered.
    """
    cells, wanted = group_by_cell(study), (task, encoder, method)
    for place, kind in enumerate(("task", "encoder", "method")):
        name, known = wanted[place], dict.fromkeys(cell[place] for cell in cells)
        if name is not None and name not in known:
            raise unknown_name(f"{kind} of study {study.name}", name, known)
    groups = {
        cell: grid
        for cell, grid in cells.items()
        if all(name in {None, own} for name, own in zip(wanted, cell, strict=True))
    }
    found = [cell for cell in read_groups(groups, store, study.known_tasks) if cell.chosen]
    if not found:
        raise UserError(f"no trial of study {study.name} on {task} is finished: catsweep run it")
    for trial in (trial for one in found for trial in one.finished):
        # A score that its predictions do not give must choose nothing.
        store.verified_record(trial.record.signature)
    cell = max(
        found,
        key=lambda one: round(one.chosen.selection_score, DECIMALS) if one.chosen else -2.0,
    )
    assert cell.chosen is not None
    trials = [t for t in cell.chosen.trials if find_model(store, t.record.signature)]
    best = max(trials or cell.chosen.trials, key=lambda trial: trial.record.selection_score)
    return Chosen(
        config=best.config,
        record=store.verified_record(best.record.signature),
        finished=sum(len(one.finished) for one in found),
    )


def find_verdicts(
    study: Study, store: Store, signature: str
) -> tuple[list[tuple[str, Verdict]], str | None]:
    """Return the verdicts on a trial's setting, each after its table; or why there are none."""
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
    except UserError as error:  # Of another trial: this one is none the worse.
        return [], str(error)
    return found, None


def one_class(store: Store, record: TrialRecord) -> list[str]:
    """Name the splits of which a trial predicts one class for every example.

    Raises:
        CorruptTrial: predictions do not match their checksum.
    """
    return [split for split in record.scores if is_of_one_class(record, split, store)]


@dataclass(frozen=True, kw_only=True)
class About:
    """What only the user knows of a model: its licence and language, as the hub names them."""

    license: str | None = None
    language: str | None = None


def write_best(
    study: Study,
    store: Store,
    chosen: Chosen,
    out: Path,
    *,
    retrain: bool,
    data: Path | None,
    about: About,
) -> str:
    """Write the model folder; return a line for the user.

    Raises:
        UserError: `out` is taken or cannot be written, or there is no model and none is trained.
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
                predicted=home.labels(record, first_split(record)),
                one_class=one_class(home, record),
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
    """Refuse a folder that holds something; yield one beside it to work in."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already: give a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".catsweep-", dir=out.parent) as scratch:
        yield Path(scratch)


def _retrain(
    study: Study, scratch: Path, chosen: Chosen, data: Path | None, code: Path
) -> tuple[Path, TrialRecord, Store]:
    """Train one trial in a store of its own; return its model, its record and that store."""
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
    _say_if_different(chosen.record, record)
    return model, record, store


def _say_if_different(before: TrialRecord, now: TrialRecord) -> None:
    """The same predictions come out on the same hardware; elsewhere the card has the new scores."""
    if {name: file.sha256 for name, file in before.files.items()} != {
        name: file.sha256 for name, file in now.files.items()
    }:
        say(
            f"warning: trained again, the predictions differ from the stored ones:"
            f" {now.metric} {now.selection_score:.4f} on {now.selection},"
            f" was {before.selection_score:.4f}"
        )


def settle_models(keeping: Keeping, store: Store) -> None:
    """Drop what a killed run left beside the best models.

    Raises:
        Unreadable: the folders of the models cannot be looked into.
    """
    checkpoints = Checkpoints(store, keeping)
    checkpoints.check_folders()
    for cell in keeping.cells.values():
        checkpoints.drop_others(cell[0])


def not_kept(keeping: Keeping, trained: Sequence[TrialConfig], store: Store) -> list[str]:
    """Say of each cell in which this run trained whether its best model could not be kept."""
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
