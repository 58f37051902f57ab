"""Paired significance tests of two systems, and corrections for multiple comparisons.

In: gold, baseline and system labels, integer arrays of shape (N,), aligned by example.
Out: a frozen `Comparison` with the p-value, both scores and a signature that records how the
p-value was computed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from reports.statistics.randomization import exact_p, is_exact, observe, sampled_p
from search_spaces.errors import unknown_name
from trainers.records.metrics import Labels, Metric, check_classes, check_labels, get_metric, score

System = Literal["baseline", "system"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A paired, two-sided test of a system against its baseline.

    `discordant` counts the examples on which a swap could change the difference: those on which
    correctness (for accuracy) or the predicted label (for other metrics) differs. `undefined` names
    the systems whose score is undefined and counts as 0. `standard_error` (the Monte Carlo error of
    p), `resamples` and `seed` are None unless p was sampled.
    """

    metric: str
    test: str
    tie: str
    n: int
    discordant: int
    baseline_score: float
    system_score: float
    p_value: float
    undefined: tuple[System, ...] = ()
    standard_error: float | None = None
    resamples: int | None = None
    seed: int | None = None

    @property
    def delta(self) -> float:
        """The system's score minus the baseline's, in [-2, 2]."""
        return self.system_score - self.baseline_score

    def signature(self) -> str:
        """Return one machine-readable line, `key:value|...`, on what was tested and how.

        `undef:0` states the convention that an undefined score counts as 0; `undefined:` follows
        only if that happened. `se`, `R` and `seed` are present only if p was sampled.
        """
        parts = [f"metric:{self.metric}", f"test:{self.test}", "alt:two", f"tie:{self.tie}"]
        parts += ["undef:0", *[f"undefined:{'+'.join(self.undefined)}" for _ in self.undefined[:1]]]
        parts += [f"N:{self.n}", f"d:{self.discordant}", f"p:{self.p_value:.4g}"]
        if self.resamples is not None:
            parts += [f"se:{self.standard_error:.2g}", f"R:{self.resamples}", f"seed:{self.seed}"]
        return "|".join(parts)


def mcnemar(
    gold: ArrayLike, baseline: ArrayLike, system: ArrayLike, method: str = "exact"
) -> Comparison:
    """Test a difference in accuracy with McNemar's two-sided test on labels (N,).

    `exact` is the sign test on the discordant examples. It is conservative: its size is .024 at a
    nominal .05 with 39 discordant examples. `mid-p` counts half of the observed outcome's
    probability; its size is .053 there, so it can slightly exceed the nominal level. Fagerland et
    al. 2013 (doi:10.1186/1471-2288-13-91) recommend it. `chi2` is the chi-square test with
    continuity correction, an approximation that is poor below about 25 discordant examples and
    needlessly conservative (same source). If equally many examples favour each system, p is 1 with
    all three.

    Raises:
        UserError: the method is unknown.
        ValueError: the labels are empty, negative, not integers, or of different lengths.
    """
    if method not in MCNEMAR_METHODS:
        raise unknown_name("McNemar method", method, MCNEMAR_METHODS)
    tie, p_value = MCNEMAR_METHODS[method]
    g, b, s, n_classes = check_pair(get_metric("accuracy"), gold, baseline, system, None)
    only_baseline = int(((b == g) & (s != g)).sum())
    only_system = int(((s == g) & (b != g)).sum())
    return Comparison(
        metric="accuracy",
        test=f"mcnemar-{method}",
        tie=tie,
        n=g.size,
        discordant=only_baseline + only_system,
        baseline_score=score("accuracy", g, b, n_classes).value,
        system_score=score("accuracy", g, s, n_classes).value,
        p_value=_clip_p(p_value(only_baseline, only_system)),
    )


def _exact(b: int, c: int) -> float:
    return float(2 * stats.binom.cdf(min(b, c), b + c, 0.5))


def _mid_p(b: int, c: int) -> float:
    """Return 2 P(fewer than the smaller count) + P(equal); 1 if b = c."""
    return _exact(b, c) - float(stats.binom.pmf(min(b, c), b + c, 0.5))


def _chi2(b: int, c: int) -> float:
    """Apply Yates's correction; as in R, 1 if b = c."""
    return float(stats.chi2.sf(max(abs(b - c) - 1, 0) ** 2 / (b + c), 1)) if b + c else 1.0


# name -> (how an outcome as extreme as the observed one counts, p from the discordant counts)
MCNEMAR_METHODS: Final[dict[str, tuple[str, Callable[[int, int], float]]]] = {
    "exact": (">=", _exact),
    "mid-p": ("half", _mid_p),
    "chi2": ("chi2", _chi2),
}


def _clip_p(value: float) -> float:
    """Keep rounding errors inside (0, 1]: no outcome is impossible under the null."""
    return min(1.0, max(value, float(np.finfo(np.float64).tiny)))


