"""Edge lengths as a regulariser."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from r3d_cli.loss.coordinates import by_coordinate, corners_of, lengths
from r3d_cli.loss.per_mesh import check_meshes, mean_of_means, shaped


def mesh_edge_loss(meshes: Any, target_length: float = 0.0) -> Tensor:  # ()
    """The mean squared difference of edge lengths from a target, over edges and then over meshes.

    Args:
        meshes: `Meshes`.
        target_length: World units.

    Returns:
        A scalar (); of a batch without faces 0, of shape (1,) as in PyTorch3D.

    Raises:
        ValueError: ``meshes`` or ``target_length`` is something else.

    Example:
        >>> import torch
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 4, 0]])
        >>> mesh_edge_loss(Meshes([verts], [torch.tensor([[0, 1, 2]])]), target_length=3.0)
        tensor(1.6667)
    """
    check_meshes("mesh_edge_loss", meshes)
    if not isinstance(target_length, int | float | Tensor):
        kind = type(target_length).__name__
        raise ValueError(f"mesh_edge_loss: target_length must be a number, got {kind}")
    start, end = corners_of(by_coordinate(meshes.verts_packed()), meshes.edges_packed())  # (3, E)
    off = lengths(end - start) - target_length
    loss = mean_of_means(off * off, meshes.edges_packed_to_mesh_idx, len(meshes))
    return shaped(loss, meshes)
