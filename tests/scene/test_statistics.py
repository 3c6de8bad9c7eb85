"""Numbers of mesh files: closed forms, and trimesh's answers for real files."""

from __future__ import annotations

import doctest
import json
import math
from pathlib import Path

import numpy as np
import pytest

import r3d_cli.scene.statistics
from r3d_cli.scene.model import Material, MeshError, RawMesh, Texture
from r3d_cli.scene.statistics import file_info, mesh_info

MESHES = [
    "AlphaBlendModeTest.glb",
    "CesiumMilkTruck.glb",
    "Duck.glb",
    "cow/cow.glb",
    "cow/cow.obj",
    "cubevc.glb",
    "featuretype.STL",
    "igea.ply",
    "nefertiti.obj",
    "spot/spot.obj",
    "stanford-bunny.obj",
    "suzanne.obj",
    "teapot.obj",
]


def box(sides: tuple[float, float, float] = (1, 1, 1)) -> RawMesh:
    trimesh = pytest.importorskip("trimesh")
    solid = trimesh.creation.box(sides)
    return RawMesh(np.asarray(solid.vertices, np.float32), np.asarray(solid.faces, np.int64))


def test_examples() -> None:
    results = doctest.testmod(r3d_cli.scene.statistics)
    assert results.attempted
    assert not results.failed


def test_a_box() -> None:
    mesh = box((1, 2, 3))
    found = mesh_info(mesh)
    assert (found.vertices, found.faces, found.degenerate_faces, found.unused_vertices) == (8, 12, 0, 0)
    assert found.bounds == ([-0.5, -1, -1.5], [0.5, 1, 1.5])
    assert found.size == [1, 2, 3]
    assert found.area == pytest.approx(22)
    assert found.volume == pytest.approx(6)
    mesh.faces = mesh.faces[:, ::-1]
    assert mesh_info(mesh).volume == pytest.approx(-6)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_sphere_and_a_torus(offset: float) -> None:
    """Measures are those of the surfaces, up to the facets, wherever they lie."""
    trimesh = pytest.importorskip("trimesh")
    ball = trimesh.creation.icosphere(5, 2.0)
    ring = trimesh.creation.torus(3.0, 1.0, major_sections=200, minor_sections=100)
    for solid, area, volume, genus in (
        (ball, 16 * math.pi, 32 / 3 * math.pi, 0),
        (ring, 12 * math.pi**2, 6 * math.pi**2, 1),
    ):
        found = mesh_info(RawMesh(np.asarray(solid.vertices) + offset, np.asarray(solid.faces, np.int64)))
        assert found.area == pytest.approx(area, rel=2e-3)
        assert found.volume == pytest.approx(volume, rel=2e-3)
        assert found.topology.genus == genus


def test_triangles_of_their_own_vertices() -> None:
    """Watertight once vertices are merged, and not as stored."""
    mesh = box()
    soup = RawMesh(mesh.verts[mesh.faces].reshape(-1, 3), np.arange(36).reshape(-1, 3))
    found = mesh_info(soup)
    assert (found.topology.watertight, found.as_stored.watertight) == (True, False)
    assert (found.topology.components, found.as_stored.components) == (1, 12)
    assert found.volume == pytest.approx(1)
    assert found.as_stored.boundary_edges == 36


def test_what_a_mesh_can_lack() -> None:
    """No area, no use, no finite corner."""
    verts = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [np.nan, 0, 0], [9, 9, 9]], np.float32)
    found = mesh_info(RawMesh(verts, np.array([[0, 1, 2], [0, 1, 3], [1, 1, 3], [0, 1, 4]])))
    assert (found.degenerate_faces, found.unused_vertices) == (2, 1)
    assert found.area == pytest.approx(0.5)
    assert found.bounds == ([0, 0, 0], [9, 9, 9])
    nothing = mesh_info(RawMesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)))
    assert (nothing.bounds, nothing.size, nothing.area, nothing.volume) == (None, None, 0, None)
    lost = mesh_info(RawMesh(np.full((3, 3), np.nan, np.float32), np.array([[0, 1, 2]])))
    assert (lost.bounds, lost.area) == (None, 0)


def test_materials_and_textures() -> None:
    image = np.zeros((4, 6, 4), np.uint8)
    shared = Texture(image, ("clamp", "repeat"), "nearest")
    mesh = box()
    mesh.materials = [
        Material("a", (1, 0, 0, 1), base_color_texture=shared, alpha_mode="mask", alpha_cutoff=0.25),
        Material("b", base_color_texture=Texture(image), emissive_texture=shared, double_sided=False),
        Material("unused", unlit=True),
    ]
    mesh.faces_material = np.array([0] * 5 + [1] * 6 + [-1], np.int32)
    found = mesh_info(mesh)
    assert [material.faces for material in found.materials] == [5, 6, 0]
    a, b, unused = found.materials
    assert (a.base_color, a.base_color_texture, a.alpha_mode, a.alpha_cutoff) == (
        (1, 0, 0, 1),
        0,
        "mask",
        0.25,
    )
    assert (b.base_color_texture, b.emissive_texture, b.alpha_cutoff, b.double_sided) == (1, 0, None, False)
    assert (unused.base_color_texture, unused.unlit) == (None, True)
    first, second = found.textures
    assert (first.width, first.height, first.channels, first.wrap, first.filter) == (
        6,
        4,
        4,
        ("clamp", "repeat"),
        "nearest",
    )
    assert (second.wrap, second.filter) == (("repeat", "repeat"), "linear")
    mesh.faces_material = None
    assert [material.faces for material in mesh_info(mesh).materials] == [12, 0, 0]


def test_a_record_is_json_whatever_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "wild.obj"
    path.write_text("v 0 0 0\nv 1e300 0 0\nv 0 1e300 0\nv nan 0 0\nf 1 2 3\nf 1 2 4\n")
    found = file_info(path).record()
    assert (found["path"], found["format"], found["bytes"]) == (str(path), "obj", path.stat().st_size)
    assert found["area"] is None
    assert found["warnings"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_format_is_told_by_the_content_or_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "mesh"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert file_info(path).format == "obj"
    assert file_info(path, "obj").mesh.faces == 1
    path.write_text("0 0 0\n1 0 0\n0 1 0\n")
    with pytest.raises(MeshError, match="format is not told"):
        file_info(path)
    assert file_info(path, "xyz").mesh.vertices == 3


@pytest.mark.parametrize("name", MESHES)
def test_real_files_as_trimesh_counts_them(shared_data: Path, name: str) -> None:
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("scipy")  # trimesh's components
    from r3d_cli.scene.readers import read_mesh

    raw = read_mesh(shared_data / name, textures=False)
    found = mesh_info(raw)
    mesh = trimesh.Trimesh(raw.verts, raw.faces, process=False)
    assert found.area == pytest.approx(mesh.area, rel=1e-6)
    np.testing.assert_allclose(found.bounds, mesh.bounds, rtol=1e-6)
    assert found.as_stored.watertight == (mesh.is_watertight and mesh.is_winding_consistent)
    mesh.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=12)
    mesh.update_faces([len(set(face)) == 3 for face in mesh.faces.tolist()])
    mesh.remove_unreferenced_vertices()
    shape = found.topology
    assert shape.watertight == (mesh.is_watertight and mesh.is_winding_consistent)
    assert (shape.vertices, shape.edges) == (len(mesh.vertices), len(mesh.edges_unique))
    assert (shape.euler_characteristic, shape.components) == (mesh.euler_number, mesh.body_count)
    if shape.watertight:
        assert found.volume == pytest.approx(mesh.volume, rel=1e-5)
    else:
        assert found.volume is None
