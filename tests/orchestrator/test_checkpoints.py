"""Kept models: of each cell the best one's, whatever dies, fails or trains beside it."""

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from orchestrator import supervisor
from orchestrator.best import choose_trial, remove_leftover_models
from orchestrator.cli import main
from orchestrator.job import Job, TrackerTarget
from orchestrator.plan import Plan, make_plan
from orchestrator.runner import TrialRunner
from search_spaces.cells import group_by_cell
from search_spaces.errors import UserError
from search_spaces.study import Study, parse_study
from search_spaces.trial import TrialConfig
from tests.end_to_end.sweeps import environment
from tests.fakes import VARIANTS, study_of
from tests.orchestrator.test_runner import config, finish, job
from tests.results import keep as keep_result
from tests.results import stopped
from trainers.checkpoints import (
    Checkpoints,
    Keep,
    Keeping,
    cell_name,
    make_keeping,
    parse_keep,
)
from trainers.encoders import pretrained
from trainers.kept_models import find_model, read_failure_note
from trainers.records.store import State, Store

WEAK, GOOD = config(1e-5), config(4e-3, 16)
RATES = (1e-5, 4e-3)


def keeping(*trials: TrialConfig, keep: Keep = "best", study: str = "s") -> Keeping:
    return make_keeping(study, keep, {WEAK.cell: trials})


def runner_of(store: Store, told: Keeping) -> TrialRunner:
    return TrialRunner(job(store).model_copy(update={"keeping": told}))


def kept(store: Store, study: str = "s") -> list[str]:
    folder = store.root / "checkpoints" / study / cell_name(WEAK.cell)
    return sorted(path.name for path in folder.glob("*") if path.is_dir())


def score(store: Store, trial: TrialConfig) -> float:
    return store.record(trial.signature).selection_score


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_best_model_stays_whatever_the_order(tmp_path: Path, order: tuple[int, int]) -> None:
    store, trials = Store(tmp_path / "store", create=True), (WEAK, GOOD)
    runner = runner_of(store, keeping(*trials))
    for place in order:
        finish(runner, trials[place])
    assert score(store, GOOD) > score(store, WEAK)
    assert kept(store) == [GOOD.signature]
    found = find_model(store, GOOD.signature)
    assert found is not None
    with safe_open(found / "model.safetensors", framework="pt") as file:
        assert "electra.embeddings.word_embeddings.weight" in file.keys()  # noqa: SIM118
    assert [path for path in store.root.rglob("*") if ".tmp" in path.name] == []


@pytest.mark.parametrize("first", [0, 1])
def test_of_equal_scores_the_first_in_the_study_stays(tmp_path: Path, first: int) -> None:
    store = Store(tmp_path / "store", create=True)
    trials = tuple(config(1e-9).model_copy(update={"adam_eps": eps}) for eps in (1e-8, 1e-7))
    runner = runner_of(store, keeping(*trials))
    for trial in (trials[first], trials[1 - first]):
        finish(runner, trial)
    assert score(store, trials[0]) == score(store, trials[1])
    assert kept(store) == [trials[0].signature]


def test_the_model_has_the_weights_of_the_selected_epoch(tmp_path: Path) -> None:
    """The first epoch is made unbeatable: its weights are kept, not the last ones."""
    store = Store(tmp_path / "store", create=True)
    trial = config(5e-3, 3).model_copy(update={"select": "best_epoch"})
    runner = runner_of(store, keeping(trial))
    runner.start(trial)
    runner.advance()
    run = runner.run
    assert run is not None
    run.progress.curve[0]["score"] = 1.0
    name = "embeddings.word_embeddings.weight"
    first = dict(run.model.encoder.named_parameters())[name].detach().clone()
    while not runner.advance():
        last = dict(run.model.encoder.named_parameters())[name].detach().clone()
    assert not torch.equal(first, last)
    found = find_model(store, trial.signature)
    assert found is not None
    with safe_open(found / "model.safetensors", framework="pt") as file:
        assert torch.equal(file.get_tensor(f"electra.{name}"), first)


