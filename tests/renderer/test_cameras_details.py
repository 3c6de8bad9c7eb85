"""Single facts about cameras: what their parameters mean, joins, values of one call, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.renderer import (
    CamerasBase,
    DistortedCameras,
    FishEyeCameras,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    OrthographicCameras,
    PerspectiveCameras,
    PointLights,
    RasterizationSettings,
    TexturesVertex,
    join_cameras_as_batch,
    look_at_view_transform,
)
from r3d_cli.utils import ico_sphere

SIZE = (100, 160)
K = torch.tensor([[[1.1, 0.1, 0.2, 0.0], [0.0, 0.9, -0.1, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]])


def cloud() -> torch.Tensor:  # (30, 3), in front of a camera in the origin
    return torch.rand(30, 3, generator=torch.Generator().manual_seed(0)) * 2 - torch.tensor([1.0, 1.0, -2.0])


@pytest.mark.parametrize("size", [(100, 160), (160, 100), (100, 100)])
def test_corners_of_the_image(size: tuple[int, int]) -> None:
    height, width = size
    cameras = FoVOrthographicCameras(image_size=size)  # NDC is view space
    x, y = width / min(size), height / min(size)
    corners = torch.tensor([[x, y, 2.0], [-x, -y, 2.0]])
    screen = cameras.transform_points_screen(corners)[:, :2]
    torch.testing.assert_close(screen, torch.tensor([[0.0, 0.0], [float(width), float(height)]]))


@pytest.mark.parametrize("kind", [PerspectiveCameras, OrthographicCameras, DistortedCameras])
def test_ndc_and_pixels_are_two_ways_to_say_it(kind: Any) -> None:
    half = min(SIZE) / 2
    focal, point = torch.tensor([[90.0, 80.0]]), torch.tensor([[75.0, 40.0]])
    pixels = kind(focal, point, in_ndc=False, image_size=SIZE)
    ndc = kind(focal / half, (torch.tensor([[SIZE[1], SIZE[0]]]) / 2 - point) / half, image_size=SIZE)
    points = cloud()
    screen = pixels.transform_points_screen(points)
    torch.testing.assert_close(screen, ndc.transform_points_screen(points), atol=1e-4, rtol=1e-5)
    own_x = pixels.transform_points(points)[:, 0]
    torch.testing.assert_close(screen[:, 0], 2 * 75.0 - own_x, atol=1e-4, rtol=1e-5)
    assert (pixels.in_ndc(), ndc.in_ndc()) == (False, True)


def test_join_of_different_focal_lengths() -> None:
    joined = join_cameras_as_batch([PerspectiveCameras(2.0), PerspectiveCameras(((3.0, 4.0),))])
    assert joined.focal_length.tolist() == [[2.0, 2.0], [3.0, 4.0]]


def test_join_errors() -> None:
    for cameras, message in [
        ([], "cameras_list holds no cameras"),
        ([torch.zeros(1)], "holds a Tensor, which is no camera"),
        (
            [PerspectiveCameras(), FoVPerspectiveCameras()],
            "all must be PerspectiveCameras, got a FoVPerspective",
        ),
        ([PerspectiveCameras(), PerspectiveCameras(in_ndc=False)], "in_ndc is True and False"),
        ([PerspectiveCameras(), PerspectiveCameras(K=K)], "K is given for some cameras only"),
        ([DistortedCameras(), DistortedCameras(model="fisheye")], "model is brown and fisheye"),
    ]:
        with pytest.raises(ValueError, match=f"join_cameras_as_batch: .*{message}"):
            join_cameras_as_batch(cameras)


def test_projection_parameters_of_one_call() -> None:
    points = cloud()
    for cameras, change, other in [
        (FoVPerspectiveCameras(), {"fov": 30.0}, FoVPerspectiveCameras(fov=30.0)),
        (FoVPerspectiveCameras(), {"fov": (30.0, 40.0)}, FoVPerspectiveCameras(fov=(30.0, 40.0))),
        (FoVPerspectiveCameras(), {"K": K}, FoVPerspectiveCameras(K=K)),
        (
            FoVPerspectiveCameras(),
            {"fov": 1.0, "degrees": False},
            FoVPerspectiveCameras(fov=1.0, degrees=False),
        ),
        (FoVOrthographicCameras(), {"max_x": 2}, FoVOrthographicCameras(max_x=2)),
        (PerspectiveCameras(), {"focal_length": 2.0}, PerspectiveCameras(2.0)),
        (PerspectiveCameras(), {"principal_point": ((1, 0),)}, PerspectiveCameras(1.0, ((1, 0),))),
        (
            DistortedCameras(),
            {"distortion": ((0.1, 0, 0, 0),)},
            DistortedCameras(distortion=((0.1, 0, 0, 0),)),
        ),
    ]:
        torch.testing.assert_close(cameras.transform_points(points, **change), other.transform_points(points))


def test_depths_next_to_zero() -> None:
    points = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, -1e-9], [1.0, 1.0, 1e-9]])
    for cameras in (FoVPerspectiveCameras(), PerspectiveCameras(), DistortedCameras(), FishEyeCameras()):
        projected = cameras.transform_points(points, eps=1e-3)
        assert torch.isfinite(projected).all()
        assert projected[1, 0] < 0 < projected[2, 0]


def test_facts_about_cameras() -> None:
    fov = FoVPerspectiveCameras(znear=(0.5, 1.0))
    assert (fov.is_perspective(), fov.in_ndc(), len(fov)) == (True, True, 2)
    assert fov.get_znear().tolist() == [0.5, 1.0]
    assert fov.get_image_size() is None
    perspective = PerspectiveCameras(in_ndc=False, principal_point=(3, 4), image_size=torch.tensor(SIZE))
    assert perspective.get_image_size().tolist() == [[100.0, 160.0]]
    assert perspective.get_principal_point().tolist() == [[3.0, 4.0]]
    assert PerspectiveCameras(K=K).get_principal_point().tolist() == K[:, :2, 2].tolist()
    assert OrthographicCameras(K=K).get_principal_point().tolist() == K[:, :2, 3].tolist()
    assert perspective.get_znear() is None
    assert not OrthographicCameras().is_perspective()
    assert not FoVOrthographicCameras().is_perspective()
    assert torch.equal(fov.get_ndc_camera_transform().get_matrix()[0], torch.eye(4))


def test_cameras_do_not_share_their_defaults() -> None:
    PerspectiveCameras().T += 1.0
    PerspectiveCameras().R *= 2.0
    assert PerspectiveCameras().T.tolist() == [[0.0, 0.0, 0.0]]
    assert torch.equal(PerspectiveCameras().R[0], torch.eye(3))


def test_a_camera_of_ones_own() -> None:
    class Mirrored(PerspectiveCameras):
        def get_projection_transform(self, **kwargs: Any) -> Any:
            return super().get_projection_transform(**kwargs).scale(-1.0, 1.0, 1.0)

    points = cloud()
    plain = PerspectiveCameras().transform_points(points)
    mirrored = Mirrored(T=torch.zeros(2, 3))[1]
    torch.testing.assert_close(mirrored.transform_points_ndc(points), plain * torch.tensor([-1.0, 1.0, 1.0]))
    with pytest.raises(NotImplementedError, match="CamerasBase has no projection matrix"):
        CamerasBase(R=torch.eye(3)[None], T=torch.zeros(1, 3)).transform_points(points)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: PerspectiveCameras(R=torch.eye(3)),
            r"PerspectiveCameras: R must have shape \(N, 3, 3\), got \(3, 3\)",
        ),
        (lambda: PerspectiveCameras(T=torch.zeros(1, 4)), r"PerspectiveCameras: T must have shape \(N, 3\)"),
        (
            lambda: FoVPerspectiveCameras(K=torch.eye(3)[None]),
            r"K must have shape \(N, 4, 4\), got \(1, 3, 3\)",
        ),
        (
            lambda: FoVPerspectiveCameras(R=torch.eye(3).expand(2, 3, 3), T=torch.zeros(3, 3)),
            r"R has shape \(2, 3, 3\) and T \(3, 3\); the first sizes must be equal or 1",
        ),
        (
            lambda: PerspectiveCameras(torch.ones(1, 3)),
            r"focal_length must have shape \(N,\), \(N, 1\) or \(N, 2\), got \(1, 3\)",
        ),
        (
            lambda: PerspectiveCameras(principal_point=((1, 2, 3),)),
            r"principal_point must have shape \(N, 2\)",
        ),
        (
            lambda: PerspectiveCameras(image_size=((0, 5),)),
            "PerspectiveCameras: image_size must be at least one",
        ),
        (
            lambda: PerspectiveCameras().transform_points(torch.zeros(4, 2)),
            r"points must have shape \(P, 3\), got \(4, 2\)",
        ),
        (
            lambda: PerspectiveCameras().transform_points_screen(torch.zeros(4, 3)),
            "needs image_size=.height, width.",
        ),
        (
            lambda: PerspectiveCameras(in_ndc=False).transform_points_ndc(torch.zeros(4, 3)),
            "needs image_size",
        ),
        (
            lambda: FoVPerspectiveCameras(fov=(40, 50)).transform_points(torch.zeros(3, 4, 3)),
            r"Cameras.transform_points: points has shape \(3, 4, 3\), and there are 2",
        ),
        (
            lambda: DistortedCameras((1.0, 2.0)).transform_points(torch.zeros(3, 4, 3)),
            r"points has shape \(3, 4, 3\), and there are 2",
        ),
        (
            lambda: FoVPerspectiveCameras(fov=(40, 50)).unproject_points(torch.zeros(3, 4, 3)),
            r"xy_depth has shape \(3, 4, 3\), and there are 2",
        ),
        (
            lambda: FoVPerspectiveCameras(fov=(40, 50)).unproject_points(torch.zeros(4, 2)),
            r"xy_depth must have shape \(P, 3\), got \(4, 2\)",
        ),
        (
            lambda: FishEyeCameras(radial_params=torch.zeros(1, 4)),
            r"FishEyeCameras: radial_params must have shape \(N, 6\), got \(1, 4\)",
        ),
        (lambda: DistortedCameras(model="radial"), "DistortedCameras: model must be one of brown, fisheye"),
        (
            lambda: DistortedCameras(distortion=((1.0, 2.0),)),
            r"distortion must have shape \(N, D\) with D = 4 or 5 or 8 or 12 for brown, got \(1, 2\)",
        ),
    ],
)
def test_bad_input(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_lens_cameras_have_no_matrix() -> None:
    for cameras in (DistortedCameras(), FishEyeCameras()):
        with pytest.raises(NotImplementedError, match="has no projection matrix; use transform_points"):
            cameras.get_full_projection_transform()


def test_a_pose_of_one_call_also_moves_the_highlights() -> None:
    R, T = look_at_view_transform(3.0, 20.0, 40.0)
    lights = PointLights(location=((2.0, 2.0, 2.0),))
    mesh = ico_sphere(2)
    mesh.textures = TexturesVertex(torch.ones(1, mesh.verts_packed().shape[0], 3))

    def render(cameras: CamerasBase, **kwargs: torch.Tensor) -> torch.Tensor:
        shader = HardPhongShader(cameras=cameras, lights=lights)
        renderer = MeshRenderer(MeshRasterizer(cameras, RasterizationSettings(image_size=32)), shader)
        return renderer(mesh, **kwargs)

    expected = render(FoVPerspectiveCameras(R=R, T=T))
    torch.testing.assert_close(render(FoVPerspectiveCameras(), R=R, T=T), expected)


@settings(deadline=None)
@given(
    focal=st.tuples(st.floats(50.0, 1000.0), st.floats(50.0, 1000.0)),
    point=st.tuples(st.floats(0.0, 160.0), st.floats(0.0, 100.0)),
    pose=st.tuples(st.floats(2.0, 9.0), st.floats(-90.0, 90.0), st.floats(-180.0, 180.0)),
    k1=st.floats(-0.2, 0.2),
)
def test_pixels_there_and_back(
    focal: tuple[float, float], point: tuple[float, float], pose: tuple[float, float, float], k1: float
) -> None:
    R, T = look_at_view_transform(*(torch.tensor([x], dtype=torch.float64) for x in pose))
    units = {"R": R, "T": T, "in_ndc": False, "image_size": SIZE}
    points = torch.rand(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 0.5
    for cameras in (
        PerspectiveCameras((focal,), point, **units),
        OrthographicCameras((focal,), point, **units),
        DistortedCameras((focal,), point, **units, distortion=((k1, 0.0, 0.01, -0.01),)),
    ):
        xy = cameras.transform_points_ndc(points)[:, :2]
        depth = cameras.get_world_to_view_transform().transform_points(points)[:, 2:]
        back = cameras.unproject_points(torch.cat((xy, depth), dim=1), from_ndc=True)
        torch.testing.assert_close(back, points, atol=1e-9, rtol=1e-9)
