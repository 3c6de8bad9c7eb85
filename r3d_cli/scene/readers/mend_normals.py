"""Normals that files hold and that are none: zeros and NaN, as exporters write where they know nothing."""

from __future__ import annotations

import numpy as np

from r3d_cli.scene.creases import compute_corner_normals
from r3d_cli.scene.model import RawMesh


def mend_normals(mesh: RawMesh) -> None:
    """Compute the normals of corners whose own is zero or not finite, as drawing does where there are none.

    Example:
        >>> verts, up = np.eye(3, dtype=np.float32), np.array([[0, 0, 0], [0, 0, 1], [0, 0, 1]], np.float32)
        >>> mesh = RawMesh(verts, np.array([[0, 1, 2]]), up)
        >>> mend_normals(mesh)
        >>> mesh.normals[mesh.faces_normals[0]].round(2).tolist()
        [[0.58, 0.58, 0.58], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    """
    if mesh.normals is None or not len(mesh.faces):
        return
    largest = np.abs(mesh.normals).max(axis=1)  # NaN where there is any
    good = np.isfinite(largest) & (largest > 0)
    if good.all():
        return
    ids = mesh.faces if mesh.faces_normals is None else mesh.faces_normals
    bad = (ids >= 0) & ~good[ids]
    if (bad | (ids < 0)).all():
        mesh.normals = mesh.faces_normals = None
    elif bad.any():
        computed, corners = compute_corner_normals(mesh.verts, mesh.faces)
        mesh.normals = np.concatenate([np.where(good[:, None], mesh.normals, 0), computed])
        mesh.faces_normals = np.where(bad, corners + len(good), ids)
