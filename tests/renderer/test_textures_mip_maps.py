"""Mip maps: their levels, which of them a pixel reads, and what that does to pictures."""

from __future__ import annotations

import doctest
import re
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from r3d_cli import renderer as r3d
from r3d_cli.renderer import screen
from r3d_cli.renderer.textures import TexturesUV, mip_maps
from r3d_cli.renderer.textures.filtering import (
    PADDING_MODES,
    level_of_detail,
    sample_mip_maps,
    sample_texels,
)
from r3d_cli.renderer.textures.texel_maps import TexelMaps
from r3d_cli.structures import Meshes

EVERY_WAY = [(padding, align) for padding in PADDING_MODES for align in (True, False)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def footprints(right: Tensor, down: Tensor) -> Tensor:  # (P, 2), (P, 2) -> (P, 2, 2)
    return torch.stack([right, down], -1)


@pytest.mark.parametrize("module", [mip_maps, screen])
def test_examples(module: object) -> None:
    globs = {"torch": torch}
    assert doctest.testmod(module, extraglobs=globs).failed == 0  # type: ignore[arg-type]


# -- Levels


@pytest.mark.parametrize("size", [(8, 4), (7, 4), (5, 9), (1, 6), (3, 1), (1, 1), (2, 13)])
def test_a_texel_is_the_mean_of_what_it_covers(size: tuple[int, int]) -> None:
    """Each level against the integral of the one before, a piecewise constant function."""

    def coverage(n: int) -> Tensor:  # (m, n)
        m = max(n // 2, 1)
        edges, texel = torch.arange(m + 1).double() * n / m, torch.arange(n)
        above = edges[1:, None].minimum(texel + 1.0)
        return (above - edges[:-1, None].maximum(texel.double())).clamp(min=0) * m / n

    levels = mip_maps.mip_levels(noise(*size, 3))
    assert [tuple(level.shape[:2]) for level in levels] == mip_maps.mip_sizes(*size)
    assert levels[-1].shape == (1, 1, 3)
    for larger, smaller in pairwise(levels):
        rows, columns = (coverage(n) for n in larger.shape[:2])
        torch.testing.assert_close(smaller, torch.einsum("ai,bj,ijc->abc", rows, columns, larger))


def test_the_table_names_the_levels() -> None:
    images = [noise(4, 6, 2), noise(1, 1, 2), noise(3, 2, 2)]
    mips = TexelMaps.of_images(images).mip_maps()
    assert mips.table.shape == (3, 3, 3)
    for image, chain in zip(images, mips.table.tolist(), strict=True):
        levels = mip_maps.mip_levels(image)
        levels += [levels[-1]] * (3 - len(levels))
        for level, (first, width, height) in zip(levels, chain, strict=True):
            got = mips.texels[first : first + height * width]
            assert torch.equal(got.unflatten(0, (height, width)), level)


def test_levels_of_constant_maps_are_kept_until_somebody_writes() -> None:
    image = noise(4, 4, 1)
    maps = TexelMaps.of_images([image])
    before = maps.mip_maps().texels
    assert maps.mip_maps().texels is before
    image += 1
    torch.testing.assert_close(maps.mip_maps().texels, before + 1)


# -- Sampling


def mips_of(image: Tensor) -> mip_maps.MipMaps:
    return TexelMaps.of_images([image]).mip_maps()


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("turned", [False, True])
def test_a_step_of_so_many_texels_reads_their_mean(level: int, turned: bool) -> None:
    """At whole levels, in the middle of a texel: that texel and nothing else."""
    image = noise(8, 16, 2)
    wanted = mip_maps.mip_levels(image)[level]
    height, width = wanted.shape[:2]
    row, column = (
        x.flatten() for x in torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    )
    uv = torch.stack([(column + 0.5) / width, 1 - (row + 0.5) / height], 1).double()
    step = torch.tensor([[2**level / 16, 0.0]]).double().expand(len(uv), 2)
    short = torch.tensor([[0.0, 0.3 * 2**level / 8]]).double().expand(len(uv), 2)
    along = footprints(short, -step) if turned else footprints(step, short)
    got = sample_mip_maps(mips_of(image), uv, None, along, padding_mode="border", align_corners=False)
    torch.testing.assert_close(got, wanted.flatten(0, 1), rtol=0, atol=1e-14)


def test_between_levels_their_mixture() -> None:
    image, uv = noise(8, 8, 3), torch.full((1, 2), 0.5).double()
    step = torch.tensor([[2**1.25 / 8, 0.0]]).double()
    along = footprints(step, torch.zeros(1, 2).double())
    got = sample_mip_maps(mips_of(image), uv, None, along, padding_mode="border", align_corners=False)
    first, second = (level for level in mip_maps.mip_levels(image)[1:3])
    torch.testing.assert_close(got[0], 0.75 * first[1:3, 1:3].mean((0, 1)) + 0.25 * second.mean((0, 1)))


@pytest.mark.parametrize(("padding_mode", "align_corners"), EVERY_WAY)
def test_magnified_it_is_bilinear(padding_mode: str, align_corners: bool) -> None:
    image, uv = noise(5, 7, 3), 5 * noise(200, 2) - 2
    how: dict[str, Any] = {"padding_mode": padding_mode, "align_corners": align_corners}
    along = footprints(0.1 * noise(200, 2, seed=1), 0.1 * noise(200, 2, seed=2))
    got = sample_mip_maps(mips_of(image), uv, None, along, **how)
    size = torch.tensor([[7, 5]])
    assert torch.equal(got, sample_texels(image.flatten(0, 1), uv, 0, size, sampling_mode="bilinear", **how))


@pytest.mark.parametrize(("padding_mode", "align_corners"), EVERY_WAY)
@pytest.mark.parametrize("size", [(8, 8), (5, 7)])
def test_padding_is_that_of_the_largest_level(
    size: tuple[int, int], padding_mode: str, align_corners: bool
) -> None:
    """At every level: outside one finds the border, nothing, the mirrored map or the map again."""
    image, uv = noise(*size, 2), noise(300, 2)
    how: dict[str, Any] = {"padding_mode": padding_mode, "align_corners": align_corners}
    along = footprints(*(torch.zeros(300, 2).double() for _ in range(2)))
    along[:, 0, 0] = 2 ** (4 * noise(300, seed=1) - 1) / max(size)

    def sample(uv: Tensor) -> Tensor:
        return sample_mip_maps(mips_of(image), uv, None, along, **how)

    inside = sample(uv)
    if padding_mode == "border":
        torch.testing.assert_close(sample(3 * uv - 1), sample((3 * uv - 1).clamp(0, 1)))
    elif padding_mode == "zeros":
        assert torch.equal(sample(uv + 9), torch.zeros_like(inside))
    elif padding_mode == "repeat":
        torch.testing.assert_close(sample(uv + 3), inside)
    else:
        torch.testing.assert_close(sample(2 - uv), inside)
        torch.testing.assert_close(sample(-uv), inside)


def test_a_gradient_of_colour_stays_itself_at_every_level() -> None:
    """A mean of an affine function is its value in the middle: levels lie exactly above each other."""
    for height, width in ((16, 16), (16, 32)):
        for align_corners in (True, False):
            y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            image = (3 + 2 * x - 5 * y)[..., None].double()
            uv = 0.4 + 0.2 * noise(100, 2)
            along = torch.zeros(100, 2, 2).double()
            along[:, 0, 0] = 2 ** (1.5 * noise(100)) / (width - align_corners)
            how: dict[str, Any] = {"padding_mode": "border", "align_corners": align_corners}
            got = sample_mip_maps(mips_of(image), uv, None, along, **how)
            right, up = uv.unbind(1)
            if align_corners:
                want = 3 + 2 * right * (width - 1) - 5 * (1 - up) * (height - 1)
            else:
                want = 3 + 2 * (right * width - 0.5) - 5 * ((1 - up) * height - 0.5)
            torch.testing.assert_close(got[:, 0], want)


@pytest.mark.parametrize(("padding_mode", "align_corners"), EVERY_WAY)
def test_gradients_to_maps_coordinates_and_footprints(padding_mode: str, align_corners: bool) -> None:
    """Through the levels to the map, and through the level of detail."""
    image, uv = noise(5, 6, 2).requires_grad_(), (3 * noise(12, 2) - 1).requires_grad_()
    steps = 2 ** (3 * noise(12, 2, 2, seed=2) - 1) / 6
    along = steps.requires_grad_()

    def sample(image: Tensor, uv: Tensor, along: Tensor) -> Tensor:
        how: dict[str, Any] = {"padding_mode": padding_mode, "align_corners": align_corners}
        return sample_mip_maps(mips_of(image), uv, None, along, **how)

    assert torch.autograd.gradcheck(sample, (image, uv, along))


def test_footprints_that_are_no_numbers_or_huge() -> None:
    image, uv = noise(4, 4, 1), torch.full((4, 2), 0.4).double()
    along = torch.zeros(4, 2, 2).double()
    along[:, 0, 0] = torch.tensor([torch.nan, torch.inf, 1e300, 0])
    assert torch.isfinite(level_of_detail(along, torch.tensor([[4, 4]]))).all()
    got = sample_mip_maps(mips_of(image), uv, None, along, padding_mode="border", align_corners=False)
    torch.testing.assert_close(got[1:3, 0], image.mean().expand(2))
    assert got[0] == got[3]


def test_maps_of_different_sizes_have_their_own_levels() -> None:
    images = [noise(8, 8, 3), noise(1, 5, 3), noise(16, 2, 3)]
    mips = TexelMaps.of_images(images).mip_maps()
    which = torch.arange(90) % 3
    uv, along = 3 * noise(90, 2) - 1, 2 ** (8 * noise(90, 2, 2) - 6)
    for padding_mode, align_corners in EVERY_WAY:
        how: dict[str, Any] = {"padding_mode": padding_mode, "align_corners": align_corners}
        got = sample_mip_maps(mips, uv, which, along, **how)
        for index, image in enumerate(images):
            mine = which == index
            alone = sample_mip_maps(mips_of(image), uv[mine], None, along[mine], **how)
            torch.testing.assert_close(got[mine], alone)


# -- Derivatives along the picture


def bary_at(corners: Tensor, points: Tensor, perspective: bool) -> Tensor:  # (P, 3, 3), (P, 2) -> (P, 3)
    """From the inverse of the corners as a matrix."""
    w = corners[..., 2:] if perspective else torch.ones_like(corners[..., 2:])
    homogeneous = torch.cat([corners[..., :2] * w, w], -1)
    at = torch.cat([points, torch.ones_like(points[:, :1])], 1)
    weights = torch.linalg.solve(homogeneous.transpose(1, 2), at[..., None])[..., 0]
    return weights / weights.sum(1, keepdim=True)


@pytest.mark.parametrize("perspective", [False, True])
def test_barycentric_derivatives_are_finite_differences(perspective: bool) -> None:
    """Also of faces that reach behind the camera, of which the rasterizer draws the part before it."""
    corners, points = 2 * noise(50, 3, 3) - 1, 2 * noise(50, 2, seed=1) - 1
    corners[:40, :, 2] += 1.5
    bary = bary_at(corners, points, perspective)
    got = screen.barycentric_derivatives(corners, bary, perspective)
    for axis in range(2):
        step = torch.zeros(2).double()
        step[axis] = 1e-6
        ends = (bary_at(corners, points + sign * step, perspective) for sign in (1, -1))
        upper, lower = ends
        scale = got[..., axis].abs().amax(1, keepdim=True)
        torch.testing.assert_close(
            got[..., axis] / scale, (upper - lower) / 2e-6 / scale, rtol=1e-4, atol=1e-4
        )


def test_faces_without_area_have_none() -> None:
    line = torch.tensor([[[0.0, 0, 1], [1, 1, 2], [2, 2, 3]]]).requires_grad_()
    along = screen.barycentric_derivatives(line, torch.full((1, 3), 1 / 3), True)
    assert not along.any()
    assert torch.isfinite(torch.autograd.grad(along.sum(), line)[0]).all()


# -- Pictures


def floor(maps: Tensor, sampling_mode: str, repeat: float = 1.0, **how: Any) -> Meshes:
    """A square from below the camera to far away."""
    verts = torch.tensor([[-20.0, -1, 1], [20, -1, 1], [20, -1, 41], [-20, -1, 41]], dtype=maps.dtype)
    uvs = repeat * torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]], dtype=maps.dtype)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    return Meshes([verts], [faces], TexturesUV(maps, [faces], [uvs], sampling_mode=sampling_mode, **how))


