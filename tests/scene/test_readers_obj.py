"""OBJ and MTL, feature by feature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.readers import read_mesh

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def read(text: str) -> RawMesh:
    return read_mesh(text.encode(), "obj", name="a.obj")


def area(verts: np.ndarray, faces: np.ndarray) -> float:
    """Signed area in the xy plane."""
    (ax, ay), (bx, by), (cx, cy) = (verts[faces[:, k], :2].T for k in range(3))
    return float(((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)).sum() / 2)


def absolute_area(verts: np.ndarray, faces: np.ndarray) -> float:
    return sum(abs(area(verts, face[None])) for face in faces)


@pytest.mark.parametrize(
    ("corner", "has_uvs", "has_normals"),
    [("{0}", False, False), ("{0}/{0}", True, False), ("{0}//{0}", False, True), ("{0}/{0}/{0}", True, True)],
)
def test_forms_of_corners(corner: str, has_uvs: bool, has_normals: bool) -> None:
    attributes = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n" + "vn 0 0 1\n" * 4
    for ids in ((1, 2, 3), (-4, -3, -2)):
        mesh = read(SQUARE + attributes + "f " + " ".join(corner.format(i) for i in ids) + "\n")
        assert mesh.faces.tolist() == [[0, 1, 2]]
        assert (mesh.uvs is not None, mesh.normals is not None) == (has_uvs, has_normals)
        if has_uvs:
            assert mesh.faces_uvs is not None
            assert mesh.faces_uvs.tolist() == [[0, 1, 2]]
        if has_normals:
            assert mesh.faces_normals is not None
            assert mesh.faces_normals.tolist() == [[0, 1, 2]]


def test_negative_indices_count_from_where_they_stand() -> None:
    mesh = read("v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 2 0 0\nf -1 1 2\n")
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 0, 1]]


def test_faces_may_come_before_their_vertices() -> None:
    assert read("f 1 2 3\n" + SQUARE).faces.tolist() == [[0, 1, 2]]


def test_corners_without_texture_coordinates_are_marked() -> None:
    mesh = read(SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\nf 1 2 3\nf 1/1 3/2 4/3\nf 1 2 4\n")
    assert mesh.faces_uvs is not None
    assert mesh.faces_uvs.tolist() == [[-1, -1, -1], [0, 1, 2], [-1, -1, -1]]


@pytest.mark.parametrize(
    "text",
    [
        SQUARE.replace("\n", "\r\n") + "f 1 2 3 4\r\n",
        SQUARE.replace("\n", "\r") + "f 1 2 3 4\r",
        "\ufeff" + SQUARE + "f 1 2 3 4",
        SQUARE.replace("v ", "  v\t ").replace("\n", "  \t\n\n") + "\tf  1 2\t3  4   ",
        SQUARE + "f 1 2 \\\n  3 4\n",
        SQUARE + "f 1 2 \\\r\n3 \\  \r\n4\r\n",
        "# a comment\n" + SQUARE.replace("\n", " # another\n") + "f 1 2 3 4#last\n",
        "o thing\ng a b\ns off\nmg 1 0.5\nlod 1\n" + SQUARE + "f 1 2 3 4\n",
        SQUARE.replace("v", "V") + "VN 0 0 1\nF 1 2 3 4\n",
        SQUARE.replace("1", "+1.0E0") + "f 1 2 3 4\n",
    ],
)
def test_layout_of_text(text: str) -> None:
    mesh = read(text)
    assert mesh.verts.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.warnings == []


@pytest.mark.parametrize(
    "number",
    ["0.1", "-0.1", "1e-7", "123456789.125", "3.14159265358979323846", ".5", "5.", "1e22", "1e23", "1E+3",
     "+7", "9007199254740993", "2.2250738585072011e-308", "1e-400", "4.9e-324", "-0", "85.90630299999999"],
)  # fmt: skip
def test_numbers_are_correctly_rounded(number: str) -> None:
    # The second vertex is near the first, so that the mesh needs double precision.
    mesh = read(f"v {number} 1e30 0\nv {number} 1e30 1\n")
    assert mesh.verts.dtype == np.float64
    assert mesh.verts[0, 0] == float(number)


@pytest.mark.parametrize(
    "number",
    ["1.#IND", "-1.#IND", "-1.#IND00", "1.#QNAN", "1.#QNAN0", "1.#SNAN", "1.#J", "-1.#IO", "1.#R", "nan",
     "NaN", "-nan", "nan(ind)", "-nan(ind)"],
)  # fmt: skip
def test_what_is_not_a_number_is_nan(number: str) -> None:
    for place in range(3):
        words = ["0.25", "0.5", "0.75"]
        words[place] = number
        mesh = read(f"{SQUARE}v {' '.join(words)}\nf 1 2 3\n")
        assert np.isnan(mesh.verts[4]).tolist() == [i == place for i in range(3)]
        assert mesh.warnings[0].startswith("a.obj: 1 of 5 vertices have coordinates that are not finite")


@pytest.mark.parametrize("kind", ["ply", "off", "stl"])
def test_nor_is_it_one_in_other_formats(kind: str) -> None:
    corners = ["0 0 0", "1 0 0", "0 -1.#IND 0"]
    text = {
        "off": "OFF\n3 1 0\n{}\n3 0 1 2\n",
        "ply": "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
        "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n{}\n3 0 1 2\n",
        "stl": "solid a\nfacet normal 0 0 1\nouter loop\n{}\nendloop\nendfacet\nendsolid a\n",
    }[kind]
    lines = "\n".join(("vertex " if kind == "stl" else "") + corner for corner in corners)
    mesh = read_mesh(text.format(lines).encode(), kind)
    assert np.isnan(mesh.verts).sum() == 1


@pytest.mark.parametrize(("number", "value"), [("1.#INF", np.inf), ("-1.#INF00", -np.inf), ("1.#comment", 1)])
def test_infinity_and_a_comment(number: str, value: float) -> None:
    assert read(f"v 0 0 {number}\n").verts[0, 2] == value


def test_texture_coordinates_that_are_not_finite() -> None:
    mesh = read(SQUARE + "vt 1.#QNAN 0\nvt 1 0\nvt 1 inf\nf 1/1 2/2 3/3\nf 1/2 2/2 3/2\n")
    assert mesh.faces_uvs is not None
    assert mesh.faces_uvs.tolist() == [[-1, 1, -1], [1, 1, 1]]
    assert mesh.warnings == [
        "a.obj:5: 2 texture coordinates are not finite (this is the first); such corners go without"
    ]


def test_what_is_not_drawn_is_one_warning() -> None:
    mesh = read(SQUARE + "l 1 2\nf 1 2 3\np 1\nl 2 3\nvp 0.1\ncurv 0 1 1 2\nsurf 0 1 0 1 1 2\nend\n")
    assert mesh.faces.tolist() == [[0, 1, 2]]
    assert mesh.warnings == [
        "a.obj:5: 2 lines (l), 1 points (p), 1 curves (curv), 1 surfaces (surf) are not drawn (this is the "
        "first); only polygons are"
    ]


def test_concave_polygon_is_covered_once() -> None:
    outline = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]
    for turn in range(len(outline)):
        for flip in (1, -1):
            points = (outline[turn:] + outline[:turn])[::flip]
            mesh = read("".join(f"v {x} {y} 0\n" for x, y in points) + "f 1 2 3 4 5\n")
            assert len(mesh.faces) == 3
            assert area(mesh.verts, mesh.faces) == pytest.approx(flip * 10)
            assert absolute_area(mesh.verts, mesh.faces) == pytest.approx(10)


def test_concave_polygon_takes_its_attributes_along() -> None:
    outline = [(2, 1), (0, 4), (0, 0), (4, 0), (4, 4)]
    text = "".join(f"v {x} {y} 0\nvt {x} {y}\n" for x, y in outline) + "vn 0 0 1\n"
    mesh = read(text + "f " + " ".join(f"{i}/{i}/1" for i in range(1, 6)))
    assert mesh.uvs is not None
    assert mesh.faces_normals is not None
    np.testing.assert_array_equal(mesh.faces, mesh.faces_uvs)
    assert (mesh.faces_normals == 0).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_spiral_in_any_plane(axis: int) -> None:
    turns = np.linspace(0, 5 * np.pi, 60)
    spiral = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    outline = np.concatenate([spiral * (1 + turns)[:, None], (spiral * (0.7 + turns)[:, None])[::-1]])
    points = np.insert(outline, axis, 0.5 * outline[:, 0] + 2, axis=1)  # a slanted plane
    text = "".join("v {} {} {}\n".format(*point) for point in points)
    mesh = read(text + "f " + " ".join(map(str, range(1, len(points) + 1))))
    assert len(mesh.faces) == len(points) - 2
    triangles = mesh.verts[mesh.faces].astype(np.float64)
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    total = normals.sum(axis=0)
    assert np.linalg.norm(normals, axis=1).sum() == pytest.approx(np.linalg.norm(total), rel=1e-4)


def test_vertex_colours_become_linear() -> None:
    mesh = read("v 0 0 0 1 0.5 0\nv 1 0 0\nv 0 1 0 0 0 1 0.25\nf 1 2 3\n")
    expected = [[1, srgb_to_linear(0.5), 0, 1], [1, 1, 1, 1], [0, 0, 1, 0.25]]
    np.testing.assert_allclose(mesh.colors, expected, rtol=1e-6)
    bytes_ = read("v 0 0 0 255 128 0\nv 1 0 0 0 0 0\nv 0 1 0 51 0 0\nf 1 2 3\n").colors
    np.testing.assert_allclose(bytes_[:, 0], [1, 0, srgb_to_linear(0.2)], rtol=1e-5)
    assert (bytes_[:, 3] == 1).all()


def test_polypaint_of_zbrush() -> None:
    paint = "#MRGB ffff0000ff00ff00\n#MRGB 000000ffFFffFFff\n# End of MRGB block\n"
    mesh = read(SQUARE + paint + "f 1 2 3 4\n")
    assert mesh.colors is not None
    assert mesh.colors.tolist() == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]]
    assert mesh.warnings == []
    mesh = read(SQUARE + "#MRGB ffff0000\n" + "f 1 2 3 4\n")
    assert mesh.colors is None
    assert mesh.warnings == ["a.obj:5: ZBrush's colours (MRGB) are 1 for 4 vertices and were left out"]
    assert read(SQUARE + "#MRGB what this is\nf 1 2 3 4\n").colors is None


def test_the_weight_of_a_vertex_is_no_colour() -> None:
    assert read("v 0 0 0 1\nv 1 0 0 1\nv 0 1 0 1\nf 1 2 3\n").colors is None


def test_short_faces_are_left_out_with_a_warning() -> None:
    mesh = read(SQUARE + "f 1 2\nf 1 2 3\nf 1\n")
    assert mesh.faces.tolist() == [[0, 1, 2]]
    assert mesh.warnings == [
        "a.obj:5: 2 faces have fewer than three corners (this is the first) and were left out"
    ]


def test_missing_texture_coordinates_are_a_warning() -> None:
    mesh = read(SQUARE + "vt 0 0\nf 1/1 2/1 3/2\nf 1//5 2//5 3//5\n")
    assert mesh.faces_uvs is not None
    assert mesh.faces_uvs.tolist() == [[0, 0, -1], [-1, -1, -1]]
    assert mesh.normals is None
    assert [warning.split("; ")[0] for warning in mesh.warnings] == [
        "a.obj:6: a face names texture coordinate 2, but the file has 1",
        "a.obj:7: a face names normal 5, but the file has 0",
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (SQUARE + "f 1 2 3\nf 1 2 9\n", 6, "vertex 9, but the file has 4"),
        (SQUARE + "f 0 1 2\n", 5, "vertex 0, but"),
        (SQUARE + "f -5 1 2\n", 5, "vertex -5, but only 4"),
        (SQUARE + "f 1 2 x\n", 5, "'x'"),
        (SQUARE + "f 1 2 3.5\n", 5, "'.5'"),
        (SQUARE + "f 1/ /2 3\n", 5, "'/2'"),
        (SQUARE + "f 1 2 99999999999999999999\n", 5, "99999"),
        ("v 0 0\n", 1, "needs 3 numbers, got 2"),
        ("\nv 0 0 0,5\n", 2, "'0,5'"),
        ("v 0 0 \\\n\n", 2, "got 2"),
        ("v 1 2 3\nvn 1 2\n", 2, "'vn' needs 3"),
        ("v 1 2 3\nvt\n", 2, "'vt' needs 1"),
    ],
)
def test_errors_name_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(MeshError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith(f"a.obj:{line}: ")
    assert words in message
    assert "; " in message  # the mend
    assert "\n" not in message


def test_file_without_vertices() -> None:
    with pytest.raises(MeshError, match=r"^a\.obj: holds no vertices"):
        read("# nothing\n")


def write_scene(folder: Path, mtl: str, name: str = "a.mtl", library: str | None = None) -> RawMesh:
    (folder / name).write_text(mtl)
    (folder / "a.obj").write_text(
        f"mtllib {library or name}\n{SQUARE}vt 0 0\nusemtl red\nf 1/1 2/1 3/1\nusemtl blue\nf 1 3 4\n"
    )
    return read_mesh(folder / "a.obj")


def write_image(path: Path, color: tuple[int, ...] = (10, 20, 30)) -> None:
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[len(color)]
    Image.new(mode, (3, 2), color if len(color) > 1 else color[0]).save(path)


def test_materials(tmp_path: Path) -> None:
    mesh = write_scene(
        tmp_path,
        "newmtl red\nKa 1 1 1\n Kd 1 0.5 0 # comment\n\tKs 0.2 0.2 0.2\nNs 50\nillum 2\n"
        "newmtl blue\r\nKd 0 0 1\r\nd 0.25\r\nKe 1 0 0\r\nillum 1\r\nKs 1 1 1\r\nTr 0.1\r\n",
    )
    red, blue = mesh.materials
    assert mesh.faces_material is not None
    assert mesh.faces_material.tolist() == [0, 1]
    assert (red.name, blue.name) == ("red", "blue")
    assert red.base_color == pytest.approx((1, float(srgb_to_linear(0.5)), 0, 1))
    assert red.statements["ns"] == (50,)
    assert red.alpha_mode == "opaque"
    assert blue.base_color == pytest.approx((0, 0, 1, 0.25))  # d goes before Tr
    assert blue.alpha_mode == "blend"
    assert blue.emissive == (1, 0, 0)
    assert blue.specular == (0, 0, 0)  # illum 1: no highlight
    assert mesh.warnings == []


def test_faces_before_the_first_material_have_none() -> None:
    mesh = read(SQUARE + "f 1 2 3\nusemtl a b\nf 1 2 3 4\n")
    assert mesh.faces_material is not None
    assert mesh.faces_material.tolist() == [-1, 0, 0]
    assert mesh.materials[0].name == "a b"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_names_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "größe.mtl").write_bytes("newmtl weiß\nKd 1 0 0\n".encode(encoding))
    (tmp_path / "a.obj").write_bytes(f"mtllib größe.mtl\n{SQUARE}usemtl weiß\nf 1 2 3\n".encode(encoding))
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.materials[0].name == "weiß"
    assert mesh.materials[0].base_color[:3] == (1, 0, 0)


def test_several_libraries_and_one_with_blanks(tmp_path: Path) -> None:
    (tmp_path / "b.mtl").write_text("newmtl blue\nKd 0 0 1\n")
    mesh = write_scene(tmp_path, "newmtl red\nKd 1 0 0\n", library="a.mtl b.mtl")
    assert [m.base_color[:3] for m in mesh.materials] == [(1, 0, 0), (0, 0, 1)]
    mesh = write_scene(tmp_path, "newmtl red\nKd 1 0 0\nnewmtl blue\n", name="my own materials.mtl")
    assert mesh.materials[0].base_color[:3] == (1, 0, 0)
    assert mesh.warnings == []


@pytest.mark.parametrize(
    "statement",
    [
        "tex.png",
        "  my texture.png  ",
        "-s 1 1 1 -o 0 0 0 tex.png",
        "-s 1 -blendu on -mm 0 1 -bm 0.5 -imfchan r my texture.png",
        "..\\somewhere\\TEX.PNG",
        "C:\\Users\\me\\tex.png",
        "sub/Deep.png",
    ],
)
def test_texture_names(tmp_path: Path, statement: str) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("tex.png", "my texture.png", "sub/Deep.png"):
        write_image(tmp_path / name)
    mesh = write_scene(tmp_path, f"newmtl red\nmap_Kd {statement}\nnewmtl blue\n")
    texture = mesh.materials[0].base_color_texture
    assert texture is not None
    assert texture.image.shape == (2, 3, 3)
    assert texture.image[0, 0].tolist() == [10, 20, 30]
    assert texture.wrap == ("repeat", "repeat")
    assert mesh.materials[0].base_color == (1, 1, 1, 1)
    assert mesh.warnings == []


def test_clamp_and_placement_of_a_texture(tmp_path: Path) -> None:
    write_image(tmp_path / "t.png")
    (tmp_path / "a.mtl").write_text(
        "newmtl red\nmap_Kd -s 2 3 -o 0.5 -clamp on t.png\nnewmtl blue\nmap_Kd t.png\n"
    )
    faces = "usemtl red\nf 1/1 2/2 3/3\nusemtl blue\nf 1/1 2/2 3/3\n"
    (tmp_path / "a.obj").write_text(f"mtllib a.mtl\n{SQUARE}vt 0 0\nvt 1 0\nvt 1 1\n{faces}")
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.materials[0].base_color_texture is not None
    assert mesh.materials[0].base_color_texture.wrap == ("clamp", "clamp")
    assert mesh.uvs is not None
    corners = mesh.uvs[mesh.faces_uvs]
    assert corners[0].tolist() == [[0.5, 0], [2.5, 0], [2.5, 3]]
    assert corners[1].tolist() == [[0, 0], [1, 0], [1, 1]]


def test_other_maps_place_and_clamp_their_textures_where_there_is_no_colour_map(tmp_path: Path) -> None:
    write_image(tmp_path / "t.png", (255,))
    (tmp_path / "a.mtl").write_text(
        "newmtl red\nmap_d -s 2 3 -clamp on t.png\nnewmtl blue\nmap_Ke -o 0.5 t.png\n"
    )
    faces = "usemtl red\nf 1/1 2/2 3/3\nusemtl blue\nf 1/1 2/2 3/3\n"
    (tmp_path / "a.obj").write_text(f"mtllib a.mtl\n{SQUARE}vt 0 0\nvt 1 0\nvt 1 1\n{faces}")
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.materials[0].base_color_texture is not None
    assert mesh.materials[0].base_color_texture.wrap == ("clamp", "clamp")
    assert mesh.uvs is not None
    assert mesh.uvs[mesh.faces_uvs].tolist() == [[[0, 0], [2, 0], [2, 3]], [[0.5, 0], [1.5, 0], [1.5, 1]]]


def test_opacity_map(tmp_path: Path) -> None:
    write_image(tmp_path / "color.png")
    write_image(tmp_path / "hard.png", (255,))
    Image.fromarray(np.full((4, 6), 128, np.uint8)).save(tmp_path / "soft.png")
    mesh = write_scene(
        tmp_path,
        "newmtl red\nmap_Kd color.png\nmap_d hard.png\nnewmtl blue\nmap_Kd color.png\nmap_d soft.png\n",
    )
    red, blue = mesh.materials
    assert (red.alpha_mode, blue.alpha_mode) == ("mask", "blend")
    assert red.base_color_texture is not None
    assert blue.base_color_texture is not None
    assert red.base_color_texture.image[0, 0].tolist() == [10, 20, 30, 255]
    assert blue.base_color_texture.image[1, 2].tolist() == [10, 20, 30, 128]


@pytest.mark.parametrize("mode", ["P", "LA", "I;16", "1", "CMYK"])
def test_modes_of_images(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((2, 3), 65535, np.uint16))
    else:
        image = Image.new("RGB", (3, 2), (255, 255, 255)).convert("L" if mode == "LA" else mode).convert(mode)
    image.save(tmp_path / ("t.tif" if mode == "CMYK" else "t.png"))
    mesh = write_scene(tmp_path, f"newmtl red\nmap_Kd t.{'tif' if mode == 'CMYK' else 'png'}\nnewmtl blue\n")
    texture = mesh.materials[0].base_color_texture
    assert texture is not None
    assert (texture.image == 255).all()
    assert texture.image.shape == (2, 3, 3)


def test_what_is_missing_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    mesh = write_scene(
        tmp_path,
        "newmtl red\nmap_Kd none.png\nKs one two\nNs\nmap_Ke\nmap_Ke broken.png\n",
        library="a.mtl none.mtl",
    )
    assert len(mesh.materials) == 2
    mtl, obj = tmp_path / "a.mtl", tmp_path / "a.obj"
    starts = [
        f"{obj}:1: the material library 'none.mtl' is not in '{tmp_path}'",
        f"{mtl}:3: 'Ks' needs 3 finite numbers, got 'one two'",
        f"{mtl}:4: 'Ns' needs a finite number, got ''",
        f"{mtl}:5: a map names no file",
        f"{mtl}:2: the texture 'none.png' is not in '{tmp_path}'",
        f"{mtl}:6: the texture '{tmp_path / 'broken.png'}' cannot be read",
        f"{obj}: no library defines the material 'blue'",
    ]
    assert len(mesh.warnings) == len(starts)
    for warning, start in zip(mesh.warnings, starts, strict=True):
        assert warning.startswith(start)
        assert "\n" not in warning
