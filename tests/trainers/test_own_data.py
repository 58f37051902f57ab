"""A task of one's own: the same rows from every format, and every mistake in one line."""

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from huggingface_hub import DatasetInfo, HfApi
from huggingface_hub.errors import RevisionNotFoundError

from search_spaces.errors import UserError
from search_spaces.own_tasks import parse_task
from search_spaces.tasks import Task
from tests.fakes import tiny_config
from tests.trainers.owned import TEAMS, rows, tickets, write_rows
from trainers.data.hub import pin_revision
from trainers.data.identity import identify, make_identity
from trainers.data.loading import load_task, select_examples
from trainers.data.rows import DataAbsent
from trainers.prepared import Warm, prepare
from trainers.records.outcome import score_records


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_rows_and_the_same_name(ending: str, tmp_path: Path) -> None:
    data = load_task(tickets(tmp_path / ending, ending))
    assert data.labels == TEAMS
    assert data.splits["train"].texts[0] == [row["body"] for row in rows(8, "train")]
    assert data.splits["dev"].ids == [row["key"] for row in rows(3, "dev")]
    assert make_identity(data).digest == identify(tickets(tmp_path / "csv"), None).digest


def test_a_saved_dataset_gives_the_same_rows_and_the_same_name(tmp_path: Path) -> None:
    """Its labels may be numbers with names."""
    tables = {}
    for split, times in (("train", 8), ("dev", 3), ("test", 3)):
        table = datasets.Dataset.from_list([dict(row) for row in rows(times, split)])
        tables[split] = table.cast_column("team", datasets.ClassLabel(names=list(TEAMS)))
    datasets.DatasetDict(tables | {"extra": tables["dev"]}).save_to_disk(tmp_path / "saved")
    fields = {"name": "tickets", "disk": "saved", "text": "body", "label": "team", "id": "key"}
    saved = load_task(parse_task(fields, tmp_path))
    assert set(saved.splits) == {"train", "dev", "test"}
    assert make_identity(saved).digest == identify(tickets(tmp_path / "csv"), None).digest


def test_pairs_and_rows_without_ids(tmp_path: Path) -> None:
    found = [{"q": f"question {n}", "a": f"answer {n}", "label": str(n % 2)} for n in range(8)]
    write_rows(tmp_path / "train.jsonl", found)
    write_rows(tmp_path / "dev.jsonl", found)
    files = {"train": "train.jsonl", "dev": "dev.jsonl"}
    data = load_task(parse_task({"name": "pairs", "text": ["q", "a"], "files": files}, tmp_path))
    assert [len(column) for column in data.splits["dev"].texts] == [8, 8]
    assert data.splits["dev"].ids[0] == "dev-0"


def test_the_data_folder_comes_before_the_study_s(tmp_path: Path) -> None:
    task = tickets(tmp_path / "study")
    tickets(tmp_path / "data")
    write_rows(tmp_path / "data" / "train.csv", rows(5, "other"))
    assert len(load_task(task, tmp_path / "data").splits["train"]) == 15
    assert len(load_task(task).splits["train"]) == 24
    (tmp_path / "elsewhere").mkdir()
    assert len(load_task(task, tmp_path / "elsewhere").splits["train"]) == 24


def test_the_shipped_task_obeys_the_data_folder(data_folder: Path, tmp_path: Path) -> None:
    assert len(load_task("library", data_folder).splits["train"]) == 504
    for split in ("train", "dev", "test"):
        write_rows(
            tmp_path / "library" / f"{split}.csv",
            [{"text": f"{split} {n}", "label": "ab"[n % 2]} for n in range(6)],
        )
    assert len(load_task("library", tmp_path).splits["train"]) == 6


def test_f1_s_positive_label_is_the_second(tmp_path: Path) -> None:
    found = [{"text": f"text {n}", "label": ("spam", "ham")[n % 2]} for n in range(8)]
    for split in ("train", "dev"):
        write_rows(tmp_path / f"{split}.csv", found)
    files = {"train": "train.csv", "dev": "dev.csv"}
    for positive, other in (("spam", "ham"), ("ham", "spam")):
        fields = {"name": "mail", "text": "text", "files": files, "metric": "f1"}
        task = parse_task(fields | {"positive": positive}, tmp_path)
        assert load_task(task).labels == (other, positive)


