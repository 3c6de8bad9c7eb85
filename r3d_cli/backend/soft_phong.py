"""Soft Phong shading of packed triangle meshes on raw arrays: the launcher below the library's op.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from r3d_cli.backend.arrays import Arrays, NumpyArrays, arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import MAX_GRID, Device, blocks_for, device_of
from r3d_cli.backend.rasterize_meshes import (
    FACES_A_BLOCK,
    RasterRun,
    RasterSettings,
    check_raster_arguments,
    raise_bad_face,
)
from r3d_cli.backend.soft_silhouette import rows_that_share
from r3d_cli.backend.vertex_corners import vertex_corners
from r3d_cli.checks import check_dtype, check_shape, dtype_name
from r3d_cli.constants import WORKSPACE_BUDGET

LOOK_SIZE = 21  # kLookSize of soft_phong.h
SUM_SIZE = 63  # PhongSum::size
FACES_AT_ONCE = 2**16  # of the backward that repeats: its workspace is a sum for each of them
PIXELS_A_PIECE, MOST_PIECES = 4096, 64  # of a picture, whose background's gradient is added up in pieces
#: Where they stand, they are the numbers of soft_phong.h.
LIGHTS = ("none", "ambient", "directional", "point")
TEXTURES = ("vertices", "maps", "atlas")
PADDINGS = ("border", "zeros", "reflection", "repeat")


class Mesh(NamedTuple):
    """What is rasterized, as of ``rasterize_meshes``."""

    verts: Any  # (V, 3) NDC x and y, view depth
    faces: Any  # (F, 3) int64
    mesh_first_face: Any  # (N + 1,) int64


class Surface(NamedTuple):
    """What is lit, and how. Without lights (``Kinds.lights``) positions and normals may have no rows."""

    positions: Any  # (V, 3) of the vertices, world space
    normals: Any  # (V, 3)
    #: (N, 21): ambient, diffuse and specular colour of light times material, the light's location or the
    #: direction towards it, the camera's centre, shininess, znear, zfar, the background's colour.
    looks: Any


class Texture(NamedTuple):
    """What the surface shows."""

    texels: Any  # (T, 3) at vertices; of maps, each from its top row; or of atlases
    corner_ids: Any | None  # (F, 3) int64 into texels, with maps into uvs; None with atlases
    uvs: Any  # (U, 2); no rows but with maps
    maps: Any  # (M, 3) int64 first texel, height and width; no rows but with maps
    faces_source: (
        Any | None
    )  # (F,) int64 a face's map, or its place among the atlases; None: map 0, its own id


class Kinds(NamedTuple):
    """Lights and texture filtering."""

    lights: str = "point"  # one of LIGHTS; "none": texels are the colours
    texture: str = "vertices"  # one of TEXTURES
    atlas_size: int = 1  # texels along a side of an atlas
    padding: str = "border"  # one of PADDINGS
    align_corners: bool = True
    bilinear: bool = True

    def codes(self) -> tuple[int, int, int, int, bool, bool]:
        """As kernels take them."""
        return (
            LIGHTS.index(self.lights),
            TEXTURES.index(self.texture),
            self.atlas_size,
            PADDINGS.index(self.padding),
            self.align_corners,
            self.bilinear,
        )


class Blending(NamedTuple):
    sigma: float  # width of a face's soft edge, squared NDC distance
    gamma: float  # how fast weights fall with depth


class SoftPhong(NamedTuple):
    """The forward's results; all but the image are what the backward needs."""

    image: Any  # (N, H, W, 4)
    blend: Any  # (N, H, W, 3) nearness of the nearest face, sum of the weights, probability of no face
    limit_depth: Any  # (N, H, W) depth of the last face that counts, inf: all do; none without a limit
    limit_face: Any  # (N, H, W) int32, its id


class SoftPhongGradients(NamedTuple):
    verts: Any  # (V, 3)
    positions: Any  # (V, 3), like the normals' without rows where those are
    normals: Any  # (V, 3)
    looks: Any  # (N, 21)
    texels: Any  # (T, 3)
    uvs: Any  # (U, 2)


