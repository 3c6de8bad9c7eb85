"""Meshes and point clouds from files and to them."""

from r3d_cli.io.interpreters import MeshFormatInterpreter, PointcloudFormatInterpreter, endswith
from r3d_cli.io.mesh_formats import (
    MeshGlbFormat,
    MeshGltfFormat,
    MeshObjFormat,
    MeshOffFormat,
    MeshPlyFormat,
    MeshStlFormat,
)
from r3d_cli.io.obj import load_obj, load_objs_as_meshes, save_obj
from r3d_cli.io.pluggable import IO
from r3d_cli.io.ply import load_ply, save_ply
from r3d_cli.io.pointcloud_formats import (
    PointcloudObjFormat,
    PointcloudOffFormat,
    PointcloudPlyFormat,
    PointcloudXyzFormat,
)

__all__ = [
    "IO",
    "MeshFormatInterpreter",
    "MeshGlbFormat",
    "MeshGltfFormat",
    "MeshObjFormat",
    "MeshOffFormat",
    "MeshPlyFormat",
    "MeshStlFormat",
    "PointcloudFormatInterpreter",
    "PointcloudObjFormat",
    "PointcloudOffFormat",
    "PointcloudPlyFormat",
    "PointcloudXyzFormat",
    "endswith",
    "load_obj",
    "load_objs_as_meshes",
    "load_ply",
    "save_obj",
    "save_ply",
]
