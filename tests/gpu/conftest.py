"""Tests that need an NVIDIA GPU. Without one they are skipped; with ``R3D_REQUIRE_GPU=1`` they fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from r3d_cli.backend.cuda import CudaUnavailable, require_cuda

Scene = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def cupy() -> Any:
    try:
        return require_cuda()
    except CudaUnavailable as error:
        if os.environ.get("R3D_REQUIRE_GPU") == "1":
            pytest.fail(f"R3D_REQUIRE_GPU=1, but {error}")
        pytest.skip(str(error))


@pytest.fixture
def random_meshes() -> Callable[..., Scene]:
    """``random_meshes(faces of mesh 0, …)``: packed vertices, faces and first faces of random triangles."""

    def make(*faces_per_mesh: int, size: float = 0.3, dtype: str = "float32", seed: int = 0) -> Scene:
        rng = np.random.default_rng(seed)
        count = sum(faces_per_mesh)
        centers = np.concatenate(
            [rng.uniform(-1.1, 1.1, (count, 1, 2)), rng.uniform(0.5, 3.0, (count, 1, 1))], axis=2
        )
        verts = (centers + rng.normal(0.0, size, (count, 3, 3)) * (1, 1, 0.5)).reshape(-1, 3).astype(dtype)
        first = np.concatenate([[0], np.cumsum(faces_per_mesh)]).astype(np.int64)
        return verts, np.arange(3 * count).reshape(-1, 3), first

    return make
