"""Antialias hard edges of rendered meshes: ``torch.library`` ops over ``backend.antialias``."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from r3d_cli.backend import antialias as backend
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare
from r3d_cli.ops.opposite_corners import opposite_corners
from r3d_cli.ops.raster_arguments import must_repeat


def antialias(
    color: Tensor,  # (N, H, W, C)
    pix_to_face: Tensor,  # (N, H, W, K) int64
    zbuf: Tensor,  # (N, H, W, K)
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    opposites: Tensor | None = None,  # (F, 3) int32
    *,
    z_near: float | None = None,
) -> Tensor:  # (N, H, W, C)
    """Blend the pixels on both sides of each silhouette by where it passes between their centres.

    A hard picture gets smooth edges, and its vertices the gradient of what they cover, at one face a pixel
    (Laine et al. 2020, "Modular Primitives for High-Performance Differentiable Rendering", section 3.6).
    Where a silhouette crosses the way between two pixel centres at t, 0 at the first and 1 at the second, the
    first pixel takes 1/2 - t of the second one's colour, or, above 1/2, the second t - 1/2 of the first
    one's. An edge counts for pixels side by side where it is rather vertical, else for pixels one above the
    other: so the sum of a picture changes by the area that an edge moves over.

    Unlike there, a silhouette need not be an edge of a face that a pixel shows, which on fine meshes it
    rarely is: from one centre to the other the surface is followed across its faces, until it ends or turns
    back.
    Edges of faces that lie side by side in the picture are no silhouettes. And where several edges would take
    more than all of a pixel, they share it: colours stay in their range.

    Faces meet where they name the same vertices: merge vertices that lie at one place. Where surfaces pass
    through each other, and where the near plane cuts a face, pixels stay as they are.

    Args:
        color: (N, H, W, C) pictures of any channels, float32 or float64.
        pix_to_face: Of `rasterize_meshes` without blur; the first slot counts, here and below.
        zbuf: Of `rasterize_meshes`, in the dtype of ``color``. It gets no gradient.
        verts: (V, 3) what was rasterized: NDC x (left) and y (up), and view depth z. The gradient of z is 0.
        faces: (F, 3) ids into ``verts``, of all meshes.
        opposites: What `opposite_corners` makes of the faces; computed where it is None.
        z_near: The near plane that faces were cut at: those that reach nearer are not followed.

    Returns:
        (N, H, W, C). Gradients reach ``color`` and ``verts``, are finite, and repeat bit by bit: always on
        the CPU, on a GPU under ``torch.use_deterministic_algorithms(True)``.

    Raises:
        ValueError: An argument of a wrong dtype, shape or device.
        IndexError: ``pix_to_face`` names no face, or a face no vertex. On a GPU, which would have to be
            waited for, what they touch stays as it is.

    Example:
        >>> from r3d_cli.ops.rasterize_meshes import rasterize_meshes
        >>> verts = torch.tensor([[-2.0, -2, 1], [0.25, -2, 1], [0.25, 2, 1], [-2, 2, 1]], requires_grad=True)
        >>> faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
        >>> fragments = rasterize_meshes(verts, faces, torch.tensor([0, 2]), (2, 2))
        >>> hard = (fragments.pix_to_face >= 0).float()
        >>> image = antialias(hard, fragments.pix_to_face, fragments.zbuf, verts, faces)
        >>> image[0, ..., 0].tolist()  # a quarter of a pixel beyond the middle of the picture
        [[0.25, 1.0], [0.25, 1.0]]
        >>> image.mean().backward()
        >>> verts.grad[1:3, 0].sum()  # half of the picture's width for a unit of NDC
        tensor(0.5000)
    """
    if opposites is None:
        opposites = opposite_corners(faces, verts.shape[0])
    arguments = prepare(
        "antialias",
        color=color,
        pix_to_face=pix_to_face,
        zbuf=zbuf,
        verts=verts,
        faces=faces,
        opposites=opposites,
    )
    return _fwd(*arguments, -math.inf if z_near is None else z_near)[0]


def _run_fwd(*arguments: Any) -> tuple[Any, ...]:
    *arrays, z_near = arguments
    return tuple(backend.antialias_fwd(*arrays, z_near=z_near))


def _grad_verts(
    color: Tensor, verts: Tensor, faces: Tensor, crossings: Tensor, shares: Tensor, grad_image: Tensor
) -> Tensor:
    given = color, grad_image, crossings, shares, verts, faces
    if not must_repeat(verts):
        return _bwd_verts(*given)
    ends, grad_ends = _bwd_edges(*given)
    return torch.zeros_like(verts).index_add(0, ends.flatten(), grad_ends.reshape(-1, 3))


_fwd: Op = declare(
    "antialias_fwd(color: real (N, H, W, C), pix_to_face: int64 (N, H, W, K), zbuf: real (N, H, W, K),"
    " verts: real (V, 3), faces: int64 (F, 3), opposites: int32 (F, 3), z_near: float)"
    " -> image: real (N, H, W, C), crossings: int32 (N, 2, H, W), shares: real (N, 2, H, W)",
    _run_fwd,
    {"color": lambda shares, grad_image: _bwd_color(grad_image, shares), "verts": _grad_verts},
    constant=("crossings", "shares"),
)
_NO_SECOND = "antialias: has no second derivatives"
_bwd_color: Op = declare(
    "antialias_bwd_color(grad: real (N, H, W, C), shares: real (N, 2, H, W)) -> out: real (N, H, W, C)",
    backend.antialias_bwd_color,
    _NO_SECOND,
)
_OF_VERTS = (
    "(color: real (N, H, W, C), grad: real (N, H, W, C), crossings: int32 (N, 2, H, W),"
    " shares: real (N, 2, H, W), verts: real (V, 3), faces: int64 (F, 3))"
)
_bwd_verts: Op = declare(
    f"antialias_bwd_verts{_OF_VERTS} -> out: real (V, 3)", backend.antialias_bwd_verts, _NO_SECOND
)
_bwd_edges: Op = declare(
    f"antialias_bwd_edges{_OF_VERTS} -> ends: int64 (N, 2, H, W, 2), out: real (N, 2, H, W, 2, 3)",
    backend.antialias_bwd_edges,
    _NO_SECOND,
)