def test_a_dev_split_is_drawn_per_class_and_never_trained_on(tmp_path: Path) -> None:
    task = tickets(tmp_path, dev=0.25, files={"train": "train.csv", "test": "test.csv"})
    data = load_task(task)
    chosen = select_examples(data, tiny_config(select_on="dev", n_per_class=None))
    dev, train = chosen.splits["dev"], chosen.splits["train"]
    assert sorted(dev.labels.tolist()) == [0, 0, 1, 1, 2, 2]
    assert len(train) == 18
    assert not set(dev.ids) & set(train.ids)
    again = select_examples(data, tiny_config(select_on="heldout", n_per_class=None))
    assert again.splits["dev"].ids == dev.ids
    assert not set(again.splits["heldout"].ids) & {*again.splits["train"].ids, *dev.ids}
    other = select_examples(data, tiny_config(select_on="dev", n_per_class=None, subset_seed=1))
    assert other.splits["dev"].ids != dev.ids


def test_one_changed_label_is_another_name_and_a_new_title_is_none(tmp_path: Path) -> None:
    task = tickets(tmp_path)
    before = identify(task, None)
    assert identify(task.model_copy(update={"title": "T"}), None) == before
    assert identify(task.model_copy(update={"metric": "mcc"}), None).digest != before.digest
    found = [*rows(3, "dev")]
    write_rows(tmp_path / "dev.csv", [{**found[0], "team": "returns"}, *found[1:]])
    after = identify(task, None)
    assert after.digest != before.digest
    assert [name for name in before.splits if after.splits[name] != before.splits[name]] == ["dev"]


def test_rows_are_read_once_while_the_files_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tickets(tmp_path)
    before = identify(task, None)
    monkeypatch.setattr("trainers.data.identity.load_task", None)
    assert identify(task, None) == before
    cached = next((tmp_path / "cache").rglob("*.json"))
    cached.write_bytes(cached.read_bytes()[:-9])
    with pytest.raises(TypeError):
        identify(task, None)


def complaint(task: dict[str, object], folder: Path) -> str:
    fields = {"name": "tickets", "text": "body", "label": "team"}
    with pytest.raises(UserError) as caught:
        identify(parse_task(fields | task, folder), None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("column", ["body", "team", "key"])
def test_a_missing_column_is_named_with_its_file(column: str, ending: str, tmp_path: Path) -> None:
    tickets(tmp_path, ending)
    path = tmp_path / f"dev{ending}"
    write_rows(path, [{k: v for k, v in row.items() if k != column} for row in rows(3, "dev")])
    files = {"train": f"train{ending}", "dev": f"dev{ending}"}
    told = complaint({"files": files, "id": "key"}, tmp_path)
    assert told.startswith(f"{path}: no column '{column}' (it has: ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"body": 5, "team": "a"}', "line 2: body is 5, expected text"),
        ('{"body": null, "team": "a"}', "line 2: body is missing"),
        ('{"body": "x", "team": null}', "line 2: the label is empty"),
        ('{"body": "x", "team": ["a", "b"]}', "multi-label tasks are not supported"),
        ('{"body": "x", "team": 1.5}', "expected text or a whole number"),
        ('{"body": "x"}', "line 2 has no key 'team'"),
        ('{"body": "x", "body": "y", "team": "a"}', "line 2 has a key twice"),
        ("{", "not a JSON object"),
        ("[1]", "expected a JSON object"),
    ],
)
def test_a_wrong_line_of_json_is_named(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"body": "w", "team": "b"}\n' + line + "\n")
    told = complaint({"files": {"train": "train.jsonl"}}, tmp_path)
    assert str(tmp_path / "train.jsonl") in told
    assert message in told


def test_absent_files_and_datasets_are_told_apart_from_wrong_ones(tmp_path: Path) -> None:
    for source in ({"files": {"train": "gone.csv"}}, {"disk": "gone"}):
        fields = {"name": "tickets", "text": "body", "label": "team", **source}
        with pytest.raises(DataAbsent, match="gone"):
            identify(parse_task(fields, tmp_path), None)
    (tmp_path / "empty").mkdir()
    assert "is not a folder of datasets.save_to_disk" in complaint({"disk": "empty"}, tmp_path)
    one = datasets.Dataset.from_list([dict(row) for row in rows(2, "x")])
    one.save_to_disk(tmp_path / "one")
    assert "holds one table" in complaint({"disk": "one"}, tmp_path)
    datasets.DatasetDict({"training": one}).save_to_disk(tmp_path / "named")
    assert "has no split train (it has: 'training')" in complaint({"disk": "named"}, tmp_path)


