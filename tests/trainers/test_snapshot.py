"""A snapshot: from any step another run continues to the very same bytes."""

import errno
import os
import random
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.fakes import example_settings, tiny_config
from trainers.loop import TrialRun
from trainers.prepared import Prepared
from trainers.records.files import StoreFull, encode_predictions
from trainers.records.outcome import TrialResult
from trainers.snapshot import UnusableSnapshot, load_snapshot, save_snapshot

STEPS = (1, 4, 6, 7, 12)
"""Of 12 in 3 epochs: the first, the last of an epoch, two amid one, and the very last."""

CAT = {"name": "cat", "epsilon": 5e-3, "tau": 0.1, "lambda": 0.3}
AT = {"name": "at", "epsilon": 5e-3}
VARIANTS: dict[str, dict[str, Any]] = {
    "cat-best": {"select": "best_epoch"},
    "at": {"method": example_settings("at")},
    "standard-bf16": {"method": example_settings("standard"), "precision": "bf16"},
    "cat-mix": {"method": CAT | {"norm": "mix", "eps_l2": 0.3, "perturb_special": False}},
    "cat-late": {
        "method": CAT | {"adv_begin_step": 5, "adv_dropout": "shared", "proj_bias": True},
        "bias_correction": False,
    },
    "at-mix-off": {"method": AT | {"norm": "mix", "adv_dropout": "off"}, "head": "native"},
    "standard-parts": {
        "method": example_settings("standard"),
        "micro_batch": 6,
        "bias_correction": False,
    },
    "freeat-carry": {
        "method": example_settings("freeat").model_copy(update={"free_delta": "carry"})
    },
    **{name: {"method": example_settings(name)} for name in ("pgd", "freeat", "freelb", "smart")},
}


def begin(prepared: Prepared, device: str = "cpu", **changes: Any) -> TrialRun:
    return TrialRun(tiny_config(**{"epochs": 3, **changes}), prepared, torch.device(device))


def finish(run: TrialRun, after_step: Callable[[], None] = lambda: None) -> TrialResult:
    while not run.done:
        run.train_epoch(after_step)
    return run.result()


def bytes_of(result: TrialResult) -> dict[str, bytes]:
    return {split: encode_predictions(kept) for split, kept in result.predictions.items()}


def curve_of(result: TrialResult) -> list[tuple[int, dict[str, float], float]]:
    return [(epoch.epoch, epoch.losses, epoch.score) for epoch in result.record.epochs]


