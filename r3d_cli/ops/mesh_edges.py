"""The edges of a mesh, and which of them bound each face."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.backend import mesh_edges as backend
from r3d_cli.backend.vertex_corners import check_faces
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import declare


def mesh_edges(
    faces: Tensor,  # (F, 3) int64
    num_verts: int,  # V
) -> tuple[Tensor, Tensor]:
    """Unique undirected edges of packed faces.

    The edge opposite to a face's corner j stands in column j of ``faces_to_edges``. A face that names a
    vertex twice has the edge of that vertex to itself.

    Args:
        faces: Vertex ids of packed faces.
        num_verts: Vertices there are; some may be in no face.

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
    (faces,) = prepare("mesh_edges", faces=faces)
    return _op(faces, num_verts)


def unique_edges(
    faces: Tensor,  # (F, 3) int64
    num_verts: int,  # V
) -> Tensor:  # (E, 2)
    """The ``edges`` of `mesh_edges` alone, for less; arguments and errors as there.

    Example:
        >>> unique_edges(torch.tensor([[0, 1, 2], [2, 1, 3]]), 4).tolist()
        [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    """
    check_faces("unique_edges", faces, num_verts)
    (faces,) = prepare("unique_edges", faces=faces)
    return _edges_op(faces, num_verts)


def _run_edges(faces: Any, num_verts: int) -> Any:
    return backend.mesh_edges(faces, num_verts, want_faces_to_edges=False)[0]


def _fake_edges(faces: Tensor, num_verts: int) -> Tensor:
    num_edges = torch.library.get_ctx().new_dynamic_size()
    return faces.new_empty((num_edges, 2))


def _fake(faces: Tensor, num_verts: int) -> tuple[Tensor, Tensor]:
    return _fake_edges(faces, num_verts), faces.new_empty((faces.shape[0], 3))


_op = declare(
    "mesh_edges(faces: int64 (F, 3), num_verts: int) -> edges: int64 (E, 2), faces_to_edges: int64 (F, 3)",
    backend.mesh_edges,
    fake=_fake,
)
_edges_op = declare(
    "unique_edges(faces: int64 (F, 3), num_verts: int) -> edges: int64 (E, 2)", _run_edges, fake=_fake_edges
)
