"""The data that the page's scripts draw, as JSON of a bounded size.

In: `Pictures`, reports, discordant examples and failures. Out: a dict of plain values, with numbers
rounded to six decimals and NaN as null. It has at most MOST_TRIALS trials and MOST_FAILURES
failures; `pictures.py` and `examples.py` limit the rest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from reports.page.budget_curves import BudgetPicture
from reports.page.examples import Discordant
from reports.page.forest import FRESH, build_forests
from reports.page.forest_html import describe_equivalence
from reports.page.heatmap import Heatmap
from reports.page.importance import Importance
from reports.page.landscape import Axis, Landscape
from reports.page.pictures import CellPictures, Pictures, with_display_names
from reports.page.styles import find_style
from reports.page.training_curves import TrainingCurve
from reports.results.failures import Failure
from reports.statistics.across_tasks import equivalence
from reports.tables.latex import to_latex
from reports.tables.plain import to_csv
from reports.tables.report import Report
from reports.tables.table import MARKS
from reports.verdicts.verdict import Chosen, Verdict
from trainers.records.metrics import get_metric

MOST_TRIALS: Final = 12_000
MOST_FAILURES: Final = 1_000


def page_data(
    pictures: Pictures,
    reports: Sequence[Report],
    examples: Sequence[Discordant],
    failed: Sequence[Failure],
    worth: float | None = None,
) -> dict[str, Any]:
    """Collect the data; the same input gives the same dict, in the same order."""
    each, labels = MOST_TRIALS // max(1, len(pictures.cells)), pictures.labels
    methods = dict.fromkeys(cell.landscape.method for cell in pictures.cells)
    return {
        "study": pictures.study,
        "given": pictures.given,
        "styles": {
            labels.get(method, method): asdict(find_style(method, pictures.styles))
            for method in methods
        },
        "cells": [
            _cell(replace(cell, landscape=with_display_names(cell.landscape, labels)), each)
            for cell in pictures.cells
        ],
        "budgets": [_budget(with_display_names(budget, labels)) for budget in pictures.budgets],
        "curves": [_curve(with_display_names(curve, labels)) for curve in pictures.curves],
        "classes": {
            labels.get(task, task): list(names) for task, names in pictures.classes.items()
        },
        "worth": worth,
        "tables": {
            report.table.name: {"tex": to_latex(report.table), "csv": to_csv(report.table)}
            for report in reports
        },
        "comparisons": [
            _comparison(
                f"{test.split}{', fresh seeds' * (forest.name == FRESH)}", test, labels, worth
            )
            for forest in build_forests(reports, labels)
            for test in forest.tests
        ],
        "examples": [_examples(found, labels) for found in examples],
        "failures": {
            "count": len(failed),
            "rows": [[f.trial, f.settings, f.kind, f.reason] for f in failed[:MOST_FAILURES]],
        },
    }


def _plain(values: npt.NDArray[Any] | Sequence[float]) -> Any:
    """Turn an array into nested lists of rounded numbers."""
    return _rounded(np.asarray(values).tolist())


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def _cell(cell: CellPictures, most: int) -> dict[str, Any]:
    """Return a cell with its best `most` trials, the best first."""
    landscape = cell.landscape
    listed = landscape.ranking[:most]
    return {
        **_names(landscape),
        "wanted": landscape.wanted,
        "finished": len(landscape.trials),
        "axes": [_axis(axis) for axis in landscape.axes],
        "trials": [landscape.trials[row] for row in listed.tolist()],
        "places": landscape.value_indices[listed].tolist(),
        "scores": _plain(landscape.scores[listed]),
        "means": _plain(landscape.means[listed]),
        "seeds": landscape.seeds[listed].tolist(),
        "seconds": _plain(np.round(landscape.seconds[listed], 1)),
        "heatmap": None if cell.heatmap is None else _heatmap(cell.heatmap),
        "importance": _importance(cell.importance),
    }


def _names(picture: Landscape | TrainingCurve) -> dict[str, str]:
    return {
        "task": picture.task,
        "encoder": picture.encoder,
        "method": picture.method,
        "metric": get_metric(picture.metric).title,
        "split": picture.split,
    }


def _axis(axis: Axis | None) -> dict[str, Any] | None:
    return None if axis is None else {"name": axis.name, "values": axis.labels}


def _heatmap(heatmap: Heatmap) -> dict[str, Any]:
    return {
        "x": _axis(heatmap.x),
        "y": _axis(heatmap.y),
        "panel": _axis(heatmap.panel),
        "page": _axis(heatmap.page),
        "averaged": heatmap.averaged,
        "scores": _plain(heatmap.scores),
        "counts": heatmap.counts.tolist(),
    }


def _importance(importance: Importance | str) -> dict[str, Any]:
    if isinstance(importance, str):
        return {"reason": importance}
    shares = [[share.axis, share.alone, share.together] for share in importance.shares]
    return {
        "evaluator": importance.evaluator,
        "spread": _rounded(importance.spread),
        "shares": _rounded(shares),
    }


def _budget(picture: BudgetPicture) -> dict[str, Any]:
    return {
        "task": picture.task,
        "encoder": picture.encoder,
        "metric": get_metric(picture.metric).title,
        "split": picture.split,
        "level": picture.level,
        "refused": picture.refused,
        "banded": picture.banded,
        "curves": [
            {
                "method": curve.method,
                "n": curve.n.tolist(),
                "expected": _plain(curve.expected),
                "low": _plain(curve.low),
                "high": _plain(curve.high),
            }
            for curve in picture.curves
        ],
    }


def _curve(curve: TrainingCurve) -> dict[str, Any]:
    return {
        **_names(curve),
        "trial": curve.trial,
        "setting": curve.setting,
        "epochs": curve.epochs,
        "losses": {name: _plain(values) for name, values in curve.losses.items()},
        "norms": {name: _plain(values) for name, values in curve.norms.items()},
        "scores": _plain(curve.scores),
        "epoch": curve.selected_epoch,
        "finished": curve.finished_at,
        "metrics": {
            split: {get_metric(name).title: _rounded(value) for name, value in scores.items()}
            for split, scores in curve.metrics.items()
        },
        "counts": {
            split: {"classes": counts.classes, "confused": counts.confused}
            for split, counts in curve.counts.items()
        },
    }


def _comparison(
    split: str, test: Verdict, labels: Mapping[str, str], worth: float | None
) -> list[Any]:
    """Return a row of the table of comparisons; its columns are in `assets/main.js`."""
    low, high = test.bounds or (None, None)
    models = test.comparison
    settled = equivalence(test.gain, worth) if worth and test.gain else None
    return [
        labels.get(test.task, test.definition.title),
        labels.get(test.method, test.method),
        split,
        test.p_value,
        test.p_holm,
        test.p_after,
        test.p_after_holm,
        MARKS[test.marks[-1]] if test.marks else "none",
        *_rounded([test.delta, low, high]),
        describe_equivalence(settled, worth or 0),
        *_rounded([test.system.score, test.baseline.score, test.least]),
        labels.get(test.encoder, test.encoder),
        _side(test.baseline),
        _side(test.system),
        models.discordant if models else None,
        len(test.pair.gold),
        models.test if models else "crossed-t" if test.gain else "none",
    ]


def _side(side: Chosen) -> str:
    return f"{side.settings:,} x {len(side.trials)}"


def _examples(comparison: Discordant, labels: Mapping[str, str]) -> dict[str, Any]:
    winner = {
        "baseline": labels.get(comparison.against, comparison.against),
        "system": labels.get(comparison.method, comparison.method),
    }
    return {
        "task": labels.get(comparison.task, comparison.task),
        "encoder": labels.get(comparison.encoder, comparison.encoder),
        "method": winner["system"],
        "baseline": winner["baseline"],
        "split": comparison.split,
        "trials": [" ".join(side) for side in comparison.trials],
        "wins": comparison.wins,
        "losses": comparison.losses,
        "no_texts": comparison.no_texts,
        "rows": [
            [one.id, one.text, one.gold, one.baseline, one.system, winner[one.right]]
            for one in comparison.examples
        ],
    }
