"""mesh_edges against PyTorch3D's recorded answer, trimesh, and its own definition."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.ops.mesh_edges import mesh_edges
from r3d_cli.ops.vertex_corners import vertex_corners


def assert_edges(faces: torch.Tensor, num_verts: int) -> None:
    """By Python's sets: what the faces' sides are, each once, in order; and which side is which."""
    edges, faces_to_edges = mesh_edges(faces, num_verts)
    assert edges.dtype == faces_to_edges.dtype == torch.int64
    sides = [[tuple(sorted(side)) for side in ((b, c), (c, a), (a, b))] for a, b, c in faces.tolist()]
    want = sorted({side for face in sides for side in face})
    row = {edge: number for number, edge in enumerate(want)}
    assert edges.shape == (len(want), 2)
    assert edges.tolist() == [list(edge) for edge in want]
    assert faces_to_edges.shape == faces.shape
    assert faces_to_edges.tolist() == [[row[side] for side in face] for face in sides]


@settings(deadline=None)
@given(st.data(), st.integers(1, 12))
def test_random_faces(data: st.DataObject, num_verts: int) -> None:
    """Few vertices: duplicate, degenerate and non-manifold faces, and vertices in no face."""
    corner = st.integers(0, num_verts - 1)
    faces = data.draw(st.lists(st.tuples(corner, corner, corner), max_size=40))
    assert_edges(torch.tensor(faces, dtype=torch.int64).reshape(-1, 3), num_verts)


@pytest.mark.parametrize(("num_faces", "num_verts"), [(0, 0), (0, 5), (1, 3), (2000, 7), (2000, 1500)])
def test_sizes(num_faces: int, num_verts: int) -> None:
    assert_edges(torch.randint(max(num_verts, 1), (num_faces, 3)), num_verts)


def test_recorded(shared_data: Path) -> None:
    case = np.load(shared_data / "pytorch3d_cases" / "mesh_losses.npz")
    first = len(case["verts_0"])
    faces = torch.from_numpy(np.concatenate([case["faces_0"], case["faces_1"] + first]))
    edges, faces_to_edges = mesh_edges(faces, first + len(case["verts_1"]))
    np.testing.assert_array_equal(edges, case["edges_packed"])
    np.testing.assert_array_equal(faces_to_edges, case["faces_packed_to_edges_packed"])


def test_trimesh() -> None:
    mesh = trimesh.creation.icosphere(3)
    edges, faces_to_edges = mesh_edges(torch.from_numpy(np.array(mesh.faces)), len(mesh.vertices))
    want = mesh.edges_unique[np.lexsort(mesh.edges_unique.T[::-1])]
    np.testing.assert_array_equal(edges, want)
    opposite = mesh.faces_unique_edges[:, [1, 2, 0]]  # trimesh begins with the edge (v0, v1)
    np.testing.assert_array_equal(edges[faces_to_edges], mesh.edges_unique[opposite])


def test_corners_may_be_given() -> None:
    faces = torch.randint(50, (200, 3))
    want = mesh_edges(faces, 50)
    got = mesh_edges(faces, 50, vertex_corners(faces, 50))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("vertex", [-1, 9])
def test_the_first_bad_face_is_named(vertex: int) -> None:
    faces = torch.arange(9).repeat(4).reshape(-1, 3)
    faces[5, 1] = faces[8, 0] = vertex
    with pytest.raises(IndexError) as error:
        mesh_edges(faces, 9)
    assert str(error.value) == f"mesh_edges: face 5 names a vertex outside [0, 9): [6, {vertex}, 8]"


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"^mesh_edges: faces must have shape \(F, 3\), got \(3, 4\)$"):
        mesh_edges(torch.zeros(3, 4, dtype=torch.int64), 4)


def test_docstring() -> None:
    module = importlib.import_module("r3d_cli.ops.mesh_edges")  # the package has the function by that name
    assert doctest.testmod(module).failed == 0
