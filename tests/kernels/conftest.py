"""Devices and inputs for the kernels' tests."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from r3d_cli.backend.emulation import Emulation

sys.path.insert(0, str(Path(__file__).parent))  # for exercises.py, which the child processes import as well


@pytest.fixture(autouse=True, scope="session")
def _needs_gxx() -> None:
    if shutil.which("g++") is None:
        pytest.skip("the emulation needs g++")


@pytest.fixture(params=["forward", "reverse", "random"])
def emulation(request: pytest.FixtureRequest) -> Emulation:
    """An emulated device, once for each order of threads and blocks."""
    return Emulation(order=request.param)


@pytest.fixture
def random_meshes() -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return make_meshes


def make_meshes(
    *faces_per_mesh: int, size: float = 0.3, dtype: type = np.float32, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Packed meshes of independent random triangles: vertices, faces, first faces."""
    rng = np.random.default_rng(seed)
    count = sum(faces_per_mesh)
    centers = np.concatenate([rng.uniform(-1.1, 1.1, (count, 1, 2)), rng.uniform(0.5, 3, (count, 1, 1))], 2)
    corners = centers + rng.normal(0, size, (count, 3, 3)) * (1, 1, 0.5)
    verts = corners.reshape(-1, 3).astype(dtype)
    first = np.concatenate([[0], np.cumsum(faces_per_mesh)]).astype(np.int64)
    return verts, np.arange(3 * count).reshape(-1, 3), first
