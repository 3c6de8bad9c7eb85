"""Soft silhouettes under autograd: ``torch.library`` ops over ``backend.soft_silhouette``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.backend import soft_silhouette as backend
from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare
from r3d_cli.ops.raster_arguments import check_mesh, deterministic_corners, must_repeat


def soft_silhouette(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    mesh_first_face: Tensor,  # (N + 1,) int64
    image_size: tuple[int, int],
    *,
    sigma: float = 1e-4,
    blur_radius: float = 0.0,
    faces_per_pixel: int | None = None,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_near: float | None = None,
    z_far: float | None = None,
    is_perspective: bool | None = None,
) -> Tensor:  # (N, H, W)
    """The probability that any face covers a pixel, differentiably, without fragments.

    What `rasterize_meshes` and the blending of `SoftSilhouetteShader` give, in one kernel: its backward
    computes again what it needs, so memory beyond the picture depends neither on the number of faces nor on
    K. Liu et al. 2019, "Soft Rasterizer", equations 1 and 4. Gradients are finite for every face and repeat
    bit by bit: always on the CPU, on a GPU under ``torch.use_deterministic_algorithms(True)``.

    Args:
        verts: (V, 3) vertices of all meshes, float32 or float64: NDC x (left) and y (up), and view depth z.
        faces: (F, 3) ids into ``verts``, of all meshes.
        mesh_first_face: (N + 1,) where each mesh's faces begin, and the number of all faces.
        image_size: (H, W), pixels; the shorter side spans [-1, 1].
        sigma: Width of a face's soft edge, squared NDC distance: it covers a pixel with the probability
            sigmoid(-dist / sigma).
        blur_radius: A face also counts where its *squared* NDC distance is below this.
        faces_per_pixel: Only the K nearest faces of a pixel count, as in `rasterize_meshes`; None: all.
        perspective_correct: Interpolate depths in view space rather than on the screen.
        clip_barycentric_coords: Clamp barycentric coordinates to the face, where the blur reaches outside it.
        cull_backfaces: Leave out faces that are seen from behind.
        z_near: Cut faces at this view depth, exactly; None: leave them whole.
        z_far: The same for what lies behind it.
        is_perspective: Whether x and y were divided by the depth, as for `rasterize_meshes`.

    Returns:
        (N, H, W) in the dtype of ``verts``.

    Raises:
        ValueError: An argument of a wrong dtype, shape, device or range.
        IndexError: A face names no vertex.

    Example:
        >>> verts = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [0, 1, 1]], requires_grad=True)
        >>> mesh = verts, torch.tensor([[0, 1, 2]]), torch.tensor([0, 1])
        >>> alpha = soft_silhouette(*mesh, (2, 2), sigma=0.1, blur_radius=1.0)
        >>> alpha.detach().round(decimals=2)
        tensor([[[0.3800, 0.3800],
                 [0.6200, 0.6200]]])
        >>> alpha.sum().backward()
        >>> bool(verts.grad[2, 1] > 0)  # raising the tip covers more
        True
    """
    where = "soft_silhouette"
    verts, faces, first = prepare(where, verts=verts, faces=faces, mesh_first_face=mesh_first_face)
    check_mesh(where, verts, faces, first)
    settings = RasterSettings.of(
        blur_radius,
        perspective_correct,
        clip_barycentric_coords,
        cull_backfaces,
        z_near,
        z_far,
        is_perspective,
    )
    options = must_repeat(verts), faces_per_pixel, sigma, settings
    return 1 - _fwd(verts, faces, first, *image_size, *options)[0]


def _run_fwd(
    verts: Any,
    faces: Any,
    first: Any,
    height: int,
    width: int,
    in_order: bool,
    faces_per_pixel: int | None,
    sigma: float,
    settings: RasterSettings,
) -> tuple[Any, ...]:
    given = verts, faces, first, (height, width), sigma, faces_per_pixel
    return tuple(backend.soft_silhouette_fwd(*given, settings=settings, in_order=in_order))


def _fake_fwd(
    verts: Tensor,
    faces: Tensor,
    first: Tensor,
    height: int,
    width: int,
    in_order: bool,
    faces_per_pixel: int | None,
    *_: Any,
) -> tuple[Tensor, ...]:
    shape = first.shape[0] - 1, height, width
    limits = shape if faces_per_pixel is not None else (0, height, width)
    return verts.new_empty(shape), verts.new_empty(limits), verts.new_empty(limits, dtype=torch.int32)


def _grad_verts(
    verts: Tensor,
    faces: Tensor,
    mesh_first_face: Tensor,
    uncovered: Tensor,
    limit_depth: Tensor,
    limit_face: Tensor,
    grad_uncovered: Tensor,
    faces_per_pixel: int | None,
    sigma: float,
    settings: RasterSettings,
) -> Tensor:
    forward = verts, faces, mesh_first_face, uncovered, limit_depth, limit_face
    corners = deterministic_corners(verts, faces)
    return _bwd(*forward, grad_uncovered, *corners, faces_per_pixel, sigma, settings)


def _run_bwd(
    verts: Any,
    faces: Any,
    first: Any,
    uncovered: Any,
    limit_depth: Any,
    limit_face: Any,
    grad_uncovered: Any,
    first_corner: Any,
    corners: Any,
    faces_per_pixel: int | None,
    sigma: float,
    settings: RasterSettings,
) -> Any:
    forward = backend.SoftSilhouette(uncovered, limit_depth, limit_face)
    by_vertex = None if corners is None else (first_corner, corners)
    given = verts, faces, first, forward, grad_uncovered, sigma, faces_per_pixel
    return backend.soft_silhouette_bwd(*given, settings=settings, corners=by_vertex)


_MESH = "verts: real (V, 3), faces: int64 (F, 3), mesh_first_face: int64 (N + 1,)"
# L is N, or 0 where all faces count.
_RESULTS = "uncovered: real (N, H, W), limit_depth: real (L, H, W), limit_face: int32 (L, H, W)"
_OPTIONS = "faces_per_pixel: int?, sigma: float, settings: RasterSettings"
_fwd: Op = declare(
    f"soft_silhouette_fwd({_MESH}, height: int H, width: int W, in_order: bool, {_OPTIONS}) -> {_RESULTS}",
    _run_fwd,
    {"verts": _grad_verts},
    fake=_fake_fwd,
    records=(RasterSettings,),
    constant=("limit_depth",),
)
_bwd: Op = declare(
    f"soft_silhouette_bwd({_MESH}, {_RESULTS}, grad_uncovered: real (N, H, W), first_corner: int32? (V + 1,),"
    f" corners: int32? (3F,), {_OPTIONS}) -> out: real (V, 3)",
    _run_bwd,
    "soft_silhouette: has no second derivatives",
    records=(RasterSettings,),
)
