"""Cameras whose lens bends straight lines."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from r3d_cli.renderer.cameras.focal import FocalLengthCameras
from r3d_cli.renderer.cameras.pose import IDENTITY, ORIGIN
from r3d_cli.renderer.cameras.unprojection import batched, unbatched, unproject
from r3d_cli.renderer.distortion import BrownConrady, KannalaBrandt
from r3d_cli.transforms import Transform3d

#: Model -> numbers of coefficients that it can be given; the others are 0.
MODELS: dict[str, tuple[int, ...]] = {"brown": (4, 5, 8, 12), "fisheye": (4,)}


#: Corners of faces in the camera's plane are projected as if at this depth.
_SMALLEST_DEPTH = 1e-6


class LensCameras(FocalLengthCameras):
    """Cameras that bend view directions before focal lengths and principal point apply.

    They have no projection matrix. ``unproject_points`` gives NaN where no direction around the axis has the
    image asked for; no gradient comes from there.
    """

    @abstractmethod
    def _bend(self, view: Tensor, eps: float | None, kwargs: dict[str, Any]) -> Tensor:
        """View points (N, P, 3) in the image of focal length 1 (N, P, 2)."""

    @abstractmethod
    def _unbend(self, uv: Tensor, kwargs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """The inverse of ``_bend`` at depth 1 (N, P, 2), and where it exists (N, P)."""

    def _third(self, view: Tensor, eps: float | None) -> Tensor:
        """The third coordinate of a projection (N, P)."""
        return 1 / away_from_zero(view[..., 2], eps)

    def _in_view(self, points: Tensor, kwargs: dict[str, Any]) -> Tensor:
        return self.get_world_to_view_transform(**kwargs).transform_points(points)

    def get_projection_transform(self, **kwargs: Any) -> Transform3d:
        """Raise NotImplementedError: a matrix does not bend lines."""
        raise NotImplementedError(f"{type(self).__name__} has no projection matrix; use transform_points")

    def _corners_ndc(self, points: Tensor, eps: float | None = None, **kwargs: Any) -> Tensor:
        """`transform_points_ndc` for the corners of faces, finite for those in the camera's plane too."""
        return self.transform_points_ndc(points, eps=_SMALLEST_DEPTH if eps is None else eps, **kwargs)

    def _project(
        self, points: Tensor, eps: float | None, then: tuple[Transform3d, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        batch = batched(f"{type(self).__name__}.transform_points", "points", points, len(self))
        view = self._in_view(batch, kwargs)
        plane = pad(self._bend(view, eps, kwargs), (0, 1), value=1.0)
        image = Transform3d(matrix=self._matrix(kwargs).mT).compose(*then).transform_points(plane)
        third = self._third(view, eps).expand(image.shape[:-1])
        return unbatched(torch.cat((image[..., :2], third[..., None]), dim=-1), points)

    def _unproject(self, xy_depth: Tensor, world_coordinates: bool, kwargs: dict[str, Any]) -> Tensor:
        depth = xy_depth[..., 2]
        uv = unproject(self._matrix(kwargs), xy_depth[..., :2], torch.ones_like(depth))[..., :2]
        directions, found = self._unbend(uv, kwargs)
        view = pad(directions, (0, 1), value=1.0) * depth[..., None]
        points = self._from_view(view, kwargs) if world_coordinates else view
        return torch.where(found[..., None], points, torch.nan)  # only here: NaN times 0 is no zero gradient


class DistortedCameras(LensCameras):
    """Perspective cameras with the lens distortion of OpenCV and COLMAP.

    Args:
        focal_length: As for `PerspectiveCameras`.
        principal_point: As for `PerspectiveCameras`.
        R: (N, 3, 3) rotations from the world to view space, for row vectors.
        T: (N, 3) translations.
        K: (N, 4, 4) projection matrices, for column vectors, in place of focal lengths and principal point.
        device: Where the parameters go.
        in_ndc: Whether the parameters are in NDC, or in pixels.
        image_size: (height, width) as a pair or (N, 2), pixels; needed for pixels.
        distortion: (N, D) coefficients in OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4]]] of the
            model "brown", k1 k2 k3 k4 of "fisheye". They act on directions with +X to the right and +Y down,
            whatever the unit of the other parameters.
        model: "brown" (Brown-Conrady with thin prism; OpenCV's ``projectPoints``) or "fisheye"
            (Kannala-Brandt; OpenCV's ``fisheye``). Unlike OpenCV's, "fisheye" sees directions of 90 degrees
            and more to the axis, where z <= 0.

    The third coordinate of a projection is 1 / z. ``unproject_points`` inverts the lens around its axis by
    Newton's method; where the distortion has folded the image over, and nothing around the axis is seen, it
    gives NaN, and no gradient comes from there.

    Raises:
        ValueError: Another model, or a number of coefficients that it does not have.

    Example:
        >>> cameras = DistortedCameras(distortion=((0.1, 0.0, 0.0, 0.0),))
        >>> cameras.transform_points(torch.tensor([[1.0, 0.0, 1.0]]))
        tensor([[1.1000, 0.0000, 1.0000]])
    """

    _FIELDS = (*FocalLengthCameras._FIELDS, "distortion")
    _SHARED_FIELDS = (*FocalLengthCameras._SHARED_FIELDS, "model")

    distortion: Tensor  # (N, 12) of brown, (N, 4) of fisheye
    model: str

    def __init__(
        self,
        focal_length: Any = 1.0,
        principal_point: Any = ((0.0, 0.0),),
        R: Any = IDENTITY,
        T: Any = ORIGIN,
        K: Any = None,
        device: torch.device | str = "cpu",
        in_ndc: bool = True,
        image_size: Any = None,
        distortion: Any = ((0.0, 0.0, 0.0, 0.0),),
        model: str = "brown",
    ) -> None:
        if model not in MODELS:
            raise ValueError(f"DistortedCameras: model must be one of {', '.join(MODELS)}, got {model!r}")
        super().__init__(
            focal_length=focal_length,
            principal_point=principal_point,
            R=R,
            T=T,
            K=K,
            device=device,
            image_size=image_size,
            distortion=distortion,
            model=model,
            _in_ndc=in_ndc,
        )
        self.distortion = self._coefficients({})

    def _divides_by_depth(self) -> bool:
        return self.model != "fisheye"

    def _coefficients(self, kwargs: dict[str, Any]) -> Tensor:  # (N, D)
        given, sizes = self._value("distortion", kwargs), MODELS[self.model]
        if given.dim() != 2 or given.shape[1] not in sizes:
            raise ValueError(
                f"DistortedCameras: distortion must have shape (N, D) with D = "
                f"{' or '.join(map(str, sizes))} for {self.model}, got {tuple(given.shape)}"
            )
        return pad(given, (0, sizes[-1] - given.shape[1]))

    def _bend(self, view: Tensor, eps: float | None, kwargs: dict[str, Any]) -> Tensor:
        coefficients = self._coefficients(kwargs)
        xy = -view[..., :2]  # to +X right, +Y down
        if self.model == "fisheye":
            return -KannalaBrandt(coefficients).distort(xy, view[..., 2])
        return -BrownConrady.of(coefficients).distort(xy / away_from_zero(view[..., 2:], eps))

    def _unbend(self, uv: Tensor, kwargs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        coefficients = self._coefficients(kwargs)
        of = KannalaBrandt if self.model == "fisheye" else BrownConrady.of
        xy, found = of(coefficients).undistort(-uv)
        return -xy, found


def away_from_zero(depth: Tensor, eps: float | None) -> Tensor:
    """Depths with a magnitude of at least ``eps``, of their sign."""
    if eps is None:
        return depth
    return torch.where(depth.abs() < eps, torch.where(depth < 0, -eps, eps).to(depth), depth)
