"""Align the examples of two systems by id.

In: two sets of examples with ids and gold labels. Out: the second set in the order of the first, or
a `Misaligned` error that names the first difference.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from search_spaces.errors import UserError
from search_spaces.text import quoted


class Examples(Protocol):
    """N examples with unique ids and gold labels."""

    @property
    def ids(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def gold(self) -> "npt.NDArray[Any] | Sequence[str]": ...  # noqa: D102

    def take(self, indices: Sequence[int]) -> Self: ...  # noqa: D102


ExamplesT = TypeVar("ExamplesT", bound=Examples)


class Misaligned(UserError):
    """An example is in only one of two systems, or its gold label differs between them.

    `index` is its position in the set that `only` names; in the first set where gold labels differ.
    """

    def __init__(self, example: str, index: int, only: Literal["first", "second"] | None) -> None:
        self.example, self.index, self.only = example, index, only
        what = "is in only one of the two systems" if only else "has two different gold labels"
        super().__init__(f"example {quoted(example)} {what}")


def align(first: Examples, second: ExamplesT) -> ExamplesT:
    """Return `second` in the order of `first`.

    Raises:
        Misaligned: an example is in only one of the two, or has two different gold labels.
        UserError: an id occurs twice in one of them.
    """
    aligned = second
    if list(first.ids) != list(second.ids):
        index_by_id = {name: index for index, name in enumerate(second.ids)}
        _refuse_unmatched(first.ids, index_by_id, "first")
        _refuse_unmatched(second.ids, set(first.ids), "second")
        _refuse_duplicates(first.ids, "first")
        _refuse_duplicates(second.ids, "second")
        aligned = second.take([index_by_id[name] for name in first.ids])
    differing = np.flatnonzero(_as_array(first.gold) != _as_array(aligned.gold))
    if differing.size:
        index = int(differing[0])
        raise Misaligned(first.ids[index], index, None)
    return aligned


def _refuse_unmatched(ids: Sequence[str], known: Any, side: Literal["first", "second"]) -> None:
    for index, name in enumerate(ids):
        if name not in known:
            raise Misaligned(name, index, side)


def _refuse_duplicates(ids: Sequence[str], side: Literal["first", "second"]) -> None:
    seen = set[str]()
    for name in ids:
        if name in seen:
            raise UserError(f"example {quoted(name)} occurs twice in the {side} system")
        seen.add(name)


def _as_array(gold: "npt.NDArray[Any] | Sequence[str]") -> npt.NDArray[Any]:
    return gold if isinstance(gold, np.ndarray) else np.asarray(gold, dtype=object)
