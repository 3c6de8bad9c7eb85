"""The lights of a picture that nobody asked lights for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: In view space (x left, y up, z into the scene), where the camera is the origin. A row: position (x, y, z,
#: 1) or direction towards the light (x, y, z, 0); ambient, diffuse and specular colour; softness.
#:
#: A key light at the camera leaves nothing in the dark but flattens forms; a soft light from above the left
#: shoulder and a weak, cooler one from below the right give them a side that is brighter and one that is
#: darker. On a surface that faces the camera they add up to about 1, so that white is white and nothing
#: clips.
DEFAULT_LIGHTS: NDArray[np.float64] = np.array(
    [
        [0.0, 0.0, 0.0, 1.0, 0.03, 0.03, 0.03, 0.42, 0.42, 0.42, 0.6, 0.6, 0.6, 0.0],
        [0.65, 0.75, -0.55, 0.0, 0.0, 0.0, 0.0, 0.62, 0.61, 0.59, 1.0, 1.0, 1.0, 0.35],
        [-0.8, -0.3, -0.1, 0.0, 0.0, 0.0, 0.0, 0.1, 0.11, 0.13, 0.0, 0.0, 0.0, 0.6],
    ]
)  # (L, 14)
