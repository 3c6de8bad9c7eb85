"""Cameras as Open3D and the tools around it write them.

- JSON of a ``PinholeCameraParameters`` or a ``PinholeCameraTrajectory``: what P saves in its window, and
  ``write_pinhole_camera_trajectory``. Matrices are lists by columns; extrinsics are world to camera.
- Trajectories without a lens, whose poses are camera to world: ``.log`` (three numbers, then the rows of a
  4x4 matrix) and TUM's ``.txt`` (time, position, quaternion with the real part last). ``fov`` must be given.

All of these see along +Z with +Y down, as OpenCV does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from r3d_cli.errors import R3dError
from r3d_cli.scene.json_entry import Entry

Values = dict[str, Any]


def is_open3d(top: Entry) -> bool:
    """Whether a JSON file is one of Open3D's."""
    return isinstance(top.values.get("class_name"), str)


def parameters_entries(top: Entry) -> Iterator[tuple[str, Values]]:
    """The place of each camera of a JSON file, and the camera in the form of `camera_files`."""
    kind = top.text("class_name")
    if kind == "PinholeCameraTrajectory":
        cameras = top.entries("parameters")
    elif kind == "PinholeCameraParameters":
        cameras = [top]
    elif kind == "ViewTrajectory":
        top.fail(
            "class_name",
            "is ViewTrajectory, a view of Open3D's window that tells no pose; press P there, which saves "
            "PinholeCameraParameters",
        )
    else:
        top.fail("class_name", f"is {kind}; PinholeCameraParameters and PinholeCameraTrajectory are read")
    for camera in cameras:
        lens = Entry(camera.file, camera.get("intrinsic"), f"{camera.place}intrinsic")
        K = lens.array("intrinsic_matrix", (9,)).reshape(3, 3).T
        extrinsic = camera.array("extrinsic", (16,)).reshape(4, 4).T
        yield (
            camera.place,
            {
                "convention": "opencv",
                "width": lens.get("width"),
                "height": lens.get("height"),
                "K": K.tolist(),
                "world_to_camera": extrinsic.tolist(),
            },
        )


def is_trajectory(path: Path, start: bytes) -> bool:
    """Whether a file of text is a trajectory."""
    extension = path.suffix.lower()
    return extension == ".log" or (extension == ".txt" and _numbers(start) == 8)


def trajectory_entries(path: Path, text: str) -> Iterator[tuple[str, Values]]:
    """The place of each pose of a trajectory, and its camera, without a lens, as `camera_files` has it."""
    lines = [
        (number, line.split())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    read = _log if path.suffix.lower() == ".log" else _tum
    for number, pose in read(path, lines):
        yield f"line {number}", {"convention": "opencv"} | pose


def _log(path: Path, lines: list[tuple[int, list[str]]]) -> Iterator[tuple[int, Values]]:
    for at in range(0, len(lines), 5):
        number = lines[at][0]
        try:
            rows = [[float(word) for word in words] for _, words in lines[at + 1 : at + 5]]
            matrix = np.array(rows).reshape(4, 4)
        except ValueError:
            raise R3dError(
                f"{path}:{number}: must begin a pose: a line of three numbers, then the four of a 4x4 matrix"
            ) from None
        yield number, {"camera_to_world": matrix.tolist()}


def _tum(path: Path, lines: list[tuple[int, list[str]]]) -> Iterator[tuple[int, Values]]:
    from r3d_cli.scene.conventions import quaternion_to_matrix

    for number, words in lines:
        try:
            _, *position, x, y, z, w = map(float, words)
            quaternion, centre = np.array([w, x, y, z]), np.array(position).reshape(3)
        except ValueError:
            raise R3dError(
                f"{path}:{number}: must be a time, TX TY TZ and QX QY QZ QW, eight numbers"
            ) from None
        if not 1e-6 < np.linalg.norm(quaternion) < np.inf:
            raise R3dError(f"{path}:{number}: the quaternion {' '.join(words[4:])} is no rotation")
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = quaternion_to_matrix(quaternion), centre
        yield number, {"camera_to_world": matrix.tolist()}


def _numbers(start: bytes) -> int:
    """How many numbers the first line that is no comment holds; 0 where it holds anything else."""
    for line in start.decode("utf-8", "replace").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            try:
                return len([float(word) for word in words])
            except ValueError:
                return 0
    return 0
