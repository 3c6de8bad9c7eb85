"""What files of cameras share: poses, sizes and lenses of JSON objects, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.conventions import (
    inverse_pose,
    nearest_rotation,
    pose_from,
    quaternion_to_matrix,
)
from r3d_cli.scene.json_entry import Entry

#: Depth of the clipping plane where a file names none, world units.
NEAR = 1e-6

#: A rotation's rows may be off by this in length and angle: files print few digits.
_TOLERANCE = 1e-3
#: Below this the difference is float64's own, and the matrix is taken as it is.
_EXACT = 1e-14

#: Coefficients of lens distortion that files give one by one.
_DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "s1", "s2", "s3", "s4")
#: Camera models, as COLMAP and nerfstudio name them, whose pictures a pinhole's resemble.
_NEAR_PINHOLES = (
    "PERSPECTIVE",
    "SIMPLE_PINHOLE",
    "PINHOLE",
    "SIMPLE_RADIAL",
    "RADIAL",
    "OPENCV",
    "FULL_OPENCV",
)

#: Other names that people give to keys.
ALIASES = {
    "K": ("intrinsics", "intrinsic", "intrinsic_matrix", "camera_matrix"),
    "world_to_camera": ("w2c", "world2cam", "extrinsic", "extrinsics", "extrinsic_matrix"),
    "camera_to_world": ("c2w", "cam2world", "pose"),
}

_POSES = ("world_to_camera", "camera_to_world", "R", "qvec")

Pose = tuple[NDArray[np.float64], NDArray[np.float64]]


def read_pose(entry: Entry, convention: str) -> Pose:
    """R (3, 3) and T (3,) of a `Camera`, from whichever of the keys of a pose the object has."""
    key = entry.one_of(_POSES)
    if key is None:
        entry.lacks("pose; add world_to_camera or camera_to_world (4x4), R and T, or qvec and tvec")
    if key in ("world_to_camera", "camera_to_world"):
        return matrix_pose(entry, key, convention)
    if key == "qvec":
        quaternion, translation = entry.array("qvec", (4,)), _vector(entry, "tvec")
        if not np.linalg.norm(quaternion) > 1e-6:
            entry.fail("qvec", "is zero, which is no rotation; give a quaternion, real part first")
        return pose_from(quaternion_to_matrix(quaternion), translation, convention)
    rotation = _rotation(entry, "R", entry.array("R", (3, 3)))
    translation = _vector(entry, entry.one_of(("T", "t")) or "T")
    return pose_from(rotation.T if convention == "pytorch3d" else rotation, translation, convention)


def matrix_pose(entry: Entry, key: str, convention: str) -> Pose:
    """R and T from a rigid 4x4 or 3x4 matrix; from the camera to the world unless ``key`` says otherwise."""
    matrix = entry.array(key, (4, 4), (3, 4))
    if np.abs(matrix[3:] - [0.0, 0.0, 0.0, 1.0]).max(initial=0.0) > 1e-6:
        entry.fail(key, "must have the last row 0 0 0 1, as matrices for column vectors have; transpose it")
    rotation, translation = matrix[:3, :3], matrix[:3, 3]
    if key == "world_to_camera":
        return pose_from(_rotation(entry, key, rotation), translation, convention)
    if convention == "blender":
        # An object's scale does not count, as in Blender.
        lengths = np.linalg.norm(rotation, axis=0)
        if (np.abs(lengths - 1) > _TOLERANCE).any() and (lengths > 0).all():
            rotation = rotation / lengths
    return pose_from(*inverse_pose(_rotation(entry, key, rotation), translation), convention)


def read_size(entry: Entry, height: str = "height", width: str = "width") -> tuple[int, int] | None:
    """Height and width, pixels, or None where the object has neither."""
    if height not in entry and width not in entry:
        return None
    for key, other in ((height, width), (width, height)):
        if key not in entry:
            entry.lacks(f"{key} beside its {other}; add it, in pixels")
    return entry.pixels(height), entry.pixels(width)


def plain_entry(entry: Entry, warnings: list[str]) -> Entry:
    """An object with our keys in the place of others' (`ALIASES`), and fx, fy, cx and cy in that of K."""
    values = dict(entry.values)
    for key, aliases in ALIASES.items():
        for alias in aliases:
            if values.get(alias) is not None and values.get(key) is None:
                values[key] = values.pop(alias)
    plain = Entry(entry.file, values, entry.place, entry.outer)
    if values.get("K") is None:
        return plain
    K = plain.array("K", (3, 3))
    below = np.abs(K[[1, 2, 2], [0, 0, 1]]).max()
    if below > 1e-6 * abs(K[0, 0]) or abs(K[2, 2] - 1) > 1e-6:
        plain.fail("K", "must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], pixels; write it by rows")
    if abs(K[0, 1]) > 1e-3:
        _warn_once(warnings, f"{entry.file}: has skewed pixels (K), which are drawn straight")
    del values["K"]
    values |= {"fx": K[0, 0], "fy": K[1, 1], "cx": K[0, 2], "cy": K[1, 2]}
    if "convention" not in plain:
        values["convention"] = "opencv"
        _warn_once(
            warnings, f'{entry.file}: has K and no convention; its poses are taken as OpenCV\'s ("opencv")'
        )
    if "width" not in plain and "height" not in plain:
        height, width = max(round(2 * K[1, 2]), 1), max(round(2 * K[0, 2]), 1)
        values |= {"width": width, "height": height}
        _warn_once(
            warnings,
            f"{entry.file}: has K and no width and height; the principal point is taken as the middle of the "
            f"picture: {width}x{height}",
        )
    return plain


