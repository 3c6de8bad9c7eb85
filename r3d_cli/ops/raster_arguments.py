"""What the ops that rasterize share: their checks, and when gradients must repeat."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.ops.vertex_corners import vertex_corners


def check_mesh(where: str, verts: Tensor, faces: Tensor, mesh_first_face: Tensor) -> None:
    """Raise a ValueError that names what does not fit of packed meshes."""
    check_shape(where, "verts", verts, "V 3")
    check_dtype(where, "verts", verts, "float32", "float64")
    check_shape(where, "faces", faces, "F 3")
    check_shape(where, "mesh_first_face", mesh_first_face, "N+1")


def must_repeat(verts: Tensor) -> bool:
    """Whether a GPU's sums and products must be taken in one order; the CPU's always are."""
    return verts.is_cuda and torch.are_deterministic_algorithms_enabled()


def deterministic_corners(verts: Tensor, faces: Tensor) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """The faces' corners by vertex, where sums must be taken in one order."""
    if must_repeat(verts):
        return vertex_corners(faces, verts.shape[0])
    return None, None
