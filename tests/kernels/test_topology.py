"""The CUDA kernels of vertex_corners and mesh_edges, emulated, against the CPU schedules."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import fans

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.mesh_edges import mesh_edges
from r3d_cli.backend.sort_runs import sort_runs
from r3d_cli.backend.vertex_corners import vertex_corners


def assert_equal(faces: np.ndarray, num_verts: int, device: Emulation) -> None:
    for op in (vertex_corners, mesh_edges):
        for got, want in zip(op(faces, num_verts, device=device), op(faces, num_verts), strict=True):
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("num_faces", "num_verts"), [(0, 0), (0, 5), (1, 1), (1, 3), (700, 9), (700, 900)])
def test_random_faces(num_faces: int, num_verts: int, emulation: Emulation) -> None:
    """With few vertices, duplicate and degenerate faces, and runs that a block sorts."""
    drawn = np.random.default_rng(num_faces).integers(max(num_verts, 1), size=(num_faces, 3))
    assert_equal(drawn, num_verts, emulation)


def test_fans(emulation: Emulation) -> None:
    faces = fans(40, 500)
    assert_equal(faces, int(faces.max()) + 1, emulation)
    assert_equal(faces.max() - faces, int(faces.max()) + 1, emulation)


def test_tensors_take_the_same_way() -> None:
    """Outputs and workspace come from the caller's library, as on a GPU."""
    torch = pytest.importorskip("torch")
    faces = fans(5, 70)
    for op in (vertex_corners, mesh_edges):
        for got, want in zip(op(torch.from_numpy(faces), 77, device=Emulation()), op(faces, 77), strict=True):
            assert isinstance(got, torch.Tensor)
            np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 64, 65, 100, 511, 512, 513, 1200])
def test_runs_of_every_size(size: int, emulation: Emulation) -> None:
    """Between short ones, one of them empty; bitonic sorts pad to powers of two, here without the padding."""
    lengths = [3, size, 0, 5]
    ends, values = np.cumsum(lengths), np.random.default_rng(size).integers(0, 300, sum(lengths)).astype("i4")
    want = np.concatenate([np.sort(run) for run in np.split(values, ends[:-1])])
    first = sort_runs(ends, values, device=emulation)
    np.testing.assert_array_equal(values, want)
    np.testing.assert_array_equal(first, [0, *ends])


@pytest.mark.parametrize("op", [vertex_corners, mesh_edges])
@pytest.mark.parametrize("bad", [-1, 150, 2**40])
def test_the_first_bad_face_is_named(op: object, bad: int, emulation: Emulation) -> None:
    faces = np.arange(150).reshape(-1, 3)
    faces[7, 2] = faces[31, 0] = bad
    with pytest.raises(IndexError, match=rf": face 7 names a vertex outside \[0, 150\): \[21, 22, {bad}\]"):
        op(faces, 150, device=emulation)


@pytest.mark.parametrize("op", [vertex_corners, mesh_edges])
def test_no_vertices(op: object, emulation: Emulation) -> None:
    with pytest.raises(IndexError, match=r": face 0 names a vertex outside \[0, 0\): \[0, 1, 2\]"):
        op(np.array([[0, 1, 2]]), 0, device=emulation)
