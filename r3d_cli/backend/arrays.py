"""Outputs and workspace from the caller's own array library, on the caller's device and stream.

A kernel that works for PyTorch must use PyTorch's allocator and stream: the backward runs on another thread,
where CuPy's current stream is another one. The libraries are looked up only once an array of theirs is here:
nothing is imported that the caller has not imported.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Protocol

import numpy as np

from r3d_cli.backend.counts import COUNTS
from r3d_cli.backend.memory import empty_bytes
from r3d_cli.backend.places import Place, describe
from r3d_cli.constants import SMALLEST_KEPT


class Arrays(Protocol):
    """What the launchers need of an array library. Dtypes are NumPy's names."""

    place: Place
    stream: int  # the current stream's address

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any: ...

    def full(self, shape: tuple[int, ...], value: int, dtype: str) -> Any: ...

    def fill(self, array: Any, value: int) -> None: ...

    def view(self, array: Any, dtype: str) -> Any:
        """The same memory as another dtype of the same size."""

    def numpy(self, array: Any) -> np.ndarray:
        """A copy on the host; waits for the device. The only way to one: `counts.py` counts here."""


class NumpyArrays:
    place: Place = ("cpu", 0)
    stream = 0

    def empty(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        nbytes = math.prod(shape) * np.dtype(dtype).itemsize
        if nbytes < SMALLEST_KEPT:
            return np.empty(shape, dtype)
        return empty_bytes(nbytes).view(dtype).reshape(shape)

    def empty_block(self, *specs: tuple[tuple[int, ...], str]) -> list[np.ndarray]:
        """Arrays in one allocation, which takes far fewer page faults than one each: the kernel hands out
        huge pages to blocks of megabytes. They live and die together."""
        align = 64  # bytes: a cache line, and the widest SIMD register
        sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in specs]
        starts = np.cumsum([0, *(-(-size // align) * align for size in sizes)])
        block = empty_bytes(int(starts[-1]))
        return [
            block[start : start + size].view(dtype).reshape(shape)
            for start, size, (shape, dtype) in zip(starts.tolist(), sizes, specs, strict=False)
        ]

    def full(self, shape: tuple[int, ...], value: int, dtype: str) -> np.ndarray:
        return np.full(shape, value, dtype)

    def fill(self, array: np.ndarray, value: int) -> None:
        array.fill(value)

    def view(self, array: np.ndarray, dtype: str) -> np.ndarray:
        return array.view(dtype)

    def numpy(self, array: Any) -> np.ndarray:
        COUNTS.copies += 1
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

    def view(self, array: Any, dtype: str) -> Any:
        return array.view(getattr(self._torch, dtype))

    def numpy(self, array: Any) -> np.ndarray:
        COUNTS.copies += 1
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

    def view(self, array: Any, dtype: str) -> Any:
        return array.view(dtype)

    def numpy(self, array: Any) -> np.ndarray:
        COUNTS.copies += 1
        return self._cupy.asnumpy(array)


def arrays_like(array: Any) -> Arrays:
    """The library of an array, bound to the array's device."""
    if isinstance(array, np.ndarray):
        return NumpyArrays()
    place = describe(array)[3]
    return TorchArrays(array, place) if hasattr(array, "data_ptr") else CupyArrays(place)
