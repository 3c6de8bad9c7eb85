"""Lens distortion: where the light of a direction meets the image, and back.

Directions are points (x, y) at depth 1, images coordinates for a focal length of 1. The inverses are found by
Newton's method and differentiated by the implicit function theorem: the last step is taken with gradients,
from a solution and a Jacobian that have none. So first derivatives are exact whatever the number of
iterations; second derivatives are not.

A distortion folds the plane over where it is strong, far from the axis. The inverses are those of the part
around the axis, and come with a mask of the points for which there is one; the others are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from r3d_cli.renderer.cameras.unprojection import solve2

#: At most. Newton's method doubles the correct digits in each step; near a fold it gains a bit.
_ITERATIONS = 16

Jacobian = tuple[Tensor, Tensor, Tensor, Tensor]  # d(u, v) / d(x, y), row by row, each (N, P)


class Decentering(NamedTuple):
    """Offsets by a tilted or decentred lens: tangential and thin-prism terms (Weng et al. 1992).

    offset = 2 q (q·p) + |q|² p + (s0 |q|² + s1 |q|⁴, s2 |q|² + s3 |q|⁴)
    """

    p: Tensor  # (N, 2)
    s: Tensor  # (N, 4)

    def offset(self, q: Tensor) -> Tensor:  # (N, P, 2) -> (N, P, 2)
        p, s = self.p[:, None], self.s[:, None]
        squared = (q * q).sum(-1, keepdim=True)
        prism = squared * (s[..., 0::2] + squared * s[..., 1::2])
        return 2 * q * (q * p).sum(-1, keepdim=True) + squared * p + prism

    def jacobian(self, q: Tensor) -> Jacobian:
        p, s = self.p[:, None], self.s[:, None]
        squared = (q * q).sum(-1, keepdim=True)
        along = 2 * p + 2 * (s[..., 0::2] + 2 * squared * s[..., 1::2])
        twice = 2 * (q * p).sum(-1)
        (ax, ay), (x, y), (px, py) = along.unbind(-1), q.unbind(-1), p.unbind(-1)
        return (
            ax * x + 2 * x * px + twice,
            ax * y + 2 * x * py,
            ay * x + 2 * y * px,
            ay * y + 2 * y * py + twice,
        )


class BrownConrady(NamedTuple):
    """The model of OpenCV's ``projectPoints`` (Brown 1966, Weng et al. 1992), in its axes: +X right, +Y down.

    q -> q (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶) + decentering
    """

    k: Tensor  # (N, 6)
    decentering: Decentering

    @staticmethod
    def of(coefficients: Tensor) -> BrownConrady:  # (N, 12): k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4
        k = torch.cat((coefficients[:, :2], coefficients[:, 4:8]), dim=1)
        return BrownConrady(k, Decentering(coefficients[:, 2:4].flip(1), coefficients[:, 8:12]))

    def distort(self, q: Tensor) -> Tensor:  # (N, P, 2) -> (N, P, 2)
        squared = (q * q).sum(-1)
        ratio = even_polynomial(self.k[:, :3], squared) / even_polynomial(self.k[:, 3:], squared)
        return q * ratio[..., None] + self.decentering.offset(q)

    def jacobian(self, q: Tensor) -> Jacobian:
        squared = (q * q).sum(-1)
        above, below = (even_polynomial(k, squared) for k in (self.k[:, :3], self.k[:, 3:]))
        ratio = above / below
        slope = (_derivative(self.k[:, :3], squared) - ratio * _derivative(self.k[:, 3:], squared)) / below
        x, y = q.unbind(-1)
        a, b, c, d = self.decentering.jacobian(q)
        radial = 2 * slope
        return a + ratio + radial * x * x, b + radial * x * y, c + radial * x * y, d + ratio + radial * y * y

    def undistort(self, uv: Tensor) -> tuple[Tensor, Tensor]:  # (N, P, 2) -> (N, P, 2), (N, P)
        return invert(uv, self.distort, self.jacobian)


class KannalaBrandt(NamedTuple):
    """A polynomial of the angle to the axis, for wide lenses (Kannala and Brandt 2006), then decentering.

    The direction at angle θ meets the image at radius θ (1 + k1 θ² + k2 θ⁴ + ...). OpenCV's ``fisheye`` has
    four terms; with six and decentering it is the model of Project Aria. Without terms (None) it is a
    pinhole.
    """

    k: Tensor | None  # (N, M)
    decentering: Decentering | None = None

    def distort(self, q: Tensor, depth: Tensor | float = 1.0) -> Tensor:  # (N, P, 2), (N, P) -> (N, P, 2)
        """Directions (x, y, depth), of any length; a depth <= 0 is an angle of 90 degrees and more."""
        depth = torch.as_tensor(depth, dtype=q.dtype, device=q.device)
        if self.k is None:
            bent = q / depth[..., None]
        else:
            axial, radius = _polar(q)
            angle = torch.atan2(radius, depth)
            on_axis = 1 / torch.where(axial, depth, 1.0)
            bent = q * torch.where(axial, on_axis, self._radius(self.k, angle) / radius)[..., None]
        return bent if self.decentering is None else bent + self.decentering.offset(bent)

    def undistort(self, uv: Tensor) -> tuple[Tensor, Tensor]:  # (N, P, 2) -> (N, P, 2), (N, P)
        """Directions (x, y) / depth, also for depths below 0."""
        bent, found = uv, torch.ones_like(uv[..., 0], dtype=torch.bool)
        if self.decentering is not None:
            bent, found = invert(uv, self._decenter, self._decenter_jacobian)
        if self.k is None:
            return bent, found
        axial, radius = _polar(bent)
        angle, within = self._angle(self.k, radius)
        return bent * torch.where(axial, 1.0, angle.tan() / radius)[..., None], found & within

    @staticmethod
    def _radius(k: Tensor, angle: Tensor) -> Tensor:  # (N, M), (N, P) -> (N, P)
        return angle * even_polynomial(k, angle * angle)

    def _angle(self, k: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:  # (N, M), (N, P) -> 2 x (N, P)
        """The inverse of ``_radius`` in [0, π], and where it exists."""
        slopes = k * torch.arange(3, 2 * k.shape[1] + 3, 2, dtype=k.dtype, device=k.device)
        with torch.no_grad():
            angle = radius.clamp(max=torch.pi)
            for _ in range(_ITERATIONS):
                residual = self._radius(k, angle) - radius
                if _all_converged(residual, radius):
                    break
                slope = even_polynomial(slopes, angle * angle)
                angle = (angle - residual / torch.where(slope == 0, 1.0, slope)).clamp(0.0, torch.pi)
            slope = even_polynomial(slopes, angle * angle)
            found = _converged(self._radius(k, angle) - radius, radius) & (slope > 0)
            angle, slope = torch.where(found, angle, 0.0), torch.where(found, slope, 1.0)
        return torch.where(found, angle - (self._radius(k, angle) - radius) / slope, 0.0), found

    def _decenter(self, q: Tensor) -> Tensor:
        assert self.decentering is not None
        return q + self.decentering.offset(q)

    def _decenter_jacobian(self, q: Tensor) -> Jacobian:
        assert self.decentering is not None
        a, b, c, d = self.decentering.jacobian(q)
        return 1 + a, b, c, 1 + d


def even_polynomial(k: Tensor, squared: Tensor) -> Tensor:  # (N, M), (N, P) -> (N, P)
    """1 + k1 s + k2 s² + ..."""
    value = torch.zeros_like(squared)
    for coefficient in reversed(k.unbind(1)):
        value = squared * (coefficient[:, None] + value)
    return 1 + value


def _derivative(k: Tensor, squared: Tensor) -> Tensor:  # (N, M), (N, P) -> (N, P)
    """k1 + 2 k2 s + 3 k3 s² + ..."""
    value = torch.zeros_like(squared)
    for order, coefficient in reversed(list(enumerate(k.unbind(1), start=1))):
        value = order * coefficient[:, None] + squared * value
    return value


def _polar(q: Tensor) -> tuple[Tensor, Tensor]:  # (N, P, 2) -> (N, P), (N, P)
    """Which points are on the axis, and the distance from it of the others (1 for those on it)."""
    squared = (q * q).sum(-1)
    axial = squared <= torch.finfo(q.dtype).tiny
    return axial, torch.where(axial, 1.0, squared).sqrt()


def invert(
    target: Tensor,  # (N, P, 2)
    function: Callable[[Tensor], Tensor],
    jacobian: Callable[[Tensor], Jacobian],
) -> tuple[Tensor, Tensor]:  # (N, P, 2), (N, P)
    """The points near ``target`` that a map of the plane, near the identity, takes there; and which exist."""
    with torch.no_grad():
        q = target
        for _ in range(_ITERATIONS):
            residual = function(q) - target
            if _all_converged(residual, target):
                break
            q = q - solve2(jacobian(q), residual)
        a, b, c, d = jacobian(q)
        found = _converged(function(q) - target, target).all(-1) & (a * d - b * c > 0)
        q = torch.where(found[..., None], q, 0.0)
        slopes = jacobian(q)
    return torch.where(found[..., None], q - solve2(slopes, function(q) - target), 0.0), found


def _converged(residual: Tensor, target: Tensor) -> Tensor:
    return residual.abs() <= 100 * torch.finfo(target.dtype).eps * (1 + target.abs())


def _all_converged(residual: Tensor, target: Tensor) -> bool:
    """Whether to stop early: asked on the CPU only, since a GPU would have to be waited for."""
    if residual.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    return bool(_converged(residual, target).all())
