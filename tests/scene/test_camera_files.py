"""Files of cameras, held to OpenCV's projection, to the library's conventions, and to themselves."""

from __future__ import annotations

import doctest
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from r3d_cli.errors import R3dError
from r3d_cli.scene import camera_files, conventions
from r3d_cli.scene.camera import Calibration, Camera, look_at, roll_by
from r3d_cli.scene.camera_files import NamedCamera, camera_record, read_cameras, write_cameras
from r3d_cli.scene.conventions import AXES, matrix_to_quaternion, pose_to, quaternion_to_matrix

SIZE = (480, 640)
HEIGHT, WIDTH = SIZE
K = np.array([[700.0, 0, 300.5], [0, 650.0, 250.25], [0, 0, 1]])
INTRINSICS = {"width": WIDTH, "height": HEIGHT, "fx": 700.0, "fy": 650.0, "cx": 300.5, "cy": 250.25}

#: OpenCV's axes, as signs of OpenGL's.
FLIP = np.diag([1.0, -1.0, -1.0])


def rotation(seed=0):
    return quaternion_to_matrix(np.random.default_rng(seed).normal(size=4))


R = rotation()
t = np.array([0.3, -0.2, 6.0])
POINTS = np.random.default_rng(1).normal(size=(50, 3))


def matrix(rotation, translation):
    full = np.eye(4)
    full[:3, :3], full[:3, 3] = rotation, translation
    return full


def pixels(camera, points=POINTS, size=SIZE):
    """x to the right and y down, from the picture's top-left corner."""
    ndc = camera.project(points)
    return np.array([size[1], size[0]]) / 2 - ndc[:, :2] * min(size) / 2


def project_as_opencv(distortion=None):
    cv2 = pytest.importorskip("cv2")
    projected, _ = cv2.projectPoints(POINTS, cv2.Rodrigues(R)[0], t, K, distortion)
    return projected[:, 0]


def poses(convention):
    """One pose, in every way that the convention has for it."""
    to_camera = matrix(FLIP @ R, FLIP @ t) if convention in ("opengl", "blender") else matrix(R, t)
    if convention == "pytorch3d":
        to_camera = matrix(np.diag([-1.0, -1, 1]) @ R, [-1, -1, 1] * t)
    turn, shift = to_camera[:3, :3], to_camera[:3, 3]
    row = turn.T if convention == "pytorch3d" else turn
    return [
        {"world_to_camera": to_camera.tolist()},
        {"world_to_camera": to_camera[:3].tolist()},
        {"camera_to_world": np.linalg.inv(to_camera).tolist()},
        {"R": row.tolist(), "T": shift.tolist()},
        {"R": row.tolist(), "t": shift[:, None].tolist()},
        {"qvec": (-2 * matrix_to_quaternion(turn)).tolist(), "tvec": shift.tolist()},
    ]


@pytest.mark.parametrize("convention", AXES)
@pytest.mark.parametrize("way", range(6))
def test_every_convention_projects_as_opencv(save, convention, way):
    path = save({"convention": convention, **INTRINSICS, **poses(convention)[way]})
    (one,) = read_cameras(path)
    assert (one.name, one.size) == ("000", SIZE)
    np.testing.assert_allclose(pixels(one.camera), project_as_opencv(), atol=1e-6)