def test_a_trial_that_is_stopped_early_or_fails_leaves_no_model(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    runner = runner_of(store, keeping(WEAK, GOOD))
    finish(runner, WEAK)
    runner.start(GOOD)
    runner.advance()
    record = stopped(GOOD)
    store.commit_pruned(GOOD, record)
    finish(runner, WEAK)  # As a worker goes on: the lock of the stopped trial is free.
    assert kept(store) == [WEAK.signature]
    broken = config(1e30)
    finish(runner_of(store, keeping(WEAK, broken)), broken)
    assert store.state(broken.signature) is State.FAILED
    assert kept(store) == [WEAK.signature]
    finish(runner_of(store, keeping(WEAK, GOOD)), GOOD)
    assert kept(store) == [GOOD.signature], "trained to the end later, it is like any other"


def test_all_and_none(tmp_path: Path) -> None:
    for keep, wanted in (("all", 2), ("none", 0)):
        store = Store(tmp_path / keep, create=True)
        runner = runner_of(store, keeping(WEAK, GOOD, keep=parse_keep(keep)))
        for trial in (GOOD, WEAK):
            finish(runner, trial)
        models = [find_model(store, trial.signature) for trial in (GOOD, WEAK)]
        assert len([model for model in models if model]) == wanted
    with pytest.raises(UserError, match="expected best, all or none, got 'bset'"):
        parse_keep("bset")


def test_the_best_of_each_variant_that_a_table_compares_stays(tmp_path: Path) -> None:
    study = parse_study(VARIANTS, source="variants")
    store, cells = Store(tmp_path / "store", create=True), group_by_cell(study)
    mix, own = (cells["library", "tiny", name][:2] for name in ("cat norm=mix", "cat"))
    runner = runner_of(store, make_keeping("s", "best", cells))
    for trial in (mix[1], own[1], mix[0], own[0]):
        finish(runner, trial)
    for pair in (mix, own):
        best = max(pair, key=lambda trial: score(store, trial))
        assert [trial for trial in pair if find_model(store, trial.signature)] == [best]
    folders = sorted(path.name for path in (store.root / "checkpoints" / "s").iterdir())
    assert [name.rpartition("-")[0] for name in folders] == [
        "library-tiny-cat",
        "library-tiny-cat-norm-mix",
    ]


def test_a_run_tells_its_workers_the_cells_of_the_study(
    tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Job] = []

    def sweep(study: Study, store: Store, job: Job, *_: object, **_more: object) -> Plan:
        told.append(job)
        return make_plan(study, store)

    monkeypatch.setattr(supervisor, "sweep", sweep)
    (tmp_path / "study.yaml").write_text(VARIANTS.replace("[library]", "[rte]"))
    options = ["--store", str(tmp_path / "store"), "--data", str(data_folder)]
    with pytest.raises(SystemExit):
        main(["run", str(tmp_path / "study.yaml"), *options])
    assert told[0].keeping
    assert [len(names) for names in told[0].keeping.cells.values()] == [3, 3, 3]


def test_a_model_that_was_kept_for_all_variants_makes_room_for_the_cell_s_own(
    tmp_path: Path,
) -> None:
    """As an older version kept it: until then it stays, whatever its score."""
    store, cell = Store(tmp_path / "store", create=True), ("library", "tiny", "standard x=y")
    finish(runner_of(store, keeping(WEAK, GOOD)), GOOD)
    apart = make_keeping("s", "best", {WEAK.cell: [WEAK], cell: [GOOD]})
    remove_leftover_models(apart, store)
    assert kept(store) == [GOOD.signature]
    finish(runner_of(store, apart), WEAK)
    assert kept(store) == [WEAK.signature]


def test_studies_of_one_store_do_not_drop_each_others_models(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    finish(runner_of(store, keeping(WEAK, study="one")), WEAK)
    finish(runner_of(store, keeping(WEAK, GOOD, study="two")), GOOD)
    assert kept(store, "one") == [WEAK.signature]
    assert kept(store, "two") == [GOOD.signature]


def test_a_study_that_was_edited_keeps_the_best_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    finish(runner_of(store, keeping(GOOD)), GOOD)
    finish(runner_of(store, keeping(WEAK)), WEAK)
    assert kept(store) == [WEAK.signature]


def finish_one(root: Path, rate: float) -> None:
    """In a process of its own: train one of two trials of a cell."""
    store = Store(root, create=False)
    trials = [config(each) for each in RATES]
    finish(runner_of(store, keeping(*trials)), config(rate))


def test_workers_that_race_keep_exactly_the_best(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=finish_one, args=(store.root, rate)) for rate in RATES]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    trials = [config(rate) for rate in RATES]
    best = max(trials, key=lambda trial: score(store, trial))
    assert kept(store) == [best.signature]


KILLED = (
    "import os, signal, sys\n"
    "from pathlib import Path\n"
    "import trainers.checkpoints, trainers.kept_models, trainers.records.store\n"
    "from tests.orchestrator.test_checkpoints import GOOD, WEAK, finish, keeping, runner_of\n"
    "from trainers.records.store import Store\n"
    "def die(*_args, **_kwargs):\n"
    "    os.kill(os.getpid(), signal.SIGKILL)\n"
    "if sys.argv[2] == 'writing':\n"
    "    trainers.kept_models.sync_to_disk = die\n"
    "elif sys.argv[2] == 'committing':\n"
    "    Store.commit = die\n"
    "else:\n"
    "    trainers.checkpoints.Checkpoints.drop_others = die\n"
    "store = Store(Path(sys.argv[1]), create=False)\n"
    "finish(runner_of(store, keeping(WEAK, GOOD)), GOOD)\n"
)


@pytest.mark.parametrize("when", ["writing", "committing", "settling"])
def test_a_kill_loses_no_best_model_and_the_next_turn_cleans_up(tmp_path: Path, when: str) -> None:
    store = Store(tmp_path / "store", create=True)
    finish(runner_of(store, keeping(WEAK, GOOD)), WEAK)
    arguments = [sys.executable, "-c", KILLED, str(store.root), when]
    done = subprocess.run(arguments, env=environment(), check=False)
    assert done.returncode == -9
    finished = store.state(GOOD.signature) is State.DONE
    assert finished == (when == "settling")
    assert WEAK.signature in kept(store)
    Checkpoints(store, keeping(WEAK, GOOD)).drop_others(WEAK.signature)
    assert kept(store) == [GOOD.signature if finished else WEAK.signature]
    finish(runner_of(store, keeping(WEAK, GOOD)), GOOD)
    Checkpoints(store, keeping(WEAK, GOOD)).drop_others(WEAK.signature)
    assert kept(store) == [GOOD.signature]


def test_a_running_trials_model_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    finish(runner_of(store, keeping(WEAK, GOOD)), WEAK)
    cell = store.root / "checkpoints" / "s" / cell_name(WEAK.cell)
    (cell / GOOD.signature).mkdir()
    with store.lock(GOOD.signature):
        Checkpoints(store, keeping(WEAK, GOOD)).drop_others(WEAK.signature)
        assert kept(store) == sorted([WEAK.signature, GOOD.signature])
    Checkpoints(store, keeping(WEAK, GOOD)).drop_others(WEAK.signature)
    assert kept(store) == [WEAK.signature]


@pytest.mark.parametrize(
    "room",
    [
        pytest.param(500, id="config", marks=pytest.mark.full),
        pytest.param(5_000, id="tokenizer", marks=pytest.mark.full),
        pytest.param(100_000, id="weights"),
    ],
)
def test_a_full_disk_costs_the_model_and_not_the_trial(tmp_path: Path, room: int) -> None:
    """A limit on file sizes, as long as the model is written, stands in for the disk."""
    store = Store(tmp_path / "store", create=True)
    finish(runner_of(store, keeping(WEAK, GOOD)), WEAK)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from tests.orchestrator.test_checkpoints import *\n"
        "def offer(self, run, score, write=Checkpoints.offer):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), unlimited))\n"
        "    write(self, run, score)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))\n"
        "unlimited, Checkpoints.offer = resource.RLIM_INFINITY, offer\n"
        "store = Store(Path(sys.argv[1]), create=False)\n"
        "finish(runner_of(store, keeping(WEAK, GOOD)), GOOD)\n"
    )
    command = [sys.executable, "-c", code, str(store.root), str(room)]
    subprocess.run(command, env=environment(), check=True)
    assert store.state(GOOD.signature) is State.DONE
    assert kept(store) == [WEAK.signature], "dropped only for a better model"
    assert "File too large" in (read_failure_note(store, GOOD.signature) or "")
    assert [path for path in store.root.rglob("*") if ".tmp" in path.name] == []


