"""PLY, feature by feature."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.readers import read_mesh

FORMATS = ["ascii", "binary_little_endian", "binary_big_endian"]
CODES = {
    "char": "b",
    "uchar": "B",
    "short": "h",
    "ushort": "H",
    "int": "i",
    "uint": "I",
    "float": "f",
    "double": "d",
}


def read(data: bytes) -> RawMesh:
    return read_mesh(data, "ply", name="a.ply")


def encode(form: str, header: str, rows: list[list[tuple[str, object]]]) -> bytes:
    """A file of (type, value) rows; "uchar int" is a list of int, written after its count as a uchar."""
    body = b""
    for row in rows:
        words: list[str] = []
        for kind, value in row:
            count_kind, _, kind = kind.rpartition(" ")
            values = value if isinstance(value, list) else [value]
            items = ([(count_kind, len(values))] if count_kind else []) + [(kind, item) for item in values]
            words += [str(item) for _, item in items]
            if form != "ascii":
                order = "<" if form == "binary_little_endian" else ">"
                body += b"".join(struct.pack(order + CODES[code], item) for code, item in items)
        if form == "ascii":
            body += " ".join(words).encode() + b"\n"
    return f"ply\nformat {form} 1.0\n{header}end_header\n".encode() + body


XYZ = "property float x\nproperty float y\nproperty float z\n"
SQUARE_POINTS = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
SQUARE = [[("float", c) for c in p] for p in SQUARE_POINTS]
FACES = "element face 1\nproperty list uchar int vertex_indices\n"


@pytest.mark.parametrize("form", FORMATS)
def test_polygons(form: str) -> None:
    mesh = read(encode(form, f"element vertex 4\n{XYZ}{FACES}", [*SQUARE, [("uchar int", [0, 1, 2, 3])]]))
    np.testing.assert_array_equal(mesh.verts, SQUARE_POINTS)
    assert mesh.verts.dtype == np.float32
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.warnings == []


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", sorted(CODES))
def test_types_of_properties(form: str, kind: str) -> None:
    """Each type as coordinate, index and skipped value; properties in an odd order, lists among them."""
    header = (
        f"element vertex 3\nproperty list ushort {kind} junk\nproperty {kind} z\nproperty {kind} other\n"
        f"property {kind} x\nproperty {kind} y\n"
        f"element face 1\nproperty {kind} flags\nproperty list uint {kind} vertex_index\n"
    )
    rows: list[list[tuple[str, object]]] = [
        [(f"ushort {kind}", [7] * i), (kind, 3), (kind, 9), (kind, i % 2), (kind, i // 2)] for i in range(3)
    ]
    mesh = read(encode(form, header, [*rows, [(kind, 5), (f"uint {kind}", [2, 0, 1])]]))
    assert mesh.verts.tolist() == [[0, 0, 3], [1, 0, 3], [0, 1, 3]]
    assert mesh.faces.tolist() == [[2, 0, 1]]


@pytest.mark.parametrize("form", FORMATS)
def test_attributes_of_vertices(form: str) -> None:
    header = (
        f"element vertex 3\n{XYZ}property float nx\nproperty float ny\nproperty float nz\n"
        "property float s\nproperty float t\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\nproperty uchar alpha\n"
        "element edge 1\nproperty int vertex1\nproperty list uchar float weights\n" + FACES
    )
    rows: list[list[tuple[str, object]]] = [
        [("float", v) for v in (*p, 0, 0, 1, 0.25 * i, 1)] + [("uchar", v) for v in (255, 51, 0, 100 * i)]
        for i, p in enumerate(SQUARE_POINTS[:3])
    ]
    mesh = read(
        encode(form, header, [*rows, [("int", 0), ("uchar float", [1.5, 2.5])], [("uchar int", [0, 1, 2])]])
    )
    assert mesh.normals is not None
    assert mesh.uvs is not None
    assert mesh.colors is not None
    assert mesh.normals.tolist() == [[0, 0, 1]] * 3
    assert mesh.uvs.tolist() == [[0, 1], [0.25, 1], [0.5, 1]]
    expected = [[1, srgb_to_linear(0.2), 0, 100 * i / 255] for i in range(3)]
    np.testing.assert_allclose(mesh.colors, expected, rtol=1e-5)
    assert mesh.faces_uvs is None
    assert mesh.faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [("float", 0.5, 0.5), ("double", 0.5, 0.5), ("uchar", 51, 0.2), ("ushort", 13107, 0.2), ("int", 51, 0.2)],
)
def test_types_of_colours(kind: str, value: float, expected: float) -> None:
    header = f"element vertex 1\n{XYZ}" + "".join(
        f"property {kind} diffuse_{c}\n" for c in ("red", "green", "blue")
    )
    mesh = read(encode("binary_big_endian", header, [SQUARE[0] + [(kind, value)] * 3]))
    np.testing.assert_allclose(mesh.colors, [[*[srgb_to_linear(expected)] * 3, 1]], rtol=1e-5)


@pytest.mark.parametrize("form", FORMATS)
def test_triangle_strips(form: str) -> None:
    header = f"element vertex 4\n{XYZ}element tristrips 1\nproperty list int int vertex_indices\n"
    strips = [0, 1, 2, 3, -1, 3, 2, 1, -1, 0, 1, -1, 0, 1, 1, 2, 3]
    mesh = read(encode(form, header, [*SQUARE, [("int int", strips)]]))
    # The last strip has two faces without area, which only turn it.
    assert mesh.faces.tolist() == [[0, 1, 2], [2, 1, 3], [3, 2, 1], [1, 2, 3]]


@pytest.mark.parametrize("form", FORMATS)
def test_texture_coordinates_of_faces(form: str, tmp_path: Path) -> None:
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "my texture.png")
    header = (
        f"comment TextureFile my texture.png\ncomment TextureFile none.png\nelement vertex 4\n{XYZ}"
        "element face 3\nproperty list uchar int vertex_indices\nproperty list uchar float texcoord\n"
        "property int texnumber\n"
    )
    quad = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    path = tmp_path / "a.ply"
    path.write_bytes(
        encode(
            form,
            header,
            [
                *SQUARE,
                [("uchar int", [0, 1, 2]), ("uchar float", []), ("int", -1)],
                [("uchar int", [0, 1, 2, 3]), ("uchar float", quad), ("int", 0)],
                [("uchar int", [0, 1, 2]), ("uchar float", quad[:6]), ("int", 1)],
            ],
        )
    )
    mesh = read_mesh(path)
    assert mesh.uvs is not None
    assert mesh.faces_uvs is not None
    assert mesh.faces_material is not None
    assert mesh.faces_uvs[0].tolist() == [-1, -1, -1]
    corners = mesh.uvs[mesh.faces_uvs[1:]]
    np.testing.assert_array_equal(corners, mesh.verts[mesh.faces[1:], :2])  # the square's own coordinates
    assert mesh.faces_material.tolist() == [-1, 0, 0, 1]
    assert mesh.materials[0].base_color_texture is not None
    assert mesh.materials[1].base_color_texture is None
    assert mesh.warnings == [f"{path}: the texture 'none.png' is not in '{tmp_path}'; drawn without it"]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("form", FORMATS)
def test_line_ends(end: str, form: str) -> None:
    # The body begins with a line feed's byte: only the header's own line ends tell where it begins.
    header = "element vertex 1\nproperty uchar x\nproperty uchar y\nproperty uchar z\n"
    data = encode(form, header, [[("uchar", 10), ("uchar", 13), ("uchar", 32)]])
    split = data.index(b"end_header\n") + 11
    body = data[split:] if form != "ascii" else data[split:].replace(b"\n", end.encode())
    assert read(data[:split].replace(b"\n", end.encode()) + body).verts.tolist() == [[10, 13, 32]]


def test_concave_polygon() -> None:
    points = [(0, 0, 0), (4, 0, 0), (4, 4, 0), (2, 1, 0), (0, 4, 0)]
    rows: list[list[tuple[str, object]]] = [[("float", c) for c in p] for p in points]
    mesh = read(encode("ascii", f"element vertex 5\n{XYZ}{FACES}", [*rows, [("uchar int", [0, 1, 2, 3, 4])]]))
    triangles = mesh.verts[mesh.faces]
    areas = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])[:, 2] / 2
    assert (areas > 0).all()
    assert areas.sum() == 10


def test_short_faces_are_left_out_with_a_warning() -> None:
    header = f"element vertex 4\n{XYZ}{FACES.replace('face 1', 'face 3')}"
    mesh = read(encode("ascii", header, [*SQUARE, *[[("uchar int", [0] * n)] for n in (0, 2, 3)]]))
    assert len(mesh.faces) == 1
    assert mesh.warnings == ["a.ply: 2 faces have fewer than three corners and were left out"]


def test_point_cloud() -> None:
    mesh = read(encode("binary_little_endian", f"element vertex 4\n{XYZ}", SQUARE))
    assert mesh.verts.shape == (4, 3)
    assert mesh.faces.shape == (0, 3)


ASCII = encode("ascii", f"element vertex 4\n{XYZ}{FACES}", [*SQUARE, [("uchar int", [0, 1, 2, 3])]]).decode()
BINARY = encode(
    "binary_little_endian", f"element vertex 4\n{XYZ}{FACES}", [*SQUARE, [("uchar int", [0, 1, 2, 3])]]
)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (ASCII.replace("4 0 1 2 3", "4 0 1 2 4"), "a.ply:14: a face names vertex 4, but the file has 4"),
        (ASCII.replace("4 0 1 2 3", "4 0 1 2 -1"), "a.ply:14: this face names vertex -1"),
        (
            ASCII.replace("4 0 1 2 3", "4 0 1 2"),
            "a.ply:14: this face has nothing where the number 'vertex_indices'",
        ),
        (ASCII.replace("4 0 1 2 3", "-4 0 1 2 3"), "a.ply:14: this face has a list 'vertex_indices'"),
        (ASCII.replace("4 0 1 2 3", "4 0 1 2.5 3"), "a.ply:14: this face names a vertex by something"),
        (
            ASCII.replace("1 1 0\n", "1 one 0\n"),
            "a.ply:12: this vertex has 'one' where the number 'y' belongs",
        ),
        (ASCII.replace("4 0 1 2 3\n", ""), "a.ply: the header declares 1 of 'face', more than"),
        (ASCII.replace("4 0 1 2 3\n", "\n \n"), "a.ply:16: the file ends before the last face"),
        (ASCII.replace("property float x\n", ""), "a.ply: the element 'vertex' lacks a property x, y or z"),
        (
            ASCII.replace("vertex 4", "vertex 1000000000000"),
            "a.ply: the header declares 1000000000000 of 'vertex'",
        ),
        (ASCII.replace("vertex 4", "vertex -4"), "a.ply:3: an element needs a name and a count"),
        (ASCII.replace("vertex 4", "vertex"), "a.ply:3: an element needs a name and a count"),
        (ASCII.replace("float x", "real x"), "a.ply:4: 'real' is not a PLY type"),
        (ASCII.replace("list uchar", "list float"), "a.ply:8: the count of a list must have an integer type"),
        (ASCII.replace("ascii", "text"), "a.ply:2: 'text' is not a PLY format"),
        (ASCII.replace("format ascii 1.0\n", ""), "a.ply: the header has no 'format' line"),
        (ASCII.replace("element vertex 4\n", ""), "a.ply:3: a property comes before any element"),
        (ASCII.replace("end_header", "header"), "a.ply:9: 'header' is not a PLY header keyword"),
        (ASCII[: ASCII.index("end_header")], "a.ply:9: the header has no 'end_header' line"),
        (ASCII.replace("ply\n", "plx\n", 1), "a.ply:1: does not begin with 'ply'"),
        ("ply\nformat ascii 1.0\nend_header\n", "a.ply: the header declares no 'vertex'"),
    ],
)
def test_errors_name_the_line(text: str, start: str) -> None:
    with pytest.raises(MeshError) as caught:
        read(text.encode())
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", range(1, 5 * 4 + 12))
def test_truncated_binary(cut: int) -> None:
    with pytest.raises(MeshError, match=r"^a\.ply: .*cut short"):
        read(BINARY[:-cut])


def test_binary_index_past_the_vertices() -> None:
    data = BINARY[:-4] + struct.pack("<i", 7)
    with pytest.raises(MeshError, match=r"^a\.ply: face 0 names vertex 7, but the file has 4"):
        read(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("count", ["1000000000000", "999999999999999999"])
@pytest.mark.parametrize("element", ["vertex", "face", "other"])
def test_absurd_counts_allocate_nothing(form: str, count: str, element: str) -> None:
    header = f"element vertex 1\n{XYZ}element {element} {count}\nproperty list uint int vertex_indices\n"
    if element == "vertex":
        header = f"element vertex {count}\n{XYZ}"
    with pytest.raises(MeshError, match="more than the rest of the file can hold"):
        read(encode(form, header, [SQUARE[0]]))


@pytest.mark.parametrize("form", FORMATS[1:])
def test_absurd_list_allocates_nothing(form: str) -> None:
    header = f"element vertex 1\n{XYZ}element face 1\nproperty list uint double vertex_indices\n"
    with pytest.raises(MeshError, match="the file ends here"):
        read(encode(form, header, [SQUARE[0], [("uint", 4294967295)]]))


def faces_with_colors(rows: str, count: int = 2, kind: str = "uchar") -> RawMesh:
    header = (
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {count}\nproperty list uchar int vertex_indices\n"
        + "".join(f"property {kind} {name}\n" for name in ("red", "green", "blue"))
        + "end_header\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
    )
    return read_mesh((header + rows).encode(), "ply", name="a.ply")


def test_rows_longer_than_the_header_says_are_read_with_a_warning() -> None:
    mesh = read(ASCII.replace("4 0 1 2 3", "4 0 1 2 3 6 0 0 1 0 1 1 -1").encode())
    assert mesh.faces.tolist() == read(ASCII.encode()).faces.tolist()
    assert mesh.warnings == [
        "a.ply:14: this face has more values than the header declares, from '6' on; 1 such rows are read "
        "without them"
    ]


def test_colours_of_faces() -> None:
    mesh = faces_with_colors("3 0 1 2 255 0 0\n3 0 2 3 0 128 0\n3 1 2 3 255 0 0\n", 3)
    assert mesh.face_colors is not None
    half = float(srgb_to_linear(128 / 255))
    np.testing.assert_allclose(mesh.face_colors, [[1, 0, 0, 1], [0, half, 0, 1], [1, 0, 0, 1]], atol=1e-6)
    assert (len(mesh.verts), mesh.colors, mesh.materials, mesh.warnings) == (4, None, [], [])


def test_a_polygons_colour_is_that_of_all_its_triangles() -> None:
    mesh = faces_with_colors("4 0 1 2 3 255 0 0\n2 0 1 9 9 9\n3 1 2 3 0 0 255\n", 3)
    assert mesh.face_colors is not None
    np.testing.assert_allclose(mesh.face_colors[:, :3], [[1, 0, 0], [1, 0, 0], [0, 0, 1]])
    assert mesh.warnings == ["a.ply: 1 faces have fewer than three corners and were left out"]
