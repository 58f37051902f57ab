"""What is found before anything is trained, and what is said of it."""

import shutil
from pathlib import Path

import pytest
from transformers import MPNetConfig, MPNetModel

from orchestrator import preflight, supervisor
from orchestrator.cli import main
from orchestrator.plan import make_plan
from orchestrator.preflight import (
    check_all,
    check_encoders,
    check_examples,
    check_names,
    check_tables,
    find_deviations,
)
from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import Study, list_shipped_studies, load_study, parse_study
from tests.reports.stores import whole_reports
from tests.results import finished
from trainers.encoders.encoder import tiny_tokenizer
from trainers.prepared import Warm
from trainers.records.store import Store

STUDY = """
name: small
tasks: [rte, qqp]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3]}
"""
WARNING = "task rte is not as published: train has 12 rows, not 2,490; dev has 6 rows, not 277"


def small(before: str = "", after: str = "") -> Study:
    return parse_study(STUDY.replace(before, after) if before else STUDY, source="test")


def test_a_plan_counts_rows_without_loading_them(data_folder: Path) -> None:
    notes = find_deviations(small(), data_folder)
    assert notes[0] == WARNING
    assert notes == check_all(small().trials(), data_folder)
    assert find_deviations(small(), None) == []
    assert find_deviations(small("[rte, qqp]", "[library]"), data_folder) == []


def test_a_plan_says_which_file_is_absent_or_no_text(tmp_path: Path) -> None:
    assert find_deviations(small(), tmp_path)[0].startswith("task rte: no file ")
    for name in ("train", "validation"):
        (tmp_path / "rte").mkdir(exist_ok=True)
        (tmp_path / "rte" / f"{name}.csv").write_bytes(
            b"sentence1,sentence2,label\n" + b"\xff" * 9000
        )
    assert "rte" in find_deviations(small(), tmp_path)[0]


def test_a_plan_names_the_file_that_is_no_text_further_on(
    data_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(data_folder, tmp_path / "copy"))
    path = folder / "rte" / "train.csv"
    path.write_bytes(path.read_bytes() + b"a,b,entailment\n" * 2_000 + b"\xff,b,entailment\n")
    assert find_deviations(small(), folder)[0].startswith(f"{path}: line 2014 is not UTF-8")


def test_a_data_folder_that_no_task_reads_may_be_absent(tmp_path: Path) -> None:
    assert find_deviations(small("[rte, qqp]", "[library]"), tmp_path / "gone") == []


def test_a_plan_passes_over_large_files(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "COUNTED_BYTES", 0)
    assert find_deviations(small("[rte, qqp]", "[rte]"), data_folder) == []


@pytest.mark.parametrize("name", list_shipped_studies())
def test_every_shipped_study_s_tables_show_its_tasks(name: str) -> None:
    check_tables(load_study(name))


def test_a_table_is_held_against_the_tasks_of_its_own_parts() -> None:
    """Where one of several tasks is in the table, the others are no mistake."""
    check_tables(small("[rte, qqp]", "[library, rte]\ntables: [3]"))
    parts = "parts: [{tasks: [rte], tables: [3]}, {tasks: [library], tables: [7]}]"
    with pytest.raises(UserError, match="table 7 shows mnli"):
        check_tables(small("tasks: [rte, qqp]", parts))


@pytest.mark.parametrize("name", list_shipped_studies())
def test_every_shipped_study_scores_a_task_on_one_set_of_examples(name: str) -> None:
    check_examples(load_study(name))


PARTS = """
name: parts
encoders: [tiny]
methods: [standard]
parts:
  - {tasks: [library], axes: {lr: [1e-3]}, FIRST}
  - {tasks: [library], axes: {lr: [2e-3]}, SECOND}
"""


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("seeds: [0]", "max_eval_samples: 9", "max_eval_samples of task library is None in one"),
        ("max_eval_samples: 9", "max_eval_samples: 9, subset_seed: 1", "subset_seed of task"),
        ("select_on: heldout", "select_on: heldout, heldout_fraction: 0.2", "heldout_fraction of"),
        ("select_on: heldout", "select_on: heldout, subset_seed: 1", "subset_seed of task lib"),
        ("difficulty: tfidf", "difficulty: encoder", "difficulty of task library is tfidf"),
        ("select_on: dev", "select_on: heldout", "some trials of library tiny standard have"),
    ],
)
def test_what_no_report_would_take_together_is_not_trained(
    first: str, second: str, expected: str, tmp_path: Path
) -> None:
    """The report says so of real trials, once they are trained."""
    text = PARTS.replace("FIRST", first).replace("SECOND", second)
    study = parse_study(text, source="test")
    with pytest.raises(UserError, match=expected) as caught:
        check_examples(study)
    assert "\n" not in str(caught.value)
    warm, store = Warm(), Store(tmp_path, create=True)
    for trial in study.trials():
        ready = warm.prepare(trial, None)
        kept = finished(trial, {ready.selection: 100}, fingerprints=dict(ready.fingerprints))
        store.commit(trial, kept)
    with pytest.raises(UserError, match=r"report them from two (stores|studies)"):
        whole_reports(study, store)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("n_per_class: 3", "n_per_class: 4"),
        ("n_per_class: 3", "n_per_class: 3, subset_seed: 1"),
        ("train_fraction: 0.5, fraction_seed: 1", "train_fraction: 0.5, fraction_seed: 2"),
        (
            "seeds: [0]",
            "methods: [cat], select_on: heldout, overrides: {cat: {epsilon: 1, tau: 1, lambda: 1}}",
        ),
    ],
)
def test_parts_may_train_on_different_rows(first: str, second: str) -> None:
    text = PARTS.replace("FIRST", first).replace("SECOND", second)
    check_examples(parse_study(text, source="test"))


