"""IO of open files: every format both ways, told by name, content or the caller."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from r3d_cli.io import IO, MeshFormatInterpreter, endswith, load_obj, load_ply, save_obj, save_ply
from r3d_cli.renderer import TexturesVertex
from r3d_cli.structures import Meshes, Pointclouds
from r3d_cli.utils import ico_sphere

PLY = (
    "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
)
OBJ = "# a triangle\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
OFF = "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
STL = (
    "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    "endsolid a\n"
)


class OnceOnly(io.RawIOBase):
    """A file that cannot be read twice, as a socket's."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.data.readinto(buffer)


@pytest.mark.parametrize("text", [PLY, OBJ, OFF, STL], ids=["ply", "obj", "off", "stl"])
@pytest.mark.parametrize("opened", [io.StringIO, lambda text: io.BytesIO(text.encode())])
def test_meshes_are_read_by_their_content(text: str, opened: Any) -> None:
    mesh = IO().load_mesh(opened(text))
    assert mesh.verts_packed().tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert mesh.faces_packed().tolist() == [[0, 1, 2]]


def test_a_file_that_cannot_be_read_twice() -> None:
    assert IO().load_mesh(OnceOnly(PLY.encode())).faces_packed().tolist() == [[0, 1, 2]]
    assert IO().load_mesh(io.BufferedReader(OnceOnly(OBJ.encode()))).faces_packed().tolist() == [[0, 1, 2]]


def test_reading_begins_where_the_file_stands() -> None:
    file = io.BytesIO(b"header" + OBJ.encode())
    file.seek(6)
    assert len(IO().load_mesh(file).verts_packed()) == 3


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".off", ".stl", ".glb", ".gltf"])
def test_meshes_are_written_and_read_in_every_format(suffix: str) -> None:
    sphere = ico_sphere(1)
    file = io.BytesIO()
    IO().save_mesh(sphere, file, format=suffix)
    file.seek(0)
    mesh = IO().load_mesh(file)
    assert len(mesh.verts_packed()) == 42
    corners = mesh.verts_packed()[mesh.faces_packed()], sphere.verts_packed()[sphere.faces_packed()]
    torch.testing.assert_close(*corners)


def test_what_nothing_is_said_of_is_written_as_ply() -> None:
    file = io.BytesIO()
    IO().save_mesh(ico_sphere(0), file)
    assert file.getvalue().startswith(b"ply\nformat binary_little_endian")
    file.seek(0)
    vertices, faces = load_ply(file)
    assert len(vertices) == 12
    assert len(faces) == 20


def test_files_open_for_text_get_text() -> None:
    file = io.StringIO()
    IO().save_mesh(ico_sphere(0), file)
    assert file.getvalue().startswith("ply\nformat ascii 1.0")
    file.seek(0)
    assert torch.equal(IO().load_mesh(file).verts_packed(), ico_sphere(0).verts_packed())
    file = io.StringIO()
    IO().save_mesh(ico_sphere(0), file, format="stl")
    assert file.getvalue().startswith("solid")


def test_binary_data_into_text_is_an_error() -> None:
    mesh, cloud = ico_sphere(0), Pointclouds([torch.zeros(2, 3)])
    for write in (
        lambda file: IO().save_mesh(mesh, file, binary=True),
        lambda file: IO().save_mesh(mesh, file, format="glb"),
        lambda file: IO().save_pointcloud(cloud, file, binary=True),
        lambda file: save_ply(file, torch.zeros(2, 3)),  # whose bytes are all ASCII
    ):
        file = io.StringIO()
        with pytest.raises(ValueError, match=r"^\w+: <StringIO> is open for text, but what .* is binary"):
            write(file)
        assert not file.getvalue()


def test_the_name_of_an_open_file_tells_its_format(tmp_path: Path) -> None:
    with (tmp_path / "a.obj").open("w") as file:
        IO().save_mesh(ico_sphere(0), file)
    assert (tmp_path / "a.obj").read_text().startswith("v ")
    with (tmp_path / "a.obj").open("rb") as file:
        assert len(IO().load_mesh(file).verts_packed()) == 12
    with tempfile.NamedTemporaryFile(suffix=".OFF") as file:
        IO().save_mesh(ico_sphere(0), file)
        file.seek(0)
        assert file.read(3) == b"OFF"


