"""Which corners of which faces meet at each vertex, on raw arrays: the launcher below the library's
``vertex_corners``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from r3d_cli.backend.arrays import Arrays
from r3d_cli.backend.launch import Device
from r3d_cli.backend.run import Run
from r3d_cli.backend.scan import exclusive_scan
from r3d_cli.backend.sort_runs import sort_runs
from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.constants import MAX_PACKED


def vertex_corners(
    faces: Any,  # (F, 3) int64
    num_verts: int,  # V
    *,
    device: Device | None = None,
) -> tuple[Any, Any]:
    """The corners 3 f + j of faces that name each vertex.

    Args:
        faces: Vertex ids.
        num_verts: Vertices there are.
        device: Where to run; by default where the array is. NumPy arrays run on the CPU schedule.

    Returns:
        ``first`` (V + 1,) int32, where each vertex's corners begin, and ``corners`` (3F,) int32, ascending at
        each vertex.

    Raises:
        ValueError: Faces of a wrong shape or dtype, or too many.
        IndexError: A face points past the vertices.

    Example:
        >>> first, corners = vertex_corners(np.array([[0, 1, 2], [2, 1, 3]]), 4)
        >>> first.tolist(), corners.tolist()
        ([0, 1, 3, 5, 6], [0, 1, 4, 2, 3, 5])
    """
    check_faces("vertex_corners", faces, num_verts)
    run = Run("vertex_corners", faces, device, "float32")
    corners = run.empty(3 * len(faces), dtype="int32")
    if run.on_cpu:
        first = run.empty(num_verts + 1, dtype="int32")
        given = {"faces": faces, "num_verts": num_verts, "first": first, "corners": corners}
        bad_face = run.schedule("vertex_corners", **given)
    else:
        cursors = run.full(0, num_verts + 1, dtype="int64")  # counts, then where the next corner goes
        mark = run.full(0, 1, dtype="int64")
        mesh = faces, len(faces), num_verts
        run.launch("vertex_corners_count", len(faces), *mesh, cursors, mark)
        exclusive_scan(cursors, device=run.device)
        run.launch("vertex_corners_fill", len(faces), *mesh, cursors, corners)
        first = sort_runs(cursors[:num_verts], corners, device=run.device)
        bad_face = marked_face(run.arrays.numpy(mark).item(), len(faces))
    check_bad_face("vertex_corners", bad_face, faces, num_verts, run.arrays)
    return first, corners


def check_faces(where: str, faces: Any, num_verts: int) -> None:
    """Raise a ValueError that names what does not fit of faces and a number of vertices."""
    check_shape(where, "faces", faces, "F 3")
    check_dtype(where, "faces", faces, "int64")
    if isinstance(faces, np.ndarray) and not faces.flags.c_contiguous:  # the launch door looks at others
        raise ValueError(f"{where}: faces must be C-contiguous; make a contiguous copy")
    if not 0 <= num_verts <= MAX_PACKED:
        raise ValueError(f"{where}: num_verts must lie in 0..{MAX_PACKED}, got {num_verts}")
    if 3 * faces.shape[0] > MAX_PACKED:
        raise ValueError(f"{where}: faces has {faces.shape[0]} rows, at most {MAX_PACKED // 3} are taken")


def marked_face(mark: int, num_faces: int) -> int:
    """The first bad face, or -1, of kernels that keep F - id: the largest is the first face, zero is none."""
    return num_faces - mark if mark else -1


def check_bad_face(where: str, bad_face: int, faces: Any, num_verts: int, arrays: Arrays) -> None:
    """Raise an IndexError that names the face, if there is one."""
    if bad_face >= 0:
        raise IndexError(
            f"{where}: face {bad_face} names a vertex outside [0, {num_verts}): "
            f"{arrays.numpy(faces[bad_face]).tolist()}"
        )
