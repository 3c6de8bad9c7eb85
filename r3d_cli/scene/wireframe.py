"""Lines along the edges of faces."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Wireframe:
    """How edges are drawn over a shaded picture.

    Attributes:
        color: Red, green, blue, 0..1, as displayed (sRGB).
        width: Of a line between two faces, pixels, wherever it is. Along an outline half of it is seen.

    Raises:
        ValueError: A colour outside 0..1, or a width that is not a positive number.

    Example:
        >>> Wireframe(width=2.0).color
        (0.1, 0.1, 0.1)
    """

    color: tuple[float, float, float] = (0.1, 0.1, 0.1)
    width: float = 1.0

    def __post_init__(self) -> None:
        if len(self.color) != 3 or not all(0.0 <= c <= 1.0 for c in self.color):
            raise ValueError(f"wireframe color must be three numbers in 0..1, got {self.color}")
        if not 0.0 < self.width < math.inf:
            raise ValueError(f"wireframe width must be a positive number of pixels, got {self.width}")
