"""A run as one of several jobs of a batch system: when it ends, and which trials it begins with.

In: environment variables, which Slurm sets, and a budget in hours. Out: the end of the run, and the
order of its trials. Several runs on one store need no Ray cluster: the store is their queue.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_spaces.trial import TrialConfig

MARGIN_SECONDS = 60.0
"""Seconds before a job's end at which its trials save a checkpoint; for a short job, a fifth."""

LATE_SECONDS = 20.0
"""Seconds after the end at which trials are stopped that have not saved a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class End:
    """When a run ends, in seconds since 1970, or never; and whether that is its job's limit."""

    time: float | None = None
    is_of_job: bool = False

    def is_over(self) -> bool:
        """Return whether the end has come."""
        return self.time is not None and time.time() >= self.time

    def seconds_left(self) -> float | None:
        """Return the longest time for a round of trials, which should end by themselves."""
        return None if self.time is None else max(1.0, self.time - time.time()) + LATE_SECONDS


def find_end(hours: float | None, environment: Mapping[str, str]) -> End:
    """Return the first of a budget's end and the limit of a Slurm job (SLURM_JOB_END_TIME)."""
    now = time.time()
    ends = [End(time=now + 3600 * hours)] if hours else []
    limit = _read_number(environment, "SLURM_JOB_END_TIME")
    if limit is not None and limit > now:
        margin = min(MARGIN_SECONDS, (limit - now) / 5)
        ends.append(End(time=limit - margin, is_of_job=True))
    return min(ends, key=lambda end: end.time or 0.0, default=End())


def rotate(
    trials: Sequence[TrialConfig], environment: Mapping[str, str], shared: bool
) -> Sequence[TrialConfig]:
    """Return the trials from another start on, so that runs on one store do not meet.

    The tasks of a Slurm array start at equal distances; other runs start anywhere if the store is
    `shared`, which means that another run is training. Trials of one kind stay together.
    """
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX")
    task, first, last = (_read_number(environment, name) for name in names)
    if task is not None and first is not None and last is not None and last > first:
        share = (task - first) / (last - first + 1)
    else:
        share = random.random() if shared else 0.0
    start = int(share * len(trials))
    return [*trials[start:], *trials[:start]]


def _read_number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
