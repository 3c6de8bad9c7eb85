"""Soft Phong shading of packed triangle meshes on raw arrays: the launcher below the library's op.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from r3d_cli.backend.arrays import NumpyArrays, arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import Device
from r3d_cli.backend.rasterize_meshes import RasterSettings, check_raster_arguments, raise_bad_face
from r3d_cli.checks import check_dtype, check_shape, dtype_name
from r3d_cli.constants import WORKSPACE_BUDGET

LOOK_SIZE = 21  # kLookSize of soft_phong.h
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
    corner_ids: Any  # (F, 3) int64 into texels, with maps into uvs; None with atlases
    uvs: Any  # (U, 2); no rows but with maps
    maps: Any  # (M, 3) int64 first texel, height and width; no rows but with maps
    faces_source: Any  # (F,) int64 a face's map, or its place among the atlases; None: map 0, its own id


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
            LIGHTS.index(self.lights), TEXTURES.index(self.texture), self.atlas_size,
            PADDINGS.index(self.padding), self.align_corners, self.bilinear,
        )  # fmt: skip


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
        workspace_budget: bytes of tile lists that are held at once.
        device: where to run; by default where the arrays are.

    Raises:
        ValueError: an argument of the wrong dtype, shape or range.
        IndexError: a face points past the vertices.
    """
    _check("soft_phong", mesh, surface, texture, image_size, faces_per_pixel, settings, kinds, blending)
    arrays = arrays_like(mesh.verts)
    real = dtype_name(mesh.verts)
    shape = (len(mesh.mesh_first_face) - 1, *image_size)
    limits = shape if faces_per_pixel is not None else (0, *image_size)
    result = SoftPhong(
        arrays.empty((*shape, 4), real), arrays.empty((*shape, 3), real), arrays.empty(limits, real),
        arrays.empty(limits, "int32"),
    )  # fmt: skip
    if device is None and isinstance(arrays, NumpyArrays):
        bad_face = native().soft_phong_fwd(
            mesh, surface, texture, image_size, faces_per_pixel or 0, settings, kinds.codes(), *blending,
            workspace_budget, *result,
        )  # fmt: skip
        raise_bad_face("soft_phong", bad_face, mesh.verts, mesh.faces)
        return result
    raise NotImplementedError


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
    arrays = arrays_like(mesh.verts)
    inputs = mesh.verts, *surface, texture.texels, texture.uvs
    gradients = SoftPhongGradients(*(arrays.empty(tuple(array.shape), real) for array in inputs))
    if kinds.lights == "none":  # the kernels do not touch them
        arrays.fill(gradients.positions, 0)
        arrays.fill(gradients.normals, 0)
    if device is None and isinstance(arrays, NumpyArrays):
        native().soft_phong_bwd(
            mesh, surface, texture, image_size, faces_per_pixel or 0, settings, kinds.codes(), *blending,
            result, grad_image, gradients,
        )  # fmt: skip
        return gradients
    raise NotImplementedError


def _check(
    where: str, mesh: Mesh, surface: Surface, texture: Texture, image_size: tuple[int, int],
    faces_per_pixel: int | None, settings: RasterSettings, kinds: Kinds, blending: Blending,
) -> None:  # fmt: skip
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