def test_metrics_and_labels_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    tickets(tmp_path)
    files = {"files": {"train": "train.csv"}}
    told = complaint({**files, "metric": "f1", "positive": "sales"}, tmp_path)
    assert "positive: 'sales' is not a label of" in told
    assert "(it has: 'billing', 'delivery', 'returns')" in told
    assert "did you mean 'accuracy'" in complaint({**files, "metric": "acuracy"}, tmp_path)
    (tmp_path / "train.jsonl").write_text(json.dumps({"body": "x", "team": "only"}) + "\n")
    assert "two or more labels" in complaint({"files": {"train": "train.jsonl"}}, tmp_path)


def test_f1_of_one_of_many_labels(tmp_path: Path) -> None:
    """As of entailment in NLI, or of the one class of tickets that must not be missed."""
    tickets(tmp_path)
    fields = {"files": {"train": "train.csv"}, "metric": "f1", "positive": "delivery"}
    own = parse_task({"name": "tickets", "text": "body", "label": "team", **fields}, tmp_path)
    data = load_task(own, None)
    assert data.labels == ("billing", "delivery", "returns")
    gold, flat = data.splits["train"].labels, np.ones_like(data.splits["train"].labels)
    mean = float((gold == 1).mean())
    found = score_records(gold, flat, 3, (own.metric, *own.beside))
    assert found["f1"].value == pytest.approx(2 * mean / (1 + mean))
    assert set(found) - {"f1"} == set(score_records(gold, flat, 3))


@pytest.fixture
def hub_task(monkeypatch: pytest.MonkeyPatch) -> tuple[Task, list[str | None]]:
    """A task of a hub that answers, and the revisions that were loaded."""
    asked: list[str | None] = []

    def load_dataset(
        name: str, config: str | None, split: str, revision: str | None = None
    ) -> datasets.Dataset:
        assert (name, config) == ("somebody/tickets", None)
        asked.append(revision)
        times = 8 if split == "train" else 3
        ours = "dev" if split == "validation" else split
        return datasets.Dataset.from_list([dict(row) for row in rows(times, ours)])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr("trainers.data.rows.hub_answers", lambda: True)
    monkeypatch.setattr("trainers.data.hub.hub_answers", lambda: True)
    splits = {"train": "train", "dev": "validation", "test": "test"}
    fields = {"name": "tickets", "text": "body", "label": "team", "id": "key"}
    hub = {"name": "somebody/tickets", "splits": splits, "revision": "main"}
    return parse_task(fields | {"hub": hub}, Path()), asked


def test_a_dataset_of_the_hub_gives_the_same_name_at_a_pinned_revision(
    hub_task: tuple[Task, list[str | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, asked = hub_task
    commit = "0123456789" * 4

    def dataset_info(_: HfApi, name: str, *, revision: str, timeout: float) -> DatasetInfo:
        assert (name, revision) == ("somebody/tickets", "main")
        return DatasetInfo(id=name, sha=commit)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(HfApi, "dataset_info", dataset_info)
    found = identify(pin_revision(task), None)
    assert set(asked) == {commit}
    assert found.revision == commit
    assert found.digest == identify(tickets(tmp_path / "csv"), None).digest
    asked.clear()
    assert identify(pin_revision(pin_revision(task)), None) == found
    assert asked == [], "a pinned revision is read once"


def test_a_hub_that_does_not_know_a_revision_says_so(
    hub_task: tuple[Task, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dataset_info(*_: object, **__: object) -> DatasetInfo:
        raise RevisionNotFoundError.__new__(RevisionNotFoundError, "404")

    monkeypatch.setattr(HfApi, "dataset_info", dataset_info)
    with pytest.raises(UserError, match="no dataset somebody/tickets at revision 'main'"):
        pin_revision(hub_task[0])
    monkeypatch.setattr("trainers.data.hub.hub_answers", lambda: False)
    assert pin_revision(hub_task[0]) == hub_task[0]


def test_data_that_change_during_a_run_are_not_trained_on(tmp_path: Path) -> None:
    task = tickets(tmp_path)
    tasks = {task.name: task}
    named = {"task": "tickets", "method": {"name": "standard"}, "n_per_class": None}
    before = tiny_config(**named, data=identify(task, None).digest)
    warm = Warm(tasks)
    assert warm.prepare(before, None).labels == TEAMS
    found = rows(3, "dev")
    write_rows(tmp_path / "dev.csv", [{**found[0], "team": "returns"}, *found[1:]])
    with pytest.raises(UserError, match="task tickets: its data changed after the run began"):
        prepare(before, None, tasks=tasks)
    after = tiny_config(**named, data=identify(task, None).digest)
    assert warm.prepare(after, None).labels == TEAMS, "another key: nothing old is kept"
