"""What the hub sends becomes the rows that the CSV files hold: same label names, same drops."""

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS
from trainers.data.rows import convert_hub_table


def table(columns: dict[str, list[object]], label: str, names: list[str]) -> Dataset:
    features = Features({column: Value("string") for column in columns})
    features[label] = ClassLabel(names=names)
    return Dataset.from_dict(columns, features=features)


def test_glue_numbers_become_the_tasks_labels() -> None:
    columns: dict[str, list[object]] = {
        "sentence1": ["a", "b"],
        "sentence2": ["c", "n/a"],
        "label": [1, 0],
    }
    for task, labels in (("mrpc", ["1", "0"]), ("rte", ["not_entailment", "entailment"])):
        hub = TASKS[task].hub
        assert hub is not None
        found = convert_hub_table(table(columns, "label", ["no", "yes"]), "dev", TASKS[task], hub)
        assert found.texts == (columns["sentence1"], columns["sentence2"])
        assert found.labels == labels


def test_clinc_loses_what_is_out_of_scope_and_exact_duplicates_in_train() -> None:
    hub = TASKS["clinc150"].hub
    assert hub is not None
    columns: dict[str, list[object]] = {
        "text": ["hi", "huh", "hi", "hi"],
        "intent": [0, 2, 0, 1],
    }
    rows = table(columns, "intent", ["greeting", "goodbye", "oos"])
    train = convert_hub_table(rows, "train", TASKS["clinc150"], hub)
    assert (train.texts, train.labels) == ((["hi", "hi"],), ["greeting", "goodbye"])
    test = convert_hub_table(rows, "test", TASKS["clinc150"], hub)
    assert test.texts == (["hi", "hi", "hi"],)
    assert test.labels == ["greeting", "greeting", "goodbye"]


def test_banking_keeps_published_label_names() -> None:
    hub = TASKS["banking77"].hub
    assert hub is not None
    columns: dict[str, list[object]] = {"text": ["why?"], "label": [0]}
    rows = table(columns, "label", ["reverted_card_payment?"])
    found = convert_hub_table(rows, "train", TASKS["banking77"], hub)
    assert (found.texts, found.labels) == ((["why?"],), ["reverted_card_payment?"])


@pytest.mark.parametrize("label", [-1, None])
def test_a_row_without_a_label_is_refused(label: int | None) -> None:
    """Test sets of GLUE have -1 for each label: it is neither the last one nor one more."""
    hub = TASKS["rte"].hub
    assert hub is not None
    columns: dict[str, list[object]] = {
        "sentence1": ["a", "b"],
        "sentence2": ["b", "c"],
        "label": [1, label],
    }
    rows = table(columns, "label", ["entailment", "not_entailment"])
    with pytest.raises(UserError, match=r"^nyu-mll/glue: row 2 of validation: the label is "):
        convert_hub_table(rows, "dev", TASKS["rte"], hub)


def test_a_row_is_named_as_the_hub_counts_it_and_not_what_is_left() -> None:
    hub = TASKS["clinc150"].hub
    assert hub is not None
    columns: dict[str, list[object]] = {"text": ["hi", "hi", "huh", None], "intent": [0, 0, 2, 1]}
    rows = table(columns, "intent", ["greeting", "goodbye", "oos"])
    with pytest.raises(UserError, match=r"row 4 of train\+validation: text is missing"):
        convert_hub_table(rows, "train", TASKS["clinc150"], hub)


def test_labels_that_are_text_follow_the_rule_of_labels() -> None:
    hub = TASKS["hwu64"].hub
    assert hub is not None
    labels = ["caf\u00e9 ", "\u200bcafe\u0301", "1.0"]
    rows = Dataset.from_dict({"text": ["a", "b", "c"], "label": labels})
    found = convert_hub_table(rows, "train", TASKS["hwu64"], hub)
    assert found.labels == ["caf\u00e9", "caf\u00e9", "1"]


def test_the_commit_that_rows_came_from_is_known() -> None:
    """A shipped task has no revision: what the hub had that day is in the trial's record."""
    hub, commit = TASKS["rte"].hub, "fd8e86499fa5c264fcaad392a8f49ddf58bf4037"
    assert hub is not None
    columns: dict[str, list[object]] = {"sentence1": ["a"], "sentence2": ["b"], "label": [1]}
    rows = table(columns, "label", ["entailment", "not_entailment"])
    assert convert_hub_table(rows, "dev", TASKS["rte"], hub).commit is None
    address = f"hf://datasets/nyu-mll/glue@{commit}/rte/validation-00000-of-00001.parquet"
    rows.info.download_checksums = {address: {"num_bytes": 1, "checksum": None}}
    assert convert_hub_table(rows, "dev", TASKS["rte"], hub).commit == commit
