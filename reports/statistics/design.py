"""How a cell's trials were drawn: what every statistic of selection asks first.

In: a search's kind, and how many trials gave no score. Out: a frozen `Design`.
"""

from dataclasses import dataclass

from search_spaces.cells import Sampling
from search_spaces.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Design:
    """How a cell's trials were drawn, and how many gave no score.

    `failed` ones stay in the budget and out of the maximum; `pruned` ones were stopped early by
    their scores; `missing` ones are still to be trained. A retried or resumed trial counts once.
    """

    sampled: Sampling = "grid"
    failed: int = 0
    pruned: int = 0
    missing: int = 0

    @property
    def unfair(self) -> str | None:
        """What breaks the exchange of trials, in words that follow a cell's name, or None."""
        reasons = {
            "its trials were drawn by an adaptive search": self.sampled == "adaptive",
            f"{self.pruned} of its trials {'was' if self.pruned == 1 else 'were'} pruned": (
                self.pruned > 0
            ),
            f"{self.missing} of its trials {'is' if self.missing == 1 else 'are'} not finished": (
                self.missing > 0
            ),
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    def require_fair(self, cell: str, what: str) -> None:
        """Refuse what breaks the exchange of trials that `what` rests on.

        Raises:
            UserError: the search was adaptive, pruned trials, or is not finished.
        """
        if self.unfair is not None:
            raise UserError(
                f"{cell}: {self.unfair}; {what} is valid only for a finished grid or finished"
                " random draws, all trained to their end"
            )
