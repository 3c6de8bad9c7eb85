"""What a picture may hold besides colour, and how that is written down in 8 and 16 bits.

======== ======================= ==========================================================================
pass     values                  meaning
======== ======================= ==========================================================================
rgb      (H, W, 3 or 4) uint8    the picture, sRGB, straight alpha
depth    (H, W) float32          distance from the camera's plane (not from its centre), the mesh's units;
                                 infinity where nothing is
normal   (H, W, 3) float32       unit, camera space: x right, y up, z towards the viewer; 0 where nothing is
mask     (H, W) bool             whether a surface is there
faceid   (H, W) int32            row of the mesh's faces, -1 where nothing is
uv       (H, W, 2) float32       texture coordinates, v = 0 at the bottom; NaN where nothing is and where the
                                 mesh has none
position (H, W, 3) float32       in the world, the mesh's units; NaN where nothing is; float64 for a mesh
                                 whose vertices are
======== ======================= ==========================================================================

All but rgb are measured at the centre of each pixel, whatever the supersampling: a mean of two depths or ids
would be that of no surface. The surface that counts is the nearest that is not cut out: one whose material
has an alpha mask counts where its alpha reaches the cutoff, a blended one wherever its alpha is not 0,
however clear it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError

PASSES = ("rgb", "depth", "normal", "mask", "faceid", "uv", "position")

#: Pixels that are encoded at a time.
_BAND = 2**18

#: Depths that differ by less than this share are one in 8 bits.
_ROUNDING = 1e-4

#: Code of the farthest surface in 8-bit depth; nothing is 0.
_FARTHEST = 40


def to_png8(name: str, values: NDArray[Any]) -> NDArray[np.uint8]:  # (H, W) or (H, W, 3)
    """A pass for looking at; black where nothing is.

    Depth: near is bright, far dark, spread over the range that the picture holds. Normal: -1..1 as 0..255.
    Mask: white. Face ids: colours that differ between neighbours. uv: u mod 1 is red, v mod 1 green.
    Position: x, y and z as red, green and blue, each spread over its range in the picture.

    Raises:
        ValueError: There is no such pass.

    Example:
        >>> to_png8("depth", np.array([[1.0, 3.0, np.inf]], np.float32)).tolist()
        [[255, 40, 0]]
    """
    _check(name)
    if name == "rgb":
        return values
    low, high = _range(name, values) if name in ("depth", "position") else (None, None)
    codes = np.empty(values.shape[:2] if name in ("depth", "mask") else (*values.shape[:2], 3), np.uint8)
    for rows in _bands(values):
        codes[rows] = _shades8(name, values[rows], low, high)
    return codes


def _shades8(name: str, values: NDArray[Any], low: Any, high: Any) -> NDArray[np.uint8]:
    there = covered(name, values)
    if name == "mask":
        return np.where(there, np.uint8(255), np.uint8(0))
    if name == "faceid":
        return np.where(there[..., None], _id_colors(values), np.uint8(0))
    if name == "normal":
        shades = (values + 1) / 2
    elif name == "uv":
        shades = np.concatenate([_fraction(values), np.zeros_like(values[..., :1])], axis=-1)
    else:
        if name == "depth":  # a wall seen from the front shows no rounding
            high = np.maximum(high, low * (1 + _ROUNDING))
        span = np.where(high > low, high - low, 1)
        shades = (values - low) / span
        if name == "depth":
            shades = 1 - shades * (1 - _FARTHEST / 255)
    if shades.ndim == 3:
        there = there[..., None]
    return np.rint(255 * np.where(there, shades, 0)).astype(np.uint8)


def to_png16(
    name: str, values: NDArray[Any], *, depth_scale: float | None = None
) -> tuple[NDArray[np.uint16], dict[str, Any]]:
    """A pass for measuring, as 16-bit codes, (H, W) or (H, W, 3), and notes on how to read them.

    ======== ============================================================================================
    depth    code * scale; 0: nothing. The scale, of 1, 2 or 5 times a power of ten, is in the notes
    normal   code / 65535 * 2 - 1 of x, y, z; 0, 0, 0: nothing
    mask     65535, or 0: nothing
    faceid   code - 1; 0: nothing
    uv       code / 65535 of u mod 1 and v mod 1 (1 stays 1); the third channel is 65535, or 0: nothing
    position offset + (code - 1) * scale of x, y, z; 0, 0, 0: nothing. Both are in the notes
    ======== ============================================================================================

    Args:
        name: The pass.
        values: Its values.
        depth_scale: Of depth, mesh units; None: the finest round one that holds the picture.

    Raises:
        ValueError: There is no such pass with 16 bits.
        R3dError: Face ids beyond 65534, or depths beyond 65535 times ``depth_scale``, which 16 bits do not
            hold.

    Example:
        >>> codes, notes = to_png16("depth", np.array([[1.0, 3.0, np.inf]], np.float32))
        >>> codes.tolist(), notes["scale"]
        ([[20000, 60000, 0]], 5e-05)
    """
    _check(name)
    if name == "rgb":
        raise ValueError("rgb has 8 bits, use to_png8")
    if name == "mask":
        return np.where(values, np.uint16(65535), np.uint16(0)), {"nothing": 0}
    if name == "faceid":
        if values.size and int(values.max()) > 65534:
            raise R3dError(
                f"faceid: 16 bits hold ids up to 65534, this picture has {values.max()}; write NPY or EXR"
            )
        return (values + 1).astype(np.uint16), {"offset": -1, "nothing": 0}
    if name == "depth":
        return _depth_codes(values, depth_scale)
    codes = np.empty((*values.shape[:2], 3), np.uint16)
    if name == "normal":
        for rows in _bands(values):
            codes[rows] = _codes(name, values[rows], (values[rows] + 1) / 2)
        return codes, {"scale": 2 / 65535, "offset": -1, "nothing": 0, "axes": "x right, y up, z to viewer"}
    if name == "uv":
        for rows in _bands(values):
            band = values[rows]
            shades = np.concatenate([_fraction(band), np.ones_like(band[..., :1])], axis=-1)
            codes[rows] = _codes(name, band, shades)
        return codes, {"scale": 1 / 65535, "nothing": 0, "modulo": 1}
    low, high = _range(name, values)
    scale = _round_scale(float((high - low).max()) / 65534)
    for rows in _bands(values):
        there = covered(name, values[rows])[..., None]
        steps = 1 + np.rint((np.where(there, values[rows], low) - low) / scale)
        codes[rows] = np.where(there, steps.clip(1, 65535), 0)
    return codes, {"scale": scale, "offset": [float(x) for x in low], "unit": "mesh", "nothing": 0}


def _depth_codes(
    depth: NDArray[np.floating], scale: float | None
) -> tuple[NDArray[np.uint16], dict[str, Any]]:
    farthest = max(
        (np.where(np.isinf(depth[r]), 0, depth[r]).max(initial=0) for r in _bands(depth)), default=0
    )
    if scale is None:
        scale = _round_scale(float(farthest) / 65535)
    elif farthest > 65535.5 * scale:
        raise R3dError(
            f"depth: the farthest surface is {farthest:g} away, beyond 65535 steps of {scale:g}; give a "
            "greater --depth-scale"
        )
    codes = np.empty(depth.shape, np.uint16)
    for rows in _bands(depth):
        steps = np.rint(depth[rows] * depth.dtype.type(1 / scale))
        np.clip(steps, 1, 65535, out=steps)  # 0 is nothing: what is nearer than half a step is one away
        np.copyto(steps, 0, where=np.isinf(depth[rows]))
        codes[rows] = steps
    return codes, {"scale": scale, "unit": "mesh", "nothing": 0}


def _bands(values: NDArray[Any]) -> Iterator[slice]:
    """Some rows at a time, so that what is computed on the way stays in the caches."""
    count = max(_BAND // max(values.shape[1], 1), 1)
    return (slice(first, first + count) for first in range(0, len(values), count))


def covered(name: str, values: NDArray[Any]) -> NDArray[np.bool_]:  # (H, W)
    """Where a pass other than rgb holds something."""
    if name == "mask":
        return values
    if name == "depth":
        return np.isfinite(values)
    if name == "faceid":
        return np.asarray(values >= 0)
    if name == "normal":
        return np.asarray(values.any(axis=-1))
    return np.isfinite(values).all(axis=-1)


def _check(name: str) -> None:
    if name not in PASSES:
        raise ValueError(f"pass must be one of {', '.join(PASSES)}, got {name!r}")


def _fraction(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """What lies in 0..1 as it is, the rest modulo 1."""
    return np.where((values >= 0) & (values <= 1), values, values - np.floor(values))


def _codes(name: str, values: NDArray[np.floating], shades: NDArray[np.floating]) -> NDArray[np.uint16]:
    there = covered(name, values)[..., None]
    return np.rint(65535.0 * np.where(there, shades, 0).clip(0, 1)).astype(np.uint16)


def _range(name: str, values: NDArray[np.floating]) -> tuple[Any, Any]:  # float64, () or (3,)
    """The least and the largest of each channel; 0 where nothing is there."""
    ends = []
    for rows in _bands(values):
        seen = values[rows][covered(name, values[rows])].astype(np.float64)
        if len(seen):
            ends.append((seen.min(axis=0), seen.max(axis=0)))
    if not ends:
        return np.zeros(values.shape[2:]), np.zeros(values.shape[2:])
    lows, highs = zip(*ends, strict=True)
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _round_scale(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least this; 1 for 0."""
    if not least > 0:
        return 1.0
    power = math.floor(math.log10(least)) - 1
    steps = [float(f"{digit}e{exponent}") for exponent in range(power, power + 4) for digit in (1, 2, 5)]
    return next(step for step in steps if step >= least)


def _id_colors(ids: NDArray[np.integer]) -> NDArray[np.uint8]:  # (H, W, 3)
    """Colours of face ids: a step of the golden ratio around the hues, then of the brightness."""
    hue = (ids * 0.6180339887) % 1
    value = 0.65 + 0.35 * ((ids * 0.7548776662) % 1)
    channels = [np.abs((hue * 6 - shift) % 6 - 3) - 1 for shift in (0, 2, 4)]
    rgb = np.stack([np.clip(channel, 0, 1) for channel in channels], axis=-1)
    return np.rint(255 * value[..., None] * (0.25 + 0.75 * rgb)).astype(np.uint8)
