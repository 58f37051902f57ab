"""Captions of at most 60 words: the data, what a number is, the choice behind it, and the marks.

In: a table's split, cells and verdicts. Out: short sentences. Details are in the notes
(`fine_print.py`). Captions also have what could mislead if it were missing: the number of seeds,
trials that failed or are missing, and the choice of epochs.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from reports.results.cells import CellResult
from reports.tables.fine_print import (
    by_method,
    describe_sampling,
    name_positive_labels,
    sampled,
    subsampled,
)
from reports.tables.marks import SIGNIFICANT, SPLIT_TITLES, count, span
from reports.verdicts.verdict import Verdict
from search_spaces.display_names import DisplayNames
from trainers.records.metrics import get_metric

MOST_WORDS: Final = 60
MOST_TASKS: Final = 3
"""More tasks than these are counted, not named: the columns name them."""
MOST_METHODS: Final = 4
"""With more methods than these the numbers of trials are given as a range."""
SHORT_TESTS: Final = {"mcnemar": "McNemar", "fisher": "Fisher randomization"}
METHOD_TEST: Final = "t-test over seeds and examples"
ONE_SEED: Final = "One seed: the tests are of these models."


def caption(
    split: str,
    cells: Sequence[CellResult],
    verdicts: Sequence[Verdict],
    *,
    names: DisplayNames,
    title: str = "",
    also: Sequence[str] = (),
) -> str:
    """Write the caption of a table of chosen settings.

    It begins with `title`, if there is one, and ends with what must `also` be said.
    """
    sentences = [
        title or f"{data_sets(split, cells, names)}.",
        _number(split, cells, verdicts, names),
        *explain_in_short(verdicts, names),
        *missing(cells),
        *also,
    ]
    more = [*_parts_of_data(split, cells, names), *name_positive_labels(cells, names)]
    return with_room(" ".join(sentences), more)


def with_room(text: str, more: Sequence[str]) -> str:
    """Add each sentence that fits into the word limit; the notes have all of them."""
    for sentence in more:
        longer = f"{text} {sentence}"
        text = longer if len(longer.split()) <= MOST_WORDS else text
    return text


def data_sets(split: str, cells: Sequence[CellResult], names: DisplayNames) -> str:
    """`RTE and CoLA dev sets, MiniLM`; the encoder where it is the only one."""
    tasks = list(dict.fromkeys(names.task(cell.definition) for cell in cells))
    which = SPLIT_TITLES.get(split, split)
    sets = f"{which} set{'s' if len(tasks) > 1 else ''}"
    if len(tasks) > MOST_TASKS:
        return f"{sets.capitalize()} of {len(tasks)} tasks{only_encoder(cells, names)}"
    return f"{listed(tasks)} {sets}{only_encoder(cells, names)}"


def only_encoder(cells: Sequence[CellResult], names: DisplayNames) -> str:
    """Return a comma and the encoder's name if there is only one encoder."""
    found = {cell.encoder for cell in cells}
    return f", {names(found.pop())}" if len(found) == 1 else ""


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _number(
    split: str, cells: Sequence[CellResult], verdicts: Sequence[Verdict], names: DisplayNames
) -> str:
    """Return the sentence on what a number is, and how it was chosen from how many."""
    seeds = [len(cell.chosen.trials) for cell in cells if cell.chosen] or [1]
    one_seed = max(seeds) == 1
    what = "One trial each" if one_seed else f"Mean ± SD over {span(seeds)} seeds"
    choices = [len(cell.comparable) for cell in cells]
    if max(choices, default=0) > 1:
        grid, unit = _way(cells), "trials" if one_seed else "settings"
        counts = _counts(cells, names, unit)
        what = f"Best of each method's {grid}" if one_seed else f"{what} of each method's best"
        from_where = "" if one_seed else f" of a {grid}"
        what += f"{from_where} ({counts}), chosen on {_chosen_on(split, cells)}"
    models = any(verdict.comparison for verdict in verdicts)
    return f"{what}. {ONE_SEED}" if one_seed and models else f"{what}."


def _way(cells: Sequence[CellResult]) -> str:
    """Return how the trials were sampled, if all in one way; `missing` reports unfinished ones."""
    ways = {
        describe_sampling(cell).removeprefix("complete ").removesuffix(" with failures")
        for cell in cells
    }
    return ways.pop() if len(ways) == 1 else "trials"


