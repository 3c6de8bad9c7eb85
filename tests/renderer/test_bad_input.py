"""Renderings that cannot be: one line that names the class, what it got and the mend. And vertices of NaN."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli import renderer as r3d
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere

SHADERS = {
    kind.__name__: kind
    for kind in (
        r3d.HardPhongShader,
        r3d.SoftPhongShader,
        r3d.HardFlatShader,
        r3d.HardGouraudShader,
        r3d.SoftGouraudShader,
        r3d.SplatterPhongShader,
    )
}


def cameras(count: int = 1) -> r3d.FoVPerspectiveCameras:
    R, T = r3d.look_at_view_transform(2.7, 10.0, torch.arange(count) * 20.0)
    return r3d.FoVPerspectiveCameras(R=R, T=T)


def sphere(textures: Any = "white", N: int = 1) -> Meshes:
    meshes = ico_sphere(1)
    verts = meshes.verts_padded()
    if textures == "white":
        textures = r3d.TexturesVertex(torch.ones_like(verts))
    elif textures == "map":
        textures = r3d.TexturesUV(torch.ones(1, 2, 2, 3), meshes.faces_padded(), verts[..., :2])
    meshes.textures = textures
    return meshes.extend(N)


def draw(shader: Any, meshes: Meshes, seen_by: Any = None, **settings: Any) -> Tensor:
    rasterizer = r3d.MeshRasterizer(seen_by or cameras(), r3d.RasterizationSettings(16, **settings))
    return r3d.MeshRenderer(rasterizer, shader)(meshes)


@pytest.mark.parametrize("name", SHADERS)
def test_missing_textures(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: the meshes have no textures; set meshes.textures to"):
        draw(SHADERS[name](cameras=cameras()), sphere(None))


@pytest.mark.parametrize("name", ["HardGouraudShader", "SoftGouraudShader"])
def test_textures_that_have_no_colours_at_vertices(name: str) -> None:
    wanted = (
        rf"^{name}: textures must be TexturesVertex, whose colours are at the vertices, got TexturesUV; "
        rf"use TexturesVertex or {name.replace('Gouraud', 'Phong')}$"
    )
    with pytest.raises(ValueError, match=wanted):
        draw(SHADERS[name](cameras=cameras()), sphere("map"))


@pytest.mark.parametrize("name", SHADERS)
@pytest.mark.parametrize("channels", [2, 4, 7])
def test_textures_of_other_channels_than_lights(name: str, channels: int) -> None:
    textures = r3d.TexturesVertex(torch.ones(1, 42, channels))
    with pytest.raises(ValueError, match=f"textures have {channels} channels, but lights and materials 3; "):
        draw(SHADERS[name](cameras=cameras()), sphere(textures))


@pytest.mark.parametrize("name", SHADERS)
@pytest.mark.parametrize("what", ["cameras", "lights", "materials"])
def test_batches_that_do_not_fit_the_meshes(name: str, what: str) -> None:
    three = {
        "cameras": cameras(3),
        "lights": r3d.PointLights(location=torch.rand(3, 3)),
        "materials": r3d.Materials(shininess=(1.0, 2.0, 3.0)),
    }
    shader = SHADERS[name](**{"cameras": cameras(), what: three[what]})
    with pytest.raises(ValueError, match=rf"^{name}: 3 {what} do not fit a batch of 2 meshes; give one, or"):
        draw(shader, sphere(N=2))


def test_cameras_that_do_not_fit_the_meshes() -> None:
    with pytest.raises(ValueError, match=r"^MeshRasterizer: 3 cameras do not fit 2 meshes"):
        draw(r3d.SoftSilhouetteShader(), sphere(N=2), cameras(3))


@pytest.mark.parametrize("name", SHADERS)
def test_no_cameras(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: no cameras; give them when it is made or called$"):
        draw(SHADERS[name](), sphere())
    with pytest.raises(ValueError, match=r"^MeshRasterizer: no cameras; give them when it is made or called"):
        r3d.MeshRasterizer()(sphere())


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"faces_per_pixel": 0}, "faces_per_pixel must be at least 1, got 0"),
        ({"faces_per_pixel": -3}, "faces_per_pixel must be at least 1, got -3"),
        ({"faces_per_pixel": 1.5}, "faces_per_pixel must be a whole number, got 1.5"),
        ({"image_size": 0}, "image_size must be at least 1 pixel a side, got 0"),
        ({"image_size": (8, -1)}, r"image_size must be at least 1 pixel a side, got \(8, -1\)"),
        ({"blur_radius": -1e-9}, "blur_radius must be a finite number >= 0, got -1e-09"),
        ({"blur_radius": float("nan")}, "blur_radius must be a finite number >= 0, got nan"),
        ({"blur_pixels": -1.0}, "blur_pixels must be at least 0, got -1.0"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=f"^RasterizationSettings: {error}"):
        r3d.RasterizationSettings(**settings)
    if "blur_pixels" in settings:
        return
    named = {"image_size": 8, "faces_per_pixel": 1} | settings
    with pytest.raises(ValueError, match=f"^rasterize_meshes: {next(iter(settings))} "):
        r3d.rasterize_meshes(sphere(), **named)


def test_every_face_takes_a_shader_that_blends_them() -> None:
    with pytest.raises(ValueError, match="faces_per_pixel=None keeps no fragments; give a number, or use a"):
        draw(SHADERS["HardGouraudShader"](cameras=cameras()), sphere(), faces_per_pixel=None)


def test_background_of_other_channels() -> None:
    shader = r3d.HardPhongShader(cameras=cameras(), blend_params=r3d.BlendParams(background_color=(0.0,) * 4))
    with pytest.raises(ValueError, match=r"^BlendParams: background_color must have shape \(C,\) with C = 3"):
        draw(shader, sphere())


@pytest.mark.parametrize("name", [*SHADERS, "SoftSilhouetteShader"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_faces_with_vertices_that_are_not_finite_are_skipped_and_counted(name: str, value: float) -> None:
    """The rest of the picture and of the gradient is as if these faces were not there."""
    shader = SHADERS[name](cameras=cameras()) if name in SHADERS else r3d.SoftSilhouetteShader()
    verts, faces = ico_sphere(1).get_mesh_verts_faces(0)
    broken = (faces == 3).any(1)

    def gradient(y_of_3: float, faces: Tensor) -> tuple[Tensor, Tensor]:
        moved = verts.clone()
        moved[3, 1] = y_of_3
        moved.requires_grad_()
        picture = draw(shader, Meshes([moved], [faces], r3d.TexturesVertex([verts.abs()])), faces_per_pixel=2)
        return picture.detach(), torch.autograd.grad(picture.square().sum(), moved)[0]

    with pytest.warns(UserWarning, match=f"{int(broken.sum())} of 80 faces have vertices that are not"):
        picture, grad = gradient(value, faces)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        want, want_grad = gradient(float(verts[3, 1]), faces[~broken])
    torch.testing.assert_close(picture, want)
    others = torch.arange(42) != 3
    torch.testing.assert_close(grad[others], want_grad[others], rtol=1e-4, atol=1e-5)


def test_strict_raises_for_vertices_that_are_not_finite() -> None:
    verts, faces = ico_sphere(1).get_mesh_verts_faces(0)
    verts = verts.clone()
    verts[3, 1] = float("nan")
    with pytest.raises(ValueError, match=r"^rasterize_meshes: \d+ of 80 faces have vertices that are not"):
        draw(r3d.SoftSilhouetteShader(), Meshes([verts], [faces]), strict=True)
