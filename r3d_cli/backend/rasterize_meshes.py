"""Rasterize packed triangle meshes on raw arrays: the launcher below the library's ``rasterize_meshes``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from r3d_cli.backend.arrays import Arrays, NumpyArrays, arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import MAX_GRID, Device, blocks_for, device_of
from r3d_cli.backend.scan import exclusive_scan
from r3d_cli.checks import check_dtype, check_shape, dtype_name
from r3d_cli.constants import MAX_IMAGE_SIDE, MAX_PACKED, WORKSPACE_BUDGET

TILE = 16  # pixels a side: kTile of rasterize_meshes.cu
FACES_A_BLOCK = 8  # warps of a block of rasterize_meshes_bwd_faces
FEW = 8  # faces a pixel that fit in registers: kFew
LARGE_GRID = (32, 128)  # blocks that share the largest faces: pieces, faces


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
    is_perspective: bool | None = None,
    after_zbuf: Any = None,  # (N, H, W)
    after_face: Any = None,  # (N, H, W) int64
    workspace_budget: int = WORKSPACE_BUDGET,
    want_zbuf: bool = True,
    want_bary_coords: bool = True,
    want_dists: bool = True,
    device: Device | None = None,
) -> Fragments:
    """Find the nearest faces at each pixel centre.

    Args:
        verts: vertices of all meshes, NDC x and y (left, up) and view depth z.
        faces: vertex ids of all meshes' faces, into ``verts``.
        mesh_first_face: where each mesh's faces begin, and the number of all faces.
        image_size: (H, W), pixels. The shorter side spans [-1, 1] in NDC.
        blur_radius: squared NDC distance within which a face counts outside its boundary.
        faces_per_pixel: K; the K nearest are kept, ties in depth by face id.
        perspective_correct: interpolate in view space.
        clip_barycentric_coords: clamp barycentric coordinates to the face, where blur reaches outside it.
        cull_backfaces: skip faces that are seen from behind.
        z_near: clip exactly at this view depth; None: no near plane.
        z_far: the same for the far plane.
        is_perspective: x and y were divided by the depth. Faces that reach behind the camera, whose vertices
            there are on the wrong side, are then always cut in front of it; what planes cut is interpolated
            in view space, whatever ``perspective_correct`` says of whole faces. None: as that is.
        after_zbuf: depth peeling: at each pixel only faces count that come after this depth, or at it after
            the face of ``after_face``. Infinity: none. Results repeat what a larger K would show, bit by bit.
        after_face: see there; both or neither.
        workspace_budget: bytes of tile lists that are held at once.
        want_zbuf: return ``zbuf``; the three ``want_*`` save the memory of what is not needed.
        want_bary_coords: return ``bary_coords``.
        want_dists: return ``dists``.
        device: where to run; by default where the arrays are. NumPy arrays run on the CPU schedule.

    Returns:
        ``Fragments`` of the arrays' own library, with ``verts``'s dtype.

    Raises:
        ValueError: an argument of the wrong dtype, shape or range.
        IndexError: a face points past the vertices.

    Example:
        >>> verts = np.array([[-1, -1, 1], [1, -1, 1], [0, 1, 1]], np.float32)
        >>> f = rasterize_meshes(verts, np.array([[0, 1, 2]]), np.array([0, 1]), (2, 2))
        >>> f.pix_to_face[0, :, :, 0].tolist()
        [[-1, -1], [0, 0]]
    """
    check_arguments(verts, faces, mesh_first_face, image_size, faces_per_pixel, blur_radius)
    check_planes(z_near, z_far)
    arrays = arrays_like(verts)
    real = str(verts.dtype).removeprefix("torch.")
    shape = (len(mesh_first_face) - 1, *image_size, faces_per_pixel)
    _check_after(after_zbuf, after_face, shape, real)
    after = after_zbuf, after_face
    settings = RasterSettings.of(
        blur_radius,
        perspective_correct,
        clip_barycentric_coords,
        cull_backfaces,
        z_near,
        z_far,
        is_perspective,
    )
    # Depths decide which faces are kept, so they are always needed on the way.
    wanted = [True, True, want_bary_coords, want_dists]
    specs = [(shape, "int64"), (shape, real), ((*shape, 3), real), (shape, real)]
    specs = [spec for spec, want in zip(specs, wanted, strict=True) if want]
    if isinstance(arrays, NumpyArrays):
        made = iter(arrays.empty_block(*specs))
    else:
        made = iter([arrays.empty(*spec) for spec in specs])
    fragments = Fragments(*(next(made) if want else None for want in wanted))
    if device is None and isinstance(arrays, NumpyArrays):
        bad_face = native().rasterize_meshes_fwd(
            verts,
            faces,
            mesh_first_face,
            *image_size,
            faces_per_pixel,
            *settings,
            *after,
            workspace_budget,
            *fragments,
        )
    else:
        run = RasterRun(
            verts, faces, mesh_first_face, shape, settings, arrays, device or device_of(arrays), real
        )
        if real == "float32" and faces_per_pixel == 1 and blur_radius == 0 and after_zbuf is None:
            arrays.fill(fragments.pix_to_face, -1)
            bad_face = run.zbuffer(fragments)
        else:
            bad_face = run.nearest(fragments, after, workspace_budget)
    raise_bad_face("rasterize_meshes", bad_face, verts, faces)
    return fragments if want_zbuf else fragments._replace(zbuf=None)


def rasterize_meshes_bwd(
    verts: Any,  # (V, 3) float32 or float64
    faces: Any,  # (F, 3) int64
    mesh_first_face: Any,  # (N + 1,) int64
    pix_to_face: Any,  # (N, H, W, K) int64
    grad_zbuf: Any,  # (N, H, W, K), or None
    grad_bary_coords: Any,  # (N, H, W, K, 3), or None
    grad_dists: Any,  # (N, H, W, K), or None
    *,
    blur_radius: float = 0.0,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_near: float | None = None,
    z_far: float | None = None,
    is_perspective: bool | None = None,
    corners: tuple[Any, Any] | None = None,
    device: Device | None = None,
) -> Any:  # (V, 3)
    """The gradient of ``rasterize_meshes`` with respect to its vertices.

    Args:
        verts: as in the forward, like ``faces``, ``mesh_first_face`` and the settings.
        faces: see there.
        mesh_first_face: see there.
        pix_to_face: what the forward returned.
        grad_zbuf: gradient of its ``zbuf``; None: zero, here and below. What stands in empty slots is not
            looked at.
        grad_bary_coords: of its ``bary_coords``.
        grad_dists: of its ``dists``.
        blur_radius: see there.
        perspective_correct: see there.
        clip_barycentric_coords: see there.
        cull_backfaces: see there.
        z_near: see there.
        z_far: see there.
        is_perspective: see there.
        corners: what ``vertex_corners`` makes of the faces: on a GPU, sums are then taken in one order and
            repeat bit by bit. Those of the CPU always do.
        device: see there.

    Returns:
        The gradient, in ``verts``'s dtype; finite wherever the given ones are.

    Raises:
        ValueError: an argument of the wrong dtype or shape.

    Example:
        >>> verts = np.array([[-1, -1, 1], [1, -1, 1], [0, 1, 1]], np.float32)
        >>> mesh = verts, np.array([[0, 1, 2]]), np.array([0, 1])
        >>> f = rasterize_meshes(*mesh, (2, 2))
        >>> rasterize_meshes_bwd(*mesh, f.pix_to_face, np.ones_like(f.zbuf), None, None)[:, 2].tolist()
        [0.75, 0.75, 0.5]
    """
    shape = tuple(pix_to_face.shape)
    check_shape("rasterize_meshes_bwd", "pix_to_face", pix_to_face, "N H W K", N=len(mesh_first_face) - 1)
    real = dtype_name(verts)
    check_dtype("rasterize_meshes_bwd", "pix_to_face", pix_to_face, "int64")
    sizes = dict(zip("NHWK", shape, strict=True))
    for name, grad, letters in (
        ("grad_zbuf", grad_zbuf, "N H W K"),
        ("grad_bary_coords", grad_bary_coords, "N H W K 3"),
        ("grad_dists", grad_dists, "N H W K"),
    ):
        if grad is not None:
            check_shape("rasterize_meshes_bwd", name, grad, letters, **sizes)
            check_dtype("rasterize_meshes_bwd", name, grad, real)
    check_arguments(verts, faces, mesh_first_face, (shape[1], shape[2]), shape[3], blur_radius)
    check_planes(z_near, z_far)
    settings = RasterSettings.of(
        blur_radius,
        perspective_correct,
        clip_barycentric_coords,
        cull_backfaces,
        z_near,
        z_far,
        is_perspective,
    )
    arrays = arrays_like(verts)
    grads = grad_zbuf, grad_bary_coords, grad_dists
    if device is None and isinstance(arrays, NumpyArrays):
        grad_verts = arrays.empty((len(verts), 3), real)
        native().rasterize_meshes_bwd(
            verts, faces, mesh_first_face, pix_to_face, *settings, *grads, grad_verts
        )
        return grad_verts
    kernels = (device or device_of(arrays)).kernels("rasterize_meshes", real)
    how = *shape[1:], *settings, *grads
    if corners is None:
        grad_verts = arrays.full((len(verts), 3), 0, real)
        slots = math.prod(shape)
        kernels.launch(
            "rasterize_meshes_bwd",
            blocks_for(slots),
            verts,
            faces,
            pix_to_face,
            slots,
            *how,
            grad_verts,
            stream=arrays.stream,
        )
        return grad_verts
    grad_faces = arrays.empty((len(faces), 3, 3), real)
    kernels.launch(
        "rasterize_meshes_bwd_faces",
        blocks_for(len(faces), FACES_A_BLOCK),
        verts,
        faces,
        mesh_first_face,
        pix_to_face,
        len(faces),
        shape[0],
        *how,
        grad_faces,
        stream=arrays.stream,
    )
    grad_verts = arrays.empty((len(verts), 3), real)
    kernels.launch(
        "rasterize_meshes_bwd_verts",
        blocks_for(len(verts)),
        grad_faces,
        *corners,
        len(verts),
        grad_verts,
        stream=arrays.stream,
    )
    return grad_verts


class RasterSettings(NamedTuple):
    """In the order in which kernels take them."""

    blur_radius: float = 0.0
    perspective_correct: bool = False
    clip_barycentric_coords: bool = False
    cull_backfaces: bool = False
    z_near: float = -math.inf
    z_far: float = math.inf
    is_perspective: bool | None = None

    @classmethod
    def of(
        cls,
        blur_radius: float,
        perspective_correct: bool,
        clip_barycentric_coords: bool,
        cull_backfaces: bool,
        z_near: float | None,
        z_far: float | None,
        is_perspective: bool | None,
    ) -> RasterSettings:
        """From a caller's values, of which None means: no plane, and as ``perspective_correct``."""
        planes = -math.inf if z_near is None else float(z_near), math.inf if z_far is None else float(z_far)
        flags = bool(perspective_correct), bool(clip_barycentric_coords), bool(cull_backfaces)
        return cls(float(blur_radius), *flags, *planes, is_perspective).resolved()

    def resolved(self) -> RasterSettings:
        """With ``is_perspective`` said: as ``perspective_correct`` where it was left open."""
        known = self.perspective_correct if self.is_perspective is None else self.is_perspective
        return self._replace(is_perspective=bool(known))


