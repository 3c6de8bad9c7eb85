"""Barycentric coordinates and depth of fragments."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.constants import DEFINES
from r3d_cli.ops import interpolate_face_attributes

__all__ = ["_clip_barycentric_coordinates", "_interpolate_zbuf"]


def _clip_barycentric_coordinates(bary: Tensor) -> Tensor:  # (..., 3)
    """Weights that are not negative, and again of sum 1.

    Example:
        >>> _clip_barycentric_coordinates(torch.tensor([-1.0, 1.0, 1.0]))
        tensor([0.0000, 0.5000, 0.5000])
    """
    check_shape("_clip_barycentric_coordinates", "bary", bary, "... 3")
    clipped = bary.clamp(min=0)
    floor = float(DEFINES["R3D_CLIP_BARY_FLOOR"].removesuffix("f"))
    return clipped / clipped.sum(-1, keepdim=True).clamp(min=floor)


def _interpolate_zbuf(pix_to_face: Tensor, barycentric_coords: Tensor, meshes: Any) -> Tensor:
    """The depth (N, H, W, K) at which fragments hit faces, -1 where there is none."""
    depths = meshes.verts_packed()[meshes.faces_packed()][..., 2:]  # (F, 3, 1)
    found = interpolate_face_attributes(pix_to_face, barycentric_coords, depths)[..., 0]
    return torch.where(pix_to_face < 0, -1, found)
