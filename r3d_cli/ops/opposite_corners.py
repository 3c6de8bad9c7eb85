"""Which faces lie across a mesh's edges, as a corner table."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.ops.mesh_edges import mesh_edges
from r3d_cli.ops.vertex_corners import vertex_corners


def opposite_corners(
    faces: Tensor,  # (F, 3) int64
    num_verts: int,  # V
) -> Tensor:  # (F, 3) int32
    """The corner across the edge of each corner: the table of Rossignac 2001, "3D Compression Made Simple:
    Edgebreaker on a Corner-Table", for any mesh.

    Corner ``3 * f + j`` is the j-th corner of face f, and its edge the one opposite to it in f. An edge of
    one face leads back to its own corner; the corners of an edge of more than two faces make a ring.

    Args:
        faces: Vertex ids of packed faces.
        num_verts: Vertices there are.

    Raises:
        ValueError: faces of another shape or dtype, or 2^31 corners or more.
        IndexError: A face names a vertex that there is not; the first such face is named.

    Example:
        >>> opposite_corners(torch.tensor([[0, 1, 2], [2, 1, 3]]), 4).tolist()
        [[5, 1, 2], [3, 4, 0]]
    """
    _, faces_to_edges = mesh_edges(faces, num_verts)
    # There are at most as many edges as corners: with this bound no shape depends on their number.
    first, corners = vertex_corners(faces_to_edges, 3 * len(faces))
    corners = corners.long()
    edge = faces_to_edges.flatten()[corners]
    last = edge != edge.roll(-1)
    if len(edge):
        last[-1] = True
    following = torch.where(last, corners[first[edge].long()], corners.roll(-1))
    return torch.empty_like(corners).scatter(0, corners, following).int().reshape(-1, 3)
