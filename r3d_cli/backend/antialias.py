"""Antialias hard edges of rendered meshes on raw arrays: the launcher below the library's ``antialias``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here. All take
``device``: where to run; by default where the arrays are.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from r3d_cli.backend.arrays import Arrays, arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import Device, blocks_for, device_of
from r3d_cli.checks import check_dtype, check_shape, dtype_name
from r3d_cli.constants import MAX_PACKED

_WHERE = "antialias"


class Antialiased(NamedTuple):
    """A picture, and what the backward needs of the way there.

    Pairs of pixels are (N, 2, H, W): a pixel with the one to its right, and with the one below.
    """

    image: Any  # (N, H, W, C)
    crossings: (
        Any  # (N, 2, H, W) int32, the corner opposite to the silhouette's edge between a pair; -1: none
    )
    shares: Any  # (N, 2, H, W) below 0, what the first pixel takes from the second, above, the reverse


def antialias_fwd(
    color: Any,  # (N, H, W, C) float32 or float64
    pix_to_face: Any,  # (N, H, W, K) int64
    zbuf: Any,  # (N, H, W, K)
    verts: Any,  # (V, 3)
    faces: Any,  # (F, 3) int64
    opposites: Any,  # (F, 3) int32
    *,
    z_near: float = -math.inf,
    device: Device | None = None,
) -> Antialiased:
    """Blend the pixels on both sides of each silhouette.

    Args:
        color: The picture.
        pix_to_face: Of `rasterize_meshes`; the first slot is looked at, here and below.
        zbuf: Of `rasterize_meshes`.
        verts: What was rasterized: NDC x and y (left, up) and view depth z.
        faces: Ids into ``verts``.
        opposites: The corner 3 f + j across each corner's edge, itself where there is none.
        z_near: Faces that reach nearer are left as they are.
        device: Where to run.

    Raises:
        ValueError: An argument of a wrong dtype, shape or memory layout.
        IndexError: On the CPU, a face that there is not, or that names no vertex. On a GPU, which would have
            to be waited for, it is left as it is.

    Example:
        >>> verts = np.array([[-1, -1, 1], [0.25, -1, 1], [0.25, 1, 1]], np.float32)
        >>> ids = np.array([[[[-1], [-1]], [[0], [-1]]]])
        >>> color = (ids >= 0).astype(np.float32)
        >>> mesh = verts, np.array([[0, 1, 2]]), np.arange(3, dtype=np.int32)[None]
        >>> antialias_fwd(color, ids, color, *mesh).image[0, ..., 0].tolist()
        [[0.0, 0.0], [0.75, 0.0]]
    """
    sizes = check_shape(_WHERE, "color", color, "N H W C")
    check_dtype(_WHERE, "color", color, "float32", "float64")
    real = dtype_name(color)
    sides = {letter: sizes[letter] for letter in "NHW"}
    slots = check_shape(_WHERE, "pix_to_face", pix_to_face, "N H W K", **sides)
    check_shape(_WHERE, "zbuf", zbuf, "N H W K", **sides, K=slots["K"])
    check_shape(_WHERE, "verts", verts, "V 3")
    rows = check_shape(_WHERE, "faces", faces, "F 3")
    check_shape(_WHERE, "opposites", opposites, "F 3", F=rows["F"])
    for name, array, dtype in (
        ("pix_to_face", pix_to_face, "int64"),
        ("zbuf", zbuf, real),
        ("verts", verts, real),
        ("faces", faces, "int64"),
        ("opposites", opposites, "int32"),
    ):
        check_dtype(_WHERE, name, array, dtype)
        if isinstance(array, np.ndarray) and not array.flags.c_contiguous:  # the launch door looks at others
            raise ValueError(f"{_WHERE}: {name} must be C-contiguous; make a contiguous copy")
    if slots["K"] < 1:
        raise ValueError(f"{_WHERE}: pix_to_face must have at least one slot a pixel, got {slots['K']}")
    if 3 * len(faces) > MAX_PACKED:
        raise ValueError(f"{_WHERE}: faces has {len(faces)} rows, at most {MAX_PACKED // 3} are taken")
    if sizes["H"] * sizes["W"] > MAX_PACKED:
        raise ValueError(f"{_WHERE}: color has more than {MAX_PACKED} pixels an image")
    if math.isnan(z_near):
        raise ValueError(f"{_WHERE}: z_near must be a number, got {z_near}")
    arrays = arrays_like(color)
    count, height, width, channels = color.shape
    pairs = (count, 2, height, width)
    out = Antialiased(
        arrays.empty(tuple(color.shape), real), arrays.empty(pairs, "int32"), arrays.empty(pairs, real)
    )
    if device is None and isinstance(color, np.ndarray):
        bad = native().antialias_fwd(color, pix_to_face, zbuf, verts, faces, opposites, z_near, *out)
        _check_bad_face(bad, faces, len(verts))
        return out
    launch = _Launch(arrays, device, real)
    image = height, width
    pixels = count * height * width
    launch(
        "find",
        pixels,
        pix_to_face,
        zbuf,
        verts,
        faces,
        opposites,
        len(verts),
        len(faces),
        pixels,
        *image,
        slots["K"],
        z_near,
        out.crossings,
        out.shares,
    )
    launch("blend", pixels, color, out.shares, pixels, *image, channels, out.image)
    return out


def antialias_bwd_color(
    grad: Any,  # (N, H, W, C)
    shares: Any,  # (N, 2, H, W)
    *,
    device: Device | None = None,
) -> Any:  # (N, H, W, C)
    """The gradient of the colours from that of the picture."""
    real, arrays = dtype_name(grad), arrays_like(grad)
    count, height, width, channels = grad.shape
    check_shape(_WHERE, "shares", shares, "N 2 H W", N=count, H=height, W=width)
    grad_color = arrays.empty(tuple(grad.shape), real)
    if device is None and isinstance(grad, np.ndarray):
        native().antialias_bwd_color(grad, shares, grad_color)
        return grad_color
    pixels = count * height * width
    _Launch(arrays, device, real)(
        "bwd_color", pixels, grad, shares, pixels, height, width, channels, grad_color
    )
    return grad_color


def antialias_bwd_verts(
    color: Any,  # (N, H, W, C)
    grad: Any,  # (N, H, W, C)
    crossings: Any,  # (N, 2, H, W) int32
    shares: Any,  # (N, 2, H, W)
    verts: Any,  # (V, 3)
    faces: Any,  # (F, 3) int64
    *,
    device: Device | None = None,
) -> Any:  # (V, 3)
    """The gradient of the vertices from that of the picture; that of z is zero.

    Sums repeat bitwise on the CPU. On a GPU they are made with atomics: `antialias_bwd_edges` leaves them to
    the caller.
    """
    real, arrays = dtype_name(color), arrays_like(color)
    if device is None and isinstance(color, np.ndarray):
        grad_verts = arrays.empty((len(verts), 3), real)
        native().antialias_bwd_verts(color, grad, crossings, shares, verts, faces, grad_verts)
        return grad_verts
    grad_verts = arrays.full((len(verts), 3), 0, real)
    count, height, width, channels = color.shape
    pixels = count * height * width
    _Launch(arrays, device, real)(
        "bwd_verts",
        pixels,
        color,
        grad,
        crossings,
        shares,
        verts,
        faces,
        pixels,
        height,
        width,
        channels,
        grad_verts,
    )
    return grad_verts


def antialias_bwd_edges(
    color: Any,  # (N, H, W, C)
    grad: Any,  # (N, H, W, C)
    crossings: Any,  # (N, 2, H, W) int32
    shares: Any,  # (N, 2, H, W)
    verts: Any,  # (V, 3)
    faces: Any,  # (F, 3) int64
    *,
    device: Device | None = None,
) -> tuple[Any, Any]:  # (N, 2, H, W, 2) int64, (N, 2, H, W, 2, 3)
    """The vertices of the edge that crosses each pair, and their gradients; zeros where there is none.

    Summed by vertex they are what `antialias_bwd_verts` returns. For a GPU; the CPU has no need of it.
    """
    real, arrays = dtype_name(color), arrays_like(color)
    count, height, width, channels = color.shape
    ends = arrays.empty((count, 2, height, width, 2), "int64")
    grad_ends = arrays.empty((count, 2, height, width, 2, 3), real)
    pixels = count * height * width
    _Launch(arrays, device, real)(
        "bwd_edges",
        pixels,
        color,
        grad,
        crossings,
        shares,
        verts,
        faces,
        pixels,
        height,
        width,
        channels,
        ends,
        grad_ends,
    )
    return ends, grad_ends


class _Launch:
    """Starts kernels of ``antialias.cu`` on a device."""

    def __init__(self, arrays: Arrays, device: Device | None, real: str) -> None:
        self._kernels = (device or device_of(arrays)).kernels("antialias", real)
        self._stream = arrays.stream

    def __call__(self, name: str, threads: int, *arguments: Any) -> None:
        self._kernels.launch(f"antialias_{name}", blocks_for(threads), *arguments, stream=self._stream)


def _check_bad_face(face: int, faces: Any, num_verts: int) -> None:
    if face >= len(faces):
        raise IndexError(f"{_WHERE}: pix_to_face holds {face}, outside [-1, {len(faces)}), the ids of faces")
    if face >= 0:
        raise IndexError(
            f"{_WHERE}: face {face} names a vertex outside [0, {num_verts}): {faces[face].tolist()}"
        )
