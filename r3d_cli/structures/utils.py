"""Conversions between lists, packed and padded tensors, for values that belong to no structure."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.structures.ragged import Layout, Ragged, pack


def list_to_padded(
    x: Sequence[Tensor],
    pad_size: Sequence[int] | None = None,
    pad_value: float = 0.0,
    equisized: bool = False,
) -> Tensor:
    """Tensors of different sizes as one, padded at the end of every dimension.

    Args:
        x: N >= 1 tensors (S_i0, S_i1, ...) of as many dimensions; an empty one-dimensional tensor stands for
            one without rows.
        pad_size: Sizes to pad to; None for the largest of each dimension.
        pad_value: What fills the rest.
        equisized: All tensors have one shape: they are stacked, unchecked.

    Returns:
        (N, *pad_size).

    Raises:
        ValueError: Not tensors, of different numbers of dimensions, or larger than pad_size.

    Example:
        >>> list_to_padded([torch.ones(2), torch.ones(3)]).tolist()
        [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    tensors = _tensors("list_to_padded", x)
    if equisized:
        return torch.stack(tensors)
    dims = max(tensor.dim() for tensor in tensors)
    tensors = [t.new_zeros((0,) * dims) if t.shape == (0,) else t for t in tensors]
    if any(tensor.dim() != dims for tensor in tensors):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise ValueError(f"list_to_padded: x must have as many dimensions everywhere, got {shapes}")
    largest = [max(tensor.shape[dim] for tensor in tensors) for dim in range(dims)]
    sizes = largest if pad_size is None else [int(size) for size in pad_size]
    if len(sizes) != dims or any(size < most for size, most in zip(sizes, largest, strict=True)):
        raise ValueError(
            f"list_to_padded: pad_size must have {dims} sizes, at least {tuple(largest)}, got {tuple(sizes)}"
        )
    if all(list(tensor.shape[1:]) in (sizes[1:], [0] * (dims - 1)) for tensor in tensors):
        layout = Layout([len(tensor) for tensor in tensors], tensors[0].device, sizes[0])
        rows = [tensor.reshape(len(tensor), *sizes[1:]) for tensor in tensors]
        return Ragged(layout, list=rows, pad_value=pad_value).padded
    padded = tensors[0].new_full((len(tensors), *sizes), pad_value)
    for row, tensor in zip(padded, tensors, strict=True):
        row[tuple(slice(size) for size in tensor.shape)] = tensor
    return padded


def padded_to_list(
    x: Tensor,  # (N, S_0, S_1, ...)
    split_size: Sequence[int] | Sequence[Sequence[int]] | None = None,
) -> list[Tensor]:
    """The parts of a padded tensor that are no padding.

    Args:
        x: Padded tensor.
        split_size: For each of the N, its rows, or its sizes along the first dimensions; None keeps all.

    Returns:
        N tensors that share the memory of x.

    Raises:
        ValueError: split_size has another length than x.

    Example:
        >>> [part.tolist() for part in padded_to_list(torch.tensor([[1, 2], [3, 0]]), [2, 1])]
        [[1, 2], [3]]
    """
    if split_size is None:
        return list(x.unbind(0))
    if len(split_size) != len(x):
        raise ValueError(f"padded_to_list: split_size must have {len(x)} entries, got {len(split_size)}")
    sizes = [(size,) if isinstance(size, int) else tuple(size) for size in split_size]
    return [part[tuple(slice(s) for s in size)] for part, size in zip(x.unbind(0), sizes, strict=True)]


def list_to_packed(x: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tensors of different lengths as one.

    Args:
        x: N >= 1 tensors (M_i, ...).

    Returns:
        All rows (sum M_i, ...); the number of rows (N,); the row with which each tensor begins (N,); the
        tensor that each row is of (sum M_i,). The last three are int64.

    Raises:
        ValueError: No tensors, or of rows of different shapes.

    Example:
        >>> packed, count, first, index = list_to_packed([torch.ones(2, 1), torch.zeros(1, 1)])
        >>> packed.shape, count.tolist(), first.tolist(), index.tolist()
        (torch.Size([3, 1]), [2, 1], [0, 2], [0, 0, 1])
    """
    tensors = _tensors("list_to_packed", x)
    if any(tensor.dim() == 0 or tensor.shape[1:] != tensors[0].shape[1:] for tensor in tensors):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise ValueError(f"list_to_packed: x must have rows of one shape, got {shapes}")
    layout = Layout([len(tensor) for tensor in tensors], tensors[0].device)
    return torch.cat(tensors), layout.num_per_batch, layout.first_idx, layout.packed_to_batch_idx


def packed_to_list(x: Tensor, split_size: Sequence[int] | int) -> list[Tensor]:
    """The tensors of a packed one (sum M_i, ...), which share its memory.

    Args:
        x: Packed tensor.
        split_size: The rows M_i of each, or one number for all.

    Raises:
        ValueError: The sizes do not sum to the rows of x.

    Example:
        >>> [part.tolist() for part in packed_to_list(torch.tensor([1, 2, 3]), [2, 1])]
        [[1, 2], [3]]
    """
    if isinstance(split_size, int):
        return list(x.split(split_size))
    sizes = [int(size) for size in split_size]
    if sum(sizes) != len(x):
        raise ValueError(f"packed_to_list: split_size sums to {sum(sizes)}, x has {len(x)} rows")
    return list(x.split(sizes)) if sizes else []


def padded_to_packed(
    x: Tensor,  # (N, M, K)
    split_size: Sequence[int] | None = None,
    pad_value: float | None = None,
) -> Tensor:
    """The rows of a padded tensor that are no padding, one after the other.

    Args:
        x: Padded tensor.
        split_size: The rows of each; not with pad_value.
        pad_value: Rows that hold this and nothing else are padding. With neither, nothing is.

    Returns:
        (rows, K).

    Raises:
        ValueError: x of another shape, both of split_size and pad_value, or split_size of another length.

    Example:
        >>> padded_to_packed(torch.tensor([[[1], [2]], [[3], [0]]]), [2, 1]).tolist()
        [[1], [2], [3]]
    """
    check_shape("padded_to_packed", "x", x, "N M K")
    if split_size is not None and pad_value is not None:
        raise ValueError("padded_to_packed: takes split_size or pad_value, got both")
    flat = x.flatten(0, 1)
    if pad_value is not None:
        return flat[(flat != pad_value).any(1)]
    if split_size is None:
        return flat
    if len(split_size) != len(x):
        raise ValueError(f"padded_to_packed: split_size must have {len(x)} entries, got {len(split_size)}")
    return pack(x, Layout(split_size, x.device, x.shape[1]))


def _tensors(where: str, x: Sequence[Tensor]) -> list[Tensor]:
    if len(x) == 0:
        raise ValueError(f"{where}: x must hold at least one tensor, got none")
    for i, tensor in enumerate(x):
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{where}: x[{i}] must be a tensor, got {type(tensor).__name__}")
    return list(x)
