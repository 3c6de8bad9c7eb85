"""Random meshes, written in each format and read back."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from r3d_cli.scene.readers import read_mesh

VERTS = arrays(np.float32, st.tuples(st.integers(3, 20), st.just(3)), elements=st.floats(-1e3, 1e3, width=32))


@st.composite
def meshes(draw: st.DrawFn) -> tuple[np.ndarray, list[list[int]]]:
    """Vertices, and polygons of three to six of them."""
    verts = draw(VERTS)
    polygons = st.lists(st.integers(0, len(verts) - 1), min_size=3, max_size=6)
    return verts, draw(st.lists(polygons, min_size=1, max_size=10))


def check(data: bytes, format: str, verts: np.ndarray, polygons: list[list[int]]) -> None:
    mesh = read_mesh(data, format)
    np.testing.assert_array_equal(mesh.verts, verts)
    first = 0
    for polygon in polygons:
        faces = mesh.faces[first : first + len(polygon) - 2]
        first += len(faces)
        if len(polygon) == 3:
            assert faces.tolist() == [polygon]
        else:
            assert set(faces.ravel()) <= set(polygon)
            check_boundary(faces, polygon)
    assert first == len(mesh.faces)


def check_boundary(faces: np.ndarray, polygon: list[int]) -> None:
    """The edges of a triangulation, those walked both ways taken out, are the polygon's outline."""
    count: dict[tuple[int, int], int] = {}
    edges = [(face[i], face[(i + 1) % 3]) for face in faces for i in range(3)]
    edges += [(polygon[(i + 1) % len(polygon)], polygon[i]) for i in range(len(polygon))]
    for a, b in edges:
        count[min(a, b), max(a, b)] = count.get((min(a, b), max(a, b)), 0) + (1 if a < b else -1)
    assert all(value == 0 for (a, b), value in count.items() if a != b)


@given(meshes(), st.sampled_from(["\n", "\r\n", " \n\n"]), st.booleans())
def test_obj(mesh: tuple[np.ndarray, list[list[int]]], end: str, negative: bool) -> None:
    verts, polygons = mesh
    shift = -len(verts) if negative else 1
    lines = ["v {!r} {!r} {!r}".format(*map(float, vert)) for vert in verts]
    lines += ["f " + " ".join(str(index + shift) for index in polygon) for polygon in polygons]
    check("".join(line + end for line in lines).encode(), "obj", verts, polygons)


@given(meshes(), st.sampled_from(["ascii", "binary_little_endian", "binary_big_endian"]))
def test_ply(mesh: tuple[np.ndarray, list[list[int]]], form: str) -> None:
    verts, polygons = mesh
    header = (
        f"ply\nformat {form} 1.0\nelement vertex {len(verts)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(polygons)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    if form == "ascii":
        rows = ["{!r} {!r} {!r}".format(*map(float, vert)) for vert in verts]
        rows += [" ".join(map(str, [len(polygon), *polygon])) for polygon in polygons]
        body = "".join(row + "\n" for row in rows).encode()
    else:
        order = "<" if form == "binary_little_endian" else ">"
        body = verts.astype(order + "f4").tobytes()
        body += b"".join(struct.pack(f"{order}B{len(p)}i", len(p), *p) for p in polygons)
    check(header.encode() + body, "ply", verts, polygons)


@given(meshes())
def test_off(mesh: tuple[np.ndarray, list[list[int]]]) -> None:
    verts, polygons = mesh
    rows = ["OFF", f"{len(verts)} {len(polygons)} 0"]
    rows += ["{!r} {!r} {!r}".format(*map(float, vert)) for vert in verts]
    rows += [" ".join(map(str, [len(polygon), *polygon])) for polygon in polygons]
    check("\n".join(rows).encode(), "off", verts, polygons)


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 9), st.just(3), st.just(3)), elements=st.floats(-9, 9, width=32)
    )
)
def test_stl(triangles: np.ndarray) -> None:
    binary = b"".ljust(80) + struct.pack("<I", len(triangles))
    text = "solid\n"
    for triangle in triangles:
        binary += struct.pack("<12fH", 0, 0, 0, *triangle.ravel(), 0)
        corners = "".join("vertex {!r} {!r} {!r}\n".format(*map(float, corner)) for corner in triangle)
        text += f"facet normal 0 0 0\nouter loop\n{corners}endloop\nendfacet\n"
    for data in (binary, (text + "endsolid\n").encode()):
        mesh = read_mesh(data, "stl")
        np.testing.assert_array_equal(mesh.verts[mesh.faces], triangles)


@given(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.from_regex(
            r"[-+]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][-+]?[0-9]{1,3})?", fullmatch=True
        ),
    )
)
def test_numbers_are_read_as_python_reads_them(number: str) -> None:
    # The second vertex makes the mesh need double precision.
    assert read_mesh(f"v {number} 1e300 0\nv 0 0.1 0\n".encode(), "obj").verts[0, 0] == float(number)