@pytest.mark.parametrize("name", TASKS)
def test_selecting_on_a_dev_set_that_a_task_lacks_is_found_by_name(name: str) -> None:
    study = small("[rte, qqp]", f"[{name}]")
    if "dev" in TASKS[name].splits:
        return check_names(study)
    with pytest.raises(UserError, match=f"task {name} has no dev split"):
        check_names(study)
    return check_names(small("[rte, qqp]", f"[{name}]\nselect_on: heldout"))


def test_the_sentence_encoder_is_looked_up_where_it_is_used() -> None:
    wrong = "tasks: [library]\ndifficulty_encoder: packaged:none"
    check_encoders(small("tasks: [rte, qqp]", wrong))
    with pytest.raises(UserError, match="unknown encoder 'packaged:none'"):
        check_encoders(small("tasks: [rte, qqp]", f"{wrong}\ndifficulty: encoder"))


def test_a_deviation_is_said_once_however_often_a_task_is_loaded(data_folder: Path) -> None:
    trials = [
        trial.model_copy(update={"max_length": length})
        for trial in small().trials()
        for length in (64, 128)
    ]
    assert len(trials) == 4
    lines = check_all(trials, data_folder)
    assert [line.split(" is ")[0] for line in lines] == ["task rte", "task qqp"]
    assert lines[0] == WARNING


def test_a_run_warns_in_one_line(
    data_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(supervisor, "sweep", lambda study, store, *_, **__: make_plan(study, store))
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.replace("[rte, qqp]", "[rte]"))
    options = ["--store", str(tmp_path / "store"), "--data", str(data_folder)]
    with pytest.raises(SystemExit) as exit_info:
        main(["run", str(path), *options])
    assert exit_info.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "warning" in line] == [f"warning: {WARNING}"]


def mpnet(folder: Path, **options: int) -> Path:
    """Save an encoder that cannot be packed, with a tokenizer."""
    tokenizer = tiny_tokenizer(["the sentence of words, the sentence of words"])
    config = MPNetConfig(
        vocab_size=len(tokenizer),
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=3,
        **options,
    )
    MPNetModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_an_encoder_that_is_padded_is_named_once(tmp_path: Path) -> None:
    text = f"[library]\nencoders: ['{mpnet(tmp_path)}', tiny]\nseeds: [0, 1]"
    study = parse_study(
        STUDY.replace("[rte, qqp]", text).replace("encoders: [tiny]\n", ""), source="test"
    )
    (line,) = check_all(study.trials(), None)
    assert line.startswith(f"encoder {tmp_path}: mpnet batches are padded")


def test_a_length_beyond_an_encoder_s_positions_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, path = mpnet(tmp_path / "model", max_position_embeddings=48), tmp_path / "study.yaml"
    text = STUDY.replace("[rte, qqp]", "[library]").replace("[tiny]", f"['{model}']")
    path.write_text(text)
    with pytest.raises(SystemExit) as exit_info:
        main(["run", str(path), "--store", str(tmp_path / "store")])
    assert exit_info.value.code == 2
    wanted = f"max_length: 128 is more than the 46 positions of encoder '{model}'"
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"catsweep: {wanted}")
    notes = check_all(parse_study(f"{text}max_length: 46\n", source="test").trials(), None)
    assert [note for note in notes if "padded" not in note] == []


def test_a_head_that_an_encoder_does_not_have_is_found_before_training(tmp_path: Path) -> None:
    text = f"[library]\nencoders: ['{mpnet(tmp_path)}']\nhead: native"
    study = parse_study(
        STUDY.replace("[rte, qqp]", text).replace("encoders: [tiny]\n", ""), source="test"
    )
    with pytest.raises(UserError, match=r"head: native is available for bert.*not for mpnet"):
        check_all(study.trials(), None)
