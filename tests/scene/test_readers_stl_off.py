"""STL and OFF, feature by feature."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear
from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.readers import read_mesh
from r3d_cli.scene.surface import DEFAULT_MATERIAL

TRIANGLES = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 1, 0], [0, 0, 2]]], np.float32)


def read_stl(data: bytes) -> RawMesh:
    return read_mesh(data, "stl", name="a.stl")


def binary_stl(header: bytes = b"") -> bytes:
    facets = b"".join(struct.pack("<12fH", 9, 9, 9, *t.ravel(), 0) for t in TRIANGLES)  # a wrong normal
    return header.ljust(80, b"\0") + struct.pack("<I", len(TRIANGLES)) + facets


def count_of(facets: int) -> bytes:
    """A file that says that it has so many facets."""
    return binary_stl()[:80] + struct.pack("<I", facets) + binary_stl()[84:]


def ascii_stl() -> str:
    text = "solid two triangles\n"
    for triangle in TRIANGLES:
        text += "  facet normal 0 0 0\n    outer loop\n"
        text += "".join("      vertex {:e} {:e} {:e}\n".format(*corner) for corner in triangle)
        text += "    endloop\n  endfacet\n"
    return text + "endsolid two triangles\n"


@pytest.mark.parametrize(
    "data",
    [
        binary_stl(),
        binary_stl(b"solid but binary"),
        binary_stl(b"solid facet normal vertex"),
        ascii_stl().encode(),
        ascii_stl().upper().replace("E+", "e+").encode(),
        ascii_stl().replace("\n", "\r\n").encode(),
        b"\n  " + ascii_stl().encode(),
        ascii_stl().replace("endsolid two triangles\n", "endsolid").encode(),
        " ".join(ascii_stl().replace("two triangles", "\n").split(" ")).encode(),
    ],
)
def test_stl(data: bytes) -> None:
    mesh = read_stl(data)
    np.testing.assert_array_equal(mesh.verts[mesh.faces], TRIANGLES)
    assert mesh.normals is not None
    assert mesh.faces_normals is not None
    assert mesh.normals.tolist() == [[0, 0, 1], [1, 0, 0]]  # by the winding, whatever the file says
    assert mesh.faces_normals.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert mesh.warnings == []


def test_stl_of_several_solids() -> None:
    assert len(read_stl(ascii_stl().encode() * 3).faces) == 6


def test_stl_facet_without_area_has_no_normal() -> None:
    text = ascii_stl().replace("1.000000e+00 0.000000e+00", "0.000000e+00 0.000000e+00")
    assert read_stl(text.encode()).normals.tolist()[0] == [0, 0, 0]


@pytest.mark.parametrize(
    ("data", "facets", "warning"),
    [
        (binary_stl()[:-1], 1, "declares 2 facets and holds 1 whole ones, which are read"),
        (count_of(0xFFFFFFFF), 2, "declares 4294967295 facets and holds 2 whole ones, which are read"),
        (count_of(0), 2, "declares 0 facets and holds 2 whole ones, which are read"),
        (count_of(1), 2, "declares 1 facets and holds 2 whole ones, which are read"),
        (ascii_stl()[: -len("endsolid two triangles\n")].encode(), 2, "ends without 'endsolid'; its whole"),
        (ascii_stl()[: -len("facet\nendsolid two triangles\n")].encode(), 1, "ends without 'endsolid'; its"),
        (ascii_stl()[: ascii_stl().rindex("vertex") + 9].encode(), 1, "ends without 'endsolid'; its whole"),
    ],
)
def test_stl_without_a_right_count_or_end_is_its_whole_facets(data: bytes, facets: int, warning: str) -> None:
    mesh = read_stl(data)
    np.testing.assert_array_equal(mesh.verts[mesh.faces], TRIANGLES[:facets])
    (line,) = mesh.warnings
    assert line.startswith(f"a.stl: {warning}")


def test_noise_is_not_taken_for_facets() -> None:
    noise = np.random.default_rng(0).bytes(84 + 50 * 40 + 7)
    with pytest.raises(MeshError, match="fetch it again, it was cut short or is not an STL file"):
        read_stl(noise)


def colored_stl(header: bytes, codes: list[int]) -> bytes:
    facets = zip(TRIANGLES, codes, strict=True)
    records = b"".join(struct.pack("<12fH", 0, 0, 0, *t.ravel(), code) for t, code in facets)
    return header.ljust(80, b" ") + struct.pack("<I", len(codes)) + records


RED_LOW, RED_HIGH, ORANGE = 0b00000_00000_11111, 0b11111_00000_00000, (255, 128, 0, 255)
VALID = 1 << 15


@pytest.mark.parametrize(
    ("data", "colors"),
    [
        (colored_stl(b"VisCAM", [RED_HIGH | VALID, RED_LOW | VALID]), [(1, 0, 0), (0, 0, 1)]),
        (colored_stl(b"VisCAM", [RED_HIGH | VALID, RED_HIGH]), [(1, 0, 0), None]),
        (colored_stl(b"VisCAM", [RED_HIGH, 7]), None),  # not valid: attributes of some other kind
        (colored_stl(b"Magics COLOR=" + bytes(ORANGE), [RED_LOW, VALID]), [(1, 0, 0), (1, 128 / 255, 0)]),
        (colored_stl(b"COLOR=" + bytes(ORANGE), [0, 0]), [(1, 128 / 255, 0)] * 2),
        (ascii_stl().replace("endfacet", "endfacet color 1 0 0", 1).encode(), [(1, 0, 0), None]),
        (ascii_stl().replace("normal 0 0 0", "normal 0 0 0 color 0 0 1").encode(), [(0, 0, 1)] * 2),
        (ascii_stl().replace("outer loop", "color 255 128 0\n outer loop").encode(), [(1, 128 / 255, 0)] * 2),
        (
            ascii_stl().replace("solid two triangles\n", "solid two triangles\ncolor 0 1 0\n", 1).encode(),
            [(0, 1, 0)] * 2,
        ),
    ],
)
def test_stl_colours(data: bytes, colors: list[tuple[float, ...] | None] | None) -> None:
    mesh = read_mesh(data, "stl", name="a.stl", linear_colors=False)
    np.testing.assert_array_equal(mesh.verts[mesh.faces], TRIANGLES)
    if colors is None:
        assert mesh.face_colors is None
        return
    assert mesh.face_colors is not None
    grey = linear_to_srgb(np.array(DEFAULT_MATERIAL.base_color[:3]))
    np.testing.assert_allclose(mesh.face_colors[:, :3], [grey if c is None else c for c in colors], atol=1e-6)


def test_a_wrong_colour_in_an_stl_file_is_named() -> None:
    text = ascii_stl().replace("outer loop", "color 1 0\nouter loop", 1)
    with pytest.raises(MeshError, match=r"a\.stl:3: 'color' needs three numbers"):
        read_stl(text.encode())


def test_stl_with_bytes_at_the_end_is_a_warning() -> None:
    for header in (b"", b"solid"):
        mesh = read_stl(binary_stl(header) + b"more")
        assert len(mesh.faces) == 2
        assert mesh.warnings == ["a.stl: 4 bytes after the last facet were ignored"]


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (binary_stl(b"solid")[:100], "a.stl: declares 2 facets and holds 0; "),
        (binary_stl()[:80] + b"\xff\xff\xff\xff", "a.stl: declares 4294967295 facets and holds 0; "),
        (b"nothing", "a.stl: is too short for an STL file (7 bytes); "),
        (ascii_stl()[:100].encode(), "a.stl:"),
        (
            ascii_stl().replace("2.0", "two").encode(),
            "a.stl:13: 'vertex' needs three numbers, found 'two00000e+00'",
        ),
        (ascii_stl().replace("endloop", "end").encode(), "a.stl:7: 'end' is not a word of an STL file"),
        (ascii_stl().replace("endfacet", "").encode(), "a.stl:9: a facet begins within a facet"),
        (
            ascii_stl().replace("facet normal 0 0 0", "", 1).encode(),
            "a.stl:4: a vertex stands outside a facet",
        ),
        (
            ascii_stl().replace("endloop", "vertex 0 0 0").encode(),
            "a.stl:7: a facet has more than three vertices",
        ),
        (
            b"solid\nfacet\nvertex 0 0 0\nendfacet\nendsolid",
            "a.stl:4: a facet ends with 1 vertices, not three",
        ),
    ],
)
def test_stl_errors(data: bytes, start: str) -> None:
    with pytest.raises(MeshError) as caught:
        read_stl(data)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def read_off(text: str) -> RawMesh:
    return read_mesh(text.encode(), "off", name="a.off")


POINTS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"


@pytest.mark.parametrize(
    "text",
    [
        f"OFF\n4 1 4\n{POINTS}4 0 1 2 3\n",
        f"OFF 4 1 0\n{POINTS}4 0 1 2 3 255 0 0\n",
        f"OFF4 1 0\n{POINTS}4  0 1 2 3",  # as in ModelNet
        f"# made by hand\n\nOFF # here\n\n4 1 4 # counts\n\n{POINTS}# faces\n4 0 1 2 3 0.5 0.5 0.5\n",
        f"4 1 4\n{POINTS}4 0 1 2 3\n",
        f"OFF\r\n4 1 4\r\n{POINTS}4 0 1 2 3\n".replace("\n", "\r\n"),
        f"OFF\n4 1\n{POINTS}4 0 1 2 3\n".replace("\n", "\r"),
    ],
)
def test_off(text: str) -> None:
    mesh = read_off(text)
    assert mesh.verts.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.colors is None
    assert mesh.warnings == []


@pytest.mark.parametrize("colors", ["255 51 0 127.5", "1 0.2 0 0.5"])
@pytest.mark.parametrize("prefix", ["C", "CN", "STC", "STCN"])
def test_off_with_attributes(prefix: str, colors: str) -> None:
    row = (
        "1 2 3"
        + (" 0 0 1" if "N" in prefix else "")
        + f" {colors}"
        + (" 0.25 0.75" if "ST" in prefix else "")
    )
    mesh = read_off(f"{prefix}OFF\n1 0 0\n{row}\n")
    assert mesh.verts.tolist() == [[1, 2, 3]]
    np.testing.assert_allclose(mesh.colors, [[1, srgb_to_linear(0.2), 0, 0.5]], rtol=1e-6)
    assert (mesh.normals is None) == ("N" not in prefix)
    assert (mesh.uvs is None) == ("ST" not in prefix)
    if mesh.uvs is not None:
        assert mesh.uvs.tolist() == [[0.25, 0.75]]


def test_off_without_alpha_is_opaque() -> None:
    colors = read_off("COFF\n2 0 0\n0 0 0 255 0 0\n0 0 0 0 255 0 0\n").colors
    assert colors is not None
    assert colors[:, 3].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("OFF BINARY\n", "a.off:1: 'OFF BINARY' is not read; "),
        ("4OFF\n1 0 0\n0 0 0 1\n", "a.off:1: '4OFF' is not read"),
        ("OFX\n1 0 0\n", "a.off:1: needs 'OFF' and the numbers of vertices"),
        ("OFF\n", "a.off:2: needs 'OFF' and the numbers of vertices"),
        ("OFF\n1000000000000 0 0\n0 0 0\n", "a.off: declares 1000000000000 vertices"),
        ("OFF\n1 1000000000000 0\n0 0 0\n", "a.off: declares 1 vertices and 1000000000000 faces"),
        (
            f"OFF\n4 1 4\n{POINTS}4 0 1 2 4\n",
            "a.off:7: a face names vertex 4, but the file has the vertices 0 to 3",
        ),
        (f"OFF\n4 1 4\n{POINTS}4 0 1 2 -1\n", "a.off:7: a face names vertex -1"),
        (f"OFF\n4 1 4\n{POINTS}4 0 1 2\n", "a.off:7: a face declares 4 corners and has 3"),
        (
            f"OFF\n4 1 4\n{POINTS}x 0 1 2\n",
            "a.off:7: a face must begin with its number of corners, found 'x'",
        ),
        (f"OFF\n4 2 4\n{POINTS}4 0 1 2 3\n", "a.off:8: the file ends before its last face"),
        ("OFF\n2 0 0\n0 0 0\n          ", "a.off:4: the file ends before its last vertex"),
        ("OFF\n2 0 0\n0 0 0\n0 y 0\n", "a.off:4: a vertex needs 3 numbers, found 'y'"),
    ],
)
def test_off_errors(text: str, start: str) -> None:
    with pytest.raises(MeshError) as caught:
        read_off(text)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("faces", "colors"),
    [
        ("3 0 1 2 255 0 0\n4 0 1 2 3 0 0 255\n", [(1, 0, 0, 1), (0, 0, 1, 1), (0, 0, 1, 1)]),
        ("3 0 1 2 255 0 0 51\n4 0 1 2 3 0 0 255\n", [(1, 0, 0, 0.2), (0, 0, 1, 1), (0, 0, 1, 1)]),
        ("3 0 1 2 1.0 0.5 0.0\n4 0 1 2 3 0 0 1\n", [(1, 0.5, 0, 1), (0, 0, 1, 1), (0, 0, 1, 1)]),
        (
            "3 0 1 2 1.0 0.5 0.0 0.25 # last\n4 0 1 2 3 0 0 1\n",
            [(1, 0.5, 0, 0.25), (0, 0, 1, 1), (0, 0, 1, 1)],
        ),
    ],
)
def test_off_colours_of_faces(faces: str, colors: list[tuple[float, ...]]) -> None:
    mesh = read_mesh(f"OFF\n4 2 0\n{POINTS}{faces}".encode(), "off", name="a.off", linear_colors=False)
    assert mesh.face_colors is not None
    np.testing.assert_allclose(mesh.face_colors, colors, atol=1e-6)
    assert (mesh.colors, mesh.warnings) == (None, [])


def test_off_faces_without_a_colour_beside_others_are_grey() -> None:
    mesh = read_mesh(f"OFF\n4 2 0\n{POINTS}3 0 1 2\n3 0 2 3 0 255 0\n".encode(), "off")
    assert mesh.face_colors is not None
    np.testing.assert_allclose(mesh.face_colors[0, :3], DEFAULT_MATERIAL.base_color[:3], atol=1e-6)
    np.testing.assert_allclose(mesh.face_colors[1], [0, 1, 0, 1])


def test_off_colours_of_a_colour_map_are_a_warning() -> None:
    mesh = read_off(f"OFF\n4 2 0\n{POINTS}3 0 1 2 7\n3 0 2 3 -1\n")
    assert mesh.face_colors is None
    assert mesh.warnings == [
        "a.off: 2 faces have colours by their number in a colour map, which are not read; drawn without them"
    ]


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("header", ["OFF", "COFF"])
def test_off_colours_of_vertices(header: str, scale: int) -> None:
    rows = "".join(f"{p} {scale} 0 {scale // 2 if scale > 1 else 0.5} {scale}\n" for p in POINTS.splitlines())
    mesh = read_mesh(f"{header}\n4 1 0\n{rows}4 0 1 2 3\n".encode(), "off", linear_colors=False)
    assert mesh.colors is not None
    np.testing.assert_allclose(mesh.colors, [(1, 0, 0.5, 1)] * 4, atol=0.003)


def test_colours_of_vertices_that_differ_win_over_those_of_faces() -> None:
    points = [f"{p} {i * 60} 0 0" for i, p in enumerate(POINTS.splitlines())]
    varied = "\n".join(["COFF", "4 1 0", *points, "4 0 1 2 3 0 255 0"])
    assert read_off(varied + "\n").face_colors is None
    plain = "\n".join(["COFF", "4 1 0", *(f"{p} 9 9 9" for p in POINTS.splitlines()), "4 0 1 2 3 0 255 0"])
    mesh = read_off(plain + "\n")
    assert mesh.colors is None
    assert mesh.face_colors is not None
