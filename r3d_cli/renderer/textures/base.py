"""What textures of all kinds share: reading and binding their values, indexing, joining, moving.

A texture batch holds values in `Ragged` layouts. ``extend``, indexing and ``submeshes`` make batches whose
elements are the same tensors; sampling stores each of them once (`stored_once`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_shape, dtype_name
from r3d_cli.ops.covered_slots import CoveredSlots
from r3d_cli.structures.indexing import Index, batch_indices
from r3d_cli.structures.ragged import Layout, Ragged

T = TypeVar("T", bound="TexturesBase")

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int64", "int32")
SIZES_OF_NONE = {"D": 3, "R": 1}  # of textures of no meshes: a colour, in one texel


class TexturesBase:
    """A batch of N textures, one a mesh. Immutable but for `bind`: methods return new batches, which share
    memory where values are the same. (PyTorch3D's underscored names may be written to.)"""

    #: False once client code has written rows of other lengths: the meshes hold them against their own again.
    _bound = True

    def __len__(self) -> int:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(N={len(self)}, {self.device})"

    @property
    def device(self) -> torch.device:
        raise NotImplementedError

    def _select(self: T, indices: Sequence[int]) -> T:
        """Some elements, in this order; one may stand in it often."""
        raise NotImplementedError

    def _map(self: T, function: Callable[[Tensor], Tensor]) -> T:
        """A function of tensors that keeps their shapes, applied to all."""
        raise NotImplementedError

    def _join(self: T, textures: Sequence[T]) -> T:
        """The elements of non-empty batches of this kind, one after the other."""
        raise NotImplementedError

    def isempty(self) -> bool:
        """Whether there are no textures at all."""
        return len(self) == 0

    def __getitem__(self: T, index: Index) -> T:
        """The textures that an int, a slice, a list, a tensor of indices or a mask names, as a batch."""
        return self._select(batch_indices(type(self).__name__, index, len(self)))

    def extend(self: T, N: int) -> T:
        """Every texture N times in a row (a a b b), as for N cameras a mesh. Nothing is copied.

        Raises:
            ValueError: N is no positive integer.
        """
        if not isinstance(N, int) or N <= 0:
            raise ValueError(f"{type(self).__name__}.extend: N must be a positive integer, got {N!r}")
        return self._select([index for index in range(len(self)) for _ in range(N)])

    def clone(self: T) -> T:
        """A batch of its own memory, with gradients to this one."""
        return self._map(torch.clone)

    def detach(self: T) -> T:
        """The same values, without gradients."""
        return self._map(torch.Tensor.detach)

    def to(self: T, device: torch.device | str) -> T:
        """This batch on a device; itself where it is there already."""
        return self if torch.device(device) == self.device else self._map(lambda values: values.to(device))

    def cpu(self: T) -> T:
        return self.to("cpu")

    def cuda(self: T) -> T:
        return self.to("cuda")

    def join_batch(self: T, textures: Sequence[T]) -> T:
        """These textures, then those of other batches of the same kind.

        Raises:
            ValueError: Another kind, number of channels, device or way of sampling.
        """
        where = f"{type(self).__name__}.join_batch"
        others = list(textures)
        for other in others:
            if type(other) is not type(self):
                got = type(other).__name__
                raise ValueError(f"{where}: textures must all be {type(self).__name__}, got {got}")
        filled = [batch for batch in (self, *others) if len(batch)]
        if len(filled) < 2:
            return filled[0] if filled else self
        devices = sorted({str(batch.device) for batch in filled})
        if len(devices) > 1:
            raise ValueError(f"{where}: textures are on {' and '.join(devices)}; move them with .to()")
        return filled[0]._join(filled)

    def _rewrite(self, **attributes: Any) -> None:
        """Other values in this very batch, for client code that writes to PyTorch3D's underscored names."""
        self.__dict__.update(attributes)

    def twin(self: T) -> T:
        """Textures of the same values, in the same memory: what is written to one is not written to the
        other."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def _with(self: T, **attributes: Any) -> T:
        new = copy.copy(self)
        new.__dict__.update(attributes)
        return new


class TextureRows:
    """Values (L_n, *D) a mesh: a row a vertex or a row a face.

    Of a padded tensor alone it is not known where its rows end: all count until a mesh is bound.
    """

    def __init__(self, ragged: Ragged, *, ends_known: bool) -> None:
        self.ragged = ragged
        self.ends_known = ends_known

    @classmethod
    def read(
        cls,
        where: str,
        name: str,
        given: Sequence[Tensor] | Tensor,
        shape: str,
        dtypes: tuple[str, ...] = FLOATS,
        **sizes: int,
    ) -> TextureRows:
        """Of a list of N tensors of this shape (a letter is any size, but the same in all), or of one padded
        tensor."""
        if isinstance(given, Tensor):
            check_tensor(where, name, given, f"N {shape}", dtypes, **sizes)
            count, width = given.shape[:2]
            layout = Layout([width] * count, given.device, width)
            return cls(Ragged(layout, padded=given), ends_known=False)
        if not isinstance(given, list | tuple):
            kind = type(given).__name__
            raise ValueError(f"{where}: {name} must be a list of tensors or a padded tensor, got {kind}")
        letters = shape.split()
        for index, values in enumerate(given):
            found = check_tensor(where, f"{name}[{index}]", values, shape, dtypes, **sizes)
            sizes |= {letter: size for letter, size in found.items() if letter != letters[0]}
            if (values.dtype, values.device) != (given[0].dtype, given[0].device):
                raise ValueError(
                    f"{where}: {name}[0] is {dtype_name(given[0])} on {given[0].device}, "
                    f"{name}[{index}] {dtype_name(values)} on {values.device}; they must be alike"
                )
        if not given:
            trailing = [int(size) if size.isdigit() else SIZES_OF_NONE[size] for size in letters[1:]]
            none = torch.zeros(0, *trailing, dtype=getattr(torch, dtypes[0]))
            return cls(Ragged(Layout([]), packed=none), ends_known=True)
        return cls(Ragged.from_list(given), ends_known=True)

    def __len__(self) -> int:
        return len(self.ragged.layout)

    def bind(self, layout: Layout, owner: str, name: str, of: str) -> TextureRows:
        """These rows as those of meshes.

        Args:
            layout: Vertices or faces of the meshes.
            owner: The class of textures, for errors.
            name: What the rows are.
            of: "vertices" or "faces".

        Raises:
            ValueError: Another number of meshes or rows, or another device.
        """
        mine = self.ragged.layout
        if len(mine) != len(layout):
            raise ValueError(
                f"Meshes: textures ({owner}) are for {len(mine)} meshes, but there are {len(layout)}"
            )
        if len(mine) and self.ragged.device != layout.device:
            raise ValueError(
                f"Meshes: textures ({owner}) are on {self.ragged.device}, the meshes on {layout.device}; "
                "move them to one device with .to()"
            )
        if mine.lengths == layout.lengths:
            return TextureRows(self.ragged, ends_known=True)
        if not self.ends_known and mine.max_length == layout.max_length:
            return TextureRows(self._cut(layout), ends_known=True)
        index, rows, wanted = next(
            (index, rows, wanted)
            for index, (rows, wanted) in enumerate(zip(mine.lengths, layout.lengths, strict=True))
            if rows != (wanted if self.ends_known else layout.max_length)
        )
        shape = (rows, *self.ragged.list[index].shape[1:])
        padded = "" if self.ends_known else f" (padded: {layout.max_length})"
        raise ValueError(
            f"Meshes: textures ({owner}) do not fit: {name} of mesh {index} has shape {shape}, "
            f"but the mesh has {wanted} {of}{padded}"
        )

    def _cut(self, layout: Layout) -> Ragged:
        if len({id(rows) for rows in self.ragged.list}) == len(self):
            return Ragged(layout, padded=self.ragged.padded, pad_value=self.ragged.pad_value)
        cuts: dict[tuple[int, int], Tensor] = {}  # a tensor that stands in the batch N times stays one
        keys = [(id(rows), length) for rows, length in zip(self.ragged.list, layout.lengths, strict=True)]
        for key, rows in zip(keys, self.ragged.list, strict=True):
            cuts.setdefault(key, rows[: key[1]])
        return Ragged(layout, list=[cuts[key] for key in keys], pad_value=self.ragged.pad_value)

    def select(self, indices: Sequence[int]) -> TextureRows:
        if not indices:
            none = self.ragged.packed[:0]
            return TextureRows(Ragged(Layout([], none.device), packed=none), ends_known=True)
        return TextureRows(self.ragged.select(indices), ends_known=self.ends_known)

    def map(self, function: Callable[[Tensor], Tensor]) -> TextureRows:
        return TextureRows(self.ragged.map(function), ends_known=self.ends_known)

    def pick(self, ids: Sequence[Sequence[Tensor]]) -> TextureRows:
        """Rows of submeshes: of element n, one new element for each tensor of row ids in ids[n]."""
        chosen = [
            rows[ids_of_submesh.to(rows.device)]
            for rows, of_element in zip(self.ragged.list, ids, strict=True)
            for ids_of_submesh in of_element
        ]
        return TextureRows(Ragged.from_list(chosen), ends_known=True) if chosen else self.select([])

    @staticmethod
    def join(where: str, name: str, batches: Sequence[TextureRows]) -> TextureRows:
        """The elements of non-empty batches, one after the other."""
        tensors = [rows for batch in batches for rows in batch.ragged.list]
        for rows in tensors:
            if rows.shape[1:] != tensors[0].shape[1:]:
                raise ValueError(
                    f"{where}: {name} differ in shape beyond the rows: "
                    f"{tuple(tensors[0].shape)} and {tuple(rows.shape)}"
                )
        return TextureRows(Ragged.from_list(tensors), ends_known=all(batch.ends_known for batch in batches))

    def as_scene(self) -> TextureRows:
        """All elements as one."""
        return TextureRows(self.ragged.as_one(), ends_known=True)


def check_tensor(
    where: str, name: str, values: Any, shape: str, dtypes: tuple[str, ...], **sizes: int
) -> dict[str, int]:
    """Raise a ValueError unless a value is a tensor of this shape and one of these dtypes; its sizes."""
    found = check_shape(where, name, values, shape, **sizes)
    if not isinstance(values, Tensor):
        raise ValueError(f"{where}: {name} must be a torch.Tensor, got {type(values).__name__}")
    check_dtype(where, name, values, *dtypes)
    return found


def stored_once(*batches: Ragged) -> tuple[list[Ragged], Tensor | None]:
    """Batches whose elements belong together, with those that are the same tensors in all of them left once.

    Returns:
        The smaller batches, and what to add to packed ids of the first batch's element n to find its rows
        there, (N,) int64; None where nothing is shared and packed ids need no change.
    """
    if not all(batch.repeats for batch in batches):
        return list(batches), None
    elements = list(zip(*(batch.list for batch in batches), strict=True))
    keys = [tuple(id(rows) for rows in element) for element in elements]
    places: dict[tuple[int, ...], int] = {}
    for key in keys:
        places.setdefault(key, len(places))
    if len(places) == len(keys):
        return list(batches), None
    chosen = [keys.index(key) for key in places]
    once = [batch.select(chosen) for batch in batches]
    offsets = once[0].layout.offsets
    firsts = batches[0].layout.offsets[:-1]
    shift = [offsets[places[key]] - first for key, first in zip(keys, firsts, strict=True)]
    return once, torch.tensor(shift, device=batches[0].device)


def check_images(where: str, slots: CoveredSlots, count: int) -> None:
    """Raise a ValueError unless the fragments hold an image for each texture."""
    if slots.shape[0] != count:
        shape = tuple(slots.shape)
        raise ValueError(
            f"{where}: pix_to_face must have shape (N, H, W, K) with N = {count} textures, got {shape}"
        )
