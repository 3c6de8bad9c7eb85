"""Between the packed and the padded view of a ragged batch, on raw arrays: the launcher below the library's
``packed_to_padded`` and ``padded_to_packed``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from r3d_cli.backend.launch import Device
from r3d_cli.backend.run import Run
from r3d_cli.checks import check_dtype, dtype_name

#: Rows are copied, never computed with: integers travel as the reals of their size.
_REALS = {"float32": "float32", "float64": "float64", "int32": "float32", "int64": "float64"}


def packed_to_padded_fwd(
    packed: Any,  # (R, ...) float32, float64, int32 or int64
    first_idxs: Any,  # (N,) int64
    max_size: int,
    pad_value: float = 0.0,
    *,
    device: Device | None = None,
) -> Any:  # (N, max_size, ...)
    """Pad each element of a ragged batch to ``max_size`` rows.

    Args:
        packed: The rows of all elements.
        first_idxs: Where each begins, ascending; it ends where the next begins, the last at R.
        max_size: Rows of each in the padded view.
        pad_value: What the rows past an element's end hold.
        device: Where to run; by default where the arrays are. NumPy arrays run on the CPU schedule.

    Raises:
        ValueError: ``first_idxs`` or ``max_size`` do not fit; looked at on the CPU only.

    Example:
        >>> packed_to_padded_fwd(np.arange(3), np.array([0, 2]), 2, -1).tolist()
        [[0, 1], [2, -1]]
    """
    where = "packed_to_padded"
    check_dtype(where, "inputs", packed, *_REALS)
    shape = len(first_idxs), max_size, *packed.shape[1:]
    run, padded = _run(packed, shape, device)
    rows = {"num_rows": len(packed), "max_size": max_size, "first_idxs": first_idxs}
    bits = _bits(where, pad_value, dtype_name(packed))
    misfit = _start(run, "packed_to_padded_fwd", packed, padded, rows, math.prod(shape), bits)
    if misfit >= 0:
        raise _misfit(where, first_idxs, len(packed), max_size)
    return padded


def packed_to_padded_bwd(
    padded: Any,  # (N, max_size, ...) float32, float64, int32 or int64
    first_idxs: Any,  # (N,) int64
    num_rows: int,
    *,
    device: Device | None = None,
) -> Any:  # (num_rows, ...)
    """The rows of all elements, without the padding: the gradient of the forward, and its inverse.

    Args:
        padded: Each element's rows, then its padding.
        first_idxs: As in the forward. Packed rows before the first element's are zero.
        num_rows: Rows of the packed view.
        device: Where to run; by default where the arrays are. NumPy arrays run on the CPU schedule.

    Raises:
        ValueError: ``first_idxs`` or ``num_rows`` do not fit; looked at on the CPU only.

    Example:
        >>> packed_to_padded_bwd(np.array([[0, 1], [2, -1]]), np.array([0, 2]), 3).tolist()
        [0, 1, 2]
    """
    where = "padded_to_packed"
    check_dtype(where, "inputs", padded, *_REALS)
    max_size, shape = padded.shape[1], (num_rows, *padded.shape[2:])
    run, packed = _run(padded, shape, device)
    rows = {"num_rows": num_rows, "max_size": max_size, "first_idxs": first_idxs}
    if _start(run, "packed_to_padded_bwd", packed, padded, rows, math.prod(shape), 0) >= 0:
        raise _misfit(where, first_idxs, num_rows, max_size)
    return packed


def _run(inputs: Any, shape: tuple[int, ...], device: Device | None) -> tuple[Run, Any]:
    """A run on words of the inputs' size, and the result."""
    name = dtype_name(inputs)
    run = Run("packed_to_padded", inputs, device, _REALS[name])
    return run, run.empty(*shape, dtype=name)


def _start(
    run: Run, name: str, packed: Any, padded: Any, rows: dict[str, Any], size: int, pad_bits: int
) -> int:
    packed, padded = run.arrays.view(packed, run.real), run.arrays.view(padded, run.real)
    width = math.prod(packed.shape[1:])
    given = {"rows": rows, "width": width, "pad_bits": pad_bits, "packed": packed, "padded": padded}
    return run.start(name, size, **given)


def _bits(where: str, value: float, name: str) -> int:
    """The word that holds a value of a dtype, as an integer of the word's size."""
    integer = name.startswith("int")
    try:
        word = np.array(int(value) if integer else value, name)
    except (OverflowError, ValueError):  # too large, or NaN for an integer
        word = np.array(0, name)
    if integer and word != value:
        raise ValueError(f"{where}: pad_value must be {name}, got {value}")
    return word.view(f"int{8 * word.itemsize}").item()


def _misfit(where: str, first_idxs: Any, num_rows: int, max_size: int) -> ValueError:
    """Why the kernel refused the layout."""
    first = first_idxs.tolist()
    sizes = [end - begin for begin, end in pairwise([*first, num_rows])]
    if first[0] < 0 or min(sizes) < 0:
        shown = first if len(first) <= 8 else f"{first[:4]} ... {first[-1]}"
        return ValueError(f"{where}: first_idxs must ascend within [0, {num_rows}], got {shown}")
    longest = int(np.argmax(sizes))
    return ValueError(
        f"{where}: element {longest} has {sizes[longest]} rows, more than max_size = {max_size}"
    )