def test_conventions_equal_the_librarys(save):
    torch = pytest.importorskip("torch")
    from r3d_cli import renderer

    def theirs(cameras):
        return cameras.transform_points_screen(torch.tensor(POINTS, dtype=torch.float32))[..., :2].reshape(
            -1, 2
        )

    def ours(convention, **pose):
        entry = {"convention": convention, **INTRINSICS, **{key: x.tolist() for key, x in pose.items()}}
        return pixels(read_cameras(save(entry))[0].camera)

    params = [INTRINSICS[key] for key in ("fx", "fy", "cx", "cy")]
    q, world = matrix_to_quaternion(R), np.linalg.inv(matrix(FLIP @ R, FLIP @ t))
    world[:3, :3] *= 2.5  # an object's scale
    torch_q, torch_t = torch.tensor(q), torch.tensor(t)
    pairs = [
        (renderer.from_opencv(K, R, t, SIZE), ours("opencv", R=R, t=t)),
        (renderer.from_colmap("PINHOLE", params, torch_q, torch_t, SIZE), ours("colmap", qvec=q, tvec=t)),
        (
            renderer.from_blender(
                world,
                SIZE,
                lens=36 * 700 / 640,
                sensor_fit="HORIZONTAL",
                pixel_aspect_y=700 / 650,
                shift_x=0.5 - 300.5 / 640,
                shift_y=(250.25 - 240) * (700 / 650) / 640,
            ),
            ours("blender", camera_to_world=world),
        ),
    ]
    projection = np.zeros((4, 4))
    projection[0, [0, 2]] = 2 * 700 / WIDTH, 1 - 2 * 300.5 / WIDTH
    projection[1, [1, 2]] = 2 * 650 / HEIGHT, 2 * 250.25 / HEIGHT - 1
    projection[2:, 2:] = [[-1.5, -2.5], [-1, 0]]
    view = matrix(FLIP @ R, FLIP @ t)
    pairs.append((renderer.from_opengl(projection, view, SIZE), ours("opengl", world_to_camera=view)))
    for cameras, mine in pairs:
        np.testing.assert_allclose(mine, theirs(cameras), atol=1e-3)


def test_integer_pixel_centers_lie_half_a_pixel_off(save):
    content = {"convention": "opencv", **INTRINSICS, "R": R.tolist(), "t": t.tolist()}
    half, integer = (
        read_cameras(save({**content, "pixel_centers": centers}))[0].camera for centers in ("half", "integer")
    )
    np.testing.assert_allclose(pixels(integer), pixels(half) + 0.5, atol=1e-9)


def test_another_size_scales_the_intrinsics(save):
    path = save({"convention": "opencv", **INTRINSICS, "R": R.tolist(), "t": t.tolist()})
    camera = read_cameras(path, (48, 64))[0].camera  # the size does not matter: the file has one
    np.testing.assert_allclose(pixels(camera, size=(48, 64)), pixels(camera) / 10, atol=1e-9)


def test_what_cameras_share_stands_once(save):
    pose = {"R": R.tolist(), "t": t.tolist()}
    shared = {"convention": "opencv", "width": 100, "height": 100, "fx": 50.0, "fy": 25.0}
    cameras = [pose, {**pose, "name": "second", "fx": 100}, {**pose, "convention": "opengl", "fov": 60.0}]
    first, second, third = read_cameras(save({**shared, "cameras": cameras}))
    assert [one.name for one in (first, second, third)] == ["000", "second", "002"]
    assert first.camera.focals == pytest.approx((1.0, 0.5))
    assert second.camera.focals == pytest.approx((2.0, 2.0))
    assert third.camera.focal == pytest.approx(1 / math.tan(math.radians(30)))
    np.testing.assert_allclose(third.camera.R, R.T * AXES["opengl"])


def test_a_bare_list_is_one_of_cameras(save):
    one = {"convention": "pytorch3d", "fov": 40, "R": np.eye(3).tolist(), "T": [0, 0, 2]}
    assert len(read_cameras(save([one, one]))) == 2


def test_lenses(save):
    pose = {"R": np.eye(3).tolist(), "T": [0, 0, 2]}

    def camera(**lens):
        one = read_cameras(save({"convention": "pytorch3d", **pose, **lens}), lens.pop("given", None))[0]
        assert one.size is None or one.size == (lens["height"], lens["width"])
        return one.camera

    assert camera(fov=40, pixel_aspect=2.0).focals[1] == pytest.approx(
        math.sqrt(2) / math.tan(math.radians(20))
    )
    assert camera(orthographic=3.0, near=0.25).half_extent == 3.0
    assert camera(orthographic=3.0, near=0.25).z_near == 0.25
    assert camera(fov=40).z_near == 1e-6
    shifted = camera(fov=90, width=200, height=100, cx=120, cy=50)
    assert shifted.principal_point == pytest.approx((-0.4, 0.0))
    assert camera(fx=50, width=200, height=100).focals == pytest.approx((1.0, 1.0))


def test_intrinsics_without_a_size_are_those_of_the_size_asked_for(save):
    content = {"convention": "opencv", "fx": 50, "R": np.eye(3).tolist(), "t": [0, 0, 2]}
    (one,) = read_cameras(save(content), (100, 200))
    assert one.size is None
    assert one.camera.focal == pytest.approx(1.0)


