"""Rasterize packed meshes under autograd: ``torch.library`` ops over ``backend.rasterize_meshes``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from r3d_cli.backend import rasterize_meshes as backend
from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare
from r3d_cli.ops.raster_arguments import check_mesh, deterministic_corners


class Fragments(NamedTuple):
    """What a rasterizer found at each pixel, nearest face first; empty slots are -1 in every field.

    Example:
        >>> import torch
        >>> empty = -torch.ones(1, 2, 2, 1)
        >>> Fragments(empty.long(), empty, empty[..., None].expand(1, 2, 2, 1, 3), empty).zbuf.shape
        torch.Size([1, 2, 2, 1])
    """

    pix_to_face: Tensor  # (N, H, W, K) int64, ids of packed faces
    zbuf: Tensor  # (N, H, W, K) view-space depth
    bary_coords: Tensor  # (N, H, W, K, 3)
    dists: Tensor  # (N, H, W, K) squared NDC distance to the face's boundary, negative inside

    def detach(self) -> Fragments:
        """The same without gradients."""
        return Fragments(*(field.detach() for field in self))


@dataclass
class _Fields:
    pix_to_face: Tensor
    zbuf: Tensor
    bary_coords: Tensor
    dists: Tensor


# PyTorch3D's are a named tuple in one module and a dataclass in another: fields, replace and asdict of
# dataclasses take these too.
Fragments.__dataclass_fields__ = _Fields.__dataclass_fields__  # type: ignore[attr-defined]


def rasterize_meshes(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    mesh_first_face: Tensor,  # (N + 1,) int64
    image_size: tuple[int, int],
    *,
    blur_radius: float = 0.0,
    faces_per_pixel: int = 1,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_near: float | None = None,
    z_far: float | None = None,
    is_perspective: bool | None = None,
    after_zbuf: Tensor | None = None,  # (N, H, W)
    after_face: Tensor | None = None,  # (N, H, W) int64
) -> Fragments:
    """Find the nearest faces at each pixel centre, differentiably.

    The functional form on packed tensors, which ``torch.compile(fullgraph=True)`` keeps whole. Gradients
    reach ``verts`` through ``zbuf``, ``bary_coords`` and ``dists``, are finite for every face, and repeat bit
    by bit: always on the CPU, on a GPU under ``torch.use_deterministic_algorithms(True)``.

    Args:
        verts: (V, 3) vertices of all meshes, float32 or float64: NDC x (left) and y (up), and view depth z.
        faces: (F, 3) ids into ``verts``, of all meshes.
        mesh_first_face: (N + 1,) where each mesh's faces begin, and the number of all faces.
        image_size: (H, W), pixels; the shorter side spans [-1, 1].
        blur_radius: A face also counts where its *squared* NDC distance is below this.
        faces_per_pixel: K, the slots of a pixel; ties in depth go by face id.
        perspective_correct: Interpolate in view space rather than on the screen.
        clip_barycentric_coords: Clamp barycentric coordinates to the face, where the blur reaches outside it.
        cull_backfaces: Leave out faces that are seen from behind.
        z_near: Cut faces at this view depth, exactly; None: leave them whole.
        z_far: The same for what lies behind it.
        is_perspective: Whether x and y were divided by the depth. Faces that reach behind the camera are
            then always cut in front of it, and what planes cut is interpolated in view space. None: as
            ``perspective_correct``.
        after_zbuf: Depth peeling (Everitt 2001): at each pixel only faces count that come after this depth,
            or at it after the face of ``after_face``; infinity: none. Given the last slots of one call, the
            next returns the K layers behind them, bit by bit what a larger K would show. No gradient.
        after_face: The face that goes with that depth; both or neither. -1, with a depth of -1: every
            face comes after.

    Returns:
        `Fragments` in the dtype of ``verts``.

    Raises:
        ValueError: An argument of a wrong dtype, shape, device or range.
        IndexError: A face names no vertex.

    Example:
        >>> import torch
        >>> verts = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [0, 1, 1]], requires_grad=True)
        >>> mesh = verts, torch.tensor([[0, 1, 2]]), torch.tensor([0, 1])
        >>> rasterize_meshes(*mesh, (2, 2)).zbuf.clamp(min=0).sum().backward()
        >>> verts.grad[:, 2]
        tensor([0.7500, 0.7500, 0.5000])
    """
    verts, faces, first, after_zbuf, after_face = prepare(
        "rasterize_meshes",
        verts=verts,
        faces=faces,
        mesh_first_face=mesh_first_face,
        after_zbuf=None if after_zbuf is None else after_zbuf.detach(),
        after_face=after_face,
    )
    check_mesh("rasterize_meshes", verts, faces, first)
    settings = RasterSettings.of(
        blur_radius,
        perspective_correct,
        clip_barycentric_coords,
        cull_backfaces,
        z_near,
        z_far,
        is_perspective,
    )
    return Fragments(
        *_fwd(verts, faces, first, *image_size, faces_per_pixel, settings, after_zbuf, after_face)
    )


def _run_fwd(
    verts: Any,
    faces: Any,
    first: Any,
    height: int,
    width: int,
    faces_per_pixel: int,
    settings: RasterSettings,
    after_zbuf: Any,
    after_face: Any,
) -> tuple[Any, ...]:
    options = {**settings._asdict(), "after_zbuf": after_zbuf, "after_face": after_face}
    image_size = height, width
    return tuple(
        backend.rasterize_meshes(verts, faces, first, image_size, faces_per_pixel=faces_per_pixel, **options)
    )


def _grad_verts(
    verts: Tensor,
    faces: Tensor,
    mesh_first_face: Tensor,
    pix_to_face: Tensor,
    settings: RasterSettings,
    grad_zbuf: Tensor | None,
    grad_bary_coords: Tensor | None,
    grad_dists: Tensor | None,
) -> Tensor:
    grads = grad_zbuf, grad_bary_coords, grad_dists
    corners = deterministic_corners(verts, faces)
    return _bwd(verts, faces, mesh_first_face, pix_to_face, *grads, *corners, settings)


def _run_bwd(
    verts: Any,
    faces: Any,
    first: Any,
    pix_to_face: Any,
    grad_zbuf: Any,
    grad_bary_coords: Any,
    grad_dists: Any,
    first_corner: Any,
    corners: Any,
    settings: RasterSettings,
) -> Any:
    grads = grad_zbuf, grad_bary_coords, grad_dists
    by_vertex = None if corners is None else (first_corner, corners)
    mesh = verts, faces, first
    return backend.rasterize_meshes_bwd(*mesh, pix_to_face, *grads, corners=by_vertex, **settings._asdict())


_MESH = "verts: real (V, 3), faces: int64 (F, 3), mesh_first_face: int64 (N + 1,)"
_fwd: Op = declare(
    f"rasterize_meshes_fwd({_MESH}, height: int H, width: int W, faces_per_pixel: int K,"
    " settings: RasterSettings, after_zbuf: real? (N, H, W), after_face: int64? (N, H, W))"
    " -> pix_to_face: int64 (N, H, W, K), zbuf: real (N, H, W, K), bary_coords: real (N, H, W, K, 3),"
    " dists: real (N, H, W, K)",
    _run_fwd,
    {"verts": _grad_verts},
    records=(RasterSettings,),
)
_bwd: Op = declare(
    f"rasterize_meshes_bwd({_MESH}, pix_to_face: int64 (N, H, W, K), grad_zbuf: real? (N, H, W, K),"
    " grad_bary_coords: real? (N, H, W, K, 3), grad_dists: real? (N, H, W, K), first_corner: int32? (V + 1,),"
    " corners: int32? (3F,), settings: RasterSettings) -> out: real (V, 3)",
    _run_bwd,
    "rasterize_meshes: has no second derivatives",
    records=(RasterSettings,),
)
