"""Meshes made from meshes: copies, selections, moved vertices, submeshes."""

from __future__ import annotations

import copy
import pickle
import re
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.renderer import TexturesVertex
from r3d_cli.structures import Meshes


def same(a: Meshes, b: Meshes) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, y)
        for x, y in zip([*a.verts_list(), *a.faces_list()], [*b.verts_list(), *b.faces_list()], strict=True)
    )


def storages(batch: Meshes) -> set[int]:
    tensors = [*batch.verts_list(), *batch.faces_list(), batch.verts_packed(), batch.faces_packed()]
    return {tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.numel()}


@pytest.fixture
def textured(batch: Meshes) -> Meshes:
    """Each vertex's features are its place, so that what follows the vertices can be told."""
    if len(batch):
        batch.textures = TexturesVertex(batch.verts_list())
    return batch


def features_follow(batch: Meshes) -> bool:
    return batch.textures is None or torch.equal(batch.textures.verts_features_packed(), batch.verts_packed())


# -- copies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copier",
    [
        lambda batch: batch.clone(),
        lambda batch: batch.to("cpu", copy=True),
        lambda batch: batch[:],
        lambda batch: batch[list(range(len(batch)))],
        copy.deepcopy,
        lambda batch: pickle.loads(pickle.dumps(batch)),
    ],
    ids=["clone", "to", "slice", "list", "deepcopy", "pickle"],
)
def test_copies_share_no_storage(textured: Meshes, copier: object) -> None:
    textured.edges_packed()
    copied = copier(textured)  # type: ignore[operator]
    assert same(copied, textured)
    assert features_follow(copied)
    assert torch.equal(copied.edges_packed(), textured.edges_packed())
    assert not storages(copied) & storages(textured)


def test_a_batch_on_its_device_stays_itself(batch: Meshes) -> None:
    assert batch.to("cpu") is batch.cpu() is batch.to(torch.device("cpu")) is batch


def test_a_batch_moves_with_all_it_has(textured: Meshes) -> None:
    textured.edges_packed()
    moved = textured.to("meta")
    assert moved.device.type == "meta"
    for tensor in (
        moved.verts_packed(),
        moved.faces_padded(),
        moved.edges_packed(),
        moved.num_verts_per_mesh(),
    ):
        assert tensor.device.type == "meta"
    if textured.textures is not None:
        assert moved.textures.verts_features_packed().device.type == "meta"
    assert textured.device.type == "cpu"
    assert textured.extend(2).to("meta").verts_padded().device.type == "meta"


def test_detached_meshes_have_no_gradients(ragged: Meshes) -> None:
    verts = [v.requires_grad_() for v in ragged.verts_list()]
    batch = Meshes(verts, ragged.faces_list(), TexturesVertex([v * 2 for v in verts]))
    detached = batch.detach()
    assert not detached.verts_packed().requires_grad
    assert not detached.verts_normals_packed().requires_grad
    assert not detached.textures.verts_features_packed().requires_grad
    assert batch.verts_packed().requires_grad
    assert same(detached, batch)


# -- selections ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "meshes"),
    [
        (1, [1]),
        (-1, [2]),
        (slice(0, 2), [0, 1]),
        (slice(None, None, -1), [2, 1, 0]),
        ([2, 0, 2], [2, 0, 2]),
        ([], []),
        (torch.tensor([1, -1]), [1, 2]),
        (torch.tensor(2), [2]),
        (torch.tensor([1, 2], dtype=torch.int32), [1, 2]),
        (torch.tensor([True, False, True]), [0, 2]),
        (torch.zeros(3, dtype=torch.bool), []),
    ],
)
def test_an_index_names_meshes(ragged: Meshes, index: object, meshes: list[int]) -> None:
    ragged.textures = TexturesVertex(ragged.verts_list())
    some = ragged[index]  # type: ignore[index]
    assert len(some) == len(meshes)
    assert features_follow(some)
    for have, want in zip(some.verts_list() + some.faces_list(), meshes * 2, strict=True):
        source = ragged.verts_list() if have.dtype.is_floating_point else ragged.faces_list()
        assert torch.equal(have, source[want])


