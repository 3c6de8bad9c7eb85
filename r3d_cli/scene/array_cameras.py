"""Cameras as arrays of an NPZ file: one camera, or N of them with N as the first axis of what differs.

The arrays are called as the keys of `camera_files` are, other usual names included: ``K`` (3, 3) or
(N, 3, 3), ``world_to_camera`` or ``camera_to_world`` (4, 4), (3, 4) or (N, …), ``R`` and ``t``, ``fx`` …,
``width`` and ``height``, ``convention``, ``name`` or ``names`` (N,).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from r3d_cli.errors import R3dError
from r3d_cli.scene.camera_entries import ALIASES

#: Key -> axes of one camera's value.
_AXES = {
    "K": 2, "world_to_camera": 2, "camera_to_world": 2, "R": 2, "T": 1, "t": 1, "qvec": 1, "tvec": 1,
    "fx": 0, "fy": 0, "cx": 0, "cy": 0, "fov": 0, "orthographic": 0, "pixel_aspect": 0, "near": 0,
    "width": 0, "height": 0, "name": 0, "convention": 0, "pixel_centers": 0,
}  # fmt: skip


def array_entries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The place of each camera of an NPZ file, and the camera in the form of `camera_files`.

    Raises:
        R3dError: It is no NPZ file, holds no camera, or its arrays do not fit each other.
    """
    arrays = _load(path)
    several = {key: len(array) for key, array in arrays.items() if array.ndim > _AXES[key]}
    for key, array in arrays.items():
        if array.ndim > _AXES[key] + 1:
            raise R3dError(f"{path}: {key} has {array.ndim} axes; one camera's value has {_AXES[key]}")
    counts = set(several.values())
    if len(counts) > 1:
        listed = ", ".join(f"{key} of {count}" for key, count in several.items())
        raise R3dError(f"{path}: must have as many cameras in each array, has {listed}")
    for i in range(counts.pop() if counts else 1):
        place = f"camera {i}" if several else ""
        yield place, {key: (array[i] if key in several else array).tolist() for key, array in arrays.items()}


def _load(path: Path) -> dict[str, np.ndarray]:
    names = {alias: key for key, aliases in ALIASES.items() for alias in aliases} | {"names": "name"}
    arrays: dict[str, np.ndarray] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            found = list(file.files)
            for given in found:
                key = names.get(given, given)
                if key in _AXES:
                    arrays[key] = file[given]
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise R3dError(f"{path}: cannot be read as NPZ ({reason}); save it with numpy.savez") from None
    if not arrays:
        listed = ", ".join(found[:8]) or "nothing"
        raise R3dError(f"{path}: holds no camera but {listed}; name its arrays K and world_to_camera")
    return arrays
