"""The lights of a picture that nobody asked lights for, and those of themes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: In view space (x left, y up, z into the scene), where the camera is the origin. A row: position
#: (x, y, z, 1) or direction towards the light (x, y, z, 0); ambient, diffuse and specular colour; softness.
#:
#: A key light at the camera leaves nothing in the dark but flattens forms; a soft fill from above the left
#: shoulder, and a weak, cooler one from below the right, give forms a bright and a dark side. Where the first
#: two reach a surface best they add up to about 1, so that white is white and nothing clips.
DEFAULT_LIGHTS: NDArray[np.float64] = np.array(
    [
        [0.0, 0.0, 0.0, 1.0, 0.02, 0.02, 0.02, 0.36, 0.36, 0.36, 0.6, 0.6, 0.6, 0.0],
        [0.68, 0.78, -0.45, 0.0, 0.0, 0.0, 0.0, 0.75, 0.74, 0.72, 1.0, 1.0, 1.0, 0.25],
        [-0.8, -0.3, -0.1, 0.0, 0.0, 0.0, 0.0, 0.065, 0.07, 0.08, 0.0, 0.0, 0.0, 0.6],
    ]
)  # (L, 14)

#: Large and soft, as through a window on the left and a pale wall on the right: matte forms, no dark side.
CLAY_LIGHTS: NDArray[np.float64] = np.array(
    [
        [0.75, 0.65, -0.5, 0.0, 0.04, 0.04, 0.045, 0.85, 0.82, 0.77, 1.0, 1.0, 1.0, 0.3],
        [-0.9, 0.1, -0.3, 0.0, 0.0, 0.0, 0.0, 0.13, 0.15, 0.19, 0.0, 0.0, 0.0, 0.7],
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.14, 0.14, 0.14, 0.0, 0.0, 0.0, 0.0],
    ]
)  # (L, 14)

#: Mostly the same from everywhere, so that lines carry the form and shading only supports it.
DRAFT_LIGHTS: NDArray[np.float64] = np.array(
    [
        [0.0, 0.0, 0.0, 1.0, 0.3, 0.3, 0.3, 0.35, 0.35, 0.35, 0.0, 0.0, 0.0, 0.0],
        [0.6, 0.8, -0.3, 0.0, 0.0, 0.0, 0.0, 0.4, 0.4, 0.4, 0.0, 0.0, 0.0, 0.4],
    ]
)  # (L, 14)
