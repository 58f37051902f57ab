"""Whole sweeps on a real, local Ray: what is trained, recorded, reused and reported."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from orchestrator.address import check_address
from search_spaces.errors import UserError
from search_spaces.study import load_study
from tests.end_to_end.conftest import SLOW
from tests.end_to_end.sweeps import (
    environment,
    launches,
    predictions_of,
    ray_head,
    run,
    run_in_terminal,
    started,
    wait_for,
)
from tests.search_spaces.test_own_methods import FOCAL
from tests.trainers.test_own_metrics import KAPPA
from trainers.encoders.encoder import load_encoder
from trainers.loop import TrialRun
from trainers.prepared import prepare
from trainers.records.outcome import DeviceUse
from trainers.records.store import State, Store

pytestmark = pytest.mark.xdist_group("ray")
MIXED = """
name: mixed
tasks: [library]
encoders: [tiny]
methods: [standard, at, cat]
axes: {lr: [2e-3, 1e+30], epsilon: [5e-3], tau: [0.1], lambda: [0.3]}
epochs: 2
n_per_class: 8
select_on: heldout
"""


BROUGHT = """
name: below
tasks:
  - {name: cases, files: {train: train.csv, dev: dev.csv}, text: body, label: team,
     metric: ./agreement.py@kappa}
encoders: [./encoder]
methods: [standard, ./focal.py@Focal]
axes: {lr: [2e-3], gamma: [0.5, 2]}
epochs: 16
"""
LABELS = ("invoice", "parcel", "refund")


def test_failures_are_recorded_and_stop_nothing(tmp_path: Path) -> None:
    path, folder = tmp_path / "mixed.yaml", tmp_path / "store"
    path.write_text(MIXED)
    done = run(path, folder)
    assert done.returncode == 1, done.stderr
    store = Store(folder, create=False)
    states = {t.describe(): store.state(t.signature) for t in load_study(str(path)).trials()}
    assert {state for name, state in states.items() if "lr=0.002" in name} == {State.DONE}
    assert {state for name, state in states.items() if "1e+30" in name} == {State.FAILED}
    failed = [t for t in load_study(str(path)).trials() if t.lr > 1]
    assert {store.failure(trial.signature).kind for trial in failed} == {"diverged"}
    assert "failed (diverged)" in done.stderr
    assert "3/6 trials  3 failed" in done.stdout
    assert list(folder.glob("running/*")) == []

    again = run(path, folder, "--retry")
    assert again.returncode == 1
    assert again.stderr.count("set aside:") == 3
    assert len(list(folder.glob("set-aside/*/failure.json"))) == 3


def test_a_second_run_trains_nothing_and_is_quick(quickstart_store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in quickstart_store.glob("trials/*/*")}
    start = time.monotonic()
    done = run("quickstart", quickstart_store)
    assert time.monotonic() - start < 5
    assert done.returncode == 0
    assert "nothing to train, 15 trials are done" in done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in quickstart_store.glob("trials/*/*")}


def test_a_larger_grid_trains_only_what_is_new(tmp_path: Path) -> None:
    path, folder = tmp_path / "grow.yaml", tmp_path / "store"
    small = MIXED.replace("methods: [standard, at, cat]", "methods: [standard]").replace(
        "lr: [2e-3, 1e+30], epsilon: [5e-3], tau: [0.1], lambda: [0.3]", "lr: [2e-3]"
    )
    path.write_text(small)
    shown = run_in_terminal(path, folder)
    assert "Trials done of all" in shown
    assert "Traceback" not in shown
    (first,) = folder.glob("trials/*/result.json")
    inode = first.stat().st_ino
    path.write_text(small.replace("lr: [2e-3]", "lr: [1e-3, 2e-3]"))
    assert run(path, folder).returncode == 0
    assert len(list(folder.glob("trials/*/result.json"))) == 2
    assert first.stat().st_ino == inode


@pytest.mark.parametrize("cluster", [False, True])
def test_what_a_user_brings_along_is_trained_and_told(
    cluster: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder's folder, a task's files, a method's and a metric's file, edited meanwhile.

    The nodes of the cluster were started in another folder.
    """
    path, folder, focal = tmp_path / "below.yaml", tmp_path / "store", tmp_path / "focal.py"
    path.write_text(BROUGHT)
    focal.write_text(FOCAL)
    for split, n in (("train", 30), ("dev", 12)):
        rows = [f"the {LABELS[k % 3]} of case {k},{LABELS[k % 3]}\n" for k in range(n)]
        (tmp_path / f"{split}.csv").write_text("body,team\n" + "".join(rows))
    tiny = load_encoder("tiny", ["where is my book"])
    for part in (tiny.model, tiny.tokenizer):
        part.save_pretrained(tmp_path / "encoder")
    agreement = tmp_path / "agreement.py"
    agreement.write_text(KAPPA)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with ray_head(tmp_path / "token") if cluster else nullcontext() as address:
        options = ["--address", address] if address else []
        with started(path, folder, *options) as driver:
            wait_for(lambda: launches(folder), driver)
            for file in (focal, agreement):
                file.write_text("raise SystemExit('edited')\n")
            assert driver.wait(timeout=300) == 0, driver.log.read_text()
    assert len(Store(folder, create=False).ended()) == 3
    assert "Focal" in (folder / "reports/below/below-dev.tex").read_text()


