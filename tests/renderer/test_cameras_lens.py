"""Lenses: FishEyeCameras against the recorded answers, and the inverses where they exist and where not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.renderer import DistortedCameras, FishEyeCameras, PerspectiveCameras
from r3d_cli.renderer.distortion import BrownConrady, Decentering, KannalaBrandt


def test_fisheye_as_recorded(shared_data: Path) -> None:
    with np.load(shared_data / "pytorch3d_cases" / "camera_fisheye.npz") as arrays:
        case = {key: torch.from_numpy(arrays[key]) for key in arrays}
    cameras = FishEyeCameras(
        1.2,
        ((0.1, 0.2),),
        torch.full((1, 6), 0.01),
        torch.full((1, 2), 0.02),
        torch.full((1, 4), 0.03),
        R=case["R"],
        T=case["T"],
    )
    torch.testing.assert_close(
        cameras.transform_points(case["points"]), case["projected"], atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(cameras.get_camera_center(), case["camera_center"], atol=1e-5, rtol=1e-5)


def test_fisheye_switches() -> None:
    lens = {"radial_params": torch.full((1, 6), 0.1), "thin_prism_params": torch.full((1, 4), 0.1)}
    point = torch.tensor([[1.0, 0.0, 1.0]])
    plain = FishEyeCameras(**lens, use_radial=False, use_thin_prism=False, use_tangential=False)
    torch.testing.assert_close(plain.transform_points(point), torch.tensor([[1.0, 0.0, 1.0]]))
    radial = FishEyeCameras(**lens, use_thin_prism=False).transform_points(point)[0, 0]
    angle = math.pi / 4
    assert radial.item() == pytest.approx(angle + 0.1 * sum(angle ** (2 * i + 3) for i in range(6)), rel=1e-5)
    prism = FishEyeCameras(**lens, use_radial=False).transform_points(point)
    torch.testing.assert_close(prism, torch.tensor([[1.2, 0.2, 1.0]]))


def test_fisheye_in_view_space_ignores_the_pose() -> None:
    pose = {"R": torch.eye(3)[None] * -1, "T": torch.ones(1, 3)}
    points = torch.tensor([[0.1, 0.2, 1.0], [0.5, -0.3, 2.0]])
    torch.testing.assert_close(
        FishEyeCameras(**pose).transform_points(points), FishEyeCameras().transform_points(points)
    )
    xy_depth = torch.tensor([[0.1, 0.2, 3.0]])
    torch.testing.assert_close(
        FishEyeCameras(**pose).unproject_points(xy_depth), FishEyeCameras().unproject_points(xy_depth)
    )


coefficients = st.floats(-0.05, 0.05)


@settings(deadline=None)
@given(
    k=st.lists(coefficients, min_size=6, max_size=6),
    p=st.lists(coefficients, min_size=2, max_size=2),
    s=st.lists(coefficients, min_size=4, max_size=4),
)
def test_inverses_around_the_axis(k: list[float], p: list[float], s: list[float]) -> None:
    decentering = Decentering(*(torch.tensor([x], dtype=torch.float64) for x in (p, s)))
    k_tensor = torch.tensor([k], dtype=torch.float64)
    side = torch.linspace(-0.6, 0.6, 7, dtype=torch.float64)
    q = torch.cartesian_prod(side, side)[None]  # the axis is among them
    for model in (
        BrownConrady(k_tensor, decentering),
        KannalaBrandt(k_tensor, decentering),
        KannalaBrandt(None),
    ):
        back, found = model.undistort(model.distort(q))
        assert found.all()
        torch.testing.assert_close(back, q, atol=1e-9, rtol=1e-9)


def test_jacobian_is_the_derivative() -> None:
    generator = torch.Generator().manual_seed(0)
    c = 0.1 * torch.randn(1, 12, dtype=torch.float64, generator=generator)
    model = BrownConrady.of(c)
    q = torch.randn(1, 1, 2, dtype=torch.float64, generator=generator)
    expected = torch.autograd.functional.jacobian(model.distort, q).reshape(4)
    torch.testing.assert_close(torch.stack(model.jacobian(q)).reshape(4), expected)


def test_beyond_the_fold_there_is_no_inverse() -> None:
    # r - 0.3 r^3 is at most 0.7027, where r = 1.054.
    cameras = DistortedCameras(distortion=((-0.3, 0.0, 0.0, 0.0),), T=torch.zeros(1, 3).requires_grad_())
    inside, outside = torch.tensor([0.70, 0.0, 2.0]), torch.tensor([0.71, 0.0, 2.0])
    xy_depth = torch.stack((inside, outside)).requires_grad_()
    points = cameras.unproject_points(xy_depth)
    assert torch.isfinite(points[0]).all()
    assert points[1].isnan().all()
    torch.testing.assert_close(
        cameras.transform_points(points[:1])[:, :2], inside[None, :2], atol=1e-5, rtol=0
    )
    points[0].sum().backward()
    assert xy_depth.grad is not None
    assert torch.isfinite(xy_depth.grad).all()
    assert xy_depth.grad[1].tolist() == [0.0, 0.0, 0.0]


def test_fisheye_model_sees_behind() -> None:
    cameras = DistortedCameras(model="fisheye")
    for degrees in (0.0, 30.0, 89.0, 91.0, 150.0):
        angle = math.radians(degrees)
        point = 2 * torch.tensor([[math.sin(angle), 0.0, math.cos(angle)]])
        projected = cameras.transform_points(point)
        assert projected[0, 0].item() == pytest.approx(angle, abs=1e-6)
        back = cameras.unproject_points(torch.cat((projected[:, :2], point[:, 2:]), dim=1))
        torch.testing.assert_close(back, point, atol=1e-4, rtol=1e-4)
    outside = torch.tensor([[3.5, 0.0, -1.0]])  # more than 180 degrees
    assert cameras.unproject_points(outside).isnan().all()


@pytest.mark.parametrize("model", ["brown", "fisheye"])
def test_gradients_on_the_axis(model: str) -> None:
    cameras = DistortedCameras(distortion=((0.1, 0.1, 0.1, 0.1),), model=model)
    points = torch.tensor([[0.0, 0.0, 2.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cameras.double().transform_points, points)
    assert torch.autograd.gradcheck(cameras.unproject_points, points)


def test_no_distortion_is_a_pinhole() -> None:
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.0, 0.0, 5.0])
    pixels = {
        "focal_length": 90.0,
        "principal_point": (75.0, 40.0),
        "in_ndc": False,
        "image_size": (100, 160),
    }
    bent, plain = DistortedCameras(**pixels), PerspectiveCameras(**pixels)
    for method in ("transform_points", "transform_points_ndc", "transform_points_screen"):
        torch.testing.assert_close(
            getattr(bent, method)(points), getattr(plain, method)(points), atol=1e-4, rtol=1e-4
        )
