"""HardPhongShader in one pass against the same steps one by one, which a subclass takes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from r3d_cli.renderer import (
    AmbientLights,
    BlendParams,
    DirectionalLights,
    FishEyeCameras,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    HardPhongShader,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    PerspectiveCameras,
    PointLights,
    RasterizationSettings,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
    look_at_view_transform,
    one_pass,
)
from r3d_cli.structures import Meshes, join_meshes_as_batch
from r3d_cli.utils import ico_sphere, torus

LIGHTS: dict[str, Any] = {
    "point": lambda: PointLights(location=((0.5, 1.0, -3.0),)),
    "directional": lambda: DirectionalLights(direction=((1.0, 1.0, 0.3),)),
    "ambient": AmbientLights,
}
CAMERAS = {
    "perspective": FoVPerspectiveCameras,
    "orthographic": FoVOrthographicCameras,
    "focal": PerspectiveCameras,
    "fisheye": FishEyeCameras,
}


class Steps(HardPhongShader):
    pass


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lights of each call of the op."""
    seen: list[str] = []
    run = one_pass.hard_phong

    def recording(*given: Any, lights: str) -> Tensor:
        seen.append(lights)
        return run(*given, lights=lights)

    monkeypatch.setattr(one_pass, "hard_phong", recording)
    return seen


def cameras(count: int, kind: str = "perspective") -> tuple[Any, list[Tensor]]:
    """Cameras, and the tensors that they are made of."""
    R, T = look_at_view_transform(2.7, 10.0, torch.linspace(0.0, 200.0, count))
    pose = [R.double().requires_grad_(), T.double().requires_grad_()]
    return CAMERAS[kind](R=pose[0], T=pose[1]), pose


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


def two_meshes(verts: list[Tensor] | None = None) -> Meshes:
    both = join_meshes_as_batch(
        [ico_sphere(2).scale_verts(0.8), torus(0.25, 0.6, 12, 20)], include_textures=False
    )
    verts = [part.double().requires_grad_() for part in both.verts_list()] if verts is None else verts
    return Meshes(verts, both.faces_list())


def looks(light: str) -> tuple[dict[str, Any], list[Tensor]]:
    lights, materials = LIGHTS[light](), Materials(shininess=12.0)
    learnt = []
    for part in (lights, materials):
        for name, value in list(part._tensors()):
            learnt.append(value.double().requires_grad_())
            setattr(part, name, learnt[-1])
    background = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    blend = BlendParams(1e-4, 1e-4, background)
    return {"lights": lights, "materials": materials, "blend_params": blend}, [*learnt, background]


def picture(shader: Any, meshes: Meshes, views: Any, **settings: Any) -> Tensor:
    settings = {"image_size": (40, 52), **settings}
    return MeshRenderer(MeshRasterizer(views, RasterizationSettings(**settings)), shader)(meshes)


def assert_same(kind: str, light: str, camera: str = "perspective", **settings: Any) -> None:
    """Pictures, and gradients of all that is learnt, in float64."""
    results = []
    for shader in (HardPhongShader, Steps):
        meshes, (views, pose) = two_meshes(), cameras(2, camera)
        meshes.textures, shown = textures(kind, meshes)
        parts, learnt = looks(light)
        image = picture(shader(cameras=views, **parts), meshes, views, **settings)
        (image * torch.cos(torch.arange(image.numel())).reshape(image.shape)).sum().backward()
        leaves = [*meshes.verts_list(), *learnt, *shown, *pose]
        results.append((image.detach(), [leaf.grad for leaf in leaves]))
    (image, grads), (want, want_grads) = results
    torch.testing.assert_close(image, want, rtol=0, atol=1e-9)
    for grad, wanted in zip(grads, want_grads, strict=True):
        if wanted is None or grad is None:  # ambient light asks nothing of most
            assert not any(part.any() for part in (grad, wanted) if part is not None)
            continue
        torch.testing.assert_close(grad, wanted, rtol=1e-6, atol=1e-7 * float(wanted.abs().max()))


@pytest.mark.parametrize("kind", ["vertex", "uv", "atlas"])
@pytest.mark.parametrize("light", LIGHTS)
def test_equals_the_steps(light: str, kind: str, calls: list[str]) -> None:
    assert_same(kind, light)
    assert calls == [light]


@pytest.mark.parametrize("camera", CAMERAS)
def test_cameras(camera: str, calls: list[str]) -> None:
    assert_same("vertex", "point", camera)
    assert len(calls) == 1


def test_cameras_that_say_themselves_where_they_are(calls: list[str]) -> None:
    class Elsewhere(FoVPerspectiveCameras):
        def get_camera_center(self, **kwargs: Any) -> Tensor:
            return super().get_camera_center(**kwargs) + 1.0

    images = []
    for shader in (HardPhongShader, Steps):
        R, T = look_at_view_transform(2.7, 10.0, 20.0)
        mesh = ico_sphere(2)
        mesh.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
        views = Elsewhere(R=R, T=T)
        images.append(picture(shader(cameras=views), mesh, views))
    torch.testing.assert_close(*images)
    assert len(calls) == 1