def test_a_reused_worker_gives_the_bytes_of_a_fresh_process(
    quickstart_store: Path, tmp_path: Path
) -> None:
    """The last trials of the sweep ran in workers that had trained others before."""
    last = load_study("quickstart").trials()[-1]
    code = (
        "import sys, torch\n"
        "from search_spaces.study import load_study\n"
        "from trainers.loop import TrialRun\n"
        "from trainers.prepared import prepare\n"
        "from trainers.records.store import Store\n"
        "from pathlib import Path\n"
        "torch.set_num_threads(1)\n"
        "trial = load_study('quickstart').trials()[-1]\n"
        "run = TrialRun(trial, prepare(trial, None), torch.device('cpu'))\n"
        "while not run.done:\n"
        "    run.train_epoch()\n"
        "Store(Path(sys.argv[1]), create=True).commit(trial, run.result())\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "fresh")], env=environment(), check=True
    )
    fresh = predictions_of(tmp_path / "fresh", "quickstart")[last.signature]
    assert set(fresh) == {"predictions-dev.parquet", "predictions-test.parquet"}
    assert fresh == predictions_of(quickstart_store, "quickstart")[last.signature]


def test_quickstart_ends_with_tested_tables(quickstart_store: Path) -> None:
    folder = quickstart_store / "reports" / "quickstart"
    comparisons = json.loads((folder / "comparisons.json").read_text())
    assert [found["table"] for found in comparisons] == ["quickstart-dev", "quickstart-test"]
    for found in comparisons:
        assert (found["baseline"]["settings"], found["system"]["settings"]) == (3, 12)
        assert 0 < found["comparison"]["p_value"] <= 1


