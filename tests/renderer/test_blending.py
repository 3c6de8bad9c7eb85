"""Blending against the formulas written out slot by slot, and at extremes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import (
    BlendParams,
    Fragments,
    hard_rgb_blend,
    sigmoid_alpha_blend,
    softmax_rgb_blend,
)


def some_fragments(scale: float = 1e-4) -> tuple[Fragments, Tensor]:
    """Pixels with 0 to 4 faces, some far inside, some far outside, and their colours."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, 5, 4)
    filled = torch.arange(4) < torch.arange(15).reshape(3, 5, 1) % 5
    filled = filled.expand(shape)
    dists = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
    zbuf = 1 + 1e-2 * torch.rand(shape, generator=generator, dtype=torch.float64).sort(-1).values
    colors = torch.rand((*shape, 3), generator=generator, dtype=torch.float64)
    ids = torch.where(filled, 7, -1)
    empty = -torch.ones((), dtype=torch.float64)
    bary = torch.full((*shape, 3), 1 / 3, dtype=torch.float64)
    return Fragments(ids, torch.where(filled, zbuf, empty), bary, torch.where(filled, dists, empty)), colors


def test_soft_blending_is_the_formula() -> None:
    fragments, colors = some_fragments()
    params = BlendParams(1e-4, 1e-3, (0.1, 0.2, 0.3))
    image = softmax_rgb_blend(colors, fragments, params, znear=0.5, zfar=10.0)
    silhouette = sigmoid_alpha_blend(colors, fragments, params)
    for n, y, x in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(5)).tolist():
        covered = [k for k in range(4) if fragments.pix_to_face[n, y, x, k] >= 0]
        p = [1 / (1 + math.exp(float(fragments.dists[n, y, x, k]) / 1e-4)) for k in covered]
        z = [(10.0 - float(fragments.zbuf[n, y, x, k])) / 9.5 for k in covered]
        alpha = 1 - math.prod(1 - q for q in p)
        assert float(silhouette[n, y, x, 3]) == pytest.approx(alpha, abs=1e-12)
        nearest = max([*z, 1e-10])
        weights = [q * math.exp((d - nearest) / 1e-3) for q, d in zip(p, z, strict=True)]
        behind = max(math.exp((1e-10 - nearest) / 1e-3), 1e-10)
        for c, background in enumerate((0.1, 0.2, 0.3)):
            shown = sum(w * float(colors[n, y, x, k, c]) for w, k in zip(weights, covered, strict=True))
            want = (shown + behind * background) / (sum(weights) + behind)
            assert float(image[n, y, x, c]) == pytest.approx(want, abs=1e-12)
        assert float(image[n, y, x, 3]) == pytest.approx(alpha, abs=1e-12)


def test_hard_blending_shows_the_nearest_or_the_background() -> None:
    fragments, colors = some_fragments()
    image = hard_rgb_blend(colors, fragments, BlendParams(background_color=torch.tensor([0.1, 0.2, 0.3])))
    covered = fragments.pix_to_face[..., 0] >= 0
    torch.testing.assert_close(image[covered][:, :3], colors[..., 0, :][covered])
    assert (image[covered][:, 3] == 1).all()
    want = torch.tensor([0.1, 0.2, 0.3, 0.0]).double().expand_as(image[~covered])
    torch.testing.assert_close(image[~covered], want)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_however_far_the_edges(scale: float, dtype: torch.dtype) -> None:
    fragments, colors = some_fragments(scale)
    zbuf, dists, colors = (x.to(dtype).requires_grad_() for x in (fragments.zbuf, fragments.dists, colors))
    moved = fragments._replace(zbuf=zbuf, dists=dists)
    loss = softmax_rgb_blend(colors, moved, BlendParams()).square().sum()
    for grad in torch.autograd.grad(loss, (zbuf, dists, colors)):
        assert grad.isfinite().all()
        assert not grad[fragments.pix_to_face < 0].any()


def test_gradcheck() -> None:
    fragments, colors = some_fragments()
    params = BlendParams(1e-4, 1e-2)
    leaves = [x.clone().requires_grad_() for x in (fragments.zbuf, fragments.dists * 1e4, colors)]

    def blend(zbuf: Tensor, dists: Tensor, colors: Tensor) -> tuple[Tensor, Tensor]:
        moved = fragments._replace(zbuf=zbuf, dists=dists * 1e-4)
        return softmax_rgb_blend(colors, moved, params), sigmoid_alpha_blend(colors, moved, params)

    assert torch.autograd.gradcheck(blend, leaves)


def test_a_background_of_other_channels_is_an_error() -> None:
    fragments, colors = some_fragments()
    with pytest.raises(ValueError, match=r"background_color must have shape \(C,\) with C = 3, got \(4,\)"):
        hard_rgb_blend(colors, fragments, BlendParams(background_color=(0.0, 0.0, 0.0, 0.0)))
