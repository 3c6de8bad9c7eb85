"""TexturesUV: forms of its arguments, several materials, views, storage, and bad input."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from r3d_cli.renderer import TexturesAtlas, TexturesUV, TexturesVertex
from r3d_cli.structures import Meshes, join_meshes_as_scene

FragmentsOf = Callable[..., SimpleNamespace]

QUAD_UVS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
QUAD_FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def at(u: float, v: float) -> SimpleNamespace:
    """Fragments of one slot on a quad's first face (u >= v), where its texture coordinates are (u, v)."""
    bary = torch.tensor([1 - u, u - v, v]).reshape(1, 1, 1, 1, 3)
    return SimpleNamespace(pix_to_face=torch.zeros(1, 1, 1, 1).long(), bary_coords=bary)


def random_uvs(meshes: int, faces: int = 10) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(meshes)
    uvs = [torch.randn(6, 2, generator=generator) for _ in range(meshes)]
    return [torch.randint(0, 6, (faces, 3), generator=generator) for _ in range(meshes)], uvs


def test_the_orientation_of_a_map() -> None:
    """Of an image [[1, 2], [3, 4]] the bottom left texel, 3, is at u = v = 0."""
    image = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, ..., None]
    textures = TexturesUV(image, [QUAD_FACES], [QUAD_UVS])
    assert [textures.sample_textures(at(*uv)).item() for uv in ((0, 0), (1, 0), (1, 1))] == [3, 4, 2]
    assert textures.faces_verts_textures_packed()[..., 0].tolist() == [[3, 4, 2], [3, 2, 1]]


def test_padded_and_listed_arguments_are_the_same(fragments_of: FragmentsOf) -> None:
    maps, (faces_uvs, verts_uvs) = torch.rand(3, 4, 5, 2), random_uvs(3)
    fragments = fragments_of([10, 10, 10])
    listed = TexturesUV(list(maps), faces_uvs, verts_uvs)
    padded = TexturesUV(maps, torch.stack(faces_uvs), torch.stack(verts_uvs))
    mixed = TexturesUV(list(maps), torch.stack(faces_uvs), verts_uvs)
    several = TexturesUV(maps[:, None], faces_uvs, verts_uvs, maps_ids=torch.zeros(3, 10).long())
    wanted = listed.sample_textures(fragments)
    for textures in (padded, mixed, several):
        assert torch.equal(textures.sample_textures(fragments), wanted)
    for textures in (listed, padded, mixed):
        assert torch.equal(textures.maps_padded(), maps)
        assert all(map(torch.equal, textures.maps_list(), maps))
        assert all(map(torch.equal, textures.faces_uvs_list(), faces_uvs))
        assert torch.equal(textures.faces_uvs_padded(), torch.stack(faces_uvs))
        assert all(map(torch.equal, textures.verts_uvs_list(), verts_uvs))
        assert torch.equal(textures.verts_uvs_padded(), torch.stack(verts_uvs))
        assert textures.maps_ids_list() is None
        assert textures.maps_ids_padded() is None


def test_several_materials_in_a_mesh(fragments_of: FragmentsOf) -> None:
    """Each face is as if its mesh wore that map alone."""
    generator = torch.Generator().manual_seed(0)
    maps = [[torch.rand(4, 3, 2), torch.rand(2, 8, 2)], [torch.rand(1, 1, 2)], [torch.rand(4, 3, 2)] * 2]
    faces_uvs, verts_uvs = random_uvs(3)
    maps_ids = [torch.randint(0, len(worn), (10,), generator=generator) for worn in maps]
    textures = TexturesUV(maps, faces_uvs, verts_uvs, maps_ids, align_corners=False)
    fragments = fragments_of([10, 10, 10])
    got = textures.sample_textures(fragments)
    for place in (0, 1):
        alone = TexturesUV(
            [worn[place % len(worn)] for worn in maps], faces_uvs, verts_uvs, align_corners=False
        )
        wears = torch.cat(maps_ids)[fragments.pix_to_face] == place
        wears &= fragments.pix_to_face >= 0
        torch.testing.assert_close(got[wears], alone.sample_textures(fragments)[wears])
        assert wears.any()
    assert len(textures.texel_maps) == 4  # the last mesh's two are one tensor
    assert textures.maps_of_meshes == ((0, 1), (2,), (3, 3))
    assert textures.maps_ids_padded().shape == (3, 10)
    ragged, single, twice = textures.maps_list()
    assert [image.shape for image in ragged] == [(4, 3, 2), (2, 8, 2)]
    assert single.shape == (1, 1, 1, 2)
    assert torch.equal(twice, torch.stack(maps[2]))
    padded = textures.maps_padded()
    assert padded.shape == (3, 2, 4, 8, 2)
    assert not padded[1, 1].any()
    assert torch.equal(padded[2, 0], padded[2, 1])


