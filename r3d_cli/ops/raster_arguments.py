"""What the ops that rasterize share: the schema of their settings, and when gradients must repeat."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.ops.vertex_corners import vertex_corners

#: Of `backend.rasterize_meshes.RasterSettings`, in its order.
SETTINGS = (
    "float blur_radius, bool perspective_correct, bool clip_barycentric_coords, bool cull_backfaces, "
    "float z_near, float z_far, bool is_perspective"
)


def must_repeat(verts: Tensor) -> bool:
    """Whether a GPU's sums and products must be taken in one order; the CPU's always are."""
    return verts.is_cuda and torch.are_deterministic_algorithms_enabled()


def deterministic_corners(verts: Tensor, faces: Tensor) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """The faces' corners by vertex, where sums must be taken in one order."""
    if must_repeat(verts):
        return vertex_corners(faces, verts.shape[0])
    return None, None
