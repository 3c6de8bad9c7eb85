"""Soft silhouettes of packed triangle meshes on raw arrays: the launcher below the library's op.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from r3d_cli.backend.arrays import NumpyArrays, arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import Device, blocks_for, device_of
from r3d_cli.backend.rasterize_meshes import (
    FACES_A_BLOCK,
    RasterRun,
    RasterSettings,
    check_raster_arguments,
    raise_bad_face,
)
from r3d_cli.backend.tile_lists import Band
from r3d_cli.checks import check_dtype, check_shape, dtype_name
from r3d_cli.constants import WORKSPACE_BUDGET

FACES_AT_ONCE = 2**18  # of the backward that repeats: its workspace is nine numbers for each of them
MOST_ROWS, FACES_TO_SHARE = 32, 2**16


class SoftSilhouette(NamedTuple):
    """The forward's results; the limits are what the backward needs of a forward with ``faces_per_pixel``."""

    uncovered: Any  # (N, H, W) probability that no face covers the pixel
    limit_depth: Any  # (N, H, W) depth of the last face that counts, inf: all do; none without a limit
    limit_face: Any  # (N, H, W) int32, its id


def soft_silhouette_fwd(
    verts: Any,  # (V, 3) float32 or float64
    faces: Any,  # (F, 3) int64
    mesh_first_face: Any,  # (N + 1,) int64
    image_size: tuple[int, int],
    sigma: float,
    faces_per_pixel: int | None = None,
    *,
    settings: RasterSettings,
    in_order: bool = False,
    workspace_budget: int = WORKSPACE_BUDGET,
    device: Device | None = None,
) -> SoftSilhouette:
    """The probability that no face covers a pixel: the product of sigmoid(dist / sigma).

    Args:
        verts: as of ``rasterize_meshes``, like ``faces``, ``mesh_first_face`` and the settings.
        image_size: (H, W), pixels.
        sigma: width of a face's soft edge, squared NDC distance.
        faces_per_pixel: only the K nearest faces count; None: all within the blur radius.
        settings: how to rasterize.
        in_order: on a GPU, take products in one order, so that they repeat bit by bit. Those of the CPU
            always do.
        workspace_budget: bytes of tile lists that are held at once.
        device: where to run; by default where the arrays are.

    A GPU is waited for once: for how long the tile lists are, and whether a face points past the vertices.

    Raises:
        ValueError: an argument of the wrong dtype, shape or range.
        IndexError: a face points past the vertices.
    """
    check_raster_arguments(
        "soft_silhouette", verts, faces, mesh_first_face, image_size, faces_per_pixel, settings
    )
    settings = settings.resolved()
    if not (sigma > 0 and math.isfinite(sigma)):
        raise ValueError(f"soft_silhouette: sigma must be a finite number > 0, got {sigma}")
    arrays = arrays_like(verts)
    real = dtype_name(verts)
    shape = (len(mesh_first_face) - 1, *image_size)
    limits = shape if faces_per_pixel is not None else (0, *image_size)
    result = SoftSilhouette(
        arrays.empty(shape, real), arrays.empty(limits, real), arrays.empty(limits, "int32")
    )
    if device is None and isinstance(arrays, NumpyArrays):
        bad_face = native().soft_silhouette_fwd(
            verts,
            faces,
            mesh_first_face,
            image_size,
            faces_per_pixel or 0,
            settings,
            sigma,
            workspace_budget,
            *result,
        )
        raise_bad_face("soft_silhouette", bad_face, verts, faces)
        return result
    device = device or device_of(arrays)
    kernels = device.kernels("soft_silhouette", real)
    run = RasterRun(
        verts, faces, mesh_first_face, (*shape, faces_per_pixel or 0), settings, arrays, device, real
    )
    name, rest = "soft_silhouette_fwd_nearest", [faces_per_pixel, *result]
    if faces_per_pixel is None:
        name, rest = "soft_silhouette_fwd", [result.uncovered]

    def visit(band: Band) -> None:
        kernels.launch(
            name,
            (band.last_tile - band.first_tile, band.blocks),
            verts,
            faces,
            band.offsets,
            band.lists,
            band.first_tile,
            *image_size,
            sigma,
            *settings,
            *rest,
            stream=arrays.stream,
        )

    raise_bad_face("soft_silhouette", run.tiles(visit, workspace_budget, in_order), verts, faces)
    return result


