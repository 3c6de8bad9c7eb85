"""The passes of a picture against closed forms: a sphere and a plane, both projections; and their codes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from r3d_cli.errors import R3dError
from r3d_cli.scene.camera import Camera, look_at
from r3d_cli.scene.draw import Drawable, draw
from r3d_cli.scene.model import Material, RawMesh, Texture
from r3d_cli.scene.passes import PASSES, to_png8, to_png16

MEASURED = tuple(name for name in PASSES if name != "rgb")
SIDE = 64
#: Turned and lifted, so that no axis of the picture is one of the world.
POSE = look_at(3.0, 25.0, 40.0)
CAMERAS = {
    "perspective": Camera(*POSE, fov=45.0),
    "orthographic": Camera(*POSE, half_extent=1.3),
}
cameras = pytest.mark.parametrize("camera", list(CAMERAS.values()), ids=list(CAMERAS))


def rays(camera: Camera, height: int = SIDE, width: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Origin and direction of the ray through each pixel centre, world; its length is 1 in view depth."""
    short = min(height, width) / 2
    x = -(np.arange(width) + 0.5 - width / 2) / short
    y = -(np.arange(height) + 0.5 - height / 2) / short
    x, y = np.meshgrid(x / camera.focal, y / camera.focal)
    one, zero = np.ones_like(x), np.zeros_like(x)
    if camera.is_perspective:
        origin, direction = np.zeros((*x.shape, 3)), np.stack([x, y, one], -1)
    else:
        origin, direction = np.stack([x, y, zero], -1), np.stack([zero, zero, one], -1)
    return (origin - camera.T) @ camera.R.T, direction @ camera.R.T


def sphere(rows: int = 500, **fields) -> RawMesh:
    """The unit sphere with its own normals; u is the longitude, v the latitude, 0..1."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, 2 * rows + 1), indexing="ij")
    theta, phi = math.pi * (1 - v), 2 * math.pi * u
    verts = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), -np.sin(theta) * np.sin(phi)], -1)
    ids = np.arange(u.size).reshape(u.shape)
    a, b, c, d = (x.ravel() for x in (ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]))
    verts = verts.reshape(-1, 3).astype(np.float32)
    uvs = np.stack([u, v], -1).reshape(-1, 2).astype(np.float32)
    return RawMesh(verts, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]), verts, uvs=uvs)


def plane(**fields) -> RawMesh:
    """The square [-1, 1]^2 of z = 0.2 x + 0.1 y, two faces; u and v go along x and y."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    verts = np.concatenate([corners, corners @ [[0.2], [0.1]]], axis=1).astype(np.float32)
    uvs = ((corners + 1) / 2).astype(np.float32)
    return RawMesh(verts, np.array([[0, 1, 2], [0, 2, 3]]), uvs=uvs, **fields)


def camera_space(camera: Camera, normals: np.ndarray) -> np.ndarray:
    return normals @ camera.R * [-1, 1, -1]


@cameras
def test_a_plane(camera):
    got = draw(plane(), camera, size=(SIDE, SIDE), passes=MEASURED).passes
    origin, direction = rays(camera)
    normal = np.array([-0.2, -0.1, 1.0])
    depth = -(origin @ normal) / (direction @ normal)
    at = origin + depth[..., None] * direction
    outside = np.abs(at[..., :2]).max(-1)
    np.testing.assert_array_equal(
        got["mask"][np.abs(outside - 1) > 1e-5], (outside < 1)[np.abs(outside - 1) > 1e-5]
    )
    there = got["mask"]
    assert 0.2 < there.mean() < 0.9
    np.testing.assert_allclose(got["depth"][there], depth[there], rtol=1e-6)
    np.testing.assert_allclose(got["position"][there], at[there], atol=2e-6)
    np.testing.assert_allclose(got["uv"][there], (at[there][:, :2] + 1) / 2, atol=2e-6)
    unit = camera_space(camera, normal / np.linalg.norm(normal))
    np.testing.assert_allclose(got["normal"][there], np.broadcast_to(unit, (there.sum(), 3)), atol=1e-6)
    off_diagonal = there & (np.abs(at[..., 0] - at[..., 1]) > 1e-5)
    np.testing.assert_array_equal(got["faceid"][off_diagonal], (at[..., 1] > at[..., 0])[off_diagonal])


