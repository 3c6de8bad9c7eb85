"""Pictures against closed forms, and properties that every picture has."""

from __future__ import annotations

import math

import numpy as np
import pytest

from r3d_cli.scene.camera import Camera, look_at
from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear
from r3d_cli.scene.draw import Wireframe, draw
from r3d_cli.scene.framing import frame
from r3d_cli.scene.model import Material, RawMesh, Texture

WHITE = Material(base_color=(1.0, 1.0, 1.0, 1.0), specular=(0.0, 0.0, 0.0))
#: One light of Lambert's kind at the camera.
HEADLIGHT = np.array([[0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0]], dtype=float)
AMBIENT = np.array([[0, 0, 0, 1, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 0]], dtype=float)


def quad(half: float = 1.0, z: float = 0.0, **fields) -> RawMesh:
    """The square [-half, half]^2 at depth z, seen from +z."""
    verts = np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]], np.float32)
    return RawMesh(verts, np.array([[0, 1, 2], [0, 2, 3]]), **fields)


def sphere(rows: int = 200, **fields) -> RawMesh:
    """The unit sphere, with its own normals."""
    theta, phi = np.meshgrid(np.linspace(0, math.pi, rows + 1), np.linspace(0, 2 * math.pi, 2 * rows + 1))
    verts = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1)
    ids = np.arange(theta.size).reshape(theta.shape)
    a, b, c, d = (x.ravel() for x in (ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    verts = verts.reshape(-1, 3).astype(np.float32)
    return RawMesh(verts, faces, normals=verts, **fields)


def front(distance: float, **fields) -> Camera:
    return Camera(*look_at(distance, 0.0, 0.0), **fields)


def test_a_sphere_has_the_silhouette_of_its_tangent_cone():
    distance, fov, side = 3.0, 40.0, 400
    picture = draw(sphere(), front(distance, fov=fov), size=(side, side), supersampling=1)
    radius = math.tan(math.asin(1 / distance)) / math.tan(math.radians(fov / 2)) * side / 2
    covered = (picture.image != 255).any(axis=2)
    assert math.sqrt(covered.sum() / math.pi) == pytest.approx(radius, abs=0.1)
    assert picture.coverage == pytest.approx(math.pi * radius**2 / side**2, rel=2e-3)
    rows, columns = np.nonzero(covered)
    assert rows.min() + rows.max() == columns.min() + columns.max() == side - 1


def test_an_orthographic_sphere_has_its_own_radius():
    camera = front(3.0, half_extent=2.0)
    covered = (draw(sphere(), camera, size=(300, 500)).image != 255).any(axis=2)
    rows, columns = np.nonzero(covered)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (150, 150)


def test_half_the_light_is_code_188():
    picture = draw(quad(materials=[WHITE]), front(1.0), size=(16, 16), lights=AMBIENT)
    assert (picture.image == 188).all()


def test_a_sphere_at_the_lights_origin_shades_as_lamberts_cosine():
    side, extent = 256, 1.25
    light = HEADLIGHT.copy()
    light[0, :4] = [0, 0, -1, 0]
    picture = draw(
        sphere(400, materials=[WHITE]),
        front(3.0, half_extent=extent),
        size=(side, side),
        lights=light,
        supersampling=1,
    )
    center = (np.arange(side) + 0.5) / side * 2 * extent - extent
    square = 1 - center[:, None] ** 2 - center[None, :] ** 2
    inside = square > 0.01
    linear = np.sqrt(square[inside])
    code = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(picture.image[inside] - code[:, None]).max() <= 1.0


# -- Edges and textures ---------------------------------------------------------------------------


def test_alpha_at_an_edge_is_the_covered_area():
    """A turned square over nothing: alpha is the share of S x S samples inside."""
    side, supersampling, angle = 40, 4, 0.3
    turn = np.array(
        [[math.cos(angle), math.sin(angle), 0], [-math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    )
    mesh = quad(0.5, materials=[WHITE])
    mesh.verts = (mesh.verts @ turn).astype(np.float32)
    picture = draw(
        mesh,
        front(2.0, half_extent=1.0),
        size=(side, side),
        background=(0, 0, 0, 0),
        supersampling=supersampling,
        lights=AMBIENT,
    )
    fine = (np.arange(side * 32) + 0.5) / (side * 16) - 1
    points = np.stack(np.meshgrid(fine, -fine), axis=-1) @ turn[:2, :2].T
    area = (np.abs(points) < 0.5).all(-1).reshape(side, 32, side, 32).mean(axis=(1, 3))
    alpha = picture.image[..., 3] / 255
    np.testing.assert_allclose(alpha * supersampling**2, np.round(alpha * supersampling**2), atol=0.04)
    edge = (area > 0) & (area < 1)
    assert np.abs(alpha - area)[edge].max() <= 0.5 / supersampling + 0.02
    assert np.abs(alpha - area)[edge].mean() <= 1 / supersampling**2
    assert (alpha[~edge] == area[~edge]).all()
    # What is seen keeps its colour under partial alpha.
    np.testing.assert_array_equal(picture.image[alpha > 0][:, :3], 188)


@pytest.mark.parametrize("filter_", ["nearest", "linear"])
def test_textures_have_u_to_the_right_and_v_up(filter_):
    red, green, blue, grey = [255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 90, 90]
    image = np.array([[red, green], [blue, grey]], np.uint8)  # row 0 is the top
    mesh = quad(
        materials=[
            Material(
                base_color=(1, 1, 1, 1),
                unlit=True,
                base_color_texture=Texture(image, ("clamp",) * 2, filter_),
            )
        ],
        uvs=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
    )
    picture = draw(mesh, front(2.0, half_extent=1.0), size=(64, 64)).image
    corners = picture[[4, 4, 59, 59], [4, 59, 4, 59]]
    np.testing.assert_array_equal(corners, [red, green, blue, grey])
    if filter_ == "linear":  # half way between red and green in linear light
        assert np.abs(picture[4, 31:33].astype(int) - [188, 188, 0]).max() <= 3


def test_a_minified_checkerboard_is_its_mean_and_not_speckle():
    image = np.where(np.indices((256, 256)).sum(0)[..., None] % 2, 255, 0).astype(np.uint8).repeat(3, axis=2)
    mesh = quad(
        materials=[Material(base_color=(1, 1, 1, 1), unlit=True, base_color_texture=Texture(image))],
        uvs=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
    )
    picture = draw(mesh, front(2.0, half_extent=1.0), size=(16, 16), supersampling=1).image
    assert np.abs(picture.astype(int) - 188).max() <= 1
    # In perspective, tilted: still no more than a few codes away.
    tilted = draw(mesh, Camera(*look_at(2.5, 50.0, 30.0), fov=40.0), size=(16, 16), supersampling=1)
    covered = tilted.image[(tilted.image < 250).all(axis=2)]
    assert len(covered) > 40
    assert np.abs(covered.astype(int) - 188).max() <= 12


def test_vertex_colours_multiply_the_material():
    colors = np.tile(np.array([[0.5, 1.0, 0.25, 1.0]], np.float32), (4, 1))
    mesh = quad(materials=[Material(base_color=(0.4, 0.2, 1.0, 1.0), unlit=True)], colors=colors)
    picture = draw(mesh, front(1.0), size=(4, 4)).image
    np.testing.assert_array_equal(picture, np.broadcast_to(code([0.2, 0.2, 0.25]), picture.shape))


def test_emission_is_added_to_the_light():
    mesh = quad(materials=[Material(base_color=(0, 0, 0, 1), specular=(0, 0, 0), emissive=(0.1, 0.5, 1.0))])
    picture = draw(mesh, front(1.0), size=(4, 4)).image
    np.testing.assert_array_equal(picture, np.broadcast_to(code([0.1, 0.5, 1.0]), picture.shape))


# -- Transparency and sides ---------------------------------------------------------------------------


def code(linear) -> np.ndarray:
    return np.floor(linear_to_srgb(np.asarray(linear)) * 255 + 0.5).astype(np.uint8)


def stack(*meshes: RawMesh) -> RawMesh:
    """Meshes of one material each, in one."""
    offsets = np.cumsum([0] + [len(m.verts) for m in meshes[:-1]])
    return RawMesh(
        np.concatenate([m.verts for m in meshes]),
        np.concatenate([m.faces + offset for m, offset in zip(meshes, offsets, strict=True)]),
        materials=[m.materials[0] for m in meshes],
        faces_material=np.repeat(np.arange(len(meshes), dtype=np.int32), [len(m.faces) for m in meshes]),
    )


def glass(red: float, green: float, blue: float, alpha: float, mode: str = "blend") -> Material:
    return Material(base_color=(red, green, blue, alpha), unlit=True, alpha_mode=mode)


def test_blended_surfaces_mix_in_linear_light_whatever_their_order():
    parts = [
        quad(z=0.0, materials=[glass(0, 0, 1, 1, "opaque")]),
        quad(z=0.5, materials=[glass(1, 0, 0, 0.25)]),
    ]
    for order in (parts, parts[::-1]):
        picture = draw(stack(*order), front(2.0), size=(4, 4)).image
        np.testing.assert_array_equal(picture, np.broadcast_to(code([0.25, 0, 0.75]), picture.shape))


def test_more_layers_than_there_is_room_for_at_first():
    count, alpha = 23, 0.1
    parts = [quad(z=0.01 * i, materials=[glass(1, 1, 1, alpha)]) for i in range(count)]
    picture = draw(stack(*parts), front(2.0), size=(4, 4), background=(0.0, 0.0, 0.0)).image
    np.testing.assert_array_equal(
        picture, np.broadcast_to(code([1 - (1 - alpha) ** count] * 3), picture.shape)
    )


@pytest.mark.parametrize(("alpha", "seen"), [(0.49, [0, 0, 1]), (0.51, [1, 0, 0])])
def test_cut_outs_are_there_or_not(alpha, seen):
    parts = [
        quad(z=0.5, materials=[glass(1, 0, 0, alpha, "mask")]),
        quad(materials=[glass(0, 0, 1, 1, "opaque")]),
    ]
    picture = draw(stack(*parts), front(2.0), size=(4, 4)).image
    np.testing.assert_array_equal(picture, np.broadcast_to(code(seen), picture.shape))


@pytest.mark.parametrize("camera", [front(2.0), front(2.0, half_extent=1.0)])
@pytest.mark.parametrize("double_sided", [True, False])
def test_sides(camera, double_sided):
    material = Material(base_color=(0.5, 0.5, 0.5, 1.0), double_sided=double_sided)
    seen_from_front = quad(materials=[material])
    seen_from_behind = quad(materials=[material])
    seen_from_behind.faces = seen_from_behind.faces[:, ::-1].copy()
    ahead, behind = (draw(mesh, camera, size=(8, 8)) for mesh in (seen_from_front, seen_from_behind))
    assert ahead.coverage == 1.0
    assert behind.coverage == (1.0 if double_sided else 0.0)
    if double_sided:
        np.testing.assert_array_equal(ahead.image, behind.image)


def test_the_background_shows_as_it_was_given():
    mesh = quad(0.01)
    for shading in ("phong", "normals"):
        opaque = draw(mesh, front(5.0), size=(9, 9), background=(0.2, 0.4, 0.6), shading=shading).image
        assert opaque.shape == (9, 9, 3)
        np.testing.assert_array_equal(opaque[0, 0], [51, 102, 153])
        clear = draw(mesh, front(5.0), size=(9, 9), background=(1.0, 0.0, 0.0, 0.5), shading=shading).image
        np.testing.assert_array_equal(clear[0, 0], [255, 0, 0, 128])


def test_normals_point_right_up_and_to_the_viewer():
    picture = draw(sphere(), front(3.0, half_extent=1.0), size=(65, 65), shading="normals").image / 127.5 - 1
    axis = (np.arange(65) + 0.5) / 32.5 - 1
    x, y = np.meshgrid(axis, -axis)
    inside = x**2 + y**2 < 0.9
    z = np.sqrt(1 - x[inside] ** 2 - y[inside] ** 2)
    np.testing.assert_allclose(picture[inside], np.stack([x[inside], y[inside], z], -1), atol=0.02)


def test_gouraud_interpolates_the_light_of_the_vertices():
    """Lambert's cosine at the corners of a triangle, whose normals differ, times the material."""
    leaning = np.array([[0.6, 0, 0.8], [0, -0.8, 0.6], [0, 0, 1.0]])
    verts = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], np.float32)
    material = Material(base_color=(0.5, 1.0, 0.25, 1.0), specular=(0.0, 0.0, 0.0))
    mesh = RawMesh(verts, np.array([[0, 1, 2]]), leaning.astype(np.float32), materials=[material])
    light = HEADLIGHT.copy()
    light[0, :4] = [0, 0, -1, 0]
    side = 65
    picture = draw(
        mesh,
        front(3.0, half_extent=1.2),
        size=(side, side),
        shading="gouraud",
        lights=light,
        supersampling=1,
        passes=("rgb", "mask"),
    )
    axis = ((np.arange(side) + 0.5) / side * 2 - 1) * 1.2
    x, y = np.meshgrid(axis, -axis)
    c = (y + 1) / 2
    b = (x + 1 - c) / 2
    cosine = np.stack([1 - b - c, b, c], -1) @ leaning[:, 2]
    there = picture.passes["mask"]
    expected = linear_to_srgb(cosine[there][:, None] * [0.5, 1.0, 0.25]) * 255
    assert there.sum() > 1000
    assert np.abs(picture.image[there] - expected).max() <= 0.51


def test_unlit_is_base_colour_and_emission_whatever_the_light():
    material = Material(base_color=(0.1, 0.2, 0.3, 1.0), emissive=(0.4, 0.0, 0.1))
    for lights in (AMBIENT, HEADLIGHT, np.empty((0, 14))):
        picture = draw(quad(materials=[material]), front(1.0), size=(4, 4), shading="unlit", lights=lights)
        np.testing.assert_array_equal(picture.image, np.broadcast_to(code([0.5, 0.2, 0.4]), (4, 4, 3)))


# -- Wireframe and backdrop ---------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [4.0, 9.0])
@pytest.mark.parametrize("width", [1.0, 3.0])
def test_lines_are_as_wide_as_asked_for_at_any_distance(width, distance):
    """A row across the diagonal of a white square: the darkness adds up to the line's width along it."""
    mesh = quad(materials=[glass(1, 1, 1, 1, "opaque")])
    line = Wireframe((0.0, 0.0, 0.0), width)
    side, supersampling = 101, 8
    picture = draw(
        mesh,
        front(distance, fov=30.0),
        size=(side, side),
        supersampling=supersampling,
        wireframe=line,
        background=(0.0, 0.0, 1.0),
    )
    reach = 1 / (distance * math.tan(math.radians(15.0))) * side / 2  # half the square, pixels
    inside = slice(int(side / 2 - reach / 2), int(side / 2 + reach / 2) + 1)
    dark = 1 - srgb_to_linear(picture.image[side // 2, inside, 0] / 255.0)
    assert dark.sum() == pytest.approx(width * math.sqrt(2), abs=2 / supersampling)
    # At the square's side half of the line is seen.
    outline = picture.image[side // 2 - 5, : side // 2, 2]
    seen = 1 - srgb_to_linear(outline / 255.0)
    assert seen[: int(side / 2 - reach) + 5].sum() == pytest.approx(width / 2, abs=2 / supersampling)


def test_hidden_edges_are_not_drawn():
    parts = [quad(z=0.5, materials=[WHITE]), quad(0.3, materials=[WHITE])]
    pictures = [draw(stack(*p), front(3.0), size=(64, 64), wireframe=Wireframe()) for p in (parts, parts[:1])]
    np.testing.assert_array_equal(pictures[0].image, pictures[1].image)
    assert pictures[0].image.min() < 60


def test_lines_of_bands_are_the_same(monkeypatch):
    mesh = lumpy()
    whole = draw(mesh, frame(mesh), size=(90, 70), wireframe=Wireframe())
    monkeypatch.setattr("r3d_cli.scene.draw.BAND_SAMPLES", 2000)
    assert different(whole.image, draw(mesh, frame(mesh), size=(90, 70), wireframe=Wireframe()).image) < 0.01


@pytest.mark.parametrize("values", [{"color": (0.0, 0.0, 2.0)}, {"width": 0.0}, {"width": math.nan}])
def test_a_wireframe_out_of_range_is_named(values):
    with pytest.raises(ValueError, match=f"wireframe {next(iter(values))} must be"):
        Wireframe(**values)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_picture_behind_shows_where_nothing_is_and_through_glass(channels, monkeypatch):
    backdrop = np.random.default_rng(0).integers(0, 256, (16, 24, channels), dtype=np.uint8)
    if channels == 4:
        backdrop[..., 3] = np.where(backdrop[..., 0] > 128, 255, 0)
    monkeypatch.setattr("r3d_cli.scene.draw.BAND_SAMPLES", 400)
    for shading in ("phong", "normals"):
        picture = draw(quad(0.01), front(30.0), size=(16, 24), background=backdrop, shading=shading).image
        assert picture.shape == backdrop.shape
        shown = np.ones((16, 24), bool) if channels == 3 else backdrop[..., 3] == 255
        shown[7:9, 11:13] = False  # where the square is
        np.testing.assert_array_equal(picture[shown], backdrop[shown])
    opaque = backdrop[..., :3]
    picture = draw(quad(materials=[glass(1, 0, 0, 0.25)]), front(1.0), size=(16, 24), background=opaque).image
    mixed = 0.75 * srgb_to_linear(opaque / 255.0) + [0.25, 0, 0]
    assert np.abs(picture - linear_to_srgb(mixed) * 255).max() <= 0.51


# -- Properties ---------------------------------------------------------------------------


def different(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the pixels that differ by more than one code."""
    return float((np.abs(a.astype(int) - b) > 1).any(axis=2).mean())


def lumpy(seed: int = 0) -> RawMesh:
    """A sphere with dents, without normals."""
    mesh = sphere(40)
    bumps = np.sin(mesh.verts.astype(float) @ np.random.default_rng(seed).normal(size=(3, 3)) * 4).prod(
        axis=1
    )
    return RawMesh((mesh.verts * (1 + 0.2 * bumps[:, None])).astype(np.float32), mesh.faces)


@pytest.mark.parametrize("shading", ["phong", "flat", "normals", "gouraud", "unlit"])
def test_bands_make_the_same_picture(shading, monkeypatch):
    mesh = lumpy()
    camera = frame(mesh)
    whole = draw(mesh, camera, size=(90, 70), shading=shading)
    monkeypatch.setattr("r3d_cli.scene.draw.BAND_SAMPLES", 1000)
    bands = draw(mesh, camera, size=(90, 70), shading=shading)
    assert different(whole.image, bands.image) < 1e-3
    assert bands.coverage == pytest.approx(whole.coverage, abs=1e-3)


def test_far_from_the_origin_nothing_changes():
    here = lumpy()
    there = RawMesh(here.verts.astype(np.float64) + [5.6e6, -4.4e5, 120.0], here.faces)
    pictures = [draw(mesh, frame(mesh), size=(80, 80)).image for mesh in (here, there)]
    assert different(*pictures) < 1e-3


@pytest.mark.parametrize("scale", [2.0**-60, 1e-9, 1e9, 2.0**60])
def test_size_does_not_matter(scale):
    one = lumpy()
    other = RawMesh(one.verts * np.float32(scale), one.faces)
    pictures = [draw(mesh, frame(mesh), size=(80, 80)).image for mesh in (one, other)]
    assert different(*pictures) < 1e-3


def test_the_order_of_faces_does_not_matter():
    mesh = sphere(30)
    order = np.random.default_rng(0).permutation(len(mesh.faces))
    shuffled = RawMesh(mesh.verts, mesh.faces[order], normals=mesh.normals)
    pictures = [draw(m, frame(m), size=(80, 80)).image for m in (mesh, shuffled)]
    np.testing.assert_array_equal(*pictures)


def test_a_camera_inside_sees_the_inside():
    picture = draw(sphere(materials=[WHITE]), Camera(*look_at(0.2, 0.0, 0.0), fov=80.0), size=(32, 32))
    assert picture.coverage == 1.0
    assert picture.image.min() > 20


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("double_sided", [True, False])
def test_vertices_that_are_not_finite_harm_only_their_faces(double_sided):
    mesh = lumpy()
    mesh.materials = [Material(double_sided=double_sided)]
    clean = draw(mesh, frame(mesh), size=(64, 64))
    verts = np.concatenate([mesh.verts, [[np.nan, 0, 0], [np.inf, 1, 1], [3e38, 3e38, 3e38]]]).astype(
        np.float32
    )
    broken = RawMesh(verts, np.concatenate([mesh.faces, [[0, 1, len(verts) - 3], [2, 3, len(verts) - 2]]]))
    broken.materials = mesh.materials
    picture = draw(broken, frame(mesh), size=(64, 64))
    assert different(clean.image, picture.image) < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (0, 5)}, r"size must lie in 1..16384 pixels at this supersampling, got \(0, 5\)"),
        ({"size": (5, 20000)}, "size must lie in"),
        ({"background": (1.0, 2.0, 0.0)}, "background must be three or four numbers in 0..1"),
        ({"supersampling": 0}, "supersampling must be at least 1, got 0"),
        ({"shading": "toon"}, "shading must be one of phong, flat, normals, gouraud, unlit, got 'toon'"),
        ({"background": np.zeros((5, 5, 3), np.uint8)}, r"background must be a colour or uint8 of shape"),
        ({"device": "tpu"}, "device must be cpu, cuda or cuda:N, got 'tpu'"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(quad(), front(2.0), **arguments)


def test_a_point_cloud_is_refused():
    cloud = RawMesh(np.zeros((5, 3), np.float32), np.empty((0, 3), np.int64))
    with pytest.raises(ValueError, match="no faces"):
        draw(cloud, front(2.0))


@pytest.mark.parametrize("shading", ["phong", "flat"])
def test_ids_past_their_tables_are_named_before_anything_is_drawn(shading):
    uvs = np.zeros((4, 2), np.float32)
    mesh = quad(uvs=uvs, faces_uvs=np.array([[0, 1, 2], [0, 2, 9]]))
    with pytest.raises(IndexError, match="faces_uvs points outside"):
        draw(mesh, front(2.0), shading=shading)


@pytest.mark.parametrize("background", [(1.0, 1.0, 1.0), (0.2, 0.4, 0.6, 0.0)])
def test_light_is_what_the_picture_shows(background):
    mesh = lumpy()
    mesh.materials = [Material(emissive=(4.0, 0.0, 0.0))]
    picture = draw(mesh, frame(mesh), size=(48, 64), background=background, want_light=True)
    assert picture.light.dtype == np.float32
    assert picture.light.shape == picture.image.shape
    assert picture.light[..., 0].max() > 3.9  # brighter than white
    codes = picture.light.copy()
    codes[..., :3] = linear_to_srgb(picture.light[..., :3].clip(0, 1))
    np.testing.assert_allclose(255 * codes, picture.image, atol=0.51)
    assert draw(mesh, frame(mesh), size=(8, 8)).light is None
