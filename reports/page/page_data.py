"""What the page's scripts read: everything it draws, as JSON of a bounded size.

In: `Pictures`, reports, discordant examples and failures. Out: a dict of plain values, scores
rounded to six decimals, NaN as null. At most MOST_TRIALS trials and MOST_FAILURES failures are in
it; `pictures.py` and `examples.py` bound the rest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from reports.page.budget_curves import BudgetPicture
from reports.page.examples import Discordant
from reports.page.forest import FRESH, forests
from reports.page.forest_html import settled_words
from reports.page.heatmap import Heatmap
from reports.page.importance import Importance
from reports.page.landscape import Axis, Landscape
from reports.page.pictures import CellPictures, Pictures, with_display_names
from reports.page.styles import style_of
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
    """Lay everything out; the same input gives the same dict, in the same order."""
    each, labels = MOST_TRIALS // max(1, len(pictures.cells)), pictures.labels
    methods = dict.fromkeys(cell.landscape.method for cell in pictures.cells)
    return {
        "study": pictures.study,
        "given": pictures.given,
        "styles": {
            labels.get(method, method): asdict(style_of(method, pictures.styles))
            for method in methods
        },
        "cells": [
            _cell(replace(cell, landscape=with_display_names(cell.landscape, labels)), each)
            for cell in pictures.cells
        ],
        "budgets": [_budget(with_display_names(budget, labels)) for budget in pictures.budgets],
        "curves": [_curve(with_display_names(curve, labels)) for curve in pictures.curves],
        "classes": {labels.get(task, task): list(of) for task, of in pictures.classes.items()},
        "worth": worth,
        "tables": {
            report.table.name: {"tex": to_latex(report.table), "csv": to_csv(report.table)}
            for report in reports
        },
        "comparisons": [
            _comparison(
                f"{test.split}{', fresh seeds' * (forest.name == FRESH)}", test, labels, worth
            )
            for forest in forests(reports, labels)
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
    """A cell with its best `most` trials, the best first."""
    of = cell.landscape
    listed = of.ranking[:most]
    return {
        **_names(of),
        "wanted": of.wanted,
        "finished": len(of.trials),
        "axes": [_axis(axis) for axis in of.axes],
        "trials": [of.trials[row] for row in listed.tolist()],
        "places": of.places[listed].tolist(),
        "scores": _plain(of.scores[listed]),
        "means": _plain(of.means[listed]),
        "seeds": of.seeds[listed].tolist(),
        "seconds": _plain(np.round(of.seconds[listed], 1)),
        "heatmap": None if cell.heatmap is None else _heatmap(cell.heatmap),
        "importance": _importance(cell.importance),
    }


def _names(of: Landscape | TrainingCurve) -> dict[str, str]:
    return {
        "task": of.task,
        "encoder": of.encoder,
        "method": of.method,
        "metric": get_metric(of.metric).title,
        "split": of.split,
    }


def _axis(axis: Axis | None) -> dict[str, Any] | None:
    return None if axis is None else {"name": axis.name, "values": axis.labels}


def _heatmap(of: Heatmap) -> dict[str, Any]:
    return {
        "x": _axis(of.x),
        "y": _axis(of.y),
        "panel": _axis(of.panel),
        "page": _axis(of.page),
        "averaged": of.averaged,
        "scores": _plain(of.scores),
        "counts": of.counts.tolist(),
    }


def _importance(of: Importance | str) -> dict[str, Any]:
    if isinstance(of, str):
        return {"reason": of}
    shares = [[share.axis, share.alone, share.together] for share in of.shares]
    return {"evaluator": of.evaluator, "spread": _rounded(of.spread), "shares": _rounded(shares)}


def _budget(of: BudgetPicture) -> dict[str, Any]:
    return {
        "task": of.task,
        "encoder": of.encoder,
        "metric": get_metric(of.metric).title,
        "split": of.split,
        "level": of.level,
        "refused": of.refused,
        "banded": of.banded,
        "curves": [
            {
                "method": curve.method,
                "n": curve.n.tolist(),
                "expected": _plain(curve.expected),
                "low": _plain(curve.low),
                "high": _plain(curve.high),
            }
            for curve in of.curves
        ],
    }


def _curve(of: TrainingCurve) -> dict[str, Any]:
    return {
        **_names(of),
        "trial": of.trial,
        "setting": of.setting,
        "epochs": of.epochs,
        "losses": {name: _plain(values) for name, values in of.losses.items()},
        "norms": {name: _plain(values) for name, values in of.norms.items()},
        "scores": _plain(of.scores),
        "epoch": of.selected_epoch,
        "finished": of.finished_at,
        "metrics": {
            split: {get_metric(name).title: _rounded(value) for name, value in scores.items()}
            for split, scores in of.metrics.items()
        },
        "counts": {
            split: {"classes": counts.classes, "confused": counts.confused}
            for split, counts in of.counts.items()
        },
    }


def _comparison(
    split: str, test: Verdict, labels: Mapping[str, str], worth: float | None
) -> list[Any]:
    """A row of the table of comparisons, in the order of its columns in `comparisons.js`."""
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
        settled_words(settled, worth or 0),
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


def _examples(of: Discordant, labels: Mapping[str, str]) -> dict[str, Any]:
    winner = {
        "baseline": labels.get(of.against, of.against),
        "system": labels.get(of.method, of.method),
    }
    return {
        "task": labels.get(of.task, of.task),
        "encoder": labels.get(of.encoder, of.encoder),
        "method": winner["system"],
        "baseline": winner["baseline"],
        "split": of.split,
        "trials": [" ".join(side) for side in of.trials],
        "wins": of.wins,
        "losses": of.losses,
        "no_texts": of.no_texts,
        "rows": [
            [one.id, one.text, one.gold, one.baseline, one.system, winner[one.right]]
            for one in of.examples
        ],
    }
