"""The edges of packed meshes, on raw arrays: the launcher below the library's ``mesh_edges``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from r3d_cli.backend.arrays import Arrays, arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import Device, blocks_for, device_of
from r3d_cli.backend.scan import exclusive_scan
from r3d_cli.backend.sort_runs import sort_runs
from r3d_cli.backend.vertex_corners import check_bad_face, check_faces, marked_face

VERTS_PER_CHUNK = 512  # kVertsPerChunk of cpu/mesh_edges.cpp


def mesh_edges(
    faces: Any,  # (F, 3) int64
    num_verts: int,  # V
    *,
    want_faces_to_edges: bool = True,
    device: Device | None = None,
) -> tuple[Any, Any]:
    """Unique undirected edges of faces, and which of them lie opposite to each face's corners.

    Args:
        faces: Vertex ids.
        num_verts: Vertices there are.
        want_faces_to_edges: Whether to return ``faces_to_edges``, or None.
        device: Where to run; by default where the array is. NumPy arrays run on the CPU schedule.

    Returns:
        ``edges`` (E, 2) int64, rows ascending and in lexicographical order, and ``faces_to_edges`` (F, 3)
        int64.

    Raises:
        ValueError: Faces of a wrong shape or dtype, or too many.
        IndexError: A face points past the vertices.

    Example:
        >>> edges, faces_to_edges = mesh_edges(np.array([[0, 1, 2], [2, 1, 3]]), 4)
        >>> edges.tolist(), faces_to_edges.tolist()
        ([[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]], [[2, 1, 0], [3, 4, 2]])
    """
    check_faces("mesh_edges", faces, num_verts)
    arrays = arrays_like(faces)
    if device is None and isinstance(faces, np.ndarray):
        return _on_cpu(faces, num_verts, want_faces_to_edges, arrays)
    return _on_device(faces, num_verts, want_faces_to_edges, arrays, device or device_of(arrays))


def _on_cpu(faces: np.ndarray, num_verts: int, want: bool, arrays: Arrays) -> tuple[Any, Any]:
    num_sides = 3 * len(faces)
    faces_to_edges = arrays.empty((len(faces), 3), "int64") if want else None
    first, sides = arrays.empty((num_verts + 1,), "int32"), arrays.empty((num_sides,), "uint64")
    chunk_first = arrays.empty((blocks_for(num_verts, VERTS_PER_CHUNK) + 1,), "int64")
    work = faces, num_verts, first, sides, chunk_first, faces_to_edges
    bad_face = native().mesh_edges_count(*work)
    check_bad_face("mesh_edges", bad_face, faces, num_verts, arrays)
    edges = arrays.empty((int(chunk_first[-1]), 2), "int64")
    native().mesh_edges_write(*work, edges)
    return edges, faces_to_edges


def _on_device(faces: Any, num_verts: int, want: bool, arrays: Arrays, device: Device) -> tuple[Any, Any]:
    num_faces, num_sides = len(faces), 3 * len(faces)
    kernels, scan_kernels = device.kernels("mesh_edges", "float32"), device.kernels("scan", "float32")

    def launch(name: str, items: int, *arguments: Any) -> None:
        kernels.launch(f"mesh_edges_{name}", blocks_for(items), *arguments, stream=arrays.stream)

    cursors = arrays.full((num_verts + 1,), 0, "int64")  # counts, then where the next side goes
    # Edges before each side, their number and the bad face last, so that one copy brings both.
    before = arrays.full((num_sides + 2,), 0, "int64")
    mark = before[num_sides + 1 :]
    launch("count", num_faces, faces, num_faces, num_verts, cursors, mark)
    exclusive_scan(cursors, num_verts + 1, scan_kernels, arrays)
    lows, highs = arrays.empty((num_sides,), "int32"), arrays.empty((num_sides,), "int32")
    launch("fill", num_faces, faces, num_faces, num_verts, cursors, lows, highs)
    first = sort_runs(cursors, highs, num_verts, device.kernels("sort_runs", "float32"), arrays)
    launch("heads", num_sides, first, num_verts, lows, highs, before)
    exclusive_scan(before, num_sides + 1, scan_kernels, arrays)
    num_edges, marked = arrays.numpy(before[num_sides:]).tolist()
    check_bad_face("mesh_edges", marked_face(marked, num_faces), faces, num_verts, arrays)
    edges = arrays.empty((num_edges, 2), "int64")
    launch("write", num_sides, lows, highs, before, num_sides, edges)
    if not want:
        return edges, None
    faces_to_edges = arrays.empty((num_faces, 3), "int64")
    launch("find", num_sides, faces, num_faces, first, highs, before, faces_to_edges)
    return edges, faces_to_edges
