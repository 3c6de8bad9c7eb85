"""Display values (sRGB, IEC 61966-2-1) and linear light."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def srgb_to_linear(display: ArrayLike) -> NDArray[np.floating]:
    """Linear light of display values in [0, 1], elementwise; float32 stays float32.

    >>> srgb_to_linear([0.0, 0.5, 1.0]).round(4).tolist()
    [0.0, 0.214, 1.0]
    """
    value = np.asarray(display)
    if value.dtype != np.float32:
        value = value.astype(np.float64)
    curve = ((np.maximum(value, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(value <= 0.04045, value / 12.92, curve)


def linear_to_srgb(light: ArrayLike) -> NDArray[np.floating]:
    """Display values of linear light in [0, 1], elementwise; float32 stays float32.

    >>> linear_to_srgb([0.0, 0.214, 1.0]).round(4).tolist()
    [0.0, 0.5, 1.0]
    """
    value = np.asarray(light)
    if value.dtype != np.float32:
        value = value.astype(np.float64)
    curve = 1.055 * np.maximum(value, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(value <= 0.0031308, value * 12.92, curve)
