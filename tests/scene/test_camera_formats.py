"""Cameras as other tools write them: one true camera in each of their files, held to its pixels."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from r3d_cli.errors import R3dError
from r3d_cli.scene.camera_files import cameras_within, read_cameras
from r3d_cli.scene.conventions import matrix_to_quaternion, quaternion_to_matrix

HEIGHT, WIDTH = SIZE = (480, 640)
K = np.array([[700.0, 0, 300.5], [0, 650.0, 250.25], [0, 0, 1]])
R = quaternion_to_matrix(np.random.default_rng(0).normal(size=4))
t = np.array([0.3, -0.2, 6.0])
POINTS = np.random.default_rng(1).normal(size=(50, 3))

#: World to camera, in OpenCV's axes, and its inverse in OpenGL's.
EXTRINSIC = np.block([[R, t[:, None]], [np.zeros(3), 1]])
FLIP = np.diag([1.0, -1, -1, 1])
WORLD = np.linalg.inv(FLIP @ EXTRINSIC)

QUATERNION = matrix_to_quaternion(R)


def true_pixels(K=K):
    view = POINTS @ R.T + t
    return (view @ K.T)[:, :2] / view[:, 2:]


def pixels(camera, size=SIZE):
    ndc = camera.project(POINTS)
    return np.array([size[1], size[0]]) / 2 - ndc[:, :2] * min(size) / 2


def assert_true(named, K=K, size=SIZE):
    assert named.size == size
    np.testing.assert_allclose(pixels(named.camera, size), true_pixels(K), atol=1e-6)


# -- COLMAP

PARAMETERS = {
    "SIMPLE_PINHOLE": [700, 300.5, 250.25],
    "PINHOLE": [700, 650, 300.5, 250.25],
    "SIMPLE_RADIAL": [700, 300.5, 250.25, 0],
    "RADIAL": [700, 300.5, 250.25, 0, 0],
    "OPENCV": [700, 650, 300.5, 250.25, 0, 0, 0, 0],
    "FULL_OPENCV": [700, 650, 300.5, 250.25, *[0] * 8],
}
MODELS = ["SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV"]


def write_text_model(folder, model="PINHOLE", numbers=None, points="10.5 20.5 -1 3 4 7"):
    folder.mkdir(parents=True, exist_ok=True)
    numbers = PARAMETERS[model] if numbers is None else numbers
    lens = " ".join(map(str, numbers))
    (folder / "cameras.txt").write_text(f"# Camera list\n2 {model} {WIDTH} {HEIGHT} {lens}\n")
    pose = " ".join(map(repr, [*QUATERNION.tolist(), *t.tolist()]))
    (folder / "images.txt").write_text(
        f"# Image list\n#   IMAGE_ID, …\n9 {pose} 2 b b.jpg\n{points}\n4 {pose} 2 a/x.png\n\n"
    )
    return folder


def write_binary_model(folder, model="PINHOLE"):
    folder.mkdir(parents=True, exist_ok=True)
    numbers = PARAMETERS[model]
    lens = struct.pack("<QiiQQ", 1, 2, MODELS.index(model), WIDTH, HEIGHT)
    (folder / "cameras.bin").write_bytes(lens + struct.pack(f"<{len(numbers)}d", *numbers))
    images = struct.pack("<Q", 2)
    for number, name, points in ((9, "b b.jpg", 3), (4, "a/x.png", 0)):
        images += struct.pack("<I7dI", number, *QUATERNION, *t, 2) + name.encode() + b"\0"
        images += struct.pack("<Q", points) + bytes(24 * points)
    (folder / "images.bin").write_bytes(images)
    return folder


@pytest.mark.parametrize("write", [write_text_model, write_binary_model])
@pytest.mark.parametrize("model", PARAMETERS)
def test_colmap_models_of_both_kinds(tmp_path, write, model):
    intrinsics = K.copy()
    if model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"):
        intrinsics[1, 1] = 700
    folder = write(tmp_path / "model", model)
    cameras = read_cameras(folder)
    assert [camera.name for camera in cameras] == ["a/x", "b b"]
    for camera in cameras:
        assert_true(camera, intrinsics)


@pytest.mark.parametrize("place", ["", "sparse/0", "sparse", "0"])
@pytest.mark.parametrize("write", [write_text_model, write_binary_model])
def test_colmap_models_in_a_projects_folder(tmp_path, write, place):
    write(tmp_path / place)
    assert len(read_cameras(tmp_path)) == 2


@pytest.mark.parametrize(("write", "end"), [(write_text_model, "txt"), (write_binary_model, "bin")])
def test_either_file_of_a_colmap_model_names_it(tmp_path, write, end):
    write(tmp_path)
    for name in ("images", "cameras"):
        assert_true(read_cameras(tmp_path / f"{name}.{end}")[0])


def test_colmap_files_by_other_names_are_told_by_their_content(tmp_path):
    write_text_model(tmp_path)
    (tmp_path / "images.txt").rename(tmp_path / "my_poses.txt")
    assert_true(read_cameras(tmp_path / "my_poses.txt")[0])


def test_colmap_poses_alone_take_a_field_of_view(tmp_path):
    write_text_model(tmp_path)
    (tmp_path / "cameras.txt").unlink()
    with pytest.raises(R3dError, match=r"images\.txt: has poses alone; put cameras\.txt beside it.*--fov"):
        read_cameras(tmp_path / "images.txt")
    cameras = read_cameras(tmp_path / "images.txt", fov=40.0)
    assert [camera.camera.fov for camera in cameras] == [40.0, 40.0]
    with pytest.raises(R3dError, match=r"is a directory without a COLMAP model"):
        read_cameras(tmp_path)


def test_colmap_distortion_is_one_warning_and_a_fisheye_an_error(tmp_path):
    warnings: list[str] = []
    write_text_model(tmp_path, "SIMPLE_RADIAL", [700, 300.5, 250.25, 0.1])
    read_cameras(tmp_path, warnings=warnings)
    assert len(warnings) == 1
    assert warnings[0].endswith("images.txt: has lens distortion (k1), which is left out")
    write_text_model(tmp_path, "OPENCV_FISHEYE", [700, 650, 300.5, 250.25, 0, 0, 0, 0])
    with pytest.raises(R3dError, match=r"cameras\.txt:2: camera 2 is of the model OPENCV_FISHEYE.*undistort"):
        read_cameras(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "cameras.txt",
            "2 PINHOLE 640 480 1 2 3\n",
            r"cameras\.txt:1: camera 2 has 3 parameters, PINHOLE has 4",
        ),
        ("cameras.txt", "2 PINHOLE wide 480 1 2 3 4\n", r"cameras\.txt:1: must be a camera's number"),
        ("cameras.txt", "2 ODD 640 480 1 2 3\n", r"cameras\.txt:1: camera 2 has the unknown model 'ODD'"),
        ("cameras.txt", "3 PINHOLE 640 480 1 2 3 4\n", r"names the camera 2, which is not in .*cameras\.txt"),
        ("images.txt", "1 1 0 0 0 0 0 5 2 a.jpg\n\n1 x 0\n", r"images\.txt:3: must be an image's number, QW"),
        ("images.txt", "# nothing\n", r"images\.txt: has no images"),
        ("images.txt", "1 0 0 0 0 0 0 5 2 a.jpg\n\n", r"image 'a\.jpg'\.qvec is zero"),
    ],
)
def test_broken_colmap_text(tmp_path, file, text, message):
    write_text_model(tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(R3dError, match=message):
        read_cameras(tmp_path)


@pytest.mark.parametrize("file", ["cameras.bin", "images.bin"])
def test_a_colmap_file_that_is_cut_anywhere_is_an_error(tmp_path, file):
    write_binary_model(tmp_path)
    whole = (tmp_path / file).read_bytes()
    for length in range(len(whole)):
        (tmp_path / file).write_bytes(whole[:length])
        with pytest.raises(R3dError, match=rf"{file}: ends within an entry"):
            read_cameras(tmp_path)


def test_a_colmap_file_that_claims_too_much_is_an_error_at_once(tmp_path):
    write_binary_model(tmp_path)
    (tmp_path / "images.bin").write_bytes(
        struct.pack("<QI7dI", 2**62, 1, *QUATERNION, *t, 2) + b"a\0" + b"\xff" * 8
    )
    with pytest.raises(R3dError, match="ends within an entry"):
        read_cameras(tmp_path)


# -- Open3D


def parameters():
    return {
        "class_name": "PinholeCameraParameters",
        "extrinsic": EXTRINSIC.T.ravel().tolist(),  # by columns
        "intrinsic": {"height": HEIGHT, "width": WIDTH, "intrinsic_matrix": K.T.ravel().tolist()},
        "version_major": 1,
        "version_minor": 0,
    }


def test_open3d_parameters_and_trajectories(save):
    assert_true(read_cameras(save(parameters()))[0])
    trajectory = {"class_name": "PinholeCameraTrajectory", "parameters": [parameters()] * 3}
    cameras = read_cameras(save(trajectory))
    assert [camera.name for camera in cameras] == ["000", "001", "002"]
    for camera in cameras:
        assert_true(camera)


def test_what_open3d_writes_besides_says_how_to_get_there(save):
    with pytest.raises(R3dError, match=r"class_name is ViewTrajectory.*press P"):
        read_cameras(save({"class_name": "ViewTrajectory", "trajectory": []}))
    with pytest.raises(R3dError, match=r"class_name is PinholeCameraIntrinsic; PinholeCameraParameters"):
        read_cameras(save({"class_name": "PinholeCameraIntrinsic"}))
    with pytest.raises(R3dError, match=r"extrinsic must be 16 finite numbers"):
        read_cameras(save(parameters() | {"extrinsic": [1, 2]}))
    with pytest.raises(R3dError, match=r"intrinsic must be an object"):
        read_cameras(save(parameters() | {"intrinsic": None}))


def rows(matrix):
    return "\n".join(" ".join(map(repr, row)) for row in matrix.tolist())


@pytest.mark.parametrize("form", ["log", "tum"])
def test_trajectories_of_poses_take_a_field_of_view(save, form):
    pose = np.linalg.inv(EXTRINSIC)
    if form == "log":
        path = save(f"0 0 1\n{rows(pose)}\n1 1 2\n{rows(pose)}\n", "trajectory.log")
    else:
        w, x, y, z = matrix_to_quaternion(pose[:3, :3]).tolist()
        line = " ".join(map(repr, [*pose[:3, 3].tolist(), x, y, z, w]))
        path = save(f"# timestamp tx ty tz qx qy qz qw\n0.1 {line}\n0.2 {line}\n", "groundtruth.txt")
    with pytest.raises(R3dError, match=r"has no lens; .* or give --fov"):
        read_cameras(path)
    cameras = read_cameras(path, fov=2 * math.degrees(math.atan(240 / 700)))
    assert len(cameras) == 2
    centred = np.array([[700.0, 0, 320], [0, 700, 240], [0, 0, 1]])
    np.testing.assert_allclose(pixels(cameras[1].camera), true_pixels(centred), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.log", "0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1\n0 0 0 1\n", r"a\.log:1: must begin a pose"),
        ("a.log", "0 0 1\n1 0 0 0\n", r"a\.log:1: must begin a pose"),
        ("a.txt", "0 0 0 0 0 0 0 1\n0 0 0 0 0 0 1\n", r"a\.txt:2: must be a time, TX TY TZ and QX"),
        ("a.txt", "0 0 0 0 0 0 0 0\n", r"a\.txt:1: the quaternion 0 0 0 0 is no rotation"),
    ],
)
def test_broken_trajectories(save, name, text, message):
    with pytest.raises(R3dError, match=message):
        read_cameras(save(text, name), fov=50.0)


# -- nerfstudio's camera paths


def camera_path(height=HEIGHT, width=WIDTH, **more):
    camera = {"camera_to_world": WORLD.ravel().tolist(), "fov": 50.0, "aspect": width / height}
    return {
        "camera_type": "perspective",
        "render_height": height,
        "render_width": width,
        "camera_path": [camera, camera],
        "fps": 24,
    } | more


@pytest.mark.parametrize("size", [(480, 640), (640, 480)])
def test_nerfstudio_paths_have_their_angle_across_the_height(save, size):
    height, width = size
    focal = height / 2 / math.tan(math.radians(25))
    true = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    cameras = read_cameras(save(camera_path(height, width)))
    assert len(cameras) == 2
    assert_true(cameras[1], true, size)


def test_nerfstudio_paths_that_cannot_be_drawn(save):
    with pytest.raises(R3dError, match=r"camera_type must be one of perspective, got \"equirectangular\""):
        read_cameras(save(camera_path(camera_type="equirectangular")))
    with pytest.raises(R3dError, match=r"camera_path must be a list of at least one"):
        read_cameras(save(camera_path(camera_path=[])))
    with pytest.raises(R3dError, match=r"camera_path\[0\]\.camera_to_world must be 16"):
        read_cameras(save(camera_path(camera_path=[{"camera_to_world": [1], "fov": 50}])))


# -- K beside a pose


@pytest.mark.parametrize("K_name", ["K", "intrinsics", "camera_matrix", "intrinsic_matrix"])
@pytest.mark.parametrize(
    ("pose", "matrix"),
    [
        ("world_to_camera", EXTRINSIC),
        ("w2c", EXTRINSIC[:3]),
        ("extrinsics", EXTRINSIC),
        ("camera_to_world", np.linalg.inv(EXTRINSIC)),
        ("c2w", np.linalg.inv(EXTRINSIC)),
        ("pose", np.linalg.inv(EXTRINSIC)),
    ],
)
def test_K_with_a_pose_as_json_and_as_arrays(save, tmp_path, K_name, pose, matrix):
    values = {"width": WIDTH, "height": HEIGHT, "convention": "opencv"}
    assert_true(read_cameras(save(values | {K_name: K.tolist(), pose: matrix.tolist()}))[0])
    np.savez(tmp_path / "one.npz", **values, **{K_name: K, pose: matrix})
    assert_true(read_cameras(tmp_path / "one.npz")[0])
    np.savez(
        tmp_path / "many.npz", **values, names=["left", "right"], **{K_name: K, pose: np.stack([matrix] * 2)}
    )
    cameras = read_cameras(tmp_path / "many.npz")
    assert [camera.name for camera in cameras] == ["left", "right"]
    assert_true(cameras[1])


def test_K_alone_is_opencvs_and_its_picture_is_around_its_middle(save):
    centred = np.array([[700.0, 0, 320], [0, 650.0, 240], [0, 0, 1]])
    warnings: list[str] = []
    path = save([{"K": centred.tolist(), "world_to_camera": EXTRINSIC.tolist()}] * 2)
    for camera in read_cameras(path, warnings=warnings):
        assert_true(camera, centred)
    assert [warning.partition("json: ")[2] for warning in warnings] == [
        'has K and no convention; its poses are taken as OpenCV\'s ("opencv")',
        "has K and no width and height; the principal point is taken as the middle of the picture: 640x480",
    ]


def test_what_is_no_K(save):
    pose = {"world_to_camera": EXTRINSIC.tolist(), "width": WIDTH, "height": HEIGHT}
    with pytest.raises(R3dError, match=r"K must be \[\[fx, 0, cx\].*by rows"):
        read_cameras(save({"K": K.T.tolist()} | pose))
    with pytest.raises(R3dError, match=r"K must be 3x3 finite numbers"):
        read_cameras(save({"K": [1, 2]} | pose))
    warnings: list[str] = []
    skewed = K + np.array([[0, 2.0, 0], [0, 0, 0], [0, 0, 0]])
    read_cameras(save({"K": skewed.tolist(), "convention": "opencv"} | pose), warnings=warnings)
    assert "skewed pixels" in warnings[0]


def test_arrays_that_do_not_fit(tmp_path):
    path = tmp_path / "cameras.npz"
    np.savez(path, K=np.stack([K] * 2), w2c=np.stack([EXTRINSIC] * 3))
    with pytest.raises(R3dError, match=r"as many cameras in each array, has K of 2, world_to_camera of 3"):
        read_cameras(path)
    np.savez(path, K=K[None, None], w2c=EXTRINSIC)
    with pytest.raises(R3dError, match=r"K has 4 axes; one camera's value has 2"):
        read_cameras(path)
    np.savez(path, world_mat_0=EXTRINSIC)
    with pytest.raises(R3dError, match=r"holds no camera but world_mat_0; name its arrays K and"):
        read_cameras(path)
    np.savez(path, K=np.array([K, None], dtype=object))
    with pytest.raises(R3dError, match=r"cannot be read as NPZ"):
        read_cameras(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(R3dError, match=r"cannot be read as NPZ"):
        read_cameras(path)


# -- glTF


def scene(camera, **node):
    """A camera below a node that moves, turns and scales."""
    matrix = (np.diag([2.0, 2, 2, 1]) @ np.eye(4)).T.ravel().tolist()
    inner = WORLD.copy()
    inner[:3, 3] /= 2
    return {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [
            {"matrix": matrix, "children": [1, 2]},
            {"camera": 0, "matrix": inner.T.ravel().tolist()} | node,
            {},
        ],
        "cameras": [camera],
    }


@pytest.mark.parametrize("aspect", [4 / 3, 0.75])
def test_perspective_cameras_within_gltf(save, aspect):
    lens = {"yfov": math.radians(50), "aspectRatio": aspect, "znear": 0.25, "zfar": 100}
    path = save(scene({"type": "perspective", "perspective": lens, "name": "main"}), "scene.gltf")
    (one,) = read_cameras(path)
    height, width = size = (384, 512) if aspect > 1 else (683, 512)
    assert (one.name, one.camera.z_near) == ("main", 0.25)
    assert one.size == ((512, 683) if aspect > 1 else size)
    height, width = one.size
    focal = height / 2 / math.tan(math.radians(25))
    true = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    np.testing.assert_allclose(pixels(one.camera, one.size), true_pixels(true), atol=0.5)


def test_cameras_within_gltf_without_a_shape_take_the_pictures(save):
    path = save(
        scene({"type": "perspective", "perspective": {"yfov": math.radians(50), "znear": 0.1}}), "a.gltf"
    )
    (one,) = cameras_within(path, (640, 480))
    focal = 640 / 2 / math.tan(math.radians(25))
    true = np.array([[focal, 0, 240], [0, focal, 320], [0, 0, 1]])
    assert one.size is None
    np.testing.assert_allclose(pixels(one.camera, (640, 480)), true_pixels(true), atol=1e-6)


def test_orthographic_cameras_within_gltf(save):
    lens = {"xmag": 3.0, "ymag": 1.5, "znear": 0.1, "zfar": 100}
    (one,) = read_cameras(save(scene({"type": "orthographic", "orthographic": lens}), "a.gltf"), (100, 100))
    assert one.size == (100, 200)
    view = POINTS @ R.T + t
    true = np.array([100.0, 50]) + view[:, :2] * 100 / 3.0
    np.testing.assert_allclose(pixels(one.camera, one.size), true, atol=1e-6)


def test_files_without_cameras_of_their_own(save):
    document = scene({"type": "perspective", "perspective": {"yfov": 1.0, "znear": 0.1}})
    del document["nodes"][1]["camera"]
    with pytest.raises(R3dError, match=r"a\.gltf: its scene has no camera; leave --camera out"):
        cameras_within(save(document, "a.gltf"))
    with pytest.raises(R3dError, match=r"mesh\.obj: holds no cameras; only GLB and glTF files do"):
        cameras_within("mesh.obj")
    document["nodes"][1]["camera"] = 5
    with pytest.raises(R3dError, match=r"names cameras\[5\], but has 1"):
        cameras_within(save(document, "a.gltf"))
    with pytest.raises(R3dError, match=r"is not valid glTF"):
        cameras_within(save(scene({"type": "perspective"}), "a.gltf"))


def test_the_fields_files(shared_data):
    folder = shared_data / "field"
    (one,) = read_cameras(folder / "nerfstudio_camera_path.json")
    assert (one.size, one.camera.fov) == ((480, 640), 50)
    np.testing.assert_allclose(one.camera.center, [0, 0, 5])
    with pytest.raises(R3dError, match="has poses alone"):
        read_cameras(folder / "colmap_images.txt")
    assert read_cameras(folder / "colmap_images.txt", fov=50.0)[0].name == "a"