def test_maps_padded_resizes_to_the_largest() -> None:
    small, large = torch.rand(2, 3, 3), torch.rand(5, 4, 3)
    for align_corners in (True, False):
        padded = TexturesUV([small, large], *random_uvs(2), align_corners=align_corners).maps_padded()
        planes = functional.interpolate(
            small.permute(2, 0, 1)[None], (5, 4), mode="bilinear", align_corners=align_corners
        )
        torch.testing.assert_close(padded[0], planes[0].permute(1, 2, 0))
        assert torch.equal(padded[1], large)


def test_maps_are_stored_once_and_not_copied() -> None:
    image = torch.rand(1, 64, 64, 3)
    faces_uvs, verts_uvs = random_uvs(4)
    given = TexturesUV(image, faces_uvs[:1], verts_uvs[:1])
    for textures in (
        given,
        given.extend(100),
        given.extend(3)[[2, 0]],
        given.join_batch([]),
        TexturesUV(image.expand(4, -1, -1, -1), faces_uvs, verts_uvs),
        TexturesUV([image[0]] * 4, faces_uvs, verts_uvs),
        TexturesUV([image[0]] * 4, faces_uvs, verts_uvs).join_scene(),
    ):
        texels = textures.texel_maps
        assert texels.texels.data_ptr() == image.data_ptr()
        assert texels.table.tolist() == [[0, 64, 64]]
    assert given.extend(100).maps_padded().data_ptr() == image.data_ptr()
    assert TexturesUV([image[0]] * 4, faces_uvs, verts_uvs).join_scene().maps_ids_list() is None
    batch = torch.rand(4, 8, 8, 3)
    texels = TexturesUV(batch, faces_uvs, verts_uvs).texel_maps
    assert texels.texels.data_ptr() == batch.data_ptr()
    assert texels.table.tolist() == [[64 * i, 8, 8] for i in range(4)]
    one = TexturesUV(batch, faces_uvs, verts_uvs)[2].texel_maps  # what the others wear is left behind
    assert one.texels.data_ptr() == batch[2].data_ptr()
    assert one.texels.shape == (64, 3)


def test_gradients_of_an_expanded_map_are_those_of_each_mesh(fragments_of: FragmentsOf) -> None:
    maps = torch.rand(1, 4, 4, 1, requires_grad=True).expand(2, -1, -1, -1)
    texels = TexturesUV(maps, *random_uvs(2)).sample_textures(fragments_of([10, 10]))
    (grad,) = torch.autograd.grad(texels[1].sum(), maps)
    assert not grad[0].any()
    assert grad[1].any()


def test_negative_ids_count_from_the_end() -> None:
    image = torch.rand(1, 4, 4, 3)
    others = torch.tensor([[0, -3, -2], [-4, -2, -1]])
    for faces in ([QUAD_FACES, others], [others, QUAD_FACES]):
        textures = TexturesUV(image.expand(2, -1, -1, -1), faces, [QUAD_UVS, QUAD_UVS])
        one, other = textures.faces_verts_textures_packed().split(2)
        assert torch.equal(one, other)


def test_ids_of_int32() -> None:
    image = torch.rand(1, 2, 4, 4, 3)
    ids = torch.tensor([1, 0])
    wide = TexturesUV(image, [QUAD_FACES], [QUAD_UVS], [ids])
    narrow = TexturesUV(image, [QUAD_FACES.int()], [QUAD_UVS], [ids.int()])
    assert torch.equal(wide.faces_verts_textures_packed(), narrow.faces_verts_textures_packed())


@pytest.mark.parametrize("align_corners", [True, False])
def test_centers_for_image(align_corners: bool) -> None:
    """Where a vertex lies: a map whose texels hold their own place says it too."""
    height, width = 5, 7
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(7.0), indexing="ij")
    faces_uvs, verts_uvs = random_uvs(2)
    textures = TexturesUV([torch.rand(3, 3, 2), torch.stack([x, y], -1)], faces_uvs, verts_uvs)
    textures = TexturesUV(textures.maps_list(), faces_uvs, verts_uvs, align_corners=align_corners)
    centres = textures.centers_for_image(1)
    sampled = torch.empty(6, 2)
    sampled[faces_uvs[1]] = textures[1].faces_verts_textures_packed()
    torch.testing.assert_close(centres[faces_uvs[1]], sampled[faces_uvs[1]])
    corner = TexturesUV(textures.maps_list()[1:], [QUAD_FACES], [QUAD_UVS]).centers_for_image(0)
    assert corner.tolist() == [[0, height - 1], [width - 1, height - 1], [width - 1, 0], [0, 0]]


