"""The runner without Ray: locks, failures, and a disk without space."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from orchestrator import runner as runner_module
from orchestrator.job import Job
from orchestrator.runner import TrialRunner, classify
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from tests.end_to_end.sweeps import environment
from tests.results import MOMENT
from tests.trainers.test_store_access import NOBODY, as_nobody
from trainers import snapshot
from trainers.encoders.classifier import Classifier
from trainers.loop import Diverged, TrialRun
from trainers.records.files import Unreadable
from trainers.records.outcome import PrunedRecord
from trainers.records.store import State, Store
from trainers.snapshot import save_snapshot

ON_A_GPU: type[Exception] = getattr(torch, "AcceleratorError", RuntimeError)
"""torch 2.6 has no type of its own for what a device says."""


def config(lr: float = 1e-3, epochs: int = 2) -> TrialConfig:
    return TrialConfig.model_validate(
        {
            "task": "library",
            "encoder": "tiny",
            "method": {"name": "standard"},
            "lr": lr,
            "epochs": epochs,
            "n_per_class": 4,
        }
    )


def job(store: Store) -> Job:
    return Job(
        store=store.root, identity=store.mark.identity, data=None, threads=1, checkpoint_every=60
    )


def finish(runner: TrialRunner, trial: TrialConfig) -> None:
    runner.start(trial)
    while not runner.advance():
        pass


def test_trials_run_one_after_the_other_and_leave_nothing_running(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    runner = TrialRunner(job(store))
    for trial in (config(1e-3), config(2e-3)):
        finish(runner, trial)
        assert store.state(trial.signature) is State.DONE
    assert list((store.root / "running").iterdir()) == []


def test_a_finished_trial_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    finish(TrialRunner(job(store)), config())
    path = store.folder(config().signature) / "result.json"
    inode = path.stat().st_ino
    finish(TrialRunner(job(store)), config())
    assert path.stat().st_ino == inode
    assert list((store.root / "running").iterdir()) == []


def test_a_trial_that_was_stopped_with_its_setting_is_trained_by_a_run_that_stops_none(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "store", create=True)
    record = PrunedRecord(
        signature=config().signature, scheduler="asha", epochs=(), pruned_at=MOMENT
    )
    store.commit_pruned(config(), record)
    early = TrialRunner(job(store).model_copy(update={"every_epoch": True}))
    finish(early, config())
    assert early.stopped
    assert store.state(config().signature) is State.PRUNED
    finish(TrialRunner(job(store)), config())
    assert store.state(config().signature) is State.DONE


def test_a_trial_that_another_process_trains_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    with store.lock(config().signature) as mine:
        assert mine
        finish(TrialRunner(job(store)), config())
        assert store.state(config().signature) is State.RUNNING


def test_a_store_that_is_not_the_drivers_is_refused(tmp_path: Path) -> None:
    store, other = (Store(tmp_path / name, create=True) for name in ("one", "two"))
    with pytest.raises(UserError, match=r"does not see the driver's store .* but another one"):
        TrialRunner(job(other).model_copy(update={"store": store.root}))
    with pytest.raises(UserError, match=r"does not see the driver's store .*no store in"):
        TrialRunner(job(other).model_copy(update={"store": tmp_path / "three"}))


def test_each_failure_has_its_kind(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    runner = TrialRunner(job(store))
    diverging = config(lr=1e30)
    finish(runner, diverging)
    no_data = config().model_copy(update={"task": "rte"})
    runner.job = job(store).model_copy(update={"data": tmp_path})
    finish(runner, no_data)
    assert store.failure(diverging.signature).kind == "diverged"
    failure = store.failure(no_data.signature)
    assert failure.kind == "configuration"
    assert "no file" in failure.reason
    assert "Traceback" in failure.traceback
    finish(runner, config())
    assert store.state(config().signature) is State.DONE, "a failure stops nothing after it"


def test_what_is_warm_outlives_the_failures_that_settings_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store", create=True)
    runner = TrialRunner(job(store))
    finish(runner, config(lr=1e30))
    warm = runner.warm.last
    assert warm is not None
    finish(runner, config(lr=2e-3))
    assert runner.warm.last is warm

    def no_memory(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(runner_module, "load_snapshot", no_memory)
    finish(runner, config(lr=3e-3))
    assert runner.warm.last is None


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many of a trial's modules live whenever the runner frees memory, without a collector."""
    born: list[weakref.ref[torch.nn.Module]] = []
    counts: list[int] = []
    build = TrialRun._build

    def remember(run: TrialRun) -> Classifier:
        model = build(run)
        born.extend(weakref.ref(module) for module in model.modules())
        return model

    def count(_: torch.device) -> None:
        counts.append(sum(ref() is not None for ref in born))

    monkeypatch.setattr(TrialRun, "_build", remember)
    monkeypatch.setattr(runner_module, "free_memory", count)
    gc.collect()
    gc.disable()
    yield counts
    gc.enable()


def test_a_trial_that_is_over_leaves_nothing_in_memory(tmp_path: Path, alive: list[int]) -> None:
    """Finished, failed in training, failed before it, or given up for another: at once."""
    store = Store(tmp_path / "store", create=True)
    runner = TrialRunner(job(store))
    finish(runner, config())
    assert alive == [0, 0]
    finish(runner, config(lr=1e30))
    assert store.failure(config(lr=1e30).signature).kind == "diverged"
    assert alive == [0] * 4
    runner.start(config(lr=2e-3))
    runner.start(config(lr=3e-3))
    assert alive == [0] * 6


