"""Batches joined into a batch, and into one mesh."""

from __future__ import annotations

import doctest

import pytest
import torch

from r3d_cli.renderer import TexturesUV, TexturesVertex
from r3d_cli.structures import Meshes, join_meshes_as_batch, join_meshes_as_scene, joins


def textured(batch: Meshes) -> Meshes:
    return Meshes(batch.verts_list(), batch.faces_list(), TexturesVertex(batch.verts_list()))


def test_the_examples() -> None:
    assert doctest.testmod(joins).failed == 0


def test_a_batch_of_batches(batch: Meshes, ragged: Meshes) -> None:
    joined = join_meshes_as_batch([ragged, batch, Meshes([], [])])
    assert len(joined) == 3 + len(batch)
    verts, faces = ragged.verts_list() + batch.verts_list(), ragged.faces_list() + batch.faces_list()
    assert all(torch.equal(a, b) for a, b in zip(joined.verts_list(), verts, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(joined.faces_list(), faces, strict=True))


def test_a_scene_of_a_batch(batch: Meshes) -> None:
    scene = join_meshes_as_scene(batch)
    assert len(scene) == 1
    for name in (
        "verts_packed",
        "faces_packed",
        "edges_packed",
        "faces_areas_packed",
        "verts_normals_packed",
    ):
        assert torch.equal(getattr(scene, name)(), getattr(batch, name)()), name
    assert scene.faces_packed_to_mesh_idx().tolist() == [0] * len(scene.faces_packed())


def test_textures_are_joined(ragged: Meshes) -> None:
    mesh = textured(ragged)
    joined = join_meshes_as_batch([mesh, mesh[0]])
    assert torch.equal(joined.textures.verts_features_packed(), joined.verts_packed())
    scene = join_meshes_as_scene([mesh, mesh[0]])
    assert torch.equal(scene.textures.verts_features_packed(), scene.verts_packed())
    assert len(scene.textures) == 1
    assert join_meshes_as_batch([mesh], include_textures=False).textures is None
    assert join_meshes_as_scene(mesh, include_textures=False).textures is None
    assert join_meshes_as_scene(mesh[0], include_textures=False).textures is None
    assert join_meshes_as_scene(mesh[0]).textures is not None


def test_given_normals_are_joined_where_all_have_them(ragged: Meshes) -> None:
    given = Meshes(ragged.verts_list(), ragged.faces_list(), verts_normals=ragged.verts_list())
    assert torch.equal(
        join_meshes_as_batch([given, given]).verts_normals_packed()[:23], ragged.verts_packed()
    )
    assert torch.equal(join_meshes_as_scene(given).verts_normals_packed(), ragged.verts_packed())
    assert not join_meshes_as_batch([given, ragged]).has_verts_normals()


def test_gradients_pass_through_joins(ragged: Meshes) -> None:
    verts = torch.rand(4, 3, requires_grad=True)
    mesh = Meshes([verts], [torch.tensor([[0, 1, 2]])])
    join_meshes_as_scene([mesh, ragged, mesh]).verts_packed().sum().backward()
    assert verts.grad is not None
    assert (verts.grad == 2).all()


def test_nothing_joined_is_nothing() -> None:
    assert len(join_meshes_as_batch([])) == 0
    assert len(join_meshes_as_scene([])) == 1
    assert join_meshes_as_scene([]).isempty()


def test_what_cannot_be_joined_is_named(ragged: Meshes) -> None:
    with pytest.raises(
        ValueError, match=r"^join_meshes_as_batch: meshes must be a list of Meshes, got Meshes$"
    ):
        join_meshes_as_batch(ragged)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^join_meshes_as_batch: .* got a list with int, str$"):
        join_meshes_as_batch([ragged, 1, "2"])  # type: ignore[list-item]
    with pytest.raises(
        ValueError, match=r"^join_meshes_as_scene: include_textures must be a bool, got Meshes$"
    ):
        join_meshes_as_scene(ragged, ragged)  # type: ignore[arg-type]
    kinds = "all meshes must have textures of one kind, got "
    with pytest.raises(ValueError, match=f"^join_meshes_as_batch: {kinds}TexturesVertex and none$"):
        join_meshes_as_batch([textured(ragged), ragged])
    flat = ragged[0]
    flat.textures = TexturesUV(torch.rand(1, 4, 4, 3), [flat.faces_packed()], [torch.rand(7, 2)])
    with pytest.raises(ValueError, match=f"^join_meshes_as_batch: {kinds}TexturesUV and TexturesVertex$"):
        join_meshes_as_batch([flat, textured(ragged)])
    double = Meshes([torch.rand(4, 3).double()], [torch.zeros(0, 3)])
    with pytest.raises(ValueError, match=r"verts\[3\] is float64 on cpu, but verts\[0\] is float32"):
        join_meshes_as_batch([ragged, double])
