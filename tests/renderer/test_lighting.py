"""Lights and materials: Lambert's and Phong's laws, batches, gradients, bad input."""

from __future__ import annotations

import math

import pytest
import torch

from r3d_cli.renderer import AmbientLights, DirectionalLights, Materials, PointLights, diffuse, specular

UP = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 60.0, 89.0, 91.0, 180.0])
def test_diffuse_is_the_cosine_of_the_angle(degrees: float) -> None:
    angle = math.radians(degrees)
    direction = 3 * torch.tensor([[math.sin(angle), 0.0, math.cos(angle)]], dtype=torch.float64)
    got = diffuse(2 * UP, torch.tensor([[1.0, 0.5, 0.0]], dtype=torch.float64), direction)
    want = max(math.cos(angle), 0.0)
    torch.testing.assert_close(got, torch.tensor([[want, want / 2, 0.0]], dtype=torch.float64))


@pytest.mark.parametrize("degrees", [0.0, 20.0, 45.0])
def test_a_highlight_falls_with_the_angle_to_the_mirrored_ray(degrees: float) -> None:
    """Light from 30 degrees on one side, seen from 30 + degrees on the other."""
    light, view = math.radians(30), math.radians(30 + degrees)
    towards = torch.tensor([[-math.sin(light), 0.0, math.cos(light)]], dtype=torch.float64)
    camera = 7 * torch.tensor([[math.sin(view), 0.0, math.cos(view)]], dtype=torch.float64)
    got = specular(0 * UP, UP, towards, torch.ones_like(UP), camera, torch.tensor([8.0], dtype=torch.float64))
    want = math.cos(math.radians(degrees)) ** 8
    torch.testing.assert_close(got, torch.full_like(got, want))


def test_no_highlight_where_the_light_does_not_reach() -> None:
    below = -UP
    got = specular(0 * UP, UP, below, torch.ones_like(UP), below, torch.tensor([1.0], dtype=torch.float64))
    assert not got.any()


def test_point_lights_shine_from_where_they_are() -> None:
    points = torch.tensor([[[0.0, 0, 0], [3.0, 0, 0]], [[0.0, 0, 0], [0.0, 4.0, 0]]])
    normals = torch.tensor([0.0, 0, 1.0]).expand_as(points)
    lights = PointLights(location=((0.0, 0, 4.0), (0.0, 0, 3.0)), diffuse_color=((1.0, 1, 1),))
    got = lights.diffuse(normals, points)[..., 0]
    torch.testing.assert_close(got, torch.tensor([[1.0, 0.8], [1.0, 0.6]]))
    sun = DirectionalLights(direction=((0.0, 0.6, 0.8),), diffuse_color=((1.0, 1, 1),))
    torch.testing.assert_close(sun.diffuse(normals, points), torch.full_like(points, 0.8))


def test_ambient_lights_take_any_number_of_channels() -> None:
    lights = AmbientLights(ambient_color=torch.ones(1, 5))
    points = torch.zeros(2, 3, 3)
    assert lights.diffuse(points, points).shape == (2, 3, 5)
    assert not lights.specular(points, points, points[:, 0], torch.ones(1)).any()


@pytest.mark.parametrize("shininess", [0.0, 0.5, 64.0])
def test_gradients_at_the_hard_spots_are_finite(shininess: float) -> None:
    """Zero normals, the camera at the point, the view at right angles to the mirrored ray."""
    normals = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 1]], requires_grad=True)
    points = torch.zeros(3, 3, requires_grad=True)
    direction = torch.tensor([[0.0, 0, 1], [0, 0, 1], [0, 0, 1]], requires_grad=True)
    camera = torch.tensor([[0.0, 0, 5], [0, 0, 0], [5, 0, 0]], requires_grad=True)
    exponent = torch.full((3,), shininess, requires_grad=True)
    color = torch.ones(3, 3)
    loss = specular(points, normals, direction, color, camera, exponent) + diffuse(normals, color, direction)
    for grad in torch.autograd.grad(loss.sum(), (normals, points, direction, camera, exponent)):
        assert grad.isfinite().all()


def test_clones_have_memory_of_their_own_and_keep_gradients() -> None:
    location = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    for made, name in ((PointLights(location=location), "location"), (Materials(shininess=3.0), "shininess")):
        copy = made.clone()
        assert type(copy) is type(made)
        torch.testing.assert_close(getattr(copy, name), getattr(made, name))
        assert getattr(copy, name).data_ptr() != getattr(made, name).data_ptr()
    PointLights(location=location).clone().location.sum().backward()
    assert location.grad is not None


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"PointLights: location must have shape \(N, 3\), got \(1, 2\)"):
        PointLights(location=((1.0, 2.0),))
    with pytest.raises(ValueError, match=r"Materials: shininess must have shape \(N,\), got \(1, 3\)"):
        Materials(shininess=((1.0, 2.0, 3.0),))
    with pytest.raises(ValueError, match=r"diffuse: direction has shape \(2, 5, 3\), which does not fit"):
        diffuse(torch.zeros(2, 4, 5, 3), torch.ones(1, 3), torch.zeros(2, 5, 3))


def test_gradients_are_those_of_normalized_vectors() -> None:
    """Also of vectors too short to have a direction, and of gradients."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([1.0, 1e-3, 1e-8, 1e3], dtype=torch.float64)[:, None]
    normals, points = (
        (scale * torch.randn(4, 3, generator=generator, dtype=torch.float64)).requires_grad_()
        for _ in range(2)
    )
    lamp, color = torch.tensor([[1.0, 2, 3]]).double(), torch.ones(1, 3).double()
    weights = torch.randn(4, 3, generator=generator, dtype=torch.float64)

    def written_out(normals: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        n, d = (torch.nn.functional.normalize(v, dim=-1, eps=1e-6) for v in (normals, lamp - points))
        return torch.relu((n * d).sum(-1, keepdim=True)) * color

    got, want = diffuse(normals, color, lamp - points), written_out(normals, points)
    torch.testing.assert_close(got, want)
    for mine, theirs in zip(
        torch.autograd.grad(got, (normals, points), weights),
        torch.autograd.grad(want, (normals, points), weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)
    some = normals.detach()[:1].requires_grad_()
    assert torch.autograd.gradgradcheck(lambda n: diffuse(n, color, n.new_tensor([[1.0, 2, 3]])), some)