def soft_phong_fwd(
    mesh: Mesh,
    surface: Surface,
    texture: Texture,
    image_size: tuple[int, int],
    faces_per_pixel: int | None = None,
    *,
    settings: RasterSettings,
    kinds: Kinds,
    blending: Blending,
    in_order: bool = False,
    workspace_budget: int = WORKSPACE_BUDGET,
    device: Device | None = None,
) -> SoftPhong:
    """Light the faces at each pixel and blend them by coverage and nearness.

    Args:
        mesh: what is rasterized.
        surface: what is lit.
        texture: what it shows.
        image_size: (H, W), pixels.
        faces_per_pixel: only the K nearest faces count; None: all within the blur radius.
        settings: how to rasterize.
        kinds: lights and texture filtering.
        blending: sigma and gamma.
        in_order: on a GPU, take sums in one order, so that they repeat bit by bit. Those of the CPU always
            do.
        workspace_budget: bytes of tile lists that are held at once.
        device: where to run; by default where the arrays are.

    Raises:
        ValueError: an argument of the wrong dtype, shape or range.
        IndexError: a face points past the vertices.
    """
    _check("soft_phong", mesh, surface, texture, image_size, faces_per_pixel, settings, kinds, blending)
    settings = settings.resolved()
    arrays = arrays_like(mesh.verts)
    real = dtype_name(mesh.verts)
    shape = (len(mesh.mesh_first_face) - 1, *image_size)
    limits = shape if faces_per_pixel is not None else (0, *image_size)
    result = SoftPhong(
        arrays.empty((*shape, 4), real),
        arrays.empty((*shape, 3), real),
        arrays.empty(limits, real),
        arrays.empty(limits, "int32"),
    )
    if device is None and isinstance(arrays, NumpyArrays):
        bad_face = native().soft_phong_fwd(
            mesh,
            surface,
            texture,
            image_size,
            faces_per_pixel or 0,
            settings,
            kinds.codes(),
            *blending,
            workspace_budget,
            *result,
        )
        raise_bad_face("soft_phong", bad_face, mesh.verts, mesh.faces)
        return result
    device = device or device_of(arrays)
    kernels = device.kernels("soft_phong", real)
    run = RasterRun(*mesh, (*shape, faces_per_pixel or 0), settings, arrays, device, real)
    results = result if faces_per_pixel is not None else (result.image, result.blend, None, None)

    def visit(begin: int, end: int, offsets: Any, lists: Any) -> None:
        kernels.launch(
            "soft_phong_fwd",
            end - begin,
            mesh.verts,
            mesh.faces,
            offsets,
            lists,
            begin,
            *image_size,
            faces_per_pixel or 0,
            in_order,
            *settings,
            *_scene(surface, texture, kinds, blending),
            *results,
            stream=arrays.stream,
        )

    raise_bad_face("soft_phong", run.tiles(visit, workspace_budget), mesh.verts, mesh.faces)
    return result


def soft_phong_bwd(
    mesh: Mesh,
    surface: Surface,
    texture: Texture,
    result: SoftPhong,
    grad_image: Any,  # (N, H, W, 4)
    faces_per_pixel: int | None = None,
    *,
    settings: RasterSettings,
    kinds: Kinds,
    blending: Blending,
    corners: tuple[Any, Any] | None = None,
    device: Device | None = None,
) -> SoftPhongGradients:
    """The gradient of the forward's ``image``.

    Args:
        mesh: as in the forward, like all that is not named here.
        surface: see there.
        texture: see there.
        result: what the forward returned.
        grad_image: gradient of its ``image``.
        faces_per_pixel: see there.
        settings: see there.
        kinds: see there.
        blending: see there.
        corners: what ``vertex_corners`` makes of the faces: on a GPU, sums are then taken in one order and
            repeat bit by bit. Those of the CPU always do.
        device: see there.
    """
    where = "soft_phong_bwd"
    sizes = dict(zip("NHW", result.image.shape, strict=False))
    check_shape(where, "grad_image", grad_image, "N H W 4", **sizes)
    real = dtype_name(mesh.verts)
    check_dtype(where, "grad_image", grad_image, real)
    image_size = sizes["H"], sizes["W"]
    _check(where, mesh, surface, texture, image_size, faces_per_pixel, settings, kinds, blending)
    settings = settings.resolved()
    arrays = arrays_like(mesh.verts)
    inputs = mesh.verts, *surface, texture.texels, texture.uvs
    gradients = SoftPhongGradients(*(arrays.empty(tuple(array.shape), real) for array in inputs))
    if kinds.lights == "none":  # the kernels do not touch them
        arrays.fill(gradients.positions, 0)
        arrays.fill(gradients.normals, 0)
    if device is None and isinstance(arrays, NumpyArrays):
        native().soft_phong_bwd(
            mesh,
            surface,
            texture,
            image_size,
            faces_per_pixel or 0,
            settings,
            kinds.codes(),
            *blending,
            result,
            grad_image,
            gradients,
        )
        return gradients
    for gradient in gradients:
        arrays.fill(gradient, 0)
    backward = _Backward(mesh, surface, texture, kinds, arrays, device or device_of(arrays))
    scale = backward.background(result, grad_image, blending, gradients)
    limits = (None, None) if faces_per_pixel is None else result[2:]
    scene = _scene(surface, texture, kinds, blending)
    pixels = *image_size, *settings, *scene, result.image, result.blend, *limits, grad_image
    backward.faces(pixels, gradients, scale, corners)
    return gradients


