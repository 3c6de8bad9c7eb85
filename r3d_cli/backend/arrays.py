"""What the backend needs of NumPy, CuPy and PyTorch: where an array lies, and new ones beside it.

A kernel that works for PyTorch must use PyTorch's allocator and stream: the backward runs on another thread,
where CuPy's current stream is another one. The libraries are looked up only once an array of theirs is here:
nothing is imported that the caller has not imported.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

#: ("cpu", 0), ("cuda", 1), …
Place = tuple[str, int]


#: Address, dtype, C-contiguity and place of an array.
Description = tuple[int, Any, bool, Place]
_CPU: Place = ("cpu", 0)
_DTYPES: dict[Any, Any] = {}  # PyTorch's -> NumPy's
_PLACES: dict[Any, Place] = {}  # torch.device -> ours


def _describe_numpy(array: Any) -> Description:
    return array.__array_interface__["data"][0], array.dtype, array.flags.c_contiguous, _CPU


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


def show(place: Place) -> str:
    return "the CPU" if place[0] == "cpu" else f"{place[0]}:{place[1]}"


class Arrays(Protocol):
    """What the launchers need of an array library. Dtypes are NumPy's names."""

    place: Place
    stream: int  # the current stream's address

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any: ...

    def full(self, shape: tuple[int, ...], value: int, dtype: str) -> Any: ...

    def fill(self, array: Any, value: int) -> None: ...

    def numpy(self, array: Any) -> np.ndarray:
        """A copy on the host; waits for the device."""


class NumpyArrays:
    place: Place = ("cpu", 0)
    stream = 0

    def empty(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        return np.empty(shape, dtype)

    def empty_block(self, *specs: tuple[tuple[int, ...], str]) -> list[np.ndarray]:
        """Arrays in one allocation, which takes far fewer page faults than one each: the kernel hands out
        huge pages to blocks of megabytes. They live and die together."""
        align = 64  # bytes: a cache line, and the widest SIMD register
        sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in specs]
        starts = np.cumsum([0, *(-(-size // align) * align for size in sizes)])
        block = np.empty(int(starts[-1]), np.uint8)
        return [
            block[start : start + size].view(dtype).reshape(shape)
            for start, size, (shape, dtype) in zip(starts.tolist(), sizes, specs, strict=False)
        ]

    def full(self, shape: tuple[int, ...], value: int, dtype: str) -> np.ndarray:
        return np.full(shape, value, dtype)

    def fill(self, array: np.ndarray, value: int) -> None:
        array.fill(value)

    def numpy(self, array: Any) -> np.ndarray:
        return np.asarray(array)


class TorchArrays:
    def __init__(self, like: Any, place: Place) -> None:
        self._like, self.place = like, place
        self._torch = sys.modules["torch"]
        self.stream = self._torch.cuda.current_stream(like.device).cuda_stream if place[0] == "cuda" else 0

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        return self._like.new_empty(shape, dtype=getattr(self._torch, dtype))

    def full(self, shape: tuple[int, ...], value: int, dtype: str) -> Any:
        return self._like.new_full(shape, value, dtype=getattr(self._torch, dtype))

    def fill(self, array: Any, value: int) -> None:
        array.fill_(value)

    def numpy(self, array: Any) -> np.ndarray:
        return array.detach().cpu().numpy()


class CupyArrays:
    def __init__(self, place: Place) -> None:
        self.place = place
        self._cupy = sys.modules["cupy"]
        with self._cupy.cuda.Device(place[1]):
            self.stream = self._cupy.cuda.get_current_stream().ptr

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        with self._cupy.cuda.Device(self.place[1]):
            return self._cupy.empty(shape, dtype)

    def full(self, shape: tuple[int, ...], value: int, dtype: str) -> Any:
        with self._cupy.cuda.Device(self.place[1]):
            return self._cupy.full(shape, value, dtype)

    def fill(self, array: Any, value: int) -> None:
        with self._cupy.cuda.Device(self.place[1]):
            array.fill(value)

    def numpy(self, array: Any) -> np.ndarray:
        return self._cupy.asnumpy(array)


def arrays_like(array: Any) -> Arrays:
    """The library of an array, bound to the array's device.

    Raises:
        TypeError: neither a NumPy, a CuPy nor a PyTorch array.
    """
    if isinstance(array, np.ndarray):
        return NumpyArrays()
    describe = describer(array)
    if describe is None:
        raise TypeError(f"expected a NumPy, CuPy or PyTorch array, got {type(array).__name__}")
    place = describe(array)[3]
    return TorchArrays(array, place) if hasattr(array, "data_ptr") else CupyArrays(place)
