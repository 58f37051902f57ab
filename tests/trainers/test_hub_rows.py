"""What the hub sends becomes the rows that the CSV files hold: same label names, same drops."""

from datasets import ClassLabel, Dataset, Features, Value

from trainers.data import hub_rows
from trainers.tasks import TASKS


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
        found = hub_rows(table(columns, "label", ["no", "yes"]), "dev", TASKS[task], hub)
        assert found == {**columns, "label": labels}


def test_clinc_loses_what_is_out_of_scope_and_exact_duplicates_in_train() -> None:
    hub = TASKS["clinc150"].hub
    assert hub is not None
    columns: dict[str, list[object]] = {
        "text": ["hi", "huh", "hi", "hi"],
        "intent": [0, 2, 0, 1],
    }
    rows = table(columns, "intent", ["greeting", "goodbye", "oos"])
    train = hub_rows(rows, "train", TASKS["clinc150"], hub)
    assert train == {"text": ["hi", "hi"], "label": ["greeting", "goodbye"]}
    test = hub_rows(rows, "test", TASKS["clinc150"], hub)
    assert test == {"text": ["hi", "hi", "hi"], "label": ["greeting", "greeting", "goodbye"]}


def test_banking_keeps_published_label_names() -> None:
    hub = TASKS["banking77"].hub
    assert hub is not None
    columns: dict[str, list[object]] = {"text": ["why?"], "label": [0]}
    rows = table(columns, "label", ["reverted_card_payment?"])
    found = hub_rows(rows, "train", TASKS["banking77"], hub)
    assert found == {"text": ["why?"], "label": ["reverted_card_payment?"]}


def test_a_row_without_a_label_does_not_get_the_last_one() -> None:
    """Test sets of GLUE have -1 for each label."""
    hub = TASKS["rte"].hub
    assert hub is not None
    columns: dict[str, list[object]] = {"sentence1": ["a"], "sentence2": ["b"], "label": [-1]}
    rows = table(columns, "label", ["entailment", "not_entailment"])
    assert hub_rows(rows, "dev", TASKS["rte"], hub)["label"] == ["-1"]
