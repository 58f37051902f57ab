"""The command line and whole trials in this process."""

from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.job import Job
from orchestrator.runner import TrialRunner
from search_spaces.study import Study
from trainers.records.store import Store


def catsweep(*arguments: object) -> int:
    """Run the command in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    code = end.value.code
    assert isinstance(code, int)
    return code


def train_all(study: Study, store: Store, data: Path | None = None) -> None:
    """Train a study's trials one after the other, as a worker does."""
    job = Job(
        store=store.root,
        identity=store.mark.identity,
        data=data,
        threads=1,
        checkpoint_every=1e9,
        own_tasks=study.own_tasks,
    )
    runner = TrialRunner(job)
    for trial in study.trials():
        runner.start(trial)
        while not runner.advance():
            pass
