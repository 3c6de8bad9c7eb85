"""What ``batch[index]`` names, for every batch of the library."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

from torch import Tensor

from r3d_cli.checks import check_shape

Index = SupportsIndex | slice | Sequence[int] | Sequence[bool] | Tensor


def batch_indices(where: str, index: Index, size: int) -> list[int]:
    """The elements of a batch that an index names, in its order.

    Args:
        where: The class of the batch, for errors.
        index: An int, a slice, a list or a 1-D tensor of ints (negative ones count from the end), or a list
            or a tensor of ``size`` bools.
        size: Elements of the batch.

    Raises:
        IndexError: It names an element that the batch lacks, or is no index.
        ValueError: It is a tensor of another shape.

    Example:
        >>> batch_indices("Meshes", -1, 3), batch_indices("Meshes", [True, False, True], 3)
        ([2], [0, 2])
    """
    if isinstance(index, slice):
        return list(range(size)[index])
    if isinstance(index, Tensor) and (index.is_floating_point() or index.is_complex()):
        raise IndexError(f"{where}: an index is an int, a slice, a list or a mask, got {index.dtype}")
    if isinstance(index, Tensor) and index.ndim > 0:
        check_shape(where, "index", index, "B")
        index = index.tolist()
    if isinstance(index, list | tuple | range):
        if index and all(isinstance(chosen, bool) for chosen in index):
            if len(index) != size:
                raise IndexError(f"{where}: a mask of {len(index)} does not fit a batch of {size}")
            return [position for position, chosen in enumerate(index) if chosen]
        return [_position(where, chosen, size) for chosen in index]
    return [_position(where, index, size)]


def _position(where: str, index: object, size: int) -> int:
    try:
        position = operator.index(index)  # type: ignore[arg-type]
    except TypeError:
        kind = type(index).__name__
        raise IndexError(f"{where}: an index is an int, a slice, a list or a mask, got {kind}") from None
    if not -size <= position < size:
        raise IndexError(f"{where}: index {position} is outside a batch of {size}")
    return position % size
