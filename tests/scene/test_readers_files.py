"""Real files read whole: counts as their makers give them, and the same triangles as trimesh reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from r3d_cli.scene.readers import read_mesh


@pytest.mark.parametrize(
    ("name", "num_verts", "num_faces"),
    [
        ("stanford-bunny.obj", 35947, 69451),
        ("nefertiti.obj", 49971, 99938),
        ("teapot.obj", 3644, 6320),
        ("suzanne.obj", 507, 2 * 468 + 32),
        ("spot/spot.obj", 2930, 5856),
        ("cow/cow.obj", 2930, 5856),
        ("featuretype.STL", 3 * 3476, 3476),
        ("igea.ply", 134345, 268686),
        ("points_ascii.ply", 5, 0),
        ("points_bin.ply", 5, 0),
    ],
)
def test_counts(shared_data: Path, name: str, num_verts: int, num_faces: int) -> None:
    mesh = read_mesh(shared_data / name)
    assert (len(mesh.verts), len(mesh.faces)) == (num_verts, num_faces)
    assert mesh.verts.dtype == np.float32
    assert mesh.warnings == []
    if num_faces:
        assert mesh.faces.min() == 0
        assert mesh.faces.max() < num_verts


@pytest.mark.parametrize("name", ["stanford-bunny.obj", "nefertiti.obj", "teapot.obj", "featuretype.STL"])
def test_triangles_equal_trimesh(shared_data: Path, name: str) -> None:
    trimesh = pytest.importorskip("trimesh")
    mesh = read_mesh(shared_data / name)
    theirs = trimesh.load_mesh(shared_data / name, process=False)
    ours = mesh.verts[mesh.faces]
    np.testing.assert_array_equal(_sorted(ours), _sorted(theirs.vertices[theirs.faces].astype(np.float32)))


def _sorted(triangles: np.ndarray) -> np.ndarray:
    """Triangles in an order of their own, each begun at its least corner, so that turning one round shows."""
    rows = triangles.reshape(-1, 3, 3)
    keys = np.array([sorted(range(3), key=lambda i: tuple(row[i]))[0] for row in rows])
    order = (keys[:, None] + np.arange(3)) % 3
    rolled = np.take_along_axis(rows, order[..., None], axis=1).reshape(len(rows), 9)
    return rolled[np.lexsort(rolled.T)]


def test_strips_wind_the_same_way(shared_data: Path) -> None:
    faces = read_mesh(shared_data / "igea.ply").faces
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed)  # neighbours walk a shared edge both ways


@pytest.mark.parametrize("name", ["Duck.glb", "CesiumMilkTruck.glb", "AlphaBlendModeTest.glb", "cow/cow.glb"])
def test_gltf_equals_trimesh(shared_data: Path, name: str) -> None:
    trimesh, scipy = pytest.importorskip("trimesh"), pytest.importorskip("scipy")
    mesh = read_mesh(shared_data / name)
    theirs = trimesh.load_scene(shared_data / name, process=False)
    triangles, corner_uvs = [], []
    for node in theirs.graph.nodes_geometry:
        transform, geometry_name = theirs.graph[node]
        geometry = theirs.geometry[geometry_name]
        triangles.append(trimesh.transform_points(geometry.vertices, transform)[geometry.faces])
        uv = geometry.visual.uv
        corner_uvs.append(np.full((len(geometry.faces), 3, 2), -9.0) if uv is None else uv[geometry.faces])
    assert mesh.uvs is not None
    faces_uvs = mesh.faces if mesh.faces_uvs is None else mesh.faces_uvs
    ours = np.where(faces_uvs[..., None] < 0, -9.0, mesh.uvs[faces_uvs])
    ours = np.concatenate([mesh.verts[mesh.faces], ours], axis=2).reshape(-1, 15)
    expected = np.concatenate([np.concatenate(triangles), np.concatenate(corner_uvs)], axis=2)
    expected = expected.reshape(-1, 15)
    assert len(ours) == len(expected)
    for rows, others in ((ours, expected), (expected, ours)):  # parts come in an order of their own
        assert scipy.spatial.cKDTree(others).query(rows)[0].max() < 1e-5


def test_obj_and_gltf_of_one_cow_agree(shared_data: Path) -> None:
    scipy = pytest.importorskip("scipy")
    rows, images = [], []
    for name in ("cow/cow.obj", "cow/cow.glb"):
        mesh = read_mesh(shared_data / name)
        assert mesh.uvs is not None
        uvs = mesh.uvs[mesh.faces if mesh.faces_uvs is None else mesh.faces_uvs]
        rows.append(np.concatenate([mesh.verts[mesh.faces], uvs], axis=2).reshape(-1, 15))
        texture = mesh.materials[0].base_color_texture
        assert texture is not None
        images.append(texture.image)
    assert scipy.spatial.cKDTree(rows[1]).query(rows[0])[0].max() < 1e-5
    np.testing.assert_array_equal(*images)
