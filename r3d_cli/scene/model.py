"""What a file holds once it is read: plain arrays, before any camera or device."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError

#: The whole of an OBJ or XYZ file without vertices, as it is written. Other files without any are errors:
#: they were cut short, or are of another format.
NO_VERTICES = b"# a mesh without vertices, written by r3d\n"


@dataclass
class Texture:
    """An image and how it is looked up.

    ``image`` is (H, W, C) uint8 with C = 3 or 4, row 0 at the top; colour is sRGB, alpha linear. Texture
    coordinates have v = 0 at the bottom row and texel centres at half integers.
    """

    image: NDArray[np.uint8]  # (H, W, C)
    wrap: tuple[str, str] = ("repeat", "repeat")  # u, v: repeat | clamp | mirror
    filter: str = "linear"  # linear | nearest


@dataclass
class Material:
    """A surface's look. Colours are linear light."""

    name: str = ""
    base_color: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 1.0)
    base_color_texture: Texture | None = None  # multiplies base_color
    emissive: tuple[float, float, float] = (0.0, 0.0, 0.0)
    emissive_texture: Texture | None = None  # multiplies emissive
    specular: tuple[float, float, float] = (0.04, 0.04, 0.04)
    shininess: float = 32.0  # Phong exponent
    alpha_mode: str = "opaque"  # opaque | mask | blend
    alpha_cutoff: float = 0.5
    double_sided: bool = True
    unlit: bool = False
    statements: dict[str, tuple[float, ...]] = field(
        default_factory=dict
    )  # MTL's ka, kd, ks, ns, unconverted


@dataclass
class RawMesh:
    """A triangle mesh as a file holds it, all parts and materials in one.

    ``verts`` is float32, or float64 where float32 would lose detail (coordinates far from the origin).
    Normals and texture coordinates may have faces of their own; where those are None, ``faces`` indexes them
    too. -1 in ``faces_uvs`` or ``faces_normals`` marks a corner without one.
    """

    verts: NDArray[np.floating]  # (V, 3)
    faces: NDArray[np.int64]  # (F, 3)
    normals: NDArray[np.float32] | None = None  # (VN, 3)
    faces_normals: NDArray[np.int64] | None = None  # (F, 3) ids into normals
    uvs: NDArray[np.float32] | None = None  # (VT, 2)
    faces_uvs: NDArray[np.int64] | None = None  # (F, 3) ids into uvs
    colors: NDArray[np.float32] | None = None  # (V, 4) per-vertex colour, linear light (or see below)
    face_colors: NDArray[np.float32] | None = None  # (F, 4) the same of faces; instead of the vertices' own
    materials: list[Material] = field(default_factory=list)
    faces_material: NDArray[np.int32] | None = None  # (F,) ids into materials, -1: none
    display_colors: bool = False  # colors are display values (sRGB), as all formats but glTF store them
    format: str = ""  # that it was read from
    up: str | None = None  # the format's up axis: y (glTF), z (STL: CAD's custom), None: none
    warnings: list[str] = field(default_factory=list)  # one line each, naming the file


class NotDrawn(str):
    """A warning of what a file asks for and a picture will lack. Who draws no picture may leave it aside."""


class MeshError(R3dError, ValueError):
    """A file that cannot be read; the message is one line that names the file, the place and the mend."""