def test_a_trial_that_cannot_begin_leaves_nothing_in_memory(
    tmp_path: Path, alive: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> None:
        raise torch.OutOfMemoryError

    store = Store(tmp_path / "store", create=True)
    runner = TrialRunner(job(store), gpus=0.25)
    with monkeypatch.context() as patch:
        patch.setattr(runner_module, "load_snapshot", no_memory)
        finish(runner, config())
    assert store.failure(config().signature).kind == "out_of_memory"
    assert alive == [0, 0]
    assert runner.crowded
    runner.start(config(lr=2e-3))
    assert not runner.crowded


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            "out_of_memory",
        ),
        (ON_A_GPU("CUDA error: out of memory\nSearch for it"), "out_of_memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "out_of_memory"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "out_of_memory"),
        (RuntimeError("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), "out_of_memory"),
        (ON_A_GPU("CUDA error: device-side assert triggered"), "exception"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"), "exception"),
        (Diverged("loss nan"), "diverged"),
        (UserError("no file"), "configuration"),
    ],
)
def test_what_an_exception_means(error: Exception, kind: str) -> None:
    assert classify(error) == kind


@pytest.mark.parametrize("checkpoint_every", [0.0, 60.0])
def test_a_full_disk_loses_nothing(tmp_path: Path, checkpoint_every: float) -> None:
    """A limit on file sizes stands in for the disk: the write itself fails, in the kernel."""
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from orchestrator.runner import TrialRunner\n"
        "from tests.orchestrator.test_runner import config, job\n"
        "from trainers.records.files import StoreFull\n"
        "from trainers.records.store import Store\n"
        "store = Store(Path(sys.argv[1]), create=True)\n"
        "every = {'checkpoint_every': float(sys.argv[2])}\n"
        "runner = TrialRunner(job(store).model_copy(update=every))\n"
        "runner.start(config())\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    while not runner.advance():\n"
        "        pass\n"
        "except StoreFull as error:\n"
        "    print(error)\n"
    )
    folder = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(checkpoint_every)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no space left to write" in done.stdout
    store = Store(folder, create=False)
    assert store.state(config().signature) is State.MISSING
    assert [path.name for path in folder.rglob("*") if ".tmp" in path.name] == []
    finish(TrialRunner(job(store)), config())
    assert store.state(config().signature) is State.DONE


def test_a_checkpoint_that_may_not_be_read_stops_the_worker_and_stays() -> None:
    """It is neither gone nor of no use: chmod is what helps."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        store = Store(Path(scratch) / "store", create=True)
        path = store.running_folder(config().signature) / "checkpoint.safetensors"
        path.parent.mkdir()
        path.write_bytes(b"a trial's state")
        path.chmod(0)
        if os.geteuid() == 0:
            for place in (store.root, *store.root.rglob("*")):
                os.chown(place, NOBODY, NOBODY)
        runner = TrialRunner(job(store))
        with as_nobody(), pytest.raises(Unreadable, match="safetensors may not be read"):
            runner.start(config())
        path.chmod(0o600)
        assert path.read_bytes() == b"a trial's state"
        assert store.state(config().signature) is State.MISSING


def test_a_checkpoint_of_no_use_starts_the_trial_afresh_with_a_word(tmp_path: Path) -> None:
    """Whatever is wrong with it, the predictions are those of a trial that never had one."""
    clean, store = (Store(tmp_path / name, create=True) for name in ("clean", "store"))
    finish(TrialRunner(job(clean)), config())
    expected = clean.record(config().signature).files
    runner = TrialRunner(job(store))
    half = store.running_folder(config().signature) / "checkpoint.safetensors"
    half.parent.mkdir()
    whole = checkpoint_of(runner, half)
    header = 8 + int.from_bytes(whole[:8], "little")
    damages = {
        "an exponent": flip(whole, header + 3 + 4 * 1000, 64),
        "a letter of the header": flip(whole, header // 2, 1),
        "the metadata": whole.replace(b'\\"epoch\\": 1', b'\\"epoch\\": 0', 1),
        "its length": whole[: len(whole) // 2],
        "no safetensors": b"{}",
    }
    for what, data in damages.items():
        assert data != whole, what
        half.parent.mkdir(exist_ok=True)
        half.write_bytes(data)
        runner.start(config())
        assert runner.run is not None, what
        assert runner.run.progress.resumed == 0
        remark = runner.remark or ""
        assert config().signature in remark
        assert "starts over" in remark
        while not runner.advance():
            pass
        assert Store(store.root, create=False).record(config().signature).files == expected, what
        shutil.rmtree(store.folder(config().signature))
        store = Store(store.root, create=False)
        runner.store = store
    runner.start(config())
    assert runner.remark is None


def checkpoint_of(runner: TrialRunner, path: Path) -> bytes:
    """Train an epoch and keep it; leave the trial."""
    runner.start(config())
    assert runner.run is not None
    runner.run.train_epoch()
    save_snapshot(runner.run, path)
    runner.run = None
    runner._held.close()
    return path.read_bytes()


def flip(data: bytes, place: int, bit: int) -> bytes:
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


def test_no_memory_for_a_checkpoint_is_no_fault_of_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store", create=True)
    runner = TrialRunner(job(store))
    half = store.running_folder(config().signature) / "checkpoint.safetensors"
    half.parent.mkdir()
    checkpoint_of(runner, half)

    def no_memory(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(snapshot, "_restore", no_memory)
    runner.start(config())
    assert store.failure(config().signature).kind == "out_of_memory"


def test_a_failure_that_speaks_of_a_name_that_is_no_text_is_kept(tmp_path: Path) -> None:
    """A file's name may be any bytes; Python holds such a one as half of a surrogate pair."""
    store, name = Store(tmp_path / "store", create=True), config().signature
    store.commit_failure(config(), runner_module.make_failure(name, ValueError("caf\udce9.csv")))
    assert "caf" in store.failure(name).traceback
