"""Notes on gains with their intervals, and on what they settle.

In: verdicts. Out: notes, and signature lines, for programs, on how each comparison was tested.
"""

from collections.abc import Sequence

from reports.statistics.across_tasks import AverageGain, average_gain, equivalence
from reports.statistics.method_test import Gain
from reports.statistics.power import Experiment, Variation, find_examples, find_seeds
from reports.tables.marks import name_of
from reports.tables.table import percent
from reports.verdicts.verdict import Verdict
from search_spaces.display_names import DisplayNames


def gain_notes(
    verdicts: Sequence[Verdict], names: DisplayNames, worth: float | None = None
) -> list[str]:
    """Write the notes on a table's gains; `worth` is the smallest gain that matters (0 .. 1)."""
    baseline, items = names(verdicts[0].against) if verdicts else "", list[str]()
    if wins := [text for verdict in verdicts if (text := wins_text(verdict, names))]:
        items.append(
            f"Probability that one training run scores higher than one of {baseline}, with its 95%"
            f" bootstrap interval over the runs: {'; '.join(wins)}."
        )
    if gains := [text for verdict in verdicts if (text := gain_text(verdict, names))]:
        items.append(f"Gains over {baseline}, in points: {'; '.join(gains)}.")
    tested = [verdict for verdict in verdicts if verdict.gain] if worth else []
    return [*items, *(worth_text(verdict, names, worth or 0) for verdict in tested)]


def signatures(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Write one line per comparison on how it was tested, for programs."""
    return tuple(verdict.signature() for verdict in verdicts)


def gain_text(verdict: Verdict, names: DisplayNames) -> str | None:
    """Write the difference and its interval in points; None if there is no interval."""
    if verdict.bounds is None:
        return None
    delta, low, high = (percent(value, 1) for value in (verdict.delta, *verdict.bounds))
    return f"{name_of(verdict, names)} {delta} ({low} to {high})"


def wins_text(verdict: Verdict, names: DisplayNames) -> str | None:
    """Write the probability that a run wins, and its interval; None without several seeds."""
    wins = verdict.wins
    if wins is None:
        return None
    return f"{name_of(verdict, names)} {wins.value:.2f} ({wins.low:.2f} to {wins.high:.2f})"


def worth_text(verdict: Verdict, names: DisplayNames, worth: float) -> str:
    """Write what the test settles about a gain of `worth`, or what it would take to settle it."""
    gain = verdict.gain
    assert gain is not None
    settled, points = equivalence(gain, worth), points_text(worth)
    words = {
        "better": f"better by at least {points}",
        "as good": f"as good, within {points}",
        "no gain worth it": f"no gain worth {points}",
        "not settled": f"a gain of {points} is not settled",
    }
    conclusion = f"{name_of(verdict, names)}: {words[settled]} (two one-sided tests, .05)"
    if settled != "not settled":
        return f"{conclusion}."
    experiment = Experiment(
        examples=gain.n, seeds=min(gain.seeds), variation=Variation.from_test(gain)
    )
    seeds, examples = find_seeds(experiment, worth), find_examples(experiment, worth)
    ways = [f"{seeds:,} seeds on these {gain.n:,} examples"] if seeds else []
    ways += [f"{examples:,} examples with {experiment.seeds} seeds"] if examples else []
    return f"{conclusion}; power .8 takes {' or '.join(ways) or 'more of both'}."


def points_text(share: float) -> str:
    """`1 point`, `2 points`."""
    return f"{100 * share:g} point{'' if share == 0.01 else 's'}"


def average_verdicts(verdicts: Sequence[Verdict | None]) -> AverageGain | None:
    """Average a system's gains over tasks; None if a task has no test over seeds."""
    tests = [verdict.gain for verdict in verdicts if verdict and verdict.gain]
    return average_gain(tests) if tests and len(tests) == len(verdicts) else None


def gain_words(gain: Gain) -> str:
    """`1.2 (0.3 to 2.1)`: a gain in points, with its interval."""
    delta, low, high = (percent(value, 1) for value in (gain.delta, gain.low, gain.high))
    return f"{delta} ({low} to {high})"
