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

from r3d_cli.backend.launch import Device
from r3d_cli.backend.run import Run


def face_areas_normals_fwd(
    verts: Any,  # (V, 3) float32 or float64
    faces: Any,  # (F, 3) int64
    *,
    device: Device | None = None,
) -> tuple[Any, Any]:  # (F,), (F, 3)
    """The area and the unit normal of each face; both zero where it has no area.

    Example:
        >>> import numpy as np
        >>> verts = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]], np.float32)
        >>> face_areas_normals_fwd(verts, np.array([[0, 1, 2]]))[0].tolist()
        [2.0]
    """
    run = Run("mesh_normals", verts, device)
    areas, normals = run.empty(len(faces)), run.empty(len(faces), 3)
    bad = run.start(
        "mesh_normals_faces_fwd", len(faces), verts=verts, faces=faces, areas=areas, normals=normals
    )
    _check("face_areas_normals", bad, verts, faces)
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
    run = Run("mesh_normals", verts, device)
    sums = _corner_sums(run, verts, faces, first, corners)
    given = {"to": sums, "areas": areas, "normals": normals}
    given |= {"grad_areas": grad_areas, "grad_normals": grad_normals}
    if run.on_cpu:
        _check("face_areas_normals", run.schedule("mesh_normals_faces_bwd", **given), verts, faces)
    else:
        run.launch("mesh_normals_faces_bwd", len(faces), given)
        run.launch("mesh_normals_corners_bwd", len(verts), sums)
    return sums["grad_verts"]


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
        >>> import numpy as np
        >>> verts = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]], np.float32)
        >>> lists = np.arange(4, dtype=np.int32), np.arange(3, dtype=np.int32)
        >>> vertex_normals_fwd(verts, np.array([[0, 1, 2]]), *lists)[0][0].tolist()
        [0.0, 0.0, 1.0]
    """
    run = Run("mesh_normals", verts, device)
    crosses, normals, lengths = run.empty(len(faces), 3), run.empty(len(verts), 3), run.empty(len(verts))
    given = {"verts": verts, "faces": faces, "first": first, "corners": corners}
    given |= {"crosses": crosses, "normals": normals, "lengths": lengths}
    if run.on_cpu:
        _check("vertex_normals", run.schedule("mesh_normals_verts_fwd", **given), verts, faces)
    else:
        run.launch("mesh_normals_crosses_fwd", len(faces), given)
        run.launch("mesh_normals_verts_fwd", len(verts), given)
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
    run = Run("mesh_normals", verts, device)
    sums = _corner_sums(run, verts, faces, first, corners)
    given = {"to": sums, "normals": normals, "lengths": lengths, "grad_normals": grad_normals}
    given["grad_sums"] = run.empty(len(verts), 3)
    if run.on_cpu:
        _check("vertex_normals", run.schedule("mesh_normals_verts_bwd", **given), verts, faces)
    else:
        run.launch("mesh_normals_sums_bwd", len(verts), given)
        run.launch("mesh_normals_verts_bwd", len(faces), given)
        run.launch("mesh_normals_corners_bwd", len(verts), sums)
    return sums["grad_verts"]


def _corner_sums(run: Run, verts: Any, faces: Any, first: Any, corners: Any) -> dict[str, Any]:
    """The fields of the record CornerSums."""
    grad_corners, grad_verts = run.empty(3 * len(faces), 3), run.empty(len(verts), 3)
    mesh = {"verts": verts, "faces": faces, "first": first, "corners": corners}
    return {**mesh, "grad_corners": grad_corners, "grad_verts": grad_verts}


def _check(where: str, bad_face: int, verts: Any, faces: Any) -> None:
    """Raise what the CPU schedule found."""
    if bad_face == len(faces):
        raise IndexError(f"{where}: corners are not those of these faces")
    if bad_face >= 0:
        raise IndexError(
            f"{where}: face {bad_face} names a vertex outside [0, {len(verts)}): {faces[bad_face].tolist()}"
        )
