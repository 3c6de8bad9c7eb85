"""The formats of point clouds that `IO` knows by itself."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from r3d_cli.io.files import check_decimals, read_raw, to_numpy, to_tensor, verts_tensor, write
from r3d_cli.io.interpreters import PointcloudFormatInterpreter, endswith
from r3d_cli.io.mesh_formats import check_no_options, choose_form
from r3d_cli.io.meshes import add_colors
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.writers.obj import encode_obj
from r3d_cli.scene.writers.tabular import encode_off, encode_ply, encode_xyz
from r3d_cli.structures import Pointclouds

READ, SAVE = "load_pointcloud", "save_pointcloud"


class PointcloudFileFormat(PointcloudFormatInterpreter):
    """The vertices of a file, which may have faces: those are left aside.

    Attributes:
        binary_forms: Whether a file may be text (False), binary (True) or both, the default first.
        save_options: What ``encode`` takes beside the options of all formats.
        holds_normals: Whether a file can hold normals without faces.
    """

    binary_forms: ClassVar[tuple[bool, ...]] = (False,)
    save_options: ClassVar[tuple[str, ...]] = ()
    holds_normals: ClassVar[bool] = False

    def encode(self, raw: RawMesh, *, binary: bool, decimals: int | None) -> bytes:
        """The file to write."""
        raise NotImplementedError

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
        if not endswith(path, self.known_suffixes):
            return None
        check_no_options(READ, options)
        raw = read_raw(path, Path(path).suffix, path_manager, textures=False)
        normals = None if raw.normals is None or raw.faces_normals is not None else raw.normals
        colors = None if raw.colors is None else raw.colors[:, : 4 if alpha else 3]
        return Pointclouds(
            points=[verts_tensor(raw, device, dtype)],
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
        if not endswith(path, self.known_suffixes):
            return False
        check_no_options(SAVE, options, self.save_options)
        check_decimals(SAVE, decimal_places)
        binary = choose_form(SAVE, path, binary, self.binary_forms)
        raw = from_cloud(f"{SAVE}: {os.fspath(path)}", data, self.holds_normals)
        coded = self.encode(raw, binary=binary, decimals=decimal_places, **options)
        write(path, {"": coded}, path_manager)
        return True


class PointcloudObjFormat(PointcloudFileFormat):
    """OBJ without faces."""

    known_suffixes = (".obj",)

    def encode(self, raw: RawMesh, *, binary: bool, decimals: int | None) -> bytes:
        return encode_obj(raw, "", decimals=decimals)[".obj"]


class PointcloudOffFormat(PointcloudFileFormat):
    """OFF without faces."""

    known_suffixes = (".off",)

    def encode(self, raw: RawMesh, *, binary: bool, decimals: int | None) -> bytes:
        return encode_off(raw, decimals=decimals)


class PointcloudPlyFormat(PointcloudFileFormat):
    """PLY, binary by default; colours as floats unless ``colors_as_uint8``."""

    known_suffixes = (".ply",)
    binary_forms = (True, False)
    save_options = ("colors_as_uint8",)
    holds_normals = True

    def encode(
        self, raw: RawMesh, *, binary: bool, decimals: int | None, colors_as_uint8: bool = False
    ) -> bytes:
        return encode_ply(raw, binary=binary, decimals=decimals, colors_as_uint8=colors_as_uint8)


class PointcloudXyzFormat(PointcloudFileFormat):
    """XYZ: text, a point a line, its colour in bytes behind it."""

    known_suffixes = (".xyz",)

    def encode(self, raw: RawMesh, *, binary: bool, decimals: int | None) -> bytes:
        return encode_xyz(raw, decimals=decimals)


def from_cloud(where: str, data: Any, holds_normals: bool) -> RawMesh:
    """A batch of one cloud as what a file of it holds; what it cannot hold is warned of.

    Raises:
        ValueError: Another number of clouds, or no Pointclouds.
    """
    if not isinstance(data, Pointclouds):
        raise ValueError(f"{where}: data must be Pointclouds, got {type(data).__name__}")
    if len(data) != 1:
        raise ValueError(
            f"{where}: data must be one cloud, got {len(data)}; save data[i], or "
            "join_pointclouds_as_scene(data)"
        )
    raw = RawMesh(to_numpy(data.points_list()[0]), np.zeros((0, 3), np.int64))
    normals, features = data.normals_list(), data.features_list()
    problem = "" if features is None else add_colors(raw, features[0])
    if normals is not None and holds_normals:
        raw.normals = to_numpy(normals[0].float())
    elif normals is not None:
        problem += (", " if problem else "") + "files of this format hold no normals"
    if problem:
        warnings.warn(f"{where}: {problem}; left out", stacklevel=5)
    return raw


#: Registered by default.
POINTCLOUD_FORMATS = (PointcloudObjFormat, PointcloudOffFormat, PointcloudXyzFormat, PointcloudPlyFormat)
