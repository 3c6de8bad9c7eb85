"""The syntax of MTL and of mtllib, as exporters write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mtl_scene import PICTURE, Scene, warnings
from PIL import Image

from r3d_cli.scene.model import Material
from r3d_cli.scene.readers.mtl_names import library_names


@pytest.mark.parametrize(
    "statement",
    [
        'map_Kd "tex.png"',
        "map_Kd 'tex.png'",
        'map_Kd "my texture.png"  # a comment',
        r"map_Kd my\ texture.png",
        "map_Kd my texture.png",
        "map_Kd tex.png # a comment",
        "map_Kd tex.png   \t",
        "\tMAP_KD\ttex.png",
        "map_kd tex.png",
        'map_Kd "C:\\My Models\\My Texture.png"',
        r"map_Kd ..\..\textures\tex.png",
        "map_Kd -blendu on -blendv off -bm 1.0 -boost 2 -cc off -clamp off -imfchan l tex.png",
        "map_Kd -mm 0 1 -o 0 0 0 -s 1 1 1 -t 0 0 0 -texres 512 tex.png",
        "map_Kd -colorspace sRGB tex.png",
        "map_Kd -type sphere tex.png",
        "map_Kd -o 0 -s 1 1 tex.png",
        "map_Kd -clamp tex.png",
        "map_Kd -mm 0 tex.png",
        'map_Kd -S 1 1 1 "my texture.png"',
        "map_Kd -unheard-of tex.png",
        "map_Kd -unheardof 1 2 tex.png",
        "map_Kd -unheardof tex.png",
        "map_Kd -dash.png",
        "map_Kd tex.png -s 1 1 1 -o 0 0 0",
        "map_Kd \\\n  tex.png",
        "map_Ka tex.png",
    ],
)
def test_statements_of_maps(scene: Scene, tmp_path: Path, statement: str) -> None:
    for name in ("my texture.png", "-dash.png"):
        Image.fromarray(PICTURE).save(tmp_path / name)
    mesh = scene(f"newmtl m\nKd 1 1 1\n{statement}\n")
    assert mesh.warnings == []
    texture = mesh.materials[0].base_color_texture
    assert texture is not None
    np.testing.assert_array_equal(texture.image, PICTURE)
    assert texture.wrap == ("repeat", "repeat")


@pytest.mark.parametrize("statement", ["-s 2 3 -clamp on tex.png", "tex.png -s 2 3 -clamp on"])
def test_options_before_and_behind_the_name(scene: Scene, statement: str) -> None:
    mesh = scene(f"newmtl m\nmap_Kd {statement}\n")
    assert mesh.uvs is not None
    assert mesh.uvs[mesh.faces_uvs].max(axis=(0, 1)).tolist() == [2, 3]
    assert mesh.materials[0].base_color_texture is not None
    assert mesh.materials[0].base_color_texture.wrap == ("clamp", "clamp")


@pytest.mark.parametrize(
    ("statement", "name"),
    [('"no such.png"', "no such.png"), ("-foo no.png # x", "no.png"), (r"no\ such.png", "no such.png")],
)
def test_missing_textures_are_named_as_they_are_meant(
    scene: Scene, tmp_path: Path, statement: str, name: str
) -> None:
    (warning,) = warnings(scene(f"newmtl m\nmap_Kd {statement}\n"), tmp_path)
    assert warning.startswith(f"a.mtl:2: the texture '{name}' is not in ")


@pytest.mark.parametrize(
    ("mtl", "use"),
    [
        ("\ufeffnewmtl m\nKd 1 0 0", "m"),
        ("NEWMTL m\nKD 1 0 0", "m"),
        ("newmtl\tm\t\n\tkd\t1\t0\t0\t", "m"),
        ("newmtl my red one  \nKd 1 0 0", "my red one"),
        ("newmtl Red\nKd 1 0 0", "red"),
        ("newmtl m\nKd 1 0 0", "m # the red one"),
        ("newmtl m\nKd 1 0 0", '"m"'),
        ('newmtl "m"\nKd 1 0 0', "m"),
        ("newmtl m # the red one\nKd 1 0 0", "M"),
        ("newmtl M\nKd 0 0 1\nnewmtl m\nKd 1 0 0", "m"),
        ("newmtl #1\nKd 1 0 0\nnewmtl #2\nKd 0 0 1", "#1"),
        ("newmtl m\nKd 1 \\\n 0 0", "m"),
        ("newmtl m\r\nKd 1 \\\r\n 0 0\r\n", "m"),
        ("newmtl m\rKd 1 0 0\r", "m"),
        ("Kd 9 9 9\nnewmtl m\nKd 1 0 0# red", "m"),
        ("newmtl m\nKd 1 0 0 1", "m"),
    ],
)
def test_layout(scene: Scene, mtl: str, use: str) -> None:
    mesh = scene(mtl, use=use)
    assert mesh.warnings == []
    assert mesh.materials[0].base_color == (1, 0, 0, 1)


@pytest.mark.parametrize("number", ["1.#IND", "-1.#IND00", "1.#QNAN", "1.#INF", "nan", "-nan", "nan(ind)"])
def test_what_is_no_number_is_passed_over(scene: Scene, tmp_path: Path, number: str) -> None:
    mesh = scene(f"newmtl m\nKd 1 0 0\nNs {number}\nKs 0 0 {number}\nd {number}\n")
    assert mesh.materials[0] == Material("m", (1, 0, 0, 1), statements={"kd": (1, 0, 0)})
    assert warnings(mesh, tmp_path) == [
        f"a.mtl:3: 'Ns' needs a finite number, got '{number}'; the line was passed over",
        f"a.mtl:4: 'Ks' needs 3 finite numbers, got '0 0 {number}'; the line was passed over",
        f"a.mtl:5: 'd' needs a finite number, got '{number}'; the line was passed over",
    ]


def test_a_fault_of_every_material_is_one_warning(scene: Scene, tmp_path: Path) -> None:
    mesh = scene("newmtl m\nNs 1.#IND\n" * 50)
    assert warnings(mesh, tmp_path) == [
        "a.mtl:2: 'Ns' needs a finite number, got '1.#IND'; the line was passed over, as 49 more like it"
    ]


@pytest.mark.parametrize(
    "library",
    ["my lib.mtl", r"my\ lib.mtl", '"my lib.mtl"', "'my lib.mtl'", "my lib.mtl # x", r"C:\x\my lib.mtl"],
)
def test_names_of_libraries(scene: Scene, tmp_path: Path, library: str) -> None:
    (tmp_path / "my lib.mtl").write_text("newmtl m\nKd 1 0 0\n")
    mesh = scene("newmtl other\n", library=library)
    assert mesh.warnings == []
    assert mesh.materials[0].base_color == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.mtl b.mtl", ["a.mtl", "b.mtl"]),
        ("a.mtl my lib.mtl b.mtl", ["a.mtl", "my lib.mtl", "b.mtl"]),
        (r'my\ lib.mtl "my lib.mtl" none.mtl', ["my lib.mtl", "my lib.mtl", "none.mtl"]),
        ("", []),
        ("# nothing", []),
    ],
)
def test_several_libraries(text: str, names: list[str]) -> None:
    assert library_names(text, {"a.mtl", "b.mtl", "my lib.mtl"}.__contains__) == names
