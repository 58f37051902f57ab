"""How trials run, and what a worker receives: small types without heavy imports."""

import math
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from search_spaces.errors import UserError
from search_spaces.tasks import Task
from search_spaces.text import quoted
from trainers.checkpoints import Keeping

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""CPU limit of a container (cgroup 2): a quota and a period, both in microseconds."""

SPINS = 1_000
"""Iterations for which an OpenMP thread spins before it sleeps; libgomp's default is 300,000. With
that default a training step (two threads, two cores) takes 0.8 times as long alone, but 1.9 times
as long beside one busy process (`python -m tests.benchmarks.neighbours`)."""

SMALLEST_SHARE = 1e-4
"""Smallest share of a GPU: Ray counts in ten-thousandths."""


MIN_CHECKPOINT_SECONDS = 0.1
"""Shortest time between two checkpoints of a trial, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """How trials run, as the user asked for it.

    Nothing here is part of a trial's signature, but `threads` may change the last bits of its
    results. `track` lists trackers, each with the location of its runs, or None for the default.
    Without `wait` a run ends when only other runs are still training.
    """

    slots: int | None = None
    threads: int | None = None
    gpus_per_trial: float | Literal["auto"] | None = None
    address: str | None = None
    checkpoint_every: float = 120.0
    track: tuple[tuple[str, str | None], ...] = ()
    wait: bool = True

    def __post_init__(self) -> None:
        """Check the values as the command line does, for callers from Python.

        Raises:
            UserError: a number is out of its range.
        """
        for name in ("slots", "threads"):
            number = getattr(self, name)
            if number is not None and not (isinstance(number, int) and number >= 1):
                raise UserError(f"{name}: expected 1 or more, got {number!r}")
        if not (
            math.isfinite(self.checkpoint_every) and self.checkpoint_every >= MIN_CHECKPOINT_SECONDS
        ):
            raise UserError(
                f"--checkpoint-every: expected at least {MIN_CHECKPOINT_SECONDS} seconds, got"
                f" {self.checkpoint_every}"
            )
        if self.gpus_per_trial is not None:
            parse_gpus(f"{self.gpus_per_trial}")

    def resolve(self, cores: int, gpus: int) -> "Slots":
        """Fill in the defaults: one GPU per trial if the machine has any, else one core.

        On a cluster as many trials run at once as fit. With `auto` the number of trials that share
        a GPU is measured, and each has its own core; on a machine without GPUs, trials use none.

        Raises:
            UserError: a trial asks for more GPUs than this machine has, so that Ray would wait
                forever.
        """
        if self.gpus_per_trial == "auto":
            return self._shared(cores, gpus)
        if self.address is not None:
            return Slots(
                at_once=self.slots, threads=self.threads or 1, gpus=self.gpus_per_trial or 0
            )
        each = (1.0 if gpus else 0.0) if self.gpus_per_trial is None else self.gpus_per_trial
        if each > gpus:
            raise UserError(
                f"--gpus-per-trial {each:g}: this machine has only {gpus}"
                f" {'GPU' if gpus == 1 else 'GPUs'}"
            )
        most = _count_trials_on(gpus, each) if each else max(1, cores // (self.threads or 1))
        at_once = self.slots or most
        return Slots(at_once=at_once, threads=self.threads or max(1, cores // at_once), gpus=each)

    def _shared(self, cores: int, gpus: int) -> "Slots":
        threads = self.threads or 1
        if self.address is not None:
            return Slots(at_once=self.slots, threads=threads, gpus=1.0, measured=True)
        if not gpus:
            return replace(self, gpus_per_trial=0.0).resolve(cores, gpus)
        at_once = self.slots or max(1, cores // threads)
        return Slots(at_once=at_once, threads=threads, gpus=1.0, measured=True)


@dataclass(frozen=True, kw_only=True)
class Slots:
    """How trials run, with all defaults filled in.

    `at_once` is the number of parallel trials (None: as many as fit); `threads` and `gpus` are
    those of each trial. If `measured`, a trial gets `gpus` until one of its kind has been measured,
    and then the share that this one needed.
    """

    at_once: int | None
    threads: int
    gpus: float
    measured: bool = False

    def __str__(self) -> str:
        at_once = "as many as fit" if self.at_once is None else str(self.at_once)
        if self.measured:
            return f"up to {at_once} at once, GPUs shared as the first trial of each kind allows"
        gpus = f", {self.gpus:g} GPU each" if self.gpus else ""
        return f"{at_once} at once, {self.threads} CPU threads each{gpus}"


def _count_trials_on(gpus: int, each: float) -> int:
    """Count the trials that fit on the GPUs; a share never spans two of them."""
    return gpus * int(1 / each + SMALLEST_SHARE) if each < 1 else int(gpus / each)


def parse_gpus(text: str | None) -> float | Literal["auto"] | None:
    """Parse `--gpus-per-trial`: 0 to 1, a whole number or `auto`; UserError for anything else."""
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if re.fullmatch(r"([0-9]{1,9}\.?[0-9]*|\.[0-9]+)(e-[0-9]{1,2})?", text):
        number = float(text)
        if number == 0 or SMALLEST_SHARE <= number <= 1 or (number > 1 and number.is_integer()):
            return number
    raise UserError(
        f"--gpus-per-trial: expected a fraction below 1, a whole number or auto, got {quoted(text)}"
    )


def count_machine() -> tuple[int, int]:
    """Return (CPU cores that this process may use, GPUs that it sees). Imports torch."""
    import torch

    return count_cores(), torch.cuda.device_count()


def count_cores() -> int:
    """Count the CPU cores that this process may use, within its container's limit."""
    if sys.platform != "linux":
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):  # There is no such file, or no limit ("max").
        quota, period = CPU_LIMIT.read_text().split()
        return min(allowed, math.ceil(int(quota) / int(period)))
    return allowed


def spin_briefly() -> None:
    """Make waiting OpenMP threads sleep soon; call this before torch is imported.

    By default they spin for milliseconds on cores that other processes could use. A setting of the
    user's own takes precedence.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


class TrackerTarget(BaseModel):
    """A tracker by name, and where it stores its runs.

    `warned` means that the user was warned before the run that the tracker does not answer; workers
    do not repeat it.
    """

    model_config = ConfigDict(frozen=True)

    tool: str
    location: str
    warned: bool = False


class Job(BaseModel):
    """What every worker receives.

    `launch` identifies one round of trials handed to Ray Tune. `every_epoch` makes workers report
    after each epoch, as early stopping needs, and not only every few seconds. `own_tasks` are the
    tasks that the study defines, by name; `keeping` says which trained models are kept; `trackers`
    log each trial under the study's name. `folder` is the driver's current folder, from which an
    encoder may have a relative path. At `deadline`, in seconds since 1970, running trials save
    a checkpoint and stop.
    """

    model_config = ConfigDict(frozen=True)

    launch: str = ""
    store: Path
    identity: str
    data: Path | None
    threads: int
    checkpoint_every: float
    every_epoch: bool = False
    keeping: Keeping | None = None
    own_tasks: dict[str, Task] = {}
    study: str = ""
    folder: Path | None = None
    deadline: float | None = None
    trackers: tuple[TrackerTarget, ...] = ()
