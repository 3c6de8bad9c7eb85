"""Blending: the faces at a pixel to one colour and an alpha."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from r3d_cli.checks import check_shape
from r3d_cli.renderer.utils import format_tensor

_SMALLEST_WEIGHT = 1e-10  # of the background, and the depth at which it lies


class BlendParams(NamedTuple):
    """How faces blend.

    Attributes:
        sigma: Width of a face's soft edge, squared NDC distance.
        gamma: How fast weights fall with depth; small is opaque.
        background_color: Three channels, (3,) or (1, 3), numbers or tensor.

    Example:
        >>> BlendParams(sigma=1e-5).background_color
        (1.0, 1.0, 1.0)
    """

    sigma: float = 1e-4
    gamma: float = 1e-4
    background_color: Tensor | tuple[float, ...] = (1.0, 1.0, 1.0)


def background_of(blend_params: BlendParams, colors: Tensor) -> Tensor:  # (C,)
    """The background's colour in the channels, dtype and device of ``colors``.

    Raises:
        ValueError: It has another number of channels.
    """
    background = blend_params.background_color
    if not isinstance(background, Tensor):
        background = format_tensor(background, colors.dtype, colors.device)
    if background.dim() == 2 and len(background) == 1:
        background = background[0]
    check_shape("BlendParams", "background_color", background, "C", C=colors.shape[-1])
    return background.to(colors)


def hard_rgb_blend(colors: Tensor, fragments: Any, blend_params: BlendParams) -> Tensor:
    """The nearest face's colour.

    Args:
        colors: (N, H, W, K, C) of the fragments.
        fragments: What was rasterized.
        blend_params: The background's colour.

    Returns:
        (N, H, W, C + 1), with alpha 1 where there is a face, and the background and 0 elsewhere.

    Raises:
        ValueError: A background of another number of channels.

    Example:
        >>> from r3d_cli.renderer import Fragments
        >>> ids, ones = torch.tensor([0, -1]).reshape(1, 1, 2, 1), torch.ones(1, 1, 2, 1)
        >>> fragments = Fragments(ids, ones, torch.ones(1, 1, 2, 1, 3) / 3, -ones)
        >>> hard_rgb_blend(torch.zeros(1, 1, 2, 1, 3), fragments, BlendParams())[0, 0].tolist()
        [[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]]
    """
    covered = fragments.pix_to_face[..., :1] >= 0
    nearest = torch.where(covered, colors[..., 0, :], background_of(blend_params, colors))
    return torch.cat([nearest, covered.to(nearest.dtype)], -1)


def sigmoid_alpha_blend(colors: Tensor, fragments: Any, blend_params: BlendParams) -> Tensor:
    """The nearest face's colour, and an alpha that fades across the edges of all faces.

    The silhouette of Liu et al. 2019, "Soft Rasterizer", equations 1 and 4: a face covers a pixel with the
    probability sigmoid(-dist / sigma), and alpha is that of any face covering it.

    Args:
        colors: (N, H, W, K, C) of the fragments.
        fragments: What was rasterized.
        blend_params: ``sigma``.

    Returns:
        (N, H, W, C + 1).

    Example:
        >>> from r3d_cli.renderer import Fragments
        >>> one = torch.ones(1, 1, 1, 1)
        >>> on_an_edge = Fragments(one.long() * 0, one, torch.ones(1, 1, 1, 1, 3) / 3, 0 * one)
        >>> sigmoid_alpha_blend(torch.ones(1, 1, 1, 1, 3), on_an_edge, BlendParams()).flatten().tolist()
        [1.0, 1.0, 1.0, 0.5]
    """
    return torch.cat([colors[..., 0, :], 1 - uncovered(fragments, blend_params)[..., None]], -1)


def softmax_rgb_blend(
    colors: Tensor,
    fragments: Any,
    blend_params: BlendParams,
    znear: float | Tensor = 1.0,
    zfar: float | Tensor = 100,
) -> Tensor:
    """A mean of the faces' colours by probability and nearness, and a silhouette's alpha.

    Liu et al. 2019, "Soft Rasterizer", equations 2 and 3: weights are probability times exp(z / gamma), z
    falling from 1 at ``znear`` to 0 at ``zfar``; the background lies behind ``zfar``.

    Args:
        colors: (N, H, W, K, C) of the fragments.
        fragments: What was rasterized.
        blend_params: ``sigma``, ``gamma`` and the background's colour.
        znear: Depth of the nearest thing: a number or (N,).
        zfar: Of the farthest.

    Returns:
        (N, H, W, C + 1).

    Raises:
        ValueError: A background of another number of channels.

    Example:
        >>> from r3d_cli.renderer import Fragments
        >>> one = torch.ones(1, 1, 1, 1)
        >>> far_inside = Fragments(one.long() * 0, one, torch.ones(1, 1, 1, 1, 3) / 3, -one)
        >>> softmax_rgb_blend(torch.zeros(1, 1, 1, 1, 3), far_inside, BlendParams()).round().tolist()
        [[[[0.0, 0.0, 0.0, 1.0]]]]
    """
    covered = fragments.pix_to_face >= 0
    probability = torch.where(covered, torch.sigmoid(-fragments.dists / blend_params.sigma), 0)
    znear, zfar = (z[:, None, None, None] if isinstance(z, Tensor) else z for z in (znear, zfar))
    nearness = torch.where(covered, (zfar - fragments.zbuf) / (zfar - znear), 0)
    nearest = nearness.amax(-1, keepdim=True).clamp(min=_SMALLEST_WEIGHT)
    weights = probability * torch.exp((nearness - nearest) / blend_params.gamma)
    behind = torch.exp((_SMALLEST_WEIGHT - nearest) / blend_params.gamma).clamp(min=_SMALLEST_WEIGHT)
    total = weights.sum(-1, keepdim=True) + behind
    blended = (weights[..., None] * colors).sum(-2) + behind * background_of(blend_params, colors)
    return torch.cat([blended / total, 1 - uncovered(fragments, blend_params)[..., None]], -1)


def uncovered(fragments: Any, blend_params: BlendParams) -> Tensor:  # (N, H, W)
    """The probability that no face covers a pixel: the product of sigmoid(dist / sigma).

    Taken through logarithms, whose derivatives stay finite where a factor is zero.
    """
    covered = fragments.pix_to_face >= 0
    # Empty slots are replaced before the logarithm, so that what stands in them cannot reach the gradient.
    dists = torch.where(covered, fragments.dists, 0)
    return torch.where(covered, logsigmoid(dists / blend_params.sigma), 0).sum(-1).exp()
