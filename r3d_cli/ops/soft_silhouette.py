"""Soft silhouettes under autograd: ``torch.library`` ops over ``backend.soft_silhouette``."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from r3d_cli.backend import soft_silhouette as backend
from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.ops.bridge import differentiate, prepare, register
from r3d_cli.ops.raster_arguments import SETTINGS, deterministic_corners, must_repeat


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
        is_perspective: See `rasterize_meshes`.

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
    check_shape(where, "verts", verts, "V 3")
    check_dtype(where, "verts", verts, "float32", "float64")
    check_shape(where, "faces", faces, "F 3")
    check_shape(where, "mesh_first_face", first, "N+1")
    planes = -math.inf if z_near is None else z_near, math.inf if z_far is None else z_far
    height, width = image_size
    return 1 - _fwd(
        verts, faces, first, height, width, must_repeat(verts), faces_per_pixel, sigma, blur_radius,
        perspective_correct, clip_barycentric_coords, cull_backfaces, *planes,
        perspective_correct if is_perspective is None else is_perspective,
    )[0]  # fmt: skip


def _run_fwd(
    verts: Any, faces: Any, first: Any, height: int, width: int, in_order: bool, faces_per_pixel: int | None,
    sigma: float, *settings: Any,
) -> tuple[Any, ...]:  # fmt: skip
    result = backend.soft_silhouette_fwd(
        verts, faces, first, (height, width), sigma, faces_per_pixel, settings=RasterSettings(*settings),
        in_order=in_order,
    )  # fmt: skip
    return tuple(result)


def _fake_fwd(
    verts: Tensor, faces: Tensor, first: Tensor, height: int, width: int, in_order: bool,
    faces_per_pixel: int | None, *_: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    shape = first.shape[0] - 1, height, width
    limits = shape if faces_per_pixel is not None else (0, height, width)
    return verts.new_empty(shape), verts.new_empty(limits), verts.new_empty(limits, dtype=torch.int32)


def _run_bwd(
    verts: Any, faces: Any, first: Any, uncovered: Any, limit_depth: Any, limit_face: Any,
    grad_uncovered: Any, first_corner: Any, corners: Any, faces_per_pixel: int | None, sigma: float,
    *settings: Any,
) -> Any:  # fmt: skip
    return backend.soft_silhouette_bwd(
        verts, faces, first, backend.SoftSilhouette(uncovered, limit_depth, limit_face), grad_uncovered,
        sigma, faces_per_pixel, settings=RasterSettings(*settings),
        corners=None if corners is None else (first_corner, corners),
    )  # fmt: skip


def _fake_bwd(verts: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(verts, memory_format=torch.contiguous_format)


_fwd = register(
    "soft_silhouette_fwd(Tensor verts, Tensor faces, Tensor mesh_first_face, SymInt height, SymInt width, "
    f"bool in_order, SymInt? faces_per_pixel, float sigma, {SETTINGS}) -> (Tensor, Tensor, Tensor)",
    _run_fwd,
    _fake_fwd,
)
_bwd = register(
    "soft_silhouette_bwd(Tensor verts, Tensor faces, Tensor mesh_first_face, Tensor uncovered, "
    "Tensor limit_depth, Tensor limit_face, Tensor grad_uncovered, Tensor? first_corner, Tensor? corners, "
    f"SymInt? faces_per_pixel, float sigma, {SETTINGS}) -> Tensor",
    _run_bwd,
    _fake_bwd,
)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    verts, faces, first, _, _, _, *ctx.settings = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(verts, faces, first, *output)


def _backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
    grad_verts = None
    if grad is not None:
        verts, faces, first, *output = ctx.saved_tensors
        corners = deterministic_corners(verts, faces)
        grad_verts = _bwd(verts, faces, first, *output, grad, *corners, *ctx.settings)
    return grad_verts, *[None] * (5 + len(ctx.settings))


def _save_nothing(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    pass


def _second_backward(*_: Any) -> None:
    raise RuntimeError("soft_silhouette: has no second derivatives")


differentiate(_fwd, _save, _backward)
differentiate(_bwd, _save_nothing, _second_backward)
