"""The cameras of ``r3d render``: where they stand, what they see, and files of them."""

from __future__ import annotations

import base64
import json
import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: A box of 2 x 1 x 0.6 around (1, 2, 3).
BOX = """\
v 0 1.5 2.7
v 2 1.5 2.7
v 2 2.5 2.7
v 0 2.5 2.7
v 0 1.5 3.3
v 2 1.5 3.3
v 2 2.5 3.3
v 0 2.5 3.3
f 1 4 3 2
f 5 6 7 8
f 1 2 6 5
f 2 3 7 6
f 3 4 8 7
f 4 1 5 8
"""
CENTER = np.array([1.0, 2.0, 3.0])


@pytest.fixture
def box(tmp_path: Path) -> Path:
    path = tmp_path / "box.obj"
    path.write_text(BOX)
    return path


@pytest.fixture
def shoot(r3d: Run, box: Path) -> Callable[..., list[dict[str, Any]]]:
    """Draw the box to box.png, and return the lines of --json."""

    def shoot(*options: object, size: str | None = "64") -> list[dict[str, Any]]:
        pixels = () if size is None else ("--size", size)
        done = r3d("render", box, *pixels, "--ssaa", "1", "--json", *options)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return shoot


Shoot = Callable[..., list[dict[str, Any]]]


def center(record: dict[str, Any]) -> np.ndarray:
    """Where the camera is, world."""
    return np.linalg.inv(record["camera"]["world_to_camera"])[:3, 3]


def pixel(record: dict[str, Any], point: object) -> np.ndarray:
    """Where a world point is in the picture, pixels right and down; of a perspective camera."""
    camera = record["camera"]
    x, y, z, _ = np.array(camera["world_to_camera"]) @ np.append(np.asarray(point, float), 1.0)
    return np.array([camera["fx"] * x / z + camera["cx"], camera["fy"] * y / z + camera["cy"]])


def mask(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)) > 0


def extent(covered: np.ndarray) -> tuple[int, int, int, int]:
    """First and last row and column that hold something."""
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def test_azimuth_elevation_distance_and_target(shoot: Shoot) -> None:
    """Azimuth turns from +z towards +x; the elevation is over the horizon."""
    (record,) = shoot("--azimuth", 90, "--elevation", 0, "--distance", 7, "--target", "1,2,3")
    np.testing.assert_allclose(center(record), CENTER + [7, 0, 0], atol=1e-5)
    (record,) = shoot("--azimuth", 0, "--elevation", 30, "--distance", 2, "--target", "-1,0,0.5")
    expected = [-1, 2 * math.sin(math.pi / 6), 0.5 + 2 * math.cos(math.pi / 6)]
    np.testing.assert_allclose(center(record), expected, atol=1e-5)
    np.testing.assert_allclose(pixel(record, [-1, 0, 0.5]), [32, 32], atol=1e-6)


def test_the_whole_mesh_is_seen_around_another_target(shoot: Shoot) -> None:
    (record,) = shoot("--target", "0,1.5,2.7", "--azimuth", "-70")
    for corner in np.array([line.split()[1:] for line in BOX.splitlines() if line[0] == "v"], float):
        assert ((pixel(record, corner) > 0) & (pixel(record, corner) < 64)).all()


def test_fov(shoot: Shoot) -> None:
    (record,) = shoot("--fov", 90, "--size", "64x32")
    assert record["camera"]["fx"] == pytest.approx(16)  # half the shorter side over tan 45°
    assert (record["width"], record["height"]) == (64, 32)


def test_up(shoot: Shoot) -> None:
    (record,) = shoot("--up", "z", "--elevation", 90, "--distance", 5)
    np.testing.assert_allclose(center(record)[2], 8, atol=1e-3)
    (record,) = shoot("--up", "auto", "--elevation", 90, "--distance", 5)
    np.testing.assert_allclose(center(record)[1], 7, atol=1e-3)


def test_roll_turns_the_picture(shoot: Shoot, tmp_path: Path) -> None:
    """The camera turns clockwise, so what it sees turns the other way."""
    view = ("--azimuth", "20", "--elevation", "10", "--pass", "mask")
    shoot(*view, "-o", "upright.png")
    shoot(*view, "--roll", "90", "-o", "rolled.png")
    upright, rolled = mask(tmp_path / "upright.png"), mask(tmp_path / "rolled.png")
    assert np.mean(np.rot90(upright) != rolled) < 0.01
    assert np.mean(upright != rolled) > 0.1