@cameras
def test_a_sphere(camera):
    got = draw(sphere(), camera, size=(SIDE, SIDE + 9), passes=MEASURED).passes
    origin, direction = rays(camera, SIDE, SIDE + 9)
    a, b = (direction * direction).sum(-1), (origin * direction).sum(-1)
    square = b * b - a * ((origin * origin).sum(-1) - 1)
    np.testing.assert_array_equal(got["mask"][np.abs(square) > 1e-3], (square > 0)[np.abs(square) > 1e-3])
    there = square > 0.02
    depth = (-b - np.sqrt(square, where=there, out=np.zeros_like(square))) / a
    at = (origin + depth[..., None] * direction)[there]
    np.testing.assert_allclose(got["depth"][there], depth[there], atol=1e-4)
    np.testing.assert_allclose(got["position"][there], at, atol=1e-4)
    np.testing.assert_allclose(got["normal"][there], camera_space(camera, at), atol=2e-4)
    assert got["normal"][there][:, 2].min() > 0
    np.testing.assert_allclose(np.linalg.norm(got["normal"][there], axis=-1), 1, atol=1e-5)
    u, v = np.arctan2(-at[:, 2], at[:, 0]) / (2 * math.pi) % 1, 1 - np.arccos(at[:, 1]) / math.pi
    np.testing.assert_allclose(got["uv"][there], np.stack([u, v], -1), atol=2e-3)
    # The face is the one whose corners are around the point.
    corners = sphere().verts[sphere().faces[got["faceid"][there]]]
    assert np.linalg.norm(corners - at[:, None], axis=-1).max() < 2 * math.pi / 500


@cameras
def test_supersampling_and_bands_change_nothing(camera, monkeypatch):
    mesh = Drawable(plane())
    one = draw(mesh, camera, size=(SIDE, SIDE), passes=MEASURED, supersampling=1)
    assert one.image is None
    for supersampling in (1, 2, 3):
        more = draw(mesh, camera, size=(SIDE, SIDE), passes=PASSES, supersampling=supersampling)
        assert more.passes["rgb"] is more.image
        for name in MEASURED:
            np.testing.assert_allclose(more.passes[name], one.passes[name], atol=2e-6, err_msg=name)
    monkeypatch.setattr("r3d_cli.scene.draw.BAND_SAMPLES", 5 * SIDE)
    bands = draw(mesh, camera, size=(SIDE, SIDE), passes=MEASURED)
    same = bands.passes["faceid"] == one.passes["faceid"]
    assert same.mean() > 0.999
    for name in MEASURED:
        np.testing.assert_allclose(bands.passes[name][same], one.passes[name][same], atol=1e-5, err_msg=name)


def test_what_is_empty():
    got = draw(plane(), Camera(*look_at(30.0, 0.0, 0.0)), size=(9, 9), passes=MEASURED).passes
    corner = {name: values[0, 0].tolist() for name, values in got.items()}
    assert corner["depth"] == math.inf
    assert (corner["normal"], corner["mask"], corner["faceid"]) == ([0, 0, 0], False, -1)
    assert np.isnan(corner["uv"]).all()
    assert np.isnan(corner["position"]).all()
    types = {name: values.dtype for name, values in got.items()}
    assert types == {
        "depth": np.float32,
        "normal": np.float32,
        "mask": np.bool_,
        "faceid": np.int32,
        "uv": np.float32,
        "position": np.float32,
    }


def test_a_mesh_without_texture_coordinates_has_none():
    mesh = plane()
    mesh.uvs = None
    got = draw(mesh, CAMERAS["perspective"], size=(9, 9), passes=("uv", "mask")).passes
    assert got["mask"].any()
    assert np.isnan(got["uv"]).all()


def test_far_from_the_origin_positions_keep_their_digits():
    mesh, offset = plane(), np.array([5.6e6, -4.4e5, 120.0])
    far = RawMesh(mesh.verts.astype(np.float64) + offset, mesh.faces)
    camera = CAMERAS["perspective"]
    moved = Camera(camera.R, camera.T - offset @ camera.R, camera.fov)
    here, there = (draw(m, c, size=(16, 16), passes=("position",)) for m, c in ((mesh, camera), (far, moved)))
    assert there.passes["position"].dtype == np.float64
    np.testing.assert_allclose(there.passes["position"] - offset, here.passes["position"], atol=1e-5)


