"""vertex_corners against its definition, over meshes of every kind."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.ops.vertex_corners import vertex_corners


def assert_adjacency(faces: torch.Tensor, num_verts: int) -> None:
    """Every corner once, in its vertex's run, ascending."""
    first, corners = vertex_corners(faces, num_verts)
    assert first.dtype == corners.dtype == torch.int32
    assert first.shape == (num_verts + 1,)
    counts = np.bincount(faces.numpy().ravel(), minlength=num_verts)
    np.testing.assert_array_equal(first.diff().numpy(), counts)
    np.testing.assert_array_equal(corners.numpy(), np.argsort(faces.numpy().ravel(), kind="stable"))


@settings(deadline=None)
@given(st.data(), st.integers(1, 12))
def test_random_faces(data: st.DataObject, num_verts: int) -> None:
    """Few vertices: many duplicate and degenerate faces, and vertices in no face."""
    corner = st.integers(0, num_verts - 1)
    faces = data.draw(st.lists(st.tuples(corner, corner, corner), max_size=40))
    assert_adjacency(torch.tensor(faces, dtype=torch.int64).reshape(-1, 3), num_verts)


@pytest.mark.parametrize(("num_faces", "num_verts"), [(0, 0), (0, 5), (1, 3), (5000, 7), (5000, 4000)])
def test_sizes(num_faces: int, num_verts: int) -> None:
    assert_adjacency(torch.randint(max(num_verts, 1), (num_faces, 3)), num_verts)


@pytest.mark.parametrize("vertex", [-1, 9])
def test_the_first_bad_face_is_named(vertex: int) -> None:
    faces = torch.arange(9).repeat(4).reshape(-1, 3)
    faces[5, 1] = faces[8, 0] = vertex
    with pytest.raises(IndexError) as error:
        vertex_corners(faces, 9)
    assert str(error.value) == f"vertex_corners: face 5 names a vertex outside [0, 9): [6, {vertex}, 8]"


@pytest.mark.parametrize(
    ("faces", "num_verts", "message"),
    [
        (torch.zeros(3, 4, dtype=torch.int64), 4, "faces must have shape (F, 3), got (3, 4)"),
        (torch.zeros(3, dtype=torch.int64), 4, "faces must have shape (F, 3), got (3,)"),
        (torch.zeros(3, 3, dtype=torch.int32), 4, "faces must be int64, got int32"),
        (torch.zeros(3, 3), 4, "faces must be int64, got float32"),
        (torch.zeros(3, 3, dtype=torch.int64), -1, "num_verts must be at least 0, got -1"),
    ],
)
def test_bad_input(faces: torch.Tensor, num_verts: int, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        vertex_corners(faces, num_verts)
    assert str(error.value) == f"vertex_corners: {message}"


def test_docstring() -> None:
    module = importlib.import_module(
        "r3d_cli.ops.vertex_corners"
    )  # the package has the function by that name
    assert doctest.testmod(module).failed == 0
