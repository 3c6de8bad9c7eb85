"""The underscored names of PyTorch3D's textures, cameras, lights: read and written as client code does."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import (
    AmbientLights,
    BlendParams,
    FoVPerspectiveCameras,
    HardPhongShader,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    OrthographicCameras,
    PerspectiveCameras,
    PointLights,
    RasterizationSettings,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
)
from r3d_cli.structures import Meshes

FACES = torch.tensor([[0, 1, 2]])
CORNERS = torch.tensor([[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]])

COPIES: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    lambda textures: pickle.loads(pickle.dumps(textures)),
    lambda textures: textures.clone(),
    lambda textures: textures.detach(),
    lambda textures: textures[:],
    lambda textures: textures.extend(1),
]


def picture(meshes: Meshes) -> Tensor:  # (N, 9, 9, 3)
    camera = FoVPerspectiveCameras()
    shader = HardPhongShader(
        cameras=camera, lights=AmbientLights(), blend_params=BlendParams(background_color=(0, 0, 0))
    )
    renderer = MeshRenderer(MeshRasterizer(camera, RasterizationSettings(image_size=9)), shader)
    return renderer(meshes)[..., :3]


def uv(count: int = 1) -> TexturesUV:
    maps, corners = torch.zeros(count, 4, 4, 3), torch.rand(count, 3, 2)
    return TexturesUV(maps, FACES.expand(count, 1, 3), corners)


def atlas() -> TexturesAtlas:
    return TexturesAtlas(torch.zeros(2, 1, 2, 2, 3))


#: Textures of two meshes, a name, and white in its place.
WRITES: dict[str, tuple[Callable[[], Any], str, Any]] = {
    "maps padded": (lambda: uv(2), "_maps_padded", torch.ones(2, 5, 6, 3)),
    "maps list": (lambda: uv(2), "_maps_list", [torch.ones(2, 3, 3), torch.ones(4, 2, 3)]),
    "features padded": (
        lambda: TexturesVertex([torch.zeros(3, 3)] * 2),
        "_verts_features_padded",
        torch.ones(2, 3, 3),
    ),
    "features list": (
        lambda: TexturesVertex(torch.zeros(2, 3, 3)),
        "_verts_features_list",
        [torch.ones(3, 3), torch.ones(3, 3)],
    ),
    "features packed": (
        lambda: TexturesVertex(torch.zeros(2, 3, 3)),
        "_verts_features_packed",
        torch.ones(6, 3),
    ),
    "atlas padded": (
        lambda: TexturesAtlas(torch.zeros(2, 1, 2, 2, 3)),
        "_atlas_padded",
        torch.ones(2, 1, 3, 3, 3),
    ),
    "atlas list": (
        lambda: TexturesAtlas(torch.zeros(2, 1, 2, 2, 3)),
        "_atlas_list",
        [torch.ones(1, 2, 2, 3)] * 2,
    ),
    "atlas packed": (
        lambda: TexturesAtlas(torch.zeros(2, 1, 2, 2, 3)),
        "_atlas_packed",
        torch.ones(2, 2, 2, 3),
    ),
}


@pytest.mark.parametrize("case", WRITES)
def test_a_picture_shows_what_was_written(case: str) -> None:
    make, name, white = WRITES[case]
    meshes = Meshes([CORNERS] * 2, [FACES] * 2, textures=make())
    assert picture(meshes).sum() == 0  # all black; and every view is computed
    leaves = [x.clone().requires_grad_() for x in (white if isinstance(white, list) else [white])]
    setattr(meshes.textures, name, leaves if isinstance(white, list) else leaves[0])
    seen = picture(meshes)
    assert set(seen.detach().round(decimals=3).unique().tolist()) == {0.0, 1.0}
    seen.sum().backward()
    for leaf in leaves:
        assert leaf.grad is not None
        assert leaf.grad.sum() > 0
    for made in COPIES[3:]:
        assert torch.equal(picture(Meshes([CORNERS] * 2, [FACES] * 2, textures=made(meshes.textures))), seen)
    setattr(meshes.textures, name, white)
    for made in COPIES:
        assert torch.equal(picture(Meshes([CORNERS] * 2, [FACES] * 2, textures=made(meshes.textures))), seen)
    own = getattr(meshes.textures, name)
    for have, want in zip(own, white, strict=True):
        assert torch.equal(have, want)


@pytest.mark.parametrize(
    "names", [("_verts_uvs_padded", "_faces_uvs_padded"), ("_faces_uvs_list", "_verts_uvs_list")]
)
def test_coordinates_and_their_ids_are_written_one_after_the_other(names: tuple[str, str]) -> None:
    maps = torch.zeros(1, 8, 8, 3)
    maps[:, :, 4:] = 1.0  # the right half is white
    left = torch.tensor([[[0.0, 0.0], [0.2, 0.0], [0.0, 0.2]]])
    meshes = Meshes([CORNERS], [FACES], textures=TexturesUV(maps, FACES[None], left))
    assert picture(meshes).sum() == 0
    corners = torch.cat([left, left + torch.tensor([0.75, 0.0])], 1)
    values = {"_verts_uvs": corners, "_faces_uvs": FACES[None] + 3}
    for name in names:
        stem, _, view = name.rpartition("_")
        setattr(meshes.textures, name, values[stem] if view == "padded" else list(values[stem]))
    assert picture(meshes).max() == 1
    assert torch.equal(meshes.textures._verts_uvs_padded, corners)
    meshes.textures._faces_uvs_padded = FACES[None] + 9
    with pytest.raises(IndexError, match=r"TexturesUV: faces_uvs\[0\] holds 11, outside \[-6, 6\)"):
        picture(meshes)


def test_a_name_reads_as_its_public_view() -> None:
    several = TexturesUV(
        torch.rand(2, 3, 4, 4, 3), FACES.expand(2, 1, 3), torch.rand(2, 3, 2), torch.ones(2, 1).long()
    )
    names = {
        TexturesVertex(
            torch.rand(2, 3, 3)
        ): "verts_features_list verts_features_padded verts_features_packed",
        TexturesAtlas(torch.rand(2, 1, 2, 2, 3)): "atlas_list atlas_padded atlas_packed",
        uv(2): "maps_padded maps_list faces_uvs_padded faces_uvs_list verts_uvs_padded verts_uvs_list",
        several: "maps_padded maps_ids_list maps_ids_padded",
    }
    for textures, listed in names.items():
        for name in listed.split():
            ours, public = getattr(textures, f"_{name}"), getattr(textures, name)()
            assert len(ours) == len(public)
            for one, other in zip(ours, public, strict=True):
                assert torch.equal(one, other)
        assert textures._N == 2
    several._maps_ids_padded = torch.tensor([[2], [0]])
    assert torch.equal(
        several.faces_verts_textures_packed()[0, 0], several[0].faces_verts_textures_packed()[0, 0]
    )
    assert several.maps_ids_list()[0].tolist() == [2]


def test_the_numbers_of_rows_may_be_told() -> None:
    """As PyTorch3D's Meshes tells textures from padded tensors."""
    vertex, atlas = TexturesVertex(torch.rand(2, 3, 3)), TexturesAtlas(torch.rand(2, 4, 2, 2, 3))
    vertex._num_verts_per_mesh = [3, 1]
    atlas._num_faces_per_mesh = torch.tensor([1, 4])
    assert [len(rows) for rows in vertex.verts_features_list()] == vertex._num_verts_per_mesh == [3, 1]
    assert [len(rows) for rows in atlas.atlas_list()] == [1, 4]
    with pytest.raises(ValueError, match=r"TexturesVertex\._num_verts_per_mesh: \[9, 1\] do not fit"):
        vertex._num_verts_per_mesh = [9, 1]


