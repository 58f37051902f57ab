"""Made-up cells: trials that are exchangeable, or whose quality differs, on the same examples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from reports.statistics.candidates import Candidates
from reports.statistics.design import Design
from trainers.records.metrics import Labels, get_metric

# Beta: right .86 on average, and two trials differ on an eighth of the examples, as on CoLA.
DIFFICULTY = (0.93, 0.15)
KEPT = 0.7  # the share of examples on which an epoch is as right as the first, whatever it draws


def candidates(
    gold: ArrayLike,
    predicted: ArrayLike,
    metric: str = "accuracy",
    *,
    cell: str = "cat",
    seeds: int = 1,
) -> Candidates:
    """Trials (M, N) with labels from 0 up, none of which failed; `seeds` of each setting."""
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
        seeds=seeds,
    )


def exchangeable(
    n: int,
    trials: tuple[int, int],
    metric: str = "accuracy",
    *,
    seed: int,
    gain: float = 0.0,
    spread: float = 0.0,
    settings: tuple[Sequence[float], Sequence[float]] = ((0.0,), (0.0,)),
    positive: float = 0.69,
    difficulty: tuple[float, float] = DIFFICULTY,
    epochs: tuple[int, int] = (1, 1),
) -> tuple[Candidates, Candidates]:
    """A baseline's and a system's cell with two labels, a share `positive` of them 1.

    Every trial is right on an example with that example's own probability, independently: the
    trials are exchangeable. Of quality q above 0, a trial gets some of its wrong predictions right,
    of q below 0 some of its right ones wrong, so that its expected accuracy moves by q: `gain` for
    the system's trials, what its setting is worth, of `settings` in turn (baseline's, system's),
    and for all a normal draw with standard deviation `spread`. Of so many `epochs` a trial is the
    one with most right predictions.
    """
    rng = np.random.default_rng(seed)
    gold = (rng.random(n) < positive).astype(np.int64)
    easy = rng.beta(*difficulty, size=n)
    first = rng.random((sum(trials), n)) < easy
    right, offered = first.copy(), np.repeat(epochs, trials)
    for epoch in range(1, max(epochs)):
        drawn = rng.random(first.shape) < easy
        later = np.where(rng.random(first.shape) < KEPT, first, drawn)
        better = (offered > epoch) & (later.sum(axis=1) > right.sum(axis=1))
        right[better] = later[better]
    worth = [np.resize(own, count) for own, count in zip(settings, trials, strict=True)]
    quality = gain * (np.arange(sum(trials)) >= trials[0]) + np.concatenate(worth)
    quality = quality + rng.normal(0, spread, sum(trials))
    share = np.where(quality > 0, quality / (1 - easy.mean()), -quality / easy.mean())[:, None]
    touched = (rng.random(right.shape) < share) & (right == (quality < 0)[:, None])
    predicted: Labels = np.where(right ^ touched, gold, 1 - gold)
    return (
        candidates(gold, predicted[: trials[0]], metric, cell="standard"),
        candidates(gold, predicted[trials[0] :], metric, cell="cat"),
    )
