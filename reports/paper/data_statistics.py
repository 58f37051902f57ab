"""The statistics of a dataset in Tables 1 and 2 of the paper, counted from its examples.

In: a loaded task. Out: frozen `DataStatistics`. The paper measures length in words and does not
define a word. Here a word is a whitespace-separated part with at least one letter or digit, so that
copies with and without spaces before punctuation agree. Both texts of a pair are counted.
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
    """A task's number of labels, and by split the number of examples and their mean length.

    `domains` is the number of domains, None if no file assigns labels to domains. `deviation` is a
    remark on how the data differ from the published data, or None.
    """

    labels: int
    domains: int | None
    rows: Mapping[str, int]
    words: Mapping[str, Fraction]
    deviation: str | None


def data_statistics(data: TaskData, folder: Path | None) -> DataStatistics:
    """Count a task's statistics; `TASK/domains.csv` in the data folder may list its domains."""
    domains = folder / data.name / "domains.csv" if folder else None
    return DataStatistics(
        labels=len(data.labels),
        domains=_count_domains(domains) if domains and path_exists(domains) else None,
        rows={name: len(split) for name, split in data.splits.items()},
        words={name: mean_words(split) for name, split in data.splits.items()},
        deviation=describe_deviation(data),
    )


def mean_words(split: Split) -> Fraction:
    """Return the mean number of words of N >= 1 examples, over all their texts."""
    total = sum(count_words(text) for column in split.texts for text in column)
    return Fraction(total, len(split))


def count_words(text: str) -> int:
    """Count the whitespace-separated parts with a letter or a digit."""
    return sum(any(character.isalnum() for character in part) for part in text.split())


def _count_domains(path: Path) -> int | None:
    """Count a file's distinct values of `domain`; None if it has no such column."""
    if "domain" not in read_header(path):
        return None
    return len(set(read_columns(path, ["domain"])["domain"]))
