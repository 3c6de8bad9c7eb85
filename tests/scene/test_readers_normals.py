"""Normals of files that are zero or not finite are computed, as missing ones are."""

from __future__ import annotations

import numpy as np
import pytest
from gltf_builder import Builder

from r3d_cli.scene.creases import compute_corner_normals
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.readers import read_mesh

VERTS = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
FACES = [[0, 1, 2], [0, 2, 3]]
BAD = {"zero": "0 0 0", "nan": "nan nan nan", "partly": "0 nan 1", "infinite": "0 0 inf"}


def obj(normals: list[str]) -> RawMesh:
    rows = [f"v {x} {y} {z}" for x, y, z in VERTS.tolist()] + [f"vn {normal}" for normal in normals]
    ids = [min(i, len(normals) - 1) + 1 for i in range(4)]
    rows += ["f " + " ".join(f"{i + 1}//{ids[i]}" for i in face) for face in FACES]
    return read_mesh(("\n".join(rows) + "\n").encode(), "obj")


def ply(normals: list[str]) -> RawMesh:
    names = "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz"))
    faces = "element face 2\nproperty list uchar int vertex_indices\n"
    head = f"ply\nformat ascii 1.0\nelement vertex 4\n{names}{faces}"
    rows = [f"{x} {y} {z} {n}" for (x, y, z), n in zip(VERTS.tolist(), normals, strict=True)]
    return read_mesh((head + "end_header\n" + "\n".join(rows) + "\n3 0 1 2\n3 0 2 3\n").encode(), "ply")


def off(normals: list[str]) -> RawMesh:
    rows = [f"{x} {y} {z} {n}" for (x, y, z), n in zip(VERTS.tolist(), normals, strict=True)]
    return read_mesh(("NOFF\n4 2 0\n" + "\n".join(rows) + "\n3 0 1 2\n3 0 2 3\n").encode(), "off")


def gltf(normals: list[str]) -> RawMesh:
    builder = Builder()
    values = np.array([[float(word) for word in normal.split()] for normal in normals], np.float32)
    builder.mesh(
        VERTS, indices=builder.array(np.ravel(FACES), "u2"), attributes={"NORMAL": builder.array(values)}
    )
    return read_mesh(builder.glb(), "glb")


READERS = {"obj": obj, "ply": ply, "off": off, "gltf": gltf}


def corner_normals(mesh: RawMesh) -> np.ndarray:
    """(F, 3, 3) as drawing has them."""
    if mesh.normals is None:
        normals, ids = compute_corner_normals(mesh.verts, mesh.faces)
        return normals[ids]
    return mesh.normals[mesh.faces if mesh.faces_normals is None else mesh.faces_normals]


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_normals_that_are_none_are_computed(read, bad: str) -> None:
    all_bad = read([bad] * 4)
    assert all_bad.normals is None
    np.testing.assert_allclose(corner_normals(all_bad), np.tile([0, 0, 1], (2, 3, 1)))
    one_bad = read([bad, "1 0 0", "0 1 0", "1 0 0"])
    np.testing.assert_allclose(
        corner_normals(one_bad), [[[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 0, 1], [0, 1, 0], [1, 0, 0]]]
    )


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_normals_that_are_some_stay(read) -> None:
    mesh = read(["1e-30 0 0", "1e30 0 0", "0 1 0", "0 -2 0"])
    assert mesh.normals is not None
    assert len(mesh.normals) == 4
    assert (np.abs(mesh.normals).max(axis=1) > 0).all()


def test_a_bad_normal_that_no_face_names_does_not_matter() -> None:
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvn 0 0 1\nvn 0 0 0\nf 1//1 2//1 3//1\n"
    mesh = read_mesh(text.encode(), "obj")
    np.testing.assert_array_equal(corner_normals(mesh), [[[0, 0, 1]] * 3])
