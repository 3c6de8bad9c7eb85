"""Small helpers of the operators on point clouds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape, check_tensor
from r3d_cli.transforms.math import matmul

#: Bytes of distances held at once while neighbours are searched.
DISTANCE_BYTES = 64 << 20


def wmean(
    x: Tensor,  # (*, P, D)
    weight: Tensor | None = None,  # (*, P)
    dim: int | tuple[int, ...] = -2,
    keepdim: bool = True,
    eps: float = 1e-9,
) -> Tensor:
    """Weighted mean of vectors over ``dim``.

    Args:
        x: Vectors (*, P, D).
        weight: Their weights (*, P); sizes of 1 are stretched. None: equal ones.
        dim: What to average over.
        keepdim: Keep these dimensions, with size 1.
        eps: Least sum of weights that is divided by: where all weights are 0, so is the mean.

    Raises:
        ValueError: The weights do not fit.

    Example:
        >>> wmean(torch.tensor([[0.0, 0.0], [4.0, 8.0]]), torch.tensor([3.0, 1.0]))
        tensor([[1., 2.]])
    """
    check_tensor("wmean", "x", x, "... P D")
    if weight is None:
        return x.mean(dim=dim, keepdim=keepdim)
    check_tensor("wmean", "weight", weight, "...")
    pairs = zip(reversed(x.shape[:-1]), reversed(weight.shape), strict=False)
    if any(size != weights and 1 not in (size, weights) for size, weights in pairs):
        raise ValueError(
            f"wmean: weight must have shape {tuple(x.shape[:-1])}, that of x without its last dimension, "
            f"got {tuple(weight.shape)}"
        )
    scale = weight[..., None]
    total = scale.sum(dim=dim, keepdim=keepdim).clamp(min=eps)
    return (x * scale).sum(dim=dim, keepdim=keepdim) / total


def eyes(
    dim: int, N: int, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """N identity matrices (N, dim, dim).

    Example:
        >>> eyes(3, 2).shape
        torch.Size([2, 3, 3])
    """
    return torch.eye(dim, device=device, dtype=dtype).repeat(N, 1, 1)


def is_pointclouds(pcl: Any) -> bool:
    """Whether it is a `Pointclouds`, or has its padded points and their numbers.

    Example:
        >>> is_pointclouds(torch.zeros(1, 5, 3))
        False
    """
    return hasattr(pcl, "points_padded") and hasattr(pcl, "num_points_per_cloud")


def convert_pointclouds_to_tensor(pcl: Any) -> tuple[Tensor, Tensor]:
    """Padded points (N, P, D) and their numbers (N,) of `Pointclouds` or of a padded tensor.

    Raises:
        ValueError: It is neither.

    Example:
        >>> convert_pointclouds_to_tensor(torch.zeros(2, 5, 3))[1]
        tensor([5, 5])
    """
    if is_pointclouds(pcl):
        return pcl.points_padded(), pcl.num_points_per_cloud()
    if not isinstance(pcl, Tensor):
        kind = type(pcl).__name__
        raise ValueError(
            f"convert_pointclouds_to_tensor: pcl must be Pointclouds or a tensor (N, P, D), got {kind}"
        )
    check_shape("convert_pointclouds_to_tensor", "pcl", pcl, "N P D")
    count, length = pcl.shape[:2]
    return pcl, torch.full((count,), length, dtype=torch.int64, device=pcl.device)


def get_point_covariances(
    points_padded: Tensor,  # (N, P, D)
    num_points_per_cloud: Tensor,  # (N,)
    neighborhood_size: int,
) -> tuple[Tensor, Tensor]:  # (N, P, D, D), (N, P, K, D)
    """Covariance of each point's nearest neighbours, itself among them.

    Args:
        points_padded: (N, P, D).
        num_points_per_cloud: (N,) how many rows of each cloud are points.
        neighborhood_size: K. In a cloud with fewer points, padding rows become neighbours too.

    Returns:
        Covariances (N, P, D, D), sums of outer products about the neighbours' mean divided by K, and the
        neighbours (N, P, K, D), nearest first. Rows past a cloud's end mean nothing.

    Raises:
        ValueError: K is not in [1, P], or shapes do not fit.

    Example:
        >>> points = torch.tensor([[[0.0, 0.0], [2.0, 0.0]]])
        >>> get_point_covariances(points, torch.tensor([2]), 2)[0][0, 0]
        tensor([[1., 0.],
                [0., 0.]])
    """
    sizes = check_shape("get_point_covariances", "points_padded", points_padded, "N P D")
    check_shape("get_point_covariances", "num_points_per_cloud", num_points_per_cloud, "N", N=sizes["N"])
    if not 0 < neighborhood_size <= sizes["P"]:
        raise ValueError(
            f"get_point_covariances: neighborhood_size must lie in [1, {sizes['P']}], got {neighborhood_size}"
        )
    nearest = _nearest(points_padded.detach(), num_points_per_cloud, neighborhood_size)
    clouds = torch.arange(sizes["N"], device=points_padded.device)[:, None, None]
    neighbors = points_padded[clouds, nearest]
    centered = neighbors - neighbors.mean(dim=2, keepdim=True)
    return matmul(centered.mT, centered) / neighborhood_size, neighbors


def _nearest(points: Tensor, num_points: Tensor, count: int) -> Tensor:
    """(N, P, K) int64: each point's nearest in its cloud, exact and nearest first."""
    clouds, length, _ = points.shape
    padding = torch.arange(length, device=points.device) >= num_points[:, None]  # (N, P)
    rows = max(1, DISTANCE_BYTES // max(1, clouds * length * points.element_size()))
    found = []
    for chunk in points.split(rows, dim=1):
        # Through matrix products distances would be faster and lose what digits close points have.
        distances = torch.cdist(chunk, points, compute_mode="donot_use_mm_for_euclid_dist")
        distances.masked_fill_(padding[:, None], torch.inf)
        found.append(distances.topk(count, dim=2, largest=False).indices)
    return torch.cat(found, dim=1)
