"""What `import catsweep` offers of a study: load, plan, run, report, look into a store, compare.

In: a study's name, path or `Study`, and a store's folder. Out: the types that the command line
prints; DataFrames of what a store holds. A mistake is a `UserError`, as everywhere.
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

Place = str | Path
STORE = "catsweep-store"


def load_study(
    study: str | Study,
    *,
    store: Place | None = None,
    data: Place | None = None,
    tasks: str | Iterable[str] | None = None,
    to_train: bool = True,
) -> Study:
    """Load a shipped study by name, or a YAML file by path, with the rows of its own tasks.

    Without `to_train` no code of the user's is run: what the store knows of own methods counts.

    Raises:
        UserError: there is none, or something in it cannot be.
    """
    from orchestrator.options import existing_store, read_study

    if isinstance(study, Study):
        return study if tasks is None else study.narrow(_names(tasks))
    opened = existing_store(Path(store)) if store is not None else None
    names = ",".join(_names(tasks)) if tasks is not None else None
    return read_study(str(study), names, opened, _path(data), to_train=to_train)


def plan(study: str | Study, store: Place = STORE, *, data: Place | None = None) -> "Plan":
    """Return a study's trials with the state that each has in the store, and the time left.

    Raises:
        UserError: as `load_study`, or the store cannot be read.
    """
    from orchestrator.options import existing_store
    from orchestrator.plan import make_plan

    return make_plan(load_study(study, store=store, data=data), existing_store(Path(store)))


def run(
    study: Place | Study,
    store: Place = STORE,
    *,
    data: Place | None = None,
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
    """Train what the store lacks of a study, on Ray; call it again to resume. Return the last plan.

    The arguments are the options of `catsweep run`.

    Raises:
        UserError: input, permissions or space are wrong; nothing that is finished is lost.
        Unfinished: Ray ended before the trials did: call it again.
        KeyboardInterrupt: a signal came.
    """
    from orchestrator.cli_run import run_study
    from orchestrator.job import Resources
    from orchestrator.search import Search, parse_budget
    from orchestrator.tracking import parse_tracks
    from trainers.checkpoints import parse_keep

    most, hours = parse_budget(budget)
    resources = Resources(
        slots=slots,
        threads=threads,
        gpus_per_trial=gpus_per_trial,
        address=address,
        checkpoint_every=checkpoint_every,
        track=parse_tracks([track] if isinstance(track, str) else list(track)),
    )
    done = run_study(
        load_study(study, tasks=tasks) if isinstance(study, Study) else str(study),
        Path(store),
        _path(data),
        ",".join(_names(tasks)) if tasks is not None else None,
        resources,
        Search(name=search, scheduler=scheduler, settings=most, hours=hours, seed=search_seed),
        parse_keep(keep_checkpoints),
        retry=retry,
    )
    return done.plan


def report(
    study: str | Study,
    store: Place = STORE,
    *,
    data: Place | None = None,
    out: Place | None = None,
    intervals: bool = False,
) -> "list[Report]":
    """Return a study's tables with their tests; with `out` write them there in every format, too.

    Raises:
        UserError: as `load_study`, or trials do not belong in one table.
    """
    from reports.results.results import read_results
    from reports.study_reports import study_reports
    from reports.tables.write import write_reports
    from reports.verdicts.judge import judge
    from trainers.records.store import Store as Stored

    chosen = load_study(study, store=store, data=data, to_train=False)
    results = read_results(chosen, Stored(Path(store), create=False))
    found = study_reports(results, judge(results, intervals=intervals), _path(data))
    if out is not None:
        write_reports(found, Path(out))
    return found


def compare(
    baseline: Place,
    system: Place,
    *,
    store: Place = STORE,
    split: str = "dev",
    metrics: str | Iterable[str] = (),
    labels: str | Iterable[str] = (),
) -> "PairReport":
    """Test two stored trials, or two files of predictions, on the same examples.

    Raises:
        UserError: one cannot be read, or they do not have the same examples.
    """
    from reports.compare import compare_pair, read_side

    sides = (read_side(str(name), Path(store), split) for name in (baseline, system))
    return compare_pair(*sides, metrics=_names(metrics), labels=_names(labels))


class Store:
    """A folder of trials, to look into.

    Raises:
        UserError: there is none, or it cannot be read.
    """

    def __init__(self, folder: Place = STORE) -> None:
        from trainers.records.store import Store as Stored

        self.stored: stores.Store = Stored(Path(folder), create=False)

    def trials(self, study: str | Study | None = None) -> "pd.DataFrame":
        """Return one row per trial of a study, or per trial that ended: settings, scores, times.

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
            UserError: no trial of this name has these predictions, or they are damaged.
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
            "gold": [record.labels[place] for place in found.gold],
            "predicted": [record.labels[place] for place in found.predicted],
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


def _names(names: str | Iterable[str]) -> list[str]:
    """Take one name, or several."""
    return [names] if isinstance(names, str) else list(names)


def _path(place: Place | None) -> Path | None:
    return None if place is None else Path(place)
