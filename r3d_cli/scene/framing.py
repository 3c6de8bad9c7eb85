"""Where to put the camera when nobody says: far enough for the bounding sphere, from a three-quarter view."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from r3d_cli.constants import AZIMUTH, ELEVATION, FOV
from r3d_cli.scene.bounds import bounds
from r3d_cli.scene.camera import UP_AXES, Camera, look_at
from r3d_cli.scene.model import RawMesh

#: The bounding sphere grown by this just fits into the picture.
_MARGIN = 1.05

#: Vertices that decide where the sphere's centre goes.
_CANDIDATES = 2048

#: Nearest clipping plane, as a share of the camera's distance: a camera inside a mesh sees its inside.
_NEAR = 1e-3


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
    used = np.zeros(len(verts), dtype=bool)
    used[faces.ravel()] = True
    used &= np.isfinite(verts).all(axis=1)
    points = verts[used].astype(np.float64)
    if not len(points):
        raise ValueError("the mesh has no face with finite vertices")
    low, high = bounds(points)
    center = (low + high) / 2
    distances = np.linalg.norm(points - center, axis=1)
    outer = points[distances > 0.7 * distances.max()]
    outer = outer[:: -(-len(outer) // _CANDIDATES)] if len(outer) else points[:1]
    candidates = [center]
    for step in range(8, 64):
        offsets = outer - center
        center = center + offsets[np.argmax(np.einsum("ij,ij->i", offsets, offsets))] / step
        candidates.append(center)
    # Those were steps among some of the vertices; the sphere holds them all.
    radii = [np.linalg.norm(outer - c, axis=1).max() for c in candidates]
    center = candidates[int(np.argmin(radii))]
    return center, float(np.linalg.norm(points - center, axis=1).max())


def resolve_up(mesh: RawMesh, up: str = "auto") -> str:
    """The up axis: the one asked for, or what the mesh's format declares, or y."""
    if up == "auto":
        up = mesh.up or "y"
    if up not in UP_AXES:
        raise ValueError(f"up must be auto or one of {', '.join(UP_AXES)}, got {up!r}")
    return up


def frame(
    mesh: RawMesh,
    *,
    azimuth: float = AZIMUTH,
    elevation: float = ELEVATION,
    distance: float | None = None,
    fov: float = FOV,
    orthographic: bool = False,
    up: str = "auto",
) -> Camera:
    """A camera that looks at the centre of the mesh's bounding sphere.

    Args:
        mesh: What to look at.
        azimuth, elevation: Degrees, as in ``look_at``.
        distance: From the sphere's centre, world units; None: as far as the whole sphere needs.
        fov: Degrees across the shorter image side.
        orthographic: Parallel projection of the same extent.
        up: "y", "z", or "auto": what the mesh's format declares, else y.

    Raises:
        ValueError: The mesh has no face with finite vertices, or an argument is out of range.

    Example:
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
        >>> bool((np.abs(frame(mesh).project(mesh.verts))[:, :2] < 1).all())
        True
    """
    if not 0.0 < fov < 180.0:
        raise ValueError(f"fov must lie between 0 and 180 degrees, got {fov}")
    if distance is not None and not 0.0 < distance < math.inf:
        raise ValueError(f"distance must be a positive number, got {distance}")
    if not (math.isfinite(azimuth) and math.isfinite(elevation)):
        raise ValueError(f"azimuth and elevation must be finite numbers, got {azimuth} and {elevation}")
    center, radius = bounding_sphere(mesh.verts, mesh.faces)
    radius = max(radius, 1e-12 * float(np.abs(center).max()), 1e-30) * _MARGIN
    fitting = radius / math.sin(math.radians(fov) / 2)
    if distance is None:
        distance = 2 * radius if orthographic else fitting
    # At a pole look_at takes the limit from past it; seen from above the picture should not turn over at 90
    # degrees.
    if abs(abs(elevation) - 90.0) < 1e-3:
        elevation = math.copysign(90.0 - 1e-3, elevation)
    R, T = look_at(distance, elevation, azimuth, center, resolve_up(mesh, up))
    near = distance * _NEAR
    return Camera(R, T, fov, radius if orthographic else None, near)
