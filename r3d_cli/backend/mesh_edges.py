"""The edges of packed meshes, on raw arrays: the launcher below the library's ``mesh_edges``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

from typing import Any

from r3d_cli.backend.launch import Device, blocks_for
from r3d_cli.backend.run import Run
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
        >>> import numpy as np
        >>> edges, faces_to_edges = mesh_edges(np.array([[0, 1, 2], [2, 1, 3]]), 4)
        >>> edges.tolist(), faces_to_edges.tolist()
        ([[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]], [[2, 1, 0], [3, 4, 2]])
    """
    check_faces("mesh_edges", faces, num_verts)
    run = Run("mesh_edges", faces, device, "float32")
    return (_on_cpu if run.on_cpu else _on_device)(run, faces, num_verts, want_faces_to_edges)


def _on_cpu(run: Run, faces: Any, num_verts: int, want: bool) -> tuple[Any, Any]:
    chunks = blocks_for(num_verts, VERTS_PER_CHUNK)
    chunk_first = run.empty(chunks + 1, dtype="int64")
    faces_to_edges = run.empty(len(faces), 3, dtype="int64") if want else None
    given = {"faces": faces, "num_verts": num_verts, "first": run.empty(num_verts + 1, dtype="int32")}
    given |= {"sides": run.empty(3 * len(faces), dtype="uint64"), "chunk_first": chunk_first}
    given["faces_to_edges"] = faces_to_edges
    bad_face = run.schedule("mesh_edges_count", **given)
    check_bad_face("mesh_edges", bad_face, faces, num_verts, run.arrays)
    edges = run.empty(int(chunk_first[-1]), 2, dtype="int64")
    run.schedule("mesh_edges_write", **given, edges=edges)
    return edges, faces_to_edges


def _on_device(run: Run, faces: Any, num_verts: int, want: bool) -> tuple[Any, Any]:
    num_faces, num_sides, device = len(faces), 3 * len(faces), run.device
    mesh = faces, num_faces, num_verts
    cursors = run.full(0, num_verts + 1, dtype="int64")  # counts, then where the next side goes
    # Edges before each side, their number and the bad face last, so that one copy brings both.
    before = run.full(0, num_sides + 2, dtype="int64")
    run.launch("mesh_edges_count", num_faces, *mesh, cursors, before[num_sides + 1 :])
    exclusive_scan(cursors, device=device)
    lows, highs = run.empty(num_sides, dtype="int32"), run.empty(num_sides, dtype="int32")
    run.launch("mesh_edges_fill", num_faces, *mesh, cursors, lows, highs)
    first = sort_runs(cursors[:num_verts], highs, device=device)
    run.launch("mesh_edges_heads", num_sides, first, num_verts, lows, highs, before)
    exclusive_scan(before[: num_sides + 1], device=device)
    num_edges, marked = run.arrays.numpy(before[num_sides:]).tolist()
    check_bad_face("mesh_edges", marked_face(marked, num_faces), faces, num_verts, run.arrays)
    edges = run.empty(num_edges, 2, dtype="int64")
    run.launch("mesh_edges_write", num_sides, lows, highs, before, num_sides, edges)
    if not want:
        return edges, None
    faces_to_edges = run.empty(num_faces, 3, dtype="int64")
    run.launch("mesh_edges_find", num_sides, faces, num_faces, first, highs, before, faces_to_edges)
    return edges, faces_to_edges
