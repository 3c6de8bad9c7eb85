"""Edge lengths as a regulariser."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from r3d_cli.loss.coordinates import by_coordinate, corners_of, lengths
from r3d_cli.loss.per_mesh import mean_of_means


def mesh_edge_loss(meshes: Any, target_length: float = 0.0) -> Tensor:  # ()
    """The mean squared difference of edge lengths from a target, over edges and then over meshes.

    Args:
        meshes: `Meshes`.
        target_length: World units.

    Returns:
        A scalar; 0 of an empty batch.

    Example:
        >>> import torch
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 4, 0]])
        >>> mesh_edge_loss(Meshes([verts], [torch.tensor([[0, 1, 2]])]), target_length=3.0)
        tensor(1.6667)
    """
    start, end = corners_of(by_coordinate(meshes.verts_packed()), meshes.edges_packed())  # (3, E)
    off = lengths(end - start) - target_length
    return mean_of_means(off * off, meshes.edges_packed_to_mesh_idx, len(meshes))
