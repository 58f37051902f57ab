"""Made-up landscapes: scores over axes, without a store."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np

from reports.page.landscape import Axis, Landscape


def landscape(
    axes: Mapping[str, Sequence[object]],
    score: Callable[..., float | None],
    *,
    encoder: str = "tiny",
    method: str = "cat",
) -> Landscape:
    """A trial at each combination of values for which `score(*places)` is not None."""
    grid = product(*(range(len(values)) for values in axes.values()))
    found = {places: value for places in grid if (value := score(*places)) is not None}
    wanted = int(np.prod([len(values) for values in axes.values()]))
    return Landscape(
        task="rte",
        encoder=encoder,
        method=method,
        metric="accuracy",
        split="dev",
        axes=tuple(Axis(name=name, values=tuple(values)) for name, values in axes.items()),
        trials=tuple(f"{place:012x}" for place in range(len(found))),
        value_indices=np.array(list(found), dtype=np.int64).reshape(len(found), len(axes)),
        scores=np.array(list(found.values())),
        setting=np.arange(len(found)),
        seconds=np.full(len(found), 10.0),
        wanted=wanted,
    )
