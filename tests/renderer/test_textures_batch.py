"""What all kinds of textures do: views, indexing, joining, binding to meshes, moving; sampling of a batch is
that of its elements, however it was put together."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import TexturesAtlas, TexturesUV, TexturesVertex
from r3d_cli.structures import Meshes, join_meshes_as_batch, join_meshes_as_scene

Textures = Any
FragmentsOf = Callable[..., SimpleNamespace]

#: Vertices and faces of each mesh.
SIZES = [(7, 9), (4, 2), (3, 0), (12, 20)]
MAP_SIZES = [(4, 6), (5, 3), (1, 1), (4, 6)]
KINDS = ["vertex", "uv", "uv with materials", "atlas"]


def textures_of(kind: str, sizes: list[tuple[int, int]], dtype: torch.dtype = torch.float32) -> Textures:
    """Textures at random, with values of their own for each mesh."""
    generator = torch.Generator().manual_seed(len(sizes))

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    if kind == "vertex":
        return TexturesVertex([random(verts, 5) for verts, _ in sizes])
    if kind == "atlas":
        return TexturesAtlas([random(faces, 3, 3, 2) for _, faces in sizes])
    faces_uvs = [torch.randint(0, 6, (faces, 3), generator=generator) for _, faces in sizes]
    verts_uvs = [random(6, 2) for _ in sizes]
    maps = [random(*MAP_SIZES[i], 3) for i in range(len(sizes))]
    if kind == "uv":
        return TexturesUV(maps, faces_uvs, verts_uvs, align_corners=False)
    several = [[worn, random(2, 7, 3)] for worn in maps]
    maps_ids = [torch.randint(0, 2, (faces,), generator=generator) for _, faces in sizes]
    return TexturesUV(several, faces_uvs, verts_uvs, maps_ids, padding_mode="repeat")


def meshes_of(kind: str, sizes: list[tuple[int, int]] = SIZES) -> Meshes:
    generator = torch.Generator().manual_seed(0)
    verts = [torch.randn(count, 3, generator=generator) for count, _ in sizes]
    faces = [torch.randint(0, count, (number, 3), generator=generator) for count, number in sizes]
    return Meshes(verts, faces, textures_of(kind, sizes))


def one_by_one(meshes: Meshes, fragments: SimpleNamespace) -> Tensor:
    """Samples of each mesh alone."""
    first = meshes.mesh_to_faces_packed_first_idx().tolist()
    alone = [
        meshes[i].sample_textures(
            SimpleNamespace(
                pix_to_face=torch.where(ids < 0, -1, ids - first[i])[None],
                bary_coords=fragments.bary_coords[i][None],
            )
        )
        for i, ids in enumerate(fragments.pix_to_face)
    ]
    return torch.cat(alone)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_sampled_as_its_elements_are(kind: str, fragments_of: FragmentsOf) -> None:
    meshes = meshes_of(kind)
    fragments = fragments_of([faces for _, faces in SIZES])
    torch.testing.assert_close(meshes.sample_textures(fragments), one_by_one(meshes, fragments))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "index", [[3, 0, 3], slice(1, None), torch.tensor([True, False, False, True]), -1, []]
)
def test_indexing_and_repeating(kind: str, index: Any, fragments_of: FragmentsOf) -> None:
    """Elements that stand in a batch several times are sampled as if stored several times."""
    meshes = meshes_of(kind)[index]
    extended = meshes.extend(2)
    assert len(extended.textures) == 2 * len(meshes)
    fragments = fragments_of(extended.num_faces_per_mesh().tolist())
    sampled = extended.sample_textures(fragments)
    assert sampled.shape[:4] == fragments.pix_to_face.shape
    if len(meshes):
        torch.testing.assert_close(sampled, one_by_one(extended, fragments))
        copied = join_meshes_as_batch([extended[i].clone() for i in range(len(extended))])
        torch.testing.assert_close(sampled, copied.sample_textures(fragments))
        torch.testing.assert_close(corners(extended), corners(copied))


def corners(meshes: Meshes) -> Tensor:
    if isinstance(meshes.textures, TexturesVertex):
        return meshes.textures.faces_verts_textures_packed(meshes.faces_packed())
    return meshes.textures.faces_verts_textures_packed()


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_is_sampled_as_the_batch(kind: str, fragments_of: FragmentsOf) -> None:
    for meshes in (meshes_of(kind), meshes_of(kind).extend(2), meshes_of(kind)[[0, 0]]):
        fragments = fragments_of(meshes.num_faces_per_mesh().tolist())
        scene = join_meshes_as_scene(meshes)
        covered = fragments.pix_to_face >= 0
        in_one_image = SimpleNamespace(
            pix_to_face=fragments.pix_to_face.flatten(0, 1)[None],
            bary_coords=fragments.bary_coords.flatten(0, 1)[None],
        )
        sampled = scene.sample_textures(in_one_image).reshape(*covered.shape, -1)
        torch.testing.assert_close(sampled[covered], meshes.sample_textures(fragments)[covered])
        torch.testing.assert_close(corners(scene), corners(meshes))


@pytest.mark.parametrize("kind", KINDS)
def test_joined_batches_are_sampled_as_the_batches(kind: str, fragments_of: FragmentsOf) -> None:
    meshes = meshes_of(kind)
    joined = join_meshes_as_batch([meshes[1:], meshes[0].extend(2), meshes[:0]])
    fragments = fragments_of(joined.num_faces_per_mesh().tolist())
    torch.testing.assert_close(joined.sample_textures(fragments), one_by_one(joined, fragments))
    assert torch.equal(joined.sample_textures(fragments), meshes[[1, 2, 3, 0, 0]].sample_textures(fragments))


@pytest.mark.parametrize("kind", KINDS)
def test_submeshes_keep_the_textures_of_their_faces(kind: str, fragments_of: FragmentsOf) -> None:
    meshes = meshes_of(kind)
    chosen = [[torch.tensor([3, 1]), torch.tensor([8])], [], [], [torch.arange(19, -1, -2)]]
    parts = meshes.submeshes(chosen)
    assert parts.num_faces_per_mesh().tolist() == [2, 1, 10]
    first = meshes.mesh_to_faces_packed_first_idx().tolist()
    faces = torch.cat([ids + first[mesh] for mesh, of_mesh in enumerate(chosen) for ids in of_mesh])
    torch.testing.assert_close(corners(parts), corners(meshes)[faces])
    fragments = fragments_of([2, 1, 10])
    torch.testing.assert_close(parts.sample_textures(fragments), one_by_one(parts, fragments))


@pytest.mark.parametrize("kind", KINDS)
def test_no_meshes(kind: str, fragments_of: FragmentsOf) -> None:
    fragments = fragments_of([])
    for meshes in (meshes_of(kind, []), meshes_of(kind)[:0]):
        textures = meshes.textures
        assert textures.isempty()
        assert len(textures.extend(3)) == 0
        assert meshes.sample_textures(fragments).shape[:4] == (0, 4, 5, 3)
        assert corners(meshes).shape[:2] == (0, 3)
        assert len(textures.submeshes([], [])) == 0
        assert len(join_meshes_as_scene(meshes).textures) == 1
        assert corners(join_meshes_as_scene(meshes)).shape[:2] == (0, 3)
        assert len(textures.join_batch([meshes_of(kind).textures])) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_meshes_without_faces(kind: str, fragments_of: FragmentsOf) -> None:
    meshes = meshes_of(kind)[[2, 2]]
    sampled = meshes.sample_textures(fragments_of([0, 0]))
    if kind.startswith("uv"):  # a slot without a face holds the map at u = v = 0
        assert torch.equal(sampled, sampled[:, :1, :1, :1].expand_as(sampled))
    else:
        assert not sampled.any()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind: str, fragments_of: FragmentsOf) -> None:
    """To values and barycentric coordinates, of a batch in which an element stands twice."""
    sizes = [(4, 3), (3, 2)]
    textures = textures_of(kind, sizes, torch.float64)
    faces = torch.tensor([[0, 1, 2], [1, 2, 3], [0, 3, 1], [4, 5, 6], [5, 6, 4], [7, 8, 9], [8, 9, 7]])
    fragments = fragments_of([3, 2, 2], dtype=torch.float64)
    fragments.pix_to_face, bary = fragments.pix_to_face[:, :2, :2, :2], fragments.bary_coords[:, :2, :2, :2]
    if kind == "vertex":
        inputs, make = textures.verts_features_list(), TexturesVertex
    elif kind == "atlas":
        inputs, make = textures.atlas_list(), TexturesAtlas
    else:
        faces_uvs, ids, count = textures.faces_uvs_list(), textures.maps_ids_list(), len(sizes)
        texels = textures.texel_maps
        inputs = [texels.image(i) for i in range(len(texels))] + textures.verts_uvs_list()
        # Away from texels' centres, where the derivative jumps.
        assert not any((uvs * 7 % 1).abs().min() < 1e-4 for uvs in textures.verts_uvs_list())

        def make(values: list[Tensor]) -> TexturesUV:
            maps, uvs = values[:-count], values[-count:]
            nested = maps if ids is None else [maps[:2], maps[2:]]
            return TexturesUV(nested, faces_uvs, uvs, ids, padding_mode="reflection", align_corners=False)

    def sample(bary: Tensor, *values: Tensor) -> Tensor:
        batch = make(list(values))[[0, 1, 1]]
        fragments.bary_coords = bary
        return batch.sample_textures(fragments, faces)

    leaves = [value.detach().clone().requires_grad_() for value in inputs]
    if kind != "atlas":
        bary = bary.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(sample, (bary, *leaves), fast_mode=True)


@pytest.mark.parametrize("kind", KINDS)
def test_clone_detach_pickle_and_dtype(kind: str, fragments_of: FragmentsOf) -> None:
    meshes = meshes_of(kind).extend(2)
    fragments = fragments_of(meshes.num_faces_per_mesh().tolist())
    wanted = meshes.sample_textures(fragments)
    textures = meshes.textures
    for other in (
        textures.clone(),
        textures.detach(),
        textures.to("cpu"),
        textures.cpu(),
        copy.deepcopy(textures),
        pickle.loads(pickle.dumps(textures)),
    ):
        assert type(other) is type(textures)
        assert torch.equal(other.sample_textures(fragments, meshes.faces_packed()), wanted)
    with torch.no_grad():
        values(textures)[0].add_(1)
    assert not torch.equal(textures.sample_textures(fragments, meshes.faces_packed()), wanted)
    assert len(textures.to("meta")) == len(textures)
    assert textures.to("meta").device.type == "meta"


def values(textures: Textures) -> list[Tensor]:
    if isinstance(textures, TexturesVertex):
        return textures.verts_features_list()
    if isinstance(textures, TexturesAtlas):
        return textures.atlas_list()
    return [textures.texel_maps.image(i) for i in range(len(textures.texel_maps))]


@pytest.mark.parametrize("kind", KINDS)
def test_extend_and_indexing_share_memory(kind: str) -> None:
    textures = textures_of(kind, SIZES)
    for batch in (
        textures.extend(3),
        textures[[3, 0]].extend(2),
        meshes_of(kind).extend(4).textures.detach(),
    ):
        stored = {value.data_ptr() for value in values(batch) if value.numel()}
        assert len(stored) <= 2 * len(SIZES)
    one = textures[0]
    assert values(one)[0].data_ptr() == values(one.extend(50))[0].data_ptr() == values(textures)[0].data_ptr()


@pytest.mark.parametrize("kind", KINDS)
def test_textures_made_once_learn_in_a_loop(kind: str, fragments_of: FragmentsOf) -> None:
    """Of a list of leaves: what an optimizer writes is sampled, and every backward pass has its graph."""
    made = textures_of(kind, SIZES)
    leaves = [value.detach().clone().requires_grad_() for value in values(made)]
    if kind == "vertex":
        textures = TexturesVertex(leaves)
    elif kind == "atlas":
        textures = TexturesAtlas(leaves)
    else:
        pairs = leaves if kind == "uv" else [leaves[i : i + 2] for i in range(0, len(leaves), 2)]
        textures = TexturesUV(pairs, made.faces_uvs_list(), made.verts_uvs_list(), made.maps_ids_list())
    meshes = meshes_of(kind)
    meshes.textures = textures
    optimizer = torch.optim.Adam(leaves, 0.1)
    fragments = fragments_of([faces for _, faces in SIZES])
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        for _ in range(2):  # accumulated
            loss = meshes.sample_textures(fragments).square().sum()
            loss.backward()
        losses.append(loss.item())
        optimizer.step()
    assert losses[2] < losses[1] < losses[0]


def test_padded_features_made_once_learn_in_a_loop(fragments_of: FragmentsOf) -> None:
    meshes = meshes_of("vertex")
    features = torch.randn(4, 12, 3, requires_grad=True)
    meshes.textures = TexturesVertex(features)
    for _ in range(2):
        meshes.sample_textures(fragments_of([9, 2, 0, 20])).sum().backward()
    assert features.grad is not None
    assert not features.grad[0, 7:].any()  # past the mesh's last vertex


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_joining_indexing_and_sampling(kind: str, fragments_of: FragmentsOf) -> None:
    meshes = meshes_of(kind)
    textures, name = meshes.textures, type(meshes.textures).__name__
    other = textures_of("vertex" if kind != "vertex" else "atlas", SIZES)
    with pytest.raises(ValueError, match=rf"{name}.join_batch: textures must all be {name}, got Textures"):
        textures.join_batch([other])
    with pytest.raises(IndexError, match=f"{name}: index 4 is outside a batch of 4"):
        textures[4]
    with pytest.raises(ValueError, match=rf"{name}.extend: N must be a positive integer, got 0"):
        textures.extend(0)
    with pytest.raises(IndexError, match=rf"{name}.submeshes: \w+ must hold a list for each mesh"):
        textures.submeshes([[]], [[]])
    fragments = fragments_of([9, 2, 0, 20])
    fragments.pix_to_face = fragments.pix_to_face.clamp(min=31)
    wrong = rf"{name}.sample_textures: pix_to_face holds 31, outside \[0, 31\), the ids of the faces"
    with pytest.raises(IndexError, match=wrong):
        meshes.sample_textures(fragments)
    fragments.pix_to_face = fragments.pix_to_face[0]
    with pytest.raises(ValueError, match=re.escape("must have shape (N, H, W, K), got (4, 5, 3)")):
        meshes.sample_textures(fragments)
    repeated = meshes[[0, 0]]
    if kind == "atlas" or kind == "vertex":
        with pytest.raises(ValueError, match=re.escape("with N = 2 textures, got (1, 4, 5, 3)")):
            repeated.sample_textures(fragments_of([9]))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("vertex", "verts_features of mesh 1 has shape (4, 5), but the mesh has 5 vertices"),
        ("uv", "faces_uvs of mesh 1 has shape (2, 3), but the mesh has 3 faces"),
        ("uv with materials", "faces_uvs of mesh 1 has shape (2, 3), but the mesh has 3 faces"),
        ("atlas", "atlas of mesh 1 has shape (2, 3, 3, 2), but the mesh has 3 faces"),
    ],
)
def test_textures_that_do_not_fit_their_meshes(kind: str, error: str) -> None:
    textures = textures_of(kind, SIZES)
    name = type(textures).__name__
    others = meshes_of(kind, [(7, 9), (5, 3), (3, 0), (12, 20)])
    with pytest.raises(ValueError, match=re.escape(f"Meshes: textures ({name}) do not fit: {error}")):
        others.textures = textures
    with pytest.raises(ValueError, match=re.escape(f"({name}) are for 4 meshes, but there are 2")):
        others[:2].textures = textures
    with pytest.raises(ValueError, match=re.escape(f"({name}) are on meta, the meshes on cpu")):
        meshes_of(kind).textures = textures.to("meta")


def test_padded_textures_learn_the_true_lengths(fragments_of: FragmentsOf) -> None:
    meshes = meshes_of("vertex")
    features, atlas = torch.randn(4, 12, 2), torch.randn(4, 20, 2, 2, 3)
    faces_uvs, verts_uvs = torch.randint(0, 5, (4, 20, 3)), torch.rand(4, 5, 2)
    faces_uvs[1, 2:] = -1
    for textures in (
        TexturesVertex(features),
        TexturesAtlas(atlas),
        TexturesUV(torch.rand(4, 8, 8, 3), faces_uvs, verts_uvs),
    ):
        assert textures.check_shapes(4, 12, 20)
        assert not textures.check_shapes(4, 13, 21)
        meshes.textures = textures
        fragments = fragments_of([9, 2, 0, 20])
        torch.testing.assert_close(meshes.sample_textures(fragments), one_by_one(meshes, fragments))
    bound = TexturesVertex(features)
    meshes.textures = bound
    assert [rows.shape for rows in bound.verts_features_list()] == [(7, 2), (4, 2), (3, 2), (12, 2)]
    assert torch.equal(bound.verts_features_packed()[7:11], features[1, :4])
    with pytest.raises(
        ValueError, match=re.escape("has shape (12, 2), but the mesh has 7 vertices (padded: 7)")
    ):
        meshes[:2].textures = TexturesVertex(features[:2])
    repeated = TexturesVertex(features[:2])[[0, 0, 1]]
    meshes_of("vertex")[[1, 3, 3]].textures = repeated
    assert [len(rows) for rows in repeated.verts_features_list()] == [4, 12, 12]
