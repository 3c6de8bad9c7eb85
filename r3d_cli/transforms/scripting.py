"""What `torch.jit.script` cannot compile, in forms that it can, for functions that it shall take.

Within a compiled function, and while `torch.jit.trace` records one, arguments are unchecked: PyTorch's own
messages name what does not fit.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_tensor


def check(where: str, name: str, tensor: Tensor, shape: str) -> None:
    """Raise a ValueError unless the tensor holds floats and has the shape; see `check_shape`."""
    if torch.jit.is_scripting():
        return
    if not torch.jit.is_tracing():  # sizes are then tensors, and a trace is to serve any
        check_tensor(where, name, tensor, shape)
        check_dtype(where, name, tensor, "float32", "float64", "float16", "bfloat16")


def check_count(where: str, name: str, count: int) -> None:
    """Raise a ValueError unless this is an int of at least 0; not to be scripted."""
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 0:
        got = count if isinstance(count, int | float) else type(count).__name__
        raise ValueError(f"{where}: {name} must be an integer of at least 0, got {got}")


def values_are_known() -> bool:
    """Whether values may decide what happens next: not while PyTorch records what is done with any values."""
    if torch.jit.is_scripting():
        return True
    return not torch.compiler.is_compiling() and not torch.jit.is_tracing()


def eps(tensor: Tensor) -> float:
    """``torch.finfo(tensor.dtype).eps``."""
    if torch.jit.is_scripting():
        return 2.0 ** -_digits(tensor)
    return torch.finfo(tensor.dtype).eps


def largest_exponent(tensor: Tensor) -> int:
    """The power of two up to which numbers of the tensor's dtype reach: 127 for float32."""
    return (1 << (_exponent_bits(tensor) - 1)) - 1


def written(number: float) -> str:
    """The number in six digits, where Python formats it."""
    if torch.jit.is_scripting():
        return str(number)
    return format(number, "g")


def _digits(tensor: Tensor) -> int:
    """Binary digits behind the point."""
    if tensor.dtype == torch.float64:
        return 52
    if tensor.dtype == torch.float32:
        return 23
    return 10 if tensor.dtype == torch.float16 else 7


def _exponent_bits(tensor: Tensor) -> int:
    if tensor.dtype == torch.float64:
        return 11
    return 5 if tensor.dtype == torch.float16 else 8
