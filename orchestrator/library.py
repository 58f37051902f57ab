"""The functions of `import catsweep`: load a study, plan, run, report, compare, read a store.

In: a study's name, path or `Study`, and a store's folder. Out: the types that the command line
prints, and DataFrames of a store's contents. Wrong input raises `UserError`, as everywhere.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from search_spaces.errors import UserError, unknown_name
from search_spaces.study import Study
from search_spaces.trial import TrialConfig, parse_trial

if TYPE_CHECKING:
    import pandas as pd

    from orchestrator.plan import Plan
    from reports.compare import PairReport
    from reports.tables.report import Report
    from trainers.records import store as stores

PathLike = str | Path
STORE = "catsweep-store"


def load_study(
    study: str | Study,
    *,
    store: PathLike | None = None,
    data: PathLike | None = None,
    tasks: str | Iterable[str] | None = None,
    to_train: bool = True,
) -> Study:
    """Load a shipped study by name, or a YAML file by path, with the rows of its own tasks.

    Without `to_train` no code of the user's is run: own methods are looked up in the store.

    Raises:
        UserError: there is no such study, or it is not valid.
    """
    from orchestrator.options import open_existing_store, read_study

    if isinstance(study, Study):
        return study if tasks is None else study.narrow(_list_names(tasks))
    opened = open_existing_store(Path(store)) if store is not None else None
    names = ",".join(_list_names(tasks)) if tasks is not None else None
    return read_study(str(study), names, opened, _make_path(data), to_train=to_train)


def plan(study: str | Study, store: PathLike = STORE, *, data: PathLike | None = None) -> "Plan":
    """Return a study's trials with their states in the store, and the time left.

    Raises:
        UserError: as `load_study`, or the store cannot be read.
    """
    from orchestrator.options import open_existing_store
    from orchestrator.plan import make_plan

    return make_plan(load_study(study, store=store, data=data), open_existing_store(Path(store)))


def run(
    study: PathLike | Study,
    store: PathLike = STORE,
    *,
    data: PathLike | None = None,
    tasks: str | Iterable[str] | None = None,
    slots: int | None = None,
    threads: int | None = None,
    gpus_per_trial: float | Literal["auto"] | None = None,
    address: str | None = None,
    checkpoint_every: float = 120.0,
    search: str = "grid",
    scheduler: str = "fifo",
    budget: str | None = None,
    search_seed: int = 0,
    keep_checkpoints: str = "best",
    track: str | Iterable[str] = (),
    retry: bool = False,
) -> "Plan":
    """Train a study's missing trials with Ray, and return the last plan; call it again to resume.

    The arguments are the options of `catsweep run`.

    Raises:
        UserError: wrong input, missing permission or a full disk; finished trials are kept.
        Unfinished: Ray ended before the trials did; call it again.
        KeyboardInterrupt: a signal came.
    """
    from orchestrator.cli_run import run_study
    from orchestrator.job import Resources
    from orchestrator.search import Search, parse_budget
    from orchestrator.tracking import parse_tracks
    from trainers.checkpoints import parse_keep

    settings, hours = parse_budget(budget)
    resources = Resources(
        slots=slots,
        threads=threads,
        gpus_per_trial=gpus_per_trial,
        address=address,
        checkpoint_every=checkpoint_every,
        track=parse_tracks([track] if isinstance(track, str) else list(track)),
    )
    result = run_study(
        load_study(study, tasks=tasks) if isinstance(study, Study) else str(study),
        Path(store),
        _make_path(data),
        ",".join(_list_names(tasks)) if tasks is not None else None,
        resources,
        Search(name=search, scheduler=scheduler, settings=settings, hours=hours, seed=search_seed),
        parse_keep(keep_checkpoints),
        retry=retry,
    )
    return result.plan


def report(
    study: str | Study,
    store: PathLike = STORE,
    *,
    data: PathLike | None = None,
    out: PathLike | None = None,
    intervals: bool = False,
) -> "list[Report]":
    """Return a study's tables with their tests; with `out`, also write them there in all formats.

    Raises:
        UserError: as `load_study`, or trials cannot be in one table.
    """
    from reports.results.results import read_results
    from reports.study_reports import study_reports
    from reports.tables.write import write_reports
    from reports.verdicts.judge import judge
    from trainers.records.store import Store as Stored

    chosen = load_study(study, store=store, data=data, to_train=False)
    results = read_results(chosen, Stored(Path(store), create=False))
    reports = study_reports(results, judge(results, intervals=intervals), _make_path(data))
    if out is not None:
        write_reports(reports, Path(out))
    return reports


def compare(
    baseline: PathLike,
    system: PathLike,
    *,
    store: PathLike = STORE,
    split: str = "dev",
    metrics: str | Iterable[str] = (),
    labels: str | Iterable[str] = (),
) -> "PairReport":
    """Test two stored trials, or two files of predictions, on the same examples.

    Raises:
        UserError: one of them cannot be read, or their examples differ.
    """
    from reports.compare import compare_pair, read_side

    sides = (read_side(str(name), Path(store), split) for name in (baseline, system))
    return compare_pair(*sides, metrics=_list_names(metrics), labels=_list_names(labels))


class Store:
    """The results in a store, as DataFrames.

    Raises:
        UserError: there is no store in this folder, or it cannot be read.
    """

    def __init__(self, folder: PathLike = STORE) -> None:
        from trainers.records.store import Store as Stored

        self.stored: stores.Store = Stored(Path(folder), create=False)

    def trials(self, study: str | Study | None = None) -> "pd.DataFrame":
        """Return one row per trial: settings, scores, times.

        The trials are those of a study or, by default, all that have ended.

        Raises:
            UserError: a record is damaged.
        """
        from reports.exports.flat import to_table
        from reports.exports.rows import read_rows

        if study is None:
            wanted = [self._config(name) for name in sorted(self.stored.ended())]
        else:
            wanted = load_study(study, store=self.stored.root, to_train=False).trials()
        frame: pd.DataFrame = to_table(read_rows(wanted, self.stored)).to_pandas()
        return frame

    def predictions(self, signature: str, split: str = "dev") -> "pd.DataFrame":
        """Return one row per example: its id, gold and predicted label, and a logit per label.

        Raises:
            UserError: there are no such predictions, or they are damaged.
        """
        import pandas as pd

        if signature not in self.stored.ended():
            raise unknown_name("trial", signature, sorted(self.stored.ended())[:20])
        record = self.stored.record(signature)
        if split not in record.scores:
            raise unknown_name(f"split of trial {signature}", split, record.scores)
        found = self.stored.predictions(record, split)
        labels: dict[str, Any] = {
            "id": found.ids,
            "gold": [record.labels[index] for index in found.gold],
            "predicted": [record.labels[index] for index in found.predicted],
        }
        logits = {f"logit {name}": found.logits[:, k] for k, name in enumerate(record.labels)}
        return pd.DataFrame(labels | logits)

    def _config(self, signature: str) -> TrialConfig:
        from trainers.records.files import read_whole
        from trainers.records.trial_folder import SETTINGS

        path = self.stored.folder(signature) / SETTINGS
        try:
            return parse_trial(read_whole(path).decode())
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error})") from error


def _list_names(names: str | Iterable[str]) -> list[str]:
    """Return a list of one or several names."""
    return [names] if isinstance(names, str) else list(names)


def _make_path(path: PathLike | None) -> Path | None:
    return None if path is None else Path(path)