@pytest.mark.parametrize("settings", [{"faces_per_pixel": 3, "blur_radius": 1e-3}, {"cull_backfaces": True}])
def test_settings(settings: dict[str, Any]) -> None:
    assert_same("uv", "point", **settings)


@pytest.mark.parametrize("kind", ["vertex", "uv", "atlas"])
def test_one_mesh_seen_by_several_cameras(kind: str) -> None:
    mesh = Meshes([two_meshes().verts_list()[0]], [two_meshes().faces_list()[0]])
    mesh.textures = textures(kind, mesh)[0]
    views = cameras(3)[0]
    parts = looks("point")[0]
    together = picture(HardPhongShader(cameras=views, **parts), mesh, views)
    for index in range(3):
        alone = picture(HardPhongShader(cameras=views[index], **parts), mesh, views[index])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-12)


def test_subclasses_are_called(calls: list[str]) -> None:
    """Of the shader, of lights, materials and textures: each may have changed a step."""

    class MyLights(PointLights):
        pass

    class MyMaterials(Materials):
        pass

    class MyTextures(TexturesVertex):
        pass

    views, mesh = cameras(1)[0], two_meshes()[0]
    colors = torch.ones_like(mesh.verts_padded())
    for make in (
        lambda: (Steps(cameras=views), TexturesVertex(colors)),
        lambda: (HardPhongShader(cameras=views, lights=MyLights()), TexturesVertex(colors)),
        lambda: (HardPhongShader(cameras=views, materials=MyMaterials()), TexturesVertex(colors)),
        lambda: (HardPhongShader(cameras=views), MyTextures(colors)),
    ):
        shader, mesh.textures = make()
        assert picture(shader, mesh, views)[..., 3].any()
        assert not calls
    mesh.textures = TexturesVertex(colors)
    parts = {"lights": PointLights(), "materials": Materials()}
    for part in parts.values():  # in the vertices' own precision
        for name, value in list(part._tensors()):
            setattr(part, name, value.double())
    picture(HardPhongShader(cameras=views, **parts), mesh, views)
    assert calls == ["point"]


def test_what_is_not_of_three_channels_or_of_one_dtype_takes_the_steps(calls: list[str]) -> None:
    R, T = look_at_view_transform(2.7, 10.0, 20.0)
    views, mesh = FoVPerspectiveCameras(R=R, T=T), ico_sphere(1)
    mesh.textures = TexturesVertex(torch.ones(1, 42, 1))
    gray = AmbientLights(torch.ones(1, 1)), Materials(*[torch.ones(1, 1)] * 3)
    blend = BlendParams(background_color=(1.0,))
    shader = HardPhongShader(cameras=views, lights=gray[0], materials=gray[1], blend_params=blend)
    assert picture(shader, mesh, views).shape[-1] == 2
    mesh.textures = TexturesVertex(torch.ones(1, 42, 3).double())
    assert picture(HardPhongShader(cameras=views), mesh, views).dtype == torch.float64
    assert not calls


class Count(TorchDispatchMode):
    """Counts PyTorch's operators."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, operator: Any, types: Any, given: Any = (), kwargs: Any = None) -> Any:
        self.calls[str(operator)] += 1
        return operator(*given, **(kwargs or {}))

    @property
    def aten(self) -> int:
        return sum(count for name, count in self.calls.items() if name.startswith("aten."))


def drawn(kind: str, shader: type) -> tuple[Any, Any, Any]:
    """A renderer's parts, and meshes that were drawn once."""
    R, T = look_at_view_transform(2.7, 10.0, 20.0)
    views, mesh = FoVPerspectiveCameras(R=R, T=T), ico_sphere(1)
    if kind == "vertex":
        mesh.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
    else:
        mesh.textures = TexturesUV(torch.rand(1, 8, 8, 3), mesh.faces_padded(), mesh.verts_padded()[..., :2])
    rasterizer, shader = MeshRasterizer(views, RasterizationSettings(image_size=32)), shader(cameras=views)
    MeshRenderer(rasterizer, shader)(mesh)
    return rasterizer, shader, mesh


@pytest.mark.parametrize("kind", ["vertex", "uv"])
def test_shading_takes_few_operators(kind: str) -> None:
    rasterizer, shader, mesh = drawn(kind, HardPhongShader)
    fragments = rasterizer(mesh)
    with Count() as count:
        shader(fragments, mesh)
    assert count.aten <= 10, count.calls
    assert count.calls["r3d.hard_phong_fwd.default"] == 1
    _, steps, _ = drawn(kind, Steps)
    with Count() as many:
        steps(fragments, mesh)
    assert many.aten > 5 * count.aten


@pytest.mark.parametrize("kind", ["vertex", "uv"])
def test_a_renderer_takes_few_operators_besides_its_rasterizer(kind: str) -> None:
    rasterizer, shader, mesh = drawn(kind, HardPhongShader)
    renderer = MeshRenderer(rasterizer, shader)
    with Count() as whole:
        renderer(mesh)
    with Count() as first:
        rasterizer(mesh)
    assert whole.aten - first.aten <= 10, whole.calls - first.calls
