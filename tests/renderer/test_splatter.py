"""Splatting: against the definition written out pixel by pixel, its gradients at edges, layers, bad input."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli import renderer as r3d
from r3d_cli.structures import Meshes

SIDE = 32
PIXEL = 2 / SIDE
HALF = 0.53
CAMERA = r3d.OrthographicCameras(R=torch.eye(3).double()[None])
PARAMS = r3d.BlendParams(0.5, 1e-4, (0.1, 0.2, 0.3))


def square(shift: Tensor, half: float = HALF, depth: float = 3.0) -> tuple[Tensor, Tensor]:
    """A fronto-parallel square, moved by (x, y)."""
    corners = half * torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]).double()
    return corners + torch.cat([shift, shift.new_tensor([depth])]), torch.tensor([[0, 1, 2], [0, 2, 3]])


def draw(*parts: tuple[Tensor, Tensor, tuple[float, float, float]], K: int = 2, **kwargs: Any) -> Tensor:
    """The picture (H, W, 4) of plain coloured parts, one mesh."""
    verts, faces, colors, before = [], [], [], 0
    for v, f, color in parts:
        verts.append(v)
        faces.append(f + before)
        colors.append(v.new_tensor(color).expand(len(v), 3))
        before += len(v)
    meshes = Meshes([torch.cat(verts)], [torch.cat(faces)], r3d.TexturesVertex([torch.cat(colors)]))
    rasterizer = r3d.MeshRasterizer(CAMERA, r3d.RasterizationSettings(SIDE, faces_per_pixel=K))
    options = {"cameras": CAMERA, "lights": r3d.AmbientLights(), "blend_params": PARAMS} | kwargs
    return r3d.MeshRenderer(rasterizer, r3d.SplatterPhongShader(**options))(meshes)[0]


def still(x: float = 0.0, y: float = 0.0) -> Tensor:
    return torch.tensor([x, y], dtype=torch.float64)


def by_definition(
    colors: Tensor, positions: Tensor, depths: Tensor, empty: Tensor, background: Tensor
) -> Tensor:
    """The picture (H, W, C + 1) of samples (H, W, K, ...), a pixel at a time; sigma is half a pixel."""
    height, width, K = empty.shape
    picture = torch.zeros(height, width, colors.shape[-1] + 1, dtype=colors.dtype)
    near = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]

    def surfaces(y: int, x: int) -> list[float]:
        return [float(depths[y, x, k]) for k in range(K) if not empty[y, x, k]]

    for y in range(height):
        for x in range(width):
            layers = {place: torch.zeros(colors.shape[-1] + 1).to(colors) for place in (-1, 0, 1)}
            kernel = 0.0
            for down, right in near:
                v, u = y + down, x + right
                if not (0 <= v < height and 0 <= u < width):
                    continue
                kernel += math.exp(-(down**2 + right**2) / (2 * 0.5**2))
                ours, theirs = surfaces(y, x), surfaces(v, u)
                if not theirs:
                    continue
                if ours:
                    behind = min(range(len(ours)), key=lambda k: abs(ours[k] - theirs[0]))
                    before = min(range(len(theirs)), key=lambda k: abs(ours[0] - theirs[k]))
                    gaps = abs(ours[0] - theirs[before]), abs(ours[behind] - theirs[0])
                    first = -before if gaps[0] < gaps[1] else behind
                else:
                    first = -K  # all in front of an empty pixel
                for k in range(len(theirs)):
                    place = max(-1, min(1, first + k))
                    squared = (positions[v, u, k] - torch.tensor([x + 0.5, y + 0.5])).square().sum()
                    weight = torch.exp(-squared / (2 * 0.5**2))
                    layers[place] += weight * torch.cat([colors[v, u, k], torch.ones(1).to(colors)])
            over = torch.cat([background, torch.zeros(1).to(background)])
            for place in (1, 0, -1):
                layer = layers[place] * 1.05 / kernel
                layer = layer / layer[-1].clamp(min=1)
                over = layer + (1 - layer[-1]) * over
            picture[y, x] = over
    return picture


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("K", [1, 2, 4])
def test_equals_the_definition(K: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, 5, 7, K)
    empty = torch.arange(K) >= torch.randint(0, K + 1, shape[:3], generator=generator)[..., None]
    depths = torch.rand(shape, generator=generator, dtype=torch.float64).sort(-1).values + 1
    colors = torch.rand((*shape, 3), generator=generator, dtype=torch.float64)
    centers = torch.stack(torch.meshgrid(torch.arange(7), torch.arange(5), indexing="xy"), -1) + 0.5
    jitter = torch.rand((*shape, 2), generator=generator, dtype=torch.float64) - 0.5
    positions = centers[:, :, None] + jitter
    ndc = (torch.tensor([7.0, 5.0]) - 2 * positions) / 5
    R, T = r3d.look_at_view_transform(3.0, torch.tensor([20.0, 50.0]), torch.tensor([30.0, -70.0]))
    cameras = r3d.PerspectiveCameras(R=R.double(), T=T.double(), focal_length=1.7)
    view = torch.cat([ndc * depths[..., None] / 1.7, depths[..., None]], -1)
    world = cameras.get_world_to_view_transform().inverse().transform_points(view.flatten(1, 3))
    points = torch.where(empty[..., None], math.nan, world.reshape(view.shape)).requires_grad_()
    colors = torch.where(empty[..., None], math.inf, colors).requires_grad_()

    got = r3d.SplatterBlender(shape, "cpu")(colors, points, cameras, empty, PARAMS)
    background = torch.tensor(PARAMS.background_color, dtype=torch.float64)
    for n in range(2):
        parts = (part[n] for part in (colors, positions, depths, empty))
        torch.testing.assert_close(got[n], by_definition(*parts, background), rtol=1e-9, atol=1e-9)
    for grad in torch.autograd.grad(got.square().sum(), (colors, points)):
        assert grad[~empty].abs().amax() > 0
        assert not grad[empty].any()


def test_a_square_is_opaque_inside_and_soft_at_its_edges() -> None:
    picture = draw((*square(still()), (0.9, 0.5, 0.2)))
    covered = int(HALF / PIXEL)  # pixels from the centre to the last one inside
    first, last = SIDE // 2 - covered, SIDE // 2 + covered
    inner = picture[first + 1 : last - 1, first + 1 : last - 1]
    want = inner.new_tensor([0.9, 0.5, 0.2, 1.0]).expand_as(inner)
    torch.testing.assert_close(inner, want, rtol=1e-12, atol=1e-12)
    middle = picture[SIDE // 2, :, 3]
    assert ((middle > 0) & (middle < 1)).nonzero().flatten().tolist() == [first - 1, first, last - 1, last]
    outside = torch.ones(SIDE, SIDE, dtype=torch.bool)
    outside[first - 1 : last + 1, first - 1 : last + 1] = False
    want = picture.new_tensor([*PARAMS.background_color, 0]).expand_as(picture[outside])
    assert torch.equal(picture[outside], want)


def test_a_wall_over_the_whole_picture_is_opaque_to_its_border() -> None:
    picture = draw((*square(still(), half=2.0), (0.9, 0.5, 0.2)))
    want = picture.new_tensor([0.9, 0.5, 0.2, 1.0]).expand_as(picture)
    torch.testing.assert_close(picture, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_gradient_of_a_moving_square_is_that_of_whole_pixels_of_motion(axis: int) -> None:
    """Sampled pictures only change when an edge passes a pixel centre; a pixel's motion changes them truly.

    A tenth is missing: splats end after one pixel, and what passes through the saturated inside is lost.
    """
    place = torch.arange(SIDE, dtype=torch.float64)
    bump = torch.exp(-(((place - SIDE / 4) / 3) ** 2))  # around one edge
    weights = bump.expand(SIDE, SIDE) if axis == 0 else bump[:, None].expand(SIDE, SIDE)

    def loss(shift: Tensor) -> Tensor:
        return (draw((*square(shift), (1.0, 1.0, 1.0)))[..., 3] * weights).sum()

    for phase in range(8):
        shift = still(0.013 * PIXEL, 0.017 * PIXEL)
        shift[axis] += phase / 8 * PIXEL
        step = torch.zeros(2).double()
        step[axis] = PIXEL
        difference = float(loss(shift + step) - loss(shift - step)) / (2 * PIXEL)
        (grad,) = torch.autograd.grad(loss(shift.requires_grad_()), shift)
        assert float(grad[axis]) == pytest.approx(difference, rel=0.12)
        assert abs(float(grad[1 - axis])) < 0.02 * abs(difference)


def test_the_gradient_is_exact_where_samples_keep_their_faces() -> None:
    """Splats are a smooth function of the vertices, for given fragments; lights and colours too."""
    generator = torch.Generator().manual_seed(0)
    faces = torch.tensor([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
    corners = torch.tensor([[1.0, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]).double()
    R, T = r3d.look_at_view_transform(4.0, 20.0, 30.0)
    weights = torch.rand((1, 20, 20, 4), generator=generator, dtype=torch.float64)
    leaves = [corners, T.double(), torch.tensor([[1.0, 2, 3]]).double(), torch.rand(4, 3).double()]
    leaves = [leaf.requires_grad_() for leaf in leaves]

    def meshes(verts: Tensor, colors: Tensor) -> Meshes:
        return Meshes([verts], [faces], r3d.TexturesVertex([colors]))

    rasterizer = r3d.MeshRasterizer(
        r3d.FoVPerspectiveCameras(R=R.double(), T=T.double()), r3d.RasterizationSettings(20, 0.0, 2)
    )
    fragments = rasterizer(meshes(leaves[0], leaves[3]))

    def loss(verts: Tensor, T: Tensor, location: Tensor, colors: Tensor) -> Tensor:
        cameras = r3d.FoVPerspectiveCameras(R=R.double(), T=T)
        shader = r3d.SplatterPhongShader(cameras=cameras, lights=r3d.PointLights(location=location))
        return (shader(fragments, meshes(verts, colors)) * weights).sum()

    assert torch.autograd.gradcheck(loss, leaves, eps=1e-6, atol=1e-5, rtol=1e-4)


def test_an_edge_before_a_surface_is_between_the_two() -> None:
    """With two slots it is known what the edge hides: no background shows between them."""
    front, wall = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    shift = still(0.01 * PIXEL, 0.02 * PIXEL).requires_grad_()
    picture = draw((*square(shift), front), (*square(still(), half=2.0, depth=4.0), wall))
    assert (picture[..., 3] > 1 - 1e-12).all()
    assert (picture[..., 1].abs() < 1e-12).all(), "the background's green"
    row = picture[SIDE // 2, :, 0]
    alone = draw((*square(shift), front))[SIDE // 2, :, 3]
    torch.testing.assert_close(row, alone, rtol=1e-9, atol=1e-9)  # the front's coverage is its red
    (grad,) = torch.autograd.grad(row[SIDE // 2 :].sum(), shift)
    assert grad[0] * PIXEL == pytest.approx(-0.9, abs=0.1), "x goes to the left: red leaves this half"


def test_colours_inside_follow_the_texture() -> None:
    """Where a ramp of colours moves with its square, d picture / dx = -slope: the excess weight shows it."""
    corners, faces = square(still(), half=2.0)
    shift = torch.zeros(1).double().requires_grad_()
    moved = corners + torch.cat([shift, torch.zeros(2).double()])
    colors = (corners[:, :1] / 4 + 0.5).expand(4, 3)
    meshes = Meshes([moved], [faces], r3d.TexturesVertex([colors]))
    rasterizer = r3d.MeshRasterizer(CAMERA, r3d.RasterizationSettings(SIDE, faces_per_pixel=2))
    shader = r3d.SplatterPhongShader(cameras=CAMERA, lights=r3d.AmbientLights())
    inside = r3d.MeshRenderer(rasterizer, shader)(meshes)[0, 8:-8, 8:-8, 0]
    (grad,) = torch.autograd.grad(inside.mean(), shift)
    # Of an unbounded Gaussian it would be -1/4; the variance of 3 x 3 samples is smaller than sigma's.
    gaussian = torch.exp(-2 * torch.tensor([1.0, 0, 1]))
    variance = float(2 * gaussian[0] / gaussian.sum())
    assert float(grad) == pytest.approx(-0.25 * variance / 0.5**2, rel=1e-6)


def test_in_a_renderer_with_a_batch_and_other_cameras() -> None:
    meshes = Meshes(*map(list, zip(square(still()), square(still(0.2)), strict=True)))
    meshes.textures = r3d.TexturesVertex(torch.ones(2, 4, 3).double())
    rasterizer = r3d.MeshRasterizer(CAMERA, r3d.RasterizationSettings(SIDE, faces_per_pixel=2))
    renderer = r3d.MeshRenderer(rasterizer, r3d.SplatterPhongShader(cameras=CAMERA))
    both = renderer(meshes)
    for n in range(2):
        assert torch.equal(both[n : n + 1], renderer(meshes[n]))
    moved = renderer(meshes[0], T=torch.tensor([[0.2, 0.0, 0.0]]).double())
    torch.testing.assert_close(moved, both[1:], rtol=1e-9, atol=1e-9)


def test_an_empty_mesh_is_the_background() -> None:
    picture = draw((torch.zeros(0, 3).double(), torch.zeros(0, 3).long(), (1.0, 1.0, 1.0)))
    assert torch.equal(picture, picture.new_tensor([*PARAMS.background_color, 0]).expand_as(picture))


@pytest.mark.filterwarnings("error")
def test_sigma_is_half_a_pixel_or_warned_of() -> None:
    shader = r3d.SplatterPhongShader(cameras=CAMERA)
    shader.check_blend_params(shader.blend_params)
    with pytest.warns(UserWarning, match="SplatterPhongShader: sigma is 0.0001, but here it is in pixels"):
        draw((*square(still()), (1.0, 1.0, 1.0)), blend_params=r3d.BlendParams())


def test_it_moves_between_devices() -> None:
    blender = r3d.SplatterBlender((1, 2, 3, 1), "cpu")
    assert blender.to("meta") is blender
    assert blender.device == torch.device("meta")
    shader = r3d.SplatterPhongShader()
    shader.splatter_blender = r3d.SplatterBlender((1, 2, 3, 1), "cpu")
    shader.to("meta")
    assert {shader.splatter_blender.device, shader.lights.device, shader.materials.device} == {
        torch.device("meta")
    }


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=re.escape("SplatterBlender: input_shape must be (N, H, W, K), got")):
        r3d.SplatterBlender((4, 4, 1), "cpu")  # type: ignore[arg-type]
    blender = r3d.SplatterBlender((1, 2, 3, 1), "cpu")
    colors, points, empty = torch.zeros(1, 2, 3, 1, 3), torch.ones(1, 2, 3, 1, 3), torch.zeros(1, 2, 3, 1)
    with pytest.raises(ValueError, match=re.escape("colors must have shape (N, H, W, K, C) with N = 1")):
        blender(colors[:, 1:], points, CAMERA, empty.bool(), PARAMS)
    with pytest.raises(ValueError, match="SplatterBlender: background_mask must be bool, got float32"):
        blender(colors, points, CAMERA, empty, PARAMS)
    with pytest.raises(ValueError, match="SplatterBlender: sigma must be above 0 pixels, got 0"):
        blender(colors, points, CAMERA, empty.bool(), PARAMS._replace(sigma=0))
    with pytest.raises(ValueError, match=re.escape("background_color must have shape (C,) with C = 3")):
        blender(colors, points, CAMERA, empty.bool(), PARAMS._replace(background_color=(0.0,)))
    with pytest.raises(ValueError, match="SplatterPhongShader: no cameras"):
        draw((*square(still()), (1.0, 1.0, 1.0)), cameras=None)
