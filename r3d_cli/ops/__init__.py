"""Operators on packed meshes, point clouds and voxels."""

from r3d_cli.ops.mesh_edges import mesh_edges
from r3d_cli.ops.mesh_normals import face_areas_normals, vertex_normals
from r3d_cli.ops.packed_to_padded import packed_to_padded, padded_to_packed
from r3d_cli.ops.vertex_corners import vertex_corners

__all__ = [
    "face_areas_normals",
    "mesh_edges",
    "packed_to_padded",
    "padded_to_packed",
    "vertex_corners",
    "vertex_normals",
]
