"""Areas and normals of faces."""

from __future__ import annotations

from torch import Tensor

from r3d_cli.ops import face_areas_normals

__all__ = ["mesh_face_areas_normals"]


def mesh_face_areas_normals(verts: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:  # (F,), (F, 3)
    """``r3d_cli.ops.face_areas_normals``.

    Example:
        >>> import torch
        >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
        >>> mesh_face_areas_normals(verts, torch.tensor([[0, 1, 2]]))
        (tensor([0.5000]), tensor([[0., 0., 1.]]))
    """
    return face_areas_normals(verts, faces)
