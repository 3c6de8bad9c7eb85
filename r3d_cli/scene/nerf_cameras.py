"""NeRF's ``transforms.json``, as NeRF's data sets, instant-ngp and nerfstudio have it.

Angles are radians, lengths pixels from the picture's top-left corner. What the frames share stands beside
them, and a frame may have its own:

- ``fl_x``, ``fl_y``: focal lengths; or ``camera_angle_x``, ``camera_angle_y``: fields of view across the
  picture's whole width and height. One of the two lengths or angles stands for both.
- ``cx``, ``cy``: the principal point; else the middle of the picture.
- ``w``, ``h``: the picture's size; else that of the frame's image, where it lies beside the file.
- ``frames[].transform_matrix``: 4x4, camera to world, for column vectors, in OpenGL's axes: +X to the right,
  +Y up, the camera looks along -Z.
- ``frames[].file_path``: the image, whose stem becomes the camera's name.
- ``k1`` and so on, lens distortion: left out, with a warning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from r3d_cli.scene.camera import Calibration, Camera
from r3d_cli.scene.camera_entries import NEAR, check_lens, matrix_pose, read_size
from r3d_cli.scene.json_entry import Entry

_SQUARE = 2, 2
_EXTENSIONS = ("", ".png", ".jpg", ".jpeg", ".webp")


def read_frames(
    top: Entry, size: tuple[int, int] | None, warnings: list[str]
) -> Iterator[tuple[str, Camera, tuple[int, int] | None]]:
    """Each frame's name, camera, and its picture's height and width where it tells them.

    Args:
        top: The whole file.
        size: For frames that do not tell theirs; None: those in pixels are errors, others square.
        warnings: Gets a line where there is lens distortion.

    Raises:
        R3dError: a frame is not as described.
    """
    for i, frame in enumerate(top.entries("frames")):
        check_lens(frame, warnings)
        image = PurePosixPath(frame.text("file_path").replace("\\", "/")) if "file_path" in frame else None
        name = image.stem if image is not None and image.stem else f"{i:03}"
        own = read_size(frame, "h", "w") or (_image_size(top.file, image) if image else None)
        pixels = own or size
        if pixels is None and not any(key in frame for key in ("fl_x", "fl_y", "cx", "cy")):
            pixels = _SQUARE  # angles need no more than the picture's shape
        if pixels is None:
            frame.lacks("w and h, and its image is not there to ask; add them, or give the picture's size")
        if "transform_matrix" not in frame.values:
            frame.lacks("transform_matrix; add the 4x4 matrix from the camera to the world")
        # As Blender writes it: the axes are OpenGL's too, and the object's scale does not count.
        R, T = matrix_pose(frame, "transform_matrix", "blender")
        yield name, Camera.from_pixels(R, T, _calibration(frame, pixels), pixels, z_near=NEAR), own


def _calibration(frame: Entry, size: tuple[int, int]) -> Calibration:
    height, width = size
    holder = frame.holder("fl_x", "fl_y", "camera_angle_x", "camera_angle_y")
    if holder is None:
        frame.lacks("fl_x or camera_angle_x; add a focal length in pixels or an angle in radians")
    fx, fy = _focal(holder, "x", width), _focal(holder, "y", height)
    cx = frame.number("cx") if "cx" in frame else width / 2
    cy = frame.number("cy") if "cy" in frame else height / 2
    # One of the two is there.
    return Calibration(fx or fy or 0.0, fy or fx or 0.0, cx, cy)


def _focal(holder: Entry, axis: str, side: int) -> float | None:
    if holder.values.get(f"fl_{axis}") is not None:
        return holder.number(f"fl_{axis}", positive=True)
    if holder.values.get(f"camera_angle_{axis}") is not None:
        return side / 2 / math.tan(holder.number(f"camera_angle_{axis}", positive=True, below=math.pi) / 2)
    return None


def _image_size(file: str, image: PurePosixPath) -> tuple[int, int] | None:
    """Height and width of a frame's image, or None where there is none that can be read."""
    from PIL import Image

    for extension in _EXTENSIONS:
        path = Path(file).parent / f"{image}{extension}"
        try:
            if path.is_file():
                with Image.open(path) as opened:
                    return opened.height, opened.width
        except (OSError, ValueError, Image.DecompressionBombError):  # no image, or a name that cannot be
            continue
    return None
