"""Compare two systems on the same examples: all tests, an interval, and the differing examples.

In: two stored trials, or two files of predictions from any program. Out: a frozen `PairReport`,
which `compare_text.py` prints.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reports.prediction_files import (
    READERS,
    Rows,
    align_rows,
    number_labels,
    read_rows,
    sort_labels,
)
from reports.statistics.interval import Interval, paired_bootstrap
from reports.statistics.significance import (
    MCNEMAR_METHODS,
    Comparison,
    System,
    fisher_randomization,
    mcnemar,
)
from search_spaces.errors import UserError, find_nearest, unknown_name
from search_spaces.input_files import is_folder, path_exists
from search_spaces.text import quoted
from trainers.data.labels import (
    UNLABELLED,
    check_label_set,
    find_label_fault,
    normalise_label,
    normalise_name,
    warn_about_case,
)
from trainers.records.kept_code import load_kept_metric
from trainers.records.metrics import METRICS, Labels, get_metric, short_name
from trainers.records.outcome import TrialRecord
from trainers.records.store import State, Store

MOST_COUNTS: Final = 2**25
"""The largest number of labels times distinct examples: the counts of that many take about 4 GB."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two systems.

    For a trial, `split` names its examples, `data` is their fingerprint, and `labels` and `metric`
    are those of its task.
    """

    rows: Rows
    split: str | None = None
    labels: tuple[str, ...] | None = None
    metric: str | None = None
    data: str | None = None


@dataclass(frozen=True, kw_only=True)
class Differing:
    """An example that the two systems label differently."""

    id: str
    gold: str
    baseline: str
    system: str


@dataclass(frozen=True, kw_only=True)
class MetricReport:
    """The tests of a metric, the customary one first, and the interval of the difference."""

    metric: str
    tests: tuple[Comparison, ...]
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class PairReport:
    """The comparison of two systems.

    `table` counts examples by (baseline correct, system correct). `one_class` names the systems
    that predict one class for every example: such a system can have a high accuracy or F1, and can
    differ significantly from the other. `warnings` point out possible errors in the labels.
    """

    baseline: str
    system: str
    split: str | None
    n: int
    labels: tuple[str, ...]
    metrics: tuple[MetricReport, ...]
    one_class: tuple[System, ...]
    table: Mapping[tuple[bool, bool], int]
    differing: tuple[Differing, ...]
    warnings: tuple[str, ...] = ()


def read_side(name: str, store: Path, split: str) -> Side:
    """Read a file of predictions, or the predictions of a stored trial by its signature.

    Raises:
        UserError: `name` is neither a file nor a trial, or it cannot be read.
    """
    path = Path(name)
    if path.suffix.lower() in READERS or (path_exists(path) and not is_folder(path)):
        return Side(rows=read_rows(path))
    if not store.exists():
        raise UserError(
            f"{quoted(name)} is not a file of predictions, and there is no store in {store}"
        )
    opened = Store(store, create=False)
    known = opened.ended()
    if name not in known:
        guess = find_nearest(name, known)
        hint = (
            f"did you mean {quoted(guess)}?"
            if guess
            else "catsweep export STUDY --to csv lists them"
        )
        raise UserError(
            f"{quoted(name)} is neither a file of predictions nor a trial in {store}; {hint}"
        )
    if opened.state(name) is State.FAILED:
        raise UserError(f"trial {name} has failed: {opened.failure(name).reason}")
    if opened.state(name) is State.PRUNED:
        raise UserError(f"trial {name} was stopped early and has no predictions")
    return _read_trial(opened, opened.record(name), split)


def _read_trial(store: Store, record: TrialRecord, split: str) -> Side:
    if split not in record.scores:
        raise unknown_name(f"split of trial {record.signature}", split, record.scores)
    load_kept_metric(store.code, record.metric)
    found = store.predictions(record, split)
    labels = tuple(map(normalise_label, record.labels))
    gold, predicted = (
        tuple(labels[index] for index in row) for row in (found.gold, found.predicted)
    )
    rows = Rows(
        source=record.signature,
        ids=tuple(map(normalise_name, found.ids)),
        gold=gold,
        predicted=predicted,
    )
    return Side(
        rows=rows,
        split=split,
        labels=labels,
        metric=record.metric,
        data=record.fingerprints.get(split),
    )


def compare_pair(
    baseline: Side,
    system: Side,
    *,
    metrics: Sequence[str] = (),
    labels: Sequence[str] = (),
    seed: int = 12345,
) -> PairReport:
    """Test two systems with each metric, by default the task's own, or for files all that apply.

    `labels` is the task's list of labels in order; the second one is the positive label of f1. The
    default is the list of the trial's task, and for files the sorted gold labels. In the latter
    case, labels of the task that do not occur are missing from the mean of macro_f1, and predicting
    them is an error.

    Raises:
        UserError: examples or gold labels differ, a label is not in the list, or a metric is
            unknown or does not support that many labels.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
    _refuse_other_data(baseline, system)
    second = align_rows(baseline.rows, system.rows)
    names = _label_list(baseline, system, labels)
    gold = number_labels(baseline.rows, "gold", names)
    pair = (
        gold,
        number_labels(baseline.rows, "predicted", names),
        number_labels(second, "predicted", names),
    )
    _refuse_too_many(pair, len(names))
    if not labels and not (baseline.labels or system.labels):
        _refuse_unknown_positive(metrics, len(names))
    chosen = metrics or _default_metrics(baseline, system, len(names))
    right = zip((pair[1] == gold).tolist(), (pair[2] == gold).tolist(), strict=True)
    return PairReport(
        baseline=baseline.rows.source,
        system=system.rows.source,
        split=baseline.split or system.split,
        n=len(gold),
        labels=names,
        metrics=tuple(_test(metric, pair, len(names), seed) for metric in chosen),
        one_class=_find_one_class(pair),
        table=Counter(right),
        differing=_find_differing(baseline.rows, second),
        warnings=tuple(warn_about_case(baseline.rows.source, Counter(baseline.rows.gold))),
    )