def test_printed_digits_are_forgiven(save):
    rounded = np.round(R, 4).tolist()
    (one,) = read_cameras(save({"convention": "opencv", **INTRINSICS, "R": rounded, "t": t.tolist()}))
    np.testing.assert_allclose(one.camera.R.T @ one.camera.R, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(pixels(one.camera), project_as_opencv(), atol=0.2)


@pytest.mark.parametrize("key", ["distortion", "k1"])
def test_distortion_is_left_out_with_one_warning(save, key):
    pose = {"R": R.tolist(), "t": t.tolist(), key: [0.1, 0, 0, 0] if key == "distortion" else 0.1}
    path, warnings = save({"convention": "opencv", **INTRINSICS, "cameras": [pose, pose]}), []
    read_cameras(path, warnings=warnings)
    assert warnings == [f"{path}: has lens distortion ({key}), which is left out"]
    warnings.clear()
    path = save({"convention": "opencv", **INTRINSICS, **pose, key: [0, 0] if key == "distortion" else 0})
    read_cameras(path, warnings=warnings)
    assert not warnings


@given(
    seed=st.integers(0, 2**32),
    size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    focal=st.tuples(st.floats(0.05, 50), st.floats(0.05, 50)),
    point=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    scale=st.floats(-4, 6),
    orthographic=st.booleans(),
    convention=st.sampled_from(list(AXES)),
)
@settings(max_examples=150, deadline=None)
def test_what_is_written_reads_back(
    tmp_path_factory, seed, size, focal, point, scale, orthographic, convention
):
    rng, unit, half = np.random.default_rng(seed), 10**scale, min(size) / 2
    pose, T = rotation(seed), rng.normal(size=3) * unit
    calibration = Calibration(
        focal[0] * half, focal[1] * half, (point[0] + 1) * size[1] / 2, (point[1] + 1) * size[0] / 2
    )
    if orthographic:
        calibration = calibration._replace(fx=calibration.fx / unit, fy=calibration.fy / unit)
    camera = Camera.from_pixels(pose, T, calibration, size, orthographic=orthographic, z_near=0.01 * unit)
    path = tmp_path_factory.mktemp("cameras") / "out.json"
    write_cameras(path, [NamedCamera("a b/é", camera, size)], convention)
    (one,) = read_cameras(path)
    assert (one.name, one.size, one.camera.z_near) == ("a b/é", size, camera.z_near)
    assert one.camera.is_perspective != orthographic
    view = rng.normal(size=(20, 3)) * unit
    view[:, 2] = np.abs(view[:, 2]) + unit
    points = (view - T) @ pose.T
    np.testing.assert_allclose(
        pixels(one.camera, points, size), pixels(camera, points, size), rtol=1e-11, atol=1e-5
    )
    # The manifest's record of a camera is a file of its own.
    path.write_text(json.dumps(camera_record(camera, size, convention)))
    np.testing.assert_array_equal(read_cameras(path)[0].camera.R, one.camera.R)


@pytest.mark.parametrize("half_extent", [None, 2.5])
def test_without_a_size_the_lens_is_told_by_its_angle(tmp_path, half_extent):
    camera = Camera(*look_at(3.0, 10.0, 20.0), fov=33.0, half_extent=half_extent, pixel_aspect=1.5)
    write_cameras(tmp_path / "out.json", [NamedCamera("x", camera, None)] * 2)
    for one in read_cameras(tmp_path / "out.json"):
        assert one.size is None
        np.testing.assert_allclose(one.camera.project(POINTS), camera.project(POINTS), atol=1e-12)


def test_written_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.json"
    camera = Camera(*look_at(3.0, 10.0, 20.0))
    write_cameras(path, [NamedCamera("x", camera, SIZE)])
    before = path.read_bytes()
    shifted = Camera(camera.R, camera.T, principal_point=(0.1, 0.0))
    with pytest.raises(ValueError, match="with a principal point is written in pixels"):
        write_cameras(path, [NamedCamera("x", camera, SIZE), NamedCamera("y", shifted, None)])
    with pytest.raises(ValueError, match=r"convention must be one of opencv, .*, got 'maya'"):
        write_cameras(path, [NamedCamera("x", camera, SIZE)], "maya")
    with pytest.raises(ValueError, match="there is no camera to write"):
        write_cameras(path, [])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="nowhere"):
        write_cameras(tmp_path / "nowhere" / "out.json", [NamedCamera("x", camera, SIZE)])


