"""Spheres of nearly equal triangles: a subdivided icosahedron."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from r3d_cli.structures import Meshes

_GOLDEN = (1 + 5**0.5) / 2

_VERTS = np.array(
    [[-1, _GOLDEN, 0], [1, _GOLDEN, 0], [-1, -_GOLDEN, 0], [1, -_GOLDEN, 0]]
    + [[0, -1, _GOLDEN], [0, 1, _GOLDEN], [0, -1, -_GOLDEN], [0, 1, -_GOLDEN]]
    + [[_GOLDEN, 0, -1], [_GOLDEN, 0, 1], [-_GOLDEN, 0, -1], [-_GOLDEN, 0, 1]]
)  # (12, 3)

_FACES = np.array(
    [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11]]  # around vertex 0
    + [[1, 5, 9], [5, 11, 4], [11, 10, 2], [10, 7, 6], [7, 1, 8]]  # beside these
    + [[3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9]]  # around the vertex opposite
    + [[4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1]]
)  # (20, 3) anticlockwise from outside

#: Level 10 has 21 million faces. Levels up to 6, of 82 thousand, are kept in memory.
_MAX_LEVEL, _MAX_KEPT = 10, 6


def ico_sphere(level: int = 0, device: torch.device | str | None = None) -> Meshes:
    """A unit sphere at the origin: an icosahedron, each level of which cuts every face in four.

    A level's vertices are those of the level before, then the midpoints of its edges in the order of
    ``edges_packed``, all on the sphere. Faces are anticlockwise from outside. The order of vertices and faces
    is PyTorch3D's.

    Args:
        level: 0 or more; 10 * 4^level + 2 vertices and 20 * 4^level faces.
        device: Where the mesh goes, the CPU by default.

    Returns:
        A batch of one mesh; vertices float32.

    Raises:
        ValueError: The level is no integer from 0 to 10.

    Example:
        >>> sphere = ico_sphere(2)
        >>> sphere.verts_packed().shape, sphere.faces_packed().shape
        (torch.Size([162, 3]), torch.Size([320, 3]))
    """
    from r3d_cli.structures import Meshes

    if isinstance(level, bool) or not isinstance(level, int | np.integer) or not 0 <= level <= _MAX_LEVEL:
        raise ValueError(f"ico_sphere: level must be an integer from 0 to {_MAX_LEVEL}, got {level!r}")
    verts, faces = _kept(min(int(level), _MAX_KEPT))
    for _ in range(_MAX_KEPT, int(level)):
        verts, faces = _subdivide(verts, faces)
    place = torch.device("cpu" if device is None else device)
    return Meshes(
        verts=[torch.tensor(verts, dtype=torch.float32, device=place)],
        faces=[torch.tensor(faces, dtype=torch.int64, device=place)],
    )


@lru_cache(maxsize=_MAX_KEPT + 1)
def _kept(level: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return (_on_sphere(_VERTS), _FACES) if level == 0 else _subdivide(*_kept(level - 1))


def _subdivide(
    verts: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int64],  # (F, 3)
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:  # (V + E, 3), (4F, 3)
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]], axis=2).reshape(-1, 2)  # (3F, 2)
    keys, inverse = np.unique(sides[:, 0] * len(verts) + sides[:, 1], return_inverse=True)
    ends = np.stack(np.divmod(keys, len(verts)), axis=1)  # (E, 2)
    ab, bc, ca = inverse.reshape(-1, 3).T + len(verts)
    a, b, c = faces.T
    cut = [[a, ab, ca], [b, bc, ab], [c, ca, bc], [bc, ca, ab]]
    return _on_sphere(np.concatenate([verts, verts[ends].mean(axis=1)])), np.hstack(cut).T.copy()


def _on_sphere(verts: NDArray[np.float64]) -> NDArray[np.float64]:
    return verts / np.linalg.norm(verts, axis=1, keepdims=True)
