"""`DepthPeelingRenderer`: all layers of transparent meshes, whatever their order and number."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import (
    DepthPeelingRenderer,
    FoVPerspectiveCameras,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    RasterizationSettings,
    TexturesVertex,
    TransparentShader,
    look_at_view_transform,
)
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere

SIZE = (24, 31)


def camera(**options: Any) -> FoVPerspectiveCameras:
    """At the origin, +z ahead, so that world and view coordinates are the same."""
    return FoVPerspectiveCameras(fov=60, **options)


def renderer(
    K: int, cameras: Any = None, size: Any = SIZE, shader: Any = None, **options: Any
) -> DepthPeelingRenderer:
    cameras = camera() if cameras is None else cameras
    rasterizer = MeshRasterizer(cameras, RasterizationSettings(size, faces_per_pixel=K))
    return DepthPeelingRenderer(rasterizer, shader or TransparentShader(shading="none"), **options)


def of_triangles(triangles: Tensor, rgba: Tensor) -> Meshes:  # (F, 3, 3), (F, 4) or (F, 3, 4)
    """Each face with corners, and corner colours, of its own."""
    if rgba.ndim == 2:
        rgba = rgba[:, None].expand(-1, 3, -1)
    faces = torch.arange(3 * len(triangles)).reshape(-1, 3)
    return Meshes([triangles.reshape(-1, 3)], [faces], TexturesVertex([rgba.reshape(-1, rgba.shape[-1])]))


def soup(count: int = 40, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Faces that cross each other, and a copy of one: triangles and colours."""
    generator = torch.Generator().manual_seed(seed)
    center = torch.rand(count, 1, 3, generator=generator, dtype=dtype) * torch.tensor([1.0, 1, 3])
    center = center + torch.tensor([-0.5, -0.5, 3.0])
    triangles = center + torch.randn(count, 3, 3, generator=generator, dtype=dtype)
    triangles[-1] = triangles[0]
    return triangles, torch.rand(count, 4, generator=generator, dtype=dtype) * 0.7


def everywhere(*depths: float, dtype: torch.dtype = torch.float64) -> Tensor:  # (F, 3, 3)
    """Faces that each cover the whole picture at one depth."""
    corners = torch.tensor([[-9.0, -5, 1], [9, -5, 1], [0, 13, 1]], dtype=dtype)
    return corners * torch.tensor(depths, dtype=dtype)[:, None, None]


def over(layers: list[Tensor]) -> Tensor:
    """Straight (4,) colours, back to front by the definition of Porter and Duff."""
    result = torch.zeros(4, dtype=torch.float64)
    for front in reversed(layers):
        alpha = front[3] + (1 - front[3]) * result[3]
        rgb = front[:3] * front[3] + (1 - front[3]) * result[3] * result[:3]
        result = torch.cat([rgb / alpha if alpha > 0 else rgb, alpha[None]])
    return result


