"""Overlap of the difficult test subsets built here with the published ones: prints JSON.

    python -m tests.benchmarks.difficulty --data DATA

For each task whose published subset is in the data folder, the share of its rows that the subsets
`tfidf` and `encoder` (packaged MiniLM) also contain.
"""

import argparse
import json
from pathlib import Path
from typing import Literal

from search_spaces.shipped_tasks import TASKS
from search_spaces.trial import TrainingSettings
from trainers.data.difficulty import add_difficult_split
from trainers.data.loading import Split, load_task

KINDS: tuple[Literal["tfidf", "encoder"], ...] = ("tfidf", "encoder")


def rows_of(split: Split) -> set[tuple[str, str]]:
    texts = zip(*split.texts, strict=True)
    return {(" ".join(text), str(label)) for text, label in zip(texts, split.labels, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    found: dict[str, dict[str, float | int]] = {}
    for name, task in TASKS.items():
        if task.difficult is None or not (options.data / name / "test_difficult.csv").exists():
            continue
        data = load_task(name, options.data)
        published = rows_of(data.splits["test_difficult"])
        shares: dict[str, float | int] = {"published": len(published)}
        for kind in KINDS:
            settings = TrainingSettings(difficulty=kind)
            built = rows_of(add_difficult_split(data, settings).splits["test_difficult"])
            shares[kind] = round(len(built & published) / len(published), 3)
        found[name] = shares
    print(json.dumps(found, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
