"""The camera: from the world to view space, and from view space to NDC.

PyTorch3D's conventions. World to view is ``X_view = X_world @ R + T`` (row vectors). View space has +X to the
left, +Y up and +Z into the scene; NDC has +X to the left and +Y up, and the shorter side of the image spans
[-1, 1]. The camera of another system, by its pixels and axes: ``scene.conventions``; from a file:
``scene.camera_files``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: World axes -> axes of the y-up frame in which elevation and azimuth are counted. With z up, azimuth 0 looks
#: from -y, which is the front view of CAD programs and of Blender.
UP_AXES: dict[str, NDArray[np.float64]] = {
    "y": np.eye(3),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}

#: Depths are kept this far from zero, as a share of the point's distance from the optical axis: the quotient
#: stays finite, and the rasterizer's clipping (which multiplies x by z again) gets the view coordinate back.
_SMALLEST_DEPTH = 1e-6


class Calibration(NamedTuple):
    """A camera's intrinsics for a picture of some size, pixels; x right and y down from its top-left corner.

    The centre of the top-left pixel is at (0.5, 0.5). Of an orthographic camera the focal lengths are pixels
    for one world unit.
    """

    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True)
class Camera:
    """A perspective or an orthographic camera, for pictures of any size.

    Nothing here counts pixels: a larger picture of the same shape shows the same, and one of another shape
    keeps what its shorter side spans. See ``from_pixels`` and ``in_pixels``.

    Attributes:
        R: (3, 3) rotation, for row vectors.
        T: (3,) translation, world units.
        fov: Field of view across the shorter image side, degrees. Not used by an orthographic camera.
        half_extent: None for perspective. World units from the centre of the picture to the nearer edge: the
            camera is orthographic.
        z_near: Depth of the clipping plane, world units; what lies nearer is cut away.
        principal_point: Where the view axis meets the picture, NDC: +x left, +y up.
        pixel_aspect: Width of a pixel over its height, which is the focal length along y over that along x.
            ``fov`` and ``half_extent`` are those of ``focal``, between the two.

    Example:
        >>> R, T = look_at(distance=2.0, elevation=0.0, azimuth=0.0)
        >>> camera = Camera(R, T, fov=90.0)
        >>> camera.project(np.array([[0.0, 1.0, 0.0]])).round(6).tolist()
        [[0.0, 0.5, 2.0]]
        >>> shifted = Camera(R, T, fov=90.0, principal_point=(0.0, -0.25))
        >>> shifted.project(np.array([[0.0, 1.0, 0.0]])).round(6).tolist()
        [[0.0, 0.25, 2.0]]
    """

    R: NDArray[np.float64]  # (3, 3)
    T: NDArray[np.float64]  # (3,)
    fov: float = 35.0
    half_extent: float | None = None
    z_near: float = 1e-3
    principal_point: tuple[float, float] = (0.0, 0.0)
    pixel_aspect: float = 1.0

    @classmethod
    def from_pixels(
        cls,
        R: NDArray[np.float64],  # (3, 3)
        T: NDArray[np.float64],  # (3,)
        calibration: Calibration,
        size: tuple[int, int],
        *,
        orthographic: bool = False,
        z_near: float = 1e-3,
    ) -> Camera:
        """The camera with these intrinsics in a picture of ``size`` (H, W); the inverse of `in_pixels`.

        Example:
            >>> R, T = look_at(distance=2.0, elevation=0.0, azimuth=0.0)
            >>> camera = Camera.from_pixels(R, T, Calibration(50.0, 50.0, 80.0, 50.0), (100, 200))
            >>> camera.fov, camera.principal_point
            (90.0, (0.4, 0.0))
        """
        fx, fy, cx, cy = calibration
        (height, width), half = size, min(size) / 2
        focal = math.sqrt(fx / half) * math.sqrt(fy / half)
        point = ((width / 2 - cx) / half, (height / 2 - cy) / half)
        fov = math.degrees(2 * math.atan(1 / focal))
        extent = 1 / focal if orthographic else None
        return cls(R, T, fov, extent, z_near, point, fy / fx)

    def in_pixels(self, size: tuple[int, int]) -> Calibration:
        """The intrinsics in a picture of ``size`` (H, W) pixels.

        Example:
            >>> R, T = look_at(distance=2.0, elevation=0.0, azimuth=0.0)
            >>> [round(value, 6) for value in Camera(R, T, fov=90.0).in_pixels((100, 200))]
            [50.0, 50.0, 100.0, 50.0]
        """
        (height, width), half = size, min(size) / 2
        (focal_x, focal_y), (x, y) = self.focals, self.principal_point
        return Calibration(focal_x * half, focal_y * half, width / 2 - x * half, height / 2 - y * half)

    @property
    def is_perspective(self) -> bool:
        return self.half_extent is None

    @property
    def focal(self) -> float:
        """NDC units for one view unit: at depth 1 (perspective), or everywhere (orthographic).

        The geometric mean of those along x and y: a square view unit covers this squared.
        """
        if self.half_extent is None:
            return 1.0 / math.tan(math.radians(self.fov) / 2)
        return 1.0 / self.half_extent

    @property
    def focals(self) -> tuple[float, float]:
        """``focal`` along x and along y."""
        root = math.sqrt(self.pixel_aspect)
        return self.focal / root, self.focal * root

    @property
    def center(self) -> NDArray[np.float64]:  # (3,)
        """The camera's position in the world."""
        return -self.T @ self.R.T

    def to_view(self, points: NDArray[np.floating]) -> NDArray[np.floating]:  # (P, 3) -> (P, 3)
        """World to view space, in the type of ``points``.

        Computed in float64, so that coordinates far from the origin (UTM: 5.6e6 m) lose nothing before the
        camera's position is subtracted. Pass such points as float64; the result is small and may be cast to
        float32.
        """
        moved = points.astype(np.float64) - self.center
        with np.errstate(invalid="ignore"):  # points that are not finite: some BLAS libraries raise the flag
            return (moved @ self.R).astype(points.dtype, copy=False)

    def to_ndc(
        self, view: NDArray[np.floating], window: ArrayLike = ((1.0, 0.0), (1.0, 0.0))
    ) -> NDArray[np.floating]:  # (P, 3) -> (P, 3)
        """View space to NDC x and y beside the view depth z, in the type of ``view``.

        Depths next to zero are moved away from it, to 1e-6 of x or y, in the result too: ``x * z`` is linear
        in the view coordinates for every point, whatever its depth; without a principal point and a window it
        is the view coordinate times the focal length.

        Args:
            view: (P, 3) points in view space.
            window: ((scale, offset) of x, (scale, offset) of y): a part of the picture, see ``Window``.
        """
        (scale_x, offset_x), (scale_y, offset_y) = np.asarray(window, dtype=np.float64).tolist()
        if any(self.principal_point):  # adding zero would lose the sign of the offset -0.0
            offset_x += scale_x * self.principal_point[0]
            offset_y += scale_y * self.principal_point[1]
        focal_x, focal_y = self.focals
        focal_x, focal_y = focal_x * scale_x, focal_y * scale_y
        ndc = np.empty_like(view)
        depth = view[:, 2]
        if not self.is_perspective:
            np.multiply(view[:, 0], focal_x, out=ndc[:, 0])
            np.multiply(view[:, 1], focal_y, out=ndc[:, 1])
        else:
            smallest = np.maximum(np.abs(view[:, 0]), np.abs(view[:, 1])) * view.dtype.type(_SMALLEST_DEPTH)
            smallest += np.finfo(view.dtype).tiny
            depth = np.where(np.abs(depth) < smallest, np.copysign(smallest, depth), depth)
            with np.errstate(invalid="ignore", over="ignore"):
                np.divide(view[:, 0] * focal_x, depth, out=ndc[:, 0])
                np.divide(view[:, 1] * focal_y, depth, out=ndc[:, 1])
        ndc[:, 0] += offset_x
        ndc[:, 1] += offset_y
        ndc[:, 2] = depth
        return ndc

    def project(self, points: NDArray[np.floating]) -> NDArray[np.floating]:  # (P, 3) -> (P, 3)
        """World to NDC x, y and view depth z."""
        return self.to_ndc(self.to_view(points))


