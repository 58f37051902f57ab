"""Two systems' examples in one order, joined by id: the one place where that is done.

In: two sets of examples with ids and gold labels. Out: the second in the order of the first; or
Misaligned, which says where they differ.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from search_spaces.errors import UserError
from search_spaces.text import quoted


class Examples(Protocol):
    """N examples: their ids, each once, and their gold labels."""

    @property
    def ids(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def gold(self) -> "npt.NDArray[Any] | Sequence[str]": ...  # noqa: D102

    def take(self, places: Sequence[int]) -> Self: ...  # noqa: D102


Some = TypeVar("Some", bound=Examples)


class Misaligned(UserError):
    """An example that only one of two systems has, has twice, or has under another gold label.

    `place` is where it stands, in the `first` or the `second`; for gold labels, in both.
    """

    def __init__(self, example: str, place: int, only: Literal["first", "second"] | None) -> None:
        self.example, self.place, self.only = example, place, only
        what = "is in only one of the two systems" if only else "has two different gold labels"
        super().__init__(f"example {quoted(example)} {what}")


def align(first: Examples, second: Some) -> Some:
    """Return `second` in the order of `first`'s examples.

    Raises:
        Misaligned: the two do not have the same examples once each, with the same gold labels.
    """
    aligned = second
    if list(first.ids) != list(second.ids):
        places = {name: place for place, name in enumerate(second.ids)}
        _refuse_alone(first.ids, places, "first")
        _refuse_alone(second.ids, set(first.ids), "second")
        _refuse_twice(first.ids, "first")
        _refuse_twice(second.ids, "second")
        aligned = second.take([places[name] for name in first.ids])
    differing = np.flatnonzero(_array(first.gold) != _array(aligned.gold))
    if differing.size:
        place = int(differing[0])
        raise Misaligned(first.ids[place], place, None)
    return aligned


def _refuse_alone(ids: Sequence[str], known: Any, side: Literal["first", "second"]) -> None:
    for place, name in enumerate(ids):
        if name not in known:
            raise Misaligned(name, place, side)


def _refuse_twice(ids: Sequence[str], side: Literal["first", "second"]) -> None:
    seen = set[str]()
    for name in ids:
        if name in seen:
            raise UserError(f"example {quoted(name)} is there twice in the {side} system")
        seen.add(name)


def _array(gold: "npt.NDArray[Any] | Sequence[str]") -> npt.NDArray[Any]:
    return gold if isinstance(gold, np.ndarray) else np.asarray(gold, dtype=object)
