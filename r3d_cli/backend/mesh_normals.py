"""Areas and normals of triangles, and normals of vertices, on raw arrays: the launcher below the library's
``face_areas_normals`` and ``vertex_normals``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here. ``first``
and ``corners`` are a vertex's corners as ``vertex_corners`` lists them. All take ``device``: where to run; by
default where the arrays are.

Errors name the function of the library. A face that names no vertex is an IndexError on the CPU; on a GPU,
which would have to be waited for, what it touches becomes NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from r3d_cli.backend.arrays import Arrays, arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import Device, blocks_for, device_of
from r3d_cli.checks import dtype_name


def face_areas_normals_fwd(
    verts: Any,  # (V, 3) float32 or float64
    faces: Any,  # (F, 3) int64
    *,
    device: Device | None = None,
) -> tuple[Any, Any]:  # (F,), (F, 3)
    """The area and the unit normal of each face; both zero where it has no area.

    Example:
        >>> verts = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]], np.float32)
        >>> face_areas_normals_fwd(verts, np.array([[0, 1, 2]]))[0].tolist()
        [2.0]
    """
    run = _Run("face_areas_normals", verts, faces, device)
    areas, normals = run.empty(len(faces)), run.empty(len(faces), 3)
    if run.on_host:
        run.check(native().mesh_normals_faces_fwd(verts, faces, areas, normals))
    else:
        run.launch("faces_fwd", len(faces), verts, faces, *run.sizes, areas, normals)
    return areas, normals


def face_areas_normals_bwd(
    verts: Any,  # (V, 3)
    faces: Any,  # (F, 3) int64
    first: Any,  # (V + 1,) int32
    corners: Any,  # (3 F,) int32
    areas: Any,  # (F,) the forward's
    normals: Any,  # (F, 3) the forward's
    grad_areas: Any | None,  # (F,)
    grad_normals: Any | None,  # (F, 3)
    *,
    device: Device | None = None,
) -> Any:  # (V, 3)
    """The gradient of the vertices; a gradient that is None is zero."""
    run = _Run("face_areas_normals", verts, faces, device)
    grad_corners, grad_verts = run.empty(3 * len(faces), 3), run.empty(len(verts), 3)
    given = (areas, normals, grad_areas, grad_normals, grad_corners)
    if run.on_host:
        run.check(native().mesh_normals_faces_bwd(verts, faces, first, corners, *given, grad_verts))
    else:
        run.launch("faces_bwd", len(faces), verts, faces, *run.sizes, *given)
        run.launch("corners_bwd", len(verts), first, corners, *run.sizes, grad_corners, grad_verts)
    return grad_verts


def vertex_normals_fwd(
    verts: Any,  # (V, 3) float32 or float64
    faces: Any,  # (F, 3) int64
    first: Any,  # (V + 1,) int32
    corners: Any,  # (3 F,) int32
    *,
    device: Device | None = None,
) -> tuple[Any, Any]:  # (V, 3), (V,)
    """The unit normal of each vertex, and the length of the sum that it is the direction of.

    Example:
        >>> verts = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]], np.float32)
        >>> lists = np.arange(4, dtype=np.int32), np.arange(3, dtype=np.int32)
        >>> vertex_normals_fwd(verts, np.array([[0, 1, 2]]), *lists)[0][0].tolist()
        [0.0, 0.0, 1.0]
    """
    run = _Run("vertex_normals", verts, faces, device)
    crosses, normals, lengths = run.empty(len(faces), 3), run.empty(len(verts), 3), run.empty(len(verts))
    if run.on_host:
        run.check(native().mesh_normals_verts_fwd(verts, faces, first, corners, crosses, normals, lengths))
    else:
        run.launch("crosses_fwd", len(faces), verts, faces, *run.sizes, crosses)
        run.launch("verts_fwd", len(verts), first, corners, *run.sizes, crosses, normals, lengths)
    return normals, lengths


def vertex_normals_bwd(
    verts: Any,  # (V, 3)
    faces: Any,  # (F, 3) int64
    first: Any,  # (V + 1,) int32
    corners: Any,  # (3 F,) int32
    normals: Any,  # (V, 3) the forward's
    lengths: Any,  # (V,) the forward's
    grad_normals: Any,  # (V, 3)
    *,
    device: Device | None = None,
) -> Any:  # (V, 3)
    """The gradient of the vertices."""
    run = _Run("vertex_normals", verts, faces, device)
    grad_sums, grad_verts = run.empty(len(verts), 3), run.empty(len(verts), 3)
    grad_corners = run.empty(3 * len(faces), 3)
    given = (normals, lengths, grad_normals, grad_sums)
    if run.on_host:
        run.check(
            native().mesh_normals_verts_bwd(verts, faces, first, corners, *given, grad_corners, grad_verts)
        )
    else:
        run.launch("sums_bwd", len(verts), len(verts), *given)
        run.launch("verts_bwd", len(faces), verts, faces, *run.sizes, grad_sums, grad_corners)
        run.launch("corners_bwd", len(verts), first, corners, *run.sizes, grad_corners, grad_verts)
    return grad_verts


class _Run:
    """What the four launches share."""

    def __init__(self, where: str, verts: Any, faces: Any, device: Device | None) -> None:
        self._where, self._faces = where, faces
        self._arrays: Arrays = arrays_like(verts)
        self._real = dtype_name(verts)
        self.sizes = len(verts), len(faces)
        self.on_host = device is None and isinstance(verts, np.ndarray)
        self._device = device

    def empty(self, *shape: int) -> Any:
        return self._arrays.empty(shape, self._real)

    def launch(self, name: str, threads: int, *arguments: Any) -> None:
        device = self._device or device_of(self._arrays)
        device.kernels("mesh_normals", self._real).launch(
            f"mesh_normals_{name}", blocks_for(threads), *arguments, stream=self._arrays.stream
        )

    def check(self, bad_face: int) -> None:
        """Raise what the CPU schedule found."""
        num_verts, num_faces = self.sizes
        if bad_face == num_faces:
            raise IndexError(f"{self._where}: corners are not those of these faces")
        if bad_face >= 0:
            raise IndexError(
                f"{self._where}: face {bad_face} names a vertex outside [0, {num_verts}): "
                f"{self._faces[bad_face].tolist()}"
            )
