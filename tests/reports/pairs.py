"""Labels of two systems to compare, shared by the tests of this folder."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Triple = tuple[Labels, Labels, Labels]


def pair(n: int, d: int, n_classes: int, seed: int, right: float = 0.8) -> Triple:
    """Two equally good systems that differ on exactly d of n examples."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, n_classes, n)
    baseline = np.where(rng.random(n) < right, gold, rng.integers(0, n_classes, n))
    system, at = baseline.copy(), rng.choice(n, d, replace=False)
    system[at] = (system[at] + rng.integers(1, n_classes, d)) % n_classes
    swapped = at[rng.random(d) < 0.5]
    baseline[swapped], system[swapped] = system[swapped], baseline[swapped].copy()
    return gold, baseline, system


def arrays(*rows: str) -> Triple:
    gold, baseline, system = (np.array([int(c) for c in row]) for row in rows)
    return gold, baseline, system


def counted(b: int, c: int, both: int = 5) -> Triple:
    """Labels with b examples only the baseline gets right and c only the system."""
    gold = np.ones(b + c + both, dtype=np.int64)
    baseline, system = gold.copy(), gold.copy()
    system[:b] = 0
    baseline[b : b + c] = 0
    return gold, baseline, system


@st.composite
def triples(draw: st.DrawFn) -> tuple[Triple, int]:
    n_classes = draw(st.integers(2, 4))
    n = draw(st.integers(1, 24))
    labels = st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n).map(np.array)
    return (draw(labels), draw(labels), draw(labels)), n_classes
