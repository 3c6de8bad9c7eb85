"""Files of cameras: JSON, in a form of our own or of those below.

Our form is one camera, or a list of them, and the convention whose axes their poses are in::

    {
      "convention": "opencv",
      "cameras": [
        {
          "name": "front",
          "width": 640, "height": 480,
          "fx": 700.0, "fy": 700.0, "cx": 320.0, "cy": 240.0,
          "world_to_camera": [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 5], [0, 0, 0, 1]]
        }
      ]
    }

What all cameras share may stand beside ``cameras``, once. A single camera needs no list: its keys then stand
beside ``convention``. Unknown keys do not matter. One row per key:

``convention``
    Required: opencv, opengl, blender, pytorch3d or colmap; the camera's axes, as ``scene.conventions`` has
    them. The world's axes are the mesh's, whichever is up.
``name``
    Text; else the camera's number, "000" for the first.
``width``, ``height``
    Of the picture that ``fx`` to ``cy`` are for, pixels. Drawn at another size, these are scaled by what the
    shorter side is; in another shape, the middle of the picture stays.

One of the following for the lens:

``fx``, ``fy``
    Focal lengths, pixels (of that picture); ``fy`` is ``fx`` where it is missing.
``fov``
    Field of view across the shorter side, degrees.
``K``
    3x3, pixels, by rows: fx, fy, cx and cy. The convention is then opencv, and the principal point the middle
    of the picture, where the file does not say, with a warning each. Also ``intrinsics``, ``camera_matrix``.
``orthographic``
    Parallel projection: world units from the middle of the picture to its nearer edge.

with, where wanted:

``cx``, ``cy``
    Principal point, pixels to the right and down from the picture's top-left corner; else its middle.
``pixel_centers``
    Where the centre of the top-left pixel is for ``cx`` and ``cy``: "half" (0.5; as COLMAP has it, and where
    it is missing) or "integer" (0; as OpenCV's calibration counts).
``pixel_aspect``
    A pixel's width over its height, with ``fov`` or ``orthographic``; else 1.
``near``
    Depth in front of which all is cut away, world units; else 1e-6.

One of the following for the pose:

``world_to_camera``
    4x4 or 3x4, for column vectors (the translation is the last column): OpenCV's extrinsics, OpenGL's view
    matrix. Also ``w2c``, ``extrinsic``, ``extrinsics``.
``camera_to_world``
    Its inverse: Blender's ``matrix_world``, whose scale does not count. Also ``c2w``, ``cam2world`` and
    ``pose``.
``R`` with ``T`` or ``t``
    3x3 and 3 numbers, world to camera: R X + t; with the convention pytorch3d X R + T.
``qvec``, ``tvec``
    World to camera: a quaternion, real part first, and 3 numbers, as COLMAP's images.txt has them.

Rotations may be off by the rounding of their digits, up to 1e-3. Lens distortion (``k1`` to ``k6``, ``p1``,
``p2``, ``distortion``) is left out with a warning; a ``camera_model`` far from a pinhole's is refused.

Forms of others, told from the name or the content: NeRF's (`scene.nerf_cameras`), models of COLMAP
(`scene.colmap_cameras`), Open3D's parameters and trajectories (`scene.open3d_cameras`), paths of nerfstudio's
viewer (`scene.path_cameras`), the keys above as arrays of an NPZ file (`scene.array_cameras`), and cameras
within a glTF file (`scene.gltf_cameras`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from r3d_cli.errors import R3dError
from r3d_cli.scene.array_cameras import array_entries
from r3d_cli.scene.camera import Calibration, Camera
from r3d_cli.scene.camera_entries import NEAR, check_lens, plain_entry, read_pose, read_size
from r3d_cli.scene.colmap_cameras import colmap_entries, is_colmap
from r3d_cli.scene.conventions import AXES, inverse_pose, matrix_to_quaternion, pose_to
from r3d_cli.scene.files import replacing
from r3d_cli.scene.gltf_cameras import gltf_entries
from r3d_cli.scene.json_entry import Entry, load_json, read_start
from r3d_cli.scene.nerf_cameras import read_frames
from r3d_cli.scene.open3d_cameras import is_open3d, is_trajectory, parameters_entries, trajectory_entries
from r3d_cli.scene.path_cameras import path_entries
from r3d_cli.scene.readers.source import Source

_LENSES = ("fx", "fov", "orthographic")


@dataclass(frozen=True)
class NamedCamera:
    """A camera of a file.

    Attributes:
        name: The file's, or a number.
        camera: For pictures of any size.
        size: Height and width of the picture that the file has it for, pixels; None: it does not say.
    """

    name: str
    camera: Camera
    size: tuple[int, int] | None


def read_cameras(
    path: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
    *,
    fov: float | None = None,
    warnings: list[str] | None = None,
) -> list[NamedCamera]:
    """Read the cameras of a file, or of the folder of a COLMAP model.

    Args:
        path: In one of the forms above.
        size: Height and width of the picture that is wanted, for cameras in pixels that do not tell theirs.
        fov: Field of view over the shorter side, degrees, of cameras whose file tells no lens.
        warnings: Gets a line, naming the file, for what is left out.

    Raises:
        R3dError: The file cannot be read, or is not in one of the forms; names the place and the mend.
    """
    warnings = [] if warnings is None else warnings
    found = _found(Path(path), size, fov, warnings)
    read = _Reader(size, {} if fov is None else {"fov": fov}, warnings)
    return [
        each if isinstance(each, NamedCamera) else read(each, f"{number:03}")
        for number, each in enumerate(found)
    ]


def _found(
    path: Path, size: tuple[int, int] | None, fov: float | None, warnings: list[str]
) -> Iterable[Entry | NamedCamera]:
    """The cameras of a file, in whichever form it has them."""
    file, extension = os.fspath(path), path.suffix.lower()
    if extension in (".glb", ".gltf"):
        return cameras_within(path, size, warnings)
    start = b"" if path.is_dir() else read_start(path)
    if is_colmap(path, start):
        return (
            Entry(at, values, place)
            for at, place, values in colmap_entries(path, poses_alone=fov is not None)
        )
    if is_trajectory(path, start):
        text = path.read_text(encoding="utf-8", errors="replace")
        return (Entry(file, values, place) for place, values in trajectory_entries(path, text))
    if start.startswith(b"PK"):
        return (Entry(file, values, place) for place, values in array_entries(path))
    content = load_json(path)
    top = Entry(file, {"cameras": content} if isinstance(content, list) else content)
    if is_open3d(top):
        return (Entry(file, values, place) for place, values in parameters_entries(top))
    if "camera_path" in top.values:
        return (Entry(file, values, place) for place, values in path_entries(top))
    if "frames" in top.values and "cameras" not in top.values:
        return (NamedCamera(*frame) for frame in read_frames(top, size, warnings))
    return top.entries("cameras") if "cameras" in top.values else [top]


def cameras_within(
    path: str | os.PathLike[str], size: tuple[int, int] | None = None, warnings: list[str] | None = None
) -> list[NamedCamera]:
    """The cameras that a glTF file holds beside its meshes.

    Args:
        path: Of a .glb or .gltf file.
        size: Height and width of the picture that is wanted; by default 512 x 512. Those of another shape
            have its shorter side.
        warnings: See `read_cameras`.

    Raises:
        R3dError: The file cannot be read, or has no cameras.
    """
    file = os.fspath(path)
    if Path(file).suffix.lower() not in (".glb", ".gltf"):
        raise R3dError(f"{file}: holds no cameras; only GLB and glTF files do, name a file of cameras")
    found = gltf_entries(Source.open(path), size or (512, 512))
    read = _Reader(size, {}, [] if warnings is None else warnings)
    cameras = [read(Entry(file, values, place), "") for place, values in found]
    if not cameras:
        raise R3dError(f"{file}: its scene has no camera; leave --camera out, or name a file of cameras")
    return cameras


def write_cameras(
    path: str | os.PathLike[str], cameras: Sequence[NamedCamera], convention: str = "opencv"
) -> None:
    """Write cameras in the form above, whole or not at all; `read_cameras` reads them back.

    Raises:
        ValueError: An unknown convention, no camera, or a principal point of a camera without a size.
        OSError: The file cannot be written.
    """
    if not cameras:
        raise ValueError("there is no camera to write")
    lines = []
    for one in cameras:
        record = camera_record(one.camera, one.size, convention)
        del record["convention"]
        lines.append("    " + json.dumps({"name": one.name, **record}))
    listed = ",\n".join(lines)
    text = f'{{\n  "convention": {json.dumps(convention)},\n  "cameras": [\n{listed}\n  ]\n}}\n'
    with replacing(path) as file:
        file.write_text(text, encoding="utf-8")


def camera_record(camera: Camera, size: tuple[int, int] | None, convention: str = "opencv") -> dict[str, Any]:
    """A camera as JSON: numbers, lists and text under the keys above. Alone it is such a file, too.

    Args:
        camera: Any.
        size: Height and width of the picture, pixels; None: unknown, the lens is then told by its angle.
        convention: The pose's. Of opencv and opengl it is ``world_to_camera``, of blender
            ``camera_to_world``, of pytorch3d ``R`` and ``T``, of colmap ``qvec`` and ``tvec``.

    Raises:
        ValueError: An unknown convention, or a principal point without a size.

    Example:
        >>> camera = Camera(np.eye(3), np.array([0.0, 0.0, 5.0]), fov=90.0)
        >>> record = camera_record(camera, (100, 200), "pytorch3d")
        >>> {key: round(record[key]) for key in ("width", "height", "fx", "fy", "cx", "cy")}
        {'width': 200, 'height': 100, 'fx': 50, 'fy': 50, 'cx': 100, 'cy': 50}
        >>> record["T"]
        [0.0, 0.0, 5.0]
    """
    if convention not in AXES:
        raise ValueError(f"convention must be one of {', '.join(AXES)}, got {convention!r}")
    return {
        "convention": convention,
        **_lens_record(camera, size),
        "near": float(camera.z_near),
        **_pose_record(camera, convention),
    }


def _lens_record(camera: Camera, size: tuple[int, int] | None) -> dict[str, Any]:
    record: dict[str, Any] = {}
    if size is None and any(camera.principal_point):
        raise ValueError("a camera with a principal point is written in pixels: give its picture's size")
    if size is not None:
        record |= {"width": int(size[1]), "height": int(size[0])}
    if camera.half_extent is not None:
        record["orthographic"] = float(camera.half_extent)
    elif size is None:
        record["fov"] = float(camera.fov)
    if size is None or not camera.is_perspective:
        record["pixel_aspect"] = float(camera.pixel_aspect)
    if size is not None:
        pixels = {key: float(value) for key, value in camera.in_pixels(size)._asdict().items()}
        record |= pixels if camera.is_perspective else {"cx": pixels["cx"], "cy": pixels["cy"]}
    return record


def _pose_record(camera: Camera, convention: str) -> dict[str, Any]:
    if convention == "pytorch3d":
        return {"R": camera.R.tolist(), "T": camera.T.tolist()}
    rotation, translation = pose_to(camera.R, camera.T, convention)
    if convention == "colmap":
        return {"qvec": matrix_to_quaternion(rotation).tolist(), "tvec": translation.tolist()}
    if convention == "blender":
        rotation, translation = inverse_pose(rotation, translation)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation
    return {"camera_to_world" if convention == "blender" else "world_to_camera": matrix.tolist()}


@dataclass(frozen=True)
class _Reader:
    """Makes cameras of objects in the form above.

    Attributes:
        size: See `read_cameras`, as ``warnings``.
        lens: Of cameras that have none.
    """

    size: tuple[int, int] | None
    lens: dict[str, float]
    warnings: list[str]

    def __call__(self, entry: Entry, name: str) -> NamedCamera:
        entry = plain_entry(entry, self.warnings)
        if "convention" not in entry:
            entry.lacks(f'convention; add "convention": one of {", ".join(AXES)}')
        convention = entry.text("convention", tuple(AXES))
        check_lens(entry, self.warnings)
        if self.lens and entry.holder(*_LENSES) is None:
            entry = Entry(entry.file, entry.values | self.lens, entry.place, entry.outer)
        own = read_size(entry)
        R, T = read_pose(entry, convention)
        camera = _with_lens(entry, Camera(R, T, z_near=NEAR), own or self.size)
        return NamedCamera(entry.text("name") if "name" in entry.values else name, camera, own)


def _with_lens(entry: Entry, camera: Camera, size: tuple[int, int] | None) -> Camera:
    """The camera with the object's lens."""
    if "near" in entry:
        camera = replace(camera, z_near=entry.number("near", positive=True))
    if "pixel_aspect" in entry:
        camera = replace(camera, pixel_aspect=entry.number("pixel_aspect", positive=True))
    holder = entry.holder(*_LENSES)
    lens = holder.one_of(_LENSES) if holder else None
    if holder is None or lens is None:
        entry.lacks(
            "lens; add fx and fy (pixels), fov (degrees) or orthographic (half extent), or give --fov"
        )
    if lens == "fx":
        height, width = _needed(entry, "fx", size)
        fx = holder.number("fx", positive=True)
        # An fy of the outer object belongs to the outer object's fx.
        fy = holder.number("fy", positive=True) if holder.values.get("fy") is not None else fx
        calibration = Calibration(fx, fy, width / 2, height / 2)
        camera = Camera.from_pixels(camera.R, camera.T, calibration, (height, width), z_near=camera.z_near)
    elif lens == "fov":
        camera = replace(camera, fov=holder.number("fov", positive=True, below=180.0))
    else:
        camera = replace(camera, half_extent=holder.number("orthographic", positive=True))
    return replace(camera, principal_point=_principal_point(entry, size))


def _principal_point(entry: Entry, size: tuple[int, int] | None) -> tuple[float, float]:
    """NDC of ``cx`` and ``cy``; of the picture's middle where they are missing."""
    integer = "pixel_centers" in entry and entry.text("pixel_centers", ("half", "integer")) == "integer"
    point = [0.0, 0.0]
    for axis, key in enumerate(("cx", "cy")):
        if key in entry:
            pixels = _needed(entry, key, size)
            point[axis] = (pixels[1 - axis] / 2 - entry.number(key) - 0.5 * integer) / (min(pixels) / 2)
    return point[0], point[1]


def _needed(entry: Entry, key: str, size: tuple[int, int] | None) -> tuple[int, int]:
    if size is None:
        entry.fail(key, "is in pixels; add the picture's width and height, or give its size")
    return size