def _counts(cells: Sequence[CellResult], names: DisplayNames, unit: str) -> str:
    """Return `Standard 3, CAT 12 trials`; one number if all are equal; a range for many methods."""
    groups = {names(m): _settings(group) for m, group in by_method(cells).items()}
    if len(found := set(groups.values())) == 1:
        return f"{found.pop()} {unit} each"
    if len(groups) > MOST_METHODS:
        return f"{_settings(cells)} {unit}"
    return f"{', '.join(f'{method} {number}' for method, number in groups.items())} {unit}"


def _settings(cells: Sequence[CellResult]) -> str:
    return span(len(cell.comparable) for cell in cells)


def _chosen_on(split: str, cells: Sequence[CellResult]) -> str:
    found = sorted({trial.record.selection for cell in cells for trial in cell.finished})
    if found == [split]:
        return "these examples"
    return " or ".join(
        "held-out training rows" if on == "heldout" else f"{on} sets" for on in found
    )


def explain_in_short(verdicts: Sequence[Verdict], names: DisplayNames) -> list[str]:
    """Return the sentences on marks: the test, the number of comparisons, and unused marks."""
    if not verdicts:
        return []
    baseline = names(verdicts[0].against)
    lines = []
    models = [verdict for verdict in verdicts if verdict.comparison]
    methods = [verdict for verdict in verdicts if verdict.gain]
    better = f"better than {baseline}, {SIGNIFICANT}"
    if models:
        lines.append(f"†: {better} ({_tests(models)}){_none(v.marked for v in models)}.")
    if methods:
        better = "likewise" if models else better
        lines.append(f"*: {better} ({METHOD_TEST}){_none(v.marked for v in methods)}.")
    return [*lines, *_still(verdicts), *_confirmed(verdicts), *_epochs(verdicts)]


def _none(marked: Iterable[bool]) -> str:
    """Return `; none` if no number has the mark."""
    return "" if any(marked) else "; none"


def _tests(verdicts: Sequence[Verdict]) -> str:
    """`McNemar`, or `accuracy: McNemar; F1, MCC: Fisher randomization`."""
    by_test: dict[str, list[str]] = {}
    for metric in (get_metric(verdict.definition.metric) for verdict in verdicts):
        titles = by_test.setdefault(SHORT_TESTS[metric.test], [])
        titles += [metric.title] if metric.title not in titles else []
    if len(by_test) == 1:
        return next(iter(by_test))
    return "; ".join(f"{', '.join(titles)}: {test}" for test, titles in by_test.items())


def _still(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the sentence on the double dagger, and on numbers for which it is unknown."""
    able = [verdict for verdict in verdicts if verdict.p_after is not None]
    lacking = len(verdicts) - len(able)
    refused = f"not known of {lacking} of {count(len(verdicts), 'number')}"
    if not able:
        return [f"‡: {refused}."]
    family, chose = verdicts[0].family, any(verdict.selected for verdict in able)
    allowed = ["the choice"] if chose else []
    allowed += [f"Holm over {family} comparisons"] if family > 1 else []
    still = f"still so after {' and '.join(allowed)}" if allowed else "the same, one comparison"
    none = _none(verdict.survives for verdict in able)
    return [f"‡: {still}{none}{f'; {refused}' if lacking else ''}."]


def _confirmed(verdicts: Sequence[Verdict]) -> list[str]:
    known = [verdict.confirmation for verdict in verdicts if verdict.confirmation]
    if not known:
        return []
    seeds = span(len(side.trials) for v in known for side in (v.baseline, v.system))
    return [f"§: confirmed on {seeds} fresh seeds{_none(v.survives for v in known)}."]


def _epochs(verdicts: Sequence[Verdict]) -> list[str]:
    chosen = any(verdict.epoch_selected for verdict in verdicts)
    return ["Epochs were chosen on the same examples."] if chosen else []


def missing(cells: Sequence[CellResult]) -> list[str]:
    """`Of 15 trials: 2 failed, 3 not finished.`"""
    counts = {
        "failed": sum(cell.failed for cell in cells),
        "stopped early": sum(cell.pruned for cell in cells),
        "not finished": sum(cell.missing for cell in cells),
    }
    total = sum(cell.total for cell in cells)
    parts = [f"{number} {what}" for what, number in counts.items() if number]
    return [f"Of {count(total, 'trial')}: {', '.join(parts)}."] if parts else []


def _parts_of_data(split: str, cells: Sequence[CellResult], names: DisplayNames) -> list[str]:
    """Return sentences on sampled rows; the notes have the numbers."""
    scored = ["Scored on a sample of the dev rows."] if sampled(split, cells) else []
    trained = ["Trained on a part of the training rows."] if subsampled(cells, names) else []
    return [*trained, *scored]
