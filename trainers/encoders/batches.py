"""Tokenised examples, and batches of them packed into one row without padding.

In: texts and a tokenizer. Out: `Inputs` (ragged arrays) and `Batch` (tensors).
Shapes: N examples of a split, S all their tokens, B examples of a batch, P all their tokens,
T the longest of them, U distinct token ids among the P.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainers.encoders.grids import Grids, lay_out
from trainers.encoders.machine import to_device

Ints = npt.NDArray[np.int64]
AT_ONCE = 10_000
"""The examples tokenised at a time: Python lists of tokens take thirty times the memory."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """N tokenised examples, concatenated: example i is [starts[i], starts[i + 1]).

    Tokens and types may be 32-bit numbers in a memory-mapped file.
    """

    tokens_S: npt.NDArray[np.int64 | np.int32]
    types_S: npt.NDArray[np.int64 | np.int32]
    starts: Ints
    labels_N: Ints

    def __len__(self) -> int:
        return len(self.labels_N)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B examples packed into one row of P tokens.

    Attributes:
        tokens_P, types_P, positions_P: token id, segment, and position within its own example.
        cells_P: each token's index in the flattened (B, T) grid of a padded batch.
        mask_BT: True where the grid has a token.
        offsets: where each example begins in the row, (B + 1,); the last entry is P. 32-bit, as a
            GPU's attention requires, like `singles`.
        singles: the offsets of a row of B examples with one token each: 0 to B.
        slots_P: each token's index (0..U-1) among the batch's distinct token ids.
        n_slots: U.
        lengths_B: the examples' lengths, always on the host.
    """

    tokens_P: Tensor
    types_P: Tensor
    positions_P: Tensor
    cells_P: Tensor
    mask_BT: Tensor
    offsets: Tensor
    singles: Tensor
    slots_P: Tensor
    labels_B: Tensor
    n_slots: int
    lengths_B: Ints

    def __len__(self) -> int:
        return len(self.labels_B)

    @property
    def starts_B(self) -> Tensor:  # noqa: N802 - a shape
        """The index of each example's first token, [CLS], in the row."""
        return self.offsets[:-1]

    @cached_property
    def grids(self) -> Grids:
        """The batch's layout on grids, for attention without variable-length kernels."""
        return lay_out(self.lengths_B, self.tokens_P.device)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`; the copy does not wait for the device."""
        if device.type == "cpu":
            return self
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {
            name: to_device(value, device)
            for name, value in values.items()
            if isinstance(value, Tensor)
        }
        return replace(self, **moved)


def tokenise(
    tokenizer: Any, texts: tuple[Sequence[str], ...], labels: Ints, max_length: int
) -> Inputs:
    """Tokenise single texts or pairs; truncation of a pair shortens its longer text first."""
    tokens, types, lengths = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [0]
    for start in range(0, len(labels), AT_ONCE):
        encoded = tokenizer(
            *(list(column[start : start + AT_ONCE]) for column in texts),
            truncation="longest_first" if len(texts) > 1 else True,
            max_length=max_length,
            return_attention_mask=False,
            verbose=False,
        )
        rows = encoded["input_ids"]
        lengths += [len(row) for row in rows]
        tokens.append(np.fromiter(chain.from_iterable(rows), np.int64))
        second = encoded.get("token_type_ids")
        types.append(
            np.fromiter(chain.from_iterable(second), np.int64) if second else 0 * tokens[-1]
        )
    return Inputs(
        tokens_S=np.concatenate(tokens),
        types_S=np.concatenate(types),
        starts=np.cumsum(lengths, dtype=np.int64),
        labels_N=labels,
    )


def collate(inputs: Inputs, rows: Ints) -> Batch:
    """Pack the given examples into one row, in the given order."""
    lengths = inputs.starts[rows + 1] - inputs.starts[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    example = np.repeat(np.arange(len(rows)), lengths)
    positions = np.arange(lengths.sum()) - offsets[example]
    source = inputs.starts[rows][example] + positions
    tokens = inputs.tokens_S[source].astype(np.int64)
    distinct, slots = np.unique(tokens, return_inverse=True)
    longest = int(lengths.max())
    return Batch(
        tokens_P=torch.from_numpy(tokens),
        types_P=torch.from_numpy(inputs.types_S[source].astype(np.int64)),
        positions_P=torch.from_numpy(positions),
        cells_P=torch.from_numpy(example * longest + positions),
        mask_BT=torch.from_numpy(np.arange(longest) < lengths[:, None]),
        offsets=torch.from_numpy(offsets.astype(np.int32)),
        singles=torch.arange(len(rows) + 1, dtype=torch.int32),
        slots_P=torch.from_numpy(slots.astype(np.int64)),
        labels_B=torch.from_numpy(inputs.labels_N[rows]),
        n_slots=len(distinct),
        lengths_B=lengths,
    )


def training_order(n: int, batch_size: int, seeds: Sequence[int], *, drop_last: bool) -> list[Ints]:
    """Split a permutation of n examples into batches; `seeds` are (trial, stream, epoch)."""
    order = np.random.default_rng(list(seeds)).permutation(n).astype(np.int64)
    stop = n - n % batch_size if drop_last and n >= batch_size else n
    return [order[start : start + batch_size] for start in range(0, stop, batch_size)]


def evaluation_batches(inputs: Inputs, batch_size: int) -> Iterator[tuple[Ints, Batch]]:
    """Yield (rows, batch) for all examples, each exactly once, with similar lengths together."""
    lengths = np.diff(inputs.starts)
    order = np.argsort(lengths, kind="stable").astype(np.int64)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield rows, collate(inputs, rows)
