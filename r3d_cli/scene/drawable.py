"""A mesh made ready to be drawn, once, and what a camera sees of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes
from r3d_cli.backend.shade_meshes import SHADINGS, Surface, check_surface_ids
from r3d_cli.scene.camera import Camera, Window
from r3d_cli.scene.creases import compute_corner_normals
from r3d_cli.scene.face_colors import spread_face_colors
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.normals import compute_face_normals
from r3d_cli.scene.surface import pack_looks


class View:
    """A mesh in the space of one camera, on the device.

    Lengths are scaled so that most coordinates are near 1, far from float32's ends whatever the mesh's unit;
    the scale is a power of two and rounds nothing.

    Args:
        drawable: The mesh.
        camera: From where.
        cull: Leave out the faces that are seen from behind, whatever their material says.

    Attributes:
        verts: (V, 3) float32, on the host: the vertices in view space.
        camera: Scaled like ``verts``.
        scale: Lengths here for one world unit.
        faces: (F, 3) int64, those to rasterize: faces that are not to be seen have become points.
        first_faces: (2,) int64, for the rasterizer.
        eye: (4,) float32, where the camera is, as ``shade_meshes`` takes it.
    """

    def __init__(self, drawable: Drawable, camera: Camera, *, cull: bool = False) -> None:
        self.drawable = drawable
        with np.errstate(invalid="ignore"):  # of vertices that are not finite
            view = camera.to_view(drawable.verts)
        reach = np.abs(view).max(axis=1)
        reach = reach[np.isfinite(reach) & (reach > 0)]
        scale = 2.0 ** -round(math.log2(np.median(reach))) if len(reach) else 1.0
        half_extent = None if camera.half_extent is None else camera.half_extent * scale
        self.camera = replace(
            camera, T=camera.T * scale, half_extent=half_extent, z_near=camera.z_near * scale
        )
        self.scale = scale
        with np.errstate(over="ignore"):
            self.verts = np.ascontiguousarray(view * scale, dtype=np.float32)
        hidden = self._hidden_faces(cull)
        self.faces = (
            drawable.placed_faces
            if hidden is None
            else drawable.place(np.where(hidden[:, None], 0, drawable.faces))
        )
        self.first_faces = drawable.first_faces
        eye = np.array([0, 0, 0, 1] if camera.is_perspective else [0, 0, -1, 0], np.float32)
        self.eye = drawable.place(eye)

    def _hidden_faces(self, cull: bool) -> NDArray[np.bool_] | None:  # (F,)
        """The faces that are seen from behind and are not there from behind; None: none."""
        single_sided = self.drawable.single_sided
        if single_sided is None and not cull:
            return None
        faces = self.drawable.faces
        with np.errstate(invalid="ignore", over="ignore"):
            normals = compute_face_normals(self.verts, faces)
            if self.camera.is_perspective:
                away = np.einsum("ij,ij->i", normals, self.verts[faces[:, 0]]) > 0
            else:
                away = normals[:, 2] > 0
        return away if cull or single_sided is None else away & single_sided

    @cached_property
    def bare_surface(self) -> Surface:
        """For shading that looks at no normals; ids are checked once for all views."""
        surface = self.drawable.placed_looks._replace(verts=self.drawable.place(self.verts))
        return self.drawable.with_good_ids(surface)

    @cached_property
    def surface(self) -> Surface:
        """For shading."""
        normals = np.ascontiguousarray(self.drawable.normals[0] @ self.camera.R, dtype=np.float32)
        surface = self.bare_surface._replace(
            normals=self.drawable.place(normals), faces_normals=self.drawable.placed_faces_normals
        )
        return self.drawable.with_good_ids(surface)

    def project(self, window: Window) -> Any:  # (V, 3)
        """The vertices in the NDC of a part of a picture, for the rasterizer."""
        return self.drawable.place(self.camera.to_ndc(self.verts, window.affine()))

    def rasterize(
        self,
        size: tuple[int, int],
        rows: tuple[int, int],
        *,
        layers: int = 1,
        want_bary_coords: bool = True,
        want_dists: bool = False,
        blur_radius: float = 0.0,
    ) -> Fragments:
        """The nearest faces at the centres of the rows [first, last) of a picture of ``size`` samples.

        With a blur radius, in squared NDC of those rows, faces reach as far beyond their edges.
        """
        return rasterize_meshes(
            self.project(Window(size, *rows)),
            self.faces,
            self.first_faces,
            (rows[1] - rows[0], size[1]),
            blur_radius=blur_radius,
            faces_per_pixel=layers,
            perspective_correct=self.camera.is_perspective,
            clip_barycentric_coords=blur_radius > 0,
            z_near=self.camera.z_near,
            want_bary_coords=want_bary_coords,
            want_dists=want_dists,
        )


class Drawable:
    """A mesh that is prepared once for pictures from many cameras: normals, materials, mip levels.

    The mesh must not change afterwards.

    Args:
        mesh: What to draw. Missing normals are computed.
        shading: What ``draw`` does where it is not told: phong, gouraud, flat, unlit or normals.
        device: Where the mesh lies and is drawn: "cpu", "cuda" or "cuda:N".

    Raises:
        ValueError: The mesh has no faces, or an argument is none of those.
        CudaUnavailable: CUDA was asked for and does not work here.

    Example:
        >>> from r3d_cli.scene.draw import draw
        >>> from r3d_cli.scene.framing import frame
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
        >>> turned = Drawable(mesh)
        >>> [draw(turned, frame(mesh, azimuth=a), size=(8, 12)).image.shape for a in (0, 90)]
        [(8, 12, 3), (8, 12, 3)]
    """

    def __init__(self, mesh: RawMesh, *, shading: str = "phong", device: str = "cpu") -> None:
        if len(mesh.faces) == 0:
            raise ValueError("the mesh has no faces; point clouds cannot be drawn yet")
        if shading not in SHADINGS:
            raise ValueError(f"shading must be one of {', '.join(SHADINGS)}, got {shading!r}")
        mesh = spread_face_colors(mesh)
        self.mesh, self.shading, self.device = mesh, shading, device
        self.place, self.fetch = transfers(device)
        #: (V, 3) in the world.
        self.verts = mesh.verts.astype(np.float64)
        #: (F, 3)
        self.faces = np.ascontiguousarray(mesh.faces, dtype=np.int64)
        #: Whether a material may let light through, so that more faces than the nearest count.
        self.has_holes = any(material.alpha_mode != "opaque" for material in mesh.materials)
        self._checked: set[bool] = set()  # surfaces without and with normals
        self.placed_faces = self.place(self.faces)
        self.first_faces = self.place(np.array([0, len(self.faces)], np.int64))

    @cached_property
    def placed_looks(self) -> Surface:
        """All of the surface that no camera changes, on the device; vertices and normals are None."""
        return Surface(*map(self.place, pack_looks(self.mesh)))

    def with_good_ids(self, surface: Surface) -> Surface:
        """A surface of this mesh, once its ids were looked at: an IndexError names those that are wrong."""
        kind = surface.normals is not None
        if kind not in self._checked:
            check_surface_ids(surface)
            self._checked.add(kind)
        return surface

    @cached_property
    def normals(self) -> tuple[NDArray[np.floating], NDArray[np.int64]]:  # (VN, 3), (F, 3)
        """Normals in the world, and the id of that of each corner."""
        if self.mesh.normals is None:
            return compute_corner_normals(self.verts, self.faces)
        if self.mesh.faces_normals is None:
            return self.mesh.normals, self.faces
        return self.mesh.normals, np.ascontiguousarray(self.mesh.faces_normals, dtype=np.int64)

    @cached_property
    def placed_faces_normals(self) -> Any:  # (F, 3)
        return self.place(self.normals[1])

    @cached_property
    def single_sided(self) -> NDArray[np.bool_] | None:  # (F,)
        """The faces that are not there from behind; None: all are."""
        sides = np.array([material.double_sided for material in self.mesh.materials] + [True])
        if sides.all():
            return None
        ids = self.mesh.faces_material
        return ~sides[ids if ids is not None else np.zeros(len(self.faces), np.int32)]


def as_drawable(
    mesh: RawMesh | Drawable, *, shading: str | None = None, device: str | None = None
) -> Drawable:
    """What is one already, or the mesh as one; None: the Drawable's own choice."""
    if not isinstance(mesh, Drawable):
        return Drawable(mesh, shading=shading or "phong", device=device or "cpu")
    if device not in (None, mesh.device):
        raise ValueError(f"device must be that of the Drawable, {mesh.device!r}, got {device!r}")
    return mesh


def transfers(device: str) -> tuple[Callable[[Any], Any], Callable[[Any], NDArray[Any]]]:
    """To a device, and back to the host. What is None stays None."""
    if device == "cpu":
        return (lambda array: array), np.asarray
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index or "0").isdecimal():
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {device!r}")
    from r3d_cli.backend.cuda import require_cuda

    cupy = require_cuda()

    def place(array: Any) -> Any:
        with cupy.cuda.Device(int(index or 0)):
            return None if array is None else cupy.asarray(array)

    return place, cupy.asnumpy
