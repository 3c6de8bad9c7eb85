"""Looks of a whole picture: background, light, and perhaps one material and lines for everything."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.lights import CLAY_LIGHTS, DEFAULT_LIGHTS, DRAFT_LIGHTS
from r3d_cli.scene.model import Material, RawMesh
from r3d_cli.scene.surface import DEFAULT_MATERIAL
from r3d_cli.scene.wireframe import Wireframe


@dataclass(frozen=True)
class Theme:
    """A look.

    Attributes:
        background: Red, green, blue, 0..1, as displayed (sRGB).
        lights: (L, 14) in view space, rows as in ``scene.lights``.
        color: Of everything, instead of materials and vertex colours, as displayed, perhaps with alpha; None:
            the mesh's own.
        specular: With ``color``: how much a highlight reflects, linear, 0..1.
        shininess: With ``color``: Phong's exponent.
        wireframe: Lines over the faces, or None.
        shading: What suits the look.
    """

    background: tuple[float, float, float]
    lights: NDArray[np.floating]
    color: tuple[float, ...] | None = None
    specular: float = 0.0
    shininess: float = 24.0
    wireframe: Wireframe | None = None
    shading: str = "phong"

    def dress(self, mesh: RawMesh) -> RawMesh:
        """The mesh with the theme's material; itself where the theme has none.

        Example:
            >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
            >>> THEMES["studio"].dress(mesh) is mesh, len(THEMES["clay"].dress(mesh).materials)
            (True, 1)
        """
        if self.color is None:
            return mesh
        red, green, blue = srgb_to_linear(self.color[:3]).tolist()
        alpha = self.color[3] if len(self.color) == 4 else 1.0
        material = Material(
            base_color=(red, green, blue, alpha),
            specular=(self.specular,) * 3,
            shininess=self.shininess,
            alpha_mode="opaque" if alpha == 1 else "blend",
        )
        return replace(mesh, materials=[material], faces_material=None, colors=None, face_colors=None)


#: By name. "studio" is what a picture looks like that nobody asked a theme for.
THEMES = {
    "studio": Theme((1.0, 1.0, 1.0), DEFAULT_LIGHTS, specular=DEFAULT_MATERIAL.specular[0]),
    "clay": Theme((0.93, 0.925, 0.915), CLAY_LIGHTS, color=(0.86, 0.66, 0.55), specular=0.03, shininess=9.0),
    "blueprint": Theme(
        (0.035, 0.13, 0.3),
        DRAFT_LIGHTS,
        color=(0.11, 0.3, 0.6),
        wireframe=Wireframe((0.72, 0.87, 1.0), 0.8),
    ),
}
