"""Ragged batches: N sequences of different lengths as one packed tensor, a list or a padded tensor.

The three views of PyTorch3D (Ravi et al. 2020, section 3.1). A `Layout` says where each sequence begins; a
`Ragged` is values in a layout, made from one of its views: the others are computed once, when first asked
for. Meshes, point clouds and volumes are each a few of these.

    list      [(L_0, D), (L_1, D), ...]      N tensors
    packed    (L_0 + L_1 + ..., D)           all rows, one after the other
    padded    (N, max L, D)                  rows past a sequence's end hold the padding
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor


class Layout:
    """Lengths of N sequences, and what follows from them. Immutable; shared by all values in it.

    The lengths live on the host, so that shapes never wait for a GPU; index tensors are made on ``device``
    when first asked for.

    Example:
        >>> layout = Layout([2, 0, 3])
        >>> layout.first_idx.tolist(), layout.packed_to_batch_idx.tolist()
        ([0, 2, 2], [0, 0, 2, 2, 2])
        >>> layout.padded_to_packed_idx.tolist()
        [0, 1, 6, 7, 8]
    """

    def __init__(
        self, lengths: Sequence[int], device: torch.device | str = "cpu", max_length: int | None = None
    ) -> None:
        self.lengths: tuple[int, ...] = tuple(int(length) for length in lengths)
        self.device = torch.device(device)
        #: (N + 1,) where each sequence begins, and the end of the last.
        self.offsets: tuple[int, ...] = (0, *accumulate(self.lengths))
        #: Rows of the padded view: the longest sequence's, unless a wider padded tensor was given.
        self.max_length = max(self.lengths, default=0) if max_length is None else max_length
        self.equisized = len(set(self.lengths)) <= 1

    def __len__(self) -> int:
        return len(self.lengths)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layout):
            return NotImplemented
        return self.lengths == other.lengths and self.max_length == other.max_length

    def __hash__(self) -> int:
        return hash(self.lengths)

    @property
    def total(self) -> int:
        """Rows of the packed view."""
        return self.offsets[-1]

    @property
    def dense(self) -> bool:
        """Whether the padded view has no padding: it is then the packed one, reshaped."""
        return self.total == len(self) * self.max_length

    @cached_property
    def num_per_batch(self) -> Tensor:  # (N,) int64
        return torch.tensor(self.lengths, dtype=torch.int64, device=self.device)

    @cached_property
    def first_idx(self) -> Tensor:  # (N,) int64
        """The packed row with which each sequence begins."""
        return torch.tensor(self.offsets[:-1], dtype=torch.int64, device=self.device)

    @cached_property
    def packed_to_batch_idx(self) -> Tensor:  # (total,) int64
        """The sequence that each packed row belongs to."""
        batch = torch.arange(len(self), device=self.device)
        return batch.repeat_interleave(self.num_per_batch, output_size=self.total)

    @cached_property
    def padded_to_packed_idx(self) -> Tensor:  # (total,) int64
        """The row of each packed row in the padded view, flattened to (N * max_length, D)."""
        if self.dense:
            return torch.arange(self.total, device=self.device)
        gaps = torch.arange(len(self), device=self.device) * self.max_length - self.first_idx
        return torch.arange(self.total, device=self.device) + gaps[self.packed_to_batch_idx]

    def to(self, device: torch.device | str) -> Layout:
        return self if torch.device(device) == self.device else Layout(self.lengths, device, self.max_length)

    def select(self, indices: Sequence[int]) -> Layout:
        return Layout([self.lengths[index] for index in indices], self.device)

    def repeat(self, times: int) -> Layout:
        """Every sequence ``times`` times in a row: a a b b c c."""
        return Layout([length for length in self.lengths for _ in range(times)], self.device)


class Ragged:
    """Values (..., D) in a layout: one view given, the others made once, when first asked for.

    Views share memory where they can (a list's tensors are slices of the packed one), so none may be written
    to. All views carry gradients.

    Example:
        >>> ragged = Ragged.from_list([torch.ones(2, 3), torch.zeros(1, 3)])
        >>> ragged.packed.shape, ragged.padded.shape
        (torch.Size([3, 3]), torch.Size([2, 2, 3]))
    """

    def __init__(
        self,
        layout: Layout,
        *,
        packed: Tensor | None = None,  # (total, *D)
        list: Sequence[Tensor] | None = None,  # N of (L, *D)
        padded: Tensor | None = None,  # (N, max_length, *D)
        pad_value: float = 0.0,
    ) -> None:
        self.layout = layout
        self.pad_value = pad_value
        self._packed, self._padded = packed, padded
        self._list = None if list is None else tuple(list)

    @classmethod
    def from_list(
        cls, tensors: Sequence[Tensor], *, layout: Layout | None = None, pad_value: float = 0.0
    ) -> Ragged:
        """Of N >= 1 tensors (L, *D) on one device; ``layout`` where one of these lengths exists already."""
        if layout is None:
            layout = Layout([len(tensor) for tensor in tensors], tensors[0].device)
        return cls(layout, list=tensors, pad_value=pad_value)

    @property
    def device(self) -> torch.device:
        return self._any.device

    @property
    def dtype(self) -> torch.dtype:
        return self._any.dtype

    @property
    def _any(self) -> Tensor:
        if self._packed is not None:
            return self._packed
        if self._padded is not None:
            return self._padded
        assert self._list is not None
        return self._list[0]

    @property
    def packed(self) -> Tensor:  # (total, *D)
        if self._packed is None:
            if self._list is not None:
                self._packed = self._list[0] if len(self._list) == 1 else torch.cat(self._list)
            else:
                assert self._padded is not None
                self._packed = pack(self._padded, self.layout)
        return self._packed

    @property
    def list(self) -> tuple[Tensor, ...]:  # N of (L, *D)
        if self._list is None:
            if self._packed is None and self._padded is not None:
                self._list = tuple(
                    row[:length] for row, length in zip(self._padded, self.layout.lengths, strict=True)
                )
            else:
                self._list = tuple(self.packed.split(self.layout.lengths))
        return self._list

    @property
    def padded(self) -> Tensor:  # (N, max_length, *D)
        if self._padded is None:
            first = self._list[0] if self._list else None
            if first is not None and self._packed is None and all(x is first for x in self._list or ()):
                self._padded = first.expand(len(self.layout), *first.shape)  # one mesh, seen N times
            else:
                self._padded = pad(self.packed, self.layout, self.pad_value)
        return self._padded

    def map(self, function: Callable[[Tensor], Tensor]) -> Ragged:
        """A function of tensors that keeps their shape, such as ``detach``, ``clone`` or ``to``: applied to
        one view, the others follow."""
        layout = self.layout
        if self._packed is not None:
            packed = function(self._packed)
            return Ragged(layout.to(packed.device), packed=packed, pad_value=self.pad_value)
        if self._padded is not None:
            padded = function(self._padded)
            return Ragged(layout.to(padded.device), padded=padded, pad_value=self.pad_value)
        done: dict[int, Tensor] = {}  # a tensor that stands in the list N times stays one tensor
        assert self._list is not None
        for tensor in self._list:
            if id(tensor) not in done:
                done[id(tensor)] = function(tensor)
        tensors = [done[id(tensor)] for tensor in self._list]
        return Ragged(layout.to(tensors[0].device), list=tensors, pad_value=self.pad_value)

    def select(self, indices: Sequence[int], layout: Layout | None = None) -> Ragged:
        """Some of the sequences, sharing their memory."""
        chosen = [self.list[index] for index in indices]
        return Ragged(layout or self.layout.select(indices), list=chosen, pad_value=self.pad_value)

    def repeat(self, times: int, layout: Layout | None = None) -> Ragged:
        """Every sequence ``times`` times in a row (a a b b c c), sharing its memory."""
        repeated = [tensor for tensor in self.list for _ in range(times)]
        return Ragged(layout or self.layout.repeat(times), list=repeated, pad_value=self.pad_value)


def pad(packed: Tensor, layout: Layout, value: float = 0.0) -> Tensor:
    """The padded view (N, max_length, *D) of packed rows."""
    shape = (len(layout), layout.max_length, *packed.shape[1:])
    if layout.dense:
        return packed.reshape(shape)
    flat = packed.new_full((shape[0] * shape[1], *shape[2:]), value)
    return flat.index_copy(0, layout.padded_to_packed_idx, packed).reshape(shape)


def pack(padded: Tensor, layout: Layout) -> Tensor:
    """The packed view (total, *D) of padded rows."""
    flat = padded.flatten(0, 1)
    return flat if layout.dense else flat[layout.padded_to_packed_idx]
