"""`rasterize_meshes` of a batch of meshes that are in NDC already."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from r3d_cli.ops.rasterize_meshes import Fragments
from r3d_cli.ops.rasterize_meshes import rasterize_meshes as rasterize_packed


def rasterize_meshes(
    meshes: Any,
    image_size: int | tuple[int, int] = 256,
    blur_radius: float = 0.0,
    faces_per_pixel: int = 8,
    bin_size: int | None = None,
    max_faces_per_bin: int | None = None,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_clip_value: float | None = None,
    cull_to_frustum: bool = False,
    *,
    strict: bool = False,
    after_zbuf: Tensor | None = None,
    after_face: Tensor | None = None,
    is_perspective: bool | None = None,
) -> Fragments:
    """Find the nearest faces of each mesh at each pixel centre of its own picture.

    Args:
        meshes: `Meshes` of N meshes; vertices are NDC x (left) and y (up), and the view depth z.
        image_size: Pixels a side, or (H, W); the shorter side spans [-1, 1].
        blur_radius: A face also counts where its *squared* NDC distance is below this.
        faces_per_pixel: K, the slots of a pixel; ties in depth go by face id.
        bin_size: Accepted and ignored, as ``max_faces_per_bin``: there are no bins that could overflow.
        max_faces_per_bin: Accepted and ignored.
        perspective_correct: Interpolate in view space rather than on the screen.
        clip_barycentric_coords: Clamp barycentric coordinates to the face, where the blur reaches outside it.
        cull_backfaces: Leave out faces that are seen from behind.
        z_clip_value: Cut faces at this view depth, exactly; None: only as ``is_perspective`` says.
        cull_to_frustum: Accepted and ignored: what is outside the picture costs nothing and never shows.
        strict: Raise an error where vertices are not finite, rather than to skip their faces with a warning.
        after_zbuf: (N, H, W) depth peeling: at each pixel only faces count that come after this depth, or at
            it after the face of ``after_face``; infinity: none. The last slots of one call give the next
            call the K layers behind them. See `DepthPeelingRenderer`.
        after_face: (N, H, W) int64; both or neither.
        is_perspective: Whether x and y were divided by the depth, so that what lies behind the camera is on
            the wrong side. Faces that reach there are then always cut in front of it, and what planes cut is
            interpolated in view space. None: as ``perspective_correct``.

    Returns:
        `Fragments`: pix_to_face (N, H, W, K) with ids of packed faces, zbuf (N, H, W, K), bary_coords
        (N, H, W, K, 3) and dists (N, H, W, K), nearest face first; -1 in empty slots.

    Raises:
        ValueError: An argument out of range; with ``strict``, vertices that are not finite.

    Example:
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [0, 1, 1]])
        >>> meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
        >>> rasterize_meshes(meshes, image_size=2, faces_per_pixel=1).pix_to_face[0, ..., 0].tolist()
        [[-1, -1], [0, 0]]
    """
    height, width = read_image_size("rasterize_meshes", image_size)
    check_faces_per_pixel("rasterize_meshes", faces_per_pixel)
    warn_of_bad_faces(meshes, strict)
    return rasterize_packed(
        meshes.verts_packed(),
        meshes.faces_packed(),
        meshes.mesh_first_face(),
        (height, width),
        blur_radius=blur_radius,
        faces_per_pixel=faces_per_pixel,
        perspective_correct=perspective_correct,
        clip_barycentric_coords=clip_barycentric_coords,
        cull_backfaces=cull_backfaces,
        z_near=z_clip_value,
        after_zbuf=after_zbuf,
        after_face=after_face,
        is_perspective=is_perspective,
    )


def read_image_size(where: str, image_size: Any) -> tuple[int, int]:
    """(H, W) of a number or a pair.

    Raises:
        ValueError: Neither.
    """
    pair = (image_size, image_size) if isinstance(image_size, Integral) else image_size
    if (
        not isinstance(pair, tuple | list)
        or len(pair) != 2
        or not all(isinstance(side, Integral) for side in pair)
    ):
        raise ValueError(f"{where}: image_size must be pixels or (height, width), got {image_size!r}")
    if min(pair) < 1:
        raise ValueError(f"{where}: image_size must be at least 1 pixel a side, got {image_size!r}")
    return int(pair[0]), int(pair[1])


def check_faces_per_pixel(where: str, faces_per_pixel: Any) -> None:
    """Raise a ValueError unless K is a whole number of at least 1."""
    if not isinstance(faces_per_pixel, Integral):
        raise ValueError(f"{where}: faces_per_pixel must be a whole number, got {faces_per_pixel!r}")
    if faces_per_pixel < 1:
        raise ValueError(f"{where}: faces_per_pixel must be at least 1, got {faces_per_pixel}")


def warn_of_bad_faces(meshes: Any, strict: bool) -> None:
    """Count the faces whose vertices are not finite, which are not drawn: an error if strict, else a warning.
    On a GPU, where the answer would have to be waited for, only if strict; in a trace, which knows no values,
    never."""
    if torch.compiler.is_compiling():
        return
    verts = meshes.verts_packed()
    if not strict and verts.device.type != "cpu":
        return
    count = _known_not_finite(meshes, verts)
    if count is not None and not int(count):
        return
    verts = verts.detach()
    if torch.isfinite(verts.sum()) or torch.isfinite(verts).all():
        return
    bad = ~torch.isfinite(verts).all(1)[meshes.faces_packed()].all(1)
    message = (
        f"rasterize_meshes: {int(bad.sum())} of {len(bad)} faces have vertices that are not finite; "
        "meshes.validate() names one"
    )
    if strict:
        raise ValueError(message)
    warnings.warn(f"{message}; they are not drawn", stacklevel=3)


def note_not_finite(meshes: Any, count: Tensor) -> None:  # (1,)
    """Keep with meshes how many of their vertices are not finite, which an op has counted in passing."""
    if not torch.compiler.is_compiling():
        verts = meshes.verts_packed()
        meshes._not_finite = verts, _version(verts), count


def _known_not_finite(meshes: Any, verts: Tensor) -> Tensor | None:  # (1,)
    """What was noted, if it was of these very vertices, and nobody has written to them since."""
    of, version, count = getattr(meshes, "_not_finite", (None, 0, None))
    return count if of is verts and version == _version(verts) else None


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version
