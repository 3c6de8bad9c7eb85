"""Normals and principal directions of the surface that points lie on, from their neighbours' covariances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype
from r3d_cli.ops.utils import convert_pointclouds_to_tensor, get_point_covariances, wmean
from r3d_cli.transforms.math import matmul

if TYPE_CHECKING:
    from r3d_cli.structures.pointclouds import Pointclouds


def estimate_pointcloud_normals(
    pointclouds: Pointclouds | Tensor,
    neighborhood_size: int = 50,
    disambiguate_directions: bool = True,
    use_symeig_workaround: bool = True,
) -> Tensor:  # (N, P, 3)
    """Unit normals: the direction in which a point's neighbourhood extends least.

    Args:
        pointclouds: `Pointclouds`, or a padded tensor (N, P, 3), all of whose rows count.
        neighborhood_size: Nearest points that a normal is fitted to, the point itself among them.
        disambiguate_directions: Point normals to the side of most neighbours; else the sign is arbitrary.
        use_symeig_workaround: Accepted for PyTorch3D's sake, without effect.

    Returns:
        (N, P, 3), zeros past a cloud's end.

    Raises:
        ValueError: A cloud with points has fewer than ``neighborhood_size``, or points are not 3-D.

    Example:
        >>> plane = torch.rand(1, 30, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 1, 0])
        >>> estimate_pointcloud_normals(plane, neighborhood_size=8)[0, 0].abs()
        tensor([0., 0., 1.])
    """
    _, frames = estimate_pointcloud_local_coord_frames(
        pointclouds, neighborhood_size, disambiguate_directions, use_symeig_workaround
    )
    return frames[:, :, :, 0]


def estimate_pointcloud_local_coord_frames(
    pointclouds: Pointclouds | Tensor,
    neighborhood_size: int = 50,
    disambiguate_directions: bool = True,
    use_symeig_workaround: bool = True,
) -> tuple[Tensor, Tensor]:  # (N, P, 3), (N, P, 3, 3)
    """Principal curvatures and directions at each point: its neighbourhood's covariance and its axes.

    The signs follow SHOT (Tombari, Salti, Di Stefano, ECCV 2010): the normal and the direction of largest
    extent point to the side of most neighbours, the second is the normal's cross product with it. Gradients
    are finite even where extents are equal and the directions thus arbitrary: the part of the derivative that
    would divide by a gap of 0 is damped there.

    Args:
        pointclouds: `Pointclouds`, or a padded tensor (N, P, 3), all of whose rows count.
        neighborhood_size: Nearest points that a frame is fitted to, the point itself among them.
        disambiguate_directions: Settle the signs; else they are arbitrary.
        use_symeig_workaround: Accepted for PyTorch3D's sake, without effect.

    Returns:
        Curvatures (N, P, 3), the covariance's eigenvalues, ascending; and frames (N, P, 3, 3), whose columns
        are the unit eigenvectors: normal, second and main direction. Zeros past a cloud's end.

    Raises:
        ValueError: A cloud with points has fewer than ``neighborhood_size``, or points are not 3-D, neither
            float32 nor float64, or not finite.

    Example:
        >>> points = torch.rand(2, 60, 3)
        >>> curvatures, frames = estimate_pointcloud_local_coord_frames(points, neighborhood_size=10)
        >>> curvatures.shape, frames.shape
        (torch.Size([2, 60, 3]), torch.Size([2, 60, 3, 3]))
    """
    where = "estimate_pointcloud_local_coord_frames"
    points, num_points = convert_pointclouds_to_tensor(pointclouds)
    if points.ndim != 3 or points.shape[2] != 3:
        raise ValueError(f"{where}: pointclouds must have shape (N, P, 3), got {tuple(points.shape)}")
    check_dtype(where, "pointclouds", points, "float32", "float64")
    fewest = int(num_points[num_points > 0].min()) if bool((num_points > 0).any()) else None
    if neighborhood_size < 1 or (fewest is not None and fewest < neighborhood_size):
        raise ValueError(
            f"{where}: neighborhood_size must lie in [1, {fewest or 'P'}], the points of the smallest cloud, "
            f"got {neighborhood_size}"
        )
    inside = torch.arange(points.shape[1], device=points.device) < num_points[:, None]  # (N, P)
    if fewest is None:
        return torch.zeros_like(points), points.new_zeros(*points.shape, 3)
    points = points - wmean(points, inside.to(points.dtype))  # far from the origin digits get lost
    covariances, neighbors = get_point_covariances(points, num_points, neighborhood_size)
    try:
        curvatures, frames = _eigh(covariances)
    except torch.linalg.LinAlgError:
        if points.isfinite().all():
            raise
        raise ValueError(f"{where}: pointclouds hold NaN or infinite coordinates") from None
    if disambiguate_directions:
        offsets = neighbors - points[:, :, None]
        normal = _toward_most(frames[..., 0], offsets)
        main = _toward_most(frames[..., 2], offsets)
        frames = torch.stack((normal, torch.linalg.cross(normal, main), main), dim=3)
    return curvatures.where(inside[..., None], 0), frames.where(inside[..., None, None], 0)


def _toward_most(directions: Tensor, offsets: Tensor) -> Tensor:  # (N, P, 3), (N, P, K, 3) -> (N, P, 3)
    """Directions, turned round where most neighbours lie behind, or as many as ahead and their mean does."""
    along = matmul(offsets, directions[..., None])[..., 0]  # (N, P, K)
    lead = along.sign().sum(dim=2)
    side = torch.where(lead == 0, along.sum(dim=2), lead)
    return torch.where(side[..., None] < 0, -directions, directions)


def _eigh(matrices: Tensor) -> tuple[Tensor, Tensor]:  # (*, 3, 3) -> (*, 3) ascending, (*, 3, 3) columns
    """Eigenvalues and eigenvectors whose derivatives stay finite where eigenvalues are equal.

    Values from LAPACK; derivatives by first-order perturbation, d lambda_i = v_i' dA v_i and
    d v_i = sum_j v_j (v_j' dA v_i) / (lambda_i - lambda_j), with 1/x damped to x / (x^2 + eps^2) near 0
    (Liao, Liu, Wang, Xiang: Differentiable Programming Tensor Networks, PRX 2019).
    """
    values, vectors = torch.linalg.eigh(matrices.detach())
    if not matrices.requires_grad:
        return values, vectors
    kinds = torch.finfo(values.dtype)
    scale = values[..., -1:, None].clamp(min=kinds.tiny)
    gaps = (values[..., None, :] - values[..., :, None]) / scale  # [j, i]: lambda_i - lambda_j
    damped = gaps / (gaps.square() + kinds.eps**2) / scale
    change = matmul(matmul(vectors.mT, matrices - matrices.detach()), vectors)  # 0, but for its derivative
    return values + change.diagonal(dim1=-2, dim2=-1), vectors + matmul(vectors, change * damped)