def check_lens(entry: Entry, warnings: list[str]) -> None:
    """Refuse what is no pinhole at all, and warn, once a file, of distortion that is left out."""
    if "camera_model" in entry:
        entry.text("camera_model", _NEAR_PINHOLES)
    if entry.get("is_fisheye"):
        entry.fail("is_fisheye", "is set, and a fisheye cannot be drawn; undistort the pictures first")
    found = [key for key in _DISTORTION if key in entry and entry.number(key)]
    if _has_numbers(entry.get("distortion")):
        found.append("distortion")
    if found:
        _warn_once(warnings, f"{entry.file}: has lens distortion ({', '.join(found)}), which is left out")


def _warn_once(warnings: list[str], warning: str) -> None:
    """Add a warning unless there is one that begins like it: the cameras of a file tend to be alike."""
    if not any(known.partition(" (")[0] == warning.partition(" (")[0] for known in warnings):
        warnings.append(warning)


def _vector(entry: Entry, key: str) -> NDArray[np.float64]:  # (3,)
    if key not in entry:
        entry.lacks(f"{key} beside its rotation; add three numbers, world units")
    return entry.array(key, (3,), (3, 1)).reshape(3)


def _rotation(entry: Entry, key: str, matrix: NDArray[np.float64]) -> NDArray[np.float64]:  # (3, 3)
    """The rotation that a matrix is, but for the rounding of its digits."""
    product = matrix.T @ matrix
    error = np.abs(product - np.eye(3)).max()
    size = float(np.cbrt(abs(np.linalg.det(matrix))))
    if error > _TOLERANCE:
        if size <= 1e-6 * np.abs(matrix).max():
            what = "is singular; it must turn and move, and no more"
        elif np.abs(product / size**2 - np.eye(3)).max() <= _TOLERANCE:
            what = f"scales by {size:.4g}; it must turn and move, and no more: divide its first three columns"
        else:
            what = "is no rotation: its columns must be perpendicular and of length 1"
        entry.fail(key, what)
    if np.linalg.det(matrix) < 0:
        entry.fail(key, "mirrors (its determinant is -1); check the convention, or negate one axis")
    return matrix if error <= _EXACT else nearest_rotation(matrix)


def _has_numbers(value: Any) -> bool:
    """Whether there is a number other than zero in a value or a list of them."""
    return any(map(_has_numbers, value)) if isinstance(value, list) else bool(value)
