"""Directions to look from: turns about the up axis, or all over a sphere."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from r3d_cli.constants import AZIMUTH, ELEVATION

#: Most views of one mesh.
MAX_VIEWS = 100_000

_GOLDEN_RATIO = (1 + math.sqrt(5)) / 2


@dataclass(frozen=True)
class Views:
    """How many views, and how they lie: "orbit" or "fibonacci"."""

    kind: str
    count: int

    def directions(self, azimuth: float = AZIMUTH, elevation: float = ELEVATION) -> list[tuple[float, float]]:
        """(azimuth, elevation) of each view, degrees; a sphere of them needs no first one.

        Example:
            >>> parse_views("2").directions(azimuth=30.0, elevation=20.0)
            [(30.0, 20.0), (210.0, 20.0)]
        """
        return fibonacci(self.count) if self.kind == "fibonacci" else orbit(self.count, azimuth, elevation)


def orbit(
    count: int, azimuth: float = AZIMUTH, elevation: float = ELEVATION
) -> list[tuple[float, float]]:  # count x (azimuth, elevation)
    """Views at even turns about the up axis, the first from ``azimuth``, all from one elevation; degrees.

    The azimuths go up, by 360 / count each, past 360 where need be: a film may interpolate them.

    Raises:
        ValueError: ``count`` is not 1 to 100,000.

    Example:
        >>> orbit(3, azimuth=0.0, elevation=20.0)
        [(0.0, 20.0), (120.0, 20.0), (240.0, 20.0)]
    """
    _check_count(count)
    return [(azimuth + 360.0 * i / count, elevation) for i in range(count)]


def fibonacci(count: int) -> list[tuple[float, float]]:  # count x (azimuth, elevation)
    """Views spread evenly over the whole sphere, from above to below; degrees, azimuths in 0..360.

    The spherical Fibonacci lattice (Swinbank and Purser 2006, "Fibonacci grids"; Gonzalez 2010): each view
    has an equal share of the height, and the golden ratio's share of a turn after the one before.

    Raises:
        ValueError: ``count`` is not 1 to 100,000.

    Example:
        >>> [(round(azimuth), round(elevation)) for azimuth, elevation in fibonacci(3)]
        [(0, 42), (222, 0), (85, -42)]
    """
    _check_count(count)
    return [
        (
            360.0 * math.modf(i / _GOLDEN_RATIO)[0],
            math.degrees(math.asin(1.0 - (2 * i + 1) / count)),
        )
        for i in range(count)
    ]


def parse_views(text: str) -> Views:
    """``N``, turns about the up axis, or ``fibonacci:N``, all over a sphere.

    Raises:
        ValueError: Anything else.

    Example:
        >>> parse_views("fibonacci:12")
        Views(kind='fibonacci', count=12)
    """
    match = re.fullmatch(r"(?:(fibonacci):)?([0-9]{1,9})", text.strip().lower())
    if not match or not 1 <= int(match[2]) <= MAX_VIEWS:
        raise ValueError(f"views must be N or fibonacci:N with N of 1 to {MAX_VIEWS:,}, got {text!r}")
    return Views(match[1] or "orbit", int(match[2]))


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_VIEWS:
        raise ValueError(f"the number of views must be 1 to {MAX_VIEWS:,}, got {count}")
