"""Hard Phong shading of fragments on raw arrays: the launcher below the library's op.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from r3d_cli.backend.launch import MAX_GRID, Device, blocks_for
from r3d_cli.backend.run import Run
from r3d_cli.backend.soft_phong import LOOK_SIZE, TEXTURES
from r3d_cli.backend.vertex_corners import vertex_corners
from r3d_cli.backend.weighted_rows import weighted_rows_rows_bwd
from r3d_cli.checks import check_dtype, check_shape

THREADS = 256  # of a block
PIXELS_A_PIECE, MOST_PIECES = 1024, 512  # of a picture, whose look's gradient is added up in pieces
VERTICES, MAPS, _ = range(len(TEXTURES))


class Pixels(NamedTuple):
    """What each pixel sees, and the surface that it is part of."""

    pix_to_face: Any  # (N, H, W, K) int64, below 0: nothing; the first of K is shaded
    bary_coords: Any  # (N, H, W, K, 3) float32 or float64
    faces: Any  # (F, 3) int64
    positions: Any  # (V, 3) of the vertices, world space
    normals: Any  # (V, 3) of any length


class Texture(NamedTuple):
    """What the surface shows, as of ``soft_phong``."""

    texels: Any  # (T, 3) at vertices; of maps, each from its top row; or of atlases
    corner_ids: Any | None  # (F, 3) int64 into texels, with maps into uvs; None with atlases
    uvs: Any | None  # (U, 2) with maps
    maps: Any | None  # (M, 3) int64 first texel, height and width, with maps
    faces_source: Any | None  # (F,) int64 a face's map, or its place among the atlases; None: map 0, its own


class Look(NamedTuple):
    """Lights, materials, cameras and background, each one row for all pictures or one for each."""

    material_ambient: Any  # (1 or N, 3)
    material_diffuse: Any  # (1 or N, 3)
    material_specular: Any  # (1 or N, 3)
    material_shininess: Any  # (1 or N,)
    light_ambient: Any  # (1 or N, 3)
    light_diffuse: Any | None  # (1 or N, 3), like the light's next two None of ambient light
    light_specular: Any | None  # (1 or N, 3)
    light_source: Any | None  # (1 or N, 3) location, or direction towards it
    rotation: Any  # (1 or N, 3, 3) R of a camera that sees x R + T
    translation: Any  # (1 or N, 3) T
    background: Any  # (1 or N, 3)


class Kinds(NamedTuple):
    """Places in LIGHTS, TEXTURES and PADDINGS of ``soft_phong``, and how maps are filtered."""

    light_kind: int
    texture_kind: int
    atlas_size: int  # texels along a side of an atlas
    padding: int
    align_corners: bool
    bilinear: bool


class Wanted(NamedTuple):
    """Which gradients are asked for."""

    wants_bary: bool = True
    wants_surface: bool = True
    wants_look: bool = True
    wants_texels: bool = True
    wants_uvs: bool = True


_ALL = Wanted()


class HardPhongGradients(NamedTuple):
    """Without rows where nobody asked."""

    bary_coords: Any  # (N, H, W, K, 3)
    positions: Any  # (V, 3)
    normals: Any  # (V, 3)
    #: (N, 21) as ``soft_phong`` takes them; of the depth range zero.
    looks: Any
    texels: Any  # (T, 3)
    uvs: Any  # (U, 2)


def hard_phong_fwd(
    pixels: Pixels, texture: Texture, look: Look, kinds: Kinds, *, device: Device | None = None
) -> Any:  # (N, H, W, 4)
    """The lit colour of the nearest face with alpha 1, or the background and 0.

    Args:
        pixels: What is seen.
        texture: What it shows.
        look: How it is lit.
        kinds: Of light and texture.
        device: Where to run; by default where the arrays are.

    Raises:
        ValueError: An argument of the wrong dtype or shape.
        IndexError: A pixel shows no face, or a face of no vertex, texel, coordinate or map. On a GPU, which
            would have to be waited for, its colour is NaN instead.
    """
    run, given = _run(pixels, texture, look, kinds, device)
    N, H, W, _ = pixels.pix_to_face.shape
    image = run.empty(N, H, W, 4)
    bad_pixel = run.start("hard_phong_fwd", N * H * W, **given, image=image)
    if bad_pixel >= 0:
        _raise_bad(bad_pixel, pixels, texture, kinds)
    return image


def hard_phong_bwd(
    pixels: Pixels,
    texture: Texture,
    look: Look,
    kinds: Kinds,
    grad_image: Any,  # (N, H, W, 4)
    wanted: Wanted = _ALL,
    in_order: bool = False,
    *,
    device: Device | None = None,
) -> HardPhongGradients:
    """The gradient of the picture.

    Args:
        pixels: As in the forward, like all that is not named here.
        texture: As in the forward.
        look: As in the forward.
        kinds: As in the forward.
        grad_image: Of the picture.
        wanted: What is computed.
        in_order: On a GPU, take sums in one order, so that they repeat bit by bit. Those of the CPU do.
        device: As in the forward.
    """
    run, given = _run(pixels, texture, look, kinds, device)
    N, H, W, K = pixels.pix_to_face.shape
    V, T = len(pixels.positions), len(texture.texels)
    U = 0 if texture.uvs is None else len(texture.uvs)
    kind = kinds.texture_kind
    at_vertices, in_maps = kind == VERTICES and wanted.wants_texels, kind == MAPS and wanted.wants_uvs
    # A multiple of three, so that ids can be sorted as the corners of faces.
    rows = N * H * W if run.on_cpu else 3 * blocks_for(N * H * W, 3)

    def ids(width: int, count: int) -> Any:
        """Of rows; those of pixels that give nothing are past the last on a GPU, and left out on the CPU."""
        if run.on_cpu:
            return run.empty(rows, width, dtype="int64")
        return run.full(count, rows, width, dtype="int64")

    given["grad_image"] = grad_image
    if wanted.wants_bary:
        given["grad_bary_coords"] = run.empty(N, H, W, K, 3)
    if wanted.wants_surface:
        given |= {name: run.empty(rows, 3) for name in ("grad_positions", "grad_normals")}
        given["vertex_ids"] = ids(3, V)
    if wanted.wants_surface or at_vertices or in_maps:
        given["corner_weights"] = run.empty(rows, 3)
    if wanted.wants_texels:
        given["grad_colors"] = run.empty(rows, 3)
        if kind != VERTICES:
            given |= {"tap_ids": ids(4, T), "tap_weights": run.empty(rows, 4)}
    if at_vertices or in_maps:
        given["texture_ids"] = ids(3, T if at_vertices else U)
    if in_maps:
        given["grad_uvs"] = run.empty(rows, 2)
    if wanted.wants_look:
        given["grad_looks"] = run.empty(N, LOOK_SIZE)
    points = _launch_bwd(run, given, N, H * W)

    def add_up(ids: str, weights: str, gradients: str, count: int) -> Any:
        terms, shares, grads = (given[name][:points] for name in (ids, weights, gradients))
        first = order = None
        if in_order and not run.on_cpu:
            first, order = vertex_corners(terms.reshape(-1, 3), count + 1, device=device)
            first = first[: count + 1]
        return weighted_rows_rows_bwd(terms, shares, grads, count, first, order, device=device)

    none = run.empty(0, 3)
    positions = normals = texels = none
    if wanted.wants_surface:
        positions = add_up("vertex_ids", "corner_weights", "grad_positions", V)
        normals = add_up("vertex_ids", "corner_weights", "grad_normals", V)
    if wanted.wants_texels:
        taps = ("texture_ids", "corner_weights") if at_vertices else ("tap_ids", "tap_weights")
        texels = add_up(*taps, "grad_colors", T)
    return HardPhongGradients(
        given.get("grad_bary_coords", run.empty(0, H, W, K, 3)),
        positions,
        normals,
        given.get("grad_looks", run.empty(0, LOOK_SIZE)),
        texels,
        add_up("texture_ids", "corner_weights", "grad_uvs", U) if in_maps else run.empty(0, 2),
    )


def _launch_bwd(run: Run, given: dict[str, Any], images: int, pixels: int) -> int | None:
    """Writes the terms of the sums; how many rows of them there are, None: all."""
    if run.on_cpu:
        num_points = np.zeros(1, np.int64)
        run.schedule("hard_phong_bwd", **given, num_points=num_points)
        return int(num_points[0])
    pieces = _pieces(pixels)
    if "grad_looks" in given:
        given |= {"look_pieces": run.empty(images, pieces, LOOK_SIZE, dtype="float64")}
    for first in range(0, images, MAX_GRID[1]):
        run.launch("hard_phong_bwd", (pieces, min(MAX_GRID[1], images - first)), given, first)
    if "grad_looks" in given:
        run.launch("hard_phong_bwd_looks", images * LOOK_SIZE, given)
    return None


def _run(
    pixels: Pixels, texture: Texture, look: Look, kinds: Kinds, device: Device | None
) -> tuple[Run, dict[str, Any]]:
    where = "hard_phong"
    run = Run(where, pixels.bary_coords, device)
    if run.real not in ("float32", "float64"):
        check_dtype(where, "bary_coords", pixels.bary_coords, "float32", "float64")
    N, H, W, _ = tuple(check_shape(where, "pix_to_face", pixels.pix_to_face, "N H W K").values())
    given = {**pixels._asdict(), **texture._asdict(), **look._asdict(), **kinds._asdict()}
    per_picture = 0
    for bit, (name, rows) in enumerate(zip(Look._fields, look, strict=True)):
        if rows is None:
            continue
        count, *rest = rows.shape
        if count == N > 1:
            per_picture |= 1 << bit
        wanted = {"material_shininess": (), "rotation": (3, 3)}.get(name, (3,))
        if count not in (1, N) or tuple(rest) != wanted:
            sides = ", ".join(map(str, ("1", *wanted)))
            raise ValueError(
                f"{where}: {name} must have shape ({sides}), or {N} such rows, got {tuple(rows.shape)}"
            )
    given["per_picture"] = per_picture
    given["num_uvs"] = 0 if texture.uvs is None else len(texture.uvs)
    given["num_maps"] = 0 if texture.maps is None else len(texture.maps)
    given["num_pieces"] = _pieces(H * W)
    return run, given


def _pieces(pixels: int) -> int:
    """Of a picture, in which a GPU adds up what goes to the look."""
    return min(blocks_for(pixels, PIXELS_A_PIECE), MOST_PIECES)


def _raise_bad(pixel: int, pixels: Pixels, texture: Texture, kinds: Kinds) -> None:
    """Say what a pixel's face lacks."""
    K, F, V = pixels.pix_to_face.shape[3], len(pixels.faces), len(pixels.positions)
    face = int(pixels.pix_to_face.reshape(-1, K)[pixel, 0])
    if face >= F:
        raise IndexError(f"hard_phong: pix_to_face holds {face}, outside [0, {F}), the ids of the faces")
    corners = pixels.faces[face]
    if corners.min() < 0 or corners.max() >= V:
        raise IndexError(f"hard_phong: face {face} names a vertex outside [0, {V}): {corners.tolist()}")
    if texture.corner_ids is not None:
        rows = texture.uvs if kinds.texture_kind == MAPS else texture.texels
        corners, count = texture.corner_ids[face], 0 if rows is None else len(rows)
        if corners.min() < 0 or corners.max() >= count:
            raise IndexError(
                f"hard_phong: corner_ids of face {face} must lie in [0, {count}), got {corners.tolist()}"
            )
    raise IndexError(f"hard_phong: the texture has no map or atlas for face {face}, or not all of its texels")
