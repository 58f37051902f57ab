"""How trials run, and what a worker is told: small types without heavy imports."""

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
"""What a container (cgroup 2) gets of CPU time: microseconds in each period of so many."""

SPINS = 1_000
"""Turns that a waiting thread takes before it sleeps. libgomp's own count is 300,000: a step of two
threads on two cores takes .8 of the time alone, and 1.9 times as long beside one busy process
(`python -m tests.benchmarks.neighbours`)."""

SMALLEST_SHARE = 1e-4
"""Of a GPU: Ray counts in ten-thousandths."""


SHORTEST = 0.1
"""Seconds between checkpoints."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """How trials run, as asked. Nothing here is in a trial's name; threads may change last bits.

    `track`: trackers, each with the place of its runs or None.
    """

    slots: int | None = None
    threads: int | None = None
    gpus_per_trial: float | Literal["auto"] | None = None
    address: str | None = None
    checkpoint_every: float = 120.0
    track: tuple[tuple[str, str | None], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the command line would, as from Python.

        Raises:
            UserError: a number is out of its range.
        """
        for name in ("slots", "threads"):
            number = getattr(self, name)
            if number is not None and not (isinstance(number, int) and number >= 1):
                raise UserError(f"{name}: expected 1 or more, got {number!r}")
        if not (math.isfinite(self.checkpoint_every) and self.checkpoint_every >= SHORTEST):
            raise UserError(
                f"--checkpoint-every: expected at least {SHORTEST} seconds, got"
                f" {self.checkpoint_every}"
            )
        if self.gpus_per_trial is not None:
            parse_gpus(f"{self.gpus_per_trial}")

    def resolve(self, cores: int, gpus: int) -> "Slots":
        """Fill in what was not asked: a GPU each where there are some, else a core each.

        On a cluster the number of trials at once is what fits it. `auto` measures how many trials
        share a GPU, each with a core of its own; without a GPU it asks for none.

        Raises:
            UserError: more GPUs are asked for than this machine has; Ray would wait for ever.
        """
        if self.gpus_per_trial == "auto":
            return self._shared(cores, gpus)
        if self.address is not None:
            return Slots(
                at_once=self.slots, threads=self.threads or 1, gpus=self.gpus_per_trial or 0
            )
        each = (1.0 if gpus else 0.0) if self.gpus_per_trial is None else self.gpus_per_trial
        if each > gpus:
            raise UserError(f"--gpus-per-trial {each:g}, but this machine has {gpus} GPUs")
        most = _trials_on(gpus, each) if each else max(1, cores // (self.threads or 1))
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
    """How trials run, decided: how many at once (None: what fits), CPU threads and GPUs of each.

    `measured`: a trial has `gpus` until one like it was measured, then what that one used.
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


def _trials_on(gpus: int, each: float) -> int:
    """Count the trials that have room; a part is of one GPU, not of two."""
    return gpus * int(1 / each + SMALLEST_SHARE) if each < 1 else int(gpus / each)


def parse_gpus(text: str | None) -> float | Literal["auto"] | None:
    """Read `--gpus-per-trial`: 0 to 1, a whole number or `auto`; UserError for anything else."""
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if re.fullmatch(r"([0-9]{1,9}\.?[0-9]*|\.[0-9]+)(e-[0-9]{1,2})?", text):
        number = float(text)
        if number == 0 or SMALLEST_SHARE <= number <= 1 or (number > 1 and number.is_integer()):
            return number
    raise UserError(
        f"--gpus-per-trial: expected a part of one, a whole number or auto, got {quoted(text)}"
    )


def this_machine() -> tuple[int, int]:
    """(CPU cores that this process may use, GPUs that it sees); imports torch."""
    import torch

    return cores(), torch.cuda.device_count()


def cores() -> int:
    """CPU cores that this process may use: those it may run on, within its container's limit."""
    if sys.platform != "linux":
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):  # No such file, or no limit: its first word is "max".
        quota, period = CPU_LIMIT.read_text().split()
        return min(allowed, math.ceil(int(quota) / int(period)))
    return allowed


def spin_briefly() -> None:
    """Let OpenMP's threads sleep soon where they wait for each other; before torch is imported.

    By default they spin for milliseconds, on cores that others could use. The user's word counts.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


class Tracked(BaseModel):
    """A tracker of a run, by name, and where it keeps its runs.

    `said`: that it does not answer was said before the run; workers say nothing more of it.
    """

    model_config = ConfigDict(frozen=True)

    tool: str
    place: str
    said: bool = False


class Job(BaseModel):
    """What every worker is told; `launch` names one round of trials handed to Ray Tune.

    `every_epoch`: report each epoch's score, as early stopping needs; else some seconds' epochs.
    `own_tasks`: those that the study defines, by name. `keeping`: which trained models stay;
    `tracked`: the trackers that are told of each trial, in the study's name.
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
    tracked: tuple[Tracked, ...] = ()
