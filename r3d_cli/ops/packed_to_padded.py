"""Between the packed and the padded view of a ragged batch; the gradient of one is the other."""

from __future__ import annotations

from torch import Tensor

from r3d_cli.backend import packed_to_padded as backend
from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare


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
        >>> import torch
        >>> packed_to_padded(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 2]), 2).tolist()
        [[1.0, 2.0], [3.0, 0.0]]
    """
    inputs, first_idxs = prepare("packed_to_padded", inputs=inputs, first_idxs=first_idxs)
    check_shape("packed_to_padded", "inputs", inputs, "R ...")
    _check("packed_to_padded", inputs, first_idxs, len(inputs), max_size)
    return _fwd(inputs, first_idxs, max_size, pad_value)


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
        >>> import torch
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
    _check("padded_to_packed", inputs, first_idxs, num_inputs, inputs.shape[max_size_dim])
    return _bwd(inputs.movedim(max_size_dim, 1), first_idxs, num_inputs)


def _check(where: str, inputs: Tensor, first_idxs: Tensor, num_rows: int, max_size: int) -> None:
    check_dtype(where, "inputs", inputs, "float32", "float64", "int32", "int64")
    check_shape(where, "first_idxs", first_idxs, "N")
    check_dtype(where, "first_idxs", first_idxs, "int64")
    for name, count in (("max_size", max_size), ("num_inputs", num_rows)):
        if isinstance(count, float):
            raise ValueError(f"{where}: {name} must be an integer, got {count}")
        if count < 0:
            raise ValueError(f"{where}: {name} must be at least 0, got {count}")


# -- The ops: the gradient of each is the other


def _fake_fwd(inputs: Tensor, first_idxs: Tensor, max_size: int, pad_value: float) -> Tensor:
    return inputs.new_empty((len(first_idxs), max_size, *inputs.shape[1:]))


def _fake_bwd(inputs: Tensor, first_idxs: Tensor, num_inputs: int) -> Tensor:
    return inputs.new_empty((num_inputs, *inputs.shape[2:]))


_fwd: Op = declare(
    "packed_to_padded_fwd(inputs: tensor, first_idxs: int64 (N,), max_size: int, pad_value: scalar)"
    " -> out: tensor",
    backend.packed_to_padded_fwd,
    {"inputs": lambda inputs, first_idxs, grad_out: _bwd(grad_out, first_idxs, inputs.shape[0])},
    fake=_fake_fwd,
)
_bwd: Op = declare(
    "packed_to_padded_bwd(inputs: tensor, first_idxs: int64 (N,), num_inputs: int) -> out: tensor",
    backend.packed_to_padded_bwd,
    {"inputs": lambda inputs, first_idxs, grad_out: _fwd(grad_out, first_idxs, inputs.shape[1], 0.0)},
    fake=_fake_bwd,
)
