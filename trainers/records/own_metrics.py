"""Users' own metrics: functions of the confusion matrix, from a file (`./agreement.py@kappa`).

In: a source. Out: a `Metric`, registered in this process under `kappa@<digest of its code>`, which
is how tasks and records name it: changed code is another metric. The randomization test calls it
on thousands of matrices, so reports run it too, from the store's copy.

Shapes: C classes; a matrix is (C, C), gold labels in its rows, predicted ones in its columns.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from search_spaces.errors import UserError
from search_spaces.sources import Source
from search_spaces.text import one_line
from trainers.records.metrics import OWN_METRICS, Counts, Flags, Labels, Metric, Values

MAX_CLASSES: Final = 40
"""An example counts in one of C x C cells, and tests hold thousands of such rows at once."""
TEST_MATRICES: Final = 5
"""The number of random matrices that a function is tried on before it is accepted."""

Function = Callable[[Any], Any]


def make_metric(source: Source, function: Any) -> Metric:
    """Make a metric from a function, and register it in this process.

    Optional attributes of the function: `title`, and `lowest` (from -1.0 to 0.0, the default). NaN
    is an undefined score. Whether it takes matrices (..., C, C) at once is tried out.

    Raises:
        UserError: it is not a function of a matrix, or a value is not between `lowest` and 1.
    """
    what = f"metric {source.name}"
    if not callable(function):
        raise UserError(f"{what}: it is not a function of a confusion matrix")
    lowest = getattr(function, "lowest", 0.0)
    if not isinstance(lowest, int | float) or not -1 <= lowest <= 0:
        raise UserError(f"{what}: lowest must be between -1 and 0, got {lowest!r}")
    scorer = _Scorer(what, function, float(lowest))
    scorer.try_out()
    name = f"{source.name}@{source.code}"
    OWN_METRICS[name] = Metric(
        name=name,
        title=str(getattr(function, "title", "") or source.name),
        counts=_pair_counts,
        scores=scorer,
        max_classes=MAX_CLASSES,
        lowest=float(lowest),
        is_monotone=False,
    )
    return OWN_METRICS[name]


def _pair_counts(gold: Labels, predicted: Labels, n_classes: int) -> Counts:
    """Mark, for each example, its cell (gold, predicted) of the C x C matrix."""
    cells = gold * n_classes + predicted
    return np.asarray(cells[:, None] == np.arange(n_classes**2), dtype=np.int64)


class _Scorer:
    """Scores sums (..., C * C) with a function of matrices, all at once if it supports that."""

    def __init__(self, what: str, function: Function, lowest: float) -> None:
        self.what, self.function, self.lowest, self.at_once = what, function, lowest, False

    def __call__(self, sums: Counts) -> tuple[Values, Flags]:
        n_classes = round(sums.shape[-1] ** 0.5)
        matrices = sums.reshape(*sums.shape[:-1], n_classes, n_classes)
        if self.at_once:
            found = self._call(matrices)
        else:
            flat = matrices.reshape(-1, n_classes, n_classes)
            values = [float(self._call(matrix)) for matrix in flat]
            found = np.array(values, dtype=np.float64).reshape(sums.shape[:-1])
        flags = np.isnan(found)
        return np.where(flags, 0.0, self._check_range(found, flags)), np.asarray(flags)

    def try_out(self) -> None:
        """Try random matrices, one by one and all at once; UserError if the function fails."""
        rng = np.random.default_rng(0)
        for n_classes in (2, 3):
            sums = (
                rng.integers(0, 9, (TEST_MATRICES, n_classes**2))
                + np.eye(n_classes, dtype=int).ravel()
            )
            self.at_once = False
            expected, again = self(sums)[0], self(sums)[0]
            if not np.array_equal(expected, again):
                raise UserError(f"{self.what}: it returns two values for the same matrix")
            self.at_once = True
            try:
                found, _ = self(sums)
            except UserError:
                self.at_once = False
                return
            if found.shape != expected.shape or not np.allclose(found, expected):
                self.at_once = False
                return

    def _call(self, matrices: Counts) -> Values:
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = np.asarray(self.function(matrices.copy()), dtype=np.float64)
        except (Exception, SystemExit) as error:
            raise UserError(
                f"{self.what}: {one_line(f'{type(error).__name__}: {error}')}, for"
                f" {np.asarray(matrices).tolist()!s:.200}"
            ) from error
        if found.shape != matrices.shape[:-2]:
            raise UserError(f"{self.what}: expected one number, got an array of {found.shape}")
        return found

    def _check_range(self, values: Values, flags: Flags) -> Values:
        wrong = values[~flags & ~((values >= self.lowest - 1e-9) & (values <= 1 + 1e-9))]
        if wrong.size:
            raise UserError(
                f"{self.what}: expected {self.lowest:g} to 1, got {wrong.flat[0]:g}: scale it, or"
                f" set {self.what.split()[1]}.lowest = -1"
            )
        return np.clip(values, self.lowest, 1.0)
