"""Lines along the edges of faces."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wireframe:
    """How edges are drawn over a shaded picture.

    Attributes:
        color: Red, green, blue, 0..1, as displayed (sRGB).
        width: Of a line between two faces, pixels. Along an outline half of it is seen.
    """

    color: tuple[float, float, float] = (0.1, 0.1, 0.1)
    width: float = 1.0