@pytest.mark.parametrize(
    "index", [3, -4, [0, 3], torch.tensor([0.5]), "0", torch.ones(2, dtype=torch.bool), 1.0]
)
def test_an_index_that_names_none_is_an_error(ragged: Meshes, index: object) -> None:
    with pytest.raises(IndexError, match=r"^Meshes: "):
        ragged[index]  # type: ignore[index]
    with pytest.raises(IndexError, match=r"^Meshes: "):
        ragged.get_mesh_verts_faces(3)


def test_iteration_ends(batch: Meshes) -> None:
    assert [len(mesh) for mesh in batch] == [1] * len(batch)


def test_gradients_pass_through_an_index(ragged: Meshes) -> None:
    verts = [v.requires_grad_() for v in ragged.verts_list()]
    Meshes(verts, ragged.faces_list())[[0, 0, 2]].verts_packed().sum().backward()
    assert verts[0].grad is not None
    assert verts[2].grad is not None
    assert (verts[0].grad == 2).all()
    assert (verts[2].grad == 1).all()


def test_a_batch_is_split(ragged: Meshes) -> None:
    first, none, rest = ragged.split([1, 0, 2])
    assert same(first, ragged[0])
    assert len(none) == 0
    assert same(rest, ragged[1:])
    with pytest.raises(ValueError, match=r"Meshes\.split: split_sizes sums to 4, there are 3 meshes"):
        ragged.split([2, 2])
    with pytest.raises(ValueError, match=r"Meshes\.split: split_sizes must be integers of at least 0"):
        ragged.split([1.5])  # type: ignore[list-item]


# -- extension -------------------------------------------------------------------------------------------


def test_an_extended_batch_is_the_batch_written_out(textured: Meshes) -> None:
    extended = textured.extend(3)
    verts = [v for v in textured.verts_list() for _ in range(3)]
    faces = [f for f in textured.faces_list() for _ in range(3)]
    written = Meshes(verts, [f.clone() for f in faces])
    assert same(extended, written)
    assert features_follow(extended)
    assert torch.equal(extended.verts_padded(), written.verts_padded())
    for name in (
        "faces_packed",
        "faces_padded",
        "edges_packed",
        "edges_packed_to_mesh_idx",
        "faces_packed_to_edges_packed",
        "faces_areas_packed",
        "faces_normals_padded",
        "verts_normals_packed",
        "verts_packed_to_mesh_idx",
        "get_bounding_boxes",
    ):
        assert torch.equal(getattr(extended, name)(), getattr(written, name)()), name
    assert torch.equal(extended.laplacian_packed().to_dense(), written.laplacian_packed().to_dense())
    for ours, theirs in zip(extended._topology.corners, written._topology.corners, strict=True):
        assert torch.equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_an_extended_batch_can_be_extended_copied_and_indexed(textured: Meshes) -> None:
    again = textured.extend(2).extend(2)
    assert same(again, textured.extend(4))
    assert torch.equal(again.edges_packed(), textured.extend(4).edges_packed())
    assert same(again.clone(), again)
    assert features_follow(again.clone())
    assert same(pickle.loads(pickle.dumps(again)), again)
    if len(textured):
        assert same(again[-1], textured[-1])


@pytest.mark.parametrize("times", [0, -1, 1.0, "2"])
def test_an_extension_needs_a_number(ragged: Meshes, times: object) -> None:
    with pytest.raises(ValueError, match=r"Meshes\.extend: N must be an integer of at least 1, got"):
        ragged.extend(times)  # type: ignore[arg-type]


def test_gradients_of_an_extended_batch_add_up() -> None:
    verts = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    mesh = Meshes([verts], [torch.tensor([[0, 1, 2], [0, 2, 3]])])
    weights = torch.rand(2, 4, 3, dtype=torch.float64)
    (mesh.extend(2).verts_normals_padded() * weights).sum().backward()
    extended, verts.grad = verts.grad, None
    (mesh.verts_normals_packed() * weights.sum(0)).sum().backward()
    torch.testing.assert_close(extended, verts.grad)


def assert_same_texels(batch: Meshes, other: Meshes) -> None:
    """In the very same memory."""
    if other.textures is None:
        assert batch.textures is None
    else:
        assert batch.textures.verts_features_packed() is other.textures.verts_features_packed()


# -- moved vertices --------------------------------------------------------------------------------------


