"""Meshes: its views, and what follows from them."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from r3d_cli.structures import Meshes, meshes

Lists = tuple[list[Tensor], list[Tensor]]

#: Views of vertices, of faces and of edges: each packed, a list of it, and padded, where they exist.
VERTS = ("verts_packed", "verts_normals_packed")
FACES = ("faces_packed", "faces_normals_packed", "faces_areas_packed", "faces_packed_to_edges_packed")


def zero_argument_methods() -> list[str]:
    found = []
    for name, method in inspect.getmembers(Meshes, inspect.isfunction):
        parameters = list(inspect.signature(method).parameters.values())[1:]
        if not name.startswith("_") and name != "cuda" and all(p.default is not p.empty for p in parameters):
            found.append(name)
    return found


def test_the_example() -> None:
    assert doctest.testmod(meshes).failed == 0


def test_every_zero_argument_method_takes_every_batch(batch: Meshes) -> None:
    assert len(zero_argument_methods()) >= 33  # of the API
    for name in zero_argument_methods():
        result = getattr(batch, name)()
        if name.endswith(("_list", "split")):
            assert len(result) == len(batch), name
        elif name.endswith("_padded"):
            assert result.shape[0] == len(batch), name
        elif name.endswith("_per_mesh") or name.endswith("_first_idx"):
            assert (result.shape, result.dtype) == ((len(batch),), torch.int64), name
        elif name.endswith("_idx"):
            assert result.dtype == torch.int64, name


def test_views_agree(batch: Meshes, lists: Lists) -> None:
    verts, faces = lists
    assert len(batch) == len(batch.valid) == len(verts)
    assert batch.num_verts_per_mesh().tolist() == [len(v) for v in verts]
    assert batch.num_faces_per_mesh().tolist() == [len(f) for f in faces]
    assert batch.valid.tolist() == [len(f) > 0 for f in faces]
    assert batch.isempty() == (not any(len(f) for f in faces))
    assert batch.equisized == (len({len(v) for v in verts}) <= 1 and len({len(f) for f in faces}) <= 1)
    for i, (v, f) in enumerate(zip(verts, faces, strict=True)):
        assert torch.equal(batch.verts_list()[i], v)
        assert torch.equal(batch.faces_list()[i], f)
        own_verts, own_faces = batch.get_mesh_verts_faces(i)
        assert torch.equal(own_verts, v)
        assert torch.equal(own_faces, f)
        assert torch.equal(batch.verts_packed()[batch.verts_packed_to_mesh_idx() == i], v)
        first_vert = int(batch.mesh_to_verts_packed_first_idx()[i])
        assert torch.equal(batch.faces_packed()[batch.faces_packed_to_mesh_idx() == i], f + first_vert)
        assert torch.equal(batch.verts_padded()[i, : len(v)], v)
        assert (batch.verts_padded()[i, len(v) :] == 0).all()
        assert torch.equal(batch.faces_padded()[i, : len(f)], f)
        assert (batch.faces_padded()[i, len(f) :] == -1).all()
    flat = batch.verts_padded().reshape(-1, 3)
    assert torch.equal(flat[batch.verts_padded_to_packed_idx()], batch.verts_packed())


def test_a_batch_is_what_its_meshes_are(batch: Meshes, lists: Lists) -> None:
    """Packed results are those of the meshes alone, one after the other, with other ids."""
    alone = [Meshes([v], [f]) for v, f in zip(*lists, strict=True)]
    edges = [mesh.edges_packed() for mesh in alone]
    assert batch.num_edges_per_mesh().tolist() == [len(edge) for edge in edges]
    for i, mesh in enumerate(alone):
        ours = batch.edges_packed_to_mesh_idx() == i
        first_vert, first_face, first_edge = (
            int(getattr(batch, f"mesh_to_{what}_packed_first_idx")()[i])
            for what in ("verts", "faces", "edges")
        )
        here = slice(first_face, first_face + len(mesh.faces_packed()))
        assert torch.equal(batch.edges_packed()[ours], edges[i] + first_vert)
        ids = batch.faces_packed_to_edges_packed()[here]
        assert torch.equal(ids, mesh.faces_packed_to_edges_packed() + first_edge)
        torch.testing.assert_close(batch.faces_areas_packed()[here], mesh.faces_areas_packed())
        torch.testing.assert_close(batch.faces_normals_list()[i], mesh.faces_normals_packed())
        torch.testing.assert_close(batch.verts_normals_list()[i], mesh.verts_normals_packed())
        box = batch.get_bounding_boxes()[i]
        assert torch.equal(box, mesh.get_bounding_boxes()[0])
    sides = [mesh.laplacian_packed().to_dense() for mesh in alone]
    assert torch.equal(
        batch.laplacian_packed().to_dense(), torch.block_diag(*sides) if sides else torch.zeros(0, 0)
    )


def test_padded_and_listed_batches_are_one(lists: Lists) -> None:
    listed = Meshes(*lists)
    padded = Meshes(listed.verts_padded(), listed.faces_padded())
    assert padded.num_verts_per_mesh().tolist() == [listed.verts_padded().shape[1]] * len(listed)
    assert torch.equal(padded.num_faces_per_mesh(), listed.num_faces_per_mesh())
    assert torch.equal(padded.faces_padded(), listed.faces_padded())
    assert all(torch.equal(a, b) for a, b in zip(padded.faces_list(), listed.faces_list(), strict=True))
    torch.testing.assert_close(padded.faces_areas_packed(), listed.faces_areas_packed())


def test_padding_wider_than_the_longest_mesh_is_kept() -> None:
    faces = torch.tensor([[[0, 1, 2], [-1, -1, -1]], [[-1, -1, -1], [-1, -1, -1]]])
    batch = Meshes(torch.rand(2, 4, 3), faces)
    assert batch.num_faces_per_mesh().tolist() == [1, 0]
    assert batch.faces_padded().shape == (2, 2, 3)
    assert batch.faces_packed().tolist() == [[0, 1, 2]]
    assert batch.faces_normals_padded().shape == (2, 2, 3)


def test_recorded_topology_and_normals(shared_data: Path) -> None:
    case = np.load(shared_data / "pytorch3d_cases" / "mesh_losses.npz")
    verts = [torch.from_numpy(case[f"verts_{i}"]) for i in range(2)]
    faces = [torch.from_numpy(case[f"faces_{i}"]) for i in range(2)]
    batch = Meshes(verts, faces)
    np.testing.assert_array_equal(batch.edges_packed(), case["edges_packed"])
    np.testing.assert_array_equal(batch.faces_packed_to_edges_packed(), case["faces_packed_to_edges_packed"])
    np.testing.assert_allclose(batch.faces_areas_packed(), case["areas"], rtol=1e-5)
    np.testing.assert_allclose(batch.faces_normals_packed(), case["face_normals"], atol=1e-5)
    np.testing.assert_allclose(batch.verts_normals_packed(), case["verts_normals"], atol=1e-5)


@pytest.fixture(scope="module")
def spot(repository: Path) -> trimesh.Trimesh:
    return trimesh.load(repository / "examples" / "spot" / "spot.obj", force="mesh", process=False)


def test_a_real_mesh_against_trimesh(spot: trimesh.Trimesh) -> None:
    verts, faces = torch.from_numpy(np.array(spot.vertices)), torch.from_numpy(np.array(spot.faces))
    batch = Meshes([verts, verts[:0]], [faces, faces[:0]])
    assert batch.verts_packed().dtype == torch.float64
    np.testing.assert_allclose(batch.faces_areas_packed(), spot.area_faces, rtol=1e-9)
    np.testing.assert_allclose(batch.faces_normals_packed(), spot.face_normals, atol=1e-9)
    np.testing.assert_array_equal(batch.edges_packed(), np.unique(np.sort(spot.edges, axis=1), axis=0))
    by_area = trimesh.geometry.weighted_vertex_normals(
        len(verts), spot.faces, spot.face_normals, np.repeat(spot.area_faces[:, None], 3, axis=1)
    )
    np.testing.assert_allclose(batch.verts_normals_packed(), by_area, atol=1e-9)
    np.testing.assert_allclose(batch.get_bounding_boxes()[0].T, spot.bounds)
    adjacency = np.zeros((len(verts), len(verts)))
    adjacency[tuple(spot.edges.T)] = adjacency[tuple(spot.edges.T[::-1])] = 1
    expected = adjacency / adjacency.sum(1, keepdims=True) - np.eye(len(verts))
    np.testing.assert_allclose(batch.laplacian_packed().to_dense(), expected, atol=1e-12)


def test_a_mesh_without_vertices_has_an_empty_box() -> None:
    box = Meshes([torch.zeros(0, 3)], [torch.zeros(0, 3)]).get_bounding_boxes()
    assert box.tolist() == [[[torch.inf, -torch.inf]] * 3]


@pytest.mark.parametrize(
    "view",
    [
        "verts_padded",
        "verts_packed",
        "faces_areas_packed",
        "faces_normals_packed",
        "faces_normals_padded",
        "verts_normals_packed",
        "verts_normals_padded",
        "get_bounding_boxes",
    ],
)
def test_gradients(view: str) -> None:
    generator = torch.Generator().manual_seed(0)
    faces = [torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.zeros(0, 3).long(), torch.tensor([[2, 1, 0]])]
    verts = [
        torch.randn(count, 3, generator=generator, dtype=torch.float64, requires_grad=True)
        for count in (5, 2, 3)
    ]
    torch.autograd.gradcheck(lambda *verts: getattr(Meshes(list(verts), faces), view)(), verts)


def test_what_is_computed_without_gradients_has_them_afterwards(ragged: Meshes) -> None:
    verts = [v.requires_grad_() for v in ragged.verts_list()]
    batch = Meshes(verts, ragged.faces_list())
    with torch.inference_mode():
        batch.verts_normals_packed()
        batch.faces_areas_packed()
        batch.edges_packed()
        batch.laplacian_packed()
    (batch.verts_normals_padded().sum() + batch.faces_areas_packed().sum()).backward()
    (batch.laplacian_packed() @ batch.verts_packed()).square().sum().backward()
    assert all(v.grad is not None and v.grad.abs().sum() > 0 for v in verts)


def test_normals_follow_an_optimizer_s_writes(ragged: Meshes) -> None:
    verts = [v.clone().requires_grad_() for v in ragged.verts_list()]
    batch = Meshes(verts, ragged.faces_list())
    before = batch.verts_normals_packed()
    with torch.no_grad():
        verts[0].mul_(torch.tensor([1.0, 2.0, 3.0]))
    after = batch.verts_normals_packed()
    assert not torch.equal(before, after)
    assert torch.equal(after, Meshes(verts, ragged.faces_list()).verts_normals_packed())


def test_views_are_computed_once(ragged: Meshes) -> None:
    for name in (*VERTS, *FACES, "verts_padded", "faces_padded", "edges_packed", "laplacian_packed"):
        assert getattr(ragged, name)() is getattr(ragged, name)(), name


def test_lists_may_be_changed_by_their_owner(ragged: Meshes) -> None:
    ragged.verts_list().append(torch.zeros(1, 3))
    assert len(ragged.verts_list()) == 3


def test_given_normals_are_used_until_vertices_move(ragged: Meshes) -> None:
    given = [torch.rand_like(v) for v in ragged.verts_list()]
    batch = Meshes(ragged.verts_list(), ragged.faces_list(), verts_normals=given)
    assert batch.has_verts_normals()
    assert torch.equal(batch.verts_normals_packed(), torch.cat(given))
    assert torch.equal(batch.verts_normals_padded()[1, :4], given[1])
    for kept in (batch.clone(), batch.detach(), batch[[0, 1, 2]], batch.extend(1)):
        assert torch.equal(kept.verts_normals_packed(), torch.cat(given))
    assert torch.equal(batch[2].verts_normals_list()[0], given[2])
    for turned in (batch.offset_verts(torch.zeros(23, 3)), batch.scale_verts(torch.ones(3, 3))):
        assert not turned.has_verts_normals()
        assert torch.equal(turned.verts_normals_packed(), ragged.verts_normals_packed())
    padded = Meshes(batch.verts_padded(), batch.faces_padded(), verts_normals=batch.verts_normals_padded())
    assert torch.equal(padded.verts_normals_padded(), batch.verts_normals_padded())


def test_given_normals_survive_what_turns_no_surface(ragged: Meshes) -> None:
    given = [torch.rand_like(v) for v in ragged.verts_list()]
    batch = Meshes(ragged.verts_list(), ragged.faces_list(), verts_normals=given)
    for kept in (
        batch.offset_verts(torch.tensor([1.0, 2.0, 3.0])),
        batch.scale_verts(2.0),
        batch.scale_verts(torch.tensor([1.0, 2.0, 3.0])),
        batch.clone().offset_verts_(torch.ones(3)),
        batch.clone().scale_verts_(3.0),
    ):
        assert torch.equal(kept.verts_normals_packed(), torch.cat(given))
    assert not ragged.offset_verts(torch.ones(3)).has_verts_normals()


def test_normals_are_there_once_computed(ragged: Meshes) -> None:
    assert not ragged.has_verts_normals()
    ragged.verts_normals_packed()
    assert ragged.has_verts_normals()


def test_a_batch_says_what_it_is(ragged: Meshes) -> None:
    assert repr(ragged) == "Meshes(N=3, verts=23, faces=31, float32, cpu)"
