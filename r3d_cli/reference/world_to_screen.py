"""The slow and obvious way from the world to NDC: a camera at a time, each lens as its projection matrix."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from r3d_cli.backend.world_to_screen import LENSES


def world_to_screen(
    verts: Tensor,  # (V, 3)
    first: Tensor | None,  # (C + 1,)
    rotations: Tensor,  # (C, 3, 3)
    translations: Tensor,  # (C, 3)
    lens: Tensor,  # (C, L)
    kind: str | int,
) -> Tensor:  # (S, 3)
    name = kind if isinstance(kind, str) else list(LENSES)[kind]
    rows = [verts.new_empty(0, 3)]
    for camera in range(len(translations)):
        seen = verts if first is None else verts[int(first[camera]) : int(first[camera + 1])]
        view = seen @ rotations[camera] + translations[camera]
        view = torch.cat([view[:, :2], away_from_zero(view)], 1)
        homogeneous = torch.cat([view, torch.ones_like(view[:, :1])], 1) @ projection(lens[camera], name).T
        rows.append(torch.cat([homogeneous[:, :2] / homogeneous[:, 3:], view[:, 2:]], 1))
    return torch.cat(rows)


def away_from_zero(view: Tensor) -> Tensor:  # (P, 3) -> (P, 1)
    """Depths that can be divided by; gradients pass as if nothing had been moved."""
    z = view[:, 2:].detach()
    least = view[:, :2].detach().abs().amax(1, keepdim=True) * 1e-6 + torch.finfo(view.dtype).tiny
    moved = torch.where(z.abs() < least, torch.where(z < 0, -least, least), z)
    return view[:, 2:] + (moved - z)


def projection(lens: Tensor, kind: str) -> Tensor:  # (L,) -> (4, 4), for column vectors
    if kind == "matrix":
        return lens.reshape(4, 4)
    zero, one = lens.new_zeros(()), lens.new_ones(())
    central = kind not in ("orthographic", "box")
    if kind == "box":
        max_x, min_x, max_y, min_y, scale_x, scale_y = lens
        width, height = max_x - min_x, max_y - min_y
        scales = 2 * scale_x / width, 2 * scale_y / height
        shifts = -(max_x + min_x) / width, -(max_y + min_y) / height
    elif kind in ("fov_degrees", "fov_radians"):
        fov, aspect = lens
        slope = torch.tan(fov * (math.pi / 180 if kind == "fov_degrees" else 1) / 2)
        scales, shifts = (1 / (slope * aspect), 1 / slope), (zero, zero)
    else:
        fx, fy, px, py = lens[:4]
        scales, shifts = (fx, fy), (px, py)
        if len(lens) == 6:  # pixels: x to the right and y down, from a corner of the picture
            size = lens[4:].detach()
            half = size.min() / 2
            scales = fx / half, fy / half
            shifts = (size[1] / 2 - px) / half, (size[0] / 2 - py) / half
    x = [scales[0], zero, *((shifts[0], zero) if central else (zero, shifts[0]))]
    y = [zero, scales[1], *((shifts[1], zero) if central else (zero, shifts[1]))]
    w = [zero, zero, *((one, zero) if central else (zero, one))]
    return torch.stack([*x, *y, zero, zero, one, zero, *w]).reshape(4, 4)