def test_a_confirmation_trains_fresh_seeds_once_and_reports_them(
    quickstart_store: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(quickstart_store, folder)
    before = Store(folder, create=False).ended()
    options = ["confirm", "quickstart", "--store", str(folder), "--seeds", "2"]
    command = [sys.executable, "-m", "catsweep", *options]
    done, again = (
        subprocess.run(
            command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        for _ in range(2)
    )
    assert (done.returncode, again.returncode) == (0, 0), done.stderr
    assert len(Store(folder, create=False).ended() - before) == 4
    assert "nothing to train, 4 trials are done" in again.stderr
    table = json.loads((folder / "reports/quickstart/quickstart-confirmation.json").read_text())
    ((row,),) = [table["rows"]]
    assert row["labels"] == ["Library test (accuracy)", "Tiny", "CAT"]
    assert [cell["seeds"] for cell in row["cells"][:2]] == [2, 2]
    assert again.stdout == done.stdout


def test_a_cluster_at_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ray head started by hand, as on a cluster; the driver joins it and trains there.

    Its GPU is one by name only: Ray hands out halves of it, and torch, seeing none, uses the CPU.
    A trial that fits no node waits for one, and the driver says so.
    """
    path, folder = tmp_path / "mini.yaml", tmp_path / "store"
    path.write_text(MIXED.replace("2e-3, 1e+30", "2e-3").replace("[standard, at, cat]", "[at]"))
    path.write_text(path.read_text().replace(", tau: [0.1], lambda: [0.3]", ""))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with ray_head(tmp_path / "token") as address:
        with monkeypatch.context() as other:
            other.setenv("RAY_AUTH_TOKEN", "2" * 64)
            with pytest.raises(UserError, match=f"{address} refuses this token"):
                check_address(address)
        with started(path, folder, "--address", address, "--threads", "64") as driver:
            line = "no node has the 64 CPUs and 0 GPUs that a trial needs"
            wait_for(lambda: line in driver.log.read_text(), driver)
        done = run(path, folder, "--address", address, "--gpus-per-trial", "0.5")
        assert "no node" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert len(Store(folder, create=False).ended()) == 1


def test_measured_trials_share_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial that was alone used a tenth of a GPU: the next two train on it side by side.

    The GPU is one by name only, as above, so the measurement is put into the store by hand.
    """
    path, folder = tmp_path / "three.yaml", tmp_path / "store"
    path.write_text(SLOW.replace("lr: [1e-3, 2e-3]", "lr: [1e-3, 2e-3, 3e-3]"))
    first, *others = load_study(str(path)).trials()
    run_alone = TrialRun(first, prepare(first, None), torch.device("cpu"))
    while not run_alone.done:
        run_alone.train_epoch()
    result = run_alone.result()
    use = DeviceUse(share=1.0, memory_bytes=10**9, total_bytes=10**10, busy=0.1)
    record = result.record.model_copy(update={"device_use": use})
    store = Store(folder, create=True)
    store.commit(first, replace(result, record=record))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with (
        ray_head(tmp_path / "token") as address,
        started(path, folder, "--address", address, "--gpus-per-trial", "auto") as driver,
    ):
        wait_for(lambda: all(store.is_locked(trial.signature) for trial in others), driver)
        assert driver.wait(timeout=300) == 0
    assert len(store.ended()) == 3


SEARCHED = """
name: searched
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-2, 5e-3, 1e-3, 1e-5, 1e-6]}
seeds: [0, 1]
epochs: 9
n_per_class: 8
"""


def test_a_tree_search_keeps_its_budget_and_early_stopping_goes_on_from_there(
    tmp_path: Path,
) -> None:
    """A grid with early stopping after the search: settings are stopped with both their seeds."""
    path, folder = tmp_path / "searched.yaml", tmp_path / "store"
    path.write_text(SEARCHED)
    first = run(path, folder, "--search", "tpe", "--budget", "2", "--slots", "1")
    assert first.returncode == 0, first.stderr
    store = Store(folder, create=False)
    before = store.ended()
    assert [store.state(name) for name in before] == [State.DONE] * 4
    second = run(path, folder, "--scheduler", "asha", "--slots", "1")
    assert second.returncode == 0, second.stderr
    assert "pruned" in second.stderr
    store = Store(folder, create=False)
    states = {name: store.state(name) for name in store.ended()}
    assert len(states) == 10
    assert set(states.values()) == {State.DONE, State.PRUNED}
    assert all(states[name] is State.DONE for name in before)
    pruned = [name for name, state in states.items() if state is State.PRUNED]
    curves = [[epoch.epoch for epoch in store.pruned(name).epochs] for name in pruned]
    assert all(curve == list(range(1, len(curve) + 1)) and len(curve) < 9 for curve in curves)
    assert [] in curves, "a second seed is not begun where the first one stopped its setting"
    assert not [file for name in pruned for file in (folder / "trials" / name).glob("*.parquet")]
    assert list(folder.glob("running/*")) == []
    third = run(path, folder, "--search", "tpe", "--budget", "9")
    assert third.returncode == 0, third.stderr
    assert "nothing to train" in third.stderr, "what was stopped early is in the budget"