@pytest.mark.parametrize("projection", [(), ("--orthographic",)])
def test_fit_bounds_touches_the_margin(shoot: Shoot, tmp_path: Path, projection: tuple[str, ...]) -> None:
    view = ("--azimuth", "0", "--elevation", "0", "--pass", "mask", "-o", "mask.png", *projection)
    shoot(*view, "--fit", "bounds", "--size", "200")
    top, bottom, left, right = extent(mask(tmp_path / "mask.png"))
    assert abs(left - 5) <= 1  # 5 % of half the side
    assert abs(right - 194) <= 1
    assert abs((top + bottom) - 199) <= 1
    shoot(*view, "--fit", "sphere", "--size", "200")
    sphere = extent(mask(tmp_path / "mask.png"))
    assert sphere[2] > left
    if projection:  # the box's half width in the sphere's radius with 5 % more
        radius = math.sqrt(1 + 0.25 + 0.09)
        assert abs(sphere[2] - 100 * (1 - 1 / (1.05 * radius))) <= 1


def test_orthographic_has_no_perspective(shoot: Shoot, tmp_path: Path) -> None:
    """Seen from the front, a box's far side hides behind its near one: the outline is that of 2 x 1."""
    (record,) = shoot(
        "--orthographic", "--azimuth", 0, "--elevation", 0, "--size", 200, "--pass", "mask", "-o", "m.png"
    )
    top, bottom, left, right = extent(mask(tmp_path / "m.png"))
    assert (right - left + 1) == pytest.approx(2 * (bottom - top + 1), abs=2)
    assert record["camera"]["orthographic"] == pytest.approx(1.05 * math.sqrt(1.34), rel=0.01)


def test_views_go_around(shoot: Shoot, tmp_path: Path) -> None:
    records = shoot("--views", 3, "--azimuth", 10, "--elevation", 20, "--distance", 4, "-o", "{view:02}.png")
    assert [record["path"] for record in records] == ["00.png", "01.png", "02.png"]
    assert [record["view"] for record in records] == [0, 1, 2]
    offsets = np.array([center(record) for record in records]) - CENTER
    np.testing.assert_allclose(np.linalg.norm(offsets, axis=1), 4, atol=1e-4)
    azimuths = np.degrees(np.arctan2(offsets[:, 0], offsets[:, 2])) % 360
    np.testing.assert_allclose(azimuths, [10, 130, 250], atol=1e-3)
    assert len({(tmp_path / f"0{i}.png").read_bytes() for i in range(3)}) == 3


def test_views_lie_all_over_the_sphere(shoot: Shoot) -> None:
    records = shoot("--views", "fibonacci:5", "--distance", 4, "-o", "{view}.png")
    offsets = (np.array([center(record) for record in records]) - CENTER) / 4
    np.testing.assert_allclose(offsets[:, 1], [0.8, 0.4, 0, -0.4, -0.8], atol=1e-4)
    assert np.linalg.norm(offsets.mean(axis=0)) < 0.2


@pytest.mark.parametrize("convention", ["opencv", "opengl", "blender", "pytorch3d", "colmap"])
def test_cameras_that_are_written_give_the_same_pictures(
    shoot: Shoot, tmp_path: Path, convention: str
) -> None:
    view = ("--views", "2", "--roll", "15", "--target", "1.2,2,3", "--fov", "50", "--size", "60x40")
    file = ("--cameras-out", "cameras.json", "--convention", convention)
    projection = ("--orthographic",) if convention == "opengl" else ()
    (first, _) = shoot(*view, *projection, *file, "-o", "a{view}.png")
    written = json.loads((tmp_path / "cameras.json").read_text())
    assert written["convention"] == first["camera"]["convention"] == convention
    keys = {"blender": "camera_to_world", "pytorch3d": "T", "colmap": "qvec"}
    assert keys.get(convention, "world_to_camera") in written["cameras"][0]
    records = shoot("--camera", "cameras.json", "-o", "b{camera}.png", size=None)
    assert [(record["width"], record["height"]) for record in records] == [(60, 40)] * 2
    for i in range(2):
        one, other = ((tmp_path / f"{name}{i}.png").read_bytes() for name in "ab")
        assert one == other


