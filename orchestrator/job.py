"""How trials run, and what a worker is told: small types without heavy imports."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from search_spaces.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Resources:
    """How trials run, as asked. Nothing here is in a trial's name; threads may change last bits."""

    slots: int | None = None
    threads: int | None = None
    gpus_per_trial: float | None = None
    address: str | None = None
    checkpoint_every: float = 120.0

    def resolve(self, cores: int, gpus: int) -> "Slots":
        """Fill in what was not asked: a GPU each where there are some, else a core each.

        On a cluster the number of trials at once is what fits it.

        Raises:
            UserError: more GPUs are asked for than this machine has; Ray would wait for ever.
        """
        if self.address is not None:
            return Slots(
                at_once=self.slots, threads=self.threads or 1, gpus=self.gpus_per_trial or 0
            )
        each = (1.0 if gpus else 0.0) if self.gpus_per_trial is None else self.gpus_per_trial
        if each > gpus:
            raise UserError(f"--gpus-per-trial {each:g}, but this machine has {gpus} GPUs")
        most = max(1, int(gpus / each)) if each else max(1, cores // (self.threads or 1))
        at_once = self.slots or most
        return Slots(at_once=at_once, threads=self.threads or max(1, cores // at_once), gpus=each)


@dataclass(frozen=True, kw_only=True)
class Slots:
    """How trials run, decided: how many at once (None: what fits), CPU threads and GPUs of each."""

    at_once: int | None
    threads: int
    gpus: float

    def __str__(self) -> str:
        at_once = "as many as fit" if self.at_once is None else str(self.at_once)
        gpus = f", {self.gpus:g} GPU each" if self.gpus else ""
        return f"{at_once} at once, {self.threads} CPU threads each{gpus}"


def this_machine() -> tuple[int, int]:
    """(CPU cores that this process may use, GPUs that it sees); imports torch."""
    import torch

    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return cores, torch.cuda.device_count()


class Job(BaseModel):
    """What every worker is told; `launch` names one round of trials handed to Ray Tune."""

    model_config = ConfigDict(frozen=True)

    launch: str = ""
    store: Path
    identity: str
    data: Path | None
    threads: int
    checkpoint_every: float