GOOD = {"convention": "opencv", **INTRINSICS, "R": np.eye(3).tolist(), "t": [0, 0, 2]}


def without(*keys, **changes):
    return {key: value for key, value in {**GOOD, **changes}.items() if key not in keys}


def posed(turn, **changes):
    return without("R", "t", world_to_camera=matrix(turn, t).tolist(), **changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"convention":\n\n "opencv",}', r":3: is not valid JSON \("),
        ("", ":1: is not valid JSON"),
        ("[" * 100_000, ": is not valid JSON; write it as UTF-8 text"),
        ("3", ": the whole must be an object, {…}, got 3"),
        ("[]", r": cameras must be a list of at least one object, got \[\]"),
        ({"cameras": {"fx": 1}}, r': cameras must be a list of at least one object, got {"fx": 1}'),
        ({"cameras": [GOOD, 3]}, r": cameras\[1\] must be an object"),
        (without("convention"), ': has no convention; add "convention": one of opencv, opengl, blender'),
        (without(convention="maya"), ': convention must be one of opencv, .*, got "maya"'),
        (without(convention=["opencv"]), r': convention must be one of opencv, .*, got \["opencv"\]'),
        (without(name=3), ": name must be text, got 3"),
        (without("width"), ": has no width beside its height; add it"),
        (without("width", "height"), ": fx is in pixels; add the picture's width and height"),
        (without("width", "height", "fx", fov=3), ": cx is in pixels; add the picture's width and height"),
        (without(width=0), ": width must be a whole number of pixels >= 1, got 0"),
        (without(width=2.5), ": width must be a whole number of pixels >= 1, got 2.5"),
        (without(width=True), ": width must be a whole number of pixels >= 1, got true"),
        (without("fx"), r": has no lens; add fx and fy \(pixels\), fov"),
        (without(fov=30), ": fx stands beside fov; keep one of them"),
        (without(fx=-1), ": fx must be a number > 0, got -1"),
        (without(fy="1"), ': fy must be a number > 0, got "1"'),
        (without(fx=10**400), ": fx must be a number > 0, got 1000"),
        (without(cx=math.nan), ": cx must be a finite number, got NaN"),
        (without("fx", fov=180), ": fov must be a number > 0 and < 180, got 180"),
        (without("fx", orthographic=0), ": orthographic must be a number > 0, got 0"),
        (without(near=-1), ": near must be a number > 0, got -1"),
        (without(pixel_centers="top"), ': pixel_centers must be one of half, integer, got "top"'),
        (without("R"), ": has no pose; add world_to_camera or camera_to_world"),
        (without("t"), ": has no T beside its rotation; add three numbers"),
        (without("R", "t", qvec=[1, 0, 0, 0]), ": has no tvec beside its rotation; add three numbers"),
        (without("R", "t", qvec=[0, 0, 0, 0], tvec=[0, 0, 1]), ": qvec is zero, which is no rotation"),
        (without(qvec=[1, 0, 0, 0]), ": R stands beside qvec; keep one of them"),
        (without(T=[0, 0, 2]), ": T stands beside t; keep one of them"),
        (without(R=[[1, 0, 0], [0, 1, 0]]), r": R must be 3x3 finite numbers in lists, got \[\[1, 0, 0\]"),
        (without(R=[[1, 0, 0], [0, 1], [0, 0, 1]]), ": R must be 3x3 finite numbers in lists"),
        (without(R="eye"), ': R must be 3x3 finite numbers in lists, got "eye"'),
        (without(R=[["1", 0, 0], [0, 1, 0], [0, 0, 1]]), ": R must be 3x3 finite numbers in lists"),
        (without(t=[0, math.inf, 0]), r": t must be 3 or 3x1 finite numbers in lists, got \[0, Infinity"),
        (posed(2 * R), ": world_to_camera scales by 2; it must turn and move, and no more"),
        (posed(np.diag([-1.0, 1, 1])), r": world_to_camera mirrors \(its determinant is -1\)"),
        (posed(np.zeros((3, 3))), ": world_to_camera is singular"),
        (posed(np.diag([1.0, 1, 0])), ": world_to_camera is singular"),
        (
            without("R", "t", convention="blender", camera_to_world=np.diag([1.0, 0, 1, 1]).tolist()),
            ": camera_to_world is singular",
        ),
        (posed(np.diag([1.0, 1, 1.5])), ": world_to_camera is no rotation: its columns must be"),
        (posed(R + 0.01), ": world_to_camera is no rotation: its columns must be"),
        (without("R", "t", camera_to_world=matrix(R, t).T.tolist()), "must have the last row 0 0 0 1"),
        (without("R", "t", camera_to_world=(2 * R).tolist()), ": camera_to_world must be 4x4 or 3x4 finite"),
        (without(camera_model="OPENCV_FISHEYE"), ": camera_model must be one of PERSPECTIVE"),
        ({"width": "a", "cameras": [without("width")]}, ": width must be a whole number"),
        ({"cameras": [GOOD, without(cy=None, fx=[])]}, r": cameras\[1\]\.fx must be a number > 0, got \[\]"),
    ],
)
def test_errors_are_one_line_with_the_place_and_the_mend(save, content, message):
    path = save(content)
    with pytest.raises(R3dError, match=message) as error:
        read_cameras(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(R3dError, match=r"none.json: no such file; check the path"):
        read_cameras(tmp_path / "none.json")
    with pytest.raises(R3dError, match="is a directory without a COLMAP model"):
        read_cameras(tmp_path)
    (tmp_path / "image.json").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    with pytest.raises(R3dError, match="is not valid JSON"):
        read_cameras(tmp_path / "image.json")


def nerf(frame=None, **shared):
    world = np.linalg.inv(matrix(FLIP @ R, FLIP @ t)).tolist()
    return {**shared, "frames": [{"file_path": "./train/r_7", "transform_matrix": world, **(frame or {})}]}


FOCAL = {"fl_x": 700.0, "fl_y": 650.0, "cx": 300.5, "cy": 250.25, "w": 640.0, "h": 480}


def test_nerfs_cameras_project_as_opencv(save):
    (one,) = read_cameras(save(nerf(**FOCAL)))
    assert (one.name, one.size) == ("r_7", SIZE)
    np.testing.assert_allclose(pixels(one.camera), project_as_opencv(), atol=1e-6)
    # A frame's own intrinsics come first.
    (own,) = read_cameras(save(nerf(FOCAL, fl_x=3.0, cx=1.0, w=20, h=10)))
    np.testing.assert_allclose(pixels(own.camera), pixels(one.camera), atol=1e-9)


def test_nerfs_angles(save):
    angle_x, angle_y = 2 * math.atan(320 / 700), 2 * math.atan(240 / 650)
    size = {"w": 640, "h": 480}
    both = read_cameras(save(nerf(**size, camera_angle_x=angle_x, camera_angle_y=angle_y)))[0].camera
    assert both.in_pixels(SIZE) == pytest.approx((700, 650, 320, 240))
    alone = read_cameras(save(nerf(**size, camera_angle_x=angle_x)))[0].camera
    assert alone.in_pixels(SIZE) == pytest.approx((700, 700, 320, 240))
    # A length outranks an angle.
    length = read_cameras(save(nerf(**size, camera_angle_x=0.1, fl_x=700)))[0].camera
    assert length.in_pixels(SIZE) == pytest.approx((700, 700, 320, 240))


def test_nerfs_size_is_that_of_the_image_or_the_one_asked_for(save, tmp_path):
    with pytest.raises(R3dError, match=r"frames\[0\] has no w and h, and its image is not there"):
        read_cameras(save(nerf(fl_x=700)))
    path = save(nerf(camera_angle_x=2 * math.atan(320 / 700)))
    (square,) = read_cameras(path)  # an angle needs no pixels
    assert (square.size, square.camera.fov) == (None, pytest.approx(2 * math.degrees(math.atan(320 / 700))))
    (one,) = read_cameras(path, SIZE)
    assert one.size is None
    assert one.camera.in_pixels(SIZE).fx == pytest.approx(700)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "r_7.jpg").write_bytes(b"no image")
    assert read_cameras(path, SIZE)[0].size is None
    Image.new("L", (640, 480)).save(tmp_path / "train" / "r_7.png")
    assert read_cameras(path)[0].size == SIZE
    assert read_cameras(path)[0].camera.in_pixels(SIZE).fx == pytest.approx(700)


