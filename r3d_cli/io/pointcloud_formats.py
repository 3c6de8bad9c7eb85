"""The formats of point clouds that `IO` knows by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from r3d_cli.io.file_format import FileFormat, check_no_options, check_one
from r3d_cli.io.files import read_raw, to_numpy, to_tensor, verts_tensor, warn
from r3d_cli.io.interpreters import PointcloudFormatInterpreter
from r3d_cli.io.mesh_formats import MeshObjFormat, MeshOffFormat, MeshPlyFormat
from r3d_cli.io.meshes import add_colors
from r3d_cli.io.streams import shown
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.writers.tabular import encode_xyz
from r3d_cli.structures import Pointclouds

READ, SAVE = "load_pointcloud", "save_pointcloud"


class PointcloudFileFormat(FileFormat, PointcloudFormatInterpreter):
    """The vertices of a file, which may have faces: those are left aside.

    Attributes:
        holds_normals: Whether a file can hold normals without faces.
    """

    holds_normals: ClassVar[bool] = False

    def read(
        self,
        path: Any,
        device: torch.device | str,
        path_manager: Any,
        *,
        dtype: torch.dtype = torch.float32,
        alpha: bool = False,
        **options: Any,
    ) -> Pointclouds | None:
        if not self.takes(path, "read"):
            return None
        check_no_options(READ, options)
        raw = read_raw(READ, "path", path, self.known_suffixes[0], path_manager, textures=False)
        normals = None if raw.normals is None or raw.faces_normals is not None else raw.normals
        colors = None if raw.colors is None else raw.colors[:, : 4 if alpha else 3]
        return Pointclouds(
            points=[verts_tensor(READ, raw, device, dtype)],
            normals=None if normals is None else [to_tensor(normals, device, dtype)],
            features=None if colors is None else [to_tensor(colors, device)],
        )

    def save(
        self,
        data: Pointclouds,
        path: Any,
        path_manager: Any,
        binary: bool | None,
        *,
        decimal_places: int | None = None,
        **options: Any,
    ) -> bool:
        if not self.takes(path, "write"):
            return False
        raw = from_cloud(f"{SAVE}: {shown(path)}", data, self.holds_normals)
        self.write_raw(SAVE, raw, path, path_manager, binary, decimal_places, options)
        return True


class PointcloudObjFormat(PointcloudFileFormat):
    """OBJ without faces."""

    known_suffixes = MeshObjFormat.known_suffixes
    encode = MeshObjFormat.encode


class PointcloudOffFormat(PointcloudFileFormat):
    """OFF without faces."""

    known_suffixes = MeshOffFormat.known_suffixes
    encode = MeshOffFormat.encode


class PointcloudPlyFormat(PointcloudFileFormat):
    """PLY, binary by default; colours as floats unless ``colors_as_uint8``."""

    known_suffixes = MeshPlyFormat.known_suffixes
    binary_forms = MeshPlyFormat.binary_forms
    save_options = MeshPlyFormat.save_options
    holds_normals = True
    encode = MeshPlyFormat.encode


class PointcloudXyzFormat(PointcloudFileFormat):
    """XYZ: text, a point a line, its colour in bytes behind it."""

    known_suffixes = (".xyz",)

    def encode(self, raw: RawMesh, path: Path, *, binary: bool, decimals: int | None) -> dict[str, bytes]:
        return {path.name: encode_xyz(raw, decimals=decimals)}


def from_cloud(where: str, data: Any, holds_normals: bool) -> RawMesh:
    """A batch of one cloud as what a file of it holds; what it cannot hold is warned of.

    Raises:
        ValueError: Another number of clouds, or no Pointclouds.
    """
    check_one(where, data, Pointclouds, "cloud", "join_pointclouds_as_scene")
    raw = RawMesh(to_numpy(data.points_list()[0]), np.zeros((0, 3), np.int64))
    normals, features = data.normals_list(), data.features_list()
    problem = "" if features is None else add_colors(raw, features[0])
    if normals is not None and holds_normals:
        raw.normals = to_numpy(normals[0].float())
    elif normals is not None:
        problem += (", " if problem else "") + "files of this format hold no normals"
    if problem:
        warn(f"{where}: {problem}; left out")
    return raw


#: Registered by default.
POINTCLOUD_FORMATS = (PointcloudObjFormat, PointcloudOffFormat, PointcloudXyzFormat, PointcloudPlyFormat)