def draw(meshes: Meshes, size: int, shader: type = r3d.HardPhongShader, **settings: Any) -> Tensor:
    cameras = r3d.FoVPerspectiveCameras(R=torch.eye(3, dtype=meshes.verts_packed().dtype)[None])
    lights = r3d.AmbientLights()
    rasterizer = r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(size, **settings))
    return r3d.MeshRenderer(rasterizer, shader(cameras=cameras, lights=lights))(meshes)


def test_the_footprint_is_how_far_neighbouring_pixels_are_apart() -> None:
    """On a plane seen at a slant: the mean of the steps to both neighbours, but for third derivatives."""
    meshes = floor(torch.zeros(1, 4, 4, 1).double(), "trilinear")
    cameras = r3d.FoVPerspectiveCameras(R=torch.eye(3).double()[None])
    fragments = r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(256))(meshes)
    slots = r3d.screen.CoveredSlots("", fragments.pix_to_face, fragments.bary_coords, 2)
    uvs = meshes.textures.verts_uvs_list()[0][meshes.faces_packed()]  # (2, 3, 2)
    along = torch.einsum("pij,pic->pcj", fragments.screen.barycentric_derivatives(slots), uvs[slots.faces])
    uv = slots.spread((slots.bary[..., None] * uvs[slots.faces]).sum(1))[0, ..., 0, :]
    got = slots.spread(along.flatten(1))[0, ..., 0, :].unflatten(-1, (2, 2))
    near = slice(200, 250), slice(20, 236)
    right = (uv.roll(-1, 1) - uv.roll(1, 1)) / 2
    down = (uv.roll(-1, 0) - uv.roll(1, 0)) / 2
    torch.testing.assert_close(got[..., 0][near], right[near], rtol=1e-2, atol=1e-9)
    torch.testing.assert_close(got[..., 1][near], down[near], rtol=1e-2, atol=1e-9)


