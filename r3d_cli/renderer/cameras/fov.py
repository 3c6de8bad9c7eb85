"""Cameras described by their field of view, or by the box that they see; with a near and a far plane."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.renderer.cameras.base import CamerasBase, matrices
from r3d_cli.renderer.cameras.pose import IDENTITY, ORIGIN
from r3d_cli.renderer.cameras.unprojection import batched, unbatched, unproject, view_depth
from r3d_cli.renderer.utils import convert_to_tensors_and_broadcast


class _FieldOfViewCameras(CamerasBase):
    """Cameras in NDC with a projection matrix K, given or made of other parameters."""

    #: Parameters that K is made of, in the order of ``compute_projection_matrix``.
    _PARAMETERS: tuple[str, ...] = ()

    def compute_projection_matrix(self, *args: Any) -> Tensor:
        raise NotImplementedError

    def in_ndc(self) -> bool:
        return True

    def unproject_points(
        self,
        xy_depth: Tensor,
        world_coordinates: bool = True,
        scaled_depth_input: bool = False,
        **kwargs: Any,
    ) -> Tensor:
        """The points that project to NDC x, y and have a depth: the inverse of ``transform_points``.

        Args:
            xy_depth: (P, 3) or (N, P, 3): x and y in NDC, and the depth.
            world_coordinates: Whether the result is in the world, or in view space.
            scaled_depth_input: The depth is the third coordinate that ``transform_points`` gives, or else the
                view depth, in world units.
            **kwargs: Parameters of the camera to replace in this call.

        Returns:
            (N, P, 3), or (P, 3) if that was given and there is one camera.

        Raises:
            ValueError: Wrong shapes, or batches of different sizes.
        """
        where = f"{type(self).__name__}.unproject_points"
        K = self._matrix(kwargs)
        batch = batched(where, "xy_depth", xy_depth, len(K))
        depth = view_depth(K, batch[..., 2]) if scaled_depth_input else batch[..., 2]
        view = unproject(K, batch[..., :2], depth)
        if world_coordinates:
            view = self.get_world_to_view_transform(**kwargs).inverse().transform_points(view)
        return unbatched(view, xy_depth)

    def _matrix(self, kwargs: dict[str, Any]) -> Tensor:  # (N, 4, 4)
        K = self._value("K", kwargs)
        if K is None:
            K = self.compute_projection_matrix(*(self._number(name, kwargs) for name in self._PARAMETERS))
        return K

    def _number(self, name: str, kwargs: dict[str, Any]) -> Any:
        """A parameter of which each camera has one number, (N,) from (N, 1) too, or three of scale_xyz."""
        value = self._value(name, kwargs)
        if not isinstance(value, Tensor) or name == "scale_xyz":
            return value
        if value.dim() > 1 and value.shape[1:].numel() != 1:
            raise ValueError(
                f"{type(self).__name__}: {name} must have shape (N,) or (N, 1), got {tuple(value.shape)}"
            )
        return value.flatten()

    def _check(self) -> None:
        for name in self._PARAMETERS:
            if hasattr(self, name):
                self._number(name, {})


class FoVPerspectiveCameras(_FieldOfViewCameras):
    """Perspective cameras described by their field of view.

    Args:
        znear: Depth of the near plane, world units.
        zfar: Depth of the far plane.
        aspect_ratio: Width of a pixel by its height.
        fov: Field of view across the shorter image side (for square pixels).
        degrees: Whether ``fov`` is in degrees, or radians.
        R: (N, 3, 3) rotations from the world to view space, for row vectors.
        T: (N, 3) translations.
        K: (N, 4, 4) projection matrices, for column vectors, in place of the parameters above.
        device: Where the parameters go.
        image_size: (height, width) as a pair or (N, 2), for ``transform_points_screen``.

    The third coordinate of a projection is ``zfar / (zfar - znear) * (1 - znear / z)``: 0 at the near plane,
    1 at the far one.

    Example:
        >>> cameras = FoVPerspectiveCameras(fov=90.0, T=torch.tensor([[0.0, 0.0, 2.0]]))
        >>> cameras.transform_points(torch.tensor([[1.0, 0.0, 0.0]]))[:, :2]
        tensor([[0.5000, 0.0000]])
    """

    _PARAMETERS = ("znear", "zfar", "fov", "aspect_ratio", "degrees")
    _FIELDS = ("K", "znear", "zfar", "aspect_ratio", "fov", "R", "T", "image_size")
    _SHARED_FIELDS = ("degrees",)

    def __init__(
        self,
        znear: Any = 1.0,
        zfar: Any = 100.0,
        aspect_ratio: Any = 1.0,
        fov: Any = 60.0,
        degrees: bool = True,
        R: Any = IDENTITY,
        T: Any = ORIGIN,
        K: Any = None,
        device: torch.device | str = "cpu",
        image_size: Any = None,
    ) -> None:
        super().__init__(
            device=device,
            znear=znear,
            zfar=zfar,
            aspect_ratio=aspect_ratio,
            fov=fov,
            degrees=degrees,
            R=R,
            T=T,
            K=K,
            image_size=image_size,
        )

    def is_perspective(self) -> bool:
        return True

    def compute_projection_matrix(
        self, znear: Any, zfar: Any, fov: Any, aspect_ratio: Any, degrees: bool
    ) -> Tensor:  # (N, 4, 4)
        """The projection matrices K, for column vectors, of the parameters of the class."""
        znear, zfar, fov, aspect_ratio = convert_to_tensors_and_broadcast(
            znear, zfar, fov, aspect_ratio, dtype=self.dtype, device=self.device
        )
        tan = torch.tan((torch.deg2rad(fov) if degrees else fov) / 2)
        scale = zfar / (zfar - znear)
        return matrices(
            [
                [1 / (tan * aspect_ratio), 0, 0, 0],
                [0, 1 / tan, 0, 0],
                [0, 0, scale, -scale * znear],
                [0, 0, 1, 0],
            ]
        )


class FoVOrthographicCameras(_FieldOfViewCameras):
    """Orthographic cameras described by the box that they see.

    Args:
        znear: Depth of the near plane, world units.
        zfar: Depth of the far plane.
        max_y: Top of the box in view space.
        min_y: Bottom.
        max_x: Left side (view space has +X to the left).
        min_x: Right side.
        scale_xyz: (N, 3) factors on the three NDC coordinates.
        R: (N, 3, 3) rotations from the world to view space, for row vectors.
        T: (N, 3) translations.
        K: (N, 4, 4) projection matrices, for column vectors, in place of the parameters above.
        device: Where the parameters go.
        image_size: (height, width) as a pair or (N, 2), for ``transform_points_screen``.

    The third coordinate of a projection is 0 at the near plane and 1 at the far one (for a scale of 1).

    Example:
        >>> cameras = FoVOrthographicCameras(max_x=2.0, min_x=-2.0)
        >>> cameras.transform_points(torch.tensor([[1.0, 0.5, 1.0]]))
        tensor([[0.5000, 0.5000, 0.0000]])
    """

    _PARAMETERS = ("znear", "zfar", "max_x", "min_x", "max_y", "min_y", "scale_xyz")
    _FIELDS = ("K", "znear", "zfar", "R", "T", "max_y", "min_y", "max_x", "min_x", "scale_xyz", "image_size")

    def __init__(
        self,
        znear: Any = 1.0,
        zfar: Any = 100.0,
        max_y: Any = 1.0,
        min_y: Any = -1.0,
        max_x: Any = 1.0,
        min_x: Any = -1.0,
        scale_xyz: Any = ((1.0, 1.0, 1.0),),
        R: Any = IDENTITY,
        T: Any = ORIGIN,
        K: Any = None,
        device: torch.device | str = "cpu",
        image_size: Any = None,
    ) -> None:
        super().__init__(
            device=device,
            znear=znear,
            zfar=zfar,
            max_y=max_y,
            min_y=min_y,
            max_x=max_x,
            min_x=min_x,
            scale_xyz=scale_xyz,
            R=R,
            T=T,
            K=K,
            image_size=image_size,
        )

    def is_perspective(self) -> bool:
        return False

    def compute_projection_matrix(
        self, znear: Any, zfar: Any, max_x: Any, min_x: Any, max_y: Any, min_y: Any, scale_xyz: Any
    ) -> Tensor:  # (N, 4, 4)
        """The projection matrices K, for column vectors, of the parameters of the class."""
        znear, zfar, max_x, min_x, max_y, min_y, scale_xyz = convert_to_tensors_and_broadcast(
            znear, zfar, max_x, min_x, max_y, min_y, scale_xyz, dtype=self.dtype, device=self.device
        )
        scale_x, scale_y, scale_z = scale_xyz.unbind(1)
        width, height, depth = max_x - min_x, max_y - min_y, zfar - znear
        return matrices(
            [
                [2 * scale_x / width, 0, 0, -(max_x + min_x) / width],
                [0, 2 * scale_y / height, 0, -(max_y + min_y) / height],
                [0, 0, scale_z / depth, -znear / depth],
                [0, 0, 0, 1],
            ]
        )
