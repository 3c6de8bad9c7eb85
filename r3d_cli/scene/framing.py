"""Where to put the camera when nobody says: far enough for the whole mesh, from a three-quarter view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r3d_cli.constants import AZIMUTH, ELEVATION, FOV
from r3d_cli.scene.bounds import bounds
from r3d_cli.scene.camera import UP_AXES, Camera, look_at, roll_by
from r3d_cli.scene.model import RawMesh

#: What may decide how much of the mesh's surroundings is seen.
FITS = ("sphere", "bounds")

#: How much wider than the bounding sphere the picture is; or the free border, in halves of the shorter side.
MARGIN = 0.05

#: Vertices that decide where the sphere's centre goes.
_CANDIDATES = 2048

#: Nearest clipping plane, as a share of the camera's distance: a camera inside a mesh sees its inside.
_NEAR = 1e-3

#: The nearest vertex is not nearer than this share of the mesh's radius, however little of the picture it
#: takes: a line that is seen end on would otherwise have the camera on it.
_NEAREST = 0.01

#: Coordinates beyond this are infinite where faces are drawn.
_LARGEST = float(np.finfo(np.float32).max)


def bounding_sphere(
    verts: NDArray[np.floating],  # (V, 3)
    faces: NDArray[np.int64],  # (F, 3)
) -> tuple[NDArray[np.float64], float]:
    """A sphere around the vertices that are in a face and finite, close to the smallest one.

    The centre walks towards the farthest vertex by ever smaller steps (Badoiu and Clarkson 2003, "Smaller
    core-sets for balls").

    Returns:
        The centre (3,) and the radius, world units.

    Raises:
        ValueError: No face has a finite vertex.
    """
    return _sphere_around(_drawn_points(verts, faces))


def _drawn_points(verts: NDArray[np.floating], faces: NDArray[np.int64]) -> NDArray[np.float64]:  # (P, 3)
    """The vertices that are in a face and finite in float32; ValueError where there are none."""
    used = np.zeros(len(verts), dtype=bool)
    used[faces.ravel()] = True
    used &= (np.abs(verts) <= _LARGEST).all(axis=1)
    points = verts[used].astype(np.float64)
    if not len(points):
        raise ValueError("the mesh has no face with finite vertices")
    return points


def _sphere_around(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:  # (P, 3), P >= 1
    low, high = bounds(points)
    center = (low + high) / 2
    distances = np.linalg.norm(points - center, axis=1)
    outer = points[distances > 0.7 * distances.max()]
    outer = outer[:: -(-len(outer) // _CANDIDATES)] if len(outer) else points[:1]
    best, least = center, math.inf  # of the centres on the way, the one nearest to its farthest vertex
    for step in range(8, 65):
        offsets = outer - center
        squares = np.einsum("ij,ij->i", offsets, offsets)
        farthest = int(np.argmax(squares))
        if squares[farthest] < least:
            best, least = center, squares[farthest]
        center = center + offsets[farthest] / step
    # Those were steps among some of the vertices; the sphere holds them all.
    return best, float(np.linalg.norm(points - best, axis=1).max())


@dataclass(frozen=True)
class Subject:
    """What `frame` needs to know of a mesh, measured once for many views of it.

    Attributes:
        points: (P, 3) finite vertices that are in a face, world.
        center: (3,) of the bounding sphere, world.
        radius: Of the bounding sphere, world units.
        up: The format's up axis, "y" or "z", or None.

    Example:
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
        >>> subject = Subject.of(mesh)
        >>> cameras = [frame(subject, azimuth=azimuth) for azimuth in (0.0, 90.0)]
    """

    points: NDArray[np.float64]  # (P, 3)
    center: NDArray[np.float64]  # (3,)
    radius: float
    up: str | None

    @classmethod
    def of(cls, mesh: RawMesh) -> Subject:
        """Measure a mesh; ValueError where no face has a finite vertex."""
        points = _drawn_points(mesh.verts, mesh.faces)
        return cls(points, *_sphere_around(points), mesh.up)


def resolve_up(mesh: RawMesh | Subject, up: str = "auto") -> str:
    """The up axis: the one asked for, or what the mesh's format declares, or y."""
    if up == "auto":
        up = mesh.up or "y"
    if up not in UP_AXES:
        raise ValueError(f"up must be auto or one of {', '.join(UP_AXES)}, got {up!r}")
    return up


def frame(
    mesh: RawMesh | Subject,
    *,
    azimuth: float = AZIMUTH,
    elevation: float = ELEVATION,
    distance: float | None = None,
    fov: float = FOV,
    orthographic: bool = False,
    up: str = "auto",
    roll: float = 0.0,
    target: ArrayLike | None = None,
    fit: str = "sphere",
    size: tuple[int, int] = (1, 1),
    margin: float = MARGIN,
) -> Camera:
    """A camera that looks at a mesh, from as far away as it takes to see all of it.

    With ``fit="sphere"`` the mesh's bounding sphere fits into the picture, whichever way it is turned: the
    views of an orbit show it in one size. With ``fit="bounds"`` the vertices do, as tightly as the margin
    lets them: the distance, or the extent of an orthographic camera, is the smallest one.

    Args:
        mesh: What to look at.
        azimuth, elevation: Degrees, as in ``look_at``.
        distance: From the target, world units; None: as far as needed. A perspective camera at a given
            distance has nothing to fit.
        fov: Degrees across the shorter image side.
        orthographic: Parallel projection: an extent is fitted, not the distance.
        up: "y", "z", or "auto": what the mesh's format declares, else y.
        roll: Degrees clockwise that the camera is turned about its view axis, as seen from behind it: what it
            sees leans to the left.
        target: (3,) the world's point in the middle of the picture, all of the mesh still being seen. None:
            the centre of the bounding sphere; or with "bounds" whatever puts the mesh's picture in the middle
            (``distance`` is then along the view axis).
        fit: "sphere" or "bounds".
        size: Height and width of the picture, whose shape "bounds" fits to; pixels.
        margin: How much wider than the sphere the picture is; or with "bounds" the border that stays free, in
            halves of the picture's shorter side.

    Raises:
        ValueError: The mesh has no face with finite vertices, or an argument is out of range.

    Example:
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
        >>> bool((np.abs(frame(mesh).project(mesh.verts))[:, :2] < 1).all())
        True
        >>> tight = frame(mesh, fit="bounds", margin=0.1, size=(200, 300)).project(mesh.verts)
        >>> round(float(np.abs(tight[:, 1]).max()), 6)  # the height is what is scarce
        0.9
    """
    _check_arguments(azimuth, elevation, distance, fov, roll, fit, size, margin)
    subject = mesh if isinstance(mesh, Subject) else Subject.of(mesh)
    anchor, radius = subject.center, subject.radius
    if target is not None:
        anchor = np.asarray(target, dtype=np.float64)
        if anchor.shape != (3,) or not (np.abs(anchor) <= _LARGEST).all():
            raise ValueError(f"target must be three finite numbers of up to {_LARGEST:.3g}, got {target}")
        radius = float(np.linalg.norm(subject.points - anchor, axis=1).max())
    radius = max(radius, 1e-12 * float(np.abs(anchor).max()), 1e-30)
    extent = radius * (1 + margin)
    # At a pole look_at takes the limit from past it; seen from above the picture should not turn over at 90
    # degrees.
    if abs(abs(elevation) - 90.0) < 1e-3:
        elevation = math.copysign(90.0 - 1e-3, elevation)
    up = resolve_up(subject, up)
    fitting = extent / math.sin(math.radians(fov) / 2)
    if fit == "bounds" and (orthographic or distance is None):
        R, _ = roll_by(*look_at(1.0, elevation, azimuth, up=up), roll)
        view = (subject.points - anchor) @ R
        limits = np.array([size[1], size[0]]) / min(size) - margin
        if orthographic:
            shift, extent = _fit_extent(view, limits, radius, centred=target is None)
        else:
            slopes = limits * math.tan(math.radians(fov) / 2)
            shift, fitting = _fit_distance(view, slopes, _NEAREST * radius, centred=target is None)
        anchor = anchor + R[:, :2] @ shift
    if distance is None:
        distance = 2 * radius * (1 + margin) if orthographic else fitting
    R, T = look_at(distance, elevation, azimuth, anchor, up)
    if roll:
        R, T = roll_by(R, T, roll)
    near = distance * _NEAR
    return Camera(R, T, fov, extent if orthographic else None, near)


def _check_arguments(
    azimuth: float,
    elevation: float,
    distance: float | None,
    fov: float,
    roll: float,
    fit: str,
    size: tuple[int, int],
    margin: float,
) -> None:
    if not 0.0 < fov < 180.0:
        raise ValueError(f"fov must lie between 0 and 180 degrees, got {fov}")
    if distance is not None and not 0.0 < distance < math.inf:
        raise ValueError(f"distance must be a positive number, got {distance}")
    if not (math.isfinite(azimuth) and math.isfinite(elevation)):
        raise ValueError(f"azimuth and elevation must be finite numbers, got {azimuth} and {elevation}")
    if not math.isfinite(roll):
        raise ValueError(f"roll must be a finite number, got {roll}")
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}")
    if not min(size) >= 1:
        raise ValueError(f"size must be a height and a width of at least 1 pixel, got {size}")
    if not 0.0 <= margin < 1.0:
        raise ValueError(f"margin must lie in 0..1, without 1, got {margin}")


