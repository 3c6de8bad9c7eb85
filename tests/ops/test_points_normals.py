"""Normals and principal directions of points on known surfaces; the small helpers of point clouds."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from r3d_cli.ops import (
    convert_pointclouds_to_tensor,
    estimate_pointcloud_local_coord_frames,
    estimate_pointcloud_normals,
    eyes,
    get_point_covariances,
    is_pointclouds,
    wmean,
)
from r3d_cli.ops import utils as ops_utils
from r3d_cli.structures import Pointclouds


def fibonacci_sphere(count: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    i = torch.arange(count, dtype=dtype) + 0.5
    z, angle = 1 - 2 * i / count, torch.pi * (1 + 5**0.5) * i
    ring = (1 - z * z).sqrt()
    return torch.stack((ring * angle.cos(), ring * angle.sin(), z), dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normals_of_a_plane_are_its_normal(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    normal = torch.nn.functional.normalize(torch.tensor([1.0, 2.0, 3.0], dtype=dtype), dim=0)
    points = torch.randn(200, 3, dtype=dtype)
    points = points - (points @ normal)[:, None] * normal + 5 * normal
    curvatures, frames = estimate_pointcloud_local_coord_frames(points[None], neighborhood_size=20)
    alignment = (frames[0, :, :, 0] @ normal).abs()
    torch.testing.assert_close(alignment, torch.ones_like(alignment), rtol=0, atol=1e-5)
    assert curvatures[0, :, 0].abs().max() < 1e-6
    assert (curvatures.diff(dim=2) >= 0).all()


def test_normals_of_a_sphere_point_inwards_to_where_its_points_are() -> None:
    points = fibonacci_sphere(1500)
    normals = estimate_pointcloud_normals(points[None] + 10, neighborhood_size=12)[0]
    assert (normals * points).sum(1).max() < -0.999


def test_frames_are_right_handed_rotations_and_covariances_eigenvectors() -> None:
    torch.manual_seed(0)
    points = torch.randn(2, 80, 3, dtype=torch.float64)
    curvatures, frames = estimate_pointcloud_local_coord_frames(points, neighborhood_size=15)
    torch.testing.assert_close(frames.mT @ frames, eyes(3, 160, dtype=torch.float64).view(2, 80, 3, 3))
    torch.testing.assert_close(torch.linalg.det(frames), -torch.ones(2, 80, dtype=torch.float64))
    covariances, _ = get_point_covariances(points, torch.tensor([80, 80]), 15)
    torch.testing.assert_close(frames @ torch.diag_embed(curvatures) @ frames.mT, covariances)


def test_most_neighbours_lie_on_the_side_of_normal_and_main_direction() -> None:
    torch.manual_seed(1)
    points = torch.randn(1, 100, 3)
    _, neighbors = get_point_covariances(points, torch.tensor([100]), 10)
    offsets = (neighbors - points[:, :, None])[:, :, 1:]
    _, frames = estimate_pointcloud_local_coord_frames(points, neighborhood_size=10)
    assert ((offsets @ frames > 0).sum(2)[..., [0, 2]] > 9 / 2).all()
    _, free = estimate_pointcloud_local_coord_frames(points, 10, disambiguate_directions=False)
    assert ((offsets @ free > 0).sum(2)[..., 0] < 9 / 2).any()


def test_as_many_neighbours_on_both_sides_leave_it_to_their_mean() -> None:
    points = torch.tensor([[0.0, 0.0, 0.0], [-1.0, 0.1, 0.0], [3.0, 0.1, 0.0]])
    for flipped in (points, -points):
        _, frames = estimate_pointcloud_local_coord_frames(flipped[None], neighborhood_size=3)
        assert frames[0, 0, :, 2] @ flipped.sum(0) > 0


def test_a_ragged_batch_is_its_clouds_one_by_one() -> None:
    torch.manual_seed(2)
    rows = [torch.randn(length, 3, dtype=torch.float64) for length in (30, 12, 0, 45)]
    batch = Pointclouds(rows)
    normals = estimate_pointcloud_normals(batch, neighborhood_size=10)
    assert normals.shape == (4, 45, 3)
    for cloud, estimate in zip(rows, normals, strict=True):
        assert not estimate[len(cloud) :].any()
        if len(cloud):
            alone = estimate_pointcloud_normals(cloud[None], neighborhood_size=10)[0]
            torch.testing.assert_close(estimate[: len(cloud)], alone)


def test_clouds_keep_the_normals_they_are_told_to() -> None:
    clouds = Pointclouds([fibonacci_sphere(60), fibonacci_sphere(40)])
    normals = clouds.estimate_normals(neighborhood_size=10)
    assert clouds.normals_packed() is None
    assert torch.equal(clouds.estimate_normals(10, assign_to_self=True), normals)
    assert torch.equal(clouds.normals_padded(), normals)
    assert clouds.normals_list()[1].shape == (40, 3)


def test_neighbours_are_the_nearest_also_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    points = torch.randn(2, 50, 3, dtype=torch.float64) * 1e-3 + 100
    lengths = torch.tensor([50, 20])
    monkeypatch.setattr(ops_utils, "DISTANCE_BYTES", 7 * 2 * 50 * 8)
    _, neighbors = get_point_covariances(points, lengths, 6)
    for cloud, length, found in zip(points.numpy(), lengths.tolist(), neighbors.numpy(), strict=True):
        _, nearest = cKDTree(cloud[:length]).query(cloud[:length], k=6)
        np.testing.assert_array_equal(found[:length], cloud[nearest])


def test_covariances_are_numpys() -> None:
    torch.manual_seed(4)
    points = torch.randn(1, 9, 2, dtype=torch.float64)
    covariances, _ = get_point_covariances(points, torch.tensor([9]), 9)
    np.testing.assert_allclose(covariances[0, 4], np.cov(points[0].T, bias=True))


def test_autocast_changes_nothing() -> None:
    torch.manual_seed(0)
    points = torch.randn(1, 60, 3)
    expected = estimate_pointcloud_local_coord_frames(points, 10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        computed = estimate_pointcloud_local_coord_frames(points, 10)
    for value, same in zip(computed, expected, strict=True):
        assert torch.equal(value, same)


def test_gradients() -> None:
    torch.manual_seed(5)
    points = torch.randn(1, 12, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: estimate_pointcloud_local_coord_frames(p, 8), [points])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_where_extents_are_equal(dtype: torch.dtype) -> None:
    octahedron = torch.cat((torch.eye(3, dtype=dtype), -torch.eye(3, dtype=dtype)))
    coincident = torch.zeros(6, 3, dtype=dtype)
    points = torch.stack((octahedron, coincident)).requires_grad_()
    curvatures, frames = estimate_pointcloud_local_coord_frames(points, neighborhood_size=6)
    torch.testing.assert_close(curvatures[0], torch.full_like(curvatures[0], 1 / 3))
    (curvatures.sum() + frames.sum()).backward()
    assert points.grad.isfinite().all()


@pytest.mark.parametrize(
    ("points", "neighborhood_size", "text"),
    [
        (
            torch.zeros(1, 5, 3),
            6,
            "neighborhood_size must lie in [1, 5], the points of the smallest cloud, got 6",
        ),
        (
            torch.zeros(1, 5, 3),
            0,
            "neighborhood_size must lie in [1, 5], the points of the smallest cloud, got 0",
        ),
        (torch.zeros(1, 5, 2), 3, "pointclouds must have shape (N, P, 3), got (1, 5, 2)"),
        (torch.zeros(1, 5, 3).half(), 3, "pointclouds must be float32 or float64, got float16"),
        (torch.full((1, 5, 3), torch.nan), 3, "pointclouds hold NaN or infinite coordinates"),
        (
            np.zeros((1, 5, 3)),
            3,
            "convert_pointclouds_to_tensor: pcl must be Pointclouds or a tensor (N, P, D), got ndarray",
        ),
    ],
)
def test_bad_input_is_named(points: torch.Tensor, neighborhood_size: int, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        estimate_pointcloud_normals(points, neighborhood_size)


def test_one_small_cloud_is_enough_to_say_so() -> None:
    clouds = Pointclouds([torch.zeros(9, 3), torch.zeros(2, 3), torch.zeros(0, 3)])
    with pytest.raises(
        ValueError, match=re.escape("must lie in [1, 2], the points of the smallest cloud, got 4")
    ):
        estimate_pointcloud_normals(clouds, 4)


def test_batches_without_points_have_no_normals() -> None:
    assert estimate_pointcloud_normals(Pointclouds([])).shape == (0, 0, 3)
    assert estimate_pointcloud_normals(Pointclouds([torch.zeros(0, 3)])).shape == (1, 0, 3)


def test_wmean_is_numpys_average() -> None:
    torch.manual_seed(6)
    x, weight = torch.randn(2, 5, 3, dtype=torch.float64), torch.rand(2, 5, dtype=torch.float64)
    expected = np.stack([np.average(x[n], axis=0, weights=weight[n]) for n in range(2)])
    np.testing.assert_allclose(wmean(x, weight)[:, 0], expected)
    np.testing.assert_allclose(wmean(x, weight, keepdim=False), expected)
    np.testing.assert_allclose(wmean(x), x.mean(1, keepdim=True))
    overall = np.average(x.reshape(-1, 3), axis=0, weights=weight.flatten())
    np.testing.assert_allclose(wmean(x, weight, dim=(0, 1), keepdim=False), overall)
    assert not wmean(x, torch.zeros(2, 5)).any()
    assert wmean(x, torch.ones(1, 5)).shape == (2, 1, 3)
    with pytest.raises(ValueError, match=re.escape("wmean: weight must have shape (2, 5)")):
        wmean(x, torch.ones(2, 4))


def test_what_counts_as_point_clouds() -> None:
    clouds = Pointclouds([torch.ones(2, 3), torch.ones(4, 3)])
    assert is_pointclouds(clouds)
    padded, lengths = convert_pointclouds_to_tensor(clouds)
    assert padded.shape == (2, 4, 3)
    assert lengths.tolist() == [2, 4]
    assert not is_pointclouds(padded)
    assert convert_pointclouds_to_tensor(padded)[1].tolist() == [4, 4]


def test_covariances_name_bad_input() -> None:
    with pytest.raises(ValueError, match=re.escape("neighborhood_size must lie in [1, 5], got 6")):
        get_point_covariances(torch.zeros(1, 5, 3), torch.tensor([5]), 6)
    with pytest.raises(ValueError, match=re.escape("num_points_per_cloud must have shape (N,) with N = 1")):
        get_point_covariances(torch.zeros(1, 5, 3), torch.tensor([5, 5]), 2)
