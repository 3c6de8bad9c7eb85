"""Fisheye cameras with radial, tangential and thin-prism distortion."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.renderer.cameras.lens import LensCameras, away_from_zero
from r3d_cli.renderer.cameras.pose import IDENTITY, ORIGIN
from r3d_cli.renderer.distortion import Decentering, KannalaBrandt


class FishEyeCameras(LensCameras):
    """Fisheye cameras: the model of Project Aria, a Kannala-Brandt polynomial of degree 13 with decentering.

    A direction at the angle θ = atan(r) to the axis meets the image of focal length 1 at the distance
    θ (1 + k1 θ² + ... + k6 θ¹²) from its centre, q. The tangential and thin-prism terms then add
    2 q (q·p) + |q|² p + (s1 |q|² + s2 |q|⁴, s3 |q|² + s4 |q|⁴). Points behind the camera land where their
    mirror images in front of it do.

    The inverse is found by Newton's method around the axis, for angles as far as the polynomial rises and
    decentering does not fold the image; elsewhere ``unproject_points`` gives NaN.

    Args:
        focal_length: Number, (N,), (N, 1) or (N, 2), NDC.
        principal_point: (N, 2) where the axis hits the image, NDC.
        radial_params: (N, 6) k.
        tangential_params: (N, 2) p.
        thin_prism_params: (N, 4) s.
        R: (N, 3, 3) rotations from the world to view space, for row vectors.
        T: (N, 3) translations.
        world_coordinates: Whether points are in the world; in view space otherwise, and R and T do not count.
        use_radial: Without it the lens is a pinhole, with decentering. (Coefficients of 0 make an equidistant
            fisheye instead.)
        use_tangential: Whether the tangential terms count.
        use_thin_prism: Whether the thin-prism terms count.
        device: Where the parameters go.
        image_size: (height, width) as a pair or (N, 2), for ``transform_points_screen``.

    The third coordinate of a projection is 1.

    Example:
        >>> cameras = FishEyeCameras()
        >>> cameras.transform_points(torch.tensor([[1.0, 0.0, 1.0]]))[0, 0]  # 45 degrees
        tensor(0.7854)
    """

    _FIELDS = (
        *("focal_length", "principal_point", "radial_params", "tangential_params", "thin_prism_params"),
        *("R", "T", "image_size"),
    )
    _SHARED_FIELDS = ("world_coordinates", "use_radial", "use_tangential", "use_thin_prism")

    world_coordinates: bool
    use_radial: bool
    use_tangential: bool
    use_thin_prism: bool

    def __init__(
        self,
        focal_length: Any = 1.0,
        principal_point: Any = ((0.0, 0.0),),
        radial_params: Any = ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0),),
        tangential_params: Any = ((0.0, 0.0),),
        thin_prism_params: Any = ((0.0, 0.0, 0.0, 0.0),),
        R: Any = IDENTITY,
        T: Any = ORIGIN,
        world_coordinates: bool = False,
        use_radial: bool = True,
        use_tangential: bool = True,
        use_thin_prism: bool = True,
        device: torch.device | str = "cpu",
        image_size: Any = None,
    ) -> None:
        super().__init__(
            focal_length=focal_length,
            principal_point=principal_point,
            R=R,
            T=T,
            K=None,
            _in_ndc=True,
            device=device,
            image_size=image_size,
            radial_params=radial_params,
            tangential_params=tangential_params,
            thin_prism_params=thin_prism_params,
            world_coordinates=world_coordinates,
            use_radial=use_radial,
            use_tangential=use_tangential,
            use_thin_prism=use_thin_prism,
        )
        for name, shape in (
            ("radial_params", "N 6"),
            ("tangential_params", "N 2"),
            ("thin_prism_params", "N 4"),
        ):
            check_shape("FishEyeCameras", name, getattr(self, name), shape)

    def is_perspective(self) -> bool:
        return False

    def _lens(self, kwargs: dict[str, Any]) -> KannalaBrandt:
        """The distortion that is switched on."""
        p, s = self._value("tangential_params", kwargs), self._value("thin_prism_params", kwargs)
        if not self.use_tangential:
            p = torch.zeros_like(p)
        if not self.use_thin_prism:
            s = torch.zeros_like(s)
        decentering = Decentering(p, s) if self.use_tangential or self.use_thin_prism else None
        return KannalaBrandt(self._value("radial_params", kwargs) if self.use_radial else None, decentering)

    def _in_view(self, points: Tensor, kwargs: dict[str, Any]) -> Tensor:
        return super()._in_view(points, kwargs) if self.world_coordinates else points

    def _from_view(self, view: Tensor, kwargs: dict[str, Any]) -> Tensor:
        return super()._from_view(view, kwargs) if self.world_coordinates else view

    def _third(self, view: Tensor, eps: float | None) -> Tensor:
        return torch.ones_like(view[..., 2])

    def _divides_by_depth(self) -> bool:
        return not self.use_radial

    def _corners_ndc(self, points: Tensor, eps: float | None = None, **kwargs: Any) -> Tensor:
        """Of corners of faces: those behind the camera at angles beyond 90 degrees, where the lens has them,
        and not at their mirror images, which would turn faces that reach there inside out."""
        return super()._corners_ndc(points, eps, **kwargs, beyond_90_degrees=self.use_radial)

    def _bend(self, view: Tensor, eps: float | None, kwargs: dict[str, Any]) -> Tensor:
        depth, lens = away_from_zero(view[..., 2:], eps), self._lens(kwargs)
        if kwargs.get("beyond_90_degrees"):
            return lens.distort(view[..., :2], depth[..., 0])
        return lens.distort(view[..., :2] / depth)

    def _unbend(self, uv: Tensor, kwargs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        return self._lens(kwargs).undistort(uv)
