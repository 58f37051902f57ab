"""A confirmation: chosen settings of a study, trained with fresh seeds that chose nothing.

In: a study, and the settings that were chosen in it. Out: a `Confirmation`, which is a study of its
own. Its seeds are derived from the study's name, so that repeating the command continues it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from pydantic import SkipValidation

from search_spaces.errors import UserError
from search_spaces.study import Study
from search_spaces.trial import TrialConfig

SEEDS: Final = 5
FEWEST: Final = 2


class Confirmation(Study):
    """A study whose trials are `wanted`; it fills no tables."""

    wanted: SkipValidation[tuple[TrialConfig, ...]] = ()

    @cached_property
    def _trial_tables(self) -> dict[TrialConfig, set[int]]:
        return {trial: set() for trial in self.wanted}

    @property
    def tables(self) -> tuple[int, ...]:
        """Empty: the tables of the paper belong to the study itself."""
        return ()


def fresh_seeds(study: Study, count: int) -> tuple[int, ...]:
    """Return the first `count` seeds of a study's confirmation.

    Raises:
        UserError: `count` is below two, or the study itself has one of the seeds.
    """
    if count < FEWEST:
        raise UserError(f"--seeds: a confirmation takes at least {FEWEST}, got {count}")
    texts = (f"confirm {study.name} {number}" for number in range(count))
    seeds = tuple(int(hashlib.sha256(text.encode()).hexdigest()[:7], 16) for text in texts)
    refuse_used_seeds(study, seeds)
    return seeds


def refuse_used_seeds(study: Study, seeds: Iterable[int]) -> None:
    """Refuse seeds that the study itself has, because they took part in its choice.

    Raises:
        UserError: the study has one of them.
    """
    own = {trial.seed for trial in study.trials()}
    if seen := [seed for seed in seeds if seed in own]:
        raise UserError(
            f"study {study.name}: seed {seen[0]} belongs to its confirmation and must not take part"
            " in the choice: remove it from the study's seeds"
        )


def confirm_settings(
    study: Study, settings: Iterable[TrialConfig], seeds: Sequence[int]
) -> Confirmation:
    """Build the confirmation that trains each of these settings with all of these seeds."""
    fields = {name: getattr(study, name) for name in Study.model_fields}
    wanted = tuple(setting.with_seed(seed) for setting in settings for seed in seeds)
    return Confirmation(**fields | {"own_tables": (), "labels": study.labels}, wanted=wanted)
