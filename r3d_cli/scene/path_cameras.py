"""Camera paths of nerfstudio's viewer, ``camera_path.json``.

- ``camera_path[].camera_to_world``: 16 numbers, a 4x4 matrix by rows, in OpenGL's axes.
- ``camera_path[].fov``: across the picture's height, degrees.
- ``render_width``, ``render_height``: the picture's size, pixels.
- ``camera_type``: perspective; others are refused.

The world is nerfstudio's, which it turned and scaled: meshes that it exports lie in the same one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from r3d_cli.scene.json_entry import Entry


def path_entries(top: Entry) -> Iterator[tuple[str, dict[str, Any]]]:
    """The place of each camera of a path, and the camera in the form of `camera_files`."""
    if "camera_type" in top:
        top.text("camera_type", ("perspective",))
    height, width = top.pixels("render_height"), top.pixels("render_width")
    for camera in top.entries("camera_path"):
        matrix = camera.array("camera_to_world", (16,), (4, 4), (3, 4)).reshape(-1, 4)
        fov = camera.number("fov", positive=True, below=180.0)
        yield (
            camera.place,
            {
                "convention": "opengl",
                "width": width,
                "height": height,
                "fov": over_shorter(fov, width / height),
                "camera_to_world": matrix.tolist(),
            },
        )


def over_shorter(fov: float, aspect: float) -> float:
    """The field of view across the shorter side from that across the height, degrees.

    Args:
        fov: Across the height.
        aspect: Width over height.

    Example:
        >>> over_shorter(60.0, 16 / 9), round(over_shorter(90.0, 0.5), 3)
        (60.0, 53.13)
    """
    if aspect >= 1:
        return fov
    return math.degrees(2 * math.atan(math.tan(math.radians(fov) / 2) * aspect))
