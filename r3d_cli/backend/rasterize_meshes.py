"""Rasterize packed triangle meshes on raw arrays: the launcher below the library's ``rasterize_meshes``.

NumPy arrays run on the CPU schedule; arrays of a GPU device run the CUDA kernels. No PyTorch here.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from r3d_cli.constants import MAX_IMAGE_SIDE, MAX_PACKED, WORKSPACE_BUDGET


class Fragments(NamedTuple):
    """What a rasterizer found at each pixel, nearest face first; empty slots are -1 in every field."""

    pix_to_face: Any  # (N, H, W, K) int64, ids into the packed faces
    zbuf: Any  # (N, H, W, K) view-space depth, or None
    bary_coords: Any  # (N, H, W, K, 3), or None
    dists: Any  # (N, H, W, K) squared NDC distance to the face's boundary, negative inside, or None


def rasterize_meshes(
    verts: Any,  # (V, 3) float32 or float64
    faces: Any,  # (F, 3) int64
    mesh_first_face: Any,  # (N + 1,) int64
    image_size: tuple[int, int],
    *,
    blur_radius: float = 0.0,
    faces_per_pixel: int = 1,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_near: float | None = None,
    z_far: float | None = None,
    workspace_budget: int = WORKSPACE_BUDGET,
    want_zbuf: bool = True,
    want_bary_coords: bool = True,
    want_dists: bool = True,
) -> Fragments:
    from r3d_cli import _native

    check_arguments(verts, faces, mesh_first_face, image_size, faces_per_pixel, blur_radius)
    height, width = image_size
    shape = (len(mesh_first_face) - 1, height, width, faces_per_pixel)
    fragments = Fragments(
        np.empty(shape, np.int64),
        np.empty(shape, verts.dtype),
        np.empty((*shape, 3), verts.dtype) if want_bary_coords else None,
        np.empty(shape, verts.dtype) if want_dists else None,
    )
    bad_face = _native.rasterize_meshes_fwd(
        verts, faces, mesh_first_face, height, width, faces_per_pixel, blur_radius, perspective_correct,
        clip_barycentric_coords, cull_backfaces, -math.inf if z_near is None else z_near,
        math.inf if z_far is None else z_far, workspace_budget, *fragments,
    )  # fmt: skip
    if bad_face >= 0:
        raise IndexError(
            f"rasterize_meshes: face {bad_face} names a vertex outside [0, {len(verts)}): "
            f"{np.asarray(faces[bad_face]).tolist()}"
        )
    return fragments


def check_arguments(
    verts: Any, faces: Any, mesh_first_face: Any, image_size: tuple[int, int], faces_per_pixel: int, blur: float
) -> None:
    """Raise a ValueError that names the argument which does not fit."""
    for name, array, kinds, width in (
        ("verts", verts, ("float32", "float64"), 3),
        ("faces", faces, ("int64",), 3),
        ("mesh_first_face", mesh_first_face, ("int64",), None),
    ):
        dtype = str(array.dtype).removeprefix("torch.")
        if dtype not in kinds:
            raise ValueError(f"rasterize_meshes: {name} must be {' or '.join(kinds)}, got {dtype}")
        letters = "(N + 1,)" if width is None else f"({name[0].upper()}, 3)"
        if array.ndim != (1 if width is None else 2) or (width and array.shape[1] != width):
            raise ValueError(f"rasterize_meshes: {name} must have shape {letters}, got {tuple(array.shape)}")
        if array.shape[0] > MAX_PACKED:
            raise ValueError(f"rasterize_meshes: {name} has {array.shape[0]} rows, at most {MAX_PACKED} are taken")
    height, width_ = image_size
    if not (0 < height <= MAX_IMAGE_SIDE and 0 < width_ <= MAX_IMAGE_SIDE):
        raise ValueError(f"rasterize_meshes: image_size must lie in 1..{MAX_IMAGE_SIDE} pixels, got {image_size}")
    if faces_per_pixel < 1:
        raise ValueError(f"rasterize_meshes: faces_per_pixel must be at least 1, got {faces_per_pixel}")
    if not (blur >= 0 and math.isfinite(blur)):
        raise ValueError(f"rasterize_meshes: blur_radius must be a finite number >= 0, got {blur}")
