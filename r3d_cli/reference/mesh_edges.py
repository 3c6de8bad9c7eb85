"""The slow and obvious `mesh_edges`, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor


def mesh_edges(faces: Tensor, num_verts: int) -> tuple[Tensor, Tensor]:
    """Unique sides of all faces; ``ops.mesh_edges`` says what the results mean."""
    sides = faces[:, [[1, 2], [2, 0], [0, 1]]]  # (F, 3, 2) opposite to each corner
    keys = sides.amin(-1) * num_verts + sides.amax(-1)
    unique, faces_to_edges = torch.unique(keys, return_inverse=True)
    width = max(num_verts, 1)
    return torch.stack([unique // width, unique % width], 1), faces_to_edges
