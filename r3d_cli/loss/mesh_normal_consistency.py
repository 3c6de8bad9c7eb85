"""Flatness across edges as a regulariser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.loss.coordinates import by_coordinate, corners_of, dot, lengths
from r3d_cli.loss.per_mesh import check_meshes, mean_of_means, shaped

EPS = 1e-8  # least length of a normal that is divided by, twice the area of its face


def mesh_normal_consistency(meshes: Any) -> Tensor:  # ()
    """The mean of 1 - cos of the angle by which a surface bends at its edges, over edges, then over meshes.

    Every pair of faces that share an edge counts, whatever the faces' orientations; an edge of k faces has
    k (k - 1) / 2 pairs, and one of a boundary none.

    Args:
        meshes: `Meshes`.

    Returns:
        A scalar () between 0 (flat) and 2 (folded back); of a batch without faces 0, of shape (1,) as in
        PyTorch3D.

    Raises:
        ValueError: No `Meshes`.

    Example:
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[0.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]])
        >>> right_angle = Meshes([verts], [torch.tensor([[0, 1, 2], [0, 1, 3]])])
        >>> mesh_normal_consistency(right_angle)
        tensor(1.)
    """
    check_meshes("mesh_normal_consistency", meshes)
    verts = by_coordinate(meshes.verts_packed())
    start, end, a, b = corners_of(verts, meshes.face_pairs_packed())  # (3, P)
    edge = end - start
    normal_a = torch.linalg.cross(edge, a - start, dim=0)
    normal_b = torch.linalg.cross(b - start, edge, dim=0)
    scale = lengths(normal_a).clamp(min=EPS) * lengths(normal_b).clamp(min=EPS)
    bend = 1 - dot(normal_a, normal_b) / scale
    loss = mean_of_means(bend, meshes.face_pairs_packed_to_mesh_idx, len(meshes))
    return shaped(loss, meshes)
