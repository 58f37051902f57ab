"""A task of one's own for tests: tickets for three teams, in any of the formats."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from search_spaces.own_tasks import parse_task
from search_spaces.tasks import Task
from tests.fakes import ODDITIES, write_csv

TEAMS = ("billing", "delivery", "returns")
Row = Mapping[str, str]


def rows(times: int, mark: str) -> list[Row]:
    """Return `times` tickets of each team; the first texts are ODDITIES."""
    found: list[Row] = [
        {"key": f"{mark}{turn}{team[0]}", "body": f"{team} {mark} ticket {turn}", "team": team}
        for turn in range(times)
        for team in TEAMS
    ]
    odd: list[Row] = [{**row, "body": text} for row, text in zip(found, ODDITIES, strict=False)]
    return odd + found[len(ODDITIES) :]


def write_rows(path: Path, found: Sequence[Row]) -> Path:
    """Write rows in the format that a path's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(found)
    match path.suffix:
        case ".csv":
            write_csv(path, [*frame.columns], frame.to_numpy().tolist())
        case ".tsv":
            frame.to_csv(path, sep="\t", index=False)
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
        case ".parquet":
            frame.to_parquet(path)
    return path


def tickets(folder: Path, ending: str = ".csv", **more: Any) -> Task:
    """Write the files of a task, and read what a study says of it."""
    files = {"train": f"train{ending}", "dev": f"dev{ending}", "test": f"test{ending}"}
    for split, name in files.items():
        write_rows(folder / name, rows(8 if split == "train" else 3, split))
    fields = {"name": "tickets", "files": files, "text": "body", "label": "team", "id": "key"}
    return parse_task(fields | more, folder)
