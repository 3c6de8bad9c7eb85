"""Parts of a scene, each with a transform and a material, to one RawMesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.creases import compute_corner_normals
from r3d_cli.scene.model import Material, RawMesh
from r3d_cli.scene.policy import current
from r3d_cli.scene.readers.precision import compact


@dataclass
class Part:
    """Triangles with one material; attributes belong to vertices."""

    verts: NDArray[np.float64]  # (V, 3)
    faces: NDArray[np.int64]  # (F, 3)
    normals: NDArray[np.float32] | None = None  # (V, 3)
    uvs: NDArray[np.float32] | None = None  # (V, 2)
    colors: NDArray[np.float32] | None = None  # (V, 4)
    material: Material | None = None
    transform: NDArray[np.float64] | None = None  # (4, 4) column vectors: M x


def merge(parts: list[Part]) -> RawMesh:
    """One mesh of all parts, in their order, transformed. Materials that several parts share stay one.

    What some parts have and others lack is filled in: white for colours, no texture coordinates (-1), and
    the normals that drawing gives a mesh without any.
    """
    if not parts:
        return RawMesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64))
    current().check_faces(sum(len(part.faces) for part in parts))  # before copies of a few make many
    parts = [_transformed(part) for part in parts]
    first = np.cumsum([0] + [len(part.verts) for part in parts])
    faces = np.concatenate([part.faces + start for part, start in zip(parts, first, strict=False)])
    mesh = RawMesh(compact(np.concatenate([part.verts for part in parts])), faces)
    if any(part.normals is not None for part in parts):
        normals, corners = zip(*(_normals(part) for part in parts), strict=True)
        mesh.normals = np.concatenate(normals)
        start = np.cumsum([0] + [len(rows) for rows in normals])
        ids = np.concatenate([rows + i for rows, i in zip(corners, start, strict=False)])
        if not np.array_equal(ids, faces):
            mesh.faces_normals = ids
    if any(part.uvs is not None for part in parts):
        mesh.uvs = np.concatenate([_or(part.uvs, np.zeros((len(part.verts), 2))) for part in parts])
        has_uvs = np.repeat([part.uvs is not None for part in parts], [len(part.faces) for part in parts])
        if not has_uvs.all():
            mesh.faces_uvs = np.where(has_uvs[:, None], faces, -1)
    if any(part.colors is not None for part in parts):
        mesh.colors = np.concatenate([_or(part.colors, np.ones((len(part.verts), 4))) for part in parts])
    if any(part.material is not None for part in parts):
        mesh.materials = list({id(part.material): part.material for part in parts if part.material}.values())
        rows = {id(material): row for row, material in enumerate(mesh.materials)}
        mesh.faces_material = np.repeat(
            np.array([rows.get(id(part.material), -1) for part in parts], np.int32),
            [len(part.faces) for part in parts],
        )
    return mesh


def _or(array: NDArray[np.float32] | None, default: NDArray[np.float64]) -> NDArray[np.float32]:
    return default.astype(np.float32) if array is None else array


def _normals(part: Part) -> tuple[NDArray[np.float32], NDArray[np.int64]]:  # (VN, 3), (F, 3) ids
    if part.normals is not None:
        return part.normals, part.faces
    return compute_corner_normals(part.verts, part.faces)


def _transformed(part: Part) -> Part:
    if part.transform is None or np.array_equal(part.transform, np.eye(4)):
        return part
    linear = part.transform[:3, :3]
    faces, normals = part.faces, part.normals
    with np.errstate(all="ignore"):
        verts = part.verts @ linear.T + part.transform[:3, 3]
        if normals is not None:
            # Normals follow the cofactors, which exist for flattening transforms too.
            cofactors = np.stack([np.cross(linear[(i + 1) % 3], linear[(i + 2) % 3]) for i in range(3)])
            turned = normals @ cofactors.T
            turned /= np.linalg.norm(turned, axis=1, keepdims=True)
            normals = np.nan_to_num(turned).astype(np.float32)
    if np.linalg.det(linear) < 0:  # a mirror image: its faces keep their front
        faces = faces[:, ::-1]
        normals = None if normals is None else -normals
    return Part(verts, faces, normals, part.uvs, part.colors, part.material)
