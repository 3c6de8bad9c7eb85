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


def cot_laplacian(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3)
    eps: float = 1e-12,
) -> tuple[Tensor, Tensor]:  # (V, V) sparse, (V, 1)
    """Cotangent weights, and the reciprocal areas of the faces around each vertex.

    Entry (i, j) is the sum of the cotangents of the angles opposite to edge (i, j) in its faces (Pinkall and
    Polthier 1993, without their factor 1/2); the diagonal is left empty.

    Args:
        verts: Packed vertices.
        faces: Packed faces.
        eps: Least squared area that is divided by.

    Returns:
        A coalesced sparse COO tensor, symmetric; and 1 / (sum of the areas of a vertex's faces), 0 of one in
        no face.

    Raises:
        ValueError: Wrong shapes, dtypes or devices.

    Example:
        >>> verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
        >>> L, inverse_areas = cot_laplacian(verts, torch.tensor([[0, 1, 2]]))
        >>> L.to_dense().tolist()
        [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
        >>> inverse_areas.flatten().tolist()
        [2.0, 2.0, 2.0]
    """
    row, column, weights, inverse_areas = cot_entries(verts, faces, eps)
    count = len(verts)
    L = torch.sparse_coo_tensor(
        torch.stack([row, column]), weights, (count, count), check_invariants=False
    ).coalesce()
    return L, inverse_areas


def cot_entries(
    verts: Tensor, faces: Tensor, eps: float = 1e-12
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # (6 F,), (6 F,), (6 F,), (V, 1)
    """What `cot_laplacian` adds up: rows, columns and weights, an entry often; and the reciprocal areas."""
    check_shape("cot_laplacian", "verts", verts, "V 3")
    check_shape("cot_laplacian", "faces", faces, "F 3")
    check_dtype("cot_laplacian", "verts", verts, "float32", "float64")
    check_dtype("cot_laplacian", "faces", faces, "int64", "int32")
    check_same_device("cot_laplacian", verts=verts, faces=faces)
    faces = faces.long()
    corner = verts[faces]  # (F, 3, 3)
    to_next, to_last = corner.roll(-1, 1) - corner, corner.roll(-2, 1) - corner
    area = (torch.linalg.cross(to_next[:, 0], to_last[:, 0]).square().sum(-1) / 4).clamp(min=eps).sqrt()
    # Of the angle at each corner, opposite to the edge between the other two.
    cot = (to_next * to_last).sum(-1) / (2 * area[:, None])
    i, j = faces.roll(-1, 1).flatten(), faces.roll(-2, 1).flatten()
    areas = verts.new_zeros(len(verts)).index_add(0, faces.flatten(), area.repeat_interleave(3))
    inverse_areas = torch.where(areas > 0, 1 / torch.where(areas > 0, areas, 1), 0)
    return torch.cat([i, j]), torch.cat([j, i]), cot.flatten().repeat(2), inverse_areas[:, None]


def norm_laplacian(
    verts: Tensor,  # (V, 3)
    edges: Tensor,  # (E, 2)
    eps: float = 1e-12,
) -> Tensor:  # (V, V) sparse
    """Weights that fall with the distance: entry (i, j) is 1 / (|v_i - v_j| + eps) for every edge.

    Args:
        verts: Packed vertices.
        edges: Unique undirected edges, as ``Meshes.edges_packed`` has them.
        eps: Added to the length, so that it can be divided by.

    Returns:
        A coalesced sparse COO tensor, symmetric, its diagonal empty.

    Raises:
        ValueError: Wrong shapes, dtypes or devices.

    Example:
        >>> verts = torch.tensor([[0.0, 0, 0], [2, 0, 0]])
        >>> norm_laplacian(verts, torch.tensor([[0, 1]])).to_dense().tolist()
        [[0.0, 0.5], [0.5, 0.0]]
    """
    check_shape("norm_laplacian", "verts", verts, "V 3")
    check_shape("norm_laplacian", "edges", edges, "E 2")
    check_dtype("norm_laplacian", "verts", verts, "float32", "float64")
    check_dtype("norm_laplacian", "edges", edges, "int64", "int32")
    check_same_device("norm_laplacian", verts=verts, edges=edges)
    i, j = edges.long().unbind(1)
    weights = 1 / ((verts[i] - verts[j]).norm(dim=1) + eps)
    return torch.sparse_coo_tensor(
        torch.stack([torch.cat([i, j]), torch.cat([j, i])]),
        weights.repeat(2),
        (len(verts), len(verts)),
        check_invariants=False,
    ).coalesce()
