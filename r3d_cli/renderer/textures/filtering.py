"""Texture filtering over packed texels: what ``torch.nn.functional.grid_sample`` does for one map, for
samples that each have a map of their own, of any size.

Coordinates follow OpenGL: u to the right and v upwards, 0 to 1 over a map that is stored from its top row.
"""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.ops.weighted_rows import weighted_rows

SAMPLING_MODES = ("bilinear", "nearest")
PADDING_MODES = ("border", "zeros", "reflection", "repeat")


def sample_texels(
    texels: Tensor,  # (T, C)
    uv: Tensor,  # (P, 2)
    first: Tensor | int,  # (P,)
    size: Tensor,  # (P, 2) or (1, 2)
    *,
    sampling_mode: str,
    padding_mode: str,
    align_corners: bool,
) -> Tensor:  # (P, C)
    """Filter maps at texture coordinates.

    Args:
        texels: Maps row by row, from the top.
        uv: Where to sample.
        first: The first texel of each sample's map.
        size: Width and height of each sample's map, int64; (1, 2) where they are the same for all.
        sampling_mode: "bilinear", or "nearest" (ties to even, as in ``grid_sample``).
        padding_mode: What lies outside the map. "border": its outermost texels; "zeros": nothing;
            "reflection": the map, mirrored; "repeat": the map again.
        align_corners: Whether 0 and 1 are the centres of the outermost texels, or the map's edges. A map that
            repeats is seamless only with its edges there.

    Returns:
        (P, C), with gradients to ``texels`` and, where bilinear, to ``uv``.
    """
    # Samples are the last dimension until the end, so that loops over them are the inner ones.
    size = size.T[:, None]  # (2, 1, P)
    position = texel_position(uv.T[:, None], size, padding_mode, align_corners)  # (2, 1, P)
    if sampling_mode == "nearest":
        nearest = position.detach().round()
        taps, weights = nearest.long(), torch.ones_like(nearest)
    else:
        below = position.detach().floor()
        texel, fraction = below.long(), position - below
        taps = torch.cat([texel, texel + 1], dim=1)  # (2, 2, P): along each axis, two texels
        weights = torch.cat([1 - fraction, fraction], dim=1)
    if padding_mode == "zeros":
        weights = weights * ((taps >= 0) & (taps < size))
    # A coordinate that is no number has a weight that is none, but may not read outside the map either.
    wraps = padding_mode == "repeat" and not align_corners
    right, up = taps.remainder(size) if wraps else taps.clamp(min=0).clamp(max=size - 1)
    width, height = size  # (1, P) or (1, 1)
    rows = (height - 1 - up) * width + first
    ids = rows[:, None] + right
    products = weights[1][:, None] * weights[0]
    return weighted_rows(texels, ids.flatten(0, 1).T.contiguous(), products.flatten(0, 1).T.contiguous())


def texel_position(coordinate: Tensor, size: Tensor, padding_mode: str, align_corners: bool) -> Tensor:
    """Where along sides of ``size`` texels coordinates fall, in texels: 0 is the first one's centre.

    Positions lie on the map, except where texels beyond its ends count: from -1 to ``size`` with "zeros",
    anywhere with "repeat" and the map's edges at 0 and 1.
    """
    last = size - 1
    if padding_mode == "repeat" and align_corners:
        outside = (coordinate < 0) | (coordinate > 1)
        coordinate = torch.where(outside, coordinate - coordinate.detach().floor(), coordinate)
    position = coordinate * last if align_corners else coordinate * size - 0.5
    if padding_mode == "zeros":
        return position.clamp(min=-1).clamp(max=size)
    if padding_mode == "repeat" and not align_corners:
        return position
    if padding_mode == "reflection":
        low = 0.0 if align_corners else -0.5
        span = last.clamp(min=1) if align_corners else size
        there_and_back = (position - low).abs().remainder(2 * span)
        position = span - (there_and_back - span).abs() + low
    return position.clamp(min=0).clamp(max=last)
