"""vertex_corners against its definition and the reference, over faces of every kind."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli import _native
from r3d_cli.backend import vertex_corners as backend
from r3d_cli.ops.vertex_corners import vertex_corners
from r3d_cli.reference import vertex_corners as reference


def assert_adjacency(faces: torch.Tensor, num_verts: int) -> None:
    """Every corner once, in its vertex's run, ascending."""
    first, corners = vertex_corners(faces, num_verts)
    assert first.dtype == corners.dtype == torch.int32
    assert first.shape == (num_verts + 1,)
    flat = faces.numpy().ravel()
    np.testing.assert_array_equal(first.diff().numpy(), np.bincount(flat, minlength=num_verts))
    np.testing.assert_array_equal(corners.numpy(), np.argsort(flat, kind="stable"))
    for got, want in zip((first, corners), reference.vertex_corners(faces, num_verts), strict=True):
        assert torch.equal(got, want)


@settings(deadline=None)
@given(st.data(), st.integers(1, 12))
def test_random_faces(data: st.DataObject, num_verts: int) -> None:
    """Few vertices: many duplicate and degenerate faces, and vertices in no face."""
    corner = st.integers(0, num_verts - 1)
    faces = data.draw(st.lists(st.tuples(corner, corner, corner), max_size=40))
    assert_adjacency(torch.tensor(faces, dtype=torch.int64).reshape(-1, 3), num_verts)


SIZES = [(0, 0), (0, 5), (1, 3), (5000, 7), (5000, 9000), (100_000, 3), (100_000, 50_000), (100_000, 500_000)]


@pytest.mark.parametrize(("num_faces", "num_verts"), SIZES)
def test_sizes_on_each_instruction_set(num_faces: int, num_verts: int, isa: str) -> None:
    assert_adjacency(torch.randint(max(num_verts, 1), (num_faces, 3)), num_verts)


@pytest.mark.parametrize("num_verts", [3, 30_000])
def test_threads_do_not_show(num_verts: int, restore_native: None) -> None:
    """Enough faces that seven threads each take some."""
    faces = torch.randint(num_verts, (7 * 8192 + 5, 3))
    want = reference.vertex_corners(faces, num_verts)
    for threads in (1, 2, 7):
        _native.set_num_threads(threads)
        for a, b in zip(vertex_corners(faces, num_verts), want, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("face", [0, 63, 64, 100, 8191, 8192, 30_000, 65_000])
@pytest.mark.parametrize("vertex", [-1, 9, 2**33, -(2**63)])
def test_the_first_bad_face_is_named(face: int, vertex: int, restore_native: None) -> None:
    faces = torch.arange(9).repeat(22_000).reshape(-1, 3)
    faces[face, 1] = faces[face + 1 :: 1000, 0] = vertex
    for threads in (1, 7):
        _native.set_num_threads(threads)
        with pytest.raises(IndexError) as error:
            vertex_corners(faces, 9)
        named = faces[face].tolist()
        assert str(error.value) == f"vertex_corners: face {face} names a vertex outside [0, 9): {named}"


@pytest.mark.parametrize(
    ("faces", "num_verts", "message"),
    [
        (torch.zeros(3, 4, dtype=torch.int64), 4, "faces must have shape (F, 3), got (3, 4)"),
        (torch.zeros(3, dtype=torch.int64), 4, "faces must have shape (F, 3), got (3,)"),
        (torch.zeros(3, 3, dtype=torch.int32), 4, "faces must be int64, got int32"),
        (torch.zeros(3, 3), 4, "faces must be int64, got float32"),
        (torch.zeros(3, 3, dtype=torch.int64), -1, "num_verts must lie in 0..2147483647, got -1"),
        (torch.zeros(3, 3, dtype=torch.int64), 2**31, "num_verts must lie in 0..2147483647, got 2147483648"),
        (
            torch.zeros(1, 3, dtype=torch.int64).expand(2**30, 3),
            4,
            "faces has 1073741824 rows, at most 715827882 are taken",
        ),
        (
            torch.zeros(3, 3, dtype=torch.int64, device="meta"),
            4,
            "has no kernels for meta; move its tensors to cpu or cuda with .to()",
        ),
    ],
)
def test_bad_input(faces: torch.Tensor, num_verts: int, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        vertex_corners(faces, num_verts)
    assert str(error.value) == f"vertex_corners: {message}"


def test_views() -> None:
    faces = torch.randint(9, (4, 50)).T[:, :3]
    assert not faces.is_contiguous()
    assert_adjacency(faces, 9)
    with pytest.raises(ValueError, match=r"^vertex_corners: faces must be C-contiguous; make a contiguous"):
        backend.vertex_corners(faces.numpy(), 9)


@pytest.mark.parametrize("faces", [torch.randint(9, (30, 3)), torch.randint(9, (3, 30)).T])
def test_opcheck(faces: torch.Tensor) -> None:
    torch.library.opcheck(torch.ops.r3d.vertex_corners.default, (faces, 9))


def test_compiles_whole() -> None:
    def valences(faces: torch.Tensor) -> torch.Tensor:
        return vertex_corners(faces, 9)[0].diff()

    faces = torch.randint(9, (30, 3))
    compiled = torch.compile(valences, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(faces), valences(faces))


def test_docstrings() -> None:
    for name in ("r3d_cli.ops.vertex_corners", "r3d_cli.backend.vertex_corners"):
        assert doctest.testmod(importlib.import_module(name)).failed == 0
