"""What Tables 1 and 2 of the paper count of a dataset, from its examples.

In: a loaded task. Out: frozen `DataStatistics`. The paper measures length in words, not tokens, and
does not say what a word is; here it is what stands between white space and has a letter or a digit,
so that copies with and without spaces before punctuation agree. The texts of a pair count together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from search_spaces.input_files import path_exists
from trainers.data.csv_files import read_columns, read_header
from trainers.data.loading import Split, TaskData, describe_deviation


@dataclass(frozen=True, kw_only=True)
class DataStatistics:
    """A task's labels, and by split its examples, their mean length in words.

    `domains` is None where no file says which label is of which domain; `deviation` is the line
    that says how the data differ from the published ones, None where they do not.
    """

    labels: int
    domains: int | None
    rows: Mapping[str, int]
    words: Mapping[str, Fraction]
    deviation: str | None


def data_statistics(data: TaskData, folder: Path | None) -> DataStatistics:
    """Count; `folder` is the data folder, in which `TASK/domains.csv` may name labels' domains."""
    domains = folder / data.name / "domains.csv" if folder else None
    return DataStatistics(
        labels=len(data.labels),
        domains=_domains(domains) if domains and path_exists(domains) else None,
        rows={name: len(split) for name, split in data.splits.items()},
        words={name: mean_words(split) for name, split in data.splits.items()},
        deviation=describe_deviation(data),
    )


def mean_words(split: Split) -> Fraction:
    """The mean number of words of N >= 1 examples, all their texts together."""
    total = sum(words_of(text) for column in split.texts for text in column)
    return Fraction(total, len(split))


def words_of(text: str) -> int:
    """Count the parts between white space that have a letter or a digit."""
    return sum(any(character.isalnum() for character in part) for part in text.split())


def _domains(path: Path) -> int | None:
    """Count a file's distinct values of `domain`; None where it has no such column."""
    if "domain" not in read_header(path):
        return None
    return len(set(read_columns(path, ["domain"])["domain"]))
