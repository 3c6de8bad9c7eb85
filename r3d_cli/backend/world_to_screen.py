"""Vertices of the world in NDC, and the gradients of vertices and cameras, on raw arrays: the launcher below
the library's ``world_to_screen``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here. All take
``device``: where to run; by default where the arrays are.

Cameras whose vertices do not follow each other from 0 to V in ``first`` are an IndexError on the CPU. On a
GPU, which would have to be waited for, each row goes to some camera, and nothing out of bounds is read.
"""

from __future__ import annotations

from typing import Any

from r3d_cli.backend.launch import Device
from r3d_cli.backend.run import Run

#: What a lens may be, and how many numbers it may have; numbered as the header's ``LensKind``.
LENSES: dict[str, tuple[int, ...]] = {
    "perspective": (4, 6),
    "orthographic": (4, 6),
    "fov_degrees": (2,),
    "fov_radians": (2,),
    "box": (6,),
    "matrix": (16,),
}

_CHUNK = 64  # rows that one thread sums
_SUMS = 24  # the header's kCameraSums


def world_to_screen_fwd(
    verts: Any,  # (V, 3) float32 or float64
    first: Any | None,  # (C + 1,) int64
    rotations: Any,  # (C, 3, 3)
    translations: Any,  # (C, 3)
    lens: Any,  # (C, L)
    kind: int,
    *,
    device: Device | None = None,
) -> tuple[Any, Any, Any]:  # (S, 3), (C, 12), (1,) int32
    """NDC x and y and the view depth of vertices; the projections' rows of x, y and w; and how many rows are
    not finite.

    Args:
        verts: In the world.
        first: Where the vertices of each camera begin, and V. None: each camera sees all; then S is C V.
        rotations: Of cameras, for row vectors.
        translations: Of cameras.
        lens: Numbers of cameras.
        kind: What they are: a position in ``LENSES``.
        device: Where to run.

    Example:
        >>> import numpy as np
        >>> pose, lens = (np.eye(3)[None], np.zeros((1, 3))), np.array([[2.0, 2.0, 0.0, 0.0]])
        >>> world_to_screen_fwd(np.array([[1.0, 3.0, 4.0]]), None, *pose, lens, 0)[0].tolist()
        [[0.5, 1.5, 4.0]]
    """
    run = Run("world_to_screen", verts, device)
    cameras = len(translations)
    rows = len(verts) * (cameras if first is None else 1)
    screen, matrices = run.empty(rows, 3), run.empty(cameras, 12)
    not_finite = run.empty(1, dtype="int32") if run.on_cpu else run.full(0, 1, dtype="int32")
    given = {"verts": verts, "first": first, "rotations": rotations, "translations": translations}
    given |= {"lens": lens, "kind": kind, "matrices": matrices, "screen": screen, "not_finite": not_finite}
    given |= {"chunk_rows": _CHUNK}
    if run.on_cpu:
        bad = run.schedule("world_to_screen_fwd", **given)
        if first is not None and bad >= 0:
            raise IndexError(
                f"world_to_screen: first must rise from 0 to the number of vertices, {len(verts)}; "
                f"first[{bad}] is {first[bad]}"
            )
    else:
        run.launch("world_to_screen_matrices", cameras, given)
        run.launch("world_to_screen_fwd", rows, given)
    return screen, matrices, not_finite


def world_to_screen_verts_bwd(
    verts: Any,  # (V, 3)
    first: Any | None,  # (C + 1,) int64
    rotations: Any,  # (C, 3, 3)
    translations: Any,  # (C, 3)
    matrices: Any,  # (C, 12) the forward's
    grad: Any,  # (S, 3)
    *,
    device: Device | None = None,
) -> Any:  # (V, 3)
    """The gradient of the vertices."""
    run = Run("world_to_screen", verts, device)
    grad_verts = run.empty(len(verts), 3)
    given = {"verts": verts, "first": first, "rotations": rotations, "translations": translations}
    given |= {"matrices": matrices, "grad": grad, "grad_verts": grad_verts}
    given |= {"kind": 0, "num_columns": 0, "chunk_rows": _CHUNK}
    if run.on_cpu:
        run.schedule("world_to_screen_verts_bwd", **given)
    else:
        run.launch("world_to_screen_bwd_verts", len(verts), given)
    return grad_verts


def world_to_screen_cameras_bwd(
    verts: Any,  # (V, 3)
    first: Any | None,  # (C + 1,) int64
    rotations: Any,  # (C, 3, 3)
    translations: Any,  # (C, 3)
    lens: Any,  # (C, L)
    kind: int,
    matrices: Any,  # (C, 12) the forward's
    grad: Any,  # (S, 3)
    *,
    device: Device | None = None,
) -> tuple[Any, Any, Any]:  # (C, 3, 3), (C, 3), (C, L)
    """The gradients of rotations, translations and lenses; heights and widths have none."""
    run = Run("world_to_screen", verts, device)
    cameras = len(translations)
    chunks = -(-len(grad) // _CHUNK)
    grads = run.empty(cameras, 3, 3), run.empty(cameras, 3), run.empty(*lens.shape)
    given = {"verts": verts, "first": first, "rotations": rotations, "translations": translations}
    given |= {"lens": lens, "kind": kind, "matrices": matrices, "grad": grad, "chunk_rows": _CHUNK}
    given |= {"partial_sums": run.empty(chunks + cameras, _SUMS), "camera_sums": run.empty(cameras, _SUMS)}
    given |= dict(zip(("grad_rotations", "grad_translations", "grad_lens"), grads, strict=True))
    if run.on_cpu:
        run.schedule("world_to_screen_cameras_bwd", **given)
    else:
        run.launch("world_to_screen_bwd_chunks", chunks, given)
        run.launch("world_to_screen_bwd_sums", cameras * _SUMS, given)
        run.launch("world_to_screen_bwd_lens", cameras, given)
    return grads
