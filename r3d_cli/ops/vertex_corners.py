"""Which corners of which faces meet at a vertex: the adjacency that sums over a mesh go through."""

from __future__ import annotations

import torch  # noqa: F401, of the example
from torch import Tensor

from r3d_cli.backend import vertex_corners as backend
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import declare


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
    backend.check_faces("vertex_corners", faces, num_verts)
    (faces,) = prepare("vertex_corners", faces=faces)
    return _op(faces, num_verts)


_op = declare(
    "vertex_corners(faces: int64 (F, 3), num_verts: int V) -> first: int32 (V + 1,), corners: int32 (3F,)",
    backend.vertex_corners,
)
