"""The paper's studies: their grids counted by hand, and their settings as the paper has them."""

from collections import Counter

import pytest

from search_spaces.methods import METHODS
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import list_shipped_studies, load_study
from search_spaces.trial import TrialConfig
from trainers.data.loading import selection_split

# Lengths of the paper's lists: lr, batch sizes of RoBERTa on GLUE, epsilon, tau, lambda.
LR, BATCH, EPSILON, TAU, LAMBDA = 3, 2, 4, 6, 5
CAT = EPSILON * TAU * LAMBDA
ROBERTA = LR * BATCH
SIZES = {
    # BERT; RoBERTa; its SCL, PGD, FreeAT and FreeLB at one setting each
    "table3": 7 * LR * (1 + CAT) + 7 * ROBERTA * (1 + CAT + 4),
    "table4": 3 * LR * (1 + CAT),
    "table5": 3 * LR * (1 + CAT),
    "table6": 3 * LR * (1 + CAT),
    "table7": 7 * ROBERTA * (1 + EPSILON + CAT),
    "table8": 3 * LR * (1 + EPSILON + CAT),
    "table9": 7 * (LR + ROBERTA) * 2 * CAT,
    "table10": 6 * ROBERTA * 2 * CAT,
}
OF_PAPER = (
    SIZES["table3"]
    + SIZES["table4"]
    + 3 * LR * CAT  # Table 6: half the rows
    + (7 * ROBERTA + 3 * LR) * EPSILON  # Tables 7 and 8: AT
    + 7 * (LR + ROBERTA) * CAT  # Table 9: the other perturbation
    + 6 * ROBERTA * CAT  # Table 10: the other norm
)
NUMBERS = range(3, 11)
BERT, ROBERTA_LARGE = "google-bert/bert-large-uncased", "FacebookAI/roberta-large"
PRESETS = {
    "mnli": (0.1, 2, 0.1, 0.3),
    "qqp": (0.15, 2, 0.32, 0.62),
    "qnli": (0.1, 2, 0.2, 0.2),
    "sst2": (0.1, 2, 1.0, 0.6),
    "cola": (0.025, 3, 0.4, 0.3),
    "mrpc": (0.04, 3, 0.64, 0.4),
    "rte": (0.03, 3, 0.16, 0.14),
}


@pytest.fixture(scope="module")
def paper() -> list[TrialConfig]:
    return load_study("paper").trials()


@pytest.mark.parametrize("name", SIZES)
def test_a_full_study_has_the_paper_s_grid(name: str) -> None:
    assert len(load_study(name).trials()) == SIZES[name]


def test_the_whole_paper_trains_what_is_shared_once(paper: list[TrialConfig]) -> None:
    assert len(paper) == OF_PAPER == 22_044
    assert len({trial.signature for trial in paper}) == OF_PAPER
    shared = load_study("paper").shared()
    wanted = Counter({number: SIZES[f"table{number}"] for number in NUMBERS})
    repeats = sum(count * (len(tables) - 1) for tables, count in shared.items())
    assert sum(wanted.values()) - repeats == OF_PAPER
    assert shared[3, 7, 9, 10] == 6 * ROBERTA * CAT


def test_every_table_s_trials_are_those_of_its_own_study() -> None:
    for study in (load_study("paper"), load_study("paper-mini")):
        mini = study.name.removeprefix("paper")
        assert study.tables == tuple(range(1, 11))
        for number in NUMBERS:
            own = load_study(f"table{number}{mini}").trials()
            assert set(study.of_table(number)) == set(own)


@pytest.mark.parametrize("name", list_shipped_studies())
def test_tasks_methods_and_selection_of_every_study_are_known(name: str) -> None:
    for part in load_study(name).parts:
        assert set(part.tasks) <= set(TASKS)
        assert set(part.methods) <= set(METHODS)
        assert {selection_split(TASKS[task], part) for task in part.tasks} <= {"dev", "heldout"}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_mini_twin_has_the_same_tables_and_methods(number: int) -> None:
    full, mini = load_study(f"table{number}"), load_study(f"table{number}-mini")
    assert mini.tables == full.tables
    assert {t.method.name for t in mini.trials()} == {t.method.name for t in full.trials()}
    assert set(mini.tasks) <= set(full.tasks)
    assert set(mini.encoders) == {"packaged:minilm"}
    for option in ("perturb", "norm"):
        kinds = [{getattr(t.method, option, None) for t in s.trials()} for s in (full, mini)]
        assert kinds[0] == kinds[1]


