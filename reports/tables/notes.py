"""The lines under a table: differences with their intervals, and how each was tested.

In: verdicts. Out: sentences and signature lines.
"""

from collections.abc import Sequence

from reports.statistics.across_tasks import AverageGain, average_gain, equivalence
from reports.statistics.method_test import Gain
from reports.statistics.power import Plan, Variation, examples_for, seeds_for
from reports.tables.table import percent
from reports.verdicts.verdict import BASELINE, Verdict


def verdict_notes(
    verdicts: Sequence[Verdict], baseline: str = BASELINE, worth: float | None = None
) -> tuple[str, ...]:
    """Write them for a table's verdicts; `worth` is the smallest gain that matters (0 .. 1)."""
    gains = [gain for verdict in verdicts if (gain := gain_text(verdict))]
    said = [f"Gains on {baseline}: {'; '.join(gains)}."] if gains else []
    said += [worth_text(verdict, worth) for verdict in verdicts if verdict.gain] if worth else []
    return (*said, *(verdict.note() for verdict in verdicts))


def gain_text(verdict: Verdict) -> str | None:
    """The difference and its interval in points, in words; None where there is no interval."""
    if verdict.bounds is None:
        return None
    delta, low, high = (percent(value, 1) for value in (verdict.delta, *verdict.bounds))
    return f"{verdict.name} {delta} ({low} to {high})"


def worth_text(verdict: Verdict, worth: float) -> str:
    """Say what the test settles about a gain that would matter, or what would settle it."""
    gain = verdict.gain
    assert gain is not None
    settled, points = equivalence(gain, worth), points_text(worth)
    words = {
        "better": f"better by {points} at least",
        "as good": f"as good, within {points}",
        "no gain worth it": f"no gain worth {points}",
        "not settled": f"a gain of {points} is not settled",
    }
    said = f"{verdict.name}: {words[settled]} (two one-sided tests, .05)"
    if settled != "not settled":
        return f"{said}."
    plan = Plan(examples=gain.n, seeds=min(gain.seeds), variation=Variation.of(gain))
    seeds, examples = seeds_for(plan, worth), examples_for(plan, worth)
    ways = [f"{seeds:,} seeds on these {gain.n:,} examples"] if seeds else []
    ways += [f"{examples:,} examples with {plan.seeds} seeds"] if examples else []
    return f"{said}; power .8 takes {' or '.join(ways) or 'more of both'}."


def points_text(share: float) -> str:
    """`1 point`, `2 points`."""
    return f"{100 * share:g} point{'' if share == 0.01 else 's'}"


def average_of(verdicts: Sequence[Verdict | None]) -> AverageGain | None:
    """Average a system's gains over tasks; None where one of these has no test over seeds."""
    tests = [verdict.gain for verdict in verdicts if verdict and verdict.gain]
    return average_gain(tests) if tests and len(tests) == len(verdicts) else None


def gain_words(gain: Gain) -> str:
    """`1.2 (0.3 to 2.1)`: a gain in points, with its interval."""
    delta, low, high = (percent(value, 1) for value in (gain.delta, gain.low, gain.high))
    return f"{delta} ({low} to {high})"
