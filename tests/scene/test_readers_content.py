"""Files that are not what their name says: packed, in UTF-16, of another format, or no mesh at all."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from gltf_builder import Builder

from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.readers import content, read_mesh
from r3d_cli.scene.readers.source import Source

CORNERS = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
OBJ = "# made by hand\nmtllib a.mtl\nusemtl red\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
MTL = "newmtl red\nKd 1 0 0\n"
OFF = "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
PLY = (
    "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
)
STL = (
    "solid\nfacet normal 0 0 0\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    "endsolid\n"
)
BINARY_STL = b"\0" * 80 + struct.pack("<I", 1) + struct.pack("<12fH", 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
GLB = Builder().mesh().glb()

TEXTS = {"obj": OBJ, "off": OFF, "ply": PLY, "stl": STL}
FILES = {kind: text.encode() for kind, text in TEXTS.items()} | {"glb": GLB}


def assert_triangle(mesh: RawMesh) -> None:
    assert mesh.verts[mesh.faces[0]].tolist() == CORNERS


@pytest.mark.parametrize("kind", FILES)
def test_packed_by_gzip(tmp_path: Path, kind: str) -> None:
    for name in (f"a.{kind}.gz", f"A.{kind.upper()}.GZ", "a.gz", f"b.{kind}"):
        (tmp_path / name).write_bytes(gzip.compress(FILES[kind]))
        assert_triangle(read_mesh(tmp_path / name))
    assert_triangle(read_mesh(gzip.compress(FILES[kind])))


def test_a_material_library_packed_by_gzip(tmp_path: Path) -> None:
    (tmp_path / "a.obj.gz").write_bytes(gzip.compress(OBJ.encode()))
    (tmp_path / "a.mtl").write_bytes(gzip.compress(MTL.encode()))
    assert read_mesh(tmp_path / "a.obj.gz").materials[0].base_color == (1, 0, 0, 1)


def test_a_gzip_file_that_cannot_be_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gzip.compress(OBJ.encode())
    for data in (whole[:-12], whole[:20], whole[:12] + b"\xff\xff" + whole[14:]):
        with pytest.raises(MeshError, match=r"^<bytes>: is a gzip file that cannot be unpacked \("):
            read_mesh(data)
    monkeypatch.setattr(content, "available_memory", lambda: 2**20)
    with pytest.raises(MeshError, match=r"unpacks to more than the 0 MiB that there is memory for; reduce"):
        read_mesh(gzip.compress(b"# " + b" " * 2**18))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("kind", TEXTS)
def test_text_in_utf16(tmp_path: Path, kind: str, encoding: str) -> None:
    (tmp_path / f"a.{kind}").write_bytes(TEXTS[kind].encode(encoding))
    (tmp_path / "a.mtl").write_bytes(MTL.encode(encoding))
    mesh = read_mesh(tmp_path / f"a.{kind}")
    assert_triangle(mesh)
    assert mesh.warnings == []
    if kind == "obj":
        assert mesh.materials[0].base_color == (1, 0, 0, 1)


def test_binary_data_is_not_taken_for_utf16() -> None:
    header = b"\xff\xfe" + bytes(78)
    assert_triangle(read_mesh(header + BINARY_STL[80:], "stl"))
    assert content.in_utf8(b"\xff\xfe\x00\xd8") == b"\xff\xfe\x00\xd8"  # half of a letter


@pytest.mark.parametrize("kind", [*FILES, "binary stl"])
@pytest.mark.parametrize("extension", ["obj", "off", "ply", "stl", "glb", "bin"])
def test_another_format_than_the_extensions_is_read_with_a_warning(
    tmp_path: Path, kind: str, extension: str
) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(BINARY_STL if kind == "binary stl" else FILES[kind])
    kind = kind.removeprefix("binary ")
    (tmp_path / "a.mtl").write_text(MTL)
    if extension == "bin" and kind in ("obj", "off"):
        with pytest.raises(MeshError, match="'bin' is not a known mesh format"):
            read_mesh(path)
        return
    mesh = read_mesh(path)
    assert_triangle(mesh)
    assert mesh.format == kind
    wrong = [] if kind == extension else [f"{path}: is {kind} by its content, and is read as that"]
    assert mesh.warnings == wrong


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            r"is a Git LFS pointer.*git lfs pull",
        ),
        (b"<!DOCTYPE html><html></html>", "is a web page, not a mesh; the download failed"),
        (b"\n <HTML>", "is a web page, not a mesh"),
        (b"\x89PNG\r\n\x1a\n", "is a picture, not a mesh"),
        (b"\xff\xd8\xff\xe0", "is a picture, not a mesh"),
        (b"7z\xbc\xaf\x27\x1c", "is a packed archive; unpack it first"),
        (b"Kaydara FBX Binary  \0", r"its format \(fbx: FBX\) is not read; make a GLB of it in Blender"),
        (b"BLENDER-v300", "open it in Blender"),
        (b"#usda 1.0\n", "USD"),
    ],
)
@pytest.mark.parametrize("extension", ["obj", "stl", "glb", "ply"])
def test_what_is_no_mesh_is_called_by_its_name(
    tmp_path: Path, data: bytes, message: str, extension: str
) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(data)
    with pytest.raises(MeshError, match=message) as caught:
        read_mesh(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("extension", "way"),
    [
        ("fbx", "FBX2glTF"),
        ("blend", "Export > glTF"),
        ("usdz", "Blender"),
        ("3ds", "assimp export"),
        ("iges", "FreeCAD"),
        ("vtu", "meshio convert"),
        ("max", "3ds Max"),
        ("zip", "unpack it"),
    ],
)
def test_formats_that_are_not_read_say_what_makes_a_mesh_of_them(
    tmp_path: Path, extension: str, way: str
) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(b"anything")
    with pytest.raises(MeshError, match=rf"^{path}: its format \({extension}: .*\) is not read; ") as caught:
        read_mesh(path)
    assert way in str(caught.value)


def test_pointers_of_git_lfs_in_the_place_of_textures_and_buffers(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (tmp_path / "a.obj").write_text(OBJ)
    (tmp_path / "a.mtl").write_text(MTL + "map_Kd a.png\n")
    (tmp_path / "a.png").write_text(pointer)
    (warning,) = read_mesh(tmp_path / "a.obj").warnings
    assert (
        "a.png' cannot be read (is a Git LFS pointer, not the image; fetch it with: git lfs pull)" in warning
    )
    (tmp_path / "a.mtl").write_text(pointer)
    assert any("git lfs pull" in line for line in read_mesh(tmp_path / "a.obj").warnings)


def test_an_unreadable_source_has_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.obj.gz").write_bytes(gzip.compress(OBJ.encode())[:30])
    with pytest.raises(MeshError) as caught:
        Source.open(tmp_path / "a.obj.gz")
    assert str(caught.value).count("a.obj.gz") == 1


def test_the_fields_files(shared_data: Path) -> None:
    folder = shared_data / "field"
    for name in ("utf16.obj", "cube.obj.gz", "stl_count_ffffffff.stl", "stl_ascii_color.stl"):
        assert len(read_mesh(folder / name).faces) == 12
    for name in ("ply_face_colors.ply", "stl_viscam_colors.stl"):
        mesh = read_mesh(folder / name)
        assert mesh.face_colors is not None
        assert len(np.unique(mesh.face_colors, axis=0)) == 6
    assert read_mesh(folder / "ply_texture_and_grey_vertex_colors.ply").colors is None
    textured = read_mesh(folder / "ply_texcoord_t.ply")
    assert textured.faces_uvs is not None
    assert textured.materials[0].base_color_texture is not None
    for name in ("git_lfs_pointer.glb", "git_lfs_pointer.stl"):
        with pytest.raises(MeshError, match="git lfs pull"):
            read_mesh(folder / name)