def _fit_extent(
    view: NDArray[np.float64],  # (P, 3)
    limits: NDArray[np.float64],  # (2,) largest |x| and |y|, NDC
    radius: float,
    *,
    centred: bool,
) -> tuple[NDArray[np.float64], float]:
    """Where an orthographic camera goes, along its x and y (2,), and its half extent."""
    low, high = bounds(view[:, :2])
    shift = (low + high) / 2 if centred else np.zeros(2)
    reach = np.maximum(high - shift, shift - low)
    return shift, max(float((reach / limits).max()), 1e-6 * radius)


def _fit_distance(
    view: NDArray[np.float64],  # (P, 3)
    slopes: NDArray[np.float64],  # (2,) largest |x| and |y| at depth 1
    nearest: float,
    *,
    centred: bool,
) -> tuple[NDArray[np.float64], float]:
    """Where a perspective camera goes, along its x and y (2,), and how far back from the origin of ``view``.

    A vertex lies in the picture where |x - shift| <= slope (z + distance): linear in what is looked for. Of
    all vertices the farthest to the left and to the right of slanting lines decide.
    """
    z = view[:, 2]
    distance = max(nearest, nearest - float(z.min()))
    for across, slope in zip(view.T[:2], slopes.tolist(), strict=True):
        left, right = float((across - slope * z).max()), float((-across - slope * z).max())
        distance = max(distance, ((left + right) / 2 if centred else max(left, right)) / slope)
    if not centred:
        return np.zeros(2), distance
    return np.array([_middle(across, z + distance) for across in view.T[:2]]), distance


def _middle(across: NDArray[np.float64], depth: NDArray[np.float64]) -> float:  # (P,), (P,) > 0
    """The shift that makes the greatest |across - shift| / depth the smallest: it is taken on both sides.

    With a slope given, shifts from max(across - slope depth) to min(across + slope depth) do. Newton's method
    finds the slope at which those two meet: their difference is convex and piecewise linear in it, so that
    the steps go up to it and end there.
    """
    slope = 0.0
    while True:
        i, j = int((across - slope * depth).argmax()), int((across + slope * depth).argmin())
        better = float((across[i] - across[j]) / (depth[i] + depth[j]))
        if not better > slope * (1 + 1e-15):
            return float(across[i] + across[j] - slope * (depth[i] - depth[j])) / 2
        slope = better
