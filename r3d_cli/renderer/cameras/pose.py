"""Where cameras stand and what they look at: rotations R and translations T from the world to view space.

``X_view = X_world @ R + T`` for row vectors; view space has +X to the left, +Y up and +Z into the scene.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from r3d_cli.checks import check_shape
from r3d_cli.renderer.utils import batch_size, convert_to_tensors_and_broadcast
from r3d_cli.transforms import Transform3d

#: The default pose: in the origin, looking along +Z.
IDENTITY = torch.eye(3)[None]  # (1, 3, 3)
ORIGIN = torch.zeros(1, 3)

#: Below this cosine of the elevation a camera stands at a pole, or past it: float32 has cos 90° = -4.4e-8.
_POLE = 1e-7


class _WorldToView(Transform3d):
    """X @ R + T. Its inverse is that of any invertible R, and waits for no GPU."""

    _affine = True

    @staticmethod
    def _invert(matrix: Tensor) -> Tensor:  # (N, 4, 4)
        a, b, c = matrix[:, :3, :3].unbind(1)
        cofactors = torch.stack((b.cross(c, dim=-1), c.cross(a, dim=-1), a.cross(b, dim=-1)), dim=2)
        inverse = cofactors / (a[..., None] * cofactors[:, :, :1]).sum(1, keepdim=True)
        moved = -(matrix[:, 3, :3, None] * inverse).sum(1)
        return _affine_matrix(inverse, moved)


def _affine_matrix(R: Tensor, T: Tensor) -> Tensor:  # (N, 3, 3), (N, 3) -> (N, 4, 4)
    return torch.cat((pad(R, (0, 1)), pad(T[:, None], (0, 1), value=1.0)), dim=1)


def get_world_to_view_transform(R: Tensor = IDENTITY, T: Tensor = ORIGIN) -> Transform3d:
    """The transform ``X_view = X_world @ R + T``.

    Args:
        R: (N, 3, 3) or (1, 3, 3) rotations.
        T: (N, 3) or (1, 3) translations, world units.

    Raises:
        ValueError: Other shapes, or batches of different sizes.

    Example:
        >>> transform = get_world_to_view_transform(T=torch.tensor([[0.0, 0.0, 2.0]]))
        >>> transform.transform_points(torch.zeros(1, 3))
        tensor([[0., 0., 2.]])
    """
    where = "get_world_to_view_transform"
    check_shape(where, "R", R, "N 3 3")
    check_shape(where, "T", T, "N 3")
    size = batch_size(where, R=R, T=T)
    dtype = torch.promote_types(R.dtype, T.dtype)
    return _WorldToView(matrix=_affine_matrix(R.expand(size, 3, 3).to(dtype), T.expand(size, 3).to(dtype)))


def camera_position_from_spherical_angles(
    distance: Any, elevation: Any, azimuth: Any, degrees: bool = True, device: torch.device | str = "cpu"
) -> Tensor:  # (N, 3)
    """Positions on spheres around the origin, with +Y up.

    Args:
        distance: Number or (N,): the radius, world units.
        elevation: Number or (N,): the angle above the x-z plane.
        azimuth: Number or (N,): the angle from +Z (0) towards +X (90 degrees).
        degrees: Whether the angles are degrees, or radians.
        device: Where the result goes.

    Returns:
        (N, 3) positions.

    Raises:
        ValueError: Numbers of elements that are neither 1 nor equal.

    Example:
        >>> camera_position_from_spherical_angles(2.0, 0.0, 0.0)
        tensor([[0., 0., 2.]])
    """
    distance, elevation, azimuth = _in_one_dtype(distance, elevation, azimuth, device=device)
    return distance[:, None] * _direction(*_radians(elevation, azimuth, degrees))


def look_at_rotation(
    camera_position: Any, at: Any = ((0, 0, 0),), up: Any = ((0, 1, 0),), device: torch.device | str = "cpu"
) -> Tensor:  # (N, 3, 3)
    """Rotations of cameras that look from one point at another.

    The picture's vertical is the up axis. A camera that looks exactly along it has its left towards +X (for
    an up axis along X: towards +Z).

    Args:
        camera_position: (N, 3) or (3,) where the cameras stand, world.
        at: (N, 3) or (3,) points looked at, world.
        up: (N, 3) or (3,) up axes, of any length.
        device: Where the result goes.

    Returns:
        (N, 3, 3) R, for row vectors.

    Raises:
        ValueError: A camera that stands at the point it looks at, an up axis of length zero, wrong shapes, or
            batches of different sizes.

    Example:
        >>> look_at_rotation(((0.0, 0.0, 3.0),))[0, :, 2]  # into the scene is towards -Z
        tensor([ 0.,  0., -1.])
    """
    where = "look_at_rotation"
    camera_position, at, up = _in_one_dtype(
        *(
            _points(where, name, x)
            for name, x in (("camera_position", camera_position), ("at", at), ("up", up))
        ),
        device=device,
    )
    forward = _forward(where, camera_position, at)
    return _rotation(forward, _left(where, forward, up, _noise(camera_position, at)))


def look_at_view_transform(
    dist: Any = 1.0,
    elev: Any = 0.0,
    azim: Any = 0.0,
    degrees: bool = True,
    eye: Any = None,
    at: Any = ((0, 0, 0),),
    up: Any = ((0, 1, 0),),
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:  # (N, 3, 3), (N, 3)
    """Poses of cameras that look at points, from a distance and two angles or from a position.

    Angles count around +Y. At the poles (elevation ±90 degrees) the picture's vertical is the limit from past
    the pole, and gradients with respect to the angles stay finite. A distance of 0 keeps the direction that
    the angles give. For a position exactly above or below the point, see `look_at_rotation`.

    Args:
        dist: Number or (N,): from the point to the camera, world units.
        elev: Number or (N,): the angle above the x-z plane.
        azim: Number or (N,): the angle from +Z (0) towards +X (90 degrees).
        degrees: Whether the angles are degrees, or radians.
        eye: None, or (N, 3) or (3,): where the cameras stand, world. It replaces distance and angles.
        at: (N, 3) or (3,) points looked at, world.
        up: (N, 3) or (3,) up axes, of any length.
        device: Where the results go.

    Returns:
        R (N, 3, 3) and T (N, 3), for ``X_view = X_world @ R + T``.

    Raises:
        ValueError: A camera that stands at the point it looks at (``eye`` given), an up axis of length zero,
            wrong shapes, or batches of different sizes.

    Example:
        >>> R, T = look_at_view_transform(dist=3.0, elev=0.0, azim=0.0)
        >>> T[0, 2]
        tensor(3.)
    """
    where = "look_at_view_transform"
    at, up = _points(where, "at", at), _points(where, "up", up)
    if eye is not None:
        eye, at, up = _in_one_dtype(_points(where, "eye", eye), at, up, device=device)
        forward = _forward(where, eye, at)
        left = _left(where, forward, up, _noise(eye, at))
    else:
        dist, elev, azim, at, up = _in_one_dtype(dist, elev, azim, at, up, device=device)
        elev, azim = _radians(elev, azim, degrees)
        direction = _direction(elev, azim)
        eye = at + dist[:, None] * direction
        side = torch.where(dist < 0, -1.0, 1.0)[:, None].to(dist)
        forward = -side * direction
        # For up = +Y, up x forward has a closed form whose length does not vanish at the poles.
        past_pole = torch.where(elev.cos() > _POLE, 1.0, -1.0).to(elev)[:, None]
        closed = side * past_pole * torch.stack((-azim.cos(), torch.zeros_like(azim), azim.sin()), dim=1)
        upright = (up[:, 1] > 0) & (up[:, 0] == 0) & (up[:, 2] == 0)
        left = torch.where(upright[:, None], closed, _left(where, forward, up, 0.0))
    R = _rotation(forward, left)
    return R, -(eye[:, :, None] * R).sum(1)


def _in_one_dtype(*args: Any, device: torch.device | str) -> list[Tensor]:
    dtype = torch.float32
    for arg in args:
        if isinstance(arg, Tensor) and arg.is_floating_point():
            dtype = torch.promote_types(dtype, arg.dtype)
    args = tuple(arg.to(dtype) if isinstance(arg, Tensor) else arg for arg in args)
    return convert_to_tensors_and_broadcast(*args, dtype=dtype, device=device)


def _points(where: str, name: str, value: Any) -> Tensor:  # (N, 3)
    if not isinstance(value, Tensor):
        value = (
            torch.stack(list(value)) if _holds_tensors(value) else torch.as_tensor(value).to(torch.float32)
        )
    if value.dim() == 1:
        value = value[None]
    check_shape(where, name, value, "N 3")
    return value


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(part, Tensor) for part in value)


def _radians(elevation: Tensor, azimuth: Tensor, degrees: bool) -> tuple[Tensor, Tensor]:
    unit = math.pi / 180.0 if degrees else 1.0
    return elevation * unit, azimuth * unit


def _direction(elevation: Tensor, azimuth: Tensor) -> Tensor:  # (N,), (N,) -> (N, 3)
    """Unit vectors from the origin to where the angles (radians) point."""
    cos = elevation.cos()
    return torch.stack((cos * azimuth.sin(), elevation.sin(), cos * azimuth.cos()), dim=1)


def _forward(where: str, eye: Tensor, at: Tensor) -> Tensor:  # (N, 3)
    offset = at - eye
    length = offset.norm(dim=1, keepdim=True)
    if bool((length == 0).any()):
        raise ValueError(f"{where}: a camera stands at the point that it looks at")
    return offset / length


def _noise(eye: Tensor, at: Tensor) -> Tensor:  # (N, 1)
    """How far rounding may turn the direction from ``eye`` to ``at``. Exact if ``at`` is the origin."""
    length = (at - eye).detach().norm(dim=1, keepdim=True)
    return 2 * torch.finfo(at.dtype).eps * at.detach().abs().amax(1, keepdim=True) / length


def _left(where: str, forward: Tensor, up: Tensor, noise: Tensor | float) -> Tensor:  # (N, 3)
    """Unit vectors to the camera's left; where ``forward`` is along ``up``, within ``noise``, a fixed one."""
    length = up.norm(dim=1, keepdim=True)
    if bool((length == 0).any()):
        raise ValueError(f"{where}: an up axis has length zero")
    side = up.cross(forward, dim=1) / length
    smallest = noise + torch.finfo(side.dtype).tiny ** 0.5
    squared = (side * side).sum(1, keepdim=True)
    vertical = squared <= smallest * smallest
    side = side / torch.where(vertical, torch.ones_like(squared), squared).sqrt()

    along_x = forward[:, :1].abs() > 0.9
    axis = torch.where(along_x, forward.new_tensor([0.0, 0.0, 1.0]), forward.new_tensor([1.0, 0.0, 0.0]))
    fixed = axis - (axis * forward).sum(1, keepdim=True) * forward
    return torch.where(vertical, fixed / fixed.norm(dim=1, keepdim=True), side)


def _rotation(forward: Tensor, left: Tensor) -> Tensor:  # (N, 3), (N, 3) -> (N, 3, 3)
    return torch.stack((left, forward.cross(left, dim=1), forward), dim=2)