class RasterRun:
    """One call of the CUDA kernels: the ways through ``rasterize_meshes.cu`` that its header describes.

    ``shape`` is (N, H, W, K), of which ``tiles`` leaves K alone.
    """

    def __init__(
        self,
        verts: Any,
        faces: Any,
        mesh_first_face: Any,
        shape: tuple[int, ...],
        settings: RasterSettings,
        arrays: Arrays,
        device: Device,
        real: str,
    ) -> None:
        self.verts, self.faces, self.mesh_first_face = verts, faces, mesh_first_face
        self.meshes, self.height, self.width, self.K = shape
        self.settings, self.arrays = settings, arrays
        self.kernels = device.kernels("rasterize_meshes", real)
        self.device = device

    def launch(self, name: str, grid: int | tuple[int, ...], *arguments: Any) -> None:
        self.kernels.launch(f"rasterize_meshes_{name}", grid, *arguments, stream=self.arrays.stream)

    def zbuffer(self, fragments: Fragments) -> int:
        """K = 1 without blur: the smallest (depth, id) of each pixel. Returns the first bad face, or -1."""
        verts, faces, first, arrays = self.verts, self.faces, self.mesh_first_face, self.arrays
        settings, image = self.settings[1:], (self.height, self.width)
        large = arrays.empty((len(faces),), "int32")
        num_large = arrays.full((1,), 0, "int32")
        bad_face = arrays.full((1,), 0, "int64")
        keys = fragments.pix_to_face
        self.launch(
            "zbuffer",
            blocks_for(len(faces)),
            verts,
            faces,
            first,
            len(verts),
            len(faces),
            self.meshes,
            *image,
            *settings,
            keys,
            large,
            num_large,
            bad_face,
        )
        if len(faces):
            self.launch(
                "zbuffer_large",
                LARGE_GRID,
                verts,
                faces,
                first,
                self.meshes,
                *image,
                *settings,
                large,
                num_large,
                keys,
            )
        pixels = self.meshes * self.height * self.width
        self.launch("resolve", blocks_for(pixels), verts, faces, pixels, *image, *settings, *fragments)
        return self._bad_face(arrays.numpy(bad_face)[0])

    def nearest(self, fragments: Fragments, after: tuple[Any, Any], budget: int) -> int:
        """Any K, blurred or not. Returns the first bad face, or -1."""
        fine = "fine_few" if self.K <= FEW else "fine_many"

        def visit(begin: int, end: int, offsets: Any, lists: Any) -> None:
            self.launch(
                fine,
                end - begin,
                self.verts,
                self.faces,
                offsets,
                lists,
                begin,
                self.height,
                self.width,
                self.K,
                *self.settings,
                *after,
                *fragments,
            )

        return self.tiles(visit, budget)

    def tiles(self, visit: Callable[[int, int, Any, Any], None], budget: int) -> int:
        """Lists the faces of each tile, band by band.

        Args:
            visit: ``visit(begin, end, offsets, lists)`` of each band of tiles, [begin, end) of the batch's:
                ``offsets`` (tiles + 2,) int64 is where each tile's list begins in the row of all lists, of
                which ``lists`` int32 holds those of the band, each in the order in which atomics ran.
            budget: bytes of lists that are held at once.

        Returns:
            The first bad face, or -1. Nothing is visited where there is one.
        """
        verts, faces, first, arrays = self.verts, self.faces, self.mesh_first_face, self.arrays
        image, num_faces, meshes = (self.height, self.width), len(faces), self.meshes
        across, down = blocks_for(self.width, TILE), blocks_for(self.height, TILE)
        tiles = meshes * across * down
        blur, perspective, _, cull, *planes = self.settings
        boxes = arrays.empty((num_faces, 4), "int16")
        # Faces a tile, then list offsets; their total and the bad face last, so that one copy brings both.
        offsets = arrays.full((tiles + 2,), 0, "int64")
        self.launch(
            "bin",
            blocks_for(num_faces),
            verts,
            faces,
            first,
            len(verts),
            num_faces,
            meshes,
            *image,
            blur,
            perspective,
            cull,
            *planes,
            boxes,
            offsets,
            offsets[tiles + 1 :],
        )
        self.launch("sum_rows", blocks_for(meshes * down), offsets, meshes * down, across)
        self.launch("sum_columns", blocks_for(meshes * across), offsets, meshes, down, across)
        exclusive_scan(offsets[: tiles + 1], device=self.device)
        total, bad_face = arrays.numpy(offsets[tiles:]).tolist()
        if bad_face:
            return self._bad_face(bad_face)
        capacity = budget // 4
        bands = [(0, tiles)]
        if total > capacity or tiles > MAX_GRID[0]:
            starts = arrays.numpy(offsets[: tiles + 1])
            bands = list(_bands(starts, capacity))
            total = max(int(starts[end] - starts[begin]) for begin, end in bands)
        lists = arrays.empty((total,), "int32")
        cursors = arrays.full((tiles,), 0, "int32")
        for begin, end in bands:
            if total:
                self.launch(
                    "fill",
                    blocks_for(num_faces),
                    boxes,
                    first,
                    num_faces,
                    meshes,
                    down,
                    across,
                    begin,
                    end,
                    offsets,
                    cursors,
                    lists,
                )
            visit(begin, end, offsets, lists)
        return -1

    def _bad_face(self, mark: int) -> int:
        """The kernels keep F - id, whose largest is the first face and whose zero is none."""
        return len(self.faces) - int(mark) if mark else -1


