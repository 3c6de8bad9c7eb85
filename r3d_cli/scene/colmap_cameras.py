"""Cameras of a COLMAP model: its folder, or one of the files in it.

A model is two files, both text or both binary: ``cameras.txt`` or ``cameras.bin`` with the lenses, and
``images.txt`` or ``images.bin`` with the poses and the lens of each. Projects keep them in ``sparse/0``,
where they are found too. COLMAP's documentation, "Output Format", says what stands where.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from r3d_cli.errors import R3dError

Values = dict[str, Any]

_FISHEYE = None  # not a pinhole with some distortion: it cannot be drawn

#: COLMAP's models by number: name, and what its parameters are. f is the focal length along both axes.
_MODELS: list[tuple[str, str | None]] = [
    ("SIMPLE_PINHOLE", "f cx cy"),
    ("PINHOLE", "fx fy cx cy"),
    ("SIMPLE_RADIAL", "f cx cy k1"),
    ("RADIAL", "f cx cy k1 k2"),
    ("OPENCV", "fx fy cx cy k1 k2 p1 p2"),
    ("OPENCV_FISHEYE", _FISHEYE),
    ("FULL_OPENCV", "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6"),
    ("FOV", _FISHEYE),
    ("SIMPLE_RADIAL_FISHEYE", _FISHEYE),
    ("RADIAL_FISHEYE", _FISHEYE),
    ("THIN_PRISM_FISHEYE", _FISHEYE),
    ("RAD_TAN_THIN_PRISM_FISHEYE", _FISHEYE),
]
_PARAMETERS = dict(_MODELS)

#: Where a project's folder has its model.
_PLACES = ("", "sparse/0", "sparse", "0")

#: A pose of images.txt: the image's number, seven numbers, the camera's number, the image's name.
_POSE = re.compile(r"\s*\d+(?:\s+[-+.\deE]+){7}\s+\d+\s+\S")


def is_colmap(path: Path, start: bytes) -> bool:
    """Whether a path is a model of COLMAP's: a folder, a file of the names that it uses, or a list of poses.

    Args:
        path: Any.
        start: The file's first bytes; none of a folder.
    """
    if path.is_dir() or path.name in ("cameras.bin", "images.bin", "cameras.txt", "images.txt"):
        return True
    if path.suffix.lower() != ".txt":
        return False
    lines = [line for line in start.decode("utf-8", "replace").splitlines() if not line.startswith("#")]
    return bool(lines and _POSE.match(lines[0]))


def colmap_entries(path: Path, *, poses_alone: bool = False) -> Iterator[tuple[str, str, Values]]:
    """The file of each pose, its place in there, and the camera in the form of `camera_files`; by names.

    Args:
        path: A folder, or a file in it.
        poses_alone: Whether poses without lenses will do.

    Raises:
        R3dError: A file is missing or broken, or a camera is no pinhole; names the place and the mend.
    """
    images, cameras = _files(path)
    if cameras is None and not poses_alone:
        raise R3dError(
            f"{images}: has poses alone; put cameras{images.suffix} beside it, name the folder with both, or "
            "give --fov"
        )
    lenses = {} if cameras is None else _lenses(cameras)
    poses = sorted(_poses(images), key=lambda pose: pose.name)
    if not poses:
        raise R3dError(f"{images}: has no images; name the folder of a model with poses")
    for pose in poses:
        if cameras is not None and pose.camera not in lenses:
            raise R3dError(
                f"{images}: image '{pose.name}' names the camera {pose.camera}, which is not in {cameras}"
            )
        name = os.path.splitext(pose.name.replace("\\", "/"))[0]
        values = {"name": name, "convention": "colmap", "qvec": pose.qvec, "tvec": pose.tvec}
        yield str(images), f"image '{pose.name}'", values | lenses.get(pose.camera, {})


@dataclass(frozen=True)
class _Pose:
    name: str
    camera: int
    qvec: list[float]  # (4,) real part first
    tvec: list[float]  # (3,)


def _files(path: Path) -> tuple[Path, Path | None]:
    """The files of the poses and of the lenses, if there is one."""
    if path.is_dir():
        for folder in (path / place for place in _PLACES):
            for extension in (".bin", ".txt"):
                images, cameras = folder / f"images{extension}", folder / f"cameras{extension}"
                if images.is_file() and cameras.is_file():
                    return images, cameras
        raise R3dError(
            f"{path}: is a directory without a COLMAP model (images and cameras, .bin or .txt); name a file "
            "of cameras"
        )
    images, cameras = path, path.with_name(f"cameras{path.suffix}")
    if path.name == cameras.name:
        images = path.with_name(f"images{path.suffix}")
        if not images.is_file():
            raise R3dError(
                f"{path}: has lenses alone; put {images.name} beside it, or name the model's folder"
            )
    return images, cameras if cameras.is_file() else None


def _lenses(path: Path) -> dict[int, Values]:
    read = _binary_lenses if path.suffix == ".bin" else _text_lenses
    return {camera: _lens(path, *lens) for camera, *lens in read(path)}  # type: ignore[arg-type]


def _lens(path: Path, place: str, model: str, width: int, height: int, numbers: list[float]) -> Values:
    """A camera's lens in the form of `camera_files`."""
    if model not in _PARAMETERS:
        raise R3dError(f"{path}{place} has the unknown model '{model}'; convert it to PINHOLE")
    names = _PARAMETERS[model]
    if names is None:
        raise R3dError(
            f"{path}{place} is of the model {model}, which cannot be drawn; undistort the images first "
            "(colmap image_undistorter)"
        )
    if len(numbers) != len(names.split()):
        raise R3dError(
            f"{path}{place} has {len(numbers)} parameters, {model} has {len(names.split())}: {names}"
        )
    lens: Values = dict(zip(names.split(), numbers, strict=True))
    if "f" in lens:
        lens["fx"] = lens["fy"] = lens.pop("f")
    return {"width": width, "height": height} | lens