def test_a_camera_of_a_file_at_another_size(shoot: Shoot, tmp_path: Path) -> None:
    """Its focal length goes with the shorter side, and the middle stays."""
    (first,) = shoot("--cameras-out", "one.json", "--size", "60x40")
    (record,) = shoot("--camera", "one.json", size="120x80")
    assert (record["width"], record["height"]) == (120, 80)
    assert record["camera"]["fx"] == pytest.approx(2 * first["camera"]["fx"])
    (record,) = shoot("--camera", "one.json", size=None)
    assert (record["width"], record["height"]) == (60, 40)


def test_a_camera_in_numbers(shoot: Shoot, tmp_path: Path) -> None:
    """Four units in front of the box's front, 48 px focal length: its 2 x 1 side is 24 x 12 pixels."""
    pose = [[1, 0, 0, -1], [0, -1, 0, 2], [0, 0, -1, 3.3 + 4], [0, 0, 0, 1]]
    camera = {"convention": "opencv", "width": 64, "height": 64, "fx": 48, "world_to_camera": pose}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    shoot("--camera", "camera.json", "--pass", "mask", "-o", "mask.png", size=None)
    assert extent(mask(tmp_path / "mask.png")) == (26, 37, 20, 43)


def test_cameras_of_nerf(shoot: Shoot, tmp_path: Path) -> None:
    (record,) = shoot("--views", "1", "--fov", "60", "-o", "ours.png")
    poses = [np.linalg.inv(record["camera"]["world_to_camera"]) @ np.diag([1.0, -1, -1, 1])] * 2
    frames = [{"file_path": f"./train/r_{i}", "transform_matrix": p.tolist()} for i, p in enumerate(poses)]
    content = {"camera_angle_x": math.radians(60), "frames": frames}
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    records = shoot("--camera", "transforms.json", "-o", "out/{camera}.png", "--size", "64")
    assert len(records) == 2
    ours = np.asarray(Image.open(tmp_path / "ours.png")).astype(int)
    theirs = np.asarray(Image.open(tmp_path / records[1]["path"]))
    assert np.abs(ours - theirs).max() <= 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "c.json:"),
        ("[]", "c.json"),
        ('{"fov": 40}', "convention"),
        ('{"convention": "opencv", "fov": 40}', "world_to_camera"),
        (None, "c.json: no such file"),
    ],
)
def test_files_of_cameras_that_are_wrong(
    r3d: Run, box: Path, tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "c.json").write_text(content)
    done = r3d("render", box, "--camera", "c.json")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert words in line


@pytest.mark.parametrize(
    "options",
    [
        ("--azimuth", "3"),
        ("--views", "2"),
        ("--turntable", "a.gif"),
        ("--fit", "bounds"),
        ("--orthographic",),
    ],
)
def test_a_file_of_cameras_leaves_nothing_to_place(r3d: Run, box: Path, options: tuple[str, ...]) -> None:
    done = r3d("render", box, "--camera", "c.json", *options)
    assert done.returncode == 2
    assert options[0] in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--roll", "nan"),
        ("--target", "1,2"),
        ("--views", "0"),
        ("--views", "cube:3"),
        ("--fit", "bounds", "--distance", "3"),
        ("--convention", "nerf"),
    ],
)
def test_wrong_values_are_named(r3d: Run, box: Path, options: tuple[str, ...]) -> None:
    done = r3d("render", box, *options)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert options[0] in line


def test_a_camera_of_too_large_a_picture_is_named(r3d: Run, tmp_path: Path, tetrahedron: Path) -> None:
    assert r3d("render", tetrahedron, "--size", "8", "--cameras-out", "c.json").returncode == 0
    text = (tmp_path / "c.json").read_text()
    (tmp_path / "c.json").write_text(re.sub(r'"width": ?8', '"width": 20000', text))
    done = r3d("render", tetrahedron, "--camera", "c.json")
    assert done.returncode == 2
    assert "'--camera': c.json: the picture of camera '0' has 20000x8 pixels" in done.stderr
    assert r3d("render", tetrahedron, "--camera", "c.json", "--size", "16").returncode == 0


# -- Cameras of other tools, and within the files