def test_offsets_move_vertices(textured: Meshes) -> None:
    offsets = torch.randn_like(textured.verts_packed())
    before = textured.verts_packed().clone()
    moved = textured.offset_verts(offsets)
    assert torch.equal(moved.verts_packed(), before + offsets)
    assert torch.equal(textured.verts_packed(), before)
    assert_same_texels(moved, textured)
    fresh = Meshes(moved.verts_list(), moved.faces_list())
    assert torch.equal(moved.verts_normals_padded(), fresh.verts_normals_padded())
    assert torch.equal(moved.faces_areas_packed(), fresh.faces_areas_packed())
    shifted = textured.offset_verts(torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(shifted.verts_packed(), before + torch.tensor([1.0, 2.0, 3.0]))


def test_vertices_move_in_place_for_one_batch_alone(textured: Meshes) -> None:
    other = textured.clone()
    shared = textured.offset_verts(torch.zeros(3))
    before = textured.verts_packed()
    kept = before.clone()
    assert textured.offset_verts_(torch.ones(3)) is textured
    assert torch.equal(textured.verts_packed(), kept + 1)
    assert torch.equal(before, kept)  # rebound, not written into
    assert torch.equal(shared.verts_packed(), kept)
    assert same(other, shared)
    assert textured.scale_verts_(2.0) is textured
    assert torch.equal(textured.verts_packed(), (kept + 1) * 2)


def test_scales_are_of_all_or_of_each_mesh(batch: Meshes) -> None:
    assert torch.equal(batch.scale_verts(3).verts_packed(), batch.verts_packed() * 3)
    assert torch.equal(batch.scale_verts(torch.tensor(0.5)).verts_packed(), batch.verts_packed() * 0.5)
    scales = torch.arange(1.0, len(batch) + 1)
    scaled = batch.scale_verts(scales)
    for have, verts, scale in zip(scaled.verts_list(), batch.verts_list(), scales, strict=True):
        assert torch.equal(have, verts * scale)


def test_scales_are_of_axes_or_of_vertices(batch: Meshes) -> None:
    """As ``scale[i] * verts_list()[i]`` broadcasts, which is what PyTorch3D computes."""
    count, most = len(batch), batch.verts_padded().shape[1]
    for shape in ((count, 1), (count, 3), (count, 1, 1), (count, 1, 3), (count, most, 1), (count, most, 3)):
        scales = torch.rand(shape)
        scaled = batch.scale_verts(scales)
        for have, verts, scale in zip(scaled.verts_list(), batch.verts_list(), scales, strict=True):
            factors = scale[: len(verts)] if len(scale) == most and scale.dim() == 2 else scale
            assert torch.equal(have, verts * factors), shape


def test_a_padded_update_moves_vertices(textured: Meshes) -> None:
    new = torch.randn_like(textured.verts_padded())
    updated = textured.update_padded(new)
    assert torch.equal(updated.verts_padded(), new)
    rows = new.reshape(-1, 3)[textured.verts_padded_to_packed_idx()]
    assert torch.equal(updated.verts_packed(), rows)
    assert torch.equal(updated.num_verts_per_mesh(), textured.num_verts_per_mesh())
    assert torch.equal(updated.faces_packed(), textured.faces_packed())
    assert_same_texels(updated, textured)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: m.offset_verts(torch.zeros(4, 3)),
            "Meshes.offset_verts: vert_offsets_packed must have shape (V, 3) with V = 23, got (4, 3)",
        ),
        (
            lambda m: m.offset_verts(torch.zeros(3, device="meta")),
            "Meshes.offset_verts: vert_offsets_packed is on meta, verts is on cpu; "
            "move them to one device with .to()",
        ),
        (
            lambda m: m.scale_verts(torch.zeros(2)),
            "Meshes.scale_verts: scale must have shape (N,) with N = 3, got (2,)",
        ),
        (
            lambda m: m.scale_verts(torch.zeros(3, 2)),
            "Meshes.scale_verts: scale must have shape (N, 1) with N = 3, got (3, 2)",
        ),
        (
            lambda m: m.scale_verts(torch.zeros(3, 11, 3)),
            "Meshes.scale_verts: scale must have shape (N, V, 3) with N = 3 and V = 12, got (3, 11, 3)",
        ),
        (
            lambda m: m.update_padded(torch.zeros(3, 11, 3)),
            "Meshes.update_padded: new_verts_padded must have shape (N, V, 3) with N = 3 and V = 12, "
            "got (3, 11, 3)",
        ),
        (
            lambda m: m.submeshes([[torch.tensor([0])]]),
            "Meshes.submeshes: face_indices must have 3 entries, one a mesh, got 1",
        ),
        (
            lambda m: m.submeshes([[torch.tensor([0.0])], [], []]),
            "Meshes.submeshes: face_indices[0][0] must be int64 or int32, got float32",
        ),
        (
            lambda m: m.sample_textures(SimpleNamespace()),
            "Meshes.sample_textures: these meshes have no textures; assign meshes.textures",
        ),
    ],
)
def test_bad_arguments_are_named(ragged: Meshes, call: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(ragged)  # type: ignore[operator]


def test_gradients_reach_offsets_and_scales(ragged: Meshes) -> None:
    offsets = torch.zeros(23, 3, requires_grad=True)
    scales = torch.ones(3, requires_grad=True)
    ragged.offset_verts(offsets).scale_verts(scales).verts_normals_packed().sum().backward()
    assert offsets.grad is not None
    assert offsets.grad.abs().sum() > 0
    assert scales.grad is not None


# -- submeshes -------------------------------------------------------------------------------------------


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_submeshes_hold_the_same_triangles(data: st.DataObject) -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = [(7, 9), (4, 0), (12, 20)]
    verts = [torch.randn(v, 3, generator=generator) for v, _ in sizes]
    faces = [torch.randint(v, (f, 3), generator=generator) for v, f in sizes]
    batch = Meshes(verts, faces, TexturesVertex(verts))
    chosen = [
        data.draw(st.lists(st.lists(st.integers(0, f - 1), max_size=5), max_size=3)) if f else []
        for _, f in sizes
    ]
    parts = batch.submeshes([[torch.tensor(ids, dtype=torch.int64) for ids in mesh] for mesh in chosen])
    flat = [(mesh, ids) for mesh, lists in enumerate(chosen) for ids in lists]
    assert len(parts) == len(flat)
    for i, (mesh, ids) in enumerate(flat):
        part_verts, part_faces = parts.get_mesh_verts_faces(i)
        assert torch.equal(part_verts[part_faces], verts[mesh][faces[mesh][ids]])
        named = torch.unique(faces[mesh][ids])
        assert torch.equal(part_verts, verts[mesh][named])  # those alone, in their order
        assert torch.equal(parts.textures.verts_features_list()[i], part_verts)


def test_submeshes_of_padded_ids(ragged: Meshes) -> None:
    padded = torch.tensor([[0, 1], [2, -1]])
    listed = [[torch.tensor([0, 1]), torch.tensor([2])], [], []]
    assert same(ragged.submeshes([padded, [], torch.zeros(0, 3).long()]), ragged.submeshes(listed))
    with pytest.raises(
        IndexError, match=re.escape("face_indices[1][0] holds 2, outside [0, 2), the ids of faces[1]")
    ):
        ragged.submeshes([[], [torch.tensor([2])], []])


# -- textures --------------------------------------------------------------------------------------------


def test_textures_are_sampled_by_packed_faces(ragged: Meshes) -> None:
    ragged.textures = TexturesVertex(ragged.verts_list())
    face = torch.tensor([0, 12, 30]).reshape(3, 1, 1, 1)
    fragments = SimpleNamespace(pix_to_face=face, bary_coords=torch.full((3, 1, 1, 1, 3), 1 / 3))
    middle = ragged.verts_packed()[ragged.faces_packed()].mean(1)
    torch.testing.assert_close(ragged.sample_textures(fragments)[:, 0, 0, 0], middle[face.flatten()])


def test_textures_that_do_not_fit_are_named(ragged: Meshes) -> None:
    with pytest.raises(ValueError, match=r"mesh 1 has shape \(5, 3\), but the mesh has 4 vertices"):
        ragged.textures = TexturesVertex([torch.rand(7, 3), torch.rand(5, 3), torch.rand(12, 3)])
    assert ragged.textures is None
    with pytest.raises(
        ValueError, match=r"^Meshes: textures must be TexturesVertex, TexturesUV or TexturesAtlas, got"
    ):
        ragged.textures = torch.rand(3, 12, 3)


def test_padded_textures_learn_the_lengths(ragged: Meshes) -> None:
    ragged.textures = TexturesVertex(ragged.verts_padded())
    assert torch.equal(ragged.textures.verts_features_packed(), ragged.verts_packed())
