"""What breaks the exchange of trials, and how it is refused."""

import pytest

from reports.statistics.design import Design
from search_spaces.errors import UserError


@pytest.mark.parametrize(
    ("design", "reason"),
    [
        (Design(), None),
        (Design(sampled="random", failed=9), None),
        (Design(sampled="adaptive"), "its trials were drawn by an adaptive search"),
        (Design(pruned=3, missing=2), "3 of its trials were pruned"),
        (Design(sampled="random", missing=2), "2 of its trials are not finished"),
    ],
)
def test_what_is_unfair_is_refused_by_the_name_of_its_cell(
    design: Design, reason: str | None
) -> None:
    assert design.unfair == reason
    if reason is None:
        design.require_fair("rte/tiny/cat", "the honest score")
    else:
        with pytest.raises(UserError, match=f"^rte/tiny/cat: {reason}; the honest score is valid"):
            design.require_fair("rte/tiny/cat", "the honest score")
