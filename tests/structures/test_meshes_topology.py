"""What follows from faces alone is computed once, and shared by meshes whose vertices move."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest
import torch

from r3d_cli.ops import vertex_normals
from r3d_cli.renderer import TexturesVertex
from r3d_cli.structures import Meshes, join_meshes_as_scene, topology


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each thing is computed from faces."""
    counts: Counter[str] = Counter()
    for name in ("vertex_corners", "mesh_edges", "laplacian"):
        function = getattr(topology, name)

        def counting(*arguments: object, name: str = name, function: object = function) -> object:
            counts[name] += 1
            return function(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(topology, name, counting)
    return counts


def look(batch: Meshes) -> None:
    batch.edges_packed()
    batch.faces_packed_to_edges_packed()
    batch.laplacian_packed()
    batch.verts_normals_packed()


def test_meshes_with_moved_vertices_share_their_topology(ragged: Meshes, computed: Counter[str]) -> None:
    look(ragged)
    once = Counter(vertex_corners=1, mesh_edges=1, laplacian=1)
    assert computed == once
    for moved in (
        ragged.offset_verts(torch.ones(23, 3)),
        ragged.scale_verts(2.0),
        ragged.scale_verts(torch.ones(3)),
        ragged.update_padded(ragged.verts_padded() + 1),
        ragged.detach(),
        ragged.offset_verts(torch.ones(3)).offset_verts_(torch.ones(3)),
    ):
        look(moved)
        assert moved.edges_packed() is ragged.edges_packed()
        assert moved.laplacian_packed() is ragged.laplacian_packed()
    assert computed == once


def test_topology_that_nobody_asked_for_yet_is_shared_too(ragged: Meshes, computed: Counter[str]) -> None:
    moved = ragged.offset_verts(torch.ones(3))
    look(moved)
    look(ragged)
    assert computed == Counter(vertex_corners=1, mesh_edges=1, laplacian=1)


def test_extended_meshes_and_scenes_derive_it(ragged: Meshes, computed: Counter[str]) -> None:
    look(ragged)
    extended = ragged.extend(4)
    look(extended)
    look(extended.offset_verts(torch.zeros(3)))
    scene = join_meshes_as_scene(ragged)
    look(scene)
    assert (computed["vertex_corners"], computed["mesh_edges"]) == (1, 1)
    assert torch.equal(scene.edges_packed(), ragged.edges_packed())
    ragged.clone().edges_packed()
    ragged.to("meta").edges_packed()
    assert computed["mesh_edges"] == 1


def test_extending_a_large_mesh_allocates_nothing_of_its_size() -> None:
    verts = torch.rand(20_000, 3)
    faces = torch.randint(20_000, (40_000, 3))
    mesh = Meshes([verts], [faces], TexturesVertex([verts]))
    with torch.profiler.profile(profile_memory=True) as profile:
        many = mesh.extend(64)
        listed, padded = many.verts_list(), many.verts_padded()
    allocated = sum(max(event.self_cpu_memory_usage, 0) for event in profile.key_averages())
    assert allocated < verts.nbytes / 4
    assert {tensor.data_ptr() for tensor in listed} == {padded.data_ptr()} == {verts.data_ptr()}
    assert {tensor.data_ptr() for tensor in many.faces_list()} == {faces.data_ptr()}
    assert {x.data_ptr() for x in many.textures.verts_features_list()} == {verts.data_ptr()}
    assert len(pickle.dumps(many)) < 1.2 * (2 * verts.nbytes + faces.nbytes)
    assert many.verts_packed().shape == (64 * 20_000, 3)  # asked for, it is there


def test_normals_of_an_extended_mesh_are_computed_for_one(
    monkeypatch: pytest.MonkeyPatch, ragged: Meshes
) -> None:
    from r3d_cli.structures import geometry

    sizes = []

    def counting(verts: torch.Tensor, *others: object) -> torch.Tensor:
        sizes.append(len(verts))
        return vertex_normals(verts, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(geometry, "vertex_normals", counting)
    assert ragged.extend(5).verts_normals_packed().shape == (5 * 23, 3)
    assert sizes == [23]


def test_gradients_through_extended_meshes_can_be_taken_again_and_again(ragged: Meshes) -> None:
    verts = [v.requires_grad_() for v in ragged.verts_list()]
    batch = Meshes(verts, ragged.faces_list())
    for _ in range(2):
        batch.extend(2).verts_normals_packed().square().sum().backward()


def test_packed_tensors_serve_inside_a_compiled_function(ragged: Meshes) -> None:
    edges, faces = ragged.edges_packed(), ragged.faces_packed()
    corners = ragged._topology.corners

    def loss(verts: torch.Tensor) -> torch.Tensor:
        ends = verts[edges]
        length = (ends[:, 0] - ends[:, 1]).square().sum()
        return length + vertex_normals(verts, faces, corners)[:, 0].sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    verts = ragged.verts_packed().clone().requires_grad_()
    (have,) = torch.autograd.grad(compiled(verts), verts)
    (want,) = torch.autograd.grad(loss(verts), verts)
    torch.testing.assert_close(have, want)


@pytest.mark.parametrize("faces_a_mesh", [3, 1000])
def test_packed_faces_name_packed_vertices(faces_a_mesh: int) -> None:
    """Packed all at once, or large meshes one by one."""
    generator = torch.Generator().manual_seed(0)
    sizes = [7, 5, 9]
    verts = [torch.rand((size, 3), generator=generator) for size in sizes]
    counts = [faces_a_mesh, 0, 2 * faces_a_mesh]
    faces = [
        torch.randint(size, (count, 3), generator=generator)
        for size, count in zip(sizes, counts, strict=True)
    ]
    want = torch.cat([mesh + start for mesh, start in zip(faces, (0, 7, 12), strict=True)])
    assert torch.equal(Meshes(verts, faces).faces_packed(), want)
    padded = torch.full((3, max(counts), 3), -1)
    for row, mesh in zip(padded, faces, strict=True):
        row[: len(mesh)] = mesh
    assert torch.equal(Meshes(verts, padded).faces_packed(), want)