def fisher_randomization(
    gold: ArrayLike,
    baseline: ArrayLike,
    system: ArrayLike,
    metric: str | Metric = "f1",
    n_classes: int | None = None,
    *,
    resamples: int = 9999,
    seed: int = 12345,
) -> Comparison:
    """Test a difference in any metric with Fisher's two-sided randomization test on labels (N,).

    Under the null the two predictions on an example are exchangeable (Noreen 1989; Yeh 2000). An
    outcome counts if |delta| >= |observed| - 1e-12. The p-value is exact for two classes, for
    accuracy, and if there are at most 5e6 distinct outcomes (fewer with many classes, where each
    takes longer). Otherwise it is (1 + count) / (1 + resamples), with `standard_error`
    sqrt(p (1 - p) / resamples); if p is within two standard errors of the level, use more
    resamples. The same seed gives the same p-value. With few discordant examples the exact test is
    conservative, like McNemar's. `n_classes` is the length of the task's label list; macro_f1 needs
    it, other metrics infer it from the labels.

    Raises:
        UserError: the metric is unknown.
        ValueError: the labels are empty, negative, not integers, out of range or of different
            lengths; macro_f1, or f1 with more than two classes, without n_classes; resamples < 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    chosen = get_metric(metric)
    g, b, s, n_classes = check_pair(chosen, gold, baseline, system, n_classes)
    observed = observe(chosen, g, b, s, n_classes)
    exact = is_exact(observed.swaps, n_classes)
    generator = np.random.default_rng(seed)
    p_value = exact_p(observed, n_classes) if exact else sampled_p(observed, resamples, generator)
    return Comparison(
        metric=chosen.name,
        test="fisher-exact" if exact else "fisher-mc",
        tie=">=",
        n=g.size,
        discordant=observed.swaps.discordant,
        baseline_score=float(observed.scores[0]),
        system_score=float(observed.scores[1]),
        p_value=p_value,
        undefined=_undefined_systems(observed.undefined),
        standard_error=None if exact else float(np.sqrt(p_value * (1 - p_value) / resamples)),
        resamples=None if exact else resamples,
        seed=None if exact else seed,
    )


def _undefined_systems(undefined: NDArray[np.bool_]) -> tuple[System, ...]:
    names: tuple[System, System] = ("baseline", "system")
    return tuple(name for name, flag in zip(names, undefined, strict=True) if flag)


def check_pair(
    metric: Metric, gold: ArrayLike, baseline: ArrayLike, system: ArrayLike, n_classes: int | None
) -> tuple[Labels, Labels, Labels, int]:
    """Check three label lists (N,), and return them with the number of classes.

    By default the number of classes is the largest label + 1, at least 2; macro_f1 needs it given.

    Raises:
        ValueError: the labels are invalid, as for `fisher_randomization`.
    """
    given = {"gold": gold, "baseline": baseline, "system": system}
    labels = {what: check_labels(values, what) for what, values in given.items()}
    if n_classes is None and metric.name == "macro_f1":
        raise ValueError("macro_f1 averages over the task's label list: pass n_classes")
    several = max(int(array.max()) for array in labels.values()) > 1
    if n_classes is None and metric.needs_positive and several:
        raise ValueError(f"{metric.name} scores label 1: with more than two labels, pass n_classes")
    found = max(2, *(int(array.max()) + 1 for array in labels.values()))
    n_classes = found if n_classes is None else n_classes
    check_classes(metric, n_classes, labels)
    return labels["gold"], labels["baseline"], labels["system"], n_classes


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust the p-values (M,) of a family by Holm's step-down method (Holm 1979).

    Rejecting the adjusted values below .05 keeps the family-wise error rate at .05 under any
    dependence. Pass every hypothesis that was tested, in any order, not only the promising ones:
    leaving some out makes the others anti-conservative. The result has the order of the input.

    Raises:
        ValueError: a value is NaN or outside [0, 1].
    """
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust the p-values (M,) of a family by Benjamini and Hochberg's step-up method (1995).

    Rejecting the adjusted values below .05 keeps the false discovery rate at .05, a weaker
    guarantee than Holm's: at most 5 % of the rejected hypotheses are expected to be true nulls. It
    holds for independent or positively dependent tests; comparisons with a shared baseline are
    commonly assumed to be so. Pass every hypothesis that was tested. The result has the order of
    the input.

    Raises:
        ValueError: a value is NaN or outside [0, 1].
    """
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Sequence[float] | NDArray[np.float64], method: str) -> NDArray[np.float64]:
    from statsmodels.stats.multitest import multipletests  # Not for `compare`: half a second.

    p = _check_p(p_values)
    adjusted: NDArray[np.float64] = multipletests(p, method=method)[1] if p.size else p
    return adjusted


def _check_p(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    wrong = p[~((p >= 0) & (p <= 1))]
    if p.ndim != 1 or wrong.size:
        raise ValueError(f"expected a list of p-values in [0, 1], got {wrong.tolist() or p.shape}")
    return p
