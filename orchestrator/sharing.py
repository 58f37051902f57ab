"""How many trials share a GPU, from the measured use of a trial that had a GPU to itself.

In: the trials to train and the records of those that are done. Out: each trial's share of a GPU.
Trials that need the same memory form a group. The first trial of a group runs alone; its memory and
activity determine how many others share a GPU. Any mix of groups fits, because a trial's share of
the GPU is never smaller than its share of the memory.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from search_spaces.trial import TrialConfig
from trainers.records.outcome import DeviceUse

HEADROOM = 0.9
"""The fraction of a GPU's memory that trials may use together."""
MAX_PER_GPU = 16
"""Most trials on one GPU: each is a process with its own CPU core and CUDA context."""

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
"""Settings that affect neither a trial's memory nor the activity of the GPU. The same holds for
options of a method that are real numbers."""

Group = tuple[object, ...]


def find_group(trial: TrialConfig) -> Group:
    """Return the settings that determine how much of a GPU a trial needs.

    The cost of the method is one of them, since at lambda 1 one backward pass is skipped.
    """
    method, numbers = trial.method, trial.method.numbers()
    settings = trial.model_dump_json(exclude={*ONLY_NUMBERS, "method"})
    options = tuple(item for item in method.options().items() if item[0] not in numbers)
    return settings, method.name, options, method.cost


def count_per_gpu(use: DeviceUse) -> int:
    """Return how many trials with this use fit on a GPU: 1 to MAX_PER_GPU, within its memory.

    If one trial keeps the GPU busy a quarter of the time, four trials fill it. If the activity
    cannot be measured, only memory counts.
    """
    by_memory = int(HEADROOM * use.total_bytes / max(1, use.memory_bytes))
    by_activity = (
        math.ceil(1 / max(use.busy, 1 / MAX_PER_GPU)) if use.busy is not None else MAX_PER_GPU
    )
    return max(1, min(by_memory, by_activity, MAX_PER_GPU))


@dataclass(kw_only=True)
class Sharing:
    """The shares in one sweep; `limits` has the numbers lowered after out-of-memory failures."""

    limits: dict[Group, int] = field(default_factory=dict)

    def shares(
        self, missing: Sequence[TrialConfig], done: Mapping[Group, Iterable[DeviceUse | None]]
    ) -> dict[str, float]:
        """Return the trials to run now, by signature, with the share of a GPU for each.

        If no trial of a group was measured alone (those that are done may have shared a GPU, or
        have run on a CPU), only the first one runs, with a whole GPU.
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
        """Lower the number of trials per GPU after an out-of-memory failure, and return it."""
        number = max(1, round(1 / share) // 2)
        group = find_group(trial)
        self.limits[group] = min(number, self.limits.get(group, MAX_PER_GPU))
        return self.limits[group]
