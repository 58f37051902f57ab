"""A user's own tasks: what a study may say of them, and what is refused in one line."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from search_spaces.errors import UserError
from search_spaces.own_tasks import ENDINGS, parse_task
from search_spaces.study import Study, load_study
from trainers.data.table_files import READERS

TICKETS: dict[str, Any] = {
    "name": "tickets",
    "files": {"train": "data/train.csv", "dev": "data/dev.jsonl"},
    "text": "body",
    "label": "team",
}


def study_file(folder: Path, *tasks: object, **more: object) -> Path:
    path = folder / "study.yaml"
    fields = {
        "name": "mine",
        "tasks": [*tasks],
        "encoders": ["tiny"],
        "methods": ["standard"],
        "axes": {"lr": [1e-3]},
    }
    path.write_text(yaml.safe_dump(fields | more))
    return path


def load(folder: Path, *tasks: object, **more: object) -> Study:
    return load_study(str(study_file(folder, *tasks, **more)))


def test_a_task_stands_in_a_study_beside_shipped_ones(tmp_path: Path) -> None:
    study = load(tmp_path, "rte", TICKETS)
    assert study.tasks == ("rte", "tickets")
    task = study.task("tickets")
    assert task.text == ("body",)
    assert task.folder == tmp_path
    assert task.title == "tickets", "the name stands in for a title"
    assert study.task("rte").title == "RTE"
    assert set(study.narrow(["rte"]).own_tasks) == set()


def test_a_task_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    """Its paths start at its own folder, and several studies may share it."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "tickets.yaml").write_text(yaml.safe_dump(TICKETS))
    study = load(tmp_path, "tasks/tickets.yaml")
    assert study.tasks == ("tickets",)
    assert study.task("tickets").folder == tmp_path / "tasks"


def test_parts_and_included_studies_bring_theirs(tmp_path: Path) -> None:
    other = TICKETS | {"name": "other"}
    parts = {"parts": [{"tasks": [TICKETS]}, {"tasks": ["tickets", other]}]}
    with pytest.raises(UserError, match="unknown task"):
        load(tmp_path, "tickets").task("tickets")
    fields = yaml.safe_load(study_file(tmp_path, **parts).read_text())
    del fields["tasks"]
    (tmp_path / "parts.yaml").write_text(yaml.safe_dump(fields))
    found = load_study(str(tmp_path / "parts.yaml"))
    assert set(found.own_tasks) == {"tickets", "other"}
    (tmp_path / "whole.yaml").write_text("name: whole\nincludes: [./parts.yaml]\n")
    assert set(load_study(str(tmp_path / "whole.yaml")).own_tasks) == {"tickets", "other"}


def test_trials_are_named_by_the_data_and_by_nothing_else_of_the_study(tmp_path: Path) -> None:
    study = load(tmp_path, TICKETS)
    with pytest.raises(UserError, match="has not been read"):
        study.trials()
    (one,) = study.with_data({"tickets": "0" * 16}).trials()
    (other,) = study.with_data({"tickets": "1" * 16}).trials()
    assert (one.data, other.data) == ("0" * 16, "1" * 16)
    assert one.signature != other.signature
    (titled,) = load(tmp_path, TICKETS | {"title": "T"}).with_data({"tickets": "0" * 16}).trials()
    assert titled.signature == one.signature


@pytest.mark.parametrize("said", ["10%", " 10 % ", 0.1])
def test_a_part_of_train_becomes_the_dev_split(said: object) -> None:
    fields = TICKETS | {"files": {"train": "train.csv"}, "dev": said}
    assert parse_task(fields, Path()).dev == pytest.approx(0.1)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": "rte"}, "task rte: a shipped task has this name"),
    ({"name": "My task"}, "name: "),
    ({"text": ["a", "b", "c"]}, "task tickets: text: "),
    ({"text": ["body", "body"]}, "'body' occurs twice"),
    ({"text": []}, "text: "),
    ({"label": "body"}, "'body' occurs twice"),
    ({"labels": ["one"]}, "labels: "),
    ({"files": {"dev": "dev.csv"}}, "files lacks train"),
    (
        {"files": {"train": "train.xlsx"}},
        "'train.xlsx' must end in one of .csv, .tsv, .jsonl, .parquet",
    ),
    ({"files": {"train": "train.json"}}, "did you mean .jsonl?"),
    ({"files": {"train": ["a.csv", "b.csv"]}}, "give one file for each split"),
    ({"files": {"training": "train.csv"}}, "a split should be one of train, dev"),
    ({"disk": "saved"}, "give one of files, disk, hub for where its rows are, got files and disk"),
    ({"files": {}}, "got none"),
    ({"metric": "f1"}, "f1 scores one label: name it with positive: LABEL"),
    ({"positive": "billing"}, "positive is only for f1"),
    ({"metric": "f1", "positive": "c", "labels": ["a", "b"]}, "'c' is not one of labels"),
    ({"beside": "accuracy"}, "beside: accuracy is the task's metric already"),
    ({"dev": "10%"}, "dev is both a part of train and a split of its own: keep one"),
    ({"dev": "ten"}, "dev: "),
    ({"difficult": 5}, "the difficult subset is drawn from test"),
    ({"column": "x"}, "unknown key 'column'"),
    ({"packaged": True}, "unknown key 'packaged'"),
    ({"hub": {"name": "a/b"}, "files": {}}, "hub.splits is missing"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_what_cannot_be_is_one_line_that_names_the_task(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, TICKETS | change)
    told = str(caught.value)
    assert message in told
    assert told.startswith(f"study {tmp_path / 'study.yaml'}: task ")
    assert "\n" not in told


def test_two_tasks_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two tasks are called tickets"):
        load(tmp_path, TICKETS, TICKETS | {"label": "other"})


def test_a_task_s_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no task file .*gone\.yaml"):
        load(tmp_path, "./gone.yaml")
    (tmp_path / "bad.yaml").write_text("name: x\nname: y\n")
    with pytest.raises(UserError, match=r"bad\.yaml: not YAML: line 2"):
        load(tmp_path, "./bad.yaml")


def test_an_expanded_study_narrows_and_takes_other_data_all_the_same(
    tmp_path: Path,
) -> None:
    study = load(tmp_path, "rte", TICKETS).with_data({"tickets": "0" * 16})
    assert {trial.task for trial in study.trials()} == {"rte", "tickets"}
    assert {trial.task for trial in study.narrow(["rte"]).trials()} == {"rte"}
    other = study.with_data({"tickets": "1" * 16}).trials()
    assert {trial.data for trial in other} == {None, "1" * 16}


def test_the_endings_that_are_taken_are_those_that_are_read() -> None:
    """The floor that reads is above the one that checks a study."""
    assert tuple(READERS) == ENDINGS
