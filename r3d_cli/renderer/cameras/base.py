"""What all cameras share: the chain of transforms, indexing, copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.renderer.cameras.pose import IDENTITY, ORIGIN, get_world_to_view_transform
from r3d_cli.renderer.cameras.unprojection import batched
from r3d_cli.renderer.utils import TensorProperties, format_tensor
from r3d_cli.transforms import Scale, Transform3d, Translate

Cameras = TypeVar("Cameras", bound="CamerasBase")

#: Parameters that are a pair for one camera.
_PAIRS = {"image_size", "principal_point"}


class CamerasBase(TensorProperties):
    """A batch of N cameras: what the classes of cameras have in common.

    World to view is ``X_view = X_world @ R + T``. View space has +X to the left, +Y up and +Z into the scene.
    In NDC +X is to the left, +Y up, and the shorter image side spans [-1, 1]. The screen is in pixels, with
    +X to the right and +Y down from the outer corner of the top-left pixel, whose centre is (0.5, 0.5).

    Every parameter of a camera can be replaced in a call, as in ``cameras.transform_points(points, K=K)``. R
    and T that are given so stay in the camera, as in PyTorch3D: what is called after it, such as a shader
    behind a rasterizer, sees the camera where it stood. Others are for the call. Points (P, 3) go to every
    camera of a batch, and points (N, P, 3) to each its own; batches of one camera or one cloud are repeated.

    A subclass names its parameters in ``_FIELDS`` (one value a camera) and ``_SHARED_FIELDS`` (one for all),
    and defines ``get_projection_transform`` and ``unproject_points``.

    Example:
        >>> from r3d_cli.renderer import PerspectiveCameras
        >>> cameras = PerspectiveCameras(T=torch.tensor([[1.0, 2.0, 4.0]]))
        >>> isinstance(cameras, CamerasBase), cameras.get_camera_center().tolist()
        (True, [[-1.0, -2.0, -4.0]])
    """

    _FIELDS: tuple[str, ...] = ("R", "T", "K")
    _SHARED_FIELDS: tuple[str, ...] = ()

    R: Tensor  # (N, 3, 3)
    T: Tensor  # (N, 3)
    K: Tensor | None  # (N, 4, 4)
    image_size: Tensor | None  # (N, 2)

    def __init__(
        self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", **kwargs: Any
    ) -> None:
        for name, default in (("R", IDENTITY), ("T", ORIGIN)):
            if kwargs.get(name) is default:
                kwargs[name] = default.clone()  # a camera's own, to be written to
        for name in _PAIRS & kwargs.keys():
            if kwargs[name] is not None:
                pair = format_tensor(kwargs[name], dtype, device)
                kwargs[name] = pair[None] if pair.dim() == 1 else pair
        super().__init__(dtype=dtype, device=device, **kwargs)
        znear = kwargs.get("znear")
        #: Where znear was given as a number: it as a tensor, and the number, which nobody has to wait for.
        self._znear_given = (getattr(self, "znear", None), znear) if isinstance(znear, int | float) else None
        for name, tensor in self._tensors():
            if not tensor.is_floating_point():
                setattr(self, name, tensor.to(self.dtype))
        for name, shape in (("R", "N 3 3"), ("T", "N 3"), ("K", "N 4 4"), ("image_size", "N 2")):
            if isinstance(getattr(self, name, None), Tensor):
                check_shape(type(self).__name__, name, getattr(self, name), shape)
        if isinstance(self.get_image_size(), Tensor):
            image_size_of(type(self).__name__, self, self.get_image_size())
        self._check()

    def _check(self) -> None:
        """Raise a ValueError where the values of a class do not fit it."""

    def get_projection_transform(self, **kwargs: Any) -> Transform3d:
        """The transform from view space to the camera's own plane: NDC, or pixels if not ``in_ndc()``."""
        return Transform3d(matrix=self._matrix(kwargs).mT)

    def _matrix(self, kwargs: dict[str, Any]) -> Tensor:  # (N, 4, 4)
        """The projection, for column vectors."""
        raise NotImplementedError(f"{type(self).__name__} has no projection matrix; use transform_points")

    def unproject_points(self, xy_depth: Tensor, **kwargs: Any) -> Tensor:
        """The points that project to ``x, y`` and have a depth; each class says more."""
        raise NotImplementedError(f"{type(self).__name__} has no unproject_points")

    def is_perspective(self) -> bool:
        """Whether things shrink with their distance: the default of perspective-correct interpolation."""
        raise NotImplementedError(f"{type(self).__name__} has no is_perspective")

    def _divides_by_depth(self) -> bool:
        """Whether what lies behind the camera is projected to the wrong side, as by a pinhole."""
        return self.is_perspective()

    def in_ndc(self) -> bool:
        """Whether ``transform_points`` gives NDC, or else screen coordinates with +X to the left."""
        raise NotImplementedError(f"{type(self).__name__} has no in_ndc")

    def get_znear(self) -> Tensor | None:  # (N,)
        """The depth of the near plane, or None if the camera has none."""
        return getattr(self, "znear", None)

    def get_image_size(self) -> Tensor | None:  # (N, 2)
        """(height, width) in pixels, or None if the camera was not told."""
        return getattr(self, "image_size", None)

    def get_world_to_view_transform(self, **kwargs: Any) -> Transform3d:
        """The transform ``X_view = X_world @ R + T``; R and T that are given stay in the camera."""
        self._take_pose(kwargs)
        return get_world_to_view_transform(self.R, self.T)

    def _take_pose(self, kwargs: dict[str, Any]) -> None:
        """Keep R and T where a call gives them."""
        for name in ("R", "T"):
            if kwargs.get(name) is not None:
                setattr(self, name, self._value(name, kwargs))

    def get_camera_center(self, **kwargs: Any) -> Tensor:  # (N, 3)
        """The cameras' positions in the world."""
        return self.get_world_to_view_transform(**kwargs).inverse().get_matrix()[:, 3, :3]

    def get_full_projection_transform(self, **kwargs: Any) -> Transform3d:
        """World to view space, then ``get_projection_transform``."""
        projection = self.get_projection_transform(**kwargs)
        return self.get_world_to_view_transform(**kwargs).compose(projection)

    def get_ndc_camera_transform(self, **kwargs: Any) -> Transform3d:
        """The transform from the camera's own plane to NDC; the identity if that is NDC."""
        if self.in_ndc():
            return Transform3d(dtype=self.dtype, device=self.device)
        return get_screen_to_ndc_transform(self, image_size=kwargs.get("image_size"))

    def transform_points(self, points: Tensor, eps: float | None = None, **kwargs: Any) -> Tensor:
        """World points in the camera's own plane: NDC, or screen if ``in_ndc()`` is False.

        Args:
            points: (P, 3) or (N, P, 3) points, world units.
            eps: Least magnitude of the depth that is divided by; its sign stays. None divides by it as it is.
            **kwargs: Parameters of the camera to replace in this call.

        Returns:
            (N, P, 3), or (P, 3) if that was given and there is one camera. The third coordinate is what the
            class's projection makes of the depth.

        Raises:
            ValueError: Wrong shapes, or batches of different sizes.
        """
        return self._project(points, eps, (), kwargs)

    def transform_points_ndc(self, points: Tensor, eps: float | None = None, **kwargs: Any) -> Tensor:
        """World points in NDC; arguments, result and errors as of ``transform_points``.

        Raises:
            ValueError: Also for a camera in screen space without an image size.
        """
        return self._project(points, eps, self._to_ndc(kwargs), kwargs)

    def transform_points_screen(
        self, points: Tensor, eps: float | None = None, with_xyflip: bool = True, **kwargs: Any
    ) -> Tensor:
        """World points on the screen, in pixels; the rest as of ``transform_points``.

        Args:
            points: (P, 3) or (N, P, 3) points, world units.
            eps: Least magnitude of the depth that is divided by.
            with_xyflip: +X to the right and +Y down. False gives both coordinates with the other sign.
            **kwargs: Parameters of the camera to replace in this call, and ``image_size`` (height, width), as
                a pair or (N, 2), if the camera has none of its own.

        Raises:
            ValueError: Also for a missing image size, or one that is not positive.
        """
        to_screen = get_ndc_to_screen_transform(self, with_xyflip, kwargs.get("image_size"))
        return self._project(points, eps, (*self._to_ndc(kwargs), to_screen), kwargs)

    def clone(self: Cameras) -> Cameras:  # type: ignore[override]
        """A copy with memory of its own; gradients flow through it."""
        return self._rebuilt(lambda tensor: tensor.clone())

    def replaced(self: Cameras, **kwargs: Any) -> Cameras:
        """Cameras like these with other parameters, by name; names that they do not have do not count.

        Returns:
            New cameras, or these where nothing is to be replaced.

        Raises:
            ValueError: Wrong shapes, or batches of different sizes.
        """
        shared = self._shared()
        known = {*self._FIELDS, *shared}
        changes = {name: value for name, value in kwargs.items() if name in known and value is not None}
        if not changes:
            return self
        values = {name: getattr(self, name, None) for name in self._FIELDS}
        return type(self)(device=self.device, **{**shared, **values, **changes})

    def __getitem__(self: Cameras, index: int | slice | Sequence[int] | Tensor) -> Cameras:
        """The chosen cameras: by number, slice, list, tensor of indices or mask of bools.

        Raises:
            IndexError: The index is outside the batch.
            ValueError: A mask of another length, or an index of another kind.
        """
        rows = batch_indices(type(self).__name__, index, len(self), self.device)
        return self._rebuilt(lambda tensor: tensor[rows])

    def _rebuilt(self: Cameras, function: Any) -> Cameras:
        """Cameras of this class whose tensors are those of these after ``function``."""
        values = {name: getattr(self, name, None) for name in self._FIELDS}
        changed = {name: function(x) if isinstance(x, Tensor) else x for name, x in values.items()}
        return type(self)(device=self.device, **{**self._shared(), **changed})

    def _shared(self) -> dict[str, Any]:
        """The values of the shared fields, by the names that the constructor has for them."""
        return {name.removeprefix("_"): getattr(self, name) for name in self._SHARED_FIELDS}

    def _value(self, name: str, kwargs: dict[str, Any]) -> Any:
        """A parameter of this call, or else of the camera."""
        given = kwargs.get(name)
        if given is None:
            return getattr(self, name)
        given = given if isinstance(given, bool) else format_tensor(given, self.dtype, self.device)
        return given if isinstance(given, bool) or given.is_floating_point() else given.to(self.dtype)

    def _to_ndc(self, kwargs: dict[str, Any]) -> tuple[Transform3d, ...]:
        return () if self.in_ndc() else (self.get_ndc_camera_transform(**kwargs),)

    def _project(
        self, points: Tensor, eps: float | None, then: tuple[Transform3d, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        """World points projected and then transformed: one matrix for all, where the projection is one."""
        transform = self.get_full_projection_transform(**kwargs).compose(*then)
        batched(f"{type(self).__name__}.transform_points", "points", points, len(transform))
        return transform.transform_points(points, eps=eps)


def get_ndc_to_screen_transform(
    cameras: CamerasBase, with_xyflip: bool = False, image_size: Any = None
) -> Transform3d:
    """The transform from NDC to pixels.

    Args:
        cameras: Their device and dtype, and their image size if none is given.
        with_xyflip: +X to the right and +Y down, as in images. False gives both with the other sign.
        image_size: (height, width), as a pair or (N, 2), pixels.

    Raises:
        ValueError: No image size, or one that is not positive.
    """
    where = "get_ndc_to_screen_transform"
    size = image_size_of(where, cameras, image_size)
    sign = -1.0 if with_xyflip else 1.0
    half = sign * size.amin(1) / 2
    x, y = -sign * size[:, 1] / 2, -sign * size[:, 0] / 2
    scaled = Scale(half, half, 1.0, dtype=size.dtype, device=size.device)
    return scaled.compose(Translate(x, y, 0.0, dtype=size.dtype, device=size.device))


def get_screen_to_ndc_transform(
    cameras: CamerasBase, with_xyflip: bool = False, image_size: Any = None
) -> Transform3d:
    """The inverse of `get_ndc_to_screen_transform`, with its arguments and errors."""
    return get_ndc_to_screen_transform(cameras, with_xyflip, image_size).inverse()


def image_size_of(where: str, cameras: CamerasBase, image_size: Any = None) -> Tensor:  # (N, 2)
    """The image size given, or else the camera's own, in the camera's dtype."""
    if image_size is None:
        own = cameras.get_image_size()  # checked when the camera was made
        if own is None:
            raise ValueError(f"{where}: {type(cameras).__name__} needs image_size=(height, width) in pixels")
        return own
    size = format_tensor(image_size, cameras.dtype, cameras.device).to(cameras.dtype)
    size = size[None] if size.dim() == 1 else size
    check_shape(where, "image_size", size, "N 2")
    if not torch.compiler.is_compiling() and bool((size < 1).any()):
        raise ValueError(f"{where}: image_size must be at least one pixel, got {size.tolist()}")
    return size


def matrices(rows: list[list[Any]]) -> Tensor:  # 4 x 4 of (N,) or numbers -> (N, 4, 4)
    """Matrices from entries, some of which are tensors."""
    entries = [entry for row in rows for entry in row]
    tensors = [entry for entry in entries if isinstance(entry, Tensor)]
    size = max(len(tensor) for tensor in tensors)
    numbers = {entry for entry in entries if not isinstance(entry, Tensor)}
    filled = {number: tensors[0].new_full((size,), float(number)) for number in numbers}
    full = [entry.expand(size) if isinstance(entry, Tensor) else filled[entry] for entry in entries]
    return torch.stack(full, dim=1).reshape(size, len(rows), len(rows[0]))


def batch_indices(where: str, index: Any, size: int, device: torch.device) -> slice | Tensor:
    """An index into a batch as a slice or a tensor (M,) of numbers."""
    if isinstance(index, slice):
        return index
    rows = index.cpu().numpy() if isinstance(index, Tensor) else np.asarray(index)
    if rows.dtype.kind == "b":
        check_shape(f"{where}[…]", "the mask", rows, "N", N=size)
        rows = rows.nonzero()[0]
    if rows.ndim > 1 or not (rows.dtype.kind in "iu" or rows.size == 0):
        raise ValueError(
            f"{where}[…]: the index must be an int, a slice, (M,) integers or a mask, got {index!r}"
        )
    rows = np.atleast_1d(rows).astype(np.int64)
    wrong = rows[(rows < -size) | (rows >= size)]
    if len(wrong):
        raise IndexError(f"{where}[{wrong[0]}]: there are {size}")
    return torch.from_numpy(rows).to(device)
