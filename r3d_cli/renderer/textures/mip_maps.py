"""Mip maps (Williams 1983, "Pyramidal Parametrics"): each texture map again at half its size, and so on down
to one texel, so that a pixel that covers many texels reads few that are their means."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MipMaps:
    """The levels of M maps, packed.

    Attributes:
        texels: (T, C) of all levels, row by row from the top: map by map, its largest level first.
        table: (M, L, 3) int64, first texel, width and height of each level. Maps with fewer than L levels end
            with their last one again.
    """

    texels: Tensor
    table: Tensor


def mip_levels(image: Tensor) -> list[Tensor]:
    """An image (H, W, C), half of it, and so on down to one texel; differentiable.

    Example:
        >>> image = torch.arange(12.0).reshape(3, 4, 1)
        >>> [tuple(level.shape[:2]) for level in mip_levels(image)]
        [(3, 4), (1, 2), (1, 1)]
        >>> [float(level.mean()) for level in mip_levels(image)]
        [5.5, 5.5, 5.5]
    """
    levels = [image]
    while max(levels[-1].shape[:2]) > 1:
        levels.append(_halved(_halved(levels[-1], 0), 1))
    return levels


def mip_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """(H, W) of each level.

    Example:
        >>> mip_sizes(3, 4)
        [(3, 4), (1, 2), (1, 1)]
    """
    sizes = [(height, width)]
    while max(sizes[-1]) > 1:
        height, width = sizes[-1]
        sizes.append((max(height // 2, 1), max(width // 2, 1)))
    return sizes


def mip_table(sizes: list[tuple[int, int]], device: torch.device) -> Tensor:  # (M, L, 3) int64
    """``MipMaps.table`` of maps of these sizes (H, W)."""
    chains, first = [], 0
    for height, width in sizes:
        chain = []
        for level_height, level_width in mip_sizes(height, width):
            chain.append((first, level_width, level_height))
            first += level_height * level_width
        chains.append(chain)
    longest = max(map(len, chains))
    full = [chain + [chain[-1]] * (longest - len(chain)) for chain in chains]
    return torch.tensor(full, dtype=torch.int64, device=device)


def _halved(image: Tensor, dim: int) -> Tensor:
    """Every texel of the result is the mean of what it covers: of two, where there is an even number. Of an
    odd one, n = 2 m + 1, it covers 2 + 1 / m texels, so that three take part, the outer two in shares (Guthe
    and Heckbert 2005, "Non-Power-of-Two Mipmapping")."""
    n = image.shape[dim]
    if n == 1:
        return image
    m = n // 2
    taps = [image[(slice(None),) * dim + (slice(start, None, 2),)] for start in range(2 + n % 2)]
    if n % 2 == 0:
        return (taps[0] + taps[1]) / 2
    along = torch.arange(m, device=image.device, dtype=image.dtype)
    along = along.reshape(-1, *[1] * (image.dim() - dim - 1))
    return ((m - along) * taps[0].narrow(dim, 0, m) + m * taps[1] + (along + 1) * taps[2]) / n
