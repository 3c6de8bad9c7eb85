"""Cameras described by focal lengths and a principal point, in NDC or in pixels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.renderer.cameras.base import CamerasBase, get_screen_to_ndc_transform, matrices
from r3d_cli.renderer.cameras.pose import IDENTITY, ORIGIN
from r3d_cli.renderer.cameras.unprojection import batched, unbatched, unproject
from r3d_cli.renderer.utils import convert_to_tensors_and_broadcast
from r3d_cli.transforms import Transform3d, Translate


class FocalLengthCameras(CamerasBase):
    """Cameras with focal lengths and a principal point: the base of perspective and orthographic ones.

    With ``in_ndc=False`` both are in pixels, the principal point from the image's top-left corner.
    ``transform_points`` then counts pixels from that point with +X to the left and +Y up, and adds the
    point's own coordinates; ``transform_points_screen`` gives the pixels of the image.
    """

    _FIELDS: tuple[str, ...] = ("K", "R", "T", "focal_length", "principal_point", "image_size")
    _SHARED_FIELDS: tuple[str, ...] = ("_in_ndc",)

    focal_length: Tensor  # (N,), (N, 1) or (N, 2)
    principal_point: Tensor  # (N, 2)
    _in_ndc: bool
    #: Whether the projection divides by the depth.
    _CENTRAL = True

    def _check(self) -> None:
        check_shape(type(self).__name__, "principal_point", self.principal_point, "N 2")
        self._focal_lengths({})

    def in_ndc(self) -> bool:
        return self._in_ndc

    def is_perspective(self) -> bool:
        return self._CENTRAL

    def get_principal_point(self, **kwargs: Any) -> Tensor:  # (N, 2)
        """The principal point, in the unit of the camera: of ``K`` where there is one."""
        K = self._value("K", kwargs)
        if K is None:
            return self._value("principal_point", kwargs)
        return K[:, :2, 2 if self._CENTRAL else 3]

    def get_ndc_camera_transform(self, **kwargs: Any) -> Transform3d:
        """The transform from the camera's own plane to NDC; the identity if that is NDC.

        Raises:
            ValueError: Pixels, and no image size.
        """
        if self.in_ndc():
            return super().get_ndc_camera_transform(**kwargs)
        around = torch.nn.functional.pad(-2 * self.get_principal_point(**kwargs), (0, 1))
        to_ndc = get_screen_to_ndc_transform(self, image_size=kwargs.get("image_size"))
        return Translate(around, dtype=self.dtype).compose(to_ndc)

    def unproject_points(
        self, xy_depth: Tensor, world_coordinates: bool = True, from_ndc: bool = False, **kwargs: Any
    ) -> Tensor:
        """The points that project to x, y and have a view depth: the inverse of ``transform_points``.

        Args:
            xy_depth: (P, 3) or (N, P, 3): x and y in the camera's own plane, and the view depth, world units.
            world_coordinates: Whether the result is in the world, or in view space.
            from_ndc: x and y are in NDC, also for a camera in pixels.
            **kwargs: Parameters of the camera to replace in this call.

        Returns:
            (N, P, 3), or (P, 3) if that was given and there is one camera.

        Raises:
            ValueError: Wrong shapes, batches of different sizes, or NDC without an image size.
        """
        batch = batched(f"{type(self).__name__}.unproject_points", "xy_depth", xy_depth, len(self))
        if from_ndc and not self.in_ndc():
            batch = self.get_ndc_camera_transform(**kwargs).inverse().transform_points(batch)
        return unbatched(self._unproject(batch, world_coordinates, kwargs), xy_depth)

    def _unproject(
        self, xy_depth: Tensor, world_coordinates: bool, kwargs: dict[str, Any]
    ) -> Tensor:  # (N, P, 3) -> (N, P, 3)
        view = unproject(self._matrix(kwargs), xy_depth[..., :2], xy_depth[..., 2])
        return self._from_view(view, kwargs) if world_coordinates else view

    def _from_view(self, view: Tensor, kwargs: dict[str, Any]) -> Tensor:
        return self.get_world_to_view_transform(**kwargs).inverse().transform_points(view)

    def _focal_lengths(self, kwargs: dict[str, Any]) -> tuple[Tensor, Tensor]:  # (N,), (N,)
        focal = self._value("focal_length", kwargs)
        if focal.dim() == 1:
            return focal, focal
        if focal.dim() != 2 or focal.shape[1] not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: focal_length must have shape (N,), (N, 1) or (N, 2), "
                f"got {tuple(focal.shape)}"
            )
        return focal[:, 0], focal[:, -1]

    def _matrix(self, kwargs: dict[str, Any]) -> Tensor:  # (N, 4, 4)
        K = self._value("K", kwargs)
        if K is not None:
            return K
        point = self._value("principal_point", kwargs)
        fx, fy, px, py = convert_to_tensors_and_broadcast(
            *self._focal_lengths(kwargs), *point.unbind(1), dtype=self.dtype, device=self.device
        )
        if self._CENTRAL:
            return matrices([[fx, 0, px, 0], [0, fy, py, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
        return matrices([[fx, 0, 0, px], [0, fy, 0, py], [0, 0, 1, 0], [0, 0, 0, 1]])


class PerspectiveCameras(FocalLengthCameras):
    """Perspective cameras described by focal lengths and a principal point.

    Args:
        focal_length: Number, (N,), (N, 1) or (N, 2) for x and y: NDC units for one view unit at depth 1, or
            pixels. A sequence of two numbers is two cameras; one camera has ``((fx, fy),)``.
        principal_point: (N, 2) where the optical axis hits the image, NDC or pixels.
        R: (N, 3, 3) rotations from the world to view space, for row vectors.
        T: (N, 3) translations.
        K: (N, 4, 4) projection matrices, for column vectors, in place of the two parameters above. Their
            entry [0, 1] is a skew.
        device: Where the parameters go.
        in_ndc: Whether the parameters are in NDC, or in pixels.
        image_size: (height, width) as a pair or (N, 2), pixels; needed for pixels.

    The third coordinate of a projection is 1 / z.

    Example:
        >>> cameras = PerspectiveCameras(100.0, ((64.0, 50.0),), in_ndc=False, image_size=(100, 128))
        >>> cameras.transform_points_screen(torch.tensor([[-1.0, -1.0, 4.0]]))
        tensor([[89.0000, 75.0000,  0.2500]])
    """

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
    ) -> None:
        # By name, and straight to CamerasBase, as classes that derive from this one may do too.
        super().__init__(
            device=device,
            focal_length=focal_length,
            principal_point=principal_point,
            R=R,
            T=T,
            K=K,
            image_size=image_size,
            _in_ndc=in_ndc,
        )


class OrthographicCameras(FocalLengthCameras):
    """Orthographic cameras described by a scale (the focal length) and a principal point.

    Args:
        focal_length: Number, (N,), (N, 1) or (N, 2) for x and y: NDC units, or pixels, for one view unit.
        principal_point: (N, 2) where the view axis hits the image, NDC or pixels.
        R: (N, 3, 3) rotations from the world to view space, for row vectors.
        T: (N, 3) translations.
        K: (N, 4, 4) projection matrices, for column vectors, in place of the two parameters above.
        device: Where the parameters go.
        in_ndc: Whether the parameters are in NDC, or in pixels.
        image_size: (height, width) as a pair or (N, 2), pixels; needed for pixels.

    The third coordinate of a projection is z.

    Example:
        >>> OrthographicCameras(0.5).transform_points(torch.tensor([[1.0, 1.0, 4.0]]))
        tensor([[0.5000, 0.5000, 4.0000]])
    """

    _CENTRAL = False

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
    ) -> None:
        # By name, and straight to CamerasBase, as classes that derive from this one may do too.
        super().__init__(
            device=device,
            focal_length=focal_length,
            principal_point=principal_point,
            R=R,
            T=T,
            K=K,
            image_size=image_size,
            _in_ndc=in_ndc,
        )
