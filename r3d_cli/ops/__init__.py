"""Operators on packed meshes, point clouds and voxels."""

from r3d_cli.ops.mesh_edges import mesh_edges
from r3d_cli.ops.vertex_corners import vertex_corners

__all__ = ["mesh_edges", "vertex_corners"]
