"""Colours of faces, as files of segments, labels and CAD parts have them, made ready to be drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from r3d_cli.scene.creases import compute_corner_normals
from r3d_cli.scene.model import RawMesh


def spread_face_colors(mesh: RawMesh) -> RawMesh:
    """The mesh with the colours of its faces on vertices, of which each corner then has one of its own.

    Faces keep their order, and normals stay as smooth as they are with shared vertices. A mesh without
    colours of faces is returned as it is.

    Example:
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]] * 2))
        >>> mesh.face_colors = np.array([[1, 0, 0, 1], [0, 1, 0, 1]], np.float32)
        >>> spread_face_colors(mesh).colors[:, 1].tolist()
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    """
    if mesh.face_colors is None:
        return mesh
    faces = mesh.faces
    normals, faces_normals = mesh.normals, mesh.faces_normals
    if normals is None:
        normals, faces_normals = compute_corner_normals(mesh.verts, faces)
    elif faces_normals is None:
        faces_normals = faces
    faces_uvs = mesh.faces_uvs
    if mesh.uvs is not None and faces_uvs is None:
        faces_uvs = faces
    return replace(
        mesh,
        verts=mesh.verts[faces.ravel()],
        faces=np.arange(faces.size).reshape(-1, 3),
        normals=normals,
        faces_normals=faces_normals,
        faces_uvs=faces_uvs,
        colors=np.repeat(mesh.face_colors, 3, axis=0),
        face_colors=None,
    )
