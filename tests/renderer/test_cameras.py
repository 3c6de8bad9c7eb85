"""What all cameras do: there and back, screen and NDC, batches, replaced parameters, gradients, errors."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from r3d_cli.renderer import (
    CamerasBase,
    DistortedCameras,
    FishEyeCameras,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    OrthographicCameras,
    PerspectiveCameras,
    join_cameras_as_batch,
    look_at_view_transform,
)
from r3d_cli.renderer.cameras import get_ndc_to_screen_transform, get_screen_to_ndc_transform

SIZE = (100, 160)
IN_PIXELS: dict[str, Any] = {"in_ndc": False, "image_size": (SIZE, SIZE)}
UNITS: dict[str, Any] = {"focal_length": ((1.2, 1.5),), "principal_point": ((0.1, -0.2), (0.0, 0.3))}
PIXELS: dict[str, Any] = {"focal_length": ((90.0, 80.0),), "principal_point": ((75.0, 40.0), (90.0, 60.0))}
K = torch.tensor([[[1.1, 0.1, 0.2, 0.0], [0.0, 0.9, -0.1, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]])
ORTHO_K = torch.tensor(
    [[[1.1, 0.1, 0.0, 0.2], [0.0, 0.9, 0.0, -0.1], [0.0, 0.0, 0.5, 0.1], [0.0, 0.0, 0.0, 1.0]]]
)

#: Cameras of every class in a batch of two, of a pose.
MAKERS: dict[str, Callable[..., CamerasBase]] = {
    "fov": lambda **pose: FoVPerspectiveCameras(1.0, 50.0, (1.0, 1.5), (40.0, 70.0), **pose),
    "fov radians": lambda **pose: FoVPerspectiveCameras(fov=(0.7, 1.2), degrees=False, **pose),
    "fov K": lambda **pose: FoVPerspectiveCameras(K=K, **pose),
    "fov orthographic": lambda **pose: FoVOrthographicCameras(max_x=(2.0, 3.0), min_y=-3.0, **pose),
    "fov orthographic K": lambda **pose: FoVOrthographicCameras(K=ORTHO_K, **pose),
    "perspective": lambda **pose: PerspectiveCameras(**UNITS, **pose),
    "perspective pixels": lambda **pose: PerspectiveCameras(**PIXELS, **IN_PIXELS, **pose),
    "perspective K": lambda **pose: PerspectiveCameras(K=K, **pose),
    "orthographic": lambda **pose: OrthographicCameras(**UNITS, **pose),
    "orthographic pixels": lambda **pose: OrthographicCameras(**PIXELS, **IN_PIXELS, **pose),
    "brown": lambda **pose: DistortedCameras(
        **PIXELS, **IN_PIXELS, **pose, distortion=((-0.1, 0.05, 0.01, 0.02), (0.1, -0.01, 0.0, 0.0))
    ),
    "fisheye": lambda **pose: DistortedCameras(
        **UNITS, **pose, distortion=((0.05, -0.02, 0.01, -0.004),), model="fisheye"
    ),
    "aria": lambda **pose: FishEyeCameras(
        1.2,
        UNITS["principal_point"],
        torch.full((1, 6), 0.01),
        torch.full((1, 2), 0.02),
        torch.full((1, 4), 0.03),
        world_coordinates=True,
        **pose,
    ),
}
every_class = pytest.mark.parametrize("name", MAKERS)


def make(name: str, dtype: torch.dtype = torch.float32) -> CamerasBase:
    R, T = look_at_view_transform((3.0, 4.0), (20.0, -90.0), (30.0, 140.0))
    return MAKERS[name](R=R.to(dtype), T=T.to(dtype))


def cloud(dtype: torch.dtype = torch.float32) -> Tensor:  # (30, 3)
    points = torch.rand(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return (points * 2 - 1).to(dtype)


def with_depth(cameras: CamerasBase, projected: Tensor, points: Tensor) -> Tensor:
    depth = cameras.get_world_to_view_transform().transform_points(points)[..., 2:]
    return torch.cat((projected[..., :2], depth), dim=-1)


@every_class
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_there_and_back(name: str, dtype: torch.dtype) -> None:
    cameras, points = make(name, dtype), cloud(dtype)
    tolerance = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 1e-12, "rtol": 1e-12}
    xy_depth = with_depth(cameras, cameras.transform_points(points), points)
    assert xy_depth.dtype == dtype
    expected = points.expand(2, 30, 3)
    torch.testing.assert_close(cameras.unproject_points(xy_depth), expected, **tolerance)
    view = cameras.get_world_to_view_transform().transform_points(points)
    if name != "aria":
        back = cameras.unproject_points(xy_depth, world_coordinates=False)
        torch.testing.assert_close(back, view, **tolerance)
    ndc = with_depth(cameras, cameras.transform_points_ndc(points), points)
    torch.testing.assert_close(cameras.unproject_points(ndc, from_ndc=True), expected, **tolerance)


@pytest.mark.parametrize("name", [name for name in MAKERS if name.startswith("fov")])
def test_there_and_back_with_the_projected_depth(name: str) -> None:
    cameras, points = make(name, torch.float64), cloud(torch.float64)
    back = cameras.unproject_points(cameras.transform_points(points), scaled_depth_input=True)
    torch.testing.assert_close(back, points.expand(2, 30, 3))


@settings(deadline=None, max_examples=50)
@given(
    height=st.integers(1, 4000),
    width=st.integers(1, 4000),
    name=st.sampled_from(["fov", "fov orthographic", "perspective", "orthographic", "aria"]),
)
def test_screen_is_ndc_in_pixels(height: int, width: int, name: str) -> None:
    cameras, points = make(name, torch.float64), cloud(torch.float64)
    size = (height, width)
    ndc, screen = (
        cameras.transform_points_ndc(points),
        cameras.transform_points_screen(points, image_size=size),
    )
    shorter = min(size)
    torch.testing.assert_close(screen[..., 0], width / 2 - shorter / 2 * ndc[..., 0])
    torch.testing.assert_close(screen[..., 1], height / 2 - shorter / 2 * ndc[..., 1])
    torch.testing.assert_close(screen[..., 2], ndc[..., 2])
    unflipped = cameras.transform_points_screen(points, image_size=size, with_xyflip=False)
    torch.testing.assert_close(unflipped[..., :2], -screen[..., :2])
    there = get_ndc_to_screen_transform(cameras, True, size)
    back = get_screen_to_ndc_transform(cameras, True, size)
    torch.testing.assert_close(there.compose(back).get_matrix()[0], torch.eye(4, dtype=torch.float64))


@every_class
def test_points_and_cameras_broadcast(name: str) -> None:
    cameras, points = make(name), cloud()
    each = cameras.transform_points(points)
    assert each.shape == (2, 30, 3)
    torch.testing.assert_close(cameras.transform_points(points.expand(2, 30, 3)), each)
    for i in range(2):
        alone = cameras[i].transform_points(points)
        assert alone.shape == (30, 3)
        torch.testing.assert_close(alone, each[i])
        torch.testing.assert_close(
            cameras[i].transform_points(torch.stack([points] * 4)), alone.expand(4, 30, 3)
        )
    assert cameras[0].unproject_points(each[0]).shape == (30, 3)
    assert cameras.unproject_points(each[0]).shape == (2, 30, 3)
    assert cameras.transform_points(points[:0]).shape == (2, 0, 3)


@every_class
def test_indexing(name: str) -> None:
    cameras, points = make(name), cloud()
    every = cameras.transform_points(points)
    mask = torch.tensor([False, True])
    for index, rows in [
        (1, [1]),
        (-1, [1]),
        (slice(0, 1), [0]),
        ([1, 0, 1], [1, 0, 1]),
        ((0, -1), [0, 1]),
        (torch.tensor([1, 1]), [1, 1]),
        (torch.tensor(1), [1]),
        (mask, [1]),
        ([True, False], [0]),
        ([], []),
    ]:
        chosen = cameras[index]
        assert type(chosen) is type(cameras)
        assert len(chosen) == len(rows)
        projected = chosen.transform_points(points[None])
        torch.testing.assert_close(projected, every[rows])
    assert len(list(cameras)) == 2
    for index in (2, -3, [0, 2], torch.tensor([5])):
        with pytest.raises(IndexError, match=r"Cameras\[-?\d\]: there are 2"):
            cameras[index]
    for index in (0.5, "0", None, torch.tensor([[0]])):
        with pytest.raises(ValueError, match=r"Cameras\[…\]: the index must be"):
            cameras[index]
    with pytest.raises(ValueError, match=r"the mask must have shape \(N,\) with N = 2, got \(3,\)"):
        cameras[torch.tensor([True, False, True])]


@every_class
def test_empty_batch(name: str) -> None:
    empty = make(name)[[]]
    assert empty.isempty()
    assert empty.get_camera_center().shape == (0, 3)
    assert empty.transform_points(cloud()).shape == (0, 30, 3)
    assert empty.transform_points_screen(cloud(), image_size=SIZE).shape == (0, 30, 3)
    assert empty.unproject_points(cloud()).shape == (0, 30, 3)
    assert len(join_cameras_as_batch([empty, empty.clone()])) == 0


@every_class
def test_clone_and_join(name: str) -> None:
    cameras = make(name)
    moved = cameras.clone()
    moved.T += 1.0
    torch.testing.assert_close(cameras.T, make(name).T)
    joined = join_cameras_as_batch([cameras, cameras[1], moved])
    points = cloud()
    expected = [cameras.transform_points(points), moved.transform_points(points)]
    torch.testing.assert_close(joined.transform_points(points)[[0, 1, 3, 4]], torch.cat(expected))
    torch.testing.assert_close(joined.transform_points(points)[2], expected[0][1])


@every_class
def test_parameters_of_one_call(name: str) -> None:
    cameras, points = make(name), cloud()
    R, T = look_at_view_transform(5.0, 10.0, 60.0)
    replaced = {"R": R, "T": T}
    other = MAKERS[name](R=R.expand(2, 3, 3), T=T.expand(2, 3))
    torch.testing.assert_close(cameras.transform_points(points, **replaced), other.transform_points(points))
    torch.testing.assert_close(
        cameras.transform_points_screen(points, image_size=SIZE, **replaced),
        other.transform_points_screen(points, image_size=SIZE),
    )
    torch.testing.assert_close(cameras.get_camera_center(**replaced), other.get_camera_center()[:1])
    # R and T stay, as in PyTorch3D; other parameters are for the call.
    torch.testing.assert_close(cameras.transform_points(points), other.transform_points(points))


@every_class
def test_replaced(name: str) -> None:
    cameras, points = make(name), cloud()
    assert cameras.replaced(lights=None, K=None) is cameras
    R, T = look_at_view_transform(5.0, 10.0, 60.0)
    replaced = cameras.replaced(R=R, T=T)
    expected = cameras.transform_points(points, R=R, T=T)
    torch.testing.assert_close(replaced.transform_points(points), expected)
    single = cameras[0].replaced(T=torch.zeros(3, 3))
    assert len(single) == 3


@every_class
def test_gradients(name: str) -> None:
    cameras, points = make(name, torch.float64), cloud(torch.float64)[:2]
    shift = 1 + 0.1 * torch.rand(2, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    K = getattr(cameras, "K", None)
    shared = (
        "in_ndc",
        "model",
        "degrees",
        "world_coordinates",
        "use_radial",
        "use_tangential",
        "use_thin_prism",
    )
    fields = [
        field
        for field in cameras._FIELDS
        if isinstance(getattr(cameras, field), Tensor) and field not in (*shared, "image_size")
    ]
    if K is not None:
        fields = ["R", "T", "K"]
    values = [getattr(cameras, field).detach().clone().requires_grad_() for field in fields]

    def project(points: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        replaced = dict(zip(fields, values, strict=True))
        projected = cameras.transform_points(points, **replaced)
        screen = cameras.transform_points_screen(points, **replaced) if not cameras.in_ndc() else projected
        return projected, screen

    assert torch.autograd.gradcheck(project, (points.requires_grad_(), *values))

    xy_depth = with_depth(cameras, cameras.transform_points(points), points).detach() * shift

    def unproject(xy_depth: Tensor, *values: Tensor) -> Tensor:
        return cameras.unproject_points(xy_depth, **dict(zip(fields, values, strict=True)))

    assert torch.autograd.gradcheck(unproject, (xy_depth.requires_grad_(), *values))


@every_class
def test_moves_and_dtypes(name: str) -> None:
    cameras, points = make(name), cloud()
    assert cameras.to("cpu") is cameras
    double = cameras.clone().double()
    assert (double.dtype, double.R.dtype, cameras.R.dtype) == (torch.float64, torch.float64, torch.float32)
    projected = double.transform_points(points.double())
    assert projected.dtype == torch.float64
    torch.testing.assert_close(cameras.transform_points(points), projected.float(), atol=1e-4, rtol=1e-4)
    assert cameras.transform_points(points.half()).dtype == torch.float32
    meta = cameras.clone().to("meta")
    assert meta.device.type == meta.R.device.type == "meta"

    holder = torch.nn.Module()
    holder.cameras = cameras
    holder.double()
    assert cameras.R.dtype == torch.float64


@every_class
def test_autocast_computes_in_float32(name: str) -> None:
    cameras, points = make(name), cloud()
    expected = cameras.transform_points_screen(points, image_size=SIZE)
    xy_depth = with_depth(cameras, cameras.transform_points(points), points)
    back = cameras.unproject_points(xy_depth)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(cameras.transform_points_screen(points, image_size=SIZE), expected)
        assert torch.equal(cameras.unproject_points(xy_depth), back)


@pytest.mark.parametrize("name", ["perspective pixels", "brown"])
def test_compiles(name: str) -> None:
    cameras, points = make(name), cloud()

    @torch.compile(fullgraph=True, backend="aot_eager")
    def compiled(points: Tensor) -> Tensor:
        return cameras.transform_points(points)

    torch.testing.assert_close(compiled(points), cameras.transform_points(points))


@every_class
def test_copies_and_prints(name: str) -> None:
    cameras, points = make(name), cloud()
    stored = io.BytesIO()
    torch.save(cameras, stored)
    stored.seek(0)
    for other in (copy.deepcopy(cameras), torch.load(stored, weights_only=False)):
        assert torch.equal(other.transform_points(points), cameras.transform_points(points))
    assert repr(cameras) == f"{type(cameras).__name__}(N=2, dtype=torch.float32, device=cpu)"
