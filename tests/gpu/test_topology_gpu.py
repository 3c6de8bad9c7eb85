"""vertex_corners and mesh_edges on a GPU, held to the CPU schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from r3d_cli.backend.mesh_edges import mesh_edges
from r3d_cli.backend.vertex_corners import vertex_corners

pytestmark = pytest.mark.gpu

OPS = [vertex_corners, mesh_edges]


def random_faces(num_faces: int, num_verts: int) -> np.ndarray:
    return np.random.default_rng(0).integers(num_verts, size=(num_faces, 3))


def fan(size: int) -> np.ndarray:
    rim = 1 + np.random.default_rng(0).permutation(size)
    return np.stack([np.zeros(size, int), rim, np.roll(rim, 1)], 1)


FACES = {
    "none": random_faces(0, 4),
    "few vertices": random_faces(5000, 9),
    "many": random_faces(300_000, 150_000),
    "fan": fan(200_000),
}


@pytest.mark.parametrize("faces", FACES.values(), ids=list(FACES))
@pytest.mark.parametrize("op", OPS)
def test_equals_the_cpu(cupy: Any, op: Any, faces: np.ndarray) -> None:
    num_verts = int(faces.max(initial=3)) + 1
    for got, want in zip(op(cupy.asarray(faces), num_verts), op(faces, num_verts), strict=True):
        assert isinstance(got, cupy.ndarray)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(cupy.asnumpy(got), want)


@pytest.mark.parametrize("op", OPS)
def test_the_first_bad_face_is_named(cupy: Any, op: Any) -> None:
    faces = random_faces(3000, 100)
    faces[700, 1] = faces[2000, 0] = 100
    with pytest.raises(IndexError, match=r": face 700 names a vertex outside \[0, 100\): "):
        op(cupy.asarray(faces), 100)


@pytest.mark.parametrize("name", ["vertex_corners", "mesh_edges"])
def test_tensors_stay_on_the_gpu(cupy: Any, name: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    import r3d_cli.ops

    op, faces = getattr(r3d_cli.ops, name), torch.from_numpy(random_faces(5000, 2000))
    for got, want in zip(op(faces.cuda(), 2000), op(faces, 2000), strict=True):
        assert got.is_cuda
        assert torch.equal(got.cpu(), want)