def _bands(offsets: np.ndarray, capacity: int) -> Iterator[tuple[int, int]]:
    """Cut the tiles into runs whose lists hold at most ``capacity`` faces, or one tile's."""
    begin, tiles = 0, len(offsets) - 1
    while begin < tiles:
        end = int(np.searchsorted(offsets, offsets[begin] + capacity, side="right")) - 1
        end = min(max(end, begin + 1), begin + MAX_GRID[0], tiles)
        yield begin, end
        begin = end


def check_arguments(
    verts: Any,
    faces: Any,
    mesh_first_face: Any,
    image_size: tuple[int, int],
    faces_per_pixel: int,
    blur: float,
    where: str = "rasterize_meshes",
) -> None:
    """Raise a ValueError that names the argument which does not fit."""
    for name, array, kinds, width in (
        ("verts", verts, ("float32", "float64"), 3),
        ("faces", faces, ("int64",), 3),
        ("mesh_first_face", mesh_first_face, ("int64",), None),
    ):
        dtype = str(array.dtype).removeprefix("torch.")
        if dtype not in kinds:
            raise ValueError(f"{where}: {name} must be {' or '.join(kinds)}, got {dtype}")
        letters = "(N + 1,)" if width is None else f"({name[0].upper()}, 3)"
        if array.ndim != (1 if width is None else 2) or (width and array.shape[1] != width):
            raise ValueError(f"{where}: {name} must have shape {letters}, got {tuple(array.shape)}")
        if not (array.flags.c_contiguous if hasattr(array, "flags") else array.is_contiguous()):
            raise ValueError(f"{where}: {name} must be C-contiguous; make a contiguous copy")
        if array.shape[0] > MAX_PACKED:
            raise ValueError(f"{where}: {name} has {array.shape[0]} rows, at most {MAX_PACKED} are taken")
    if isinstance(mesh_first_face, np.ndarray):  # elsewhere kernels skip what lies outside, without waiting
        first = mesh_first_face
        if len(first) == 0 or first[0] != 0 or first[-1] != len(faces) or (first[1:] < first[:-1]).any():
            raise ValueError(
                f"{where}: mesh_first_face must rise from 0 to the number of faces, {len(faces)}, "
                f"got {first.tolist() if len(first) <= 8 else f'{first[:4].tolist()} ... {first[-1]}'}"
            )
    height, width_ = image_size
    if not (0 < height <= MAX_IMAGE_SIDE and 0 < width_ <= MAX_IMAGE_SIDE):
        raise ValueError(f"{where}: image_size must lie in 1..{MAX_IMAGE_SIDE} pixels, got {image_size}")
    if faces_per_pixel < 1:
        raise ValueError(f"{where}: faces_per_pixel must be at least 1, got {faces_per_pixel}")
    if not (blur >= 0 and math.isfinite(blur)):
        raise ValueError(f"{where}: blur_radius must be a finite number >= 0, got {blur}")