class _Backward:
    """One call of the CUDA kernels of the backward, as ``soft_phong.cu`` describes them."""

    def __init__(
        self, mesh: Mesh, surface: Surface, texture: Texture, kinds: Kinds, arrays: Arrays, device: Device
    ) -> None:
        self.mesh, self.surface, self.texture, self.kinds = mesh, surface, texture, kinds
        self.arrays, self.device = arrays, device
        self.real = dtype_name(mesh.verts)
        self.kernels = device.kernels("soft_phong", self.real)

    def launch(self, name: str, grid: int | tuple[int, ...], *arguments: Any) -> None:
        self.kernels.launch(f"soft_phong_{name}", grid, *arguments, stream=self.arrays.stream)

    def background(
        self, result: SoftPhong, grad_image: Any, blending: Blending, gradients: SoftPhongGradients
    ) -> Any:  # (1,)
        """Sets the background's gradient; returns by what texels' are multiplied to become integers."""
        count, height, width, _ = result.image.shape
        pieces = min(blocks_for(height * width, PIXELS_A_PIECE), MOST_PIECES)
        sums = self.arrays.empty((count, pieces, 4), "float64")
        scale = self.arrays.full((1,), 0, "float64")
        for begin in range(0, count, MAX_GRID[1]):
            end = min(begin + MAX_GRID[1], count)
            self.launch(
                "bwd_pixels",
                (pieces, end - begin),
                self.surface.looks[begin:end],
                result.blend[begin:end],
                grad_image[begin:end],
                height * width,
                LIGHTS.index(self.kinds.lights),
                blending.gamma,
                sums[begin:end],
            )
        self.launch("bwd_pieces", blocks_for(count), sums, count, pieces, scale, gradients.looks)
        return scale

    def faces(
        self,
        pixels: tuple[Any, ...],
        gradients: SoftPhongGradients,
        scale: Any,
        corners: tuple[Any, Any] | None,
    ) -> None:
        """Adds what the faces get from the pixels; in one order where ``corners`` are given."""
        verts, faces, first = self.mesh
        num_faces, count = len(faces), len(first) - 1
        grad_faces, texel_sums, rows = None, None, rows_that_share(num_faces)
        if corners is not None:
            rows = 1
            grad_faces = self.arrays.empty((min(num_faces, FACES_AT_ONCE), SUM_SIZE), self.real)
            texel_sums = self.arrays.full(tuple(gradients.texels.shape), 0, "int64")
            tables = self._tables(gradients, corners)
        for begin in range(0, num_faces, FACES_AT_ONCE):
            end = min(begin + FACES_AT_ONCE, num_faces)
            self.launch(
                "bwd",
                (blocks_for(end - begin, FACES_A_BLOCK), rows),
                verts,
                faces,
                first,
                begin,
                end,
                count,
                *pixels,
                *gradients,
                grad_faces,
                texel_sums,
                scale,
            )
            if corners is None:
                continue
            for by_row, layout, rows_of in tables:
                self.launch(
                    "bwd_rows",
                    blocks_for(len(rows_of)),
                    grad_faces,
                    *by_row,
                    begin,
                    end,
                    len(rows_of),
                    *layout,
                    rows_of,
                )
            for image in range(0, count, MAX_GRID[1]):
                end_image = min(image + MAX_GRID[1], count)
                self.launch(
                    "bwd_looks",
                    (LOOK_SIZE, end_image - image),
                    grad_faces,
                    first[image:],
                    begin,
                    end,
                    gradients.looks[image:],
                )
        if corners is not None and self.kinds.texture != "vertices":
            size = 3 * len(gradients.texels)
            self.launch("bwd_texels", blocks_for(size), texel_sums, scale, size, gradients.texels)

    def _tables(
        self, gradients: SoftPhongGradients, corners: tuple[Any, Any]
    ) -> list[tuple[tuple[Any, Any], tuple[int, int, int, int], Any]]:
        """Rows to sum up: who names them; where their numbers stand in a face's sum; the rows."""
        tables = [(corners, (0, 3, 1, 3), gradients.verts)]
        if self.kinds.lights != "none":
            tables += [(corners, (9, 3, 1, 3), gradients.positions)]
            tables += [(corners, (18, 3, 1, 3), gradients.normals)]
        if self.kinds.texture == "vertices":
            layout, rows = (27, 3, 1, 3), gradients.texels
        elif self.kinds.texture == "maps":
            layout, rows = (36, 1, 3, 2), gradients.uvs
        else:
            return tables
        by_row = vertex_corners(self.texture.corner_ids, len(rows), device=self.device)
        return [*tables, (by_row, layout, rows)]


