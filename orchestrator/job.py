"""How trials run, and what a worker is told: small types without heavy imports."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, kw_only=True)
class Resources:
    """How trials run. Nothing here is in a trial's name; threads may change its last bits."""

    slots: int | None = None
    threads: int | None = None
    gpus_per_trial: float = 0.0
    address: str | None = None
    checkpoint_every: float = 120.0

    def resolved(self) -> tuple[int | None, int]:
        """(trials at once, threads of each): on this machine its cores; on a cluster, what fits."""
        if self.address is not None:
            return self.slots, self.threads or 1
        cores = os.cpu_count() or 1
        slots = self.slots or max(1, cores // (self.threads or 1))
        return slots, self.threads or max(1, cores // slots)


class Job(BaseModel):
    """What every worker of one launch is told."""

    model_config = ConfigDict(frozen=True)

    launch: str
    store: Path
    identity: str
    data: Path | None
    threads: int
    checkpoint_every: float
