"""The slow and obvious face areas, face normals and vertex normals: gather, cross product, index_add."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from r3d_cli.constants import DEFINES

#: Vectors shorter than this have no direction.
_TINY = {
    torch.float32: float(DEFINES["R3D_TINY"].rstrip("f")),
    torch.float64: float(DEFINES["R3D_TINY_DOUBLE"]),
}


def face_areas_normals(
    verts: Tensor, faces: Tensor
) -> tuple[Tensor, Tensor]:  # (V, 3), (F, 3) -> (F,), (F, 3)
    crosses, finite = _crosses(verts, faces)
    direction, length = _polar(crosses)
    return torch.where(finite, length / 2, math.nan), torch.where(finite[:, None], direction, math.nan)


def vertex_normals(verts: Tensor, faces: Tensor) -> Tensor:  # (V, 3), (F, 3) -> (V, 3)
    crosses = _crosses(verts, faces)[0].repeat_interleave(3, dim=0)
    return _polar(torch.zeros_like(verts).index_add(0, faces.flatten(), crosses))[0]


def _crosses(verts: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:  # (F, 3), (F,) bool
    """Normals as long as twice the face's area, and whether they are finite; zero where they are not."""
    corners = verts[faces]
    finite = _cross(corners.detach()).isfinite().all(-1)
    return _cross(torch.where(finite[:, None, None], corners, 0)), finite


def _cross(corners: Tensor) -> Tensor:  # (F, 3, 3) -> (F, 3)
    a, b, c = corners.unbind(1)
    # torch.linalg.cross contracts its products, so that equal vectors have one that is not zero.
    (ux, uy, uz), (vx, vy, vz) = (b - a).unbind(-1), (c - a).unbind(-1)
    return torch.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], dim=-1)


def _polar(vectors: Tensor) -> tuple[Tensor, Tensor]:  # (N, 3) -> (N, 3), (N,)
    """Directions and lengths; zero, with a gradient of zero, for vectors too short to have one."""
    size = vectors.detach().abs().sum(-1, keepdim=True)
    # By their size first: squares of tiny or huge components would leave the range.
    short = size <= _TINY[vectors.dtype]
    scaled = torch.where(short, 1, vectors / torch.where(short, 1, size))
    length = scaled.square().sum(-1, keepdim=True).sqrt()
    return torch.where(short, 0, scaled / length), torch.where(short, 0, length * size).squeeze(-1)
