"""MTL as exporters write it: what they mean goes before the letter of the format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mtl_scene import PICTURE, SQUARE, Scene, warnings
from PIL import Image

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.draw import draw
from r3d_cli.scene.framing import frame
from r3d_cli.scene.readers import read_mesh


def sphere(folder: Path, mtl: str) -> np.ndarray:  # (64, 64, 3)
    """A picture of a sphere of that material."""
    turns, heights = np.linspace(0, 2 * np.pi, 25), np.linspace(0, np.pi, 13)
    u, v = np.meshgrid(turns, heights)
    points = np.stack([np.sin(v) * np.cos(u), np.cos(v), np.sin(v) * np.sin(u)], axis=-1).reshape(-1, 3)
    text = "mtllib a.mtl\nusemtl m\n" + "".join(
        "v {0:.5f} {1:.5f} {2:.5f}\nvn {0:.5f} {1:.5f} {2:.5f}\n".format(*p) for p in points
    )
    for row in range(12):
        for i in range(25 * row + 1, 25 * row + 25):
            text += "f " + " ".join(f"{k}//{k}" for k in (i, i + 1, i + 26, i + 25)) + "\n"
    (folder / "a.obj").write_text(text)
    (folder / "a.mtl").write_text("newmtl m\n" + mtl)
    mesh = read_mesh(folder / "a.obj")
    assert mesh.warnings == []
    return draw(mesh, frame(mesh), size=(64, 64)).image.astype(int)


# -- Highlights -------------------------------------------------------------------------------------------


def test_exponent_0_is_matte_however_bright_the_highlight(tmp_path: Path) -> None:
    matte = sphere(tmp_path, "Kd 0.6 0.2 0.2\nKs 0 0 0\nillum 2\n")
    for ks in ("0.5 0.5 0.5", "0.8 0.8 0.8", "1 1 1"):
        np.testing.assert_array_equal(sphere(tmp_path, f"Ns 0\nKd 0.6 0.2 0.2\nKs {ks}\nillum 2\n"), matte)


def test_highlights_narrow_and_strengthen_with_the_exponent(tmp_path: Path) -> None:
    matte = sphere(tmp_path, "Kd 0.3 0.3 0.3\nKs 0 0 0\n")
    covered = np.count_nonzero((matte < 250).any(axis=2))
    peaks, shares = [], []
    for ns in (1, 10, 96.078431, 225, 324, 1000):
        added = (sphere(tmp_path, f"Kd 0.3 0.3 0.3\nKs 0.9 0.9 0.9\nNs {ns}\n") - matte).max(axis=2)
        peaks.append(int(added.max()))
        shares.append(np.count_nonzero(added > peaks[-1] / 2) / covered)
    assert peaks == sorted(peaks)
    assert peaks[0] < 20
    assert peaks[-1] > 100
    assert shares[1:] == sorted(shares[1:], reverse=True)  # 1 is too faint to measure
    assert shares[-1] < 0.02


def test_low_exponents_do_not_veil_dark_surfaces(tmp_path: Path) -> None:
    matte = srgb_to_linear(sphere(tmp_path, "Kd 0.2 0 0\nKs 0 0 0\n") / 255)
    for ns in (1, 10, 30):  # 10 is what 3ds Max writes by default
        shiny = srgb_to_linear(sphere(tmp_path, f"Kd 0.2 0 0\nKs 1 1 1\nNs {ns}\n") / 255)
        assert (shiny - matte).max() < 0.06


@pytest.mark.parametrize(("ns", "roughness"), [(0, 1), (-3, 1), (250, 0.5), (360, 0.4), (1000, 0), (4096, 0)])
def test_exponents_are_roughness_on_the_scale_of_blender(scene: Scene, ns: float, roughness: float) -> None:
    material = scene(f"newmtl m\nKs 0.5 0.5 0.5\nNs {ns}\n").materials[0]
    exponent = 2 / max(roughness, 0.1) ** 4 - 2
    assert material.shininess == pytest.approx(min(max(exponent, 1), 1000))
    assert material.specular[0] == pytest.approx(min(exponent / 100, 1) * float(srgb_to_linear(0.5)))
    # Pr says the roughness itself, and goes before Ns.
    itself = scene(f"newmtl m\nKs 0.5 0.5 0.5\nNs 7\nPr {roughness}\n").materials[0]
    assert itself.specular == pytest.approx(material.specular)
    assert itself.shininess == pytest.approx(material.shininess)


@pytest.mark.parametrize(("illum", "shines"), [(i, i >= 2) for i in range(11)])
def test_illumination_models(scene: Scene, illum: int, shines: bool) -> None:
    material = scene(f"newmtl m\nKd 1 0 0\nKs 1 1 1\nNs 500\nillum {illum}\n").materials[0]
    assert (max(material.specular) > 0) == shines
    assert (material.unlit, material.alpha_mode) == (False, "opaque")


# -- Colours beside textures, opacity ---------------------------------------------------------------------


@pytest.mark.parametrize("kd", [None, 0, 0.2, 0.588, 0.6, 0.64, 0.752941, 0.8, 1])
def test_a_grey_colour_leaves_the_texture_as_it_is(scene: Scene, kd: float | None) -> None:
    statement = "" if kd is None else f"Kd {kd} {kd} {kd}\n"
    material = scene(f"newmtl m\n{statement}map_Kd tex.png\n").materials[0]
    assert material.base_color == (1, 1, 1, 1)
    if kd is not None:
        assert material.statements["kd"] == (kd,) * 3  # what load_obj tells


def test_a_coloured_one_multiplies(scene: Scene) -> None:
    material = scene("newmtl m\nKd 0.8 0.4 0.4\nmap_Kd tex.png\n").materials[0]
    assert material.base_color[:3] == pytest.approx(srgb_to_linear(np.array([0.8, 0.4, 0.4])).tolist())


def test_black_beside_a_texture_that_is_missing_is_grey(scene: Scene) -> None:
    assert scene("newmtl m\nKd 0 0 0\nmap_Kd none.png\n").materials[0].base_color == (0.8, 0.8, 0.8, 1)
    assert scene("newmtl m\nKd 0 0 0\n").materials[0].base_color == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("statements", "opacity", "warned"),
    [
        ("d 0.0", 1, True),
        ("d 0\nTr 0", 1, True),
        ("d 0\nTr 1", 1, True),
        ("Tr 1", 1, False),  # MeshLab's way to say opaque
        ("Tr 0", 1, False),
        ("d 1\nTr 1", 1, False),
        ("d 0.25\nTr 0.5", 0.25, False),
        ("Tr 0.25", 0.75, False),
        ("d -halo 0.5", 0.5, False),
    ],
)
def test_opacity(scene: Scene, tmp_path: Path, statements: str, opacity: float, warned: bool) -> None:
    mesh = scene(f"newmtl m\nKd 1 0 0\n{statements}\n")
    assert mesh.materials[0].base_color == (1, 0, 0, opacity)
    assert mesh.materials[0].alpha_mode == ("opaque" if opacity == 1 else "blend")
    expected = (
        "a.mtl:1: the material 'm' is invisible by its 'd 0', which exporters write by mistake; drawn opaque"
    )
    assert warnings(mesh, tmp_path) == [expected] * warned


def test_invisible_materials_are_one_warning(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("".join(f"newmtl m{i}\nd 0\n" for i in range(5)))
    faces = "".join(f"usemtl m{i}\nf 1 2 3\n" for i in range(4))
    (tmp_path / "a.obj").write_text(f"mtllib a.mtl\n{SQUARE}{faces}")
    (warning,) = read_mesh(tmp_path / "a.obj").warnings
    assert warning.endswith("drawn opaque, as 3 others are")  # m4 is not used


def test_an_opacity_map_goes_before_d_0(scene: Scene, tmp_path: Path) -> None:
    Image.fromarray(np.array([[255, 0]], np.uint8)).save(tmp_path / "cut.png")
    mesh = scene("newmtl m\nd 0\nmap_Kd tex.png\nmap_d cut.png\n")
    assert mesh.warnings == []
    assert mesh.materials[0].base_color[3] == 1
    assert mesh.materials[0].base_color_texture is not None
    assert mesh.materials[0].base_color_texture.image[0, :, 3].tolist() == [255, 0]


@pytest.mark.parametrize(
    ("statement", "alphas"),
    [
        ("map_d tex.png", None),  # the colour map again, for an alpha that it does not have
        ("map_d -imfchan l tex.png", [90, 93]),
        ("map_d -imfchan r tex.png", [200, 40]),
        ("map_d -imfchan m alpha.png", [9, 99]),
        ("map_d alpha.png", [9, 99]),
        ("map_d -imfchan g alpha.png", [40, 180]),
    ],
)
def test_channels_of_opacity_maps(
    scene: Scene, tmp_path: Path, statement: str, alphas: list[int] | None
) -> None:
    rgba = np.dstack([PICTURE, np.array([[9, 99]], np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    texture = scene(f"newmtl m\nmap_Kd tex.png\n{statement}\n").materials[0].base_color_texture
    assert texture is not None
    assert (texture.image[0, :, 3].tolist() if texture.image.shape[2] == 4 else None) == alphas


# -- What is not drawn is said ----------------------------------------------------------------------------


def test_looks_that_are_not_drawn_are_one_warning(scene: Scene, tmp_path: Path) -> None:
    mesh = scene(
        "newmtl m\nmap_Kd tex.png\nmap_Ka tex.png\nmap_Ks a.png\nmap_Bump -bm 2 b.png\nnorm n.png\nPm 1\n"
        "disp d.png\nrefl -type sphere r.png\nmap_Ns s.png\nPs 0\nPc 0\nmap_Pr r.png\nmap_aat on\n"
        "newmtl m2\ndecal x.png\n"
    )
    assert warnings(mesh, tmp_path) == [
        "a.mtl:4: map_Ks, map_Bump, norm, Pm, disp, refl, map_Ns, map_Pr are not drawn; the materials do "
        "without"
    ]


@pytest.mark.parametrize(
    ("statements", "lost"),
    [
        ("map_Ka other.png", "map_Ka is not drawn"),
        ("illum 4\nTf 0.3 0.3 0.3", "Tf is not drawn"),
        ("map_Ke -s 2 2 tex.png", "the placement of map_Ke is not drawn"),
        ("bump b.png", "bump is not drawn"),
        ("illum 4\nTf 1 1 1\nNi 1.5\nsharpness 60", ""),  # what Maya writes for opaque
        ("illum 4\nd 1\nTf 0.5 0.5 0.5", ""),
        ("Pm 0\nPs 0\nPc 0.0\nPcr 0.03\naniso 0\nanisor 0", ""),  # Blender's way to say nothing
        ("Ka 1 1 1\nNi 1.45\nTf 0.588 0.588 0.588\nTr 0\nd 1\nillum 2", ""),
    ],
)
def test_what_else_is_said_or_no_loss(scene: Scene, tmp_path: Path, statements: str, lost: str) -> None:
    mesh = scene(f"newmtl m\nmap_Kd tex.png\n{statements}\n")
    found = [warning.split(": ", 1)[1].partition(";")[0] for warning in warnings(mesh, tmp_path)]
    assert found == ([lost] if lost else [])


def test_materials_that_no_face_uses_are_not_read(scene: Scene) -> None:
    mesh = scene("newmtl m\nKd 1 0 0\nnewmtl other\nmap_Kd none.png\nbump none.png\nd 0\n")
    assert mesh.warnings == []
    assert len(mesh.materials) == 1


def test_textures_without_coordinates_are_said(scene: Scene, tmp_path: Path) -> None:
    scene("newmtl m\nmap_Kd tex.png\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl m\nf 1 2 3\n")
    mesh = read_mesh(tmp_path / "a.obj")
    assert warnings(mesh, tmp_path) == [
        "a.obj: has no texture coordinates ('vt'); drawn without its textures"
    ]


# What exporters write by default for a textured mesh, matte and opaque, from files of theirs.
EXPORTERS = {
    "blender_2.79": "Ns 96.078431\nKa 1 1 1\nKd 0.64 0.64 0.64\nKs 0 0 0\nKe 0 0 0\nNi 1.0\nd 1.0\nillum 2",
    "blender_2.79_without_a_material": "Ns 0\nKa 0 0 0\nKd 0.8 0.8 0.8\nKs 0.8 0.8 0.8\nd 1\nillum 2",
    "blender_4": "Ns 0.000000\nKs 0.5 0.5 0.5\nKe 0 0 0\nNi 1.5\nillum 2\nd 1",
    "blender_4_pbr": "Pr 1.0\nPs 0\nPc 0\nPcr 0.03\nPm 0\naniso 0\nanisor 0\nTf 1 1 1\nd 1\nillum 2",
    "meshlab": "Ka 0.2 0.2 0.2\nKd 0.752941 0.752941 0.752941\nKs 1.0 1.0 1.0\nTr 1.0\nillum 2\nNs 0.0",
    "metashape": "Ka 1 1 1\nKd 1 1 1\nKs 0 0 0\nd 1.0\nNs 0.0\nillum 0",
    "realitycapture": "Ka 1 1 1\nKd 1 1 1\nd 1.0\nNs 0.0\nillum 0",
    "meshroom": "Ka 0.6 0.6 0.6\nKd 0.6 0.6 0.6\nKs 0 0 0\nd 1.0\nNs 0.0\nillum 2",
    "3dsmax": "\tNs 0.0000\n\tNi 1.5000\n\td 1.0000\n\tTr 0.0000\n\tTf 1.0 1.0 1.0 \n\tillum 2\n"
    "\tKa 0.5880 0.5880 0.5880\n\tKd 0.5880 0.5880 0.5880\n\tKs 0 0 0\n\tKe 0 0 0\n\tmap_Ka tex.png",
    "maya": "illum 4\nKd 0.00 0.00 0.00\nKa 0.00 0.00 0.00\nTf 1.00 1.00 1.00\nNi 1.00\nKs 0 0 0",
    "blockbench": "",
    "magicavoxel": "illum 1\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0",
    "kenney": "Ka 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 0",
}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_exporters_defaults_show_the_texture_itself(scene: Scene, exporter: str) -> None:
    mesh = scene(f"newmtl m\n{EXPORTERS[exporter]}\nmap_Kd tex.png\n")
    assert mesh.warnings == []
    material = mesh.materials[0]
    assert material.base_color_texture is not None
    assert (material.base_color, material.alpha_mode) == ((1, 1, 1, 1), "opaque")
    assert max(material.specular) <= 0.04  # no more than any surface has
    assert material.emissive == (0, 0, 0)


def test_glass_and_metal_that_reflect_only_surroundings_are_said(scene: Scene, tmp_path: Path) -> None:
    mesh = scene("newmtl m\nKd 0 0 0\nKs 1 0.8 0.3\nNs 900\nillum 3\n")
    assert warnings(mesh, tmp_path) == [
        "a.mtl:1: reflections of surroundings are not drawn; the materials do without"
    ]
    for quiet in ("illum 2", "illum 3\nmap_Kd tex.png", "illum 3\nKs 0 0 0", "illum 3\nKd 1 1 1"):
        assert scene(f"newmtl m\nKd 0 0 0\nKs 1 0.8 0.3\nNs 900\n{quiet}\n").warnings == []


def test_materials_that_the_library_lacks_are_said(scene: Scene, tmp_path: Path) -> None:
    mesh = scene("newmtl other\nKd 1 0 0\n")
    assert warnings(mesh, tmp_path) == ["a.obj: no library defines the material 'm'; drawn in grey"]


def test_signs_in_names_are_no_comments(scene: Scene, tmp_path: Path) -> None:
    mesh = scene("newmtl #1\nKd 1 0 0\n", use="#2")
    assert warnings(mesh, tmp_path) == ["a.obj: no library defines the material '#2'; drawn in grey"]


def test_a_library_that_was_renamed_with_its_mesh(scene: Scene, tmp_path: Path) -> None:
    mesh = scene("newmtl m\nKd 1 0 0\n", library="model.mtl")
    assert mesh.materials[0].base_color == (1, 0, 0, 1)
    assert warnings(mesh, tmp_path) == [
        f"a.obj:1: the material library 'model.mtl' is not in '{tmp_path}'; 'a.mtl' taken instead"
    ]


COLORED = "v 0 0 0 1 0.5 0\nv 1 0 0 1 0.5 0\nv 0 1 0 1 0.5 0\nv 1 1 0 0 0 1\nvt 0 0\nvt 1 0\nvt 0 1\n"


@pytest.mark.parametrize(
    "mtl", ["newmtl m\nKd 0.8 0.8 0.8\nKs 0 0 0", "newmtl m\nKs 0 0 0", "newmtl other", ""]
)
def test_grey_does_not_darken_colours_of_vertices(tmp_path: Path, mtl: str) -> None:
    (tmp_path / "a.mtl").write_text(mtl)
    faces = COLORED + "f 1 2 3\n"
    (tmp_path / "a.obj").write_text(f"mtllib a.mtl\nusemtl m\n{faces}")
    mesh, bare = read_mesh(tmp_path / "a.obj"), read_mesh(faces.encode(), "obj")
    camera = frame(bare, azimuth=0, elevation=0)
    pictures = [draw(one, camera, size=(32, 32), shading="unlit").image for one in (mesh, bare)]
    np.testing.assert_array_equal(*pictures)


def test_a_texture_goes_before_colours_of_vertices(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "tex.png")
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd tex.png\nnewmtl plain\nKd 1 1 1\n")
    textured = f"mtllib a.mtl\n{COLORED}usemtl m\nf 1/1 2/2 3/3\n"
    (tmp_path / "a.obj").write_text(textured)
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.colors is None
    assert [warning.partition("; ")[0] for warning in warnings(mesh, tmp_path)] == [
        "a.obj: colours of vertices are not drawn where there is a texture"
    ]
    (tmp_path / "a.obj").write_text(textured.replace("0 0 1\n", "1 0.5 0\n"))  # all of one colour
    assert read_mesh(tmp_path / "a.obj").warnings == []
    (tmp_path / "a.obj").write_text(f"{textured}usemtl plain\nf 4 4 4\nusemtl m\nf 4 4 4\n")
    colors = read_mesh(tmp_path / "a.obj").colors
    assert colors is not None
    assert colors.tolist() == [[1, 1, 1, 1]] * 3 + [[0, 0, 1, 1]]
    assert read_mesh(tmp_path / "a.obj", textures=False).colors is not None
