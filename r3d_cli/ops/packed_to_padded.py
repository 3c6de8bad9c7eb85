"""Between the packed and the padded view of a ragged batch; the gradient of one is the other."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.ops.bridge import prepare

_DTYPES = ("float32", "float64", "int32", "int64")


def packed_to_padded(
    inputs: Tensor,  # (R, ...)
    first_idxs: Tensor,  # (N,) int64
    max_size: int,
    pad_value: float = 0.0,
) -> Tensor:  # (N, max_size, ...)
    """The padded view of packed rows.

    Args:
        inputs: (R, ...) the rows of all elements of a batch, one element after the other; float32, float64,
            int32 or int64.
        first_idxs: (N,) the row with which each element begins, ascending; it ends where the next begins, the
            last at R. Rows before the first element's belong to none.
        max_size: Rows of each element in the padded view: at least the longest element's.
        pad_value: What rows past an element's end hold.

    Returns:
        (N, max_size, ...) of the inputs' dtype; differentiable with respect to ``inputs``.

    Raises:
        ValueError: A wrong shape or dtype; on the CPU also ``first_idxs`` that do not ascend within [0, R]
            and an element with more than ``max_size`` rows. A GPU would have to be waited for: there, rows
            beyond ``max_size`` are left out.

    Example:
        >>> packed_to_padded(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 2]), 2).tolist()
        [[1.0, 2.0], [3.0, 0.0]]
    """
    inputs, first_idxs = prepare("packed_to_padded", inputs=inputs, first_idxs=first_idxs)
    check_shape("packed_to_padded", "inputs", inputs, "R ...")
    _check("packed_to_padded", inputs, first_idxs, len(inputs), max_size)
    ends = torch.cat([first_idxs[1:], first_idxs.new_full((1,), len(inputs))])
    slots = torch.arange(max_size, device=inputs.device)
    rows = first_idxs[:, None] + slots  # (N, max_size)
    inside = rows < ends[: len(first_idxs), None]
    padded = inputs.new_full((*inside.shape, *inputs.shape[1:]), pad_value)
    return padded.index_put((inside,), inputs[rows[inside]])


def padded_to_packed(
    inputs: Tensor,  # (N, max_size, ...)
    first_idxs: Tensor,  # (N,) int64
    num_inputs: int,
    max_size_dim: int = 1,
) -> Tensor:  # (num_inputs, ...)
    """The packed view of padded rows.

    Args:
        inputs: (N, max_size, ...), or with the rows in another dimension than the second; float32, float64,
            int32 or int64.
        first_idxs: (N,) the packed row with which each element begins, ascending; it ends where the next
            begins, the last at ``num_inputs``. Packed rows before the first element's are zero.
        num_inputs: Rows of the packed view.
        max_size_dim: The dimension of ``inputs`` that holds the rows.

    Returns:
        (num_inputs, ...) of the inputs' dtype; differentiable with respect to ``inputs``.

    Raises:
        ValueError: As `packed_to_padded`; on a GPU, rows beyond ``max_size`` are zero.

    Example:
        >>> padded_to_packed(torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([0, 2]), 3).tolist()
        [1.0, 2.0, 3.0]
    """
    inputs, first_idxs = prepare("padded_to_packed", inputs=inputs, first_idxs=first_idxs)
    check_shape("padded_to_packed", "inputs", inputs, "N max_size ...", N=len(first_idxs))
    if not -inputs.dim() < max_size_dim < inputs.dim() or max_size_dim % inputs.dim() == 0:
        raise ValueError(
            f"padded_to_packed: max_size_dim must name a dimension after the batch's, of "
            f"{tuple(inputs.shape)}, got {max_size_dim}"
        )
    inputs = inputs.movedim(max_size_dim, 1)
    _check("padded_to_packed", inputs, first_idxs, num_inputs, inputs.shape[1])
    ids = torch.arange(num_inputs, device=inputs.device)
    batch = torch.searchsorted(first_idxs, ids, right=True) - 1
    owned = batch >= 0
    batch, ids = batch[owned], ids[owned]
    packed = inputs.new_zeros((num_inputs, *inputs.shape[2:]))
    return packed.index_put((owned,), inputs[batch, ids - first_idxs[batch]])


def _check(where: str, inputs: Tensor, first_idxs: Tensor, num_rows: int, max_size: int) -> None:
    check_dtype(where, "inputs", inputs, *_DTYPES)
    check_shape(where, "first_idxs", first_idxs, "N")
    check_dtype(where, "first_idxs", first_idxs, "int64")
    if max_size < 0:
        raise ValueError(f"{where}: max_size must be at least 0, got {max_size}")
    if num_rows < 0:
        raise ValueError(f"{where}: num_inputs must be at least 0, got {num_rows}")
    first = first_idxs.tolist()
    sizes = [end - begin for begin, end in itertools.pairwise([*first, num_rows])]
    if first and (first[0] < 0 or min(sizes) < 0):
        raise ValueError(f"{where}: first_idxs must ascend within [0, {num_rows}], got {first}")
    for element, size in enumerate(sizes):
        if size > max_size:
            raise ValueError(f"{where}: element {element} has {size} rows, more than max_size = {max_size}")
