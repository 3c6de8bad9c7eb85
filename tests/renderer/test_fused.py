"""MeshRenderer inside one kernel against the same shaders through fragments, which a subclass takes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import (
    AmbientLights,
    BlendParams,
    DirectionalLights,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
    look_at_view_transform,
)
from r3d_cli.structures import Meshes, join_meshes_as_batch
from r3d_cli.utils import ico_sphere, torus

BLUR = 9.21e-4
LIGHTS = {
    "point": lambda: PointLights(location=((0.5, 1.0, -3.0),)),
    "directional": lambda: DirectionalLights(direction=((1.0, 1.0, 0.3),)),
    "ambient": AmbientLights,
}


class ExposedPhong(SoftPhongShader):
    pass


class ExposedSilhouette(SoftSilhouetteShader):
    pass


def cameras(count: int, kind: type = FoVPerspectiveCameras) -> Any:
    R, T = look_at_view_transform(2.7, 10.0, torch.linspace(0.0, 200.0, count))
    return kind(R=R.double(), T=T.double())


def textures(kind: str, meshes: Meshes) -> tuple[Any, list[Tensor]]:
    """Textures, and the tensors that they are made of."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    if kind == "vertex":
        colors = [draw(len(verts), 3) for verts in meshes.verts_list()]
        return TexturesVertex(colors), colors
    if kind == "atlas":
        atlas = [draw(len(faces), 3, 3, 3) for faces in meshes.faces_list()]
        return TexturesAtlas(atlas), atlas
    maps = [draw(4 + index, 5, 3) for index in range(len(meshes))]
    uvs = [draw(len(verts), 2) for verts in meshes.verts_list()]
    return TexturesUV(maps, meshes.faces_list(), uvs), [*maps, *uvs]


def two_meshes() -> Meshes:
    ring = torus(0.25, 0.6, 12, 20)
    return join_meshes_as_batch([ico_sphere(2).scale_verts(0.8), ring], include_textures=False)


def picture(shader: Any, meshes: Meshes, views: Any, K: int | None, **settings: Any) -> Tensor:
    settings = {"image_size": (40, 52), "blur_radius": BLUR, "faces_per_pixel": K, **settings}
    rasterizer = MeshRasterizer(views, RasterizationSettings(**settings))
    return MeshRenderer(rasterizer, shader)(meshes)


def assert_same(kind: str, make: Any, settings: dict[str, Any], K: int | None, views: Any) -> None:
    """Pictures, and gradients of all that is learnt, in float64."""
    results = []
    for fused in (True, False):
        meshes = two_meshes()
        verts = [part.double().requires_grad_() for part in meshes.verts_list()]
        meshes = Meshes(verts, meshes.faces_list())
        meshes.textures, shown = textures(kind, meshes)
        shader, learnt = make(fused, views)
        limit = 400 if K is None and not fused else K
        image = picture(shader, meshes, views, limit, **settings)
        (image * torch.cos(torch.arange(image.numel())).reshape(image.shape)).sum().backward()
        leaves = [*verts, *learnt, *(shown if isinstance(shader, SoftPhongShader) else [])]
        results.append((image.detach(), [leaf.grad for leaf in leaves]))
    (image, grads), (want, want_grads) = results
    torch.testing.assert_close(image, want, rtol=0, atol=1e-9)
    for grad, wanted in zip(grads, want_grads, strict=True):
        torch.testing.assert_close(grad, wanted, rtol=1e-6, atol=1e-7 * float(wanted.abs().max()))


def phong(fused: bool, views: Any, light: str = "point") -> tuple[Any, list[Tensor]]:
    lights = LIGHTS[light]()
    learnt = []
    for name, value in list(lights._tensors()):
        learnt.append(value.double().requires_grad_())
        setattr(lights, name, learnt[-1])
    materials = Materials(shininess=12.0)
    if light != "ambient":
        materials.specular_color = materials.specular_color.double().requires_grad_()
        learnt.append(materials.specular_color)
    background = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    blend = BlendParams(1e-4, 1e-2, background)
    kind = SoftPhongShader if fused else ExposedPhong
    return kind(cameras=views, lights=lights, materials=materials, blend_params=blend), [*learnt, background]


def silhouette(fused: bool, views: Any) -> tuple[Any, list[Tensor]]:
    kind = SoftSilhouetteShader if fused else ExposedSilhouette
    return kind(BlendParams(sigma=1e-4)), []


