"""A cluster of several nodes: a sweep spreads, nodes join, and a dead one costs no result."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import SLOW
from tests.end_to_end.sweeps import (
    checkpointed,
    family,
    in_training,
    kill_node,
    predictions_of,
    ray_head,
    ray_node,
    run,
    started,
    wait_for,
)
from trainers.records.store import Store


def test_nodes_join_and_die_while_a_sweep_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trials of a dead node end on another one, from their checkpoints, with equal bytes."""
    study, folder, token = tmp_path / "slow.yaml", tmp_path / "store", tmp_path / "token"
    study.write_text(SLOW.replace("2e-3]", "2e-3, 3e-3]").replace("24", "80"))
    alone = run(study, tmp_path / "alone")
    assert alone.returncode == 0, alone.stderr
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))

    def trained_by(node: int) -> list[str]:
        members = family(node)
        return [one.signature for one in in_training(folder) if one.pid in members]

    options = ("--slots", "2", "--checkpoint-every", "0.5")
    with (
        ray_head(token, cpus=0) as address,
        ray_node(address, token) as first,
        started(study, folder, "--address", address, *options) as driver,
    ):
        wait_for(lambda: trained_by(first.pid), driver)
        with ray_node(address, token) as second:
            wait_for(lambda: trained_by(second.pid), driver)
            wait_for(lambda: set(trained_by(first.pid)) & set(checkpointed(folder)), driver)
            (lost,) = trained_by(first.pid)
            kill_node(first)
            assert driver.wait(timeout=300) == 0, driver.log.read_text()
    store = Store(folder, create=False)
    assert len(store.ended()) == 3
    assert store.record(lost).resumed == 1
    assert predictions_of(folder, str(study)) == predictions_of(tmp_path / "alone", str(study))