def test_what_cannot_be_written_says_so() -> None:
    for textures in (uv(2), TexturesVertex(torch.rand(2, 3, 3)), TexturesAtlas(torch.rand(2, 4, 2, 2, 3))):
        kind = type(textures).__name__
        with pytest.raises(AttributeError, match=f"{kind}._N follows from other values: make new textures"):
            textures._N = 3
        with pytest.raises(
            AttributeError, match=rf"{kind}.device follows from other values: use \.to\(device\)"
        ):
            textures.device = torch.device("meta")
        textures._N, textures.device = 2, torch.device("cpu")  # nothing new
        textures.mine = textures._mine = 3
        assert textures.clone()._mine == textures.extend(2).mine == 3
    with pytest.raises(AttributeError, match="_maps_ids_padded: these textures have none; make new ones"):
        uv(2)._maps_ids_padded = torch.zeros(2, 1).long()
    with pytest.raises(ValueError, match=r"TexturesAtlas: _atlas_list\[0\] must have shape \(F, R, R, D\)"):
        TexturesAtlas(torch.rand(2, 4, 2, 2, 3))._atlas_list = [torch.rand(4, 2, 3, 3)] * 2


def test_the_device_of_cameras_lights_and_materials_is_the_object_that_was_given() -> None:
    device = torch.device("cpu")
    for kind in (FoVPerspectiveCameras, PerspectiveCameras, OrthographicCameras, PointLights, Materials):
        made = kind(device=device)
        for one in (made, made.clone(), kind().to(device), made.double()):
            assert one.device is device


def test_the_plane_of_a_camera_and_the_size_of_a_batch_may_be_written() -> None:
    camera = PerspectiveCameras(image_size=((10, 20),))
    camera._in_ndc = False
    assert not camera.in_ndc()
    for made in (camera.clone(), camera[0], copy.deepcopy(camera)):
        assert made._in_ndc is False
    lights = PointLights()
    lights._N = 3
    assert len(lights) == 3