@pytest.mark.parametrize("kind", ["vertex", "uv", "atlas"])
@pytest.mark.parametrize("light", LIGHTS)
def test_soft_phong(light: str, kind: str) -> None:
    assert_same(kind, lambda fused, views: phong(fused, views, light), {}, None, cameras(2))


@pytest.mark.parametrize("K", [1, 7, None])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"blur_radius": 0.0},
        {"cull_backfaces": True},
        {"perspective_correct": False},
        {"z_clip_value": 2.2},
    ],
    ids=["blurred", "sharp", "culled", "affine", "clipped"],
)
def test_settings(settings: dict[str, Any], K: int | None) -> None:
    assert_same("vertex", phong, settings, K, cameras(2))
    assert_same("vertex", silhouette, settings, K, cameras(2))


def test_orthographic_cameras() -> None:
    assert_same("vertex", phong, {}, None, cameras(2, FoVOrthographicCameras))


@pytest.mark.parametrize("kind", ["vertex", "uv", "atlas"])
def test_one_mesh_seen_by_several_cameras(kind: str) -> None:
    mesh = ico_sphere(1)
    mesh.textures = textures(kind, mesh)[0]
    views = cameras(3)
    together = picture(phong(True, views)[0], mesh, views, None)
    for index in range(3):
        alone = picture(phong(True, views[index])[0], mesh, views[index], None)
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-12)


def test_gradients_reach_the_cameras() -> None:
    grads = []
    for fused in (True, False):
        R, T = look_at_view_transform(2.7, 10.0, 20.0)
        T = T.double().requires_grad_()
        views = FoVPerspectiveCameras(R=R.double(), T=T)
        mesh = ico_sphere(1)
        mesh.textures = textures("vertex", mesh)[0]
        image = picture(phong(fused, views)[0], mesh, views, 40)
        (image * torch.cos(torch.arange(image.numel())).reshape(image.shape)).sum().backward()
        grads.append(T.grad)
    torch.testing.assert_close(*grads, rtol=1e-7, atol=0)


def test_only_exact_types_and_modules_without_hooks_are_fused() -> None:
    views = cameras(1)
    with pytest.raises(ValueError, match="faces_per_pixel=None keeps no fragments"):
        picture(ExposedSilhouette(), ico_sphere(1), views, None)
    called = []
    shader = SoftSilhouetteShader()
    shader.register_forward_hook(lambda *_: called.append(True))
    picture(shader, ico_sphere(1), views, 8)
    assert called


def test_other_textures_and_lights_take_the_exposed_path() -> None:
    class MyLights(PointLights):
        def diffuse(self, normals: Tensor, points: Tensor) -> Tensor:
            return torch.zeros_like(normals)

    views, mesh = cameras(1), ico_sphere(1)
    mesh.textures = textures("vertex", mesh)[0]
    plain = picture(SoftPhongShader(cameras=views, lights=MyLights()), mesh, views, 8)
    lit = picture(SoftPhongShader(cameras=views, lights=PointLights()), mesh, views, 8)
    assert (plain - lit).abs().max() > 0.01


MEASURE = """
import resource, sys, torch
from r3d_cli.renderer import *
from r3d_cli.utils import ico_sphere

def run(level, size, K, cls):
    R, T = look_at_view_transform(2.7, 10.0, torch.linspace(0.0, 300.0, 4))
    views = FoVPerspectiveCameras(R=R, T=T)
    settings = RasterizationSettings(image_size=size, blur_radius=9.21e-4, faces_per_pixel=K)
    mesh = ico_sphere(level)
    verts = (mesh.verts_packed() * 0.8).requires_grad_()
    alpha = MeshRenderer(MeshRasterizer(views, settings), cls())(mesh.update_padded(verts[None]))[..., 3]
    alpha.sum().backward()

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

level, size, K = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) or None
run(1, 16, 4, SoftSilhouetteShader)
before = peak()
run(level, size, K, SoftSilhouetteShader)
print(peak() - before)
"""


def growth(*arguments: int) -> int:
    """MiB that a process's peak grows by."""
    command = [sys.executable, "-c", MEASURE, *map(str, arguments)]
    environment = {**os.environ, "R3D_NUM_THREADS": "2", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return int(done.stdout)


def test_memory_depends_on_neither_faces_nor_faces_per_pixel() -> None:
    """Four pictures of 256 x 256: picture and gradient take 8 MiB, fragments of K = 100 would take 730.

    A level more has four times the faces, of 24 bytes of ids, 12 of a vertex, its topology and gradients.
    """
    everything = growth(4, 256, 0)
    assert everything < 60
    assert growth(4, 256, 100) < everything + 30
    assert growth(5, 256, 0) < everything + 60
