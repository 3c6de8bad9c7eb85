"""Pointclouds: the three views, indexing, moving, joining, and what it says of bad input."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.structures import Pointclouds, join_pointclouds_as_batch, join_pointclouds_as_scene

LENGTHS = [4, 0, 7, 1]


def ragged_values(
    lengths: list[int], width: int, seed: int = 0, dtype: torch.dtype = torch.float32
) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(length, width, generator=generator, dtype=dtype) for length in lengths]


def clouds_of(lengths: list[int], dtype: torch.dtype = torch.float32) -> Pointclouds:
    return Pointclouds(
        ragged_values(lengths, 3, 1, dtype),
        ragged_values(lengths, 3, 2, dtype),
        ragged_values(lengths, 5, 3, dtype),
    )


def padded(rows: list[torch.Tensor]) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def share_memory(one: Pointclouds, other: Pointclouds) -> bool:
    return any(
        view(one).untyped_storage().data_ptr() == view(other).untyped_storage().data_ptr()
        for view in (Pointclouds.points_packed, Pointclouds.normals_packed, Pointclouds.features_packed)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_list_is_packed_and_padded(dtype: torch.dtype) -> None:
    clouds = clouds_of(LENGTHS, dtype)
    for name, width in (("points", 3), ("normals", 3), ("features", 5)):
        rows = getattr(clouds, f"{name}_list")()
        assert [tuple(row.shape) for row in rows] == [(length, width) for length in LENGTHS]
        torch.testing.assert_close(getattr(clouds, f"{name}_packed")(), torch.cat(rows), rtol=0, atol=0)
        torch.testing.assert_close(getattr(clouds, f"{name}_padded")(), padded(rows), rtol=0, atol=0)
    assert len(clouds) == 4
    assert clouds.device == torch.device("cpu")
    assert not clouds.equisized
    assert clouds.valid.tolist() == [True, False, True, True]
    assert clouds.num_points_per_cloud().tolist() == LENGTHS
    assert clouds.cloud_to_packed_first_idx().tolist() == [0, 4, 4, 11]
    assert clouds.packed_to_cloud_idx().tolist() == [0] * 4 + [2] * 7 + [3]
    flat = clouds.points_padded().reshape(-1, 3)
    assert torch.equal(flat[clouds.padded_to_packed_idx()], clouds.points_packed())


def test_all_rows_of_padded_points_count_and_of_padded_features_those_of_the_points() -> None:
    equal = Pointclouds(torch.zeros(2, 5, 3), features=torch.ones(2, 5, 1))
    assert equal.num_points_per_cloud().tolist() == [5, 5]
    assert equal.equisized
    assert equal.points_packed().shape == (10, 3)
    features = torch.arange(8.0).reshape(2, 4, 1)
    ragged = Pointclouds([torch.zeros(4, 3), torch.zeros(2, 3)], features=features)
    assert ragged.features_packed().flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert [len(rows) for rows in ragged.features_list()] == [4, 2]


@pytest.mark.parametrize("points", [[], torch.zeros(0, 4, 3)], ids=["list", "padded"])
def test_a_batch_without_clouds(points: list[torch.Tensor] | torch.Tensor) -> None:
    clouds = Pointclouds(points)
    assert len(clouds) == 0
    assert clouds.isempty()
    assert clouds.points_list() == []
    assert clouds.points_packed().shape == (0, 3)
    assert clouds.points_padded().shape[0] == 0
    assert clouds.get_bounding_boxes().shape == (0, 3, 2)
    assert clouds.inside_box(torch.zeros(2, 3)).shape == (0,)
    assert len(clouds.clone()) == len(clouds.extend(3)) == len(clouds[:]) == len(clouds.subsample(2)) == 0
    assert clouds.normals_list() is clouds.features_padded() is None


def test_empty_clouds_may_be_written_as_any_empty_tensor() -> None:
    clouds = Pointclouds(
        [torch.tensor([]), torch.ones(2, 3, dtype=torch.float64)],
        features=[torch.tensor([]), torch.ones(2, 4, dtype=torch.uint8)],
    )
    assert clouds.num_points_per_cloud().tolist() == [0, 2]
    assert clouds.points_packed().dtype == torch.float64
    assert clouds.features_padded().shape == (2, 2, 4)
    assert not clouds.isempty()
    assert clouds[0].isempty()
    assert clouds[0].features_packed().shape == (0, 4)


@pytest.mark.parametrize(
    ("index", "chosen"),
    [
        (2, [2]),
        (-1, [3]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        ([2, 0, 2], [2, 0, 2]),
        (torch.tensor([0, 3]), [0, 3]),
        (torch.tensor(1), [1]),
        (torch.tensor([True, False, False, True]), [0, 3]),
        ([False, True, True, False], [1, 2]),
        ([], []),
        (torch.zeros(4, dtype=torch.bool), []),
    ],
    ids=str,
)
def test_indexing_copies_the_clouds_named(index: object, chosen: list[int]) -> None:
    clouds = clouds_of(LENGTHS)
    some = clouds[index]
    assert len(some) == len(chosen)
    for field in ("points", "normals", "features"):
        expected = getattr(clouds, f"{field}_list")()
        for rows, position in zip(getattr(some, f"{field}_list")(), chosen, strict=True):
            assert torch.equal(rows, expected[position])
    assert some.isempty() or not share_memory(some, clouds)


def test_a_batch_is_iterated_cloud_by_cloud() -> None:
    assert [len(cloud.points_packed()) for cloud in clouds_of(LENGTHS)] == LENGTHS


def test_get_cloud() -> None:
    clouds = clouds_of(LENGTHS)
    points, normals, features = clouds.get_cloud(2)
    assert torch.equal(points, clouds.points_list()[2])
    assert torch.equal(normals, clouds.normals_list()[2])
    assert torch.equal(features, clouds.features_list()[2])
    assert Pointclouds([torch.zeros(2, 3)]).get_cloud(0)[1:] == (None, None)
    for wrong in (4, -1, 1.0, "0"):
        with pytest.raises(ValueError, match=re.escape(f"index must be an int in [0, 4), got {wrong}")):
            clouds.get_cloud(wrong)


def test_bounding_boxes_and_their_gradient() -> None:
    clouds = clouds_of(LENGTHS, torch.float64)
    boxes = clouds.get_bounding_boxes()
    for box, points in zip(boxes, clouds.points_list(), strict=True):
        if len(points):
            assert torch.equal(box, torch.stack((points.amin(0), points.amax(0)), dim=1))
        else:
            assert box.tolist() == [[torch.inf, -torch.inf]] * 3
    points = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: Pointclouds([p]).get_bounding_boxes(), [points])


def test_inside_box() -> None:
    points = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 1, 1.01], [0.5, 0.5, 0.5]])
    clouds = Pointclouds([points, points[:2]])
    unit = torch.tensor([[0.0, 0, 0], [1, 1, 1]])
    assert clouds.inside_box(unit).tolist() == [True, True, False, True, True, True]
    assert torch.equal(clouds.inside_box(unit[None]), clouds.inside_box(unit))
    boxes = torch.stack((unit, unit + 0.5))
    assert clouds.inside_box(boxes).tolist() == [True, True, False, True, False, True]


@pytest.mark.parametrize(
    ("box", "text"),
    [
        (torch.zeros(3), "box must have shape (N, 2, 3), got (3,)"),
        (torch.zeros(3, 2, 3), "box must have shape (N, 2, 3) with N = 2, got (3, 2, 3)"),
        (torch.zeros(2, 3, device="meta"), "points is on cpu, box is on meta"),
        (torch.tensor([[1.0, 0, 0], [0, 1, 1]]), "box holds least coordinates above the greatest ones"),
    ],
)
def test_boxes_that_are_none(box: torch.Tensor, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Pointclouds.inside_box: {text}")):
        clouds_of([2, 3]).inside_box(box)


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    most=st.integers(0, 9),
    seed=st.integers(0, 1000),
)
def test_a_sample_is_of_the_cloud_in_its_order(lengths: list[int], most: int, seed: int) -> None:
    rows = [torch.arange(length, dtype=torch.float32)[:, None].expand(-1, 3) for length in lengths]
    clouds = Pointclouds(rows, features=rows)
    torch.manual_seed(seed)
    sample = clouds.subsample(most)
    assert sample.num_points_per_cloud().tolist() == [min(length, most) for length in lengths]
    for length, points in zip(lengths, sample.points_list(), strict=True):
        ids = points[:, 0].tolist()
        assert ids == sorted(set(ids))
        assert set(ids) <= set(range(length))
    assert torch.equal(sample.points_packed(), sample.features_packed())
    torch.manual_seed(seed)
    assert torch.equal(clouds.subsample(most).points_packed(), sample.points_packed())


def test_every_point_is_as_likely_to_be_sampled() -> None:
    torch.manual_seed(0)
    clouds = Pointclouds([torch.arange(5.0)[:, None].expand(-1, 3)] * 4000)
    counts = clouds.subsample(2).points_packed()[:, 0].long().bincount(minlength=5)
    expected = 4000 * 2 / 5
    assert (counts - expected).abs().max() < 5 * (expected * 3 / 5) ** 0.5


def test_clouds_small_enough_are_not_sampled() -> None:
    clouds = clouds_of(LENGTHS)
    assert clouds.subsample(7) is clouds
    assert clouds.subsample([4, 0, 7, 1]) is clouds
    assert clouds.subsample([1, 1, 2, 9]).num_points_per_cloud().tolist() == [1, 0, 2, 1]
    with pytest.raises(ValueError, match="max_points must be one or 4, got 2"):
        clouds.subsample([1, 2])
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        clouds.subsample(-1)


def test_moving_and_scaling_leave_what_they_were_given_alone() -> None:
    points = ragged_values(LENGTHS, 3)
    clouds = Pointclouds([row.clone() for row in points])
    before = clouds.points_packed().clone()
    step = torch.tensor([1.0, 2.0, 3.0])
    assert torch.equal(clouds.offset(step).points_packed(), before + step)
    assert torch.equal(clouds.offset(before).points_packed(), before + before)
    assert torch.equal(clouds.scale(2.0).points_packed(), before * 2)
    assert torch.equal(clouds.scale(torch.tensor(2.0)).points_packed(), before * 2)
    factors = torch.tensor([1.0, 2.0, 3.0, 4.0])
    expected = torch.cat([row * factor for row, factor in zip(points, factors, strict=True)])
    assert torch.equal(clouds.scale(factors).points_packed(), expected)
    assert torch.equal(clouds.points_packed(), before)

    given = clouds.points_list()
    assert clouds.offset_(step) is clouds
    assert torch.equal(clouds.points_packed(), before + step)
    assert torch.equal(torch.cat(given), before)
    assert torch.equal(clouds.scale_(3.0).points_padded(), padded([(row + step) * 3 for row in points]))


def test_moved_clouds_keep_normals_and_features() -> None:
    clouds = clouds_of(LENGTHS)
    moved = clouds.offset(torch.ones(3))
    assert moved.features_packed() is clouds.features_packed()
    assert moved.normals_packed() is clouds.normals_packed()


@pytest.mark.parametrize(
    ("move", "text"),
    [
        (
            lambda c: c.offset(torch.zeros(5, 3)),
            "offsets_packed must have shape (P, 3) with P = 12, got (5, 3)",
        ),
        (
            lambda c: c.scale(torch.ones(3)),
            "scale must be a number or have shape (N,), (N, 1) or (N, 3) with N = 4, got (3,)",
        ),
        (lambda c: c.extend(0), "N must be an int above 0, got 0"),
        (lambda c: c.extend(1.5), "N must be an int above 0, got 1.5"),
        (lambda c: c.split([1.0, 3.0]), "split_sizes must be ints of at least 0, got [1.0, 3.0]"),
        (lambda c: c.split([3, 2]), "split_sizes sums to 5, there are 4 clouds"),
        (
            lambda c: c.update_padded(torch.zeros(4, 6, 3)),
            "new_points_padded must have shape (N, L, D) with N = 4 and L = 7 and D = 3, got (4, 6, 3)",
        ),
        (
            lambda c: c.update_padded(torch.zeros(4, 7, 3), torch.zeros(4, 7, 2)),
            "new_normals_padded must have shape (N, L, D) with N = 4 and L = 7 and D = 3, got (4, 7, 2)",
        ),
    ],
)
def test_changes_that_do_not_fit(move: Callable[[Pointclouds], object], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        move(clouds_of(LENGTHS))


def test_update_padded() -> None:
    clouds = clouds_of(LENGTHS)
    points, features = torch.randn(4, 7, 3), torch.randn(4, 7, 2)
    updated = clouds.update_padded(points, new_features_padded=features)
    assert updated.num_points_per_cloud().tolist() == LENGTHS
    for n, length in enumerate(LENGTHS):
        assert torch.equal(updated.points_list()[n], points[n, :length])
        assert torch.equal(updated.features_list()[n], features[n, :length])
    assert torch.equal(updated.normals_packed(), clouds.normals_packed())
    assert torch.equal(clouds.features_packed(), clouds_of(LENGTHS).features_packed())


def test_split_and_join_are_inverse() -> None:
    clouds = clouds_of(LENGTHS)
    parts = clouds.split([1, 0, 3])
    assert [len(part) for part in parts] == [1, 0, 3]
    joined = join_pointclouds_as_batch(parts)
    for view in ("points_packed", "normals_padded", "features_packed", "num_points_per_cloud"):
        assert torch.equal(getattr(joined, view)(), getattr(clouds, view)())


def test_a_scene_is_one_cloud() -> None:
    clouds = clouds_of(LENGTHS)
    for scene in (join_pointclouds_as_scene(clouds), join_pointclouds_as_scene([clouds[:2], clouds[2:]])):
        assert scene.num_points_per_cloud().tolist() == [12]
        assert torch.equal(scene.points_packed(), clouds.points_packed())
        assert torch.equal(scene.features_padded()[0], clouds.features_packed())


@pytest.mark.parametrize(
    ("pointclouds", "text"),
    [
        (clouds_of([2]), "pointclouds must be a list of at least one Pointclouds"),
        ([], "pointclouds must be a list of at least one Pointclouds"),
        ([clouds_of([2]), Pointclouds([torch.zeros(1, 3)])], "normals are missing from 1 of the 2 batches"),
        (
            [Pointclouds(torch.zeros(1, 2, 3), features=torch.zeros(1, 2, width)) for width in (4, 1)],
            "features must have one width, got [1, 4]",
        ),
    ],
)
def test_batches_that_cannot_be_joined(pointclouds: list[Pointclouds], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"join_pointclouds_as_batch: {text}")):
        join_pointclouds_as_batch(pointclouds)


def test_extending_shares_memory_and_gradients() -> None:
    points = [row.requires_grad_() for row in ragged_values([3, 2], 3)]
    extended = Pointclouds(points).extend(3)
    assert [rows is points[n // 3] for n, rows in enumerate(extended.points_list())] == [True] * 6
    extended.points_packed().sum().backward()
    assert all(torch.equal(row.grad, torch.full_like(row, 3.0)) for row in points)


def test_clone_detach_and_to() -> None:
    points = torch.randn(4, 3, requires_grad=True)
    clouds = Pointclouds([points], features=[points])
    assert clouds.clone().points_packed().requires_grad
    assert clouds.clone().points_packed().data_ptr() != points.data_ptr()
    assert not clouds.detach().points_packed().requires_grad
    assert not clouds.detach().features_packed().requires_grad
    assert clouds.to("cpu") is clouds.cpu() is clouds
    copied = clouds.to("cpu", copy=True)
    assert copied.points_packed().data_ptr() != points.data_ptr()
    elsewhere = clouds.to(torch.device("meta"))
    assert elsewhere.device.type == elsewhere.features_padded().device.type == "meta"
    assert elsewhere.num_points_per_cloud().device.type == "meta"


def test_gradients_reach_every_view() -> None:
    points = [row.requires_grad_() for row in ragged_values([3, 0, 5], 3, dtype=torch.float64)]
    for view in (Pointclouds.points_packed, Pointclouds.points_padded):
        assert torch.autograd.gradcheck(lambda *rows, view=view: view(Pointclouds(list(rows))) ** 2, points)
    stacked = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: Pointclouds(p).points_packed() ** 2, [stacked])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (({"a": 1},), "points must be a list of tensors (L, 3) or one tensor (N, L, 3), got dict"),
        (
            ([[0.0, 0.0, 0.0]],),
            "points must be a list of tensors (L, 3) or one tensor (N, L, 3), got a list with list",
        ),
        ((torch.zeros(5, 3),), "points must have shape (N, L, D) with D = 3, got (5, 3)"),
        (
            ([torch.zeros(5, 3), torch.zeros(5, 2)],),
            "points[1] must have shape (L, D) with D = 3, got (5, 2)",
        ),
        (
            ([torch.zeros(5, 3), torch.zeros(5, 3).double()],),
            "points[1] is float64 on cpu, but points[0] is float32 on cpu",
        ),
        (
            (torch.zeros(1, 5, 3, dtype=torch.int64),),
            "points must be float32 or float64 or float16 or bfloat16",
        ),
        (
            ([torch.zeros(5, 3)], [torch.zeros(4, 3)]),
            "normals[0] must have shape (L, D) with L = 5 and D = 3, got (4, 3)",
        ),
        (
            ([torch.zeros(5, 3)], [torch.tensor([])]),
            "normals[0] must have shape (L, D) with L = 5 and D = 3, got (0,)",
        ),
        (([torch.zeros(5, 3)], [torch.zeros(5, 3)] * 2), "normals must be 1 tensors, one an element, got 2"),
        (
            (torch.zeros(2, 5, 3), None, torch.zeros(2, 4, 1)),
            "features must have shape (N, L, D) with N = 2 and L = 5, got (2, 4, 1)",
        ),
        (
            ([torch.zeros(2, 3), torch.zeros(1, 3)], None, [torch.zeros(2, 4), torch.zeros(1, 5)]),
            "features[1] must have shape (L, D) with L = 1 and D = 4, got (1, 5)",
        ),
        (
            (torch.zeros(1, 2, 3), None, torch.zeros(1, 2, 1, device="meta")),
            "points is on cpu, features is on meta; move them to one device with .to()",
        ),
    ],
)
def test_bad_input_is_named(arguments: tuple[object, ...], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Pointclouds: {text}")):
        Pointclouds(*arguments)


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (4, IndexError, "index 4 is outside a batch of 4"),
        ([0, -5], IndexError, "index -5 is outside a batch of 4"),
        (1.5, IndexError, "an index is an int, a slice, a list or a mask, got float"),
        (torch.tensor([1.0]), IndexError, "an index is an int, a slice, a list or a mask, got torch.float32"),
        (torch.zeros(2, 2, dtype=torch.int64), ValueError, "index must have shape (B,), got (2, 2)"),
        (torch.zeros(3, dtype=torch.bool), IndexError, "a mask of 3 does not fit a batch of 4"),
    ],
    ids=str,
)
def test_bad_indices_are_named(index: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(f"Pointclouds: {text}")):
        clouds_of(LENGTHS)[index]


def test_none_stands_for_what_clouds_without_points_have() -> None:
    points, colors = torch.rand(3, 3), torch.rand(3, 5)
    clouds = Pointclouds([torch.zeros(0, 3), points], normals=[None, points], features=[None, colors])
    assert torch.equal(clouds.features_packed(), colors)
    assert [tuple(f.shape) for f in clouds.features_list()] == [(0, 5), (3, 5)]
    assert Pointclouds([torch.zeros(0, 3)], features=[None]).features_packed() is None
    with pytest.raises(ValueError, match=r"^Pointclouds: features must be a list of tensors .* NoneType$"):
        Pointclouds([points, points], features=[None, colors])


def test_scales_by_axis_and_in_lists() -> None:
    clouds = Pointclouds([torch.ones(1, 3), torch.ones(2, 3)])
    by_axis = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert torch.equal(clouds.scale(by_axis).points_packed(), by_axis[[0, 1, 1]])
    expected = torch.tensor([[2.0], [3.0], [3.0]]).expand(3, 3)
    for scale in ([2.0, 3.0], (2, 3), torch.tensor([2.0, 3.0]), torch.tensor([[2.0], [3.0]])):
        assert torch.equal(clouds.scale(scale).points_packed(), expected)
    doubles = Pointclouds([torch.ones(1, 3).double()]).scale(0.1).points_packed()
    assert doubles.tolist() == [[0.1, 0.1, 0.1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.scale("2"), "Pointclouds.scale: scale must be a number or a tensor, got str"),
        (lambda c: c.scale(None), "Pointclouds.scale: scale must be a number or a tensor, got None"),
        (lambda c: c.scale(torch.ones(2, 2)), "Pointclouds.scale: scale must be a number or have shape"),
        (lambda c: c.offset(1.0), "Pointclouds.offset: offsets_packed must be a tensor of shape"),
        (
            lambda c: c.offset(np.zeros((3, 3))),
            "Pointclouds.offset: offsets_packed must be a tensor of shape",
        ),
    ],
)
def test_changes_by_what_is_no_tensor(change: Callable[[Pointclouds], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        change(Pointclouds([torch.ones(1, 3), torch.ones(2, 3)]))
