"""mesh_edges against PyTorch3D's recorded answer, trimesh, the reference and its own definition."""

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

from r3d_cli import _native
from r3d_cli.ops.mesh_edges import mesh_edges, unique_edges
from r3d_cli.reference import mesh_edges as reference


def assert_edges(faces: torch.Tensor, num_verts: int) -> None:
    """By Python's sets: what the faces' sides are, each once, in order; and which side is which."""
    edges, faces_to_edges = mesh_edges(faces, num_verts)
    sides = [[tuple(sorted(side)) for side in ((b, c), (c, a), (a, b))] for a, b, c in faces.tolist()]
    want = sorted({side for face in sides for side in face})
    row = {edge: number for number, edge in enumerate(want)}
    assert edges.shape == (len(want), 2)
    assert edges.tolist() == [list(edge) for edge in want]
    assert torch.equal(unique_edges(faces, num_verts), edges)
    assert faces_to_edges.shape == faces.shape
    assert faces_to_edges.tolist() == [[row[side] for side in face] for face in sides]


def assert_as_reference(faces: torch.Tensor, num_verts: int) -> None:
    assert torch.equal(unique_edges(faces, num_verts), reference.mesh_edges(faces, num_verts)[0])
    for got, want in zip(mesh_edges(faces, num_verts), reference.mesh_edges(faces, num_verts), strict=True):
        assert got.dtype == want.dtype == torch.int64
        assert torch.equal(got, want)


@settings(deadline=None)
@given(st.data(), st.integers(1, 12))
def test_random_faces(data: st.DataObject, num_verts: int) -> None:
    """Few vertices: duplicate, degenerate and non-manifold faces, and vertices in no face."""
    corner = st.integers(0, num_verts - 1)
    faces = data.draw(st.lists(st.tuples(corner, corner, corner), max_size=40))
    faces = torch.tensor(faces, dtype=torch.int64).reshape(-1, 3)
    assert_edges(faces, num_verts)
    assert_as_reference(faces, num_verts)


SIZES = [
    (0, 0),
    (0, 5),
    (1, 3),
    (5000, 7),
    (5000, 9000),
    (100_000, 90),
    (100_000, 50_000),
    (100_000, 500_000),
]


@pytest.mark.parametrize(("num_faces", "num_verts"), SIZES)
def test_sizes_on_each_instruction_set(num_faces: int, num_verts: int, isa: str) -> None:
    assert_as_reference(torch.randint(max(num_verts, 1), (num_faces, 3)), num_verts)


@pytest.mark.parametrize("num_verts", [3, 30_000])
def test_threads_do_not_show(num_verts: int, restore_native: None) -> None:
    faces = torch.randint(num_verts, (7 * 8192 + 5, 3))
    for threads in (1, 2, 7):
        _native.set_num_threads(threads)
        assert_as_reference(faces, num_verts)


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


@pytest.mark.parametrize("size", [3, 64, 65, 300, 70_000, 1_000_000])
@pytest.mark.parametrize("hub_first", [True, False])
def test_fans(size: int, hub_first: bool) -> None:
    """A vertex with as many edges as there are faces: E = 2F, of an open fan one more."""
    rim = torch.randperm(size + 1) + 1
    faces = torch.stack([torch.zeros(size, dtype=torch.int64), rim[:-1], rim[1:]], 1)
    faces = faces if hub_first else size + 1 - faces
    edges, faces_to_edges = mesh_edges(faces, size + 2)
    assert len(edges) == 2 * size + 1
    sides = faces[:, [[1, 2], [2, 0], [0, 1]]].sort(-1).values
    assert torch.equal(edges[faces_to_edges], sides)
    steps = edges.diff(dim=0)
    assert ((steps[:, 0] > 0) | (steps[:, 0] == 0) & (steps[:, 1] > 0)).all()


@pytest.mark.parametrize("vertex", [-1, 9, 2**33])
def test_the_first_bad_face_is_named(vertex: int) -> None:
    faces = torch.arange(9).repeat(4).reshape(-1, 3)
    faces[5, 1] = faces[8, 0] = vertex
    with pytest.raises(IndexError) as error:
        mesh_edges(faces, 9)
    assert str(error.value) == f"mesh_edges: face 5 names a vertex outside [0, 9): [6, {vertex}, 8]"


def test_bad_input() -> None:
    """What `vertex_corners` refuses, under this name."""
    with pytest.raises(ValueError, match=r"^mesh_edges: faces must have shape \(F, 3\), got \(3, 4\)$"):
        mesh_edges(torch.zeros(3, 4, dtype=torch.int64), 4)
    with pytest.raises(ValueError, match=r"^mesh_edges: has no kernels for meta; move its tensors"):
        mesh_edges(torch.zeros(3, 3, dtype=torch.int64, device="meta"), 4)


@pytest.mark.parametrize("faces", [torch.randint(9, (30, 3)), torch.randint(9, (3, 30)).T])
def test_opcheck(faces: torch.Tensor) -> None:
    torch.library.opcheck(torch.ops.r3d.mesh_edges.default, (faces, 9))


def edge_loss(verts: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    return (verts[edges[:, 0]] - verts[edges[:, 1]]).square().sum()


@pytest.mark.parametrize("inside", [True, False])
def test_a_loss_on_edges_compiles_whole(inside: bool) -> None:
    """Edges found inside the graph have a size that it does not know; given, they are a tensor like any."""
    faces, verts = torch.randint(50, (90, 3)), torch.randn(50, 3, dtype=torch.float64, requires_grad=True)

    def loss(verts: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        return edge_loss(verts, mesh_edges(known, 50)[0] if inside else known)

    known = faces if inside else mesh_edges(faces, 50)[0]
    want = loss(verts, known)
    got = torch.compile(loss, fullgraph=True, backend="aot_eager")(verts, known)
    torch.testing.assert_close(got, want)
    (want_grad,) = torch.autograd.grad(want, verts)
    torch.testing.assert_close(torch.autograd.grad(got, verts), (want_grad,))


def test_docstrings() -> None:
    for name in ("r3d_cli.ops.mesh_edges", "r3d_cli.backend.mesh_edges"):
        assert doctest.testmod(importlib.import_module(name)).failed == 0