@pytest.mark.parametrize("shader", [r3d.HardPhongShader, r3d.SoftPhongShader, r3d.HardFlatShader])
def test_a_far_checkerboard_does_not_shimmer(shader: type) -> None:
    """Against the picture of many samples a pixel, trilinear errs less than bilinear by far."""
    board = (torch.arange(128)[:, None] // 4 + torch.arange(128) // 4) % 2
    maps = board[None, ..., None].expand(1, 128, 128, 3).float()
    how: dict[str, Any] = {"repeat": 2.0, "padding_mode": "repeat", "align_corners": False}
    fine = draw(floor(maps, "bilinear", **how), 64 * 16)[0, ..., 0]
    truth = fine.unflatten(0, (64, 16)).unflatten(2, (64, 16)).mean((1, 3))
    far = slice(34, 44)  # from just below the horizon
    errors = {}
    for mode in ("bilinear", "trilinear"):
        picture = draw(floor(maps, mode, **how), 64, shader)[0, ..., 0]
        errors[mode] = (picture - truth)[far].square().mean().sqrt()
    assert errors["trilinear"] < errors["bilinear"] / 2, errors


def test_a_picture_moves_with_all_it_depends_on() -> None:
    """Finite differences of a rendered loss to vertices, maps and coordinates, float64, inside one face."""
    generator = torch.Generator().manual_seed(0)
    verts = torch.tensor([[-9.0, -6, 3], [9, -6, 3], [0, 30, 15]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2]])
    leaves = [verts, noise(1, 6, 5, 2), torch.tensor([[0.0, 0], [4, 0], [0, 5]], dtype=torch.float64)]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    weights = torch.rand(9, 9, 2, generator=generator, dtype=torch.float64)

    def loss(verts: Tensor, maps: Tensor, uvs: Tensor) -> Tensor:
        textures = TexturesUV(maps, [faces], [uvs], None, "repeat", False, "trilinear")
        meshes = Meshes([verts], [faces], textures)
        cameras = r3d.FoVPerspectiveCameras(R=torch.eye(3, dtype=torch.float64)[None])
        fragments = r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(9))(meshes)
        assert (fragments.pix_to_face == 0).all()
        return (meshes.sample_textures(fragments)[0, ..., 0, :] * weights).sum()

    grads = torch.autograd.grad(loss(*leaves), leaves)
    for i, grad in enumerate(grads):
        differences = torch.zeros_like(grad)
        for at in range(grad.numel()):
            values = []
            for sign in (1, -1):
                moved = [leaf.detach().clone() for leaf in leaves]
                moved[i].view(-1)[at] += sign * 1e-6
                values.append(loss(*moved))
            differences.view(-1)[at] = (values[0] - values[1]) / 2e-6
        torch.testing.assert_close(grad, differences, rtol=1e-4, atol=1e-6 * float(grad.abs().max()))


