"""Areas and normals of triangles, and normals of vertices, of packed meshes."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_ids, check_shape
from r3d_cli.ops.bridge import prepare

Corners = tuple[Tensor, Tensor]  # (V + 1,) int32 first, (3 F,) int32 corners: ops.vertex_corners


def face_areas_normals(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    corners: Corners | None = None,
) -> tuple[Tensor, Tensor]:  # (F,), (F, 3)
    """The area and the unit normal of each face, by the right-hand rule.

    Args:
        verts: (V, 3) vertices, float32 or float64.
        faces: (F, 3) ids into ``verts``.
        corners: What `vertex_corners` makes of the faces; computed when None and a gradient needs it.

    Returns:
        areas (F,) and normals (F, 3). A face without an area has the normal (0, 0, 0), and passes no gradient
        on from it.

    Raises:
        ValueError: A wrong shape, dtype or device.
        IndexError: A face names no vertex.

    Example:
        >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
        >>> face_areas_normals(verts, torch.tensor([[0, 1, 2]]))
        (tensor([0.5000]), tensor([[0., 0., 1.]]))
    """
    verts, faces = _checked("face_areas_normals", verts, faces)
    cross = _cross(verts, faces)
    length = _length(cross)
    return length / 2, _unit(cross, length)


def vertex_normals(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    corners: Corners | None = None,
) -> Tensor:  # (V, 3)
    """The unit normal of each vertex: its faces' normals, weighted by their areas.

    Args:
        verts: (V, 3) vertices, float32 or float64.
        faces: (F, 3) ids into ``verts``.
        corners: What `vertex_corners` makes of the faces; computed when None.

    Returns:
        (V, 3). A vertex in no face, and one whose faces cancel, has the normal (0, 0, 0), and passes no
        gradient on from it.

    Raises:
        ValueError: A wrong shape, dtype or device.
        IndexError: A face names no vertex.

    Example:
        >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
        >>> vertex_normals(verts, torch.tensor([[0, 1, 2]]))[0]
        tensor([0., 0., 1.])
    """
    verts, faces = _checked("vertex_normals", verts, faces)
    cross = _cross(verts, faces)
    sums = torch.zeros_like(verts).index_add(0, faces.flatten(), cross.repeat_interleave(3, 0))
    return _unit(sums, _length(sums))


def _checked(where: str, verts: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    verts, faces = prepare(where, verts=verts, faces=faces)
    check_shape(where, "verts", verts, "V 3")
    check_dtype(where, "verts", verts, "float32", "float64")
    check_shape(where, "faces", faces, "F 3")
    check_dtype(where, "faces", faces, "int64")
    check_ids(where, "faces", faces, len(verts), "verts")
    return verts, faces


def _cross(verts: Tensor, faces: Tensor) -> Tensor:  # (F, 3)
    """Normals as long as twice the face's area."""
    a, b, c = verts[faces].unbind(1)
    return torch.linalg.cross(b - a, c - a)


def _length(vectors: Tensor) -> Tensor:
    """Whose gradient at zero is zero, not NaN. By the largest component first: the squares of tiny or huge
    ones would leave the range."""
    largest = vectors.detach().abs().amax(-1, keepdim=True) if vectors.numel() else vectors[..., :1]
    scale = torch.where(largest > 0, largest, 1)
    square = (vectors / scale).square().sum(-1)
    return torch.where(square > 0, square, 1).sqrt() * scale[..., 0] * (square > 0)


def _unit(vectors: Tensor, length: Tensor) -> Tensor:
    return vectors / torch.where(length > 0, length, 1)[..., None] * (length > 0)[..., None]
