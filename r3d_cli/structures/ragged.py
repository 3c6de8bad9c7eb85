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
from itertools import accumulate
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling as is_compiling

from r3d_cli.kept import kept
from r3d_cli.ops.packed_to_padded import packed_to_padded, padded_to_packed

T = TypeVar("T")

#: The version of values that ``torch.compile`` traces.
TRACED = -1


class lasting(kept[T]):
    """A kept property of index tensors, which serve every mode of autograd whatever mode they are first asked
    for in: made under ``torch.inference_mode`` they could not be used in training later."""

    def made(self, owner: Any) -> T:
        if is_compiling():
            return self.compute(owner)
        with torch.inference_mode(False):
            return self.compute(owner)


def still_serves(view: Tensor, source: Tensor) -> bool:
    """Whether a cached view can be used again: one made under ``torch.no_grad`` carries no gradients to its
    source, so that outside it has to be made anew."""
    if not torch.is_grad_enabled():
        return True
    if is_compiling():  # a trace knows no inference mode
        return view.requires_grad == source.requires_grad
    return view.requires_grad == source.requires_grad and view.is_inference() <= source.is_inference()


def same_device(device: torch.device | str | int) -> torch.device:
    """A device as tensors name it: "cuda" is the current one, "cuda:0"."""
    named = torch.device(device)
    if named.type == "cuda" and named.index is None and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return named


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
        self.max_length = max((0, *self.lengths)) if max_length is None else max_length
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

    @lasting
    def num_per_batch(self) -> Tensor:  # (N,) int64
        return torch.tensor(self.lengths, dtype=torch.int64, device=self.device)

    @lasting
    def first_idx(self) -> Tensor:  # (N,) int64
        """The packed row with which each sequence begins."""
        return torch.tensor(self.offsets[:-1], dtype=torch.int64, device=self.device)

    @lasting
    def bounds(self) -> Tensor:  # (N + 1,) int64
        """The packed row with which each sequence begins, and the end of the last: what kernels take."""
        return torch.tensor(self.offsets, dtype=torch.int64, device=self.device)

    @lasting
    def packed_to_batch_idx(self) -> Tensor:  # (total,) int64
        """The sequence that each packed row belongs to."""
        batch = torch.arange(len(self), device=self.device)
        return batch.repeat_interleave(self.num_per_batch, output_size=self.total)

    @lasting
    def padded_to_packed_idx(self) -> Tensor:  # (total,) int64
        """The row of each packed row in the padded view, flattened to (N * max_length, D)."""
        if self.dense:
            return torch.arange(self.total, device=self.device)
        gaps = torch.arange(len(self), device=self.device) * self.max_length - self.first_idx
        return torch.arange(self.total, device=self.device) + gaps[self.packed_to_batch_idx]

    def to(self, device: torch.device | str) -> Layout:
        device = same_device(device)
        return self if device == self.device else Layout(self.lengths, device, self.max_length)

    def select(self, indices: Sequence[int]) -> Layout:
        return Layout([self.lengths[index] for index in indices], self.device)

    def repeat(self, times: int) -> Layout:
        """Every sequence ``times`` times in a row: a a b b c c."""
        return Layout([length for length in self.lengths for _ in range(times)], self.device)

    def as_one(self) -> Layout:
        """All rows as those of one sequence."""
        return Layout([self.total], self.device)


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
        given = {"packed": packed, "list": None if list is None else tuple(list), "padded": padded}
        self._views: dict[str, Any] = {name: view for name, view in given.items() if view is not None}
        (self._given,) = self._views
        self._version = self.version

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
        return self._source.device

    @property
    def dtype(self) -> torch.dtype:
        return self._source.dtype

    @property
    def requires_grad(self) -> bool:
        return self._source.requires_grad

    @property
    def version(self) -> int:
        """Another number once somebody, an optimizer say, has written into the tensors that were given; in a
        trace, where nobody can count writes, always the same."""
        if is_compiling():
            return TRACED
        return sum(0 if tensor.is_inference() else tensor._version for tensor in self._sources)

    @property
    def from_outside(self) -> bool:
        """Whether a trace looks at values from outside of it: whether what is kept of them is up to date it
        cannot tell."""
        return is_compiling() and self._version != TRACED

    @property
    def _sources(self) -> tuple[Tensor, ...]:
        """The tensors that were given."""
        given = self._views[self._given]
        return given if self._given == "list" else (given,)

    @property
    def _source(self) -> Tensor:
        """A tensor that was given: it has the device and the dtype of all, and gradients if any has."""
        sources = self._sources
        return next((tensor for tensor in sources if tensor.requires_grad), sources[0])

    def _view(self, name: str, make: Callable[[], Any]) -> Any:
        """A view, made where it was not given and is not there from before."""
        if name == self._given:
            return self._views[name]
        if self.from_outside:
            return make()
        if (version := self.version) != self._version:
            self._views, self._version = {self._given: self._views[self._given]}, version
        view = self._views.get(name)
        if view is None or not still_serves(view if isinstance(view, Tensor) else view[0], self._source):
            view = self._views[name] = make()
        return view

    def kept(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """What follows from the values alone: made once, and again where somebody has written into them."""
        return self._view(name, make)

    @property
    def packed(self) -> Tensor:  # (total, *D)
        return self._view("packed", self._make_packed)

    def packed_anew(self) -> Tensor:  # (total, *D)
        """``packed``, but where it is a copy that carries gradients, a new one each time: a backward pass
        frees what its graph has saved, and of textures made once there may be many passes."""
        shares_memory = self._given == "packed" or (self._given == "padded" and self.layout.dense)
        if shares_memory or not self._source.requires_grad:
            return self.packed
        return self.list[0] if len(self.list) == 1 else torch.cat(self.list)

    @property
    def list(self) -> tuple[Tensor, ...]:  # N of (L, *D)
        return self._view("list", self._make_list) if len(self.layout) else ()

    @property
    def padded(self) -> Tensor:  # (N, max_length, *D)
        return self._view("padded", self._make_padded)

    def _make_packed(self) -> Tensor:
        if self._given == "padded":
            return pack(self.padded, self.layout)
        return self.list[0] if len(self.list) == 1 else torch.cat(self.list)

    def _make_list(self) -> tuple[Tensor, ...]:
        if self._given == "padded":
            rows = zip(self.padded, self.layout.lengths, strict=True)
            return tuple(row[:length] for row, length in rows)
        return self.packed.split(self.layout.lengths)

    def _make_padded(self) -> Tensor:
        if self.layout.dense and self.repeats == len(self.layout) - 1:
            return self.list[0].expand(len(self.layout), *self.list[0].shape)
        return pad(self.packed, self.layout, self.pad_value)

    @property
    def repeats(self) -> int:
        """How many of a list's tensors stand in it already, as those of a mesh seen from many cameras."""
        if self._given != "list":
            return 0
        return len(self.list) - len({id(tensor) for tensor in self.list})

    def __getstate__(self) -> dict[str, Any]:
        """Pickles and deep copies hold what was given: views follow from it."""
        given = self._views[self._given]
        return {**self.__dict__, "_views": {self._given: _owned(given) if self._given == "list" else given}}

    def map(self, function: Callable[[Tensor], Tensor]) -> Ragged:
        """A function of tensors that keeps their shape, such as ``detach``, ``clone`` or ``to``: applied to
        one view, the others follow."""
        if self._given == "padded":
            return self._like(padded=function(self.padded))
        if not self.repeats:
            return self._like(packed=function(self.packed))
        done = {id(tensor): tensor for tensor in self.list}
        done = {key: function(tensor) for key, tensor in done.items()}
        return self._like(list=[done[id(tensor)] for tensor in self.list])

    def clone(self) -> Ragged:
        return self.map(torch.clone)

    def detach(self) -> Ragged:
        return self.map(torch.detach)

    def to(self, device: torch.device | str) -> Ragged:
        return self.map(lambda tensor: tensor.to(device))

    def _like(self, **view: Any) -> Ragged:
        new = Ragged(self.layout, **view, pad_value=self.pad_value)
        new.layout = self.layout.to(new.device)
        return new

    def select(self, indices: Sequence[int], layout: Layout | None = None) -> Ragged:
        """Some of the sequences, sharing their memory."""
        layout = layout or self.layout.select(indices)
        if not len(layout):
            none = self.list[0][:0] if len(self.layout) else self.packed
            return Ragged(layout, packed=none, pad_value=self.pad_value)
        return Ragged(layout, list=[self.list[index] for index in indices], pad_value=self.pad_value)

    def select_copies(self, indices: Sequence[int], layout: Layout | None = None) -> Ragged:
        """Some of the sequences, copied once."""
        chosen = self.select(indices, layout)
        packed = torch.cat(chosen.list) if len(chosen.layout) else chosen.packed
        return Ragged(chosen.layout, packed=packed, pad_value=self.pad_value)

    def repeat(self, times: int, layout: Layout | None = None) -> Ragged:
        """Every sequence ``times`` times in a row (a a b b c c), sharing its memory."""
        return self.select([i for i in range(len(self.layout)) for _ in range(times)], layout)

    def as_one(self, layout: Layout | None = None) -> Ragged:
        """All rows as those of one sequence."""
        return Ragged(layout or self.layout.as_one(), packed=self.packed, pad_value=self.pad_value)


def _owned(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Tensors without the rest of the memory that they are slices of, which a pickle would hold for each."""
    owned = {
        id(x): x.detach().clone().requires_grad_(x.requires_grad)
        if x.untyped_storage().nbytes() > x.nbytes
        else x
        for x in tensors
    }
    return tuple(owned[id(tensor)] for tensor in tensors)


def pad(packed: Tensor, layout: Layout, value: float = 0.0) -> Tensor:
    """The padded view (N, max_length, *D) of packed rows."""
    shape = (len(layout), layout.max_length, *packed.shape[1:])
    if layout.dense:
        return packed.reshape(shape)
    if _has_kernel(packed):
        return packed_to_padded(packed, layout.first_idx, layout.max_length, value)
    flat = packed.new_full((shape[0] * shape[1], *shape[2:]), value)
    return flat.index_copy(0, layout.padded_to_packed_idx, packed).reshape(shape)


def pack(padded: Tensor, layout: Layout) -> Tensor:
    """The packed view (total, *D) of padded rows."""
    if layout.dense:
        return padded.flatten(0, 1)
    if _has_kernel(padded):
        return padded_to_packed(padded, layout.first_idx, layout.total)
    return padded.flatten(0, 1)[layout.padded_to_packed_idx]


def _has_kernel(rows: Tensor) -> bool:
    """Whether the kernels between packed and padded rows take these; others take PyTorch's gathers."""
    return rows.device.type in ("cpu", "cuda") and rows.dtype in (
        torch.float32,
        torch.float64,
        torch.int32,
        torch.int64,
    )