def test_batches_that_share_or_mix_maps_look_as_each_alone() -> None:
    maps = [noise(16, 16, 3).float(), noise(7, 9, 3).float()]
    alone = [draw(floor(image[None], "trilinear"), 24) for image in maps]
    both = r3d.textures.TexturesUV
    singles = [floor(image[None], "trilinear") for image in maps]
    assert all(isinstance(single.textures, both) for single in singles)
    joined = singles[0].textures.join_batch([singles[1].textures])
    meshes = Meshes([m.verts_list()[0] for m in singles], [m.faces_list()[0] for m in singles], joined)
    torch.testing.assert_close(draw(meshes, 24), torch.cat(alone))
    torch.testing.assert_close(draw(singles[0].extend(2), 24), alone[0].expand(2, -1, -1, -1))


def test_fragments_without_a_screen_are_refused() -> None:
    meshes = floor(noise(1, 4, 4, 3).float(), "trilinear")
    plain = SimpleNamespace(
        pix_to_face=torch.zeros(1, 1, 1, 1).long(), bary_coords=torch.ones(1, 1, 1, 1, 3) / 3
    )
    wanted = "TexturesUV.sample_textures: fragments must know their screen for mip maps"
    with pytest.raises(ValueError, match=re.escape(wanted)):
        meshes.sample_textures(plain)
    corners = meshes.textures.faces_verts_textures_packed()  # at single points: bilinear
    assert corners.shape == (2, 3, 3)


def test_detached_fragments_keep_their_screen() -> None:
    meshes = floor(noise(1, 4, 4, 3).float(), "trilinear")
    verts = meshes.verts_packed().requires_grad_()
    moving = Meshes([verts], meshes.faces_list(), meshes.textures)
    fragments = r3d.MeshRasterizer(r3d.FoVPerspectiveCameras())(moving)
    assert fragments.screen.verts.requires_grad
    assert not moving.sample_textures(fragments.detach()).requires_grad