def _refuse_other_data(baseline: Side, system: Side) -> None:
    for what in ("labels", "data"):
        one, other = getattr(baseline, what), getattr(system, what)
        if one and other and one != other:
            raise UserError(
                f"trials {baseline.rows.source} and {system.rows.source} have different {what}"
            )


def _label_list(baseline: Side, system: Side, given: Sequence[str]) -> tuple[str, ...]:
    known = _parse_labels(given) or baseline.labels or system.labels
    if known:
        return known
    if UNLABELLED in baseline.rows.gold:
        raise UserError(
            f"{baseline.rows.where(baseline.rows.gold.index(UNLABELLED))}: gold is {UNLABELLED},"
            " which means unlabelled; if it is a label, list all labels with --labels"
        )
    return sort_labels(baseline.rows.gold)


def _parse_labels(given: Sequence[str]) -> tuple[str, ...]:
    """Parse and check `--labels`."""
    labels = tuple(map(normalise_label, given))
    for label in labels:
        if fault := find_label_fault(label):
            raise UserError(f"--labels: one {fault}")
    if len(set(labels)) < len(labels):
        raise UserError(f"--labels: expected each label once, got {', '.join(given)}")
    check_label_set("--labels", labels)
    return labels


def _refuse_too_many(pair: tuple[Labels, Labels, Labels], n_classes: int) -> None:
    if n_classes * max(n_classes, len(pair[0])) <= MOST_COUNTS:
        return
    distinct = len(set(zip(*(column.tolist() for column in pair), strict=True)))
    if n_classes * max(n_classes, distinct) > MOST_COUNTS:
        raise UserError(
            f"{n_classes:,} labels are too many to compare {distinct:,} distinct examples:"
            " does the column gold contain labels?"
        )


def _find_one_class(pair: tuple[Labels, Labels, Labels]) -> tuple[System, ...]:
    names: tuple[System, System] = ("baseline", "system")
    rows = zip(names, pair[1:], strict=True)
    return tuple(name for name, predicted in rows if (predicted == predicted[0]).all())


def _default_metrics(baseline: Side, system: Side, n_classes: int) -> list[str]:
    own = system.metric or baseline.metric
    if own:
        return [own]
    usual = (name for name, metric in METRICS.items() if metric.is_usual(n_classes))
    return [name for name in usual if not _misfit(name, n_classes)]


def _refuse_unknown_positive(metrics: Sequence[str], n_classes: int) -> None:
    """Refuse a metric of the positive label if that label is unknown."""
    for name in metrics:
        if not get_metric(name).is_usual(n_classes):
            raise UserError(
                f"{name} needs a positive label, and there are {n_classes} labels: list them all"
                " with --labels, the positive one second; or try macro_f1 or mcc"
            )


def _misfit(metric: str, n_classes: int) -> str | None:
    """Return why a metric does not support that many labels, or None."""
    limit = get_metric(metric).max_classes
    if limit is not None and n_classes > limit:
        return f"{short_name(metric)} supports at most {limit} labels, got {n_classes}"
    if get_metric(metric).test != "mcnemar" and n_classes < 2:
        return (
            f"{metric} needs two labels, got one: list all labels with --labels,"
            " the positive one second"
        )
    return None


def _test(
    metric: str, pair: tuple[Labels, Labels, Labels], n_classes: int, seed: int
) -> MetricReport:
    if misfit := _misfit(metric, n_classes):
        raise UserError(misfit)
    if get_metric(metric).test == "mcnemar":
        tests = tuple(mcnemar(*pair, method=method) for method in MCNEMAR_METHODS)
    else:
        tests = (fisher_randomization(*pair, metric, n_classes, seed=seed),)
    interval = paired_bootstrap(*pair, metric, n_classes, seed=seed)
    return MetricReport(metric=metric, tests=tests, interval=interval)


def _find_differing(first: Rows, second: Rows) -> tuple[Differing, ...]:
    rows = zip(first.ids, first.gold, first.predicted, second.predicted, strict=True)
    return tuple(
        Differing(id=name, gold=gold, baseline=b, system=s) for name, gold, b, s in rows if b != s
    )