# -- Text


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise R3dError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if not line.startswith("#"))


def _text_lenses(path: Path) -> Iterator[tuple[int, str, str, int, int, list[float]]]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        words = line.split()
        try:
            camera, model, width, height = int(words[0]), words[1], int(words[2]), int(words[3])
            yield camera, f":{number}: camera {camera}", model, width, height, [float(x) for x in words[4:]]
        except (ValueError, IndexError):
            raise R3dError(
                f"{path}:{number}: must be a camera's number, model, width, height and parameters"
            ) from None


def _text_poses(path: Path) -> Iterator[_Pose]:
    """Poses and lists of points alternate; the latter may be empty lines."""
    is_pose = True
    for number, line in _lines(path):
        if is_pose and not line.strip():
            continue
        if is_pose:
            words = line.split(None, 9)
            try:
                values = [float(word) for word in words[1:8]]
                yield _Pose(words[9].strip(), int(words[8]), values[:4], values[4:])
            except (ValueError, IndexError):
                raise R3dError(
                    f"{path}:{number}: must be an image's number, QW QX QY QZ TX TY TZ, the camera's number "
                    "and the name; every pose is followed by a line of points, which may be empty"
                ) from None
        is_pose = not is_pose


# -- Binary


class _Bytes:
    """A binary file, read from start to end."""

    def __init__(self, path: Path) -> None:
        self.path, self.at = path, 0
        try:
            self.data = path.read_bytes()
        except OSError as error:
            raise R3dError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None

    def take(self, format: str) -> tuple[Any, ...]:
        size = struct.calcsize(f"<{format}")
        if size > len(self.data) - self.at:
            self.cut()
        self.at += size
        return struct.unpack_from(f"<{format}", self.data, self.at - size)

    def text(self) -> str:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            self.cut()
        text, self.at = self.data[self.at : end], end + 1
        return text.decode("utf-8", "surrogateescape")

    def skip(self, size: int) -> None:
        if size > len(self.data) - self.at:
            self.cut()
        self.at += size

    def cut(self) -> NoReturn:
        raise R3dError(
            f"{self.path}: ends within an entry: it was cut short, or is no COLMAP file; copy it again"
        )


def _binary_lenses(path: Path) -> Iterator[tuple[int, str, str, int, int, list[float]]]:
    data = _Bytes(path)
    for _ in range(data.take("Q")[0]):
        camera, model, width, height = data.take("iiQQ")
        place = f": camera {camera}"
        name, parameters = _MODELS[model] if 0 <= model < len(_MODELS) else (str(model), _FISHEYE)
        numbers = [] if parameters is None else list(data.take("d" * len(parameters.split())))
        yield camera, place, name, width, height, numbers
        if parameters is None:  # how long it is does not matter: the camera is refused
            return


def _binary_poses(path: Path) -> Iterator[_Pose]:
    data = _Bytes(path)
    for _ in range(data.take("Q")[0]):
        _, *pose, camera = data.take("I7dI")
        name = data.text()
        data.skip(24 * data.take("Q")[0])  # the points that it sees
        yield _Pose(name, camera, pose[:4], pose[4:])


def _poses(path: Path) -> Iterator[_Pose]:
    read: Callable[[Path], Iterator[_Pose]] = _binary_poses if path.suffix == ".bin" else _text_poses
    return read(path)
