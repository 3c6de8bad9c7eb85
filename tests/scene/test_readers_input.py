"""What every reader has in common: where input comes from, formats, wild coordinates, bad input."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from r3d_cli.extras import pip_install
from r3d_cli.scene.model import MeshError
from r3d_cli.scene.policy import Policy, used
from r3d_cli.scene.readers import FORMATS, read_mesh
from r3d_cli.scene.readers.source import Source
from r3d_cli.scene.readers.via_trimesh import _resolver, up_axis

OBJ = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
OFF = b"OFF\n3 1 3\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
PLY = (
    b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    b"element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
)
STL = (
    b"solid\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    b"endsolid\n"
)
BINARY_STL = (
    b"a text that tells nothing".ljust(80) + b"\1\0\0\0" + np.eye(4, 3, dtype="<f4").tobytes() + b"\0\0"
)


@pytest.mark.parametrize(
    "data", [OBJ, b"# made by\n\n o a\n" + OBJ, b"mtllib a.mtl\n" + OBJ, OFF, PLY, STL, BINARY_STL]
)
def test_format_by_content(data: bytes) -> None:
    assert read_mesh(data).faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    "data", [b"\n" * 5000, b"# comment\n" * 9999, b"# v 1 2 3", b"vertices 1 2 3\n", b"\0v 1"]
)
def test_content_that_tells_nothing(data: bytes) -> None:
    assert error(data).startswith("<bytes>: its format is not told by its name or content")


@pytest.mark.parametrize(("name", "data"), [("A.OBJ", OBJ), ("b.Off", OFF), ("c.d.pLy", PLY), ("plain", STL)])
def test_format_by_extension_of_any_case(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert len(read_mesh(tmp_path / name).faces) == 1
    assert len(read_mesh(str(tmp_path / name)).faces) == 1


def test_the_format_that_is_named_goes_before_the_extension(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(OBJ)
    assert len(read_mesh(tmp_path / "a.ply", "OBJ").faces) == 1


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(OFF)))
    assert len(read_mesh("-", "off").faces) == 1
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(OFF)))
    assert len(read_mesh("-").faces) == 1


def test_folder_and_name_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl red\nKd 1 0 0\n")
    mesh = read_mesh(b"mtllib a.mtl\nusemtl red\n" + OBJ, "obj", folder=tmp_path)
    assert mesh.materials[0].base_color[:3] == (1, 0, 0)
    with pytest.raises(MeshError, match=r"^upload:1: "):
        read_mesh(b"v 1\n", "obj", name="upload")


def error(path_or_bytes: str | Path | bytes, format: str | None = None) -> str:
    with pytest.raises(MeshError) as caught:
        read_mesh(path_or_bytes, format)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_paths_that_hold_no_mesh(tmp_path: Path) -> None:
    assert error(tmp_path / "none.obj") == f"{tmp_path / 'none.obj'}: no such file; check the path"
    assert error(tmp_path) == f"{tmp_path}: is a directory; name a mesh file in it"
    (tmp_path / "a.jpeg").write_bytes(b"x")
    message = error(tmp_path / "a.jpeg")
    known = (
        f"{tmp_path / 'a.jpeg'}: 'jpeg' is not a known mesh format; convert it to one of {', '.join(FORMATS)}"
    )
    assert message.startswith(known)
    assert "stl_ascii" in message[len(known) :]  # and what else trimesh reads
    (tmp_path / "unknown").write_bytes(b"x")
    assert error(tmp_path / "unknown").startswith(
        f"{tmp_path / 'unknown'}: its format is not told by its name"
    )
    assert error("a\0b.obj").startswith("a\0b.obj: cannot be read (")
    (tmp_path / "b.obj").symlink_to(tmp_path / "b.obj")
    assert "cannot be read (Too many levels of symbolic links)" in error(tmp_path / "b.obj")


def test_formats_that_only_trimesh_knows(tmp_path: Path) -> None:
    (tmp_path / "a.stl_ascii").write_bytes(STL)
    mesh = read_mesh(tmp_path / "a.stl_ascii")
    assert mesh.verts[mesh.faces[0]].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert len(read_mesh(STL, "stl_ascii").faces) == 1


def test_formats_that_need_more_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trimesh")
    monkeypatch.setitem(sys.modules, "collada", None)
    message = error(b"x", "dae")
    assert message.startswith("<bytes>: files of the format dae need more packages (")
    assert message.endswith(pip_install(extra="formats"))


def test_a_package_that_a_reader_of_trimesh_misses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    trimesh = pytest.importorskip("trimesh")

    def load(*arguments: object, **options: object) -> None:
        raise ModuleNotFoundError("No module named 'charset_normalizer'", name="charset_normalizer")

    monkeypatch.setattr(trimesh, "load_scene", load)
    message = error(b"\xff", "xyz")
    assert message.startswith("<bytes>: files of the format xyz need more packages (No module named")
    assert message.endswith(f"; {pip_install('charset-normalizer')}")


@pytest.mark.parametrize(
    ("format", "text", "up"),
    [
        ("dae", "<up_axis>Y_UP</up_axis>", "y"),
        ("dae", "<up_axis> Z_UP </up_axis>", "z"),
        ("dae", "", "y"),  # what COLLADA says then
        ("step", "", "z"),
        ("xyz", "", None),
    ],
)
def test_up_axes_of_trimeshs_formats(format: str, text: str, up: str | None) -> None:
    assert up_axis(format, text.encode()) == up


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(OBJ)
    (tmp_path / "a.obj").chmod(0)
    assert error(tmp_path / "a.obj").endswith("cannot be read (Permission denied); check its permissions")


@pytest.mark.parametrize("format", FORMATS)
def test_empty_files(format: str) -> None:
    assert error(b"", format) == "<bytes>: is empty; fetch it again or export the mesh again"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "data", [b"\0" * 300, bytes(range(256)) * 4, b"{" * 100000, b"\xff\xfe" + b"a" * 99, b"\n"]
)
def test_garbage(format: str, data: bytes) -> None:
    if format == "stl" and data[80:84] == b"\0\0\0\0":
        assert len(read_mesh(data, format).faces) == 0
    else:
        assert error(data, format).startswith("<bytes>:")


def test_coordinates_that_are_not_finite_or_huge_are_counted() -> None:
    mesh = read_mesh(b"v nan 0 0\nv 0 inf -inf\nv 1e30 0 0\nv 0 1 0\nf 1 2 3\nf 2 3 4\n", "obj", name="a.obj")
    assert len(mesh.faces) == 2
    assert [warning.split(";")[0] for warning in mesh.warnings] == [
        "a.obj: 2 of 4 vertices have coordinates that are not finite",
        "a.obj: 1 of 4 vertices have coordinates that are beyond 1e+18",
    ]


def test_faces_without_area_and_duplicates_stay() -> None:
    mesh = read_mesh(OBJ + b"f 1 1 1\nf 1 2 3\nf 1 2 3\n", "obj")
    assert len(mesh.faces) == 4
    assert mesh.warnings == []


@pytest.mark.parametrize(
    ("first", "second", "dtype"),
    [
        ("0.1 0 0", "1 1 1", np.float32),
        ("1000.1 0 0", "1100 0 0", np.float32),
        ("5600000.123 0 0", "5600001.5 1 1", np.float64),  # UTM coordinates
        ("5600000 0 0", "5600001 1 1", np.float32),  # exact
        ("0 0 0", "1e39 0 0", np.float64),
        ("1e-42 0 0", "3.3e-42 0 0", np.float64),
    ],
)
def test_precision(first: str, second: str, dtype: type) -> None:
    mesh = read_mesh(f"v {first}\nv {second}\nv {second}\n".encode(), "obj")
    assert mesh.verts.dtype == dtype
    expected = np.array([first.split(), second.split()], np.float64)
    np.testing.assert_array_equal(mesh.verts[:2], expected.astype(dtype))


def test_precision_is_not_decided_by_vertices_that_are_not_finite() -> None:
    assert read_mesh(b"v nan 0 0\nv 0 inf 0\nv 0 0.1 0\nv 0 0 0\n", "obj").verts.dtype == np.float32


def test_point_cloud_far_from_the_origin(shared_data: Path) -> None:
    pytest.importorskip("trimesh")
    mesh = read_mesh(shared_data / "points_agisoft.xyz")
    assert mesh.verts.shape == (100, 3)
    assert mesh.verts.dtype == np.float64
    assert mesh.faces.shape == (0, 3)
    assert mesh.colors is not None


def test_reading_imports_neither_trimesh_nor_torch(shared_data: Path) -> None:
    code = (
        "import sys; from r3d_cli.scene.readers import read_mesh\n"
        "for path in sys.argv[1:]: read_mesh(path)\n"
        "print([m for m in ('torch', 'trimesh', 'pandas', 'scipy') if m in sys.modules])"
    )
    paths = [shared_data / name for name in ("teapot.obj", "cow/cow.obj", "Duck.glb", "featuretype.STL")]
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


COLLADA = """<?xml version="1.0" encoding="utf-8"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><up_axis>Z_UP</up_axis></asset>
<library_effects><effect id="fx"><profile_COMMON><technique sid="common"><lambert>
<diffuse><color>1 0 0 1</color></diffuse></lambert></technique></profile_COMMON></effect></library_effects>
<library_materials><material id="mat"><instance_effect url="#fx"/></material></library_materials>
<library_geometries><geometry id="g"><mesh>
<source id="s"><float_array id="a" count="12">0 0 0 1 0 0 1 1 0 0 1 0</float_array><technique_common>
<accessor source="#a" count="4" stride="3"><param name="X" type="float"/><param name="Y" type="float"/>
<param name="Z" type="float"/></accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#s"/></vertices>{}</mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="scene"><node><instance_geometry url="#g"><bind_material>
<technique_common><instance_material symbol="m" target="#{}"/></technique_common></bind_material>
</instance_geometry></node></visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#scene"/></scene></COLLADA>
"""
INPUT = '<input semantic="VERTEX" source="#v" offset="0"/>'
SHAPES = {
    "triangles": f'<triangles count="2" material="m">{INPUT}<p>0 1 2 0 2 3</p></triangles>',
    "polylist": f'<polylist count="1" material="m">{INPUT}<vcount>4</vcount><p>0 1 2 3</p></polylist>',
    "polygons": f'<polygons count="1" material="m">{INPUT}<p>0 1 2 3</p></polygons>',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_collada(shape: str, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("collada")
    mesh = read_mesh(COLLADA.format(SHAPES[shape], "mat").encode(), "dae")
    corners = mesh.verts[mesh.faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    np.testing.assert_allclose(areas, [0.5, 0.5])
    assert [material.base_color for material in mesh.materials] == [(1, 0, 0, 1)]
    assert (mesh.up, mesh.warnings) == ("z", [])
    assert capfd.readouterr() == ("", "")


def test_what_is_lost_of_collada_is_said() -> None:
    pytest.importorskip("collada")
    shapes = SHAPES["polygons"] + f'<lines count="1" material="m">{INPUT}<p>0 1</p></lines>'
    shapes += f'<polygons count="1" material="m">{INPUT}<ph><p>0 1 2</p><h>0 1 3</h></ph></polygons>'
    mesh = read_mesh(COLLADA.format(shapes, "mat").encode(), "dae", name="a.dae")
    assert mesh.warnings == ["a.dae: lacks what is not read: polygons with holes, lines"]
    broken = read_mesh(COLLADA.format(SHAPES["polygons"], "lost").encode(), "dae", name="a.dae")
    assert not len(broken.faces)
    assert "lost not found" in broken.warnings[0]


def test_what_trimesh_looks_for_is_found_as_for_every_format(tmp_path: Path) -> None:
    """COLLADA's and zipped formats' images, by the same rules as an OBJ's."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out.png").write_bytes(b"out")
    (tmp_path / "in" / "own.png").write_bytes(b"own")
    resolver = _resolver(Source(b"", "a.dae", tmp_path / "in"))
    assert resolver.get("own.png") == b"own"
    assert resolver.get("../out.png") == b"out"
    with used(Policy(confined=True)):
        assert resolver.get("own.png") == b"own"
        with pytest.raises(FileNotFoundError):
            resolver.get("../out.png")
    with pytest.raises(PermissionError):
        resolver.write("own.png", b"new")


def test_render_says_why_nothing_is_left(tmp_path: Path) -> None:
    pytest.importorskip("collada")
    path = tmp_path / "a.dae"
    path.write_text(COLLADA.format(SHAPES["polygons"], "lost"))
    command = [sys.executable, "-m", "r3d_cli", "render", str(path), "-o", str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "has no faces; render draws triangle meshes (lacks what is not read: " in done.stderr
    assert "lost not found" in done.stderr
