"""How many trials share a GPU, from what a trial that had one to itself used of it.

In: the trials to train and the records of those that are done. Out: each trial's share of a GPU.
A group is what needs the same memory. Its first trial runs alone; the others share a GPU as far as
that one's memory and activity allow. Any mix of groups fits, because no share is below the part of
the memory that its trials use.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from search_spaces.trial import TrialConfig
from trainers.records.outcome import DeviceUse

HEADROOM = 0.9
"""The part of a GPU's memory that is planned with."""
MAX_PER_GPU = 16
"""Trials on one GPU: each is a process with a CPU core and a CUDA context of its own."""

ONLY_NUMBERS = {
    "lr",
    "seed",
    "epochs",
    "warmup",
    "weight_decay",
    "betas",
    "adam_eps",
    "init_std",
    "subset_seed",
    "fraction_seed",
}
"""Settings whose values enter a step and change nothing of its memory, nor how busy a GPU is; the
same goes for a method's options that are real numbers."""

Group = tuple[object, ...]


def find_group(trial: TrialConfig) -> Group:
    """Return what decides how much of a GPU a trial needs.

    Its method's passes are part of it: at lambda 1 one backward pass is left out.
    """
    method, numbers = trial.method, trial.method.numbers()
    settings = trial.model_dump_json(exclude={*ONLY_NUMBERS, "method"})
    options = tuple(item for item in method.options().items() if item[0] not in numbers)
    return settings, method.name, options, method.cost


def count_per_gpu(use: DeviceUse) -> int:
    """Return how many trials like this one a GPU serves: 1 to MOST, never over its memory.

    A GPU that one trial keeps busy for a quarter of the time is full with four. Where its activity
    cannot be read, memory alone decides.
    """
    by_memory = int(HEADROOM * use.total_bytes / max(1, use.memory_bytes))
    by_activity = (
        math.ceil(1 / max(use.busy, 1 / MAX_PER_GPU)) if use.busy is not None else MAX_PER_GPU
    )
    return max(1, min(by_memory, by_activity, MAX_PER_GPU))


@dataclass(kw_only=True)
class Sharing:
    """The shares of one sweep; `limits` holds what out-of-memory failures have taught."""

    limits: dict[Group, int] = field(default_factory=dict)

    def shares(
        self, missing: Sequence[TrialConfig], done: Mapping[Group, Iterable[DeviceUse | None]]
    ) -> dict[str, float]:
        """Return the trials to run now, by signature, and each one's share of a GPU.

        Of a group of which no trial was measured alone, only the first runs, alone: one that is
        done may have shared its GPU, or have run on a CPU.
        """
        numbers = {group: self._number(group, uses) for group, uses in done.items()}
        found: dict[str, float] = {}
        begun: set[Group] = set()
        for trial in missing:
            group = find_group(trial)
            number = numbers.get(group)
            if number is not None:
                found[trial.signature] = 1 / number
            elif group not in begun:
                begun.add(group)
                found[trial.signature] = 1.0
        return found

    def _number(self, group: Group, uses: Iterable[DeviceUse | None]) -> int | None:
        alone = [count_per_gpu(use) for use in uses if use is not None and use.share == 1]
        return min(self.limits.get(group, MAX_PER_GPU), *alone) if alone else None

    def lower(self, trial: TrialConfig, share: float) -> int:
        """Learn that a trial ran out of memory at this share; return how many may share now."""
        number = max(1, round(1 / share) // 2)
        group = find_group(trial)
        self.limits[group] = min(number, self.limits.get(group, MAX_PER_GPU))
        return self.limits[group]
