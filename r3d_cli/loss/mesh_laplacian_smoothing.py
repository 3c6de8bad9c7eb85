"""The Laplacian of vertices as a regulariser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.loss.coordinates import by_coordinate, lengths
from r3d_cli.loss.per_mesh import check_meshes, mean_of_means, shaped
from r3d_cli.ops.laplacian_matrices import cot_entries, cot_laplacian
from r3d_cli.ops.neighbour_sums import neighbour_sums

METHODS = ("uniform", "cot", "cotcurv")


def mesh_laplacian_smoothing(meshes: Any, method: str = "uniform") -> Tensor:  # ()
    """The mean length of L V, over vertices and then over meshes.

    Nealen et al. 2006, "Laplacian Mesh Optimization"; for the cotangent weights Desbrun et al. 1999,
    "Implicit Fairing of Irregular Meshes using Diffusion and Curvature Flow".

    Args:
        meshes: `Meshes`.
        method: What each vertex is compared with. "uniform": the mean of its neighbours. "cot": their mean
            with cotangent weights. "cotcurv": the mean curvature normal, which is zero on flat surfaces
            however they are triangulated. Weights are constants of the gradient.

    Returns:
        A scalar (); of a batch without faces 0, of shape (1,) as in PyTorch3D.

    Raises:
        ValueError: Another method, or no `Meshes`.

    Example:
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
        >>> mesh_laplacian_smoothing(Meshes([verts], [torch.tensor([[0, 1, 2]])]))
        tensor(0.9811)
    """
    check_meshes("mesh_laplacian_smoothing", meshes)
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(
            f"mesh_laplacian_smoothing: method must be one of {', '.join(METHODS)}, got {method!r}"
        )
    verts = meshes.verts_packed()
    if method == "uniform":
        first, neighbours = meshes.neighbours_packed()
        sums = neighbour_sums(verts, first, neighbours)
        moved = sums / first.diff().clamp(min=1)[:, None] - verts
    else:
        sums, total, inverse_areas = _cot_sums(verts, meshes.faces_packed())
        if method == "cot":
            moved = torch.where(total > 0, sums / torch.where(total > 0, total, 1), 0) - verts
        else:
            moved = (sums - total * verts) * (0.25 * inverse_areas)
    loss = mean_of_means(lengths(by_coordinate(moved)), meshes.verts_packed_to_mesh_idx, len(meshes))
    return shaped(loss, meshes)


def _cot_sums(verts: Tensor, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # (V, 3), (V, 1), (V, 1)
    """The cotangent-weighted sum of each vertex's neighbours, the sum of its weights, and its reciprocal
    area."""
    if torch.compiler.is_compiling():  # which knows no sparse matrices
        with torch.no_grad():
            row, column, weights, inverse_areas = cot_entries(verts, faces)
            total = verts.new_zeros(len(verts), 1).index_add(0, row, weights[:, None])
        return (
            torch.zeros_like(verts).index_add(0, row, weights[:, None] * verts[column]),
            total,
            inverse_areas,
        )
    with torch.no_grad():
        L, inverse_areas = cot_laplacian(verts, faces)
        total = torch.sparse.sum(L, 1).to_dense()[:, None]
    return L @ verts, total, inverse_areas
