"""The lines under a table: differences with their intervals, and how each was tested.

In: verdicts. Out: sentences and signature lines.
"""

from collections.abc import Sequence

from reports.statistics.method_test import Gain
from reports.tables.table import percent
from reports.verdicts.verdict import BASELINE, Verdict


def verdict_notes(verdicts: Sequence[Verdict], baseline: str = BASELINE) -> tuple[str, ...]:
    """Write them for a table's verdicts."""
    gains = [gain for verdict in verdicts if (gain := gain_text(verdict))]
    said = [f"Gains on {baseline}: {'; '.join(gains)}."] if gains else []
    return (*said, *(verdict.note() for verdict in verdicts))


def gain_text(verdict: Verdict) -> str | None:
    """The difference and its interval in points, in words; None where there is no interval."""
    if verdict.bounds is None:
        return None
    delta, low, high = (percent(value, 1) for value in (verdict.delta, *verdict.bounds))
    return f"{verdict.name} {delta} ({low} to {high})"


def gain_words(gain: Gain) -> str:
    """`1.2 (0.3 to 2.1)`: a gain in points, with its interval."""
    delta, low, high = (percent(value, 1) for value in (gain.delta, gain.low, gain.high))
    return f"{delta} ({low} to {high})"
