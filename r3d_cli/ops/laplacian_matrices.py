"""Laplacian matrices of meshes."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_same_device, check_shape


def laplacian(
    verts: Tensor,  # (V, 3)
    edges: Tensor,  # (E, 2)
) -> Tensor:  # (V, V) sparse
    """The uniform (umbrella) Laplacian L = D^-1 A - I.

    Row i takes a vertex to the mean of its neighbours minus itself (Taubin 1995); a vertex without edges to
    minus itself.

    Args:
        verts: Packed vertices; only their number, dtype and device matter.
        edges: Unique undirected edges, as ``Meshes.edges_packed`` has them.

    Returns:
        A coalesced sparse COO tensor, of the dtype of verts.

    Raises:
        ValueError: Wrong shapes, dtypes or devices.

    Example:
        >>> edges = torch.tensor([[0, 1], [1, 2]])
        >>> laplacian(torch.zeros(3, 3), edges).to_dense().tolist()
        [[-1.0, 1.0, 0.0], [0.5, -1.0, 0.5], [0.0, 1.0, -1.0]]
    """
    check_shape("laplacian", "verts", verts, "V 3")
    check_shape("laplacian", "edges", edges, "E 2")
    check_dtype("laplacian", "verts", verts, "float32", "float64")
    check_dtype("laplacian", "edges", edges, "int64", "int32")
    check_same_device("laplacian", verts=verts, edges=edges)
    count = len(verts)
    edges = edges.long()
    vertex = torch.arange(count, device=verts.device)
    row = torch.cat([edges[:, 0], edges[:, 1]])
    column = torch.cat([edges[:, 1], edges[:, 0]])
    weight = torch.bincount(row, minlength=count).to(verts.dtype).reciprocal()[row]
    return torch.sparse_coo_tensor(
        torch.stack([torch.cat([row, vertex]), torch.cat([column, vertex])]),
        torch.cat([weight, verts.new_full((count,), -1.0)]),
        (count, count),
        check_invariants=False,
    ).coalesce()