def gltf_of_box(path: Path, cameras: int = 2) -> Path:
    """A triangle in front of cameras that stand on the z axis, 4 and 8 away, named near and far."""
    verts = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], np.float32).tobytes()
    lens = {"type": "perspective", "perspective": {"yfov": math.pi / 2, "aspectRatio": 1.5, "znear": 0.1}}
    document = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": list(range(cameras + 1))}],
        "nodes": [
            {"mesh": 0},
            *({"camera": i, "translation": [0, 0, 4.0 * (i + 1)]} for i in range(cameras)),
        ],
        "cameras": [lens | {"name": name} for name in ("near", "far")][:cameras],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36, "uri": f"data:;base64,{base64.b64encode(verts).decode()}"}],
    }
    if not cameras:
        del document["cameras"]
    path.write_text(json.dumps(document))
    return path


def test_cameras_within_the_files(r3d: Run, tmp_path: Path, box: Path) -> None:
    two, one = gltf_of_box(tmp_path / "two.gltf"), gltf_of_box(tmp_path / "one.gltf", 1)
    none = gltf_of_box(tmp_path / "none.gltf", 0)
    options = "--camera", "file", "-o", "out/{stem}_{camera}.png", "--ssaa", "1"
    done = r3d("render", two, one, none, box, *options, "--json")
    assert done.returncode == 1
    assert "none.gltf: its scene has no camera; leave --camera out" in done.stderr
    assert "box.obj: holds no cameras; only GLB and glTF files do" in done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(record["path"]).name for record in records] == [
        "two_near.png",
        "two_far.png",
        "one_near.png",
    ]
    assert {(record["width"], record["height"]) for record in records} == {(768, 512)}
    near, far = (np.asarray(Image.open(tmp_path / record["path"])) for record in records[:2])
    seen = [int((picture != picture[0, 0]).any(-1).sum()) for picture in (near, far)]
    assert seen[0] == pytest.approx(4 * seen[1], rel=0.05)
    again = r3d("render", two, one, none, *options, "--resume")
    assert "2 done before, 1 failed" in again.stderr
    planned = r3d("render", two, one, *options, "--dry-run").stdout.split()
    assert planned == ["out/two_near.png", "out/two_far.png", "out/one_near.png"]


def test_cameras_within_a_file_are_many_views(r3d: Run, tmp_path: Path) -> None:
    path = gltf_of_box(tmp_path / "two.gltf")
    done = r3d("render", path, "--camera", "file", "-o", "one.png")
    assert done.returncode == 2
    assert "names one file for 2 views" in done.stderr
    assert r3d("render", path, "--camera", "file", "--size", "32").returncode == 0
    assert Image.open(tmp_path / "two_001.png").size == (32, 32)
    assert "reads a file twice" in r3d("render", "-", "--camera", "file", stdin=path.read_bytes()).stderr
    assert r3d("render", path, "--camera", path, "--size", "32").returncode == 0


def test_fov_is_for_files_of_poses_alone(r3d: Run, tmp_path: Path, box: Path) -> None:
    poses = tmp_path / "images.txt"
    poses.write_text("1 1 0 0 0 0 0 9 1 a.jpg\n\n")
    bare = r3d("render", box, "--camera", poses)
    assert (bare.returncode, bare.stdout) == (1, "")
    assert "images.txt: has poses alone; put cameras.txt beside it" in bare.stderr
    assert r3d("render", box, "--camera", poses, "--fov", "60", "--size", "32", "-o", "a.png").returncode == 0
    (tmp_path / "cameras.txt").write_text("1 SIMPLE_PINHOLE 40 30 40 20 15\n")
    assert r3d("render", box, "--camera", tmp_path, "-o", "b.png").returncode == 0
    assert Image.open(tmp_path / "b.png").size == (40, 30)
    refused = r3d("render", box, "--camera", tmp_path, "--fov", "60")
    assert refused.returncode == 2
    assert "is for cameras without a lens" in refused.stderr


def test_a_lens_in_pixels_needs_to_know_the_picture(r3d: Run, tmp_path: Path, box: Path) -> None:
    file = tmp_path / "camera.json"
    pose = np.eye(4)
    pose[2, 3] = 9
    file.write_text(json.dumps({"convention": "opencv", "fx": 1000, "world_to_camera": pose.tolist()}))
    done = r3d("render", box, "--camera", file)
    assert done.returncode == 1
    assert "fx is in pixels; add the picture's width and height, or give its size" in done.stderr
    assert r3d("render", box, "--camera", file, "--size", "64").returncode == 0
