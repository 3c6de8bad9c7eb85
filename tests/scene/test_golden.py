"""What glTF's features look like: pictures kept in golden/, and colours computed by hand.

The scenes are built here but for the last ones, which are files of the test data (CesiumMilkTruck by Cesium,
CC BY 4.0; Duck by Sony, SCEA Shared Source License; AlphaBlendModeTest by Analytical Graphics and Spot by
Keenan Crane, CC0). A picture may differ from the kept one as antialiasing does: by 1 of 255 in the mean, and
by more than 24 at 1 % of the pixels. To make them again after a change that is meant, and then look at each:

    python tests/scene/test_golden.py --write
"""

from __future__ import annotations

import argparse
import io
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gltf_builder import Builder
from numpy.typing import NDArray
from PIL import Image

from r3d_cli.scene.camera import Camera, look_at
from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear
from r3d_cli.scene.draw import draw
from r3d_cli.scene.framing import frame
from r3d_cli.scene.model import Material, Texture
from r3d_cli.scene.readers import read_mesh
from r3d_cli.scene.readers.images import read_image

GOLDEN = Path(__file__).parent / "golden"
SIZE = 96
MEAN, FAR, FAR_SHARE = 1.0, 24, 0.01  # codes, codes, share of the pixels

WHITE, RED, GREEN, BLUE = (255, 255, 255), (230, 40, 30), (40, 180, 60), (30, 70, 220)
FOUR = np.array([[RED, GREEN], [BLUE, (250, 210, 40)]], np.uint8)  # 2 x 2 texels, row 0 at the top
NEAREST = {"magFilter": 9728, "minFilter": 9728}
REPEAT, CLAMP, MIRROR = 10497, 33071, 33648
UNLIT: dict[str, Any] = {"KHR_materials_unlit": {}}
UPRIGHT = ((0, 1), (1, 1), (1, 0), (0, 0))  # bottom left, bottom right, top right, top left; v goes down

Pixels = NDArray[np.uint8]  # (H, W, 3)


class Stage(Builder):
    """Squares and boxes before a camera that sees x and y from -1 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.json["nodes"], self.json["scenes"] = [], [{"nodes": []}]

    def paint(self, color: Sequence[float] = (1, 1, 1, 1), texture: Any = None, **material: Any) -> int:
        """A material without a highlight, so that its colour is all that there is."""
        pbr = {"baseColorFactor": list(color), "metallicFactor": 0, "roughnessFactor": 1}
        if texture is not None:
            pbr["baseColorTexture"] = texture
        self.json.setdefault("materials", []).append({"pbrMetallicRoughness": pbr, **material})
        return len(self.json["materials"]) - 1

    def node(self, mesh: int, *, root: bool = True, **node: Any) -> int:
        self.json["nodes"].append({"mesh": mesh, **node})
        if root:
            self.json["scenes"][0]["nodes"].append(len(self.json["nodes"]) - 1)
        return len(self.json["nodes"]) - 1

    def square(
        self, material: int, left: float = -1, bottom: float = -1, side: float = 2, z: float = 0,
        uvs: Any = UPRIGHT, from_behind: bool = False, **attributes: int,
    ) -> int:  # fmt: skip
        right, top = left + side, bottom + side
        verts = [[left, bottom, z], [right, bottom, z], [right, top, z], [left, top, z]]
        faces = [0, 2, 1, 0, 3, 2] if from_behind else [0, 1, 2, 0, 2, 3]
        self.mesh(
            verts,
            material=material,
            indices=self.array(faces, "u2"),
            attributes={"TEXCOORD_0": self.array(uvs), **attributes},
        )
        return self.node(len(self.json["meshes"]) - 1)

    def box(self, material: int) -> int:
        """A mesh: a box of half-sides 1, 0.5 and 0.25."""
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        sides = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
        faces = [[q[0], q[i], q[i + 1]] for q in sides for i in (1, 2)]
        verts = corners[np.array(faces).ravel()] * [1, 0.5, 0.25]
        self.mesh(verts, material=material)
        return len(self.json["meshes"]) - 1

    def draw(self, camera: Camera | None = None) -> Pixels:
        mesh = self.read()
        assert mesh.warnings == []
        return draw(mesh, camera or front(), size=(SIZE, SIZE)).image


def front() -> Camera:
    R, T = look_at(10, 0, 0)
    return Camera(R, T, half_extent=1.0, z_near=0.1)


def at(image: Pixels, x: float, y: float) -> NDArray[np.int64]:  # (3,)
    """The pixel that shows the point (x, y) of a stage."""
    return image[int((1 - y) / 2 * SIZE), int((1 + x) / 2 * SIZE)].astype(np.int64)


def center(x: float, y: float) -> tuple[float, float]:
    """The centre of the pixel that shows (x, y)."""
    column, row = int((1 + x) / 2 * SIZE), int((1 - y) / 2 * SIZE)
    return 2 * (column + 0.5) / SIZE - 1, 1 - 2 * (row + 0.5) / SIZE


def codes(linear: Any) -> NDArray[np.int64]:
    """8-bit sRGB codes of linear light."""
    return np.round(255 * linear_to_srgb(np.asarray(linear, np.float64))).astype(np.int64)


def light(color: Any) -> NDArray[np.float64]:
    """Linear light of 8-bit sRGB codes."""
    return srgb_to_linear(np.asarray(color, np.float64) / 255)


def assert_color(found: NDArray[np.int64], linear: Any) -> None:
    np.testing.assert_allclose(found, codes(linear), atol=1)


# -- The scenes -------------------------------------------------------------------------------------------


def boxes() -> Stage:
    """A box four times: alone, under a turned and stretched parent, mirrored, and sheared by a matrix."""
    stage = Stage()
    orange, blue = stage.paint((0.8, 0.3, 0.05, 1)), stage.paint((0.1, 0.25, 0.7, 1))
    first, second = stage.box(orange), stage.box(blue)
    half = math.radians(40) / 2
    turned = stage.node(second, root=False, translation=[0, 1.2, 0], scale=[0.5, 1, 1])
    stage.node(first, rotation=[0, 0, math.sin(half), math.cos(half)], children=[turned])
    stage.node(second, translation=[2.5, 0, 0], scale=[-1, 2, 2])  # its front stays outside
    stage.node(first, matrix=[1, 0, 0, 0, 0.8, 1, 0, 0, 0, 0, 1, 0, -2.5, -0.2, 0, 1])
    return stage


def nodes() -> Pixels:
    stage = boxes()
    return stage.draw(frame(stage.read(), azimuth=25, elevation=25, fit="bounds"))


def vertex_colors() -> Pixels:
    """A colour at each corner, times the material's."""
    stage = Stage()
    colors = stage.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    stage.square(stage.paint((0.5, 1, 1, 1), extensions=UNLIT), COLOR_0=colors)
    return stage.draw()


