"""Filtering of packed maps: against grid_sample for one map, closed forms, and what grid_sample lacks."""

from __future__ import annotations

import doctest

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from r3d_cli.renderer.textures import TexturesUV, atlas, filtering, uv, vertex


def sample(
    image: Tensor,  # (H, W, C)
    points: Tensor,  # (P, 2)
    sampling_mode: str = "bilinear",
    padding_mode: str = "border",
    align_corners: bool = True,
) -> Tensor:  # (P, C)
    return filtering.sample_texels(
        image.flatten(0, 1),
        points,
        0,
        torch.tensor([[image.shape[1], image.shape[0]]]),
        sampling_mode=sampling_mode,
        padding_mode=padding_mode,
        align_corners=align_corners,
    )


def grid_sample(
    image: Tensor, points: Tensor, sampling_mode: str, padding_mode: str, align_corners: bool
) -> Tensor:
    return functional.grid_sample(
        image.flip(0).permute(2, 0, 1)[None],
        2 * points[None, None] - 1,
        mode=sampling_mode,
        padding_mode=padding_mode,
        align_corners=align_corners,
    )[0, :, 0].T


@given(
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    seed=st.integers(0, 1000),
    sampling_mode=st.sampled_from(["bilinear", "nearest"]),
    padding_mode=st.sampled_from(["border", "zeros", "reflection"]),
    align_corners=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_one_map_is_sampled_as_grid_sample_does(
    size: tuple[int, int], seed: int, sampling_mode: str, padding_mode: str, align_corners: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(*size, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    points = (6 * torch.rand(40, 2, dtype=torch.float64, generator=generator) - 2.5).requires_grad_()
    how = (sampling_mode, padding_mode, align_corners)
    mine, theirs = sample(image, points, *how), grid_sample(image, points, *how)
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9)
    cotangent = torch.randn(40, 2, dtype=torch.float64, generator=generator)
    (grad_mine,) = torch.autograd.grad(mine, image, cotangent, retain_graph=True)
    (grad_theirs,) = torch.autograd.grad(theirs, image, cotangent, retain_graph=True)
    torch.testing.assert_close(grad_mine, grad_theirs, rtol=0, atol=1e-9)
    if sampling_mode == "bilinear":
        (grad_mine,) = torch.autograd.grad(mine, points, cotangent)
        (grad_theirs,) = torch.autograd.grad(theirs, points, cotangent)
        torch.testing.assert_close(grad_mine, grad_theirs, rtol=0, atol=1e-7)


@pytest.mark.parametrize("sampling_mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding_mode", ["border", "zeros", "reflection"])
def test_nearest_ties_and_corners_are_grid_samples(sampling_mode: str, padding_mode: str) -> None:
    """Coordinates at texel centres, at the middle between them and at the edges, exact in binary."""
    for align_corners, (height, width) in ((True, (5, 9)), (False, (4, 8))):
        image = torch.arange(float(height * width)).reshape(height, width, 1)
        u, v = torch.linspace(0, 1, 17), torch.linspace(0, 1, 9)
        points = torch.cartesian_prod(u, v)
        how = (sampling_mode, padding_mode, align_corners)
        torch.testing.assert_close(sample(image, points, *how), grid_sample(image, points, *how))


def test_an_affine_map_is_reproduced() -> None:
    """Bilinear filtering of a + b x + c y is exact between the outermost centres."""
    height, width = 5, 8
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = (3 + 2 * x - 5 * y)[..., None].double()
    points = torch.rand(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    u, v = points.unbind(1)
    centres = 3 + 2 * u * (width - 1) - 5 * (1 - v) * (height - 1)
    torch.testing.assert_close(sample(image, points)[:, 0], centres)
    inner = 0.1 + 0.8 * points  # half a texel from the edges
    u, v = inner.unbind(1)
    edges = 3 + 2 * (u * width - 0.5) - 5 * ((1 - v) * height - 0.5)
    torch.testing.assert_close(sample(image, inner, align_corners=False)[:, 0], edges)


def test_v_points_up() -> None:
    corners = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    image = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[..., None]
    for sampling_mode in ("bilinear", "nearest"):
        assert sample(image, corners, sampling_mode)[:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding_mode", ["border", "reflection", "repeat"])
@pytest.mark.parametrize("sampling_mode", ["bilinear", "nearest"])
def test_a_map_of_one_texel_is_one_colour(sampling_mode: str, padding_mode: str, align_corners: bool) -> None:
    points = 8 * torch.rand(20, 2, generator=torch.Generator().manual_seed(0)) - 4
    colour = torch.tensor([[[0.25, 0.5, 0.75]]])
    texels = sample(colour, points, sampling_mode, padding_mode, align_corners)
    torch.testing.assert_close(texels, colour[0].expand(20, 3))


@pytest.mark.parametrize("sampling_mode", ["bilinear", "nearest"])
def test_repeat_tiles_the_map(sampling_mode: str) -> None:
    """With its edges at 0 and 1, a repeated map is nine copies side by side, seams included."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, 4, 2, generator=generator, dtype=torch.float64)
    points = 3 * torch.rand(200, 2, generator=generator, dtype=torch.float64) - 1
    inside = (points > -1 + 0.2) & (points < 2 - 0.2)
    points = points[inside.all(1)]
    tiled = sample(image.repeat(3, 3, 1), (points + 1) / 3, sampling_mode, "border", False)
    torch.testing.assert_close(sample(image, points, sampling_mode, "repeat", False), tiled)


def test_repeat_with_centres_at_the_corners_is_border_inside_and_periodic_outside() -> None:
    image = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = torch.cartesian_prod(*2 * [torch.linspace(0, 1, 11, dtype=torch.float64)])
    texels = sample(image, points)
    assert torch.equal(sample(image, points, "bilinear", "repeat"), texels)
    within = ((points > 0) & (points < 1)).all(1)
    for shift in (-2, 1, 5):
        again = sample(image, points[within] + shift, "bilinear", "repeat")
        torch.testing.assert_close(again, texels[within])


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding_mode", filtering.PADDING_MODES)
@pytest.mark.parametrize("sampling_mode", filtering.SAMPLING_MODES)
def test_coordinates_that_are_no_numbers_read_nothing_else(
    sampling_mode: str, padding_mode: str, align_corners: bool
) -> None:
    """Huge, infinite and NaN coordinates: nothing outside the map is read."""
    image = torch.rand(3, 4, 1, generator=torch.Generator().manual_seed(0))
    wild = torch.tensor([1e30, -1e30, torch.inf, -torch.inf, torch.nan])
    points = torch.cat([torch.stack([wild, torch.full_like(wild, 0.5)], 1), torch.tensor([[0.5, 0.5]])])
    how = (sampling_mode, padding_mode, align_corners)
    texels = sample(image, points, *how)
    torch.testing.assert_close(texels[-1:], sample(image, points[-1:], *how))
    assert texels.shape == (6, 1)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding_mode", filtering.PADDING_MODES)
def test_maps_of_different_sizes_are_each_sampled_at_their_own(
    padding_mode: str, align_corners: bool
) -> None:
    generator = torch.Generator().manual_seed(0)
    images = [torch.rand(*size, 3, generator=generator).double() for size in ((2, 5), (1, 1), (4, 3), (1, 6))]
    sizes = torch.tensor([(image.shape[1], image.shape[0]) for image in images])
    texels = torch.cat([image.flatten(0, 1) for image in images])
    first = torch.tensor([0, 10, 11, 23])
    which = torch.randint(0, 4, (100,), generator=generator)
    points = (5 * torch.rand(100, 2, generator=generator, dtype=torch.float64) - 2).requires_grad_()
    for sampling_mode in filtering.SAMPLING_MODES:
        got = filtering.sample_texels(
            texels,
            points,
            first[which],
            sizes[which],
            sampling_mode=sampling_mode,
            padding_mode=padding_mode,
            align_corners=align_corners,
        )
        for index, image in enumerate(images):
            mine = which == index
            alone = sample(image, points[mine], sampling_mode, padding_mode, align_corners)
            torch.testing.assert_close(got[mine], alone)
            if sampling_mode == "bilinear":
                (grad,) = torch.autograd.grad(got[mine].sum(), points, retain_graph=True)
                (grad_alone,) = torch.autograd.grad(alone.sum(), points, retain_graph=True)
                torch.testing.assert_close(grad, grad_alone)


@pytest.mark.parametrize("module", [filtering, uv, vertex, atlas])
def test_examples(module: object) -> None:
    globs = {"torch": torch, "TexturesUV": TexturesUV}
    assert doctest.testmod(module, extraglobs=globs).failed == 0  # type: ignore[arg-type]
