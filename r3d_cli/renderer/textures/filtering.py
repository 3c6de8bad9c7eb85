"""Texture filtering over packed texels: what ``torch.nn.functional.grid_sample`` does for one map, for
samples that each have a map of their own, of any size.

Coordinates follow OpenGL: u to the right and v upwards, 0 to 1 over a map that is stored from its top row.
"""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.ops.weighted_rows import weighted_rows
from r3d_cli.renderer.textures.mip_maps import MipMaps

SAMPLING_MODES = ("bilinear", "nearest", "trilinear")
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
        sampling_mode: "nearest" (ties to even, as in ``grid_sample``), else bilinear.
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
    wraps = padding_mode == "repeat" and not align_corners
    ids, weights = _taps(position, first, size, sampling_mode, padding_mode, wraps)
    return weighted_rows(texels, ids.T.contiguous(), weights.T.contiguous())


def sample_mip_maps(
    mips: MipMaps,
    uv: Tensor,  # (P, 2)
    which: Tensor | None,  # (P,)
    footprint: Tensor,  # (P, 2, 2)
    *,
    padding_mode: str,
    align_corners: bool,
) -> Tensor:  # (P, C)
    """Filter mip maps trilinearly: bilinearly at the two levels whose texels are about a pixel in size.

    The level of detail is that of OpenGL 4.6, section 8.14.1: log2 of the longer of the steps that a pixel to
    the right and a pixel down make on the largest level, in texels; clamped to the levels that there are.
    Levels have their edges in common: padding and ``align_corners`` are those of the largest.

    Args:
        mips: The maps.
        uv: Where to sample.
        which: The map of each sample; None where there is one only.
        footprint: Derivatives of u and v (dimension 1) by a pixel to the right and down (dimension 2).
        padding_mode: As of `sample_texels`.
        align_corners: As of `sample_texels`.

    Returns:
        (P, C), with gradients to the maps, to ``uv``, and through the level to ``footprint``.
    """
    levels = mips.table[0][:, None] if which is None else mips.table[which].transpose(0, 1)  # (L, P or 1, 3)
    largest = levels[0, :, 1:].T[:, None]  # (2, 1, P or 1) width and height
    position = _on_map(uv.T[:, None], largest, padding_mode, align_corners)
    level = level_of_detail(footprint, levels[0, :, 1:] - int(align_corners)).clamp(max=len(levels) - 1)
    below = level.detach().floor()
    fraction = level - below
    wraps = padding_mode == "repeat" and not align_corners
    taps = []
    for step, share in ((0, 1 - fraction), (1, fraction)):
        row = (below.long() + step).clamp(max=len(levels) - 1)
        chosen = levels.expand(-1, len(uv), -1)[row, torch.arange(len(uv), device=uv.device)]  # (P, 3)
        size = chosen[:, 1:].T[:, None]
        ratio = size / largest.to(position.dtype)
        there = _within(position * ratio + (ratio - 1) / 2, size, padding_mode, align_corners)
        ids, weights = _taps(there, chosen[:, 0], size, "bilinear", padding_mode, wraps)
        taps.append((ids, weights * share))
    ids, weights = (torch.cat(parts).T.contiguous() for parts in zip(*taps, strict=True))
    return weighted_rows(mips.texels, ids, weights)


def level_of_detail(footprint: Tensor, texels: Tensor) -> Tensor:  # (P, 2, 2), (P, 2) -> (P,)
    """Log2 of the longer of the steps along the picture, in texels, where ``texels`` are one unit of u and v;
    at least 0."""
    steps = footprint * texels[..., None].to(footprint.dtype)
    longest = steps.square().sum(1).amax(1).nan_to_num(nan=1.0)
    return longest.clamp(min=1).log2() / 2


def texel_position(coordinate: Tensor, size: Tensor, padding_mode: str, align_corners: bool) -> Tensor:
    """Where along sides of ``size`` texels coordinates fall, in texels: 0 is the first one's centre.

    Positions lie on the map, except where texels beyond its ends count: from -1 to ``size`` with "zeros",
    anywhere with "repeat" and the map's edges at 0 and 1.
    """
    position = _on_map(coordinate, size, padding_mode, align_corners)
    return _within(position, size, padding_mode, align_corners)


def _on_map(coordinate: Tensor, size: Tensor, padding_mode: str, align_corners: bool) -> Tensor:
    """`texel_position` before what lies outside is moved to the ends."""
    last = size - 1
    if padding_mode == "repeat" and align_corners:
        outside = (coordinate < 0) | (coordinate > 1)
        coordinate = torch.where(outside, coordinate - coordinate.detach().floor(), coordinate)
    position = coordinate * last if align_corners else coordinate * size - 0.5
    if padding_mode == "reflection":
        low = 0.0 if align_corners else -0.5
        span = last.clamp(min=1) if align_corners else size
        there_and_back = (position - low).abs().remainder(2 * span)
        position = span - (there_and_back - span).abs() + low
    return position


def _within(position: Tensor, size: Tensor, padding_mode: str, align_corners: bool) -> Tensor:
    """Positions from the first to the last texel's centre, or as far beyond as texels count."""
    if padding_mode == "zeros":
        return position.clamp(min=-1).clamp(max=size)
    if padding_mode == "repeat" and not align_corners:
        return position
    return position.clamp(min=0).clamp(max=size - 1)


def _taps(
    position: Tensor,  # (2, 1, P)
    first: Tensor | int,  # (P,)
    size: Tensor,  # (2, 1, P)
    sampling_mode: str,
    padding_mode: str,
    wraps: bool,
) -> tuple[Tensor, Tensor]:  # (J, P), (J, P)
    """The texels that count at positions, and their weights."""
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
    right, up = taps.remainder(size) if wraps else taps.clamp(min=0).clamp(max=size - 1)
    width, height = size  # (1, P) or (1, 1)
    rows = (height - 1 - up) * width + first
    ids = rows[:, None] + right
    products = weights[1][:, None] * weights[0]
    return ids.flatten(0, 1), products.flatten(0, 1)
