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

Size = int | Tensor  # the same for all samples, or (P,) int64


def sample_texels(
    texels: Tensor,  # (T, C)
    uv: Tensor,  # (P, 2)
    first: Size,
    height: Size,
    width: Size,
    *,
    sampling_mode: str,
    padding_mode: str,
    align_corners: bool,
) -> Tensor:  # (P, C)
    """Filter maps at texture coordinates.

    Args:
        texels: Maps row by row, from the top.
        uv: Where to sample.
        first: The first texel of the sample's map.
        height: Its rows.
        width: Its columns.
        sampling_mode: "bilinear", or "nearest" (ties to even, as in ``grid_sample``).
        padding_mode: What lies outside the map. "border": its outermost texels; "zeros": nothing;
            "reflection": the map, mirrored; "repeat": the map again.
        align_corners: Whether 0 and 1 are the centres of the outermost texels, or the map's edges. A map that
            repeats is seamless only with its edges there.

    Returns:
        (P, C), with gradients to ``texels`` and, where bilinear, to ``uv``.
    """
    ids, weights = [], []
    how = (sampling_mode, padding_mode, align_corners)
    for up, weight_up in _taps(uv[:, 1], height, *how):
        for right, weight_right in _taps(uv[:, 0], width, *how):
            ids.append(first + (height - 1 - up) * width + right)
            weights.append(weight_up * weight_right)
    return weighted_rows(texels, torch.stack(ids, dim=1), torch.stack(weights, dim=1))


def texel_position(coordinate: Tensor, size: Size, padding_mode: str, align_corners: bool) -> Tensor:
    """Where along a map's side of ``size`` texels a coordinate falls, in texels: 0 is the first one's centre.

    Positions lie on the map, except where texels beyond its ends count: from -1 to ``size`` with "zeros",
    anywhere with "repeat" and the map's edges at 0 and 1.
    """
    last = size - 1
    if padding_mode == "repeat" and align_corners:
        outside = (coordinate < 0) | (coordinate > 1)
        coordinate = torch.where(outside, coordinate - coordinate.detach().floor(), coordinate)
    position = coordinate * last if align_corners else coordinate * size - 0.5
    if padding_mode == "zeros":
        return _clamp(position, -1, size)
    if padding_mode == "repeat" and not align_corners:
        return position
    if padding_mode == "reflection":
        low = 0.0 if align_corners else -0.5
        span = size if not align_corners else last.clamp(min=1) if isinstance(last, Tensor) else max(last, 1)
        there_and_back = (position - low).abs().remainder(2 * span)
        position = span - (there_and_back - span).abs() + low
    return _clamp(position, 0, last)


def _taps(
    coordinate: Tensor,  # (P,)
    size: Size,
    sampling_mode: str,
    padding_mode: str,
    align_corners: bool,
) -> list[tuple[Tensor, Tensor]]:
    """The texels along one side that a sample takes, (P,) int64 each, and their weights, (P,)."""
    position = texel_position(coordinate, size, padding_mode, align_corners)
    if sampling_mode == "nearest":
        nearest = position.detach().round()
        taps = [(nearest.long(), torch.ones_like(nearest))]
    else:
        below = position.detach().floor()
        fraction = position - below
        texel = below.long()
        taps = [(texel, 1 - fraction), (texel + 1, fraction)]
    if padding_mode == "zeros":
        taps = [(texel, weight * ((texel >= 0) & (texel < size))) for texel, weight in taps]
    wraps = padding_mode == "repeat" and not align_corners
    # NaN becomes an id like any other here: its weight is NaN, but it may not read outside the map.
    return [
        (texel.remainder(size) if wraps else _clamp(texel, 0, size - 1), weight) for texel, weight in taps
    ]


def _clamp(values: Tensor, low: int, high: Size) -> Tensor:
    """``values.clamp(low, high)``, also where ``high`` is a tensor."""
    if not isinstance(high, Tensor):
        return values.clamp(low, high)
    values = values.clamp(min=low)
    return torch.where(values > high, high.to(values.dtype), values)