def test_scenes_keep_wrapping_and_borders() -> None:
    """Which maps packed into one image cannot: coordinates past an edge would fall on the neighbour."""
    verts, uvs = torch.rand(4, 3), 3 * QUAD_UVS - 1
    maps = [torch.zeros(2, 2, 1), torch.ones(3, 5, 1)]
    for padding_mode in ("border", "repeat", "reflection"):
        textures = TexturesUV(maps, [QUAD_FACES] * 2, [uvs] * 2, padding_mode=padding_mode)
        scene = join_meshes_as_scene(Meshes([verts] * 2, [QUAD_FACES] * 2, textures))
        assert scene.textures.maps_of_meshes == ((0, 1),)
        assert scene.textures.maps_ids_list()[0].tolist() == [0, 0, 1, 1]
        assert scene.textures.faces_verts_textures_packed().flatten(1).sum(1).tolist() == [0, 0, 3, 3]


def test_textures_of_half_the_width_and_twice(fragments_of: FragmentsOf) -> None:
    maps, uvs = torch.rand(2, 4, 4, 3), random_uvs(2)
    fragments = fragments_of([10, 10])
    wanted = TexturesUV(maps, *uvs).sample_textures(fragments)
    double = TexturesUV(maps.double(), *uvs).sample_textures(fragments)
    half = TexturesUV(maps.half(), *uvs).sample_textures(fragments)
    assert (double.dtype, half.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(double.float(), wanted)
    torch.testing.assert_close(half, wanted, rtol=1e-3, atol=1e-3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(TexturesUV(maps, *uvs).sample_textures(fragments), wanted)


def arguments(**changes: Any) -> dict[str, Any]:
    return {"maps": torch.rand(1, 4, 4, 3), "faces_uvs": [QUAD_FACES], "verts_uvs": [QUAD_UVS], **changes}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"maps": torch.rand(4, 4, 3)}, "maps must have shape (N, H, W, C), got (4, 4, 3)"),
        ({"maps": [torch.rand(4, 3)]}, "maps[0] must have shape (H, W, C), got (4, 3)"),
        ({"maps": [QUAD_UVS[..., None].numpy()]}, "maps[0] must be a torch.Tensor, got ndarray"),
        ({"maps": 3}, "maps must be a tensor or a list of maps, got int"),
        ({"maps": torch.zeros(1, 4, 4, 3).byte()}, "maps must be float32 or float64 or float16"),
        ({"maps": torch.zeros(1, 0, 4, 3)}, "maps must have texels, got shape (1, 0, 4, 3)"),
        (
            {"maps": [torch.rand(4, 4, 3), torch.rand(4, 4, 4)], "faces_uvs": [QUAD_FACES] * 2},
            "maps must be alike in channels, dtype and device, got (4, 4, 3) float32 on cpu and "
            "(4, 4, 4) float32 on cpu",
        ),
        (
            {"maps": torch.rand(2, 4, 4, 3)},
            "all arguments must be for as many meshes, got maps for 2, faces_uvs for 1, verts_uvs for 1",
        ),
        (
            {"maps_ids": [torch.zeros(2).long()]},
            "maps must have shape (N, M, H, W, C), got (1, 4, 4, 3)",
        ),
        (
            {"maps": [[torch.rand(4, 4, 3)]], "maps_ids": [torch.zeros(3).long()]},
            "maps_ids must hold an id a face: meshes have [2] faces in faces_uvs, but [3] ids",
        ),
        ({"maps": [[]], "maps_ids": [torch.zeros(2).long()]}, "maps[0] must hold a map at least"),
        ({"faces_uvs": [QUAD_FACES.float()]}, "faces_uvs[0] must be int64 or int32, got float32"),
        ({"faces_uvs": [QUAD_FACES[:, :2]]}, "faces_uvs[0] must have shape (F, 3), got (2, 2)"),
        ({"verts_uvs": QUAD_UVS}, "verts_uvs must have shape (N, V, 2), got (4, 2)"),
        ({"verts_uvs": "uv"}, "verts_uvs must be a list of tensors or a padded tensor, got str"),
        (
            {"padding_mode": "wrap"},
            "padding_mode must be one of border, zeros, reflection, repeat, got 'wrap'",
        ),
        (
            {"sampling_mode": "cubic"},
            "sampling_mode must be one of bilinear, nearest, trilinear, got 'cubic'",
        ),
        (
            {"verts_uvs": [QUAD_UVS.to("meta")]},
            "maps is on cpu, faces_uvs is on cpu, verts_uvs is on meta; move them to one device with .to()",
        ),
    ],
)
def test_bad_arguments(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"TexturesUV: {error}")):
        TexturesUV(**arguments(**changes))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"faces_uvs": [QUAD_FACES + 1]}, "faces_uvs[0] holds 4, outside [-4, 4), the ids of verts_uvs[0]"),
        ({"faces_uvs": [QUAD_FACES - 5]}, "faces_uvs[0] holds -5, outside [-4, 4), the ids of verts_uvs[0]"),
        (
            {"maps": torch.rand(1, 2, 4, 4, 3), "maps_ids": [torch.tensor([0, 2])]},
            "maps_ids[0] holds 2, outside [0, 2), the ids of maps[0]",
        ),
    ],
)
def test_ids_out_of_range(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(IndexError, match=re.escape(f"TexturesUV: {error}")):
        TexturesUV(**arguments(**changes))


def test_bad_joins() -> None:
    textures = TexturesUV(**arguments())
    for changes, error in (
        ({"padding_mode": "repeat"}, "padding_mode must be the same in all, got border and repeat"),
        ({"align_corners": False}, "align_corners must be the same in all, got False and True"),
        ({"maps": torch.rand(1, 4, 4, 1)}, "maps differ in channels: 3 and 1"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"TexturesUV.join_batch: {error}")):
            textures.join_batch([TexturesUV(**arguments(**changes))])
    one, other = TexturesVertex([torch.rand(4, 3)]), TexturesVertex([torch.rand(4, 2)])
    with pytest.raises(
        ValueError, match=re.escape("verts_features differ in shape beyond the rows: (4, 3) and")
    ):
        one.join_batch([other])
    with pytest.raises(
        ValueError, match=re.escape("TexturesVertex: verts_features[1] must have shape (V, D) with")
    ):
        TexturesVertex([torch.rand(4, 3), torch.rand(4, 2)])
    with pytest.raises(
        ValueError, match=r"verts_features.0. is float32 on cpu, verts_features.1. float64 on cpu"
    ):
        TexturesVertex([torch.rand(4, 3), torch.rand(4, 3).double()])


def test_bad_features_and_atlases() -> None:
    for make, error in (
        (
            lambda: TexturesVertex([None]),
            "TexturesVertex: verts_features[0] must be an array of shape (V, D)",
        ),
        (
            lambda: TexturesVertex(QUAD_UVS),
            "TexturesVertex: verts_features must have shape (N, V, D), got (4, 2)",
        ),
        (lambda: TexturesVertex(QUAD_FACES[None]), "TexturesVertex: verts_features must be float32 or"),
        (
            lambda: TexturesAtlas(torch.rand(1, 5, 0, 0, 3)),
            "TexturesAtlas: atlas must have texels, but R is 0",
        ),
        (
            lambda: TexturesAtlas([torch.rand(4, 3, 2, 3)]),
            "TexturesAtlas: atlas[0] must have shape (F, R, R, D)",
        ),
        (
            lambda: TexturesVertex([torch.rand(4, 3)]).sample_textures(at(0, 0)),
            "TexturesVertex.sample_textures: faces_packed must be an array of shape (F, 3), got None",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(error)):
            make()
    with pytest.raises(
        IndexError, match=re.escape("faces_packed holds 4, outside [0, 4), the ids of the packed")
    ):
        TexturesVertex([torch.rand(4, 3)]).sample_textures(at(0, 0), QUAD_FACES + 1)


@pytest.mark.parametrize(
    "textures",
    [
        TexturesVertex(torch.zeros(0, 5, 3)),
        TexturesAtlas(torch.zeros(0, 5, 2, 2, 3)),
        TexturesUV(torch.zeros(0, 4, 4, 3), torch.zeros(0, 5, 3).long(), torch.zeros(0, 5, 2)),
    ],
    ids=repr,
)
def test_padded_textures_of_no_meshes(textures: Any, fragments_of: FragmentsOf) -> None:
    Meshes(torch.zeros(0, 5, 3), torch.zeros(0, 5, 3).long(), textures)
    sampled = textures.extend(2).sample_textures(fragments_of([]), torch.zeros(0, 3).long())
    assert sampled.shape == (0, 4, 5, 3, 3)


def test_a_batch_with_materials_joins_one_without(fragments_of: FragmentsOf) -> None:
    faces_uvs, verts_uvs = random_uvs(1)
    one = TexturesUV(torch.rand(1, 3, 3, 2), faces_uvs, verts_uvs)
    other = TexturesUV(torch.rand(1, 2, 4, 4, 2), faces_uvs, verts_uvs, [torch.arange(10) % 2])
    fragments = fragments_of([10, 10])
    joined = one.join_batch([other]).sample_textures(fragments)
    for index, textures in enumerate((one, other)):
        alone = SimpleNamespace(
            pix_to_face=torch.where(fragments.pix_to_face < 0, -1, fragments.pix_to_face % 10)[index][None],
            bary_coords=fragments.bary_coords[index][None],
        )
        torch.testing.assert_close(joined[index][None], textures.sample_textures(alone))
