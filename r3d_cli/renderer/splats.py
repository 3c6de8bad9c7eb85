"""Sums of splats in three layers, with the gradient written out: nine times less memory than recorded ones.

Everything lies in planes (..., H, W), which is how the loops over neighbours run fast.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

#: The depth of an empty slot: differences of two are 0, and others stay finite.
EMPTY = 1e37

_NEIGHBOURS = tuple(itertools.product((0, 1, 2), repeat=2))  # (down, right) in a picture with a margin of 1


def splat(colors: Tensor, positions: Tensor, depths: Tensor, sigma: float) -> Tensor:
    """Sum up what lands on each pixel from the 3 x 3 pixels around it.

    Args:
        colors: (C, K, N, H, W) of samples, nearest first.
        positions: (2, K, N, H, W) where they lie, pixels to the right and down from the picture's corner.
        depths: (K + 1, N, H, W) view depths, `EMPTY` in empty slots, of which the last must be one.
        sigma: Of the Gaussian, pixels.

    Returns:
        (3, C + 1, N, H, W) weighted sums of colours, and of weights, in the background, on the surface and in
        the foreground of each pixel's foremost sample. Gradients go to colours and positions.

    Example:
        >>> grey, center = torch.full((3, 1, 1, 1, 1), 0.7), torch.full((2, 1, 1, 1, 1), 0.5)
        >>> depths = torch.tensor([1.0, EMPTY]).reshape(2, 1, 1, 1)
        >>> splat(grey, center, depths, sigma=0.5)[1].flatten()
        tensor([0.7000, 0.7000, 0.7000, 1.0000])
    """
    return _Splat.apply(colors, positions, depths, sigma)


class _Splat(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, colors: Tensor, positions: Tensor, depths: Tensor, sigma: float) -> Tensor:
        ctx.save_for_backward(colors, positions, depths)
        ctx.sigma = sigma
        layers = colors.new_zeros(3, len(colors) + 1, *colors.shape[2:])
        around = pad(colors, [1, 1, 1, 1])
        for place, weights, levels, _ in _splats(positions, depths, sigma):
            for k, color in enumerate(around[place].unbind(1)):
                for layer, lands in zip(layers, (levels[k] > 0, levels[k] == 0, levels[k] < 0), strict=True):
                    weight = weights[k] * lands
                    layer[:-1].addcmul_(color, weight)
                    layer[-1] += weight
        return layers

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad_layers,) = grad_outputs
        colors, positions, depths = ctx.saved_tensors
        around = pad(colors, [1, 1, 1, 1])
        grad_colors, grad_positions = torch.zeros_like(around), pad(torch.zeros_like(positions), [1, 1, 1, 1])
        for place, weights, levels, offsets in _splats(positions, depths, ctx.sigma):
            for k, color in enumerate(around[place].unbind(1)):
                behind, before = levels[k] > 0, levels[k] < 0
                grad = torch.where(
                    behind, grad_layers[0], torch.where(before, grad_layers[2], grad_layers[1])
                )
                grad_colors[place][:, k].addcmul_(grad[:-1], weights[k])
                grad_weight = (grad[:-1] * color).sum(0) + grad[-1]
                pull = grad_weight * weights[k] / -(ctx.sigma**2)
                grad_positions[place][:, k].addcmul_(offsets[:, k], pull)
        inner = (..., slice(1, -1), slice(1, -1))
        return grad_colors[inner], grad_positions[inner], None, None


def _splats(
    positions: Tensor, depths: Tensor, sigma: float
) -> Iterator[tuple[tuple[Any, ...], Tensor, Tensor, Tensor]]:
    """Of each of the nine neighbours of all pixels: where to look in a picture with a margin; the weights of
    its samples, (K, N, H, W); the layers that they land in, as of `_levels`; and their offsets from the
    pixels' centres, (2, K, N, H, W)."""
    height, width = depths.shape[-2:]
    down, right = (torch.arange(side).to(positions) + 0.5 for side in (height, width))
    centers = torch.stack(torch.meshgrid(right, down, indexing="xy"))[:, None, None]  # (2, 1, 1, H, W)
    around = pad(positions, [1, 1, 1, 1])
    depths_around = pad(depths, [1, 1, 1, 1], value=EMPTY)
    for down_by, right_by in _NEIGHBOURS:
        place = (..., slice(down_by, down_by + height), slice(right_by, right_by + width))
        there = depths_around[place]
        offsets = around[place] - centers
        weights = (offsets.square().sum(0) * (-0.5 / sigma**2)).exp()
        yield place, torch.where(there[:-1] < EMPTY, weights, 0), _levels(depths, there), offsets


def _levels(here: Tensor, there: Tensor) -> Tensor:  # (K + 1, N, H, W) depths -> (K, N, H, W)
    """Where a neighbour's samples lie seen from a pixel's foremost surface: 0 on it, above 0 behind it."""
    to_theirs, their_slot = (here[:1] - there).abs().min(0)
    to_ours, our_slot = (here - there[:1]).abs().min(0)
    first = torch.where(to_theirs < to_ours, -their_slot, our_slot)
    return first + torch.arange(len(here) - 1, device=here.device)[:, None, None, None]
