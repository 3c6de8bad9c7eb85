"""The slow and obvious `vertex_corners`, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor


def vertex_corners(faces: Tensor, num_verts: int) -> tuple[Tensor, Tensor]:
    """Sort all corners by the vertex that each names; ``ops.vertex_corners`` says what the results mean."""
    flat = faces.flatten()
    counts = torch.bincount(flat, minlength=num_verts)
    first = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return first.int(), torch.argsort(flat, stable=True).int()
