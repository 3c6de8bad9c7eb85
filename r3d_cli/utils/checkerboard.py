"""A chessboard to stand things on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from r3d_cli.checks import check_shape
from r3d_cli.transforms.matrices import numbers

if TYPE_CHECKING:
    from r3d_cli.structures import Meshes


def checkerboard(
    radius: int = 4,
    color1: Sequence[float] | torch.Tensor = (0.0, 0.0, 0.0),
    color2: Sequence[float] | torch.Tensor = (1.0, 1.0, 1.0),
    device: torch.device | str | None = None,
) -> Meshes:
    """Unit squares in the xy plane around the origin, in two colours by turns, facing +z.

    Squares are numbered along x, then along y, from (-radius, -radius) on; each is two faces, one after the
    other. The first square, and the one whose lower left corner is the origin, have ``color1``.

    Args:
        radius: Squares from the origin to each side, at least 1: the board has (2 * radius)^2 of them.
        color1: RGB in [0, 1].
        color2: RGB in [0, 1] of the squares beside them.
        device: Where the mesh goes, the CPU by default.

    Returns:
        A batch of one mesh whose ``TexturesAtlas`` has one texel a face.

    Raises:
        ValueError: The radius is no integer above 0, or a colour is not three numbers.

    Example:
        >>> board = checkerboard(radius=1)
        >>> board.verts_packed().shape, board.faces_packed().shape
        (torch.Size([9, 3]), torch.Size([8, 3]))
        >>> board.textures.atlas_packed()[:, 0, 0, 0].tolist()
        [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    """
    from r3d_cli.renderer import TexturesAtlas
    from r3d_cli.structures import Meshes

    if isinstance(radius, bool) or not isinstance(radius, int | np.integer) or radius < 1:
        raise ValueError(f"checkerboard: radius must be an integer above 0, got {radius!r}")
    place = torch.device("cpu" if device is None else device)
    colors = []
    for name, color in (("color1", color1), ("color2", color2)):
        colors.append(numbers("checkerboard", name, color, torch.float32, place))
        check_shape("checkerboard", name, colors[-1], "3")

    steps = torch.arange(-radius, radius + 1, dtype=torch.float32, device=place)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    verts = torch.stack([x, y, torch.zeros_like(x)], dim=-1).reshape(-1, 3)

    side = 2 * int(radius)
    row, column = torch.meshgrid(*[torch.arange(side, device=place)] * 2, indexing="ij")
    corner = row * (side + 1) + column  # lower left
    above = corner + side + 1
    faces = torch.stack([corner, corner + 1, above + 1, above + 1, above, corner], dim=-1).reshape(-1, 3)
    squares = torch.stack(colors)[(row + column) % 2]  # (side, side, 3)
    atlas = squares.reshape(-1, 1, 1, 3).repeat_interleave(2, dim=0)  # (F, 1, 1, 3)
    return Meshes(verts=[verts], faces=[faces], textures=TexturesAtlas(atlas=[atlas]))
