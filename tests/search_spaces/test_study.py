"""A study: its trials, their number and order, and one clear line for every wrong one."""

from pathlib import Path

import pytest

from search_spaces.errors import UserError
from search_spaces.study import list_shipped_studies, load_study, parse_study
from search_spaces.trial import TrialConfig

TEXT = """
name: sample
tasks: [library, rte]
encoders: [tiny, "packaged:minilm"]
methods: [standard, at, cat]
axes:
  lr: [1e-4, 2e-4]
  epsilon: [1e-3, 5e-3]
  tau: [0.1]
  lambda: [0.1, 0.3]
seeds: [0, 1]
epochs: 3
"""


def sample(old: str = "", new: str = "") -> list[TrialConfig]:
    assert old in TEXT
    return parse_study(TEXT.replace(old, new), source="sample").trials()


def complaint(text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse_study(text, source="sample")
    message = str(caught.value)
    assert message.startswith("study sample: ")
    assert "\n" not in message
    return message


def test_an_axis_that_a_method_lacks_does_not_multiply_it() -> None:
    trials = sample()
    counts = {
        name: sum(t.method.name == name for t in trials) for name in ("standard", "at", "cat")
    }
    shared = 2 * 2 * 2 * 2  # tasks x encoders x lr x seeds
    assert counts == {"standard": shared, "at": shared * 2, "cat": shared * 2 * 2}
    assert len({trial.signature for trial in trials}) == len(trials)


def test_a_baseline_carries_no_option_of_another_method() -> None:
    standard = next(trial for trial in sample() if trial.method.name == "standard")
    assert standard.method.model_dump() == {"name": "standard"}


def test_trials_of_an_encoder_and_a_task_stay_together() -> None:
    pairs = [(trial.encoder, trial.task) for trial in sample()]
    assert list(dict.fromkeys(pairs)) == [
        ("tiny", "library"),
        ("tiny", "rte"),
        ("packaged:minilm", "library"),
        ("packaged:minilm", "rte"),
    ]
    assert pairs == sorted(pairs, key=list(dict.fromkeys(pairs)).index)


def test_the_order_within_a_cell_is_that_of_the_file() -> None:
    cell = [t for t in sample() if t.cell == ("library", "tiny", "at")]
    assert [(t.lr, t.point["epsilon"], t.seed) for t in cell] == [
        (lr, epsilon, seed) for lr in (1e-4, 2e-4) for epsilon in (1e-3, 5e-3) for seed in (0, 1)
    ]


def test_the_study_s_settings_reach_every_trial() -> None:
    assert {trial.epochs for trial in sample()} == {3}
    assert {trial.batch_size for trial in sample()} == {32}


def test_a_number_in_scientific_notation_is_a_number() -> None:
    """YAML 1.1 reads `1e-4`, without a dot, as text."""
    assert {trial.lr for trial in sample()} == {0.0001, 0.0002}
    assert {t.signature for t in sample("1e-4", "0.0001")} == {t.signature for t in sample()}


def test_large_seeds_are_not_duplicates() -> None:
    assert len(sample("seeds: [0, 1]", "seeds: [4294967294, 4294967295]")) == len(sample())


@pytest.mark.parametrize("name", list_shipped_studies())
def test_every_shipped_study_loads(name: str) -> None:
    study = load_study(name)
    assert study.name == name
    assert study.description
    trials = study.trials()
    assert len({trial.signature for trial in trials}) == len(trials)
    assert bool(trials) != (set(study.tables) in ({1}, {2})), "Tables 1 and 2 need none"


def test_tables_of_the_data_alone_need_no_trial_and_all_others_do() -> None:
    text = "name: s\ntasks: [rte]\n"
    assert parse_study(f"{text}tables: [1]\n", source="s").trials() == []
    for tables in ("", "tables: [1, 3]\n", "tables: [3]\n"):
        with pytest.raises(UserError, match=r"^study s: encoders is missing$"):
            parse_study(text + tables, source="s")
    with pytest.raises(UserError, match=r"^study s: methods is missing$"):
        parse_study(f"{text}encoders: [tiny]\n", source="s")
    with pytest.raises(UserError, match=r"^study s: axes is missing$"):
        parse_study(f"{text}encoders: [tiny]\nmethods: [standard]\n", source="s")


def test_the_shipped_studies_have_the_trials_that_they_announce() -> None:
    assert {"quickstart", "intents-minilm"} <= set(list_shipped_studies())
    assert len(load_study("quickstart").trials()) == 15
    assert len(load_study("intents-minilm").trials()) == 2 * (3 + 12)


def test_a_study_is_read_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    assert load_study(str(path)).trials() == sample()


def test_a_study_narrows_to_some_of_its_tasks_in_its_own_order() -> None:
    study = parse_study(TEXT, source="sample")
    assert study.narrow(["rte"]).tasks == ("rte",)
    assert study.narrow(["rte", "library"]).tasks == ("library", "rte")
    with pytest.raises(UserError, match="did you mean 'rte'"):
        study.narrow(["rtee"])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("methods: [standard,", "methods: [standrad,", ["'standrad'", "did you mean 'standard'"]),
        ("epochs: 3", "epoch: 3", ["key 'epoch'", "did you mean 'epochs'"]),
        ("  tau:", "  tua:", ["axis 'tua'", "did you mean 'tau'"]),
        (
            "methods: [standard, at, cat]",
            "methods: [standard]",
            ["axis 'epsilon'", "only at, cat have"],
        ),
        ("  tau: [0.1]\n", "", ["axis 'tau' is missing", "method cat needs it"]),
        ("  lr: [1e-4, 2e-4]\n", "", ["axis 'lr' is missing"]),
        ("lr: [1e-4, 2e-4]", "lr: []", ["axis 'lr' is empty"]),
        ("epsilon: [1e-3, 5e-3]", "epsilon: [5e-3, 5e-3]", ["axis 'epsilon'", "5e-3", "twice"]),
        ("tau: [0.1]", "tau: [1, 1.0]", ["axis 'tau'", "twice"]),
        ("lr: [1e-4, 2e-4]", "lr: [1e-4, 0.0001]", ["lr=0.0001", "twice"]),
        ("seeds: [0, 1]", "seeds: [1, 1]", ["1 twice"]),
        ("tasks: [library, rte]", "tasks: [rte, rte]", ["'rte' twice"]),
        ("epsilon: [1e-3, 5e-3]", "epsilon: [-0.001]", ["epsilon", "greater than or equal to 0"]),
        ("tau: [0.1]", "tau: [0]", ["tau", "greater than 0, got 0"]),
        ("tau: [0.1]", "tau: [-0.1]", ["tau", "greater than 0, got -0.1"]),
        ("lambda: [0.1, 0.3]", "lambda: [1.5]", ["lambda", "less than or equal to 1, got 1.5"]),
        ("lambda: [0.1, 0.3]", "lambda: [-0.5]", ["lambda", "or equal to 0, got -0.5"]),
        ("lr: [1e-4, 2e-4]", "lr: [0]", ["lr", "greater than 0, got 0"]),
        ("lr: [1e-4, 2e-4]", "lr: [-1e-4]", ["lr", "greater than 0"]),
        ("lr: [1e-4, 2e-4]", "lr: [.nan]", ["lr", "got nan"]),
        ("lr: [1e-4, 2e-4]", "lr: [.inf]", ["lr", "finite", "got inf"]),
        ("lambda: [0.1, 0.3]", "lambda: [.nan]", ["lambda", "got nan"]),
        ("epsilon: [1e-3, 5e-3]", "epsilon: [.inf]", ["epsilon", "finite"]),
        ("lr: [1e-4, 2e-4]", "lr: [fast]", ["lr", "valid number", "'fast'"]),
        ("lr: [1e-4, 2e-4]", "lr: 1e-4", ["axes.lr: input should be a list, got '1e-4'"]),
        ("lr: [1e-4, 2e-4]", "lr: [2020-01-01]", ["axes.lr.0", "one word or number"]),
        ("lr: [1e-4, 2e-4]", "3: [1e-4]", ["axes.3", "should be text, got 3"]),
        ("  tau:", "  seeds: [1, 2]\n  tau:", ["seeds is not an axis: write seeds: [0, 1] beside"]),
        ("epochs: 3", "3: epochs", ["3: a key should be text, got 3"]),
        ("epochs: 3", "lr: 1e-4", ["lr is an axis: write it under axes"]),
        ("epochs: 3", "epsilon: [1e-4]", ["epsilon is an axis: write it under axes"]),
        ("tasks: [library, rte]", "tasks: rte", ["tasks: input should be a list, got 'rte'"]),
        ("tasks: [library, rte]", "tasks: []", ["tasks: should have at least 1 item"]),
        ("axes:", "axes: lr\noverrides:", ["axes: input should be keys and values, got 'lr'"]),
        ("name: sample", "name: 3", ["name: input should be text, got 3"]),
        ("name: sample", f"name: {'a' * 101}", ["name: string should have at most 100"]),
        ("seeds: [0, 1]", "seeds: [-1]", ["seeds"]),
        ("seeds: [0, 1]", "seeds: []", ["seeds", "at least 1 item"]),
        ("epochs: 3", "epochs: 2.5", ["epochs", "2.5"]),
        ("tasks: [library, rte]\n", "", ["tasks is missing"]),
        ("name: sample", "name: Sample 1", ["name"]),
    ],
)
def test_a_wrong_study_gives_one_line(old: str, new: str, expected: list[str]) -> None:
    assert old in TEXT
    message = complaint(TEXT.replace(old, new))
    for part in expected:
        assert part in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [", "not YAML"),
        ("x: !!python/object/apply:os.getcwd []", "not YAML"),
        ("name: x\n\tepochs: 3", "not YAML: line 2, column 1: while scanning for the next token"),
        ("name: x\ndate: 2026-13-45", "'2026-13-45' is not a valid timestamp"),
        ("name: \x01", "is not a text character"),
        ("name: " + 5_000 * "[" + 5_000 * "]", "nested too deeply"),
        (f"{TEXT}epochs: 5", "not YAML: line 13, column 1: key 'epochs' occurs again here"),
        (TEXT.replace("  tau:", "  lr: [5e-4]\n  tau:"), "key 'lr' occurs again here"),
        ("", "expected keys and values, got nothing"),
        ("- one\n- two", "expected keys and values, got list"),
        ("just words", "expected keys and values, got str"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_study_at_all_gives_one_line(text: str, expected: str) -> None:
    assert expected in complaint(text)


def test_keys_that_are_merged_are_replaced_by_those_beside_them() -> None:
    base = "  <<: &more {epsilon: [1e-3, 5e-3], tau: [0.7]}\n  lambda: [0.1]\n"
    text = TEXT.replace("  epsilon: [1e-3, 5e-3]\n", "").replace("  lambda: [0.1, 0.3]\n", base)
    found = parse_study(text, source="sample").trials()
    assert {trial.point["tau"] for trial in found if "tau" in trial.point} == {0.1}


def test_a_grid_beyond_all_bounds_is_refused_before_it_is_built() -> None:
    """16 standard trials and 32 of AT, times ten batch sizes; of CAT also ten of each option."""
    tens = ", ".join(str(number) for number in range(1, 11))
    text = TEXT.replace("tau: [0.1]", f"tau: [{tens}]\n  batch_size: [{tens}]")
    assert len(parse_study(text, source="sample").trials()) == 160 + 320 + 320 * 10 * 2
    message = complaint(
        text.replace("seeds:", f"  proj_dim: [{tens}]\n  adam_eps: [{tens}]\nseeds:")
    )
    assert "644,800 trials, 640,000 of them for method cat; more than 100,000 are" in message


def test_a_file_that_does_not_exist_or_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no study file .*nowhere\.yaml"):
        load_study(str(tmp_path / "nowhere.yaml"))
    (tmp_path / "picture.yaml").write_bytes(b"\x89PNG\xff")
    with pytest.raises(UserError, match="cannot read study"):
        load_study(str(tmp_path / "picture.yaml"))
    for name in (f"{'a' * 300}.yaml", "a\0b.yaml"):
        with pytest.raises(UserError, match=r"cannot read study|no study file") as caught:
            load_study(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_an_unknown_shipped_study_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'quickstart'"):
        load_study("quikstart")