def soft_silhouette_bwd(
    verts: Any,  # (V, 3) float32 or float64
    faces: Any,  # (F, 3) int64
    mesh_first_face: Any,  # (N + 1,) int64
    result: SoftSilhouette,
    grad_uncovered: Any,  # (N, H, W)
    sigma: float,
    faces_per_pixel: int | None = None,
    *,
    settings: RasterSettings,
    corners: tuple[Any, Any] | None = None,
    device: Device | None = None,
) -> Any:  # (V, 3)
    """The gradient of ``uncovered`` with respect to the vertices.

    Args:
        verts: as in the forward, like all that is not named here.
        result: what the forward returned.
        grad_uncovered: gradient of its ``uncovered``.
        corners: what ``vertex_corners`` makes of the faces: on a GPU, sums are then taken in one order and
            repeat bit by bit. Those of the CPU always do.

    Returns:
        The gradient, in ``verts``'s dtype; finite wherever the given one is.
    """
    arrays = arrays_like(verts)
    real = dtype_name(verts)
    sizes = dict(zip("NHW", result.uncovered.shape, strict=True))
    check_shape("soft_silhouette_bwd", "grad_uncovered", grad_uncovered, "N H W", **sizes)
    check_dtype("soft_silhouette_bwd", "grad_uncovered", grad_uncovered, real)
    image_size = sizes["H"], sizes["W"]
    check_raster_arguments(
        "soft_silhouette_bwd", verts, faces, mesh_first_face, image_size, faces_per_pixel, settings
    )
    settings = settings.resolved()
    if device is None and isinstance(arrays, NumpyArrays):
        grad_verts = arrays.empty((len(verts), 3), real)
        native().soft_silhouette_bwd(
            verts,
            faces,
            mesh_first_face,
            image_size,
            faces_per_pixel or 0,
            settings,
            sigma,
            *result,
            grad_uncovered,
            grad_verts,
        )
        return grad_verts
    kernels = (device or device_of(arrays)).kernels("soft_silhouette", real)
    num_faces, num_verts = len(faces), len(verts)
    limits = (None, None) if faces_per_pixel is None else result[1:]
    pixels = *image_size, sigma, *settings, grad_uncovered, result.uncovered, *limits
    grad_verts = arrays.full((num_verts, 3), 0, real)
    grad_faces, out, rows = None, grad_verts, rows_that_share(num_faces)
    if corners is not None:
        grad_faces, out, rows = arrays.empty((min(num_faces, FACES_AT_ONCE), 3, 3), real), None, 1
    for begin in range(0, num_faces, FACES_AT_ONCE):
        end = min(begin + FACES_AT_ONCE, num_faces)
        kernels.launch(
            "soft_silhouette_bwd",
            (blocks_for(end - begin, FACES_A_BLOCK), rows),
            verts,
            faces,
            mesh_first_face,
            begin,
            end,
            sizes["N"],
            *pixels,
            grad_faces,
            out,
            stream=arrays.stream,
        )
        if corners is not None:
            kernels.launch(
                "soft_silhouette_bwd_verts",
                blocks_for(num_verts),
                grad_faces,
                *corners,
                begin,
                end,
                num_verts,
                grad_verts,
                stream=arrays.stream,
            )
    return grad_verts


def rows_that_share(num_faces: int) -> int:
    """Rows of a backward's grid, whose blocks share the large faces.

    With few faces the GPU would wait for those last; with many, each such block is one more that looks at
    all of them.
    """
    return max(1, min(MOST_ROWS, FACES_TO_SHARE // max(num_faces, 1)))