def _check_after(after_zbuf: Any, after_face: Any, shape: tuple[int, ...], real: str) -> None:
    """Raise a ValueError unless depths and faces to come after fit the pictures."""
    if (after_zbuf is None) != (after_face is None):
        raise ValueError("rasterize_meshes: after_zbuf and after_face go together: give both or neither")
    if after_zbuf is None:
        return
    for name, array, dtype in (("after_zbuf", after_zbuf, real), ("after_face", after_face, "int64")):
        check_shape("rasterize_meshes", name, array, "N H W", **dict(zip("NHW", shape, strict=False)))
        check_dtype("rasterize_meshes", name, array, dtype)


def check_planes(z_near: float | None, z_far: float | None, where: str = "rasterize_meshes") -> None:
    """Raise a ValueError unless the clipping planes are numbers."""
    for name, z in (("z_near", z_near), ("z_far", z_far)):
        if z is not None and math.isnan(z):
            raise ValueError(f"{where}: {name} must be a number or None, got {z}")


def check_raster_arguments(
    where: str,
    verts: Any,
    faces: Any,
    mesh_first_face: Any,
    image_size: tuple[int, int],
    faces_per_pixel: int | None,
    settings: RasterSettings,
) -> None:
    """The checks of `rasterize_meshes` for ops that rasterize on their way; faces_per_pixel None: all."""
    K = 1 if faces_per_pixel is None else faces_per_pixel
    check_arguments(verts, faces, mesh_first_face, image_size, K, settings.blur_radius, where)
    check_planes(settings.z_near, settings.z_far, where)


def raise_bad_face(where: str, bad_face: int, verts: Any, faces: Any) -> None:
    """Raise an IndexError that names a face which points past the vertices; -1: none does."""
    if bad_face >= 0:
        corners = arrays_like(faces).numpy(faces[bad_face]).tolist()
        raise IndexError(f"{where}: face {bad_face} names a vertex outside [0, {len(verts)}): {corners}")