FACTOR = 0.3, 0.6, 1.0


def factor_and_texture() -> Pixels:
    stage = Stage()
    texture = stage.image(FOUR, sampler=stage.sampler(**NEAREST))
    stage.square(stage.paint((*FACTOR, 1), texture, extensions=UNLIT))
    return stage.draw()


GLOW = 0.2, 0.5, 0.1


def emissive() -> Pixels:
    """Black squares that shine by a factor, by a texture, and by a strength beyond 1."""
    stage = Stage()
    texture = stage.image(FOUR, sampler=stage.sampler(**NEAREST))
    strength = {"KHR_materials_emissive_strength": {"emissiveStrength": 3.0}}
    black = 0, 0, 0, 1
    stage.square(stage.paint(black, emissiveFactor=GLOW), -1, 0, 1)
    stage.square(stage.paint(black, emissiveFactor=[0.5, 0.5, 0.5], emissiveTexture=texture), 0, 0, 1)
    stage.square(stage.paint(black, emissiveFactor=[0.1, 0.2, 0.3], extensions=strength), -1, -1, 1)
    return stage.draw()


def mask() -> Pixels:
    """Alpha 0, 85, 170, 255 from left to right; cut off at 0.5, at 0.25 and, times a factor, at 0.5."""
    stage = Stage()
    ramp = np.array([[[*RED, 0], [*GREEN, 85], [*BLUE, 170], [0, 0, 0, 255]]], np.uint8)
    texture = stage.image(ramp, sampler=stage.sampler(**NEAREST))
    look: dict[str, Any] = {"alphaMode": "MASK", "extensions": UNLIT}
    stage.square(stage.paint((1, 1, 1, 1), texture, **look), -1, 0, 1)
    stage.square(stage.paint((1, 1, 1, 1), texture, alphaCutoff=0.25, **look), 0, 0, 1)
    stage.square(stage.paint((1, 1, 1, 0.6), texture, **look), -1, -1, 1)
    stage.square(stage.paint((1, 1, 1, 0.6), texture, extensions=UNLIT), 0, -1, 1)  # opaque: alpha is void
    return stage.draw()