def _scene(surface: Surface, texture: Texture, kinds: Kinds, blending: Blending) -> tuple[Any, ...]:
    """As kernels take it: the fields of ``SoftPhongScene``."""
    lights, *codes = kinds.codes()
    texels, corner_ids, uvs, maps, faces_source = texture
    return *surface, texels, corner_ids, uvs, maps, faces_source, lights, *codes, *blending


def _check(
    where: str,
    mesh: Mesh,
    surface: Surface,
    texture: Texture,
    image_size: tuple[int, int],
    faces_per_pixel: int | None,
    settings: RasterSettings,
    kinds: Kinds,
    blending: Blending,
) -> None:
    check_raster_arguments(where, *mesh, image_size, faces_per_pixel, settings)
    for name, value in blending._asdict().items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{where}: {name} must be a finite number > 0, got {value}")
    for name, kind, known in (
        ("lights", kinds.lights, LIGHTS),
        ("texture", kinds.texture, TEXTURES),
        ("padding", kinds.padding, PADDINGS),
    ):
        if kind not in known:
            raise ValueError(f"{where}: {name} must be one of {', '.join(known)}, got {kind!r}")
    real, F = dtype_name(mesh.verts), len(mesh.faces)
    rows = 0 if kinds.lights == "none" and not len(surface.positions) else len(mesh.verts)
    reals = {
        "positions": (surface.positions, f"{rows} 3"),
        "normals": (surface.normals, f"{rows} 3"),
        "looks": (surface.looks, f"{len(mesh.mesh_first_face) - 1} {LOOK_SIZE}"),
        "texels": (texture.texels, "T 3"),
        "uvs": (texture.uvs, "U 2"),
    }
    ids = {"maps": (texture.maps, "M 3")}
    if kinds.texture != "atlas":
        ids["corner_ids"] = (texture.corner_ids, f"{F} 3")
    if texture.faces_source is not None:
        ids["faces_source"] = (texture.faces_source, f"{F}")
    for named, dtype in ((reals, real), (ids, "int64")):
        for name, (array, shape) in named.items():
            check_shape(where, name, array, shape)
            check_dtype(where, name, array, dtype)
    if isinstance(mesh.verts, np.ndarray):
        _check_ids(where, texture, kinds)


def _check_ids(where: str, texture: Texture, kinds: Kinds) -> None:
    """On the CPU; on a GPU the answer would have to be waited for."""
    limits = []
    if kinds.texture == "atlas":
        places = len(texture.texels) // kinds.atlas_size**2
        limits.append(("faces_source", texture.faces_source, places))
    else:
        rows = texture.uvs if kinds.texture == "maps" else texture.texels
        limits.append(("corner_ids", texture.corner_ids, len(rows)))
    if kinds.texture == "maps":
        limits.append(("faces_source", texture.faces_source, len(texture.maps)))
        first, height, width = texture.maps.T
        if (
            len(texture.maps) == 0
            or (first < 0).any()
            or (first + height * width > len(texture.texels)).any()
        ):
            raise ValueError(f"{where}: maps must name texels of the {len(texture.texels)} given")
    for name, array, count in limits:
        if array is not None and array.size and (array.min() < 0 or array.max() >= count):
            raise IndexError(f"{where}: {name} must lie in [0, {count}), got {array.min()} to {array.max()}")