def test_flat_normals_are_the_faces_own():
    mesh = sphere(12)
    camera = CAMERAS["orthographic"]
    got = draw(mesh, camera, size=(SIDE, SIDE), passes=("normal", "faceid"), shading="flat").passes
    there = got["faceid"] >= 0
    a, b, c = (mesh.verts[mesh.faces[got["faceid"][there]][:, i]].astype(float) for i in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    np.testing.assert_allclose(got["normal"][there], camera_space(camera, normal), atol=1e-4)


# -- Cut-outs and sides ---------------------------------------------------------------------------


def layered(*alphas: float, mode: str = "mask") -> RawMesh:
    """Squares one behind another, the nearest first, each of one alpha."""
    verts = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    count = len(alphas)
    return RawMesh(
        np.concatenate([verts - [0, 0, 0.1 * i] for i in range(count)]).astype(np.float32),
        np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * i for i in range(count)]),
        uvs=np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (count, 1)),
        materials=[Material(base_color=(1, 1, 1, alpha), alpha_mode=mode) for alpha in alphas],
        faces_material=np.repeat(np.arange(count, dtype=np.int32), 2),
    )


FRONT = Camera(*look_at(3.0, 0.0, 0.0), half_extent=1.0)


@pytest.mark.parametrize(
    ("mode", "alphas", "nearest"),
    [
        ("mask", (0.4, 0.6), 1),
        ("mask", (0.6, 0.4), 0),
        ("blend", (0.01, 1.0), 0),
        ("blend", (0.0, 1.0), 1),
        ("mask", (0.1,) * 9 + (0.9,), 9),  # more layers than there is room for at first
        ("mask", (0.1,) * 6, None),
    ],
)
def test_the_nearest_that_is_not_cut_out_counts(mode, alphas, nearest):
    for passes in (MEASURED, PASSES):
        got = draw(layered(*alphas, mode=mode), FRONT, size=(8, 8), passes=passes).passes
        assert got["mask"].all() == (nearest is not None)
        if nearest is None:
            assert (got["faceid"] == -1).all()
        else:
            assert (got["faceid"] // 2 == nearest).all()
            np.testing.assert_allclose(got["depth"], 3 + 0.1 * nearest, rtol=1e-6)


def test_a_cut_out_of_a_texture_is_seen_through():
    mesh = layered(1.0, 1.0)
    image = np.full((2, 2, 4), 255, np.uint8)
    image[:, 0, 3] = 0  # the left half is cut out
    mesh.materials[0].base_color_texture = Texture(image, filter="nearest")
    ids = draw(mesh, FRONT, size=(8, 8), passes=("faceid",)).passes["faceid"]
    np.testing.assert_array_equal(ids // 2, np.repeat([[1, 0]], 4, axis=1).repeat(8, axis=0))


def test_culling_leaves_out_what_is_seen_from_behind():
    mesh = layered(1.0, mode="opaque")
    mesh.faces[0] = mesh.faces[0, ::-1]
    for camera in (FRONT, CAMERAS["perspective"]):
        both, one = (
            draw(mesh, camera, size=(16, 16), passes=("rgb", "faceid"), cull=cull) for cull in (False, True)
        )
        assert set(np.unique(both.passes["faceid"])) >= {0, 1}
        assert set(np.unique(one.passes["faceid"])) == {-1, 1}
        assert one.coverage < both.coverage


# -- Arguments ---------------------------------------------------------------------------


def test_arguments_are_named():
    with pytest.raises(ValueError, match=r"passes must be of rgb, depth, .*, got 'color'"):
        draw(plane(), FRONT, passes=("color",))
    with pytest.raises(ValueError, match="device must be that of the Drawable, 'cpu', got 'cuda'"):
        draw(Drawable(plane()), FRONT, device="cuda")
    with pytest.raises(ValueError, match="shading must be one of"):
        Drawable(plane(), shading="toon")
    with pytest.raises(ValueError, match=r"pass must be one of rgb, depth, .*, got 'color'"):
        to_png8("color", np.zeros((2, 2)))


def test_a_drawable_draws_what_a_mesh_does():
    mesh = sphere(20)
    drawable = Drawable(mesh, shading="flat")
    for camera in CAMERAS.values():
        np.testing.assert_array_equal(
            draw(drawable, camera, size=(32, 32)).image,
            draw(mesh, camera, size=(32, 32), shading="flat").image,
        )


# -- Codes ---------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0.02, 3.0, 4567.0])
def test_depth_codes_read_back(distance):
    depth = np.array([[distance, distance * 1.7, np.inf]], np.float32)
    codes, notes = to_png16("depth", depth)
    assert codes.dtype == np.uint16
    assert (codes[0, 2], notes["nothing"]) == (0, 0)
    np.testing.assert_allclose(codes[0, :2] * notes["scale"], depth[0, :2], atol=notes["scale"] / 2)
    assert codes.max() > 65535 / 2.6
    digit = f"{notes['scale']:e}"[0]
    assert digit in "125"


def test_the_other_codes_read_back():
    got = draw(sphere(40), CAMERAS["perspective"], size=(32, 32), passes=MEASURED).passes
    there = got["mask"]
    codes = {name: to_png16(name, values) for name, values in got.items()}
    for name, (code, _) in codes.items():
        assert code.dtype == np.uint16, name
        assert (code[~there] == 0).all(), name
    np.testing.assert_array_equal(codes["mask"][0] == 65535, there)
    np.testing.assert_array_equal(codes["faceid"][0].astype(int) - 1, got["faceid"])
    normal = codes["normal"][0][there] / 65535 * 2 - 1
    np.testing.assert_allclose(normal, got["normal"][there], atol=1.1 / 65535)
    assert (codes["uv"][0][there][:, 2] == 65535).all()
    np.testing.assert_allclose(codes["uv"][0][there][:, :2] / 65535, got["uv"][there], atol=1e-5)
    notes = codes["position"][1]
    position = notes["offset"] + (codes["position"][0][there] - 1.0) * notes["scale"]
    np.testing.assert_allclose(position, got["position"][there], atol=notes["scale"])


def test_texture_coordinates_are_written_modulo_one():
    codes, _ = to_png16("uv", np.array([[[1.0, 1.25], [-0.25, 0.0], [np.nan, np.nan]]], np.float32))
    np.testing.assert_array_equal(codes, [[[65535, 16384, 65535], [49151, 0, 65535], [0, 0, 0]]])


def test_face_ids_that_do_not_fit_are_refused():
    assert to_png16("faceid", np.array([[65534, -1]], np.int32))[0].tolist() == [[65535, 0]]
    with pytest.raises(
        R3dError, match="faceid: 16 bits hold ids up to 65534, this picture has 65535; write NPY"
    ):
        to_png16("faceid", np.array([[65535]], np.int32))


def test_pictures_of_passes():
    got = draw(sphere(40), CAMERAS["perspective"], size=(32, 32), passes=PASSES).passes
    there = got["mask"]
    np.testing.assert_array_equal(to_png8("rgb", got["rgb"]), got["rgb"])
    for name in MEASURED:
        picture = to_png8(name, got[name])
        assert picture.dtype == np.uint8
        assert picture.shape == (32, 32) + (() if name in ("depth", "mask") else (3,))
        assert (picture[~there] == 0).all()
    depth = to_png8("depth", got["depth"])[there]
    assert (depth.max(), depth.min()) == (255, 40)
    assert np.all(np.diff(depth[np.argsort(got["depth"][there])].astype(int)) <= 0)
    colors = to_png8("faceid", np.arange(12).reshape(3, 4)).reshape(-1, 3).astype(int)
    assert min(np.abs(a - b).sum() for a, b in itertools.pairwise(colors)) > 60


@pytest.mark.parametrize("name", MEASURED)
def test_codes_do_not_depend_on_the_bands_they_are_made_in(name, monkeypatch):
    picture = draw(sphere(50), CAMERAS["perspective"], size=(SIDE, SIDE), passes=[name])
    values = picture.passes[name]
    seen, (codes, notes) = to_png8(name, values), to_png16(name, values)
    monkeypatch.setattr("r3d_cli.scene.passes._BAND", 5 * SIDE)
    np.testing.assert_array_equal(to_png8(name, values), seen)
    banded, same = to_png16(name, values)
    np.testing.assert_array_equal(banded, codes)
    assert same == notes


def test_codes_of_an_empty_picture():
    got = draw(plane(), Camera(*look_at(-3.0, 0.0, 0.0)), size=(4, 4), passes=MEASURED).passes
    for name, values in got.items():
        assert not to_png8(name, values).any()
        assert not to_png16(name, values)[0].any()
