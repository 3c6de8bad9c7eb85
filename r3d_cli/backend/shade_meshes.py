"""Shade the fragments of one picture on raw arrays: samples in, pixels out.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernel there. The tables (materials,
textures, lights) are laid out as the enums of ``cuda_src/shading/shade_meshes.h`` say; ``scene.surface`` and
``scene.lights`` make them. No PyTorch here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from r3d_cli.backend.launch import Device
from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.backend.run import Run

#: Names in the order of the enums of shade_meshes.h.
SHADINGS = ("phong", "flat", "normals", "gouraud", "unlit")
ALPHA_MODES = ("opaque", "mask", "blend")
WRAPS = ("repeat", "clamp", "mirror")
FILTERS = ("linear", "nearest")


class Surface(NamedTuple):
    """A mesh and its looks, packed. Real arrays are of one type, float32 or float64; None: the mesh has
    none."""

    verts: Any  # (V, 3) in the space of the lights and of the camera
    faces: Any  # (F, 3) int64
    normals: Any  # (VN, 3), or None: the faces' own
    faces_normals: Any  # (F, 3) int64 ids into normals; -1: the face's own normal
    uvs: Any  # (VT, 2) v = 0 at the bottom, or None
    faces_uvs: Any  # (F, 3) int64 ids into uvs; -1: (0, 0)
    colors: Any  # (V, 4) linear light, or None
    faces_material: Any  # (F,) int32 ids into materials, or None: material 0
    materials: Any  # (M, 12) base colour 4, emissive 3, specular 3, shininess, alpha cutoff
    material_codes: Any  # (M, 4) int32 base texture, emissive texture, alpha mode, unlit; no texture: -1
    texels: Any  # (X, 4) uint8, all mip levels of all textures, row 0 at the top
    textures: Any  # (T, 7) int64 first texel, width, height, levels, wrap u, wrap v, filter
    half_codes: Any  # (511,) linear light of the sRGB codes 0, 0.5, 1 ... 255


class Pixels(NamedTuple):
    """Pixels with straight alpha, and whether every sample had room for all the fragments that show in it."""

    image: Any  # (H, W, C) uint8, or None
    linear: Any  # (H, W, 4) real, linear light, or None
    finished: bool


def shade_meshes(
    fragments: Fragments,  # (1, H * S, W * S, K)
    surface: Surface,
    lights: Any,  # (L, 14) position or direction 4, ambient 3, diffuse 3, specular 3, softness
    camera: Any,  # (4,) position (x, y, z, 1) or direction towards the camera (x, y, z, 0)
    background: Any,  # (4,) straight alpha, linear light (as displayed where not srgb)
    *,
    backdrop: Any = None,  # (H, W, 4) uint8
    wireframe: Any = None,  # (4,) colour 3, linear light (as displayed where not srgb); squared NDC distance
    supersampling: int = 1,  # S
    shading: str = "phong",
    focal: float = 0.0,
    two_sided: bool = True,
    srgb: bool = True,
    want_image: bool = True,
    channels: int = 4,  # C
    want_linear: bool = False,
    check_ids: bool = True,
    device: Device | None = None,
) -> Pixels:
    """Shade samples and resolve them to pixels.

    A sample composites its K fragments front to back; a pixel is the mean of its S x S samples,
    premultiplied, over the background. Phong reflection in linear light: (ambient + diffuse) * texel +
    specular, summed over the lights, specular only where the diffuse cosine is positive. Texels are looked up
    bilinearly between centres at half integers, and between two mip levels.

    Args:
        fragments: Of one mesh, with zbuf and bary_coords, in the real type of the surface.
        surface: The mesh, its materials and textures.
        lights: Each with (x, y, z, 1) or, towards the light, (x, y, z, 0); softness 0 is Lambert's cosine, 1
            spreads the light over a hemisphere.
        camera: Where the viewer is, for highlights and for the side of a face.
        background: Its alpha counts.
        backdrop: A picture behind instead of the background, straight alpha, in codes as the output's.
        wireframe: Colour of what lies within a distance of a face's edge; needs the fragments' dists.
        supersampling: Samples along each side of a pixel.
        shading: "phong"; "gouraud" (lit at the corners, interpolated); "flat" (the light at the middle of a
            face, with the face's own normal); "unlit" (base colour and emission); or "normals" (a picture of
            the normals, x right, y up, z towards the viewer; takes the surface in view space).
        focal: Samples for one view unit at depth 1 (anywhere, when orthographic), to choose mip levels; 0: no
            mip maps.
        two_sided: Turn normals towards the viewer.
        srgb: Encode the 8-bit image; False: its codes are linear.
        want_image: Make the 8-bit image.
        channels: Of the 8-bit image: 4, or 3 to leave out alpha.
        want_linear: Make the picture in linear light.
        check_ids: Look whether ids point past their tables; False where ``check_surface_ids`` has.
        device: Where to run; by default where the arrays are. NumPy arrays run on the CPU schedule.

    Raises:
        ValueError: An array of a wrong shape or type.
        IndexError: An id that points past its table.
    """
    on_host = isinstance(surface.verts, np.ndarray)
    if on_host:
        lights, camera, background = (
            np.ascontiguousarray(x, dtype=surface.verts.dtype) for x in (lights, camera, background)
        )
        if wireframe is not None:
            wireframe = np.ascontiguousarray(wireframe, dtype=surface.verts.dtype)
    check_arguments(
        fragments, surface, lights, camera, background, backdrop, wireframe, supersampling, shading
    )
    if channels not in (3, 4):
        raise ValueError(f"shade_meshes: channels must be 3 or 4, got {channels}")
    if check_ids:
        check_surface_ids(surface)
    run = Run("shade_meshes", surface.verts, device)
    height, width = (side // supersampling for side in fragments.pix_to_face.shape[1:3])
    image = run.empty(height, width, channels, dtype="uint8") if want_image else None
    linear = run.empty(height, width, 4) if want_linear else None
    unfinished = run.full(0, 1, dtype="int32")
    grid = {
        "pix_to_face": fragments.pix_to_face[0],
        "zbuf": fragments.zbuf[0],
        "bary_coords": fragments.bary_coords[0],
        "dists": None if wireframe is None else fragments.dists[0],
        "height": height,
        "width": width,
        "supersampling": supersampling,
        "faces_per_pixel": fragments.pix_to_face.shape[3],
    }
    scene = {
        **surface._asdict(),
        "lights": lights,
        "num_lights": len(lights),
        "camera": camera,
        "background": background,
        "backdrop": backdrop,
        "wireframe": wireframe,
        "focal": focal,
        "shading": SHADINGS.index(shading),
        "two_sided": two_sided,
        "srgb": srgb,
    }
    out = {"channels": channels, "image": image, "linear": linear, "unfinished": unfinished}
    run.start("shade_meshes_fwd", height * width, **grid, **scene, **out)
    return Pixels(image, linear, not run.arrays.numpy(unfinished)[0])


def check_arguments(
    fragments: Fragments,
    surface: Surface,
    lights: Any,
    camera: Any,
    background: Any,
    backdrop: Any,
    wireframe: Any,
    supersampling: int,
    shading: str,
) -> None:
    """Raise an error that names the argument which does not fit."""
    real = _dtype(surface.verts)
    if real not in ("float32", "float64"):
        raise ValueError(f"shade_meshes: verts must be float32 or float64, got {real}")
    if shading not in SHADINGS:
        raise ValueError(f"shade_meshes: shading must be one of {', '.join(SHADINGS)}, got {shading!r}")
    expected: dict[str, tuple[str, tuple[int | None, ...]]] = {
        "verts": (real, (None, 3)),
        "faces": ("int64", (None, 3)),
        "normals": (real, (None, 3)),
        "faces_normals": ("int64", (len(surface.faces), 3)),
        "uvs": (real, (None, 2)),
        "faces_uvs": ("int64", (len(surface.faces), 3)),
        "colors": (real, (len(surface.verts), 4)),
        "faces_material": ("int32", (len(surface.faces),)),
        "materials": (real, (None, 12)),
        "material_codes": ("int32", (len(surface.materials), 4)),
        "texels": ("uint8", (None, 4)),
        "textures": ("int64", (None, 7)),
        "half_codes": (real, (511,)),
    }
    for name, (dtype, shape) in expected.items():
        if getattr(surface, name) is not None:
            _check_array(name, getattr(surface, name), dtype, shape)
    _check_array("lights", lights, real, (None, 14))
    _check_array("camera", camera, real, (4,))
    _check_array("background", background, real, (4,))
    pixels = fragments.pix_to_face.shape[1:]
    _check_array("pix_to_face", fragments.pix_to_face, "int64", (1, *pixels))
    _check_array("zbuf", fragments.zbuf, real, (1, *pixels))
    _check_array("bary_coords", fragments.bary_coords, real, (1, *pixels, 3))
    if supersampling < 1 or pixels[0] % supersampling or pixels[1] % supersampling:
        raise ValueError(
            f"shade_meshes: supersampling must divide the fragments' size {pixels[:2]}, got {supersampling}"
        )
    if backdrop is not None:
        height, width = (side // supersampling for side in pixels[:2])
        _check_array("backdrop", backdrop, "uint8", (height, width, 4))
    if wireframe is not None:
        _check_array("wireframe", wireframe, real, (4,))
        _check_array("dists", fragments.dists, real, (1, *pixels))
    if surface.normals is not None:
        _check_array("faces_normals", surface.faces_normals, *expected["faces_normals"])
    if surface.uvs is not None:
        _check_array("faces_uvs", surface.faces_uvs, *expected["faces_uvs"])
    if surface.faces_material is None and not len(surface.materials):
        raise ValueError("shade_meshes: materials must have at least one row")


def check_surface_ids(surface: Surface) -> None:
    """Raise an IndexError that names the table whose ids point past another's rows."""
    _check_ids("faces", surface.faces, 0, len(surface.verts), "verts")
    if surface.normals is not None:
        _check_ids("faces_normals", surface.faces_normals, -1, len(surface.normals), "normals")
    if surface.uvs is not None:
        _check_ids("faces_uvs", surface.faces_uvs, -1, len(surface.uvs), "uvs")
    if surface.faces_material is not None:
        _check_ids("faces_material", surface.faces_material, 0, len(surface.materials), "materials")
    _check_ids("material_codes", surface.material_codes[:, :2], -1, len(surface.textures), "textures")


def _dtype(array: Any) -> str:
    return "None" if array is None else str(array.dtype).removeprefix("torch.")


def _check_array(name: str, array: Any, dtype: str, shape: tuple[int | None, ...]) -> None:
    got = _dtype(array)
    if got != dtype:
        raise ValueError(f"shade_meshes: {name} must be {dtype}, got {got}")
    if array.ndim != len(shape) or any(
        want not in (None, have) for want, have in zip(shape, array.shape, strict=True)
    ):
        wanted = "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"
        raise ValueError(f"shade_meshes: {name} must have shape {wanted}, got {tuple(array.shape)}")
    if isinstance(array, np.ndarray) and not array.flags.c_contiguous:  # the launch door looks at others
        raise ValueError(f"shade_meshes: {name} must be C-contiguous")


def _check_ids(name: str, ids: Any, lowest: int, count: int, table: str) -> None:
    if len(ids) and (ids.min() < lowest or ids.max() >= count):
        raise IndexError(f"shade_meshes: {name} points outside [{lowest}, {count}), the rows of {table}")