def test_nerfs_distortion_is_left_out_with_a_warning(save):
    path, warnings = save(nerf(k1=0.1, p2=-1e-3, k2=0.0, camera_model="OPENCV", **FOCAL)), []
    read_cameras(path, warnings=warnings)
    assert warnings == [f"{path}: has lens distortion (k1, p2), which is left out"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"frames": []}, ": frames must be a list of at least one object"),
        (nerf(w=64, h=48), r": frames\[0\] has no fl_x or camera_angle_x; add"),
        (nerf(**FOCAL, camera_angle_x=1) | {"frames": [{}]}, r": frames\[0\] has no transform_matrix; add"),
        (nerf(w=64, h=48, camera_angle_x=3.2), "camera_angle_x must be a number > 0 and < 3.14159"),
        (nerf({"w": 64}, camera_angle_x=1), r": frames\[0\] has no h beside its w"),
        (nerf({"file_path": 3}, **FOCAL), r": frames\[0\]\.file_path must be text, got 3"),
        (nerf({"transform_matrix": [[1]]}, **FOCAL), r": frames\[0\]\.transform_matrix must be 4x4 or 3x4"),
        (nerf({"transform_matrix": np.diag([1.0, 1, -1, 1]).tolist()}, **FOCAL), "transform_matrix mirrors"),
        (nerf(is_fisheye=True, **FOCAL), ": is_fisheye is set, and a fisheye cannot be drawn"),
        (nerf(camera_model="OPENCV_FISHEYE", **FOCAL), ": camera_model must be one of PERSPECTIVE"),
    ],
)
def test_nerfs_errors(save, content, message):
    path = save(content, "transforms.json")
    with pytest.raises(R3dError, match=message) as error:
        read_cameras(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


numbers = st.one_of(st.integers(-2, 3), st.floats(), st.just(10**400))
values = st.recursive(
    st.one_of(
        numbers,
        st.booleans(),
        st.none(),
        st.sampled_from(["opencv", "pytorch3d", "blender", "x/y.png", "a\nb"]),
    ),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=20,
)
KEYS = (
    "convention",
    "name",
    "width",
    "height",
    "fx",
    "fy",
    "fov",
    "orthographic",
    "cx",
    "cy",
    "pixel_centers",
    "pixel_aspect",
    "near",
    "world_to_camera",
    "camera_to_world",
    "R",
    "T",
    "t",
    "qvec",
    "tvec",
    "distortion",
    "k1",
    "camera_model",
    "fl_x",
    "camera_angle_y",
    "w",
    "h",
    "file_path",
    "transform_matrix",
    "frames",
    "cameras",
)


@given(
    base=st.sampled_from([GOOD, nerf(**FOCAL), nerf(**FOCAL)["frames"][0], {}]),
    changes=st.dictionaries(st.sampled_from(KEYS), values, max_size=3),
    place=st.sampled_from(["", "cameras", "frames"]),
)
@settings(max_examples=300, deadline=None)
def test_whatever_the_values_are_the_error_is_one_line(tmp_path_factory, base, changes, place):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps({"fov": 40.0, place: [base | changes]} if place else base | changes))
    errors, cameras = [], []
    try:
        cameras = read_cameras(path, SIZE)
    except R3dError as error:
        errors.append(str(error))
    assert not any("\n" in error for error in errors)
    for one in cameras:
        assert np.isfinite(one.camera.project(POINTS)).all()


def test_quaternions_go_there_and_back():
    for i in range(200):
        q = np.random.default_rng(i).normal(size=4)
        q[i % 4] *= 1e-9 if i % 3 else 1.0  # half turns, too
        q *= np.copysign(1 / np.linalg.norm(q), q[0])
        np.testing.assert_allclose(matrix_to_quaternion(quaternion_to_matrix(q)), q, atol=1e-12)
        found = quaternion_to_matrix(q)
        np.testing.assert_allclose(found.T @ found, np.eye(3), atol=1e-12)


def test_a_rolled_camera_is_written_with_its_roll():
    camera = Camera(*roll_by(*look_at(3.0, 0.0, 0.0), roll=30.0))
    turn, _ = pose_to(camera.R, camera.T, "opengl")
    up = camera_record(camera, SIZE, "opengl")["world_to_camera"][1][:3]
    assert up == pytest.approx([0.5, math.sqrt(0.75), 0.0])
    np.testing.assert_array_equal(turn[1], up)


@pytest.mark.parametrize("module", [camera_files, conventions])
def test_the_examples(module):
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
