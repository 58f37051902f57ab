"""The design of a search: whether statistics that allow for selection are valid for it.

In: the kind of search, and how many trials have no score. Out: a frozen `Design`.
"""

from dataclasses import dataclass

from search_spaces.cells import Sampling
from search_spaces.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Design:
    """How a cell's trials were sampled, and how many have no score.

    `failed` ones count towards the budget but not in the maximum; `pruned` ones were stopped early
    because of their scores; `missing` ones are not trained yet. A trial that was retried or resumed
    counts once.
    """

    sampled: Sampling = "grid"
    failed: int = 0
    pruned: int = 0
    missing: int = 0

    @property
    def unfair(self) -> str | None:
        """Why the trials are not exchangeable, as a phrase after the cell's name, or None."""
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
        """Raise an error if the trials are not exchangeable, as `what` assumes.

        Raises:
            UserError: the search is adaptive, pruned trials, or is not finished.
        """
        if self.unfair is not None:
            raise UserError(
                f"{cell}: {self.unfair}; {what} is valid only for a finished grid or random search"
                " without early stopping"
            )
