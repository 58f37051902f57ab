"""Studies that are unions of parts and of included studies, and their tables of the paper."""

from pathlib import Path

import pytest

from search_spaces.errors import UserError
from search_spaces.study import Study, load_study, parse_study

TEXT = """
name: sample
tables: [1, 3]
encoders: [tiny]
epochs: 3
axes: {lr: [1e-4, 2e-4]}
parts:
  - tasks: [library, rte]
    methods: [standard, cat]
    axes: {epsilon: [1e-3], tau: [0.1], lambda: [0.1]}
  - tasks: [cola]
    methods: [standard]
    epochs: 10
    select_on: heldout
  - tasks: [rte]
    encoders: [big, tiny]
    methods: [standard, at]
    axes: {lr: [2e-4, 3e-4], epsilon: [5e-3]}
"""


def sample(text: str = TEXT) -> Study:
    return parse_study(text, source="sample")


def complaint(text: str) -> str:
    with pytest.raises(UserError) as caught:
        sample(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_part_adds_to_the_keys_beside_it_or_replaces_them() -> None:
    trials = sample().trials()
    by_cell = {cell: [t for t in trials if t.cell == cell] for cell in {t.cell for t in trials}}
    cola = by_cell["cola", "tiny", "standard"]
    assert {(t.epochs, t.select_on) for t in cola} == {(10, "heldout")}
    assert {t.select_on for t in trials if t not in cola} == {"dev"}
    assert [t.lr for t in by_cell["library", "tiny", "cat"]] == [1e-4, 2e-4]
    assert [t.lr for t in by_cell["rte", "big", "at"]] == [2e-4, 3e-4]


def test_what_two_parts_want_is_one_trial() -> None:
    trials = sample().trials()
    assert [t.lr for t in trials if t.cell == ("rte", "tiny", "standard")] == [1e-4, 2e-4, 3e-4]
    assert len({trial.signature for trial in trials}) == len(trials) == 8 + 2 + 3 + 4


def test_trials_of_an_encoder_and_a_task_stay_together_across_parts() -> None:
    pairs = [(trial.encoder, trial.task) for trial in sample().trials()]
    runs = [pair for place, pair in enumerate(pairs) if place == 0 or pairs[place - 1] != pair]
    assert runs == [("tiny", "library"), ("tiny", "rte"), ("tiny", "cola"), ("big", "rte")]


def test_a_union_names_all_that_its_parts_name() -> None:
    study = sample()
    assert study.tasks == ("library", "rte", "cola")
    assert study.encoders == ("tiny", "big")
    assert study.tables == (1, 3)
    assert study.narrow(["cola"]).tasks == ("cola",)
    assert {trial.task for trial in study.narrow(["rte", "cola"]).trials()} == {"rte", "cola"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, tables, methods in (("a", "[1, 3]", "[standard, at]"), ("b", "[1, 7]", "[at]")):
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\ntables: {tables}\ntasks: [rte]\nencoders: [tiny]\nmethods: {methods}\n"
            "axes: {lr: [1e-4, 2e-4], epsilon: [0.1]}\n"
        )
    return tmp_path


def test_an_included_study_brings_its_trials_and_tables(folder: Path) -> None:
    study = sample(f"name: both\nincludes: [{folder}/a.yaml, {folder}/b.yaml]")
    assert study.tables == (1, 3, 7)
    assert study.trials() == load_study(f"{folder}/a.yaml").trials()
    assert study.of_table(7) == load_study(f"{folder}/b.yaml").trials()
    assert study.shared() == {(3, 7): 2}, "Table 1 is of the data, not of trials"


def test_a_study_may_include_others_and_have_parts(folder: Path) -> None:
    own = "tasks: [cola]\nencoders: [tiny]\nmethods: [standard]\naxes: {lr: [1e-4]}\n"
    study = sample(f"name: both\nincludes: [{folder}/a.yaml]\n{own}")
    assert [trial.task for trial in study.trials()] == ["rte"] * 4 + ["cola"]
    assert study.shared() == {}


def test_a_study_file_is_looked_for_beside_the_one_that_includes_it(folder: Path) -> None:
    """From whatever folder the command is given."""
    (folder / "below").mkdir()
    (folder / "both.yaml").write_text("name: both\nincludes: [a.yaml, below/c.yaml]")
    (folder / "below" / "c.yaml").write_text((folder / "b.yaml").read_text())
    assert load_study(f"{folder}/both.yaml").tables == (1, 3, 7)
    (folder / "below" / "up.yaml").write_text("name: up\nincludes: [../a.yaml, c.yml]")
    with pytest.raises(UserError, match=rf"no study file {folder}/below/c\.yml"):
        load_study(f"{folder}/below/up.yaml")


def test_keys_beside_includes_are_no_changes_of_theirs(folder: Path) -> None:
    said = complaint(f"name: longer\nincludes: [{folder}/a.yaml]\nepochs: 9")
    assert said.endswith(
        "are a part of their own and do not change the included studies: tasks is missing"
    )


def test_an_included_study_includes_no_other(folder: Path) -> None:
    (folder / "self.yaml").write_text(f"name: self\nincludes: [{folder}/self.yaml]")
    with pytest.raises(UserError, match="includes others and cannot be included") as caught:
        load_study(f"{folder}/self.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    epochs: 10", "    epoch: 10", "part 2: unknown key 'epoch'; did you mean 'epochs'"),
        ("epsilon: [5e-3]", "epsilon: [-1]", "part 3: method.epsilon: input should be greater"),
        ("    epochs: 10", "    name: x", "name is a key of the whole study, not of a part"),
        ("    epochs: 10", "    parts: []", "parts is a key of the whole study, not of a part"),
        ("epsilon: [5e-3]", "tau: [5e-3]", "unknown axis 'tau': only cat, scl have that option"),
        ("tables: [1, 3]", "tables: [11]", "less than or equal to 10, got 11"),
        ("tables: [1, 3]", "tables: [3, 3]", "tables contains 3 twice"),
        ("tables: [1, 3]", "includes: [nothing]", "unknown study 'nothing'"),
        ("tables: [1, 3]", "includes: paper", "includes: input should be a list"),
    ],
)
def test_a_wrong_part_gives_one_line(old: str, new: str, expected: str) -> None:
    assert old in TEXT
    assert expected in complaint(TEXT.replace(old, new))


@pytest.mark.parametrize("parts", ["3", "[3]", "{tasks: [rte]}"])
def test_parts_are_a_list_of_keys_and_values(parts: str) -> None:
    assert "parts: expected a list" in complaint(
        TEXT.split("parts:", maxsplit=1)[0] + f"parts: {parts}"
    )


def test_no_part_at_all_is_no_study() -> None:
    assert "parts" in complaint("name: x\nparts: []")
