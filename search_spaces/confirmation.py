"""A confirmation: chosen settings of a study, trained with seeds that no choice has seen.

In: a study, and the settings that were chosen in it. Out: a `Confirmation`, which is a study whose
trials are these; its seeds follow from the study's name, so that the same command goes on with it.
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
    """The study that trains them; it fills no table of its own."""

    wanted: SkipValidation[tuple[TrialConfig, ...]] = ()

    @cached_property
    def _trial_tables(self) -> dict[TrialConfig, set[int]]:
        return {trial: set() for trial in self.wanted}

    @property
    def tables(self) -> tuple[int, ...]:
        """None: the paper's are the study's."""
        return ()


def fresh_seeds(study: Study, count: int) -> tuple[int, ...]:
    """Return the first seeds of a study's confirmation.

    Raises:
        UserError: there are fewer than two, or the study has one of them: it would have chosen.
    """
    if count < FEWEST:
        raise UserError(f"--seeds: a confirmation takes {FEWEST} at least, got {count}")
    texts = (f"confirm {study.name} {number}" for number in range(count))
    seeds = tuple(int(hashlib.sha256(text.encode()).hexdigest()[:7], 16) for text in texts)
    refuse_seen(study, seeds)
    return seeds


def refuse_seen(study: Study, seeds: Iterable[int]) -> None:
    """Refuse seeds that the study itself has: they took part in its choice.

    Raises:
        UserError: there is one.
    """
    own = {trial.seed for trial in study.trials()}
    if seen := [seed for seed in seeds if seed in own]:
        raise UserError(
            f"study {study.name}: seed {seen[0]} is of its confirmation and must not choose:"
            " take it out of the study's seeds"
        )


def confirm_settings(
    study: Study, settings: Iterable[TrialConfig], seeds: Sequence[int]
) -> Confirmation:
    """Build the study that trains settings, each with all of these seeds."""
    fields = {name: getattr(study, name) for name in Study.model_fields}
    wanted = tuple(setting.at_seed(seed) for setting in settings for seed in seeds)
    return Confirmation(**fields | {"own_tables": (), "labels": study.labels}, wanted=wanted)