NEAR_GLASS, FAR_GLASS = (0.9, 0.1, 0.05, 0.5), (0.05, 0.2, 0.9, 0.75)


def blend(*, near_first: bool = True) -> Pixels:
    """Two panes that overlap before a white background, and an opaque square behind a corner of them."""
    stage = Stage()
    glass: dict[str, Any] = {"alphaMode": "BLEND", "extensions": UNLIT}
    panes = [
        lambda: stage.square(stage.paint(NEAR_GLASS, **glass), -0.9, -0.4, 1.2, z=1),
        lambda: stage.square(stage.paint(FAR_GLASS, **glass), -0.3, -0.9, 1.2, z=0),
        lambda: stage.square(stage.paint((0.1, 0.6, 0.1, 1), extensions=UNLIT), 0, 0, 0.8, z=-1),
    ]
    for pane in panes if near_first else reversed(panes):
        pane()
    return stage.draw()


def double_sided() -> Pixels:
    """Above: seen from the front; below: from behind. Left single-sided, right double-sided."""
    stage = Stage()
    for bottom, from_behind in ((0.1, False), (-0.9, True)):
        for left, both in ((-0.9, False), (0.1, True)):
            paint = stage.paint((0.1, 0.4, 0.6, 1), doubleSided=both)
            stage.square(paint, left, bottom, 0.8, from_behind=from_behind)
    return stage.draw()


WRAPS = (REPEAT, REPEAT), (CLAMP, CLAMP), (MIRROR, MIRROR), (CLAMP, MIRROR)


def wraps() -> Pixels:
    """The four texels from -1 to 2 either way: repeated, clamped, mirrored, and clamped by mirrored."""
    stage = Stage()
    corners = ((-1, 2), (2, 2), (2, -1), (-1, -1))
    for (wrap_s, wrap_t), (left, bottom) in zip(WRAPS, ((-1, 0), (0, 0), (-1, -1), (0, -1)), strict=True):
        texture = stage.image(FOUR, sampler=stage.sampler(wrapS=wrap_s, wrapT=wrap_t, **NEAREST))
        stage.square(stage.paint(texture=texture, extensions=UNLIT), left, bottom, 1, uvs=corners)
    return stage.draw()


def filters() -> Pixels:
    """The four texels, magnified: nearest on the left, linear on the right (clamped)."""
    stage = Stage()
    for left, code in ((-1, 9728), (0, 9729)):
        sampler = stage.sampler(magFilter=code, wrapS=CLAMP, wrapT=CLAMP)
        texture = stage.image(FOUR, sampler=sampler)
        stage.square(stage.paint(texture=texture, extensions=UNLIT), left, -0.5, 1)
    return stage.draw()


def texture_transform() -> Pixels:
    """The four texels as they are; scaled by 2; moved by half; turned by 30 degrees about a corner."""
    stage = Stage()
    sampler = stage.sampler(**NEAREST)
    transforms = [{}, {"scale": [2, 2]}, {"offset": [0.5, 0]}, {"rotation": math.radians(30)}]
    for transform, (left, bottom) in zip(transforms, ((-1, 0), (0, 0), (-1, -1), (0, -1)), strict=True):
        info = stage.image(FOUR, sampler=sampler) | {"extensions": {"KHR_texture_transform": transform}}
        stage.square(stage.paint(texture=info, extensions=UNLIT), left, bottom, 1)
    return stage.draw()


def unlit() -> Pixels:
    """Two squares that lean back, of one colour: lit on the left, unlit on the right."""
    stage = Stage()
    half = math.radians(-60) / 2
    for left, extensions in ((-0.9, {}), (0.1, UNLIT)):
        node = stage.square(stage.paint((0.2, 0.5, 0.3, 1), extensions=extensions), left, -0.9, 0.8)
        stage.json["nodes"][node]["rotation"] = [math.sin(half), 0, 0, math.cos(half)]
    return stage.draw()


# Light from everywhere, so that a surface shows the very colour of its material: a row of `scene.lights`.
EVERYWHERE = np.array([[0.0, 0, -1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]])

MTL = """
newmtl tinted
Kd 0.8 0.5 1
map_Kd four.png
newmtl glowing
Kd 0 0 0
Ke 0.6 0.3 0.1
newmtl glass
Kd 0.2 0.4 0.9
d 0.4
newmtl cut out
map_Kd four.png
map_d holes.png
newmtl placed
map_Kd -s 2 2 1 -o 0.5 0 0 four.png
newmtl clamped
map_Kd -clamp on -o 0.25 0.25 four.png
"""
MATERIALS = "tinted", "glowing", "glass", "cut out", "placed", "clamped"


