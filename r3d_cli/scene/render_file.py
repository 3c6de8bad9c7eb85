"""One mesh file to its pictures: read, prepared once, drawn from every camera, each pass written."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError
from r3d_cli.scene.camera import Camera
from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.inputs import Input
from r3d_cli.scene.model import Material, RawMesh, Texture

SOFT = ("soft-phong", "silhouette")
Color = tuple[float, float, float, float]  # sRGB and alpha, 0..1
Size = tuple[int, int]  # H, W


@dataclass(frozen=True)
class Look:
    """How a mesh is drawn; what each means is said by ``scene.draw.draw`` and ``scene.soft.draw_soft``."""

    size: Size
    passes: tuple[str, ...] = ("rgb",)
    bits: int = 8  # of each channel of a PNG
    shading: str = "phong"
    background: Color | NDArray[np.uint8] = (1.0, 1.0, 1.0, 1.0)
    supersampling: int = 2
    lights: NDArray[np.floating] | None = None
    cull: bool = False
    wireframe: Any = None
    color: Color | None = None  # of the whole mesh, instead of its own
    texture: Path | None = None  # on the whole mesh, instead of its own
    soft: Mapping[str, Any] = field(default_factory=dict)  # sigma, gamma, blur, faces_per_pixel
    device: str = "auto"

    @property
    def is_soft(self) -> bool:
        return self.shading in SOFT


@dataclass(frozen=True)
class Shot:
    """One camera of a file."""

    view: int
    name: str
    camera: Camera
    size: Size


@dataclass(frozen=True)
class Placement:
    """Where the cameras stand: given ones, or turns around the mesh."""

    angles: Sequence[tuple[float, float]]  # azimuth, elevation; degrees
    framing: Mapping[str, Any] = field(default_factory=dict)  # more arguments of `frame`
    cameras: Sequence[Any] = ()  # NamedCamera; where there are any, they count

    def __len__(self) -> int:
        return len(self.cameras) or len(self.angles)

    def names(self) -> list[str]:
        return [camera.name for camera in self.cameras] or [str(view) for view in range(len(self.angles))]

    def shots(self, mesh: RawMesh, size: Size) -> Iterator[Shot]:
        """The cameras, one after the other.

        Raises:
            ValueError: The mesh has nothing to look at.
        """
        for view, given in enumerate(self.cameras):
            yield Shot(view, given.name, given.camera, given.size or size)
        if self.cameras:
            return
        from r3d_cli.scene.framing import frame

        for view, (azimuth, elevation) in enumerate(self.angles):
            camera = frame(mesh, azimuth=azimuth, elevation=elevation, size=size, **self.framing)
            yield Shot(view, str(view), camera, size)


@dataclass(frozen=True)
class Outcome:
    """What came of a file."""

    pictures: list[dict[str, Any]]  # a record each, in the form of --json
    warnings: list[str]
    cameras: list[Any]  # NamedCamera


def read_drawn(item: Input, look: Look, format: str | None = None) -> RawMesh:
    """Read a mesh and give it the look's colour or texture.

    Raises:
        R3dError: It cannot be read, or has nothing to draw.
    """
    from r3d_cli.scene.readers import read_mesh

    mesh = read_mesh(item.source, format, name=item.name)
    if not len(mesh.faces):
        what = f"only {len(mesh.verts):,} points" if len(mesh.verts) else "no faces"
        raise R3dError(f"{item.name}: has {what}; render draws triangle meshes")
    if look.texture is not None:
        _cover(mesh, look.texture, item.name)
    elif look.color is not None:
        r, g, b = srgb_to_linear(look.color[:3]).tolist()
        mode = "opaque" if look.color[3] == 1 else "blend"
        mesh.materials = [Material(base_color=(r, g, b, look.color[3]), alpha_mode=mode)]
        mesh.faces_material, mesh.colors = None, None
    return mesh


def _cover(mesh: RawMesh, file: Path, name: str) -> None:
    """Put the image ``file`` on the whole mesh instead of its own materials."""
    from r3d_cli.scene.readers.images import ImageError, read_image

    if mesh.uvs is None:
        raise R3dError(f"{name}: has no texture coordinates to put {file} on; leave out --texture")
    if not file.is_file():
        raise R3dError(f"{file}: no such image for --texture")
    try:
        image = read_image(file, alpha=True)
    except ImageError as error:
        raise R3dError(f"{file}: cannot be read as the image of --texture: {error}") from error
    mesh.materials = [Material(base_color=(1.0, 1.0, 1.0, 1.0), base_color_texture=Texture(image))]
    mesh.faces_material = None
    mesh.colors = None