@pytest.mark.parametrize("keep", ["best", "all"])
def test_a_model_that_is_kept_after_all_leaves_no_note_that_it_could_not_be(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store", create=True)
    told = keeping(GOOD, keep=keep)

    def fail(*_: Any) -> None:
        raise OSError("no space")

    with monkeypatch.context() as full:
        full.setattr(pretrained, "write_pretrained", fail)
        finish(runner_of(store, told), GOOD)
    assert read_failure_note(store, GOOD.signature) == "no space"
    (store.folder(GOOD.signature) / "result.json").write_text("{")
    store.set_aside(GOOD.signature)
    finish(runner_of(store, told), GOOD)
    assert find_model(store, GOOD.signature) is not None
    assert read_failure_note(store, GOOD.signature) is None


def test_a_corrupt_neighbour_costs_no_trial(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    keep_result(store, WEAK, {"dev": 100})
    (store.folder(WEAK.signature) / "result.json").write_text("{")
    finish(runner_of(Store(store.root, create=False), keeping(WEAK, GOOD)), GOOD)
    assert kept(store) == [GOOD.signature]


def test_what_a_worker_is_told_survives_the_journey() -> None:
    told = keeping(WEAK, GOOD)
    sent = Job(
        store=Path("s"),
        identity="i",
        data=None,
        threads=1,
        checkpoint_every=1,
        keeping=told,
        trackers=(TrackerTarget(tool="tensorboard", location="t"),),
    )
    assert Job.model_validate_json(sent.model_dump_json()) == sent
    assert json.loads(sent.model_dump_json())["keeping"]["keep"] == "best"


LUCKY, STEADY = [(150, 176, 150), (170, 171, 169)]
"""Of 200 examples, how many each seed of a setting predicts correctly."""


@pytest.mark.parametrize("first", ["lucky", "steady"])
def test_of_settings_the_one_with_the_highest_mean_is_kept(tmp_path: Path, first: str) -> None:
    """Not the luckiest seed's: a model is written as workers would, when its trial ends."""
    store = Store(tmp_path / "store", create=True)
    settings = {
        "lucky": [WEAK.with_seed(seed) for seed in range(3)],
        "steady": [GOOD.with_seed(seed) for seed in range(3)],
    }
    told = make_keeping("s", "best", {WEAK.cell: settings["lucky"] + settings["steady"]})
    folder = store.checkpoints / "s" / cell_name(WEAK.cell)
    for name in (first, *(settings.keys() - {first})):
        for trial, right in zip(settings[name], LUCKY if name == "lucky" else STEADY, strict=True):
            checkpoints = Checkpoints(store, told)
            if checkpoints._leads(trial.signature, right / 200):
                (folder / trial.signature).mkdir(parents=True)
                (folder / trial.signature / "model.safetensors").touch()
            keep_result(store, trial, {"dev": right})
            checkpoints.drop_others(trial.signature)
    assert Checkpoints(store, told).best(told.settings) == settings["steady"][1].signature
    assert {*kept(store)} <= {trial.signature for trial in settings["steady"]}
    assert kept(store)
    study = study_of(settings["lucky"] + settings["steady"])
    assert choose_trial(study, store, WEAK.task, None, None).record.signature in kept(store)
