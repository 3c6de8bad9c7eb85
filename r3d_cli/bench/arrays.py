"""Inputs onto a device, and results off it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def to_device(device: str) -> Callable[[np.ndarray], Any]:
    """A function that puts a NumPy array there; on a GPU as CuPy's."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return np.ascontiguousarray
    from r3d_cli.backend.cuda import require_cuda

    cupy = require_cuda()

    def put(array: np.ndarray) -> Any:
        with cupy.cuda.Device(int(index or 0)):
            return cupy.asarray(array)

    return put


def as_numpy(array: Any) -> np.ndarray:
    """An array of NumPy, CuPy or PyTorch on the host."""
    if isinstance(array, np.ndarray):
        return array
    return array.get() if hasattr(array, "get") else array.detach().cpu().numpy()


def as_torch(array: Any) -> Any:
    """A tensor on the array's memory, on the CPU or a GPU."""
    import torch

    return torch.from_numpy(array) if isinstance(array, np.ndarray) else torch.from_dlpack(array)