def test_the_whole_paper_in_miniature_stays_small() -> None:
    trials = load_study("paper-mini").trials()
    assert len(trials) <= 100
    assert {trial.lr for trial in trials} <= {2e-4, 3e-4, 5e-4}


def test_glue_is_trained_as_in_the_paper(paper: list[TrialConfig]) -> None:
    glue = [trial for trial in paper if "dev" in TASKS[trial.task].splits]
    assert {t.lr for t in glue} == {1e-5, 2e-5, 3e-5}
    shapes = {(t.encoder, t.epochs, t.batch_size) for t in glue}
    assert shapes == {(BERT, 3, 32), (ROBERTA_LARGE, 10, 16), (ROBERTA_LARGE, 10, 32)}
    assert {t.select_on for t in glue} == {"dev"}
    assert {(t.train_fraction, t.n_per_class) for t in glue} == {(1.0, None)}


def test_intents_are_trained_as_in_the_paper(paper: list[TrialConfig]) -> None:
    intents = [trial for trial in paper if "dev" not in TASKS[trial.task].splits]
    assert {t.lr for t in intents} == {3e-5, 4e-5, 5e-5}
    assert {(t.encoder, t.epochs, t.batch_size) for t in intents} == {(ROBERTA_LARGE, 5, 32)}
    halves = {(t.method.name, t.train_fraction) for t in intents}
    assert halves == {("standard", 1.0), ("at", 1.0), ("cat", 1.0), ("cat", 0.5)}


def test_the_optimizer_is_the_paper_s(paper: list[TrialConfig]) -> None:
    shared = {(t.weight_decay, t.warmup, t.max_length, t.precision) for t in paper}
    assert shared == {(0.01, 0.1, 128, "bf16")}


def test_the_grid_of_cat_is_the_paper_s(paper: list[TrialConfig]) -> None:
    points = [t.point for t in paper if t.method.name == "cat"]
    assert {point["epsilon"] for point in points} == {1e-4, 1e-3, 5e-3, 2e-2}
    assert {point["tau"] for point in points} == {0.05, 0.06, 0.07, 0.08, 0.09, 0.1}
    assert {point["lambda"] for point in points} == {0.1, 0.2, 0.3, 0.4, 0.5}


def test_beyond_the_paper_stands_what_a_claim_must_beat() -> None:
    """Each beside trials that Table 3 has, too; STD++ is longer, bias-corrected, of ten seeds."""
    trials = load_study("beyond").trials()
    counts = Counter(trial.method.name for trial in trials)
    assert counts == {
        "standard": 7 * ROBERTA,
        "cat": 7 * ROBERTA * 4,
        "rdrop": 7 * ROBERTA * 3,
        "r3f": 7 * ROBERTA * 4,
        "smart": 7 * ROBERTA * 3,
        "stdpp": 7 * 10,
    }
    shared = [trial for trial in trials if trial.method.name in {"standard", "cat"}]
    assert set(shared) <= set(load_study("table3").trials())
    longer = [trial for trial in trials if trial.method.name == "stdpp"]
    assert {trial.seed for trial in longer} == set(range(10))
    assert {trial.epochs for trial in trials} == {10, 20}
    assert {(trial.epochs, trial.bias_correction) for trial in longer} == {(20, True)}
    assert {trial.encoder for trial in trials} == {ROBERTA_LARGE}


@pytest.mark.parametrize("task", PRESETS)
def test_the_freelb_family_is_at_its_published_sizes(task: str) -> None:
    for study in ("table3", "table3-mini"):
        trials = [t for t in load_study(study).trials() if t.task == task]
        family = [t for t in trials if t.method.name in {"pgd", "freeat", "freelb"}]
        names = ("adv_lr", "steps", "init_mag", "max_norm")
        sizes = {tuple(t.method.model_dump()[name] for name in names) for t in family}
        assert sizes <= {PRESETS[task]}
        assert family or task not in load_study(study).tasks
