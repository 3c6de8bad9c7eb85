"""Poses of other systems' cameras as r3d's, and back.

Others look through the same camera along other axes:

===========  ======  =====  ==============  ===============================================
convention   +X      +Y     the view        pose, by its usual name
===========  ======  =====  ==============  ===============================================
opencv       right   down   along +Z        R, t: world to camera
colmap       right   down   along +Z        qvec, tvec: world to camera
opengl       right   up     along -Z        view matrix: world to camera
blender      right   up     along -Z        matrix_world: camera to world
pytorch3d    left    up     along +Z        R, T: world to camera, for row vectors (r3d's own)
===========  ======  =====  ==============  ===============================================

World axes are never changed: a world with z up keeps it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Signs from view space (+X left, +Y up, +Z into the scene) to the camera axes of others, and back.
AXES: dict[str, tuple[float, float, float]] = {
    "opencv": (-1.0, -1.0, 1.0),
    "opengl": (-1.0, 1.0, -1.0),
    "blender": (-1.0, 1.0, -1.0),
    "pytorch3d": (1.0, 1.0, 1.0),
    "colmap": (-1.0, -1.0, 1.0),
}


def pose_from(
    rotation: NDArray[np.float64],  # (3, 3)
    translation: NDArray[np.float64],  # (3,)
    convention: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """R (3, 3) and T (3,) of a `Camera` from a pose in another system's axes.

    Args:
        rotation, translation: World to camera, for column vectors: ``X_camera = rotation @ X_world +
            translation``.
        convention: One of `AXES`.

    Example:
        >>> R, T = pose_from(np.eye(3), np.array([0.0, 1.0, 5.0]), "opencv")
        >>> T.tolist()
        [0.0, -1.0, 5.0]
    """
    signs = np.array(AXES[convention])
    return rotation.T * signs + 0.0, translation * signs + 0.0  # + 0.0: no -0.0


def pose_to(
    R: NDArray[np.float64],  # (3, 3)
    T: NDArray[np.float64],  # (3,)
    convention: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The inverse of `pose_from`.

    Example:
        >>> rotation, translation = pose_to(np.eye(3), np.array([0.0, -1.0, 5.0]), "opencv")
        >>> translation.tolist()
        [0.0, 1.0, 5.0]
    """
    signs = np.array(AXES[convention])
    return (R * signs).T + 0.0, T * signs + 0.0


def inverse_pose(
    rotation: NDArray[np.float64],  # (3, 3)
    translation: NDArray[np.float64],  # (3,)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """World to camera from camera to world, or the other way round; for column vectors.

    Example:
        >>> inverse_pose(np.eye(3), np.array([0.0, 1.0, 5.0]))[1].tolist()
        [0.0, -1.0, -5.0]
    """
    return rotation.T, 0.0 - rotation.T @ translation


def nearest_rotation(matrix: NDArray[np.float64]) -> NDArray[np.float64]:  # (3, 3) -> (3, 3)
    """The rotation or reflection nearest to a matrix, which takes the rounding of printed numbers away.

    Example:
        >>> nearest_rotation(np.diag([1.001, 1.0, 0.999])).round(6).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    left, _, right = np.linalg.svd(matrix)
    return left @ right


def quaternion_to_matrix(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:  # (4,) -> (3, 3)
    """The rotation, for column vectors, of a quaternion with the real part first; its length does not count.

    Example:
        >>> quaternion_to_matrix(np.array([1.0, 0.0, 0.0, 1.0])).round(6).tolist()  # 90 degrees about z
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def matrix_to_quaternion(rotation: NDArray[np.float64]) -> NDArray[np.float64]:  # (3, 3) -> (4,)
    """The unit quaternion of a rotation, real part first and not negative.

    It is the eigenvector of the greatest eigenvalue of a symmetric matrix (Bar-Itzhack 2000, "New method for
    extracting the quaternion from a rotation matrix"): no branch loses digits.

    Example:
        >>> matrix_to_quaternion(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])).round(6).tolist()
        [0.707107, 0.0, 0.0, 0.707107]
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    lower = np.array(
        [
            [a + e + i, 0.0, 0.0, 0.0],
            [h - f, a - e - i, 0.0, 0.0],
            [c - g, b + d, e - a - i, 0.0],
            [d - b, c + g, f + h, i - a - e],
        ]
    )
    quaternion = np.linalg.eigh(lower)[1][:, -1]  # eigh reads the lower triangle
    return quaternion * np.copysign(1.0, quaternion[0]) + 0.0
