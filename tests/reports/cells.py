"""Made-up cells: trials that are exchangeable, or whose quality differs, on the same examples."""

import numpy as np
from numpy.typing import ArrayLike

from reports.candidates import Candidates
from reports.design import Design
from trainers.metrics import Labels, get_metric

# Beta: right .86 on average, and two trials differ on an eighth of the examples, as on CoLA.
DIFFICULTY = (0.93, 0.15)


def candidates(
    gold: ArrayLike,
    predicted: ArrayLike,
    metric: str = "accuracy",
    *,
    cell: str = "cat",
) -> Candidates:
    """Trials (M, N) with labels from 0 up, none of which failed."""
    rows, labels = np.asarray(predicted), np.asarray(gold)
    return Candidates(
        cell=cell,
        trials=tuple(f"{cell}-{row}" for row in range(len(rows))),
        ids=tuple(f"id-{place}" for place in range(labels.size)),
        gold=labels,
        predicted=rows,
        metric=get_metric(metric),
        n_classes=max(2, int(max(labels.max(), rows.max())) + 1),
        design=Design(),
    )


def exchangeable(
    n: int,
    trials: tuple[int, int],
    metric: str = "accuracy",
    *,
    seed: int,
    gain: float = 0.0,
    spread: float = 0.0,
) -> tuple[Candidates, Candidates]:
    """A baseline's and a system's cell with two labels.

    Every trial is right on an example with that example's own probability, independently: the
    trials are exchangeable. Of quality q above 0, a trial gets some of its wrong predictions right,
    of q below 0 some of its right ones wrong, so that its expected accuracy moves by q: `gain` for
    the system's trials, and for all a normal draw with standard deviation `spread`.
    """
    rng = np.random.default_rng(seed)
    gold = (rng.random(n) < 0.69).astype(np.int64)
    easy = rng.beta(*DIFFICULTY, size=n)
    right = rng.random((sum(trials), n)) < easy
    quality = gain * (np.arange(sum(trials)) >= trials[0]) + rng.normal(0, spread, sum(trials))
    share = np.where(quality > 0, quality / (1 - easy.mean()), -quality / easy.mean())[:, None]
    touched = (rng.random(right.shape) < share) & (right == (quality < 0)[:, None])
    predicted: Labels = np.where(right ^ touched, gold, 1 - gold)
    return (
        candidates(gold, predicted[: trials[0]], metric, cell="standard"),
        candidates(gold, predicted[trials[0] :], metric, cell="cat"),
    )
