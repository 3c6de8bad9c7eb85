"""Which floating point type a mesh's vertices need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.bounds import bounds

# float32 resolves 6e-8 of a coordinate's magnitude. A mesh this many times farther from the origin than it is
# large would be drawn with errors of 4e-6 of its size: a hundredth of a pixel at 4096 pixels.
_FAR = 64.0


def compact(verts: NDArray[np.float64]) -> NDArray[np.floating]:  # (V, 3)
    """The vertices as float32, or as they are where float32 would lose detail or range."""
    with np.errstate(all="ignore"):
        single = verts.astype(np.float32)
        loses = _needs_double(verts) and not np.array_equal(single, verts, equal_nan=True)
    return verts if loses else single


def _needs_double(verts: NDArray[np.float64]) -> bool:
    if len(verts) == 0:
        return False
    low, high = bounds(verts)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return _needs_double(verts[np.isfinite(verts).all(axis=1)])
    magnitude, extent = max(np.abs(low).max(), np.abs(high).max()), (high - low).max()
    float32 = np.finfo(np.float32)
    return bool(magnitude > _FAR * extent or magnitude > float32.max or extent < float32.tiny / float32.eps)
