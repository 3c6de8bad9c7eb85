"""Volumes: where voxels lie, the views, and what it says of bad input."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.structures import Volumes

SIZES = [(2, 3, 4), (5, 3, 2), (1, 1, 6)]


def ragged_volumes(dtype: torch.dtype = torch.float32, **kwargs: object) -> Volumes:
    generator = torch.Generator().manual_seed(0)
    densities = [torch.rand(1, *size, generator=generator, dtype=dtype) for size in SIZES]
    features = [torch.rand(4, *size, generator=generator, dtype=dtype) for size in SIZES]
    return Volumes(densities, features, **kwargs)


def test_recorded(shared_data: Path) -> None:
    case = {
        name: torch.from_numpy(values)
        for name, values in np.load(shared_data / "pytorch3d_cases" / "volumes.npz").items()
    }
    volumes = Volumes(case["densities"], case["features"], 0.3, (0.1, 0.2, -0.1))
    torch.testing.assert_close(volumes.world_to_local_coords(case["points"]), case["local"])
    torch.testing.assert_close(volumes.local_to_world_coords(case["local"]), case["points"])
    torch.testing.assert_close(volumes.get_coord_grid(), case["grid"])


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_voxels_lie_at_their_distances_about_the_centre(align_corners: bool, dtype: torch.dtype) -> None:
    edges = torch.tensor([[0.1, 0.2, 0.3], [1.0, 2.0, 3.0], [0.5, 0.5, 0.5]], dtype=dtype)
    shifts = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 5.0]], dtype=dtype)
    volumes = ragged_volumes(dtype, voxel_size=edges, volume_translation=shifts, align_corners=align_corners)
    assert volumes.get_align_corners() is align_corners
    grid = volumes.get_coord_grid()
    assert grid.dtype == dtype
    assert grid.shape == (3, 5, 3, 6, 3)
    steps = torch.stack(torch.meshgrid(*(torch.arange(s) for s in (5, 3, 6)), indexing="ij"), -1).flip(-1)
    for n, size in enumerate(SIZES):
        counts = torch.tensor(size[::-1], dtype=dtype)
        # PyTorch3D's local unit is (S - 1) / 2 voxels also where the outer faces are at -1 and 1.
        apart = edges[n] if align_corners else edges[n] * (counts - 1).clamp(min=1) / counts
        torch.testing.assert_close(grid[n], (steps - (counts - 1) / 2) * apart - shifts[n])
    torch.testing.assert_close(
        volumes.world_to_local_coords(grid), volumes.get_coord_grid(world_coordinates=False)
    )


def test_a_local_unit_is_the_same_whether_corners_are_centres_or_faces() -> None:
    values = torch.zeros(1, 1, 5, 4, 3)
    points = torch.tensor([[[1.0, 1.0, 1.0], [-1.0, 0.5, 0.0]]])
    for align_corners in (True, False):
        volumes = Volumes(values, voxel_size=0.5, align_corners=align_corners)
        expected = points * torch.tensor([2, 3, 4]) * 0.25
        torch.testing.assert_close(volumes.local_to_world_coords(points), expected)
    assert volumes.get_coord_grid()[0, 0, 0, :, 0].tolist() == pytest.approx([-1 / 3, 0, 1 / 3])


@settings(deadline=None, max_examples=30)
@given(size=st.tuples(*[st.integers(1, 5)] * 3), align_corners=st.booleans(), seed=st.integers(0, 100))
def test_local_coordinates_are_those_of_grid_sample(
    size: tuple[int, int, int], align_corners: bool, seed: int
) -> None:
    values = torch.rand(1, 2, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    local = Volumes(values, align_corners=align_corners).get_coord_grid(world_coordinates=False)
    sampled = torch.nn.functional.grid_sample(
        values, local, align_corners=align_corners, padding_mode="border"
    )
    torch.testing.assert_close(sampled, values)


def test_single_voxels_can_be_located_both_ways() -> None:
    volumes = Volumes(torch.zeros(1, 1, 1, 1, 1), voxel_size=2.0, volume_translation=(1.0, 0.0, 0.0))
    assert volumes.get_coord_grid().flatten().tolist() == [-1.0, 0.0, 0.0]
    points = torch.randn(1, 7, 3)
    torch.testing.assert_close(volumes.local_to_world_coords(volumes.world_to_local_coords(points)), points)


def test_points_of_any_shape_are_transformed() -> None:
    volumes = ragged_volumes()
    points = torch.randn(3, 2, 5, 4, 3)
    moved = volumes.local_to_world_coords(points)
    assert moved.shape == points.shape
    one_by_one = volumes.get_local_to_world_coords_transform().transform_points(points.reshape(3, -1, 3))
    torch.testing.assert_close(moved.reshape(3, -1, 3), one_by_one)
    back = volumes.get_world_to_local_coords_transform().transform_points(one_by_one)
    torch.testing.assert_close(back.reshape(points.shape), points)
    assert volumes.local_to_world_coords(torch.zeros(3, 3)).shape == (3, 3)
    assert volumes.local_to_world_coords(torch.zeros(3, 0, 3)).shape == (3, 0, 3)


@pytest.mark.parametrize(
    "voxel_size",
    [
        0.5,
        torch.tensor(0.5),
        torch.tensor([0.5]),
        (0.5, 0.5, 0.5),
        [0.5, 0.5, 0.5],
        torch.full((1, 3), 0.5),
        torch.full((2, 1), 0.5),
        torch.full((2, 3), 0.5),
    ],
)
def test_voxel_sizes_in_all_spellings(voxel_size: object) -> None:
    volumes = Volumes(torch.zeros(2, 1, 3, 3, 3), voxel_size=voxel_size)
    assert torch.equal(volumes.get_coord_grid()[1, 2, 2, 2], torch.full((3,), 0.5))


def test_lists_come_back_as_they_were_given() -> None:
    volumes = ragged_volumes()
    assert len(volumes) == 3
    assert volumes.densities().shape == (3, 1, 5, 3, 6)
    assert volumes.features().shape == (3, 4, 5, 3, 6)
    assert volumes.get_grid_sizes().tolist() == [list(size) for size in SIZES]
    assert [tuple(d.shape) for d in volumes.densities_list()] == [(1, *size) for size in SIZES]
    generator = torch.Generator().manual_seed(0)
    for size, density in zip(SIZES, volumes.densities_list(), strict=True):
        assert torch.equal(density, torch.rand(1, *size, generator=generator))
    for size, feature in zip(SIZES, volumes.features_list(), strict=True):
        assert torch.equal(feature, torch.rand(4, *size, generator=generator))
    inside = sum(density.sum() for density in volumes.densities_list())
    torch.testing.assert_close(volumes.densities().sum(), inside)
    plain = Volumes(torch.ones(2, 1, 3, 3, 3))
    assert plain.features() is plain.features_list() is None
    assert [tuple(d.shape) for d in plain.densities_list()] == [(1, 3, 3, 3)] * 2


@pytest.mark.parametrize(
    ("index", "chosen"),
    [
        (1, [1]),
        (-1, [2]),
        (slice(0, 2), [0, 1]),
        ([2, 0], [2, 0]),
        (torch.tensor([1, 1]), [1, 1]),
        (torch.tensor([True, False, True]), [0, 2]),
        ([], []),
    ],
    ids=str,
)
def test_indexing_takes_places_along(index: object, chosen: list[int]) -> None:
    volumes = ragged_volumes(voxel_size=torch.tensor([[1.0], [2.0], [3.0]]), align_corners=False)
    some = volumes[index]
    assert len(some) == len(chosen)
    assert torch.equal(some.densities(), volumes.densities()[chosen])
    assert torch.equal(some.features(), volumes.features()[chosen])
    assert torch.equal(some.get_grid_sizes(), volumes.get_grid_sizes()[chosen])
    assert torch.equal(some.get_coord_grid(), volumes.get_coord_grid()[chosen])
    assert not some.get_align_corners()
    assert [tuple(d.shape[1:]) for d in some.densities_list()] == [SIZES[position] for position in chosen]
    assert not chosen or some.densities().untyped_storage().data_ptr() != volumes.densities().data_ptr()


def test_a_batch_is_iterated_volume_by_volume() -> None:
    assert [volume.get_grid_sizes().tolist() for volume in ragged_volumes()] == [[list(s)] for s in SIZES]


@pytest.mark.parametrize("densities", [[], torch.zeros(0, 1, 4, 4, 4)], ids=["list", "padded"])
def test_a_batch_without_volumes(densities: list[torch.Tensor] | torch.Tensor) -> None:
    volumes = Volumes(densities)
    assert len(volumes) == 0
    assert volumes.get_grid_sizes().shape == (0, 3)
    assert volumes.get_coord_grid().shape[0] == 0
    assert volumes.densities_list() == []
    assert len(volumes.clone()) == len(volumes[:]) == 0


def test_update_padded_keeps_places() -> None:
    volumes = ragged_volumes(voxel_size=0.3, volume_translation=(1.0, 2.0, 3.0))
    densities, features = torch.rand(3, 2, 5, 3, 6), torch.rand(3, 1, 5, 3, 6)
    updated = volumes.update_padded(densities, features)
    assert updated.densities() is densities
    assert updated.features() is features
    assert torch.equal(updated.get_coord_grid(), volumes.get_coord_grid())
    assert [tuple(d.shape) for d in updated.densities_list()] == [(2, *size) for size in SIZES]
    assert volumes.update_padded(densities).features() is None


def test_clone_and_to() -> None:
    volumes = ragged_volumes()
    clone = volumes.clone()
    assert torch.equal(clone.densities(), volumes.densities())
    clone.densities().zero_()
    clone.features().zero_()
    assert volumes.densities().any()
    assert volumes.features().any()
    assert volumes.to("cpu") is volumes.cpu() is volumes
    assert volumes.to("cpu", copy=True).densities().data_ptr() != volumes.densities().data_ptr()
    elsewhere = volumes.to("meta")
    assert elsewhere.device.type == elsewhere.get_grid_sizes().device.type == "meta"
    assert elsewhere.features().device.type == "meta"
    assert elsewhere.get_local_to_world_coords_transform().device.type == "meta"


def test_gradients_reach_values_and_places() -> None:
    densities = torch.rand(1, 1, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    edge = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    points = torch.randn(1, 4, 3, dtype=torch.float64, requires_grad=True)

    def located(
        densities: torch.Tensor, edge: torch.Tensor, shift: torch.Tensor, points: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        volumes = Volumes(densities, voxel_size=edge, volume_translation=shift)
        return volumes.densities() ** 2, volumes.world_to_local_coords(points), volumes.get_coord_grid()

    assert torch.autograd.gradcheck(located, [densities, edge, shift, points])


GRID = torch.zeros(2, 1, 3, 3, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((torch.zeros(1, 3, 3, 3),), "densities must have shape (N, C, D, H, W), got (1, 3, 3, 3)"),
        (("grid",), "densities must be a tensor (N, C, D, H, W) or a list of tensors, got str"),
        ((GRID.long(),), "densities must be float32 or float64 or float16 or bfloat16, got int64"),
        (
            ([GRID[0], torch.zeros(2, 3, 3, 3)],),
            "densities[1] must have shape (C, D, H, W) with C = 1, got (2, 3, 3, 3)",
        ),
        (([GRID[0], GRID[0].double()],), "densities[1] must be float32, got float64"),
        (
            (GRID, torch.zeros(2, 1, 3, 3, 4)),
            "features must have shape (N, C, D, H, W) with N = 2 and D = 3 and H = 3 and W = 3, "
            "got (2, 1, 3, 3, 4)",
        ),
        (
            (GRID, [torch.zeros(1, 3, 3, 3), torch.zeros(1, 3, 2, 3)]),
            "features[1] must have shape (C, D, H, W) with C = 1 and D = 3 and H = 3 and W = 3, "
            "got (1, 3, 2, 3)",
        ),
        ((GRID, [GRID[0]]), "features must be 2 tensors, one a volume, got 1"),
        (
            (GRID, GRID.to("meta")),
            "densities is on cpu, features is on meta; move them to one device with .to()",
        ),
        (
            (GRID, None, (1.0, 2.0)),
            "voxel_size must be a number or have shape (3,), (N, 1) or (N, 3) with N = 2",
        ),
        ((GRID, None, torch.ones(3, 3)), "voxel_size must be a number or have shape (3,), (N, 1) or (N, 3)"),
        ((GRID, None, 0.0), "voxel_size must be above 0, got 0.0"),
        ((GRID, None, 1.0, torch.ones(4)), "volume_translation must be a number or have shape (3,), (N, 1)"),
    ],
)
def test_bad_input_is_named(arguments: tuple[object, ...], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Volumes: {text}")):
        Volumes(*arguments)


def test_bad_points_and_updates_are_named() -> None:
    volumes = Volumes(GRID)
    for points, text in (
        (torch.zeros(2, 4), "local_to_world_coords: points_3d_local must have shape (..., 3), got (2, 4)"),
        (torch.zeros(3, 3), "local_to_world_coords: points_3d_local must have shape (N, ..., 3) with N = 2"),
        (torch.zeros(3), "local_to_world_coords: points_3d_local must have shape (N, ..., 3) with N = 2"),
    ):
        with pytest.raises(ValueError, match=re.escape(f"Volumes.{text}")):
            volumes.local_to_world_coords(points)
    with pytest.raises(ValueError, match=re.escape("Volumes.update_padded: new_densities must have shape")):
        volumes.update_padded(torch.zeros(2, 1, 3, 3, 4))
    with pytest.raises(ValueError, match=re.escape("Volumes.update_padded: new_features must have shape")):
        volumes.update_padded(GRID, torch.zeros(1, 1, 3, 3, 3))
    with pytest.raises(IndexError, match=re.escape("Volumes: index 2 is outside a batch of 2")):
        volumes[2]
