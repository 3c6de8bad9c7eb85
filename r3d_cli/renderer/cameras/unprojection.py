"""Back from the image plane: the inverse of a projection matrix where the depth is known."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_tensor


def batched(
    where: str, name: str, points: Tensor, size: int
) -> Tensor:  # (P, 3) or (N, P, 3) -> (N or 1, P, 3)
    """Points as a batch that fits ``size`` cameras."""
    check_tensor(where, name, points, "P 3" if getattr(points, "ndim", 0) == 2 else "N P 3")
    batch = points[None] if points.dim() == 2 else points
    if len(batch) != size and 1 not in (len(batch), size):
        raise ValueError(f"{where}: {name} has shape {tuple(points.shape)}, and there are {size} cameras")
    return batch


def unbatched(result: Tensor, points: Tensor) -> Tensor:
    """The result in the shape that the points came in: (P, 3) stays that for one camera."""
    return result[0] if points.dim() == 2 and len(result) == 1 else result


def view_depth(K: Tensor, projected: Tensor) -> Tensor:  # (N, 4, 4), (N, P) -> (N, P)
    """The view depth of points whose projection K has the third coordinate ``projected``."""
    a, b, c, d = (K[:, row, column, None] for row in (2, 3) for column in (2, 3))
    return (b - projected * d) / (projected * c - a)


def unproject(K: Tensor, xy: Tensor, depth: Tensor) -> Tensor:  # (N, 4, 4), (N, P, 2), (N, P) -> (N, P, 3)
    """View points that the matrix K (for column vectors) projects to ``xy``, from their view depth.

    Solves the first two rows for x and y, which loses nothing to a far plane, as inverting the whole matrix
    would. K may be perspective or orthographic, skewed and off-centre; its last row must not name x or y.
    """
    w = K[:, 3, 2, None] * depth + K[:, 3, 3, None]
    right = xy * w[..., None] - K[:, None, :2, 2] * depth[..., None] - K[:, None, :2, 3]
    (a, b), (c, d) = (K[:, i, :2, None].unbind(1) for i in (0, 1))
    return torch.cat((solve2((a, b, c, d), right), depth[..., None].expand(*right.shape[:-1], 1)), dim=-1)


def solve2(matrix: tuple[Tensor, Tensor, Tensor, Tensor], right: Tensor) -> Tensor:  # (..., 2) -> (..., 2)
    """The solutions of [[a, b], [c, d]] x = right."""
    a, b, c, d = matrix
    u, v = right.unbind(-1)
    return torch.stack((d * u - b * v, a * v - c * u), dim=-1) / (a * d - b * c)[..., None]