def refused(run: TrialRun, path: Path) -> str:
    with pytest.raises(UnusableSnapshot) as caught:
        load_snapshot(run, path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def disturb() -> None:
    """Leave every global random stream in another state."""
    torch.manual_seed(random.randrange(2**32))
    torch.rand(random.randrange(1, 9))
    np.random.seed(1)  # noqa: NPY002
    random.seed(3)


@pytest.fixture
def half(tiny_prepared: Prepared, tmp_path: Path) -> Path:
    """A snapshot of a CAT trial after 6 of its 12 steps."""
    run, path = begin(tiny_prepared), tmp_path / "half.safetensors"

    def keep() -> None:
        if run.progress.step == 6:
            save_snapshot(run, path)

    finish(run, keep)
    return path


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_continues_to_the_same_bytes_from_any_step(
    variant: str, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    changes = VARIANTS[variant]
    expected = finish(begin(tiny_prepared, **changes))
    run = begin(tiny_prepared, **changes)

    def keep() -> None:
        if run.progress.step in STEPS:
            save_snapshot(run, tmp_path / f"{run.progress.step}")

    watched = finish(run, keep)
    assert bytes_of(watched) == bytes_of(expected), "saving disturbs"
    for step in STEPS:
        disturb()
        again = begin(tiny_prepared, **changes)
        disturb()
        assert load_snapshot(again, tmp_path / f"{step}")
        assert again.progress.step == step
        result = finish(again)
        assert bytes_of(result) == bytes_of(expected), step
        assert curve_of(result) == curve_of(expected), step
        assert result.record.selected_epoch == expected.record.selected_epoch
        assert (result.record.steps, result.record.resumed) == (12, 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("variant", ["cat-best", "cat-late", "freeat-carry", "standard-bf16"])
def test_on_a_gpu_a_run_continues_with_the_same_masks(
    variant: str, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    """Its kernels may add in another order; other masks change a loss here by 0.3 % and more."""
    changes = VARIANTS[variant]
    run, path = begin(tiny_prepared, "cuda", **changes), tmp_path / "half"
    expected = finish(run, lambda: save_snapshot(run, path) if run.progress.step == 6 else None)
    disturb()
    again = begin(tiny_prepared, "cuda", **changes)
    assert load_snapshot(again, path)
    found = finish(again)
    for (_, ours, _), (_, theirs, _) in zip(curve_of(found), curve_of(expected), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-3)


def test_a_snapshot_between_two_epochs_and_one_of_a_resumed_run(
    tiny_prepared: Prepared, tmp_path: Path
) -> None:
    expected = finish(begin(tiny_prepared))
    path = tmp_path / "snapshot"
    for epoch in range(3):
        disturb()
        run = begin(tiny_prepared)
        assert load_snapshot(run, path) == (epoch > 0)
        run.train_epoch()
        save_snapshot(run, path)
    last = begin(tiny_prepared)
    assert load_snapshot(last, path)
    assert last.done
    result = last.result()
    assert bytes_of(result) == bytes_of(expected)
    assert curve_of(result) == curve_of(expected)
    assert result.record.resumed == 3


@pytest.mark.parametrize("method", ["at", "cat"])
def test_both_branches_of_mix_are_in_a_resumed_epoch_s_means(
    method: str, tiny_prepared: Prepared
) -> None:
    """So that the comparison above has coins to lose."""
    chosen = {"at": AT, "cat": CAT}[method] | {"norm": "mix"}
    losses = finish(begin(tiny_prepared, method=chosen)).record.epochs[-1].losses
    assert {name for name in losses if name.startswith("attack_norm")} == {
        "attack_norm_max",
        "attack_norm_l2",
    }


def test_seconds_are_carried_on(half: Path, tiny_prepared: Prepared) -> None:
    run = begin(tiny_prepared)
    assert load_snapshot(run, half)
    carried = run.progress.train_seconds + run.progress.epoch_seconds
    assert carried > 0
    assert finish(run).record.train_seconds > carried


def test_a_broken_snapshot_is_ignored_wherever_it_was_cut(
    half: Path, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    whole, cut = half.read_bytes(), tmp_path / "cut"
    header = 8 + int.from_bytes(whole[:8], "little")
    for size in (0, 4, 8, header // 2, header, header + 1, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:size])
        run = begin(tiny_prepared)
        before = {name: p.clone() for name, p in run.model.named_parameters()}
        state = torch.get_rng_state()
        refused(run, cut)
        assert run.progress.step == 0
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(p, before[name]) for name, p in run.model.named_parameters())


def test_what_is_no_snapshot_is_ignored(tiny_prepared: Prepared, tmp_path: Path) -> None:
    run, path = begin(tiny_prepared), tmp_path / "other"
    assert not load_snapshot(run, path)
    path.write_bytes(b"not safetensors at all, but long enough to be read")
    refused(run, path)
    save_file({"weight": torch.zeros(2)}, path)
    assert "no checksum" in refused(run, path)
    save_file({"weight": torch.zeros(2)}, path, metadata={"config": "{}", "place": "{}"})
    assert "no checksum" in refused(run, path)
    path.unlink()
    path.mkdir()
    refused(run, path)
    assert run.progress.step == 0


def test_a_snapshot_of_another_trial_is_ignored(half: Path, tiny_prepared: Prepared) -> None:
    assert load_snapshot(begin(tiny_prepared), half)
    for changes in ({"seed": 1}, {"lr": 1e-3}, {"method": example_settings("at")}, {"epochs": 4}):
        assert "another trial" in refused(begin(tiny_prepared, **changes), half)


@pytest.mark.parametrize("name", ["encoder", "train", "test"])
def test_a_snapshot_over_other_data_or_weights_is_ignored(
    name: str, half: Path, tiny_prepared: Prepared
) -> None:
    changed = dict(tiny_prepared.fingerprints) | {name: "0" * 16}
    other = replace(tiny_prepared, fingerprints=changed)
    assert "other data" in refused(begin(other), half)


def test_saving_leaves_one_whole_file(half: Path) -> None:
    assert [path.name for path in half.parent.iterdir()] == [half.name]


def test_a_full_disk_leaves_the_earlier_snapshot_and_no_other_file(
    half: Path, tiny_prepared: Prepared
) -> None:
    run, before = begin(tiny_prepared), half.read_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StoreFull, match=f"no space left to write {half}"):
            save_snapshot(run, half)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert half.read_bytes() == before
    assert [path.name for path in half.parent.iterdir()] == [half.name]


def test_a_snapshot_has_its_name_once_its_bytes_outlive_a_power_cut(
    half: Path, tiny_prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renamed before, what a power cut leaves under the name may be half of a snapshot."""
    synced: list[tuple[Path, bytes]] = []
    before = half.read_bytes()

    def fsync(handle: int) -> None:
        synced.append((Path(f"/proc/self/fd/{handle}").readlink(), half.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    run = begin(tiny_prepared)
    save_snapshot(run, half)
    (new, at_first), (folder, _) = synced
    assert (new.parent, at_first) == (half.parent, before)
    assert new.name.startswith(f".{half.name}.")
    assert folder == half.parent
    assert load_snapshot(run, half)


def test_no_space_at_the_sync_of_a_snapshot_is_a_full_store(
    half: Path, tiny_prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = half.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull, match="no space left to write"):
        save_snapshot(begin(tiny_prepared), half)
    assert half.read_bytes() == before
    assert [path.name for path in half.parent.iterdir()] == [half.name]