def obj_materials() -> Pixels:
    """Six squares in two rows, an OBJ file's materials in their order; textures are seen linearly."""
    text = "mtllib a.mtl\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
    for i, name in enumerate(MATERIALS):
        left, bottom = -0.99 + 0.66 * (i % 3), 0.1 - 0.8 * (i // 3)
        for x, y in ((0, 0), (0.6, 0), (0.6, 0.6), (0, 0.6)):
            text += f"v {left + x} {bottom + y} 0\n"
        text += f"usemtl {name}\nf -4/1 -3/2 -2/3 -1/4\n"
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(FOUR.repeat(8, 0).repeat(8, 1)).save(f"{folder}/four.png")
        Image.fromarray(np.repeat(np.uint8([[0] * 8 + [255] * 8]), 16, 0)).save(f"{folder}/holes.png")
        (Path(folder) / "a.mtl").write_text(MTL)
        (Path(folder) / "a.obj").write_text(text)
        mesh = read_mesh(Path(folder) / "a.obj")
    assert mesh.warnings == []
    return draw(mesh, front(), size=(SIZE, SIZE), lights=EVERYWHERE).image


def truck(data: Path) -> Pixels:
    mesh = read_mesh(data / "CesiumMilkTruck.glb")
    return draw(mesh, frame(mesh), size=(128, 128)).image


def duck(data: Path) -> Pixels:
    mesh = read_mesh(data / "Duck.glb")
    return draw(mesh, frame(mesh), size=(128, 128)).image


def alpha_modes(data: Path) -> Pixels:
    mesh, size = read_mesh(data / "AlphaBlendModeTest.glb"), (72, 160)
    return draw(mesh, frame(mesh, azimuth=0, elevation=10, fit="bounds", size=size), size=size).image


def spot(data: Path) -> Pixels:
    mesh = read_mesh(data / "spot" / "spot.obj")
    texture = Texture(read_image(data / "spot" / "spot_texture.png", alpha=False))
    mesh.materials = [Material(base_color=(1, 1, 1, 1), base_color_texture=texture)]
    return draw(mesh, frame(mesh, azimuth=210), size=(128, 128)).image


SCENES: dict[str, Callable[[], Pixels]] = {
    scene.__name__: scene
    for scene in (
        nodes, vertex_colors, factor_and_texture, emissive, mask, blend, double_sided, wraps, filters,
        texture_transform, unlit, obj_materials,
    )
}  # fmt: skip
FILES: dict[str, Callable[[Path], Pixels]] = {s.__name__: s for s in (truck, duck, alpha_modes, spot)}


# -- The kept pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENES)
def test_scene(name: str, tmp_path: Path) -> None:
    assert_golden(name, SCENES[name](), tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, shared_data: Path, tmp_path: Path) -> None:
    assert_golden(name, FILES[name](shared_data), tmp_path)


def assert_golden(name: str, image: Pixels, folder: Path) -> None:
    kept = np.asarray(Image.open(GOLDEN / f"{name}.png").convert("RGB"))
    Image.fromarray(image).save(folder / f"{name}.png")
    assert image.shape == kept.shape
    difference = np.abs(image.astype(int) - kept)
    far = (difference.max(axis=2) > FAR).mean()
    told = (
        f"{folder / name}.png differs by {difference.mean():.2f} in the mean, and much at {far:.2%} of pixels"
    )
    assert difference.mean() <= MEAN, told
    assert far <= FAR_SHARE, told


def test_every_kept_picture_belongs_to_a_scene() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == {*SCENES, *FILES}


# -- Colours by hand --------------------------------------------------------------------------------------


def test_boxes_stand_as_trimesh_puts_them_and_have_their_fronts_outside() -> None:
    trimesh = pytest.importorskip("trimesh")
    scene = boxes()
    mesh = scene.read()
    theirs = trimesh.load_scene(io.BytesIO(scene.glb()), file_type="glb", process=False)
    assert len(theirs.graph.nodes_geometry) == 4
    corners = []
    for node in theirs.graph.nodes_geometry:
        transform, name = theirs.graph[node]
        corners.append(trimesh.transform_points(theirs.geometry[name].vertices, transform))
    found, expected = (
        np.unique(np.round(rows, 4) + 0.0, axis=0) for rows in (mesh.verts, np.vstack(corners))
    )
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert len(found) == 4 * 8
    # By the divergence theorem; each box has the volume 1 times the determinant of its node's transform.
    a, b, c = (mesh.verts[mesh.faces[:, corner]] for corner in range(3))
    volume = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
    assert volume == pytest.approx(1 + 0.5 + 4 + 1, rel=1e-5)


def test_vertex_colours_mix_in_linear_light() -> None:
    image = vertex_colors()
    for x, y in ((0.5, -0.5), (0.9, -0.9), (0.3, 0.1), (-0.6, -0.7)):
        # The face at the bottom right, with the corners red, green and blue.
        right, up = ((snapped + 1) / 2 for snapped in center(x, y))
        assert_color(at(image, x, y), np.array([1 - right, right - up, up]) * [0.5, 1, 1])


def test_the_factor_multiplies_the_texel_in_linear_light() -> None:
    image = factor_and_texture()
    for row, y in enumerate((0.5, -0.5)):
        for column, x in enumerate((-0.5, 0.5)):
            assert_color(at(image, x, y), light(FOUR[row, column]) * FACTOR)


def test_emission_is_all_that_a_black_surface_shows() -> None:
    image = emissive()
    assert_color(at(image, -0.5, 0.5), GLOW)
    assert_color(at(image, 0.25, 0.75), 0.5 * light(FOUR[0, 0]))
    assert_color(at(image, 0.75, 0.25), 0.5 * light(FOUR[1, 1]))
    assert_color(at(image, -0.5, -0.5), [0.3, 0.6, 0.9])


def test_a_mask_shows_a_texel_wholly_or_not_at_all() -> None:
    image = mask()
    texels = [RED, GREEN, BLUE, (0, 0, 0)]
    for left, y, shown in ((-1, 0.5, "0011"), (0, 0.5, "0111"), (-1, -0.5, "0001"), (0, -0.5, "1111")):
        for column, (color, is_shown) in enumerate(zip(texels, shown, strict=True)):
            assert_color(at(image, left + 0.125 + column / 4, y), light(color if is_shown == "1" else WHITE))


def test_panes_blend_in_linear_light_whatever_their_order_in_the_file() -> None:
    image = blend()
    np.testing.assert_array_equal(image, blend(near_first=False))

    def over(pane: Sequence[float], behind: Any) -> NDArray[np.float64]:
        return np.array(pane[:3]) * pane[3] + (1 - pane[3]) * np.asarray(behind)

    background, solid = np.ones(3), (0.1, 0.6, 0.1)
    assert_color(at(image, -0.7, 0.6), over(NEAR_GLASS, background))
    assert_color(at(image, 0.6, -0.6), over(FAR_GLASS, background))
    assert_color(at(image, -0.1, -0.2), over(NEAR_GLASS, over(FAR_GLASS, background)))
    assert_color(at(image, 0.2, 0.2), over(NEAR_GLASS, over(FAR_GLASS, solid)))
    assert_color(at(image, 0.7, 0.7), solid)


def test_a_single_sided_square_is_not_there_from_behind() -> None:
    image = double_sided()
    above_left, above_right, below_left, below_right = (
        at(image, x, y) for y in (0.5, -0.5) for x in (-0.5, 0.5)
    )
    assert below_left.tolist() == list(WHITE)
    # From behind a square is lit as from the front; the light at the camera makes right and left differ.
    np.testing.assert_allclose(above_left, above_right, atol=3)
    np.testing.assert_allclose(above_right, below_right, atol=3)
    assert (above_left < 200).all()


def test_wraps() -> None:
    image = wraps()
    for (wrap_s, wrap_t), (left, bottom) in zip(WRAPS, ((-1, 0), (0, 0), (-1, -1), (0, -1)), strict=True):
        for row in range(6):  # half a unit of texture space each, from -1 on
            for column in range(6):
                texel = FOUR[_wrapped(row - 2, wrap_t), _wrapped(column - 2, wrap_s)]
                x, y = left + (column + 0.5) / 6, bottom + 1 - (row + 0.5) / 6
                assert_color(at(image, x, y), light(texel))


def _wrapped(texel: int, wrap: int) -> int:
    """Of two texels, the one that stands at a place in an endless row."""
    return {REPEAT: [0, 1] * 3, CLAMP: [0, 0, 0, 1, 1, 1], MIRROR: [1, 0, 0, 1, 1, 0]}[wrap][texel + 2]


def test_filters() -> None:
    image = filters()
    for x, y in ((0.51, 0.01), (0.4, -0.1), (0.7, 0.2), (0.3, -0.2)):
        snapped = center(x, y)
        nearest = light(FOUR[int(snapped[1] < 0), int(snapped[0] > 0.5)])
        assert_color(at(image, x - 1, y), nearest)
        right, down = 2 * snapped[0] - 0.5, 0.5 - 2 * snapped[1]  # 0 and 1: the centres of the texels
        weights = np.outer([1 - down, down], [1 - right, right])
        assert_color(at(image, x, y), np.einsum("ij,ijc->c", weights, light(FOUR)))
    assert_color(at(image, 0.1, 0.4), light(FOUR[0, 0]))  # beyond the texel's centre: clamped


def test_texture_transforms() -> None:
    image = texture_transform()
    for row in range(2):
        for column in range(2):
            x, y = (column + 0.5) / 2, 1 - (row + 0.5) / 2
            assert_color(at(image, x - 1, y), light(FOUR[row, column]))
            for again in range(4):  # scaled: it stands there twice each way
                right, down = again % 2, again // 2
                place = (x + right) / 2, (y + 1 - down) / 2
                assert_color(at(image, *place), light(FOUR[row, column]))
            assert_color(at(image, x - 1, y - 1), light(FOUR[row, 1 - column]))
    # Turned counter-clockwise about the top left corner: the texture's u axis goes down to the right.
    turn = math.radians(30)
    for x, y in ((0.2, -0.1), (0.9, -0.2), (0.5, -0.5), (0.1, -0.9), (0.9, -0.9)):
        u = x * math.cos(turn) - y * math.sin(turn)  # v, downwards, is -y
        v = -x * math.sin(turn) - y * math.cos(turn)
        assert_color(at(image, x, y), light(FOUR[math.floor(2 * v) % 2, math.floor(2 * u) % 2]))


def test_an_unlit_square_has_its_colour_whichever_way_it_leans() -> None:
    image = unlit()
    assert_color(at(image, 0.5, -0.2), [0.2, 0.5, 0.3])
    lit = at(image, -0.5, -0.2)
    assert (lit < codes([0.2, 0.5, 0.3]) - 5).all()


def test_materials_of_obj_files() -> None:
    image = obj_materials()

    def inside(material: str, x: float, y: float) -> NDArray[np.int64]:
        i = MATERIALS.index(material)
        return at(image, -0.99 + 0.66 * (i % 3) + 0.6 * x, 0.1 - 0.8 * (i // 3) + 0.6 * y)

    def display(*color: float) -> NDArray[np.float64]:  # MTL's colours are display values
        return srgb_to_linear(np.array(color))

    for row, y in enumerate((0.75, 0.25)):
        for column, x in enumerate((0.25, 0.75)):
            texel = light(FOUR[row, column])
            assert_color(inside("tinted", x, y), texel * display(0.8, 0.5, 1))
            assert_color(inside("cut out", x, y), texel if column else light(WHITE))
    assert_color(inside("glowing", 0.5, 0.5), display(0.6, 0.3, 0.1))
    assert_color(inside("glass", 0.5, 0.5), 0.4 * display(0.2, 0.4, 0.9) + 0.6)
    # From u = 0.5 to 2.5 and from v = 0 to 2.
    assert_color(inside("placed", 0.125, 0.875), light(FOUR[0, 1]))
    assert_color(inside("placed", 0.375, 0.125), light(FOUR[1, 0]))
    # From 0.25 to 1.25, the last quarter clamped.
    assert_color(inside("clamped", 0.1, 0.1), light(FOUR[1, 0]))
    assert_color(inside("clamped", 0.9, 0.1), light(FOUR[1, 1]))
    assert_color(inside("clamped", 0.9, 0.9), light(FOUR[0, 1]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the golden pictures again.")
    parser.add_argument("--write", action="store_true", required=True, help=f"write {GOLDEN.name}/*.png")
    parser.parse_args()
    GOLDEN.mkdir(exist_ok=True)
    pictures = {name: scene() for name, scene in SCENES.items()}
    data = Path(os.environ.get("R3D_TEST_DATA", GOLDEN.parents[3] / "shared" / "data"))
    if data.is_dir():
        pictures |= {name: scene(data) for name, scene in FILES.items()}
    else:
        print(f"no test data in {data}: {', '.join(FILES)} stay as they are")
    for name, image in pictures.items():
        Image.fromarray(image).save(GOLDEN / f"{name}.png", optimize=True)
    print(f"{len(pictures)} pictures in {GOLDEN}: look at each")


if __name__ == "__main__":
    main()