def test_textures_lie_beside_an_open_file(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl red\nKd 1 0 0\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl red\nf 1 2 3\n")
    with (tmp_path / "a.obj").open() as file:
        assert IO().load_mesh(file).textures is not None


@pytest.mark.parametrize("format", [None, "ply", "obj", "off"])
@pytest.mark.parametrize("opened", [io.StringIO, io.BytesIO])
def test_point_clouds_are_written_and_read(format: str | None, opened: Any) -> None:
    points, colors = torch.rand(5, 3), torch.rand(5, 3)
    file = opened()
    IO().save_pointcloud(Pointclouds([points], features=[colors]), file, format=format)
    file.seek(0)
    cloud = IO().load_pointcloud(file)
    assert torch.equal(cloud.points_packed(), points)
    assert torch.equal(cloud.features_packed(), colors)


def test_xyz_is_not_told_by_its_content() -> None:
    file = io.StringIO("0 0 0\n1 2 3\n")
    with pytest.raises(ValueError, match=r"^load_pointcloud: neither name nor content of <StringIO> tells"):
        IO().load_pointcloud(file)
    assert IO().load_pointcloud(file, format="xyz").points_packed().tolist() == [[0, 0, 0], [1, 2, 3]]


def test_errors_name_function_and_argument(tmp_path: Path) -> None:
    for read, name in ((load_obj, "load_obj"), (load_ply, "load_ply")):
        for nothing in (3, None, b"a.obj", torch.zeros(3)):
            with pytest.raises(ValueError, match=rf"^{name}: f must be a path or an open file, got \w+$"):
                read(nothing)
    with pytest.raises(ValueError, match=r"^save_obj: f must be a path or an open file, got NoneType$"):
        save_obj(None, torch.zeros(3, 3), torch.tensor([[0, 1, 2]]))
    with pytest.raises(ValueError, match=r"^load_mesh: no registered format takes a int; known are \.glb"):
        IO().load_mesh(3)
    with pytest.raises(ValueError, match=r"^load_mesh: format must be one of \.glb, .*, got 'abc'"):
        IO().load_mesh(io.StringIO(OBJ), format="abc")
    with pytest.raises(ValueError, match=r"^save_mesh: format is for open files, got 'ply' for the path"):
        IO().save_mesh(ico_sphere(0), tmp_path / "a.obj", format="ply")
    with pytest.raises(ValueError, match="<file>:2: 'v' needs 3 numbers"):
        IO().load_mesh(io.StringIO("v 0 0 0\nv 1 0 x\n"))


class Triangles(MeshFormatInterpreter):
    """A format of one's own, told as PyTorch3D's are."""

    known_suffixes = (".tri",)

    def read(self, path: Any, include_textures: bool, device: Any, path_manager: Any, **kwargs: Any) -> Any:
        if not endswith(path, self.known_suffixes):
            return None
        numbers = torch.tensor([float(word) for word in path.read().split()])
        return Meshes([numbers.reshape(-1, 3)], [torch.arange(len(numbers) // 3).reshape(-1, 3)])

    def save(
        self, data: Any, path: Any, path_manager: Any, include_textures: bool, binary: Any, **kwargs: Any
    ) -> bool:
        if not endswith(path, self.known_suffixes):
            return False
        corners = data.verts_packed()[data.faces_packed()]
        path.write(" ".join(str(number) for number in corners.flatten().tolist()))
        return True


def test_formats_of_ones_own_take_open_files() -> None:
    files = IO()
    files.register_meshes_format(Triangles())
    file = io.StringIO()
    files.save_mesh(ico_sphere(0), file, format="tri")
    file.seek(0)
    assert len(files.load_mesh(file).faces_packed()) == 20
    file.seek(0)
    assert len(files.load_mesh(file, format=".tri").faces_packed()) == 20
    assert len(files.load_mesh(io.StringIO(PLY)).faces_packed()) == 1


def test_colours_of_vertices_survive() -> None:
    sphere = ico_sphere(0)
    sphere.textures = TexturesVertex([torch.rand(12, 3)])
    file = io.BytesIO()
    IO().save_mesh(sphere, file)
    file.seek(0)
    mesh = IO().load_mesh(file)
    assert torch.equal(mesh.textures.verts_features_packed(), sphere.textures.verts_features_packed())