@pytest.mark.parametrize("K", [1, 3, 8])
def test_equals_blending_all_layers_back_to_front(K: int) -> None:
    triangles, colors = soup()
    meshes = of_triangles(triangles, colors)
    image = renderer(K, threshold=0)(meshes)
    everything = renderer(40).rasterizer(meshes)
    depth = (everything.pix_to_face >= 0).sum(-1)
    assert depth.max() > 8
    for row, column in ((3, 4), (12, 15), (20, 9), (11, 22), (0, 0)):
        ids = everything.pix_to_face[0, row, column]
        want = over([colors[face] for face in ids[ids >= 0]])
        torch.testing.assert_close(image[0, row, column], want)
    assert (image[depth == 0] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neither_the_order_of_faces_nor_the_layers_at_a_time_matter(dtype: torch.dtype) -> None:
    triangles, colors = soup(dtype=dtype)
    triangles, colors = triangles[:-1], colors[:-1]  # without the copy, whose order is that of the ids
    want = renderer(4)(of_triangles(triangles, colors))
    order = torch.randperm(len(triangles), generator=torch.Generator().manual_seed(1))
    for K in (1, 2, 5, 64):
        for ids in (torch.arange(len(triangles)), order):
            got = renderer(K)(of_triangles(triangles[ids], colors[ids]))
            torch.testing.assert_close(got, want, rtol=0, atol=1e-6 if dtype == torch.float32 else 1e-14)
    assert want[..., 3].max() > 0.99


@pytest.mark.parametrize("threshold", [0.3, 1 / 255])
@pytest.mark.parametrize("K", [1, 4])
def test_what_is_left_out_is_below_the_threshold(threshold: float, K: int) -> None:
    meshes = of_triangles(*soup(60))
    all_layers, some = (renderer(K, threshold=t)(meshes) for t in (0, threshold))
    alpha, want_alpha = some[..., 3], all_layers[..., 3]
    assert ((want_alpha - alpha >= 0) & (want_alpha - alpha < threshold)).all()
    error = (some[..., :3] * alpha[..., None] - all_layers[..., :3] * want_alpha[..., None]).abs()
    assert (error < threshold).all()
    assert error.max() > threshold / 20, "the premise: something is left out"
    # No pixel goes on below the threshold, none stops above it: the layers that count are told by alpha.
    assert (1 - alpha[want_alpha - alpha > 1e-12] < threshold).all()


def test_coplanar_faces_go_by_id() -> None:
    red, green = torch.eye(4, dtype=torch.float64)[:2] + torch.tensor([0, 0, 0, 0.5], dtype=torch.float64)
    triangles = everywhere(2.0, 2.0)
    for first, second in ((red, green), (green, red)):
        for K in (1, 2, 3):
            image = renderer(K)(of_triangles(triangles, torch.stack([first, second])))
            want = over([first, second])
            torch.testing.assert_close(image, want.expand_as(image))


def test_crossing_faces_change_places_at_the_crossing() -> None:
    """Two planes that meet along the vertical line in the middle of the picture."""
    left_near = torch.tensor([[4.0, -4, 2], [4, 4, 2], [-4, 4, 4], [-4, -4, 4]], dtype=torch.float64)
    right_near = left_near * torch.tensor([-1, 1, 1], dtype=torch.float64)
    halves = [0, 1, 2], [0, 2, 3]
    triangles = torch.stack([quad[half] for quad in (left_near, right_near) for half in halves])
    red, green = torch.eye(4, dtype=torch.float64)[:2] + torch.tensor([0, 0, 0, 0.5], dtype=torch.float64)
    colors = torch.stack([red, red, green, green])
    image = renderer(1, size=16)(of_triangles(triangles, colors))
    # +x is on the picture's left, where the red quad is nearer.
    torch.testing.assert_close(image[0, :, :8], over([red, green]).expand(16, 8, 4))
    torch.testing.assert_close(image[0, :, 8:], over([green, red]).expand(16, 8, 4))


def test_max_layers() -> None:
    triangles, colors = soup()
    meshes = of_triangles(triangles, colors)
    ids = renderer(40).rasterizer(meshes).pix_to_face[0, 12, 15]
    assert (ids[:4] >= 0).all()
    for K in (1, 2, 3, 8):
        got = renderer(K, threshold=0, max_layers=3)(meshes)[0, 12, 15]
        torch.testing.assert_close(got, over([colors[face] for face in ids[:3]]))


@pytest.mark.parametrize("recompute", [False, True])
def test_gradients_equal_finite_differences(recompute: bool) -> None:
    """Of colours, opacities and vertices; the faces' edges are outside the picture, where nothing jumps."""
    generator = torch.Generator().manual_seed(0)
    triangles = everywhere(*torch.linspace(2, 5, 7).tolist())
    triangles[:, :, 2] += torch.rand(7, 3, generator=generator, dtype=torch.float64) * 0.1
    rgba = torch.rand(7, 3, 4, generator=generator, dtype=torch.float64) * 0.5 + 0.1
    weights = torch.rand(1, 5, 6, 4, generator=generator, dtype=torch.float64)
    verts_opacity = torch.rand(21, generator=generator, dtype=torch.float64) * 0.5 + 0.5
    faces_opacity = torch.rand(7, generator=generator, dtype=torch.float64) * 0.5 + 0.5

    def loss(triangles: Tensor, rgba: Tensor, verts_opacity: Tensor, faces_opacity: Tensor) -> Tensor:
        shader = TransparentShader(
            shading="none", verts_opacity=verts_opacity, faces_opacity=faces_opacity, opacity=0.9
        )
        image = renderer(2, size=(5, 6), shader=shader, threshold=0, recompute=recompute)(
            of_triangles(triangles, rgba)
        )
        return (image * weights).sum()

    inputs = triangles, rgba, verts_opacity, faces_opacity
    assert torch.autograd.gradcheck(loss, [part.requires_grad_() for part in inputs], atol=1e-6)


def test_gradients_with_light_equal_finite_differences() -> None:
    """Phong shading of crossing layers, to the vertices and the camera."""
    sphere = ico_sphere(1)
    verts = (sphere.verts_packed() * 4).double() + torch.tensor([0.13, 0.07, 5])  # no edge at a pixel centre
    colors = torch.rand(len(verts), 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.8
    weights = torch.rand(1, 4, 5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def loss(verts: Tensor, T: Tensor) -> Tensor:
        cameras = camera(R=torch.eye(3, dtype=torch.float64)[None], T=T)
        meshes = Meshes([verts], [sphere.faces_packed()], TexturesVertex([colors]))
        shader = TransparentShader(cameras=cameras)
        return (renderer(2, cameras, (4, 5), shader, threshold=0)(meshes) * weights).sum()

    inputs = [verts.requires_grad_(), torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)]
    assert torch.autograd.gradcheck(loss, inputs, eps=1e-7, atol=1e-4, rtol=1e-3)


def test_recomputed_gradients_are_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    triangles = soup()[0]
    colors = torch.rand(len(triangles), 3, 4, generator=generator, dtype=torch.float64) * 0.7
    weights = torch.rand(1, *SIZE, 4, generator=generator, dtype=torch.float64)
    grads = []
    for recompute in (False, True):
        inputs = [triangles.clone().requires_grad_(), colors.clone().requires_grad_()]
        image = renderer(3, recompute=recompute)(of_triangles(*inputs))
        grads.append(torch.autograd.grad((image * weights).sum(), inputs))
    assert all(grad.abs().max() > 0.1 for grad in grads[0])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("gradients", [False, True])
def test_memory_does_not_grow_with_the_depth(gradients: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """300 layers, 7 at a time: no more than two of the 43 sets of fragments are alive at any time."""
    alive: list[weakref.ref[Any]] = []
    most = [0]
    rasterize = MeshRasterizer.rasterize

    def watched(self: MeshRasterizer, *arguments: Any) -> Any:
        fragments = rasterize(self, *arguments)
        alive.append(weakref.ref(fragments.bary_coords.untyped_storage()))
        most[0] = max(most[0], sum(one() is not None for one in alive))
        return fragments

    monkeypatch.setattr(MeshRasterizer, "rasterize", watched)
    opacity = torch.full((300,), 0.01, dtype=torch.float64, requires_grad=gradients)
    shader = TransparentShader(shading="none", faces_opacity=opacity)
    meshes = of_triangles(everywhere(*torch.linspace(9, 2, 300).tolist()), torch.ones(300, 3).double())
    image = renderer(7, size=8, shader=shader, recompute=gradients)(meshes)
    torch.testing.assert_close(image[..., 3], torch.full((1, 8, 8), 1 - 0.99**300).double())
    if gradients:
        image[..., 3].sum().backward()
        assert opacity.grad is not None
        torch.testing.assert_close(opacity.grad, torch.full((300,), 64 * 0.99**299).double())
    assert len(alive) == (86 if gradients else 43)
    assert most[0] <= 2


def test_stops_once_the_picture_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    rasterize = MeshRasterizer.rasterize
    monkeypatch.setattr(
        MeshRasterizer, "rasterize", lambda self, *args: calls.append(1) or rasterize(self, *args)
    )
    colors = torch.full((100, 4), 0.5).double()
    image = renderer(1)(of_triangles(everywhere(*range(2, 102)), colors))
    assert len(calls) == 8  # 0.5⁸ is the first power below 1/255
    torch.testing.assert_close(image[..., 3], torch.full((1, *SIZE), 1 - 0.5**8).double())


def test_opaque_meshes_look_as_without() -> None:
    """Several cameras around one mesh, lit; and two meshes in a batch."""
    sphere = ico_sphere(2)
    sphere.textures = TexturesVertex(sphere.verts_padded().abs())
    R, T = look_at_view_transform(2.7, elev=10.0, azim=torch.tensor([0.0, 120.0]))
    cameras = FoVPerspectiveCameras(R=R, T=T)
    settings = RasterizationSettings(SIZE, faces_per_pixel=3)
    rasterizer = MeshRasterizer(cameras, settings)
    for meshes in (sphere, sphere.extend(2).scale_verts(torch.tensor([1.0, 0.6]))):
        want = MeshRenderer(rasterizer, HardPhongShader(cameras=cameras))(meshes)
        got = DepthPeelingRenderer(rasterizer, TransparentShader(cameras=cameras))(meshes)
        want[want[..., 3] == 0] = 0  # the background's colour
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("name", ["verts_opacity", "faces_opacity"])
def test_opacities_of_a_mesh_seen_twice(name: str) -> None:
    """Given once, or for both copies; they multiply the textures' own."""
    sphere = ico_sphere(2)
    alpha = torch.linspace(0.2, 1, len(sphere.verts_packed()))[:, None]
    sphere.textures = TexturesVertex([torch.cat([sphere.verts_packed().abs(), alpha], 1)])
    R, T = look_at_view_transform(2.7, azim=torch.tensor([0.0, 120.0]))
    cameras = FoVPerspectiveCameras(R=R, T=T)
    count = len(sphere.verts_packed()) if name == "verts_opacity" else len(sphere.faces_packed())
    opacity = torch.rand(count, generator=torch.Generator().manual_seed(0))
    images = [renderer(4, cameras)(sphere, **{name: given}) for given in (opacity, opacity.repeat(2))]
    torch.testing.assert_close(*images, rtol=0, atol=0)
    without = renderer(4, cameras)(sphere)
    assert (images[0][..., 3] <= without[..., 3]).all()
    assert (images[0][..., 3] < without[..., 3] - 0.1).any()
    one = renderer(4, cameras)(sphere, **{name: torch.ones(count)})
    torch.testing.assert_close(one, without)


def test_what_a_shader_leaves_in_other_slots_does_not_show() -> None:
    triangles, colors = soup()

    class Spoiled(TransparentShader):
        def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
            rgba = super().forward(fragments, meshes, **kwargs)
            return torch.where(fragments.pix_to_face[..., None] < 0, torch.nan, rgba)

    meshes = of_triangles(triangles, colors)
    torch.testing.assert_close(
        renderer(5, shader=Spoiled(shading="none"))(meshes), renderer(5)(meshes), rtol=0, atol=0
    )


def test_nothing_to_see() -> None:
    image = renderer(2)(of_triangles(everywhere(-1.0), torch.ones(1, 4).double()))
    assert image.shape == (1, *SIZE, 4)
    assert not image.any()


def test_bad_arguments_are_named() -> None:
    rasterizer, shader = renderer(1).rasterizer, TransparentShader(shading="none")
    with pytest.raises(ValueError, match=r"^DepthPeelingRenderer: threshold must lie in 0..1, got 2"):
        DepthPeelingRenderer(rasterizer, shader, threshold=2)
    with pytest.raises(ValueError, match=r"^DepthPeelingRenderer: max_layers must be at least 1, got 0"):
        DepthPeelingRenderer(rasterizer, shader, max_layers=0)
    with pytest.raises(
        ValueError, match=r"^TransparentShader: shading must be one of phong, flat, none, got"
    ):
        TransparentShader(shading="gouraud")
    triangles, colors = soup(5)
    meshes = of_triangles(triangles, colors)
    shape = r"must have shape \(F,\) with F = 5, got \(3,\)"
    with pytest.raises(ValueError, match=rf"^TransparentShader: faces_opacity {shape}"):
        renderer(1)(meshes, faces_opacity=torch.ones(3))
    shape = r"must have shape \(V,\), got \(15, 1\)"
    with pytest.raises(ValueError, match=rf"^TransparentShader: verts_opacity {shape}"):
        renderer(1)(meshes, verts_opacity=torch.ones(15, 1))
    with pytest.raises(ValueError, match=r"^TransparentShader: textures must have 3 or 4 channels, got 2"):
        renderer(1)(of_triangles(triangles, colors[:, :2]))
    with pytest.raises(ValueError, match=r"^DepthPeelingRenderer: the shader's colours must have shape"):
        renderer(1, shader=lambda fragments, meshes: torch.zeros(1, *SIZE, 3))(meshes)
