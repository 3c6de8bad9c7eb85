"""The edges of a mesh, and which of them bound each face."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.ops.vertex_corners import check_faces


def mesh_edges(
    faces: Tensor,  # (F, 3) int64
    num_verts: int,  # V
    corners: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Unique undirected edges of packed faces.

    The edge opposite to a face's corner j stands in column j of ``faces_to_edges``. A face that names a
    vertex twice has that vertex's edge to itself.

    Args:
        faces: Vertex ids of packed faces.
        num_verts: Vertices there are; some may be in no face.
        corners: What ``vertex_corners(faces, num_verts)`` returns, where it is there already.

    Returns:
        ``edges`` (E, 2) int64, each row ascending, rows in lexicographical order; ``faces_to_edges`` (F, 3)
        int64, the rows of ``edges`` that are (v1, v2), (v2, v0) and (v0, v1) of each face.

    Raises:
        ValueError: faces of another shape or dtype, or 2^31 corners or more.
        IndexError: A face names a vertex that there is not; the first such face is named.

    Example:
        >>> edges, faces_to_edges = mesh_edges(torch.tensor([[0, 1, 2], [2, 1, 3]]), 4)
        >>> edges.tolist()
        [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
        >>> faces_to_edges.tolist()
        [[2, 1, 0], [3, 4, 2]]
    """
    check_faces("mesh_edges", faces, num_verts)
    ends = faces[:, [[1, 2], [2, 0], [0, 1]]]  # (F, 3, 2)
    keys = ends.amin(-1) * num_verts + ends.amax(-1)
    unique, faces_to_edges = torch.unique(keys, return_inverse=True)
    edges = torch.stack([unique // max(num_verts, 1), unique % max(num_verts, 1)], 1)
    return edges, faces_to_edges