def look_at(
    distance: float,
    elevation: float,
    azimuth: float,
    at: ArrayLike = (0.0, 0.0, 0.0),
    up: str = "y",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The pose of a camera that looks at a point from a distance and two angles.

    With y up, elevation is the angle above the x-z plane, and azimuth turns from +z (0) towards +x (90). With
    z up, elevation is the angle above the x-y plane, and azimuth turns from -y (0) towards +x (90). The
    picture's vertical is the up axis; exactly above or below the point, where that has no meaning, it is as
    in PyTorch3D the limit from past the pole (elevation 90 + epsilon).

    Args:
        distance: From the point to the camera, world units.
        elevation: Degrees.
        azimuth: Degrees.
        at: (3,) the point looked at, world.
        up: "y" or "z".

    Returns:
        R (3, 3) and T (3,), for ``X_view = X_world @ R + T``.

    Raises:
        ValueError: ``up`` is another axis.

    Example:
        >>> R, T = look_at(3.0, 0.0, 0.0)
        >>> (-T @ R.T).tolist()
        [0.0, 0.0, 3.0]
    """
    if up not in UP_AXES:
        raise ValueError(f"look_at: up must be one of {', '.join(UP_AXES)}, got {up!r}")
    e, a = math.radians(elevation), math.radians(azimuth)
    backward = np.array([math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)])
    # up x forward, normalised without dividing by its length, which vanishes at the poles.
    side = 1.0 if math.cos(e) > 1e-7 else -1.0
    x_axis = side * np.array([-math.cos(a), 0.0, math.sin(a)])
    y_axis = np.cross(-backward, x_axis)
    R = UP_AXES[up].T @ np.stack([x_axis, y_axis, -backward], axis=1)
    center = np.asarray(at, dtype=np.float64) + distance * UP_AXES[up].T @ backward
    return R, -center @ R


def roll_by(
    R: NDArray[np.float64],  # (3, 3)
    T: NDArray[np.float64],  # (3,)
    roll: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A pose turned about its view axis.

    Args:
        R, T: For ``X_view = X_world @ R + T``.
        roll: Degrees clockwise, as one who stands behind the camera sees it turn: its top leans to the right,
            and what it sees leans to the left of the picture.

    Example:
        >>> R, T = roll_by(*look_at(2.0, 0.0, 0.0), roll=90.0)
        >>> Camera(R, T, fov=90.0).project(np.array([[0.0, 1.0, 0.0]])).round(6).tolist()
        [[0.5, 0.0, 2.0]]
    """
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return R @ turn, T @ turn


@dataclass(frozen=True)
class Window:
    """Rows [first, last) of an image, as an image of their own.

    Its NDC differ from the whole picture's by a scale and an offset on each axis, since the shorter side of
    the part spans [-1, 1] as that of the whole did.
    """

    image_size: tuple[int, int]  # height, width of the whole picture, pixels
    first: int
    last: int

    def affine(self) -> list[tuple[float, float]]:
        """((scale, offset) of x, (scale, offset) of y) from the whole picture's NDC to the part's."""
        height, width = self.image_size
        rows = self.last - self.first
        scale = min(height, width) / min(rows, width)
        # Pixels from the whole's centre up to the part's centre, in halves of the part's shorter side.
        up = (height - self.first - self.last) / min(rows, width)
        return [(scale, 0.0), (scale, -up)]
