"""Which corners of which faces meet at a vertex: the adjacency that gathers over a mesh go through."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_shape


def vertex_corners(
    faces: Tensor,  # (F, 3) int64
    num_verts: int,  # V
) -> tuple[Tensor, Tensor]:
    """The corners of faces that name each vertex, as compressed rows.

    Corner ``3 * f + j`` is the j-th corner of face f. Sums over a vertex's corners in this order need no
    atomics and repeat bitwise.

    Args:
        faces: Vertex ids of packed faces.
        num_verts: Vertices there are; some may be in no face.

    Returns:
        ``first`` (V + 1,) int32, where each vertex's corners begin, and the number of all corners;
        ``corners`` (3F,) int32, ascending from ``first[v]`` to ``first[v + 1]``.

    Raises:
        ValueError: faces of another shape or dtype, or 2^31 corners or more.
        IndexError: A face names a vertex that there is not; the first such face is named.

    Example:
        >>> first, corners = vertex_corners(torch.tensor([[0, 1, 2], [2, 1, 3]]), 4)
        >>> first.tolist(), corners.tolist()
        ([0, 1, 3, 5, 6], [0, 1, 4, 2, 3, 5])
    """
    check_faces("vertex_corners", faces, num_verts)
    flat = faces.flatten()
    first = flat.new_zeros(num_verts + 1, dtype=torch.int32)
    torch.cumsum(torch.bincount(flat, minlength=num_verts), 0, dtype=torch.int32, out=first[1:])
    return first, torch.argsort(flat, stable=True).to(torch.int32)


def check_faces(where: str, faces: Tensor, num_verts: int) -> None:
    """Raise an error that names what does not fit of (F, 3) faces over ``num_verts`` vertices."""
    check_shape(where, "faces", faces, "F 3")
    check_dtype(where, "faces", faces, "int64")
    if num_verts < 0:
        raise ValueError(f"{where}: num_verts must be at least 0, got {num_verts}")
    if faces.numel() >= 2**31:
        raise ValueError(f"{where}: faces has {len(faces)} rows, fewer than 2^31 / 3 are taken")
    bad = ((faces < 0) | (faces >= num_verts)).any(1)
    if bad.any():
        face = int(bad.int().argmax())
        raise IndexError(
            f"{where}: face {face} names a vertex outside [0, {num_verts}): {faces[face].tolist()}"
        )
