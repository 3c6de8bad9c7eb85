"""Flatness across edges as a regulariser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from r3d_cli.loss.per_mesh import mean_of_means


def mesh_normal_consistency(meshes: Any) -> Tensor:  # ()
    """The mean of 1 - cos of the angle by which a surface bends at its edges, over edges, then over meshes.

    Every pair of faces that share an edge counts, whatever the faces' orientations; an edge of k faces has
    k (k - 1) / 2 pairs, and one of a boundary none.

    Args:
        meshes: `Meshes`.

    Returns:
        A scalar between 0 (flat) and 2 (folded back); 0 of an empty batch.

    Example:
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[0.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]])
        >>> right_angle = Meshes([verts], [torch.tensor([[0, 1, 2], [0, 1, 3]])])
        >>> mesh_normal_consistency(right_angle)
        tensor(1.)
    """
    pairs = meshes.face_pairs_packed()  # (P, 4)
    start, end, a, b = meshes.verts_packed()[pairs].unbind(1)
    edge = end - start
    normal_a = torch.linalg.cross(edge, a - start)
    normal_b = -torch.linalg.cross(edge, b - start)
    bend = 1 - cosine_similarity(normal_a, normal_b, dim=1)
    return mean_of_means(bend, meshes.verts_packed_to_mesh_idx()[pairs[:, 0]], len(meshes))
