"""Where an array of NumPy, CuPy or PyTorch lies, read without importing any of them but NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from r3d_cli.backend.cpu import native

#: ("cpu", 0), ("cuda", 1), …
Place = tuple[str, int]
#: Address, dtype, C-contiguity and place of an array.
Description = tuple[int, Any, bool, Place]
_CPU: Place = ("cpu", 0)
_DTYPES: dict[Any, Any] = {}  # PyTorch's -> NumPy's
_PLACES: dict[Any, Place] = {}  # torch.device -> ours


def _describe_numpy(array: Any) -> Description:
    # A tenth of the time of array.__array_interface__.
    return native().address(array), array.dtype, array.flags.c_contiguous, _CPU


def _describe_cupy(array: Any) -> Description:
    data = array.data
    return data.ptr, array.dtype, array.flags.c_contiguous, ("cuda", data.device_id)


def _describe_torch(tensor: Any) -> Description:
    dtype, device = tensor.dtype, tensor.device
    if dtype not in _DTYPES:
        try:
            _DTYPES[dtype] = np.dtype(str(dtype).removeprefix("torch."))
        except TypeError:  # bfloat16 and others that NumPy lacks match no parameter
            _DTYPES[dtype] = str(dtype)
    if device not in _PLACES:
        _PLACES[device] = (device.type, device.index or 0)
    return tensor.data_ptr(), _DTYPES[dtype], tensor.is_contiguous(), _PLACES[device]


#: Array type -> how to read its arrays; filled by `describer`.
DESCRIBERS: dict[type, Callable[[Any], Description]] = {np.ndarray: _describe_numpy}


def describer(array: Any) -> Callable[[Any], Description] | None:
    """How to read an array of this type, told by what it offers and remembered; None for other things."""
    kind = type(array)
    if kind not in DESCRIBERS:
        if isinstance(array, np.ndarray):
            DESCRIBERS[kind] = _describe_numpy
        elif hasattr(array, "data_ptr"):
            DESCRIBERS[kind] = _describe_torch
        elif hasattr(array, "__cuda_array_interface__"):
            DESCRIBERS[kind] = _describe_cupy
    return DESCRIBERS.get(kind)


def describe(array: Any) -> Description:
    """Describe an array.

    Raises:
        TypeError: neither a NumPy, a CuPy nor a PyTorch array.
    """
    read = describer(array)
    if read is None:
        raise TypeError(f"expected a NumPy, CuPy or PyTorch array, got {type(array).__name__}")
    return read(array)


def show(place: Place) -> str:
    return "the CPU" if place[0] == "cpu" else f"{place[0]}:{place[1]}"
