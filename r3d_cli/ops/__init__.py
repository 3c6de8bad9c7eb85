"""Operators on packed meshes, point clouds and voxels."""

from r3d_cli.ops.antialias import antialias
from r3d_cli.ops.interp_face_attrs import interpolate_face_attributes
from r3d_cli.ops.laplacian_matrices import cot_laplacian, laplacian, norm_laplacian
from r3d_cli.ops.mesh_edges import mesh_edges, unique_edges
from r3d_cli.ops.mesh_normals import face_areas_normals, vertex_normals
from r3d_cli.ops.opposite_corners import opposite_corners
from r3d_cli.ops.packed_to_padded import packed_to_padded, padded_to_packed
from r3d_cli.ops.points_normals import estimate_pointcloud_local_coord_frames, estimate_pointcloud_normals
from r3d_cli.ops.utils import (
    convert_pointclouds_to_tensor,
    eyes,
    get_point_covariances,
    is_pointclouds,
    wmean,
)
from r3d_cli.ops.vertex_corners import vertex_corners

__all__ = [
    "antialias",
    "convert_pointclouds_to_tensor",
    "cot_laplacian",
    "estimate_pointcloud_local_coord_frames",
    "estimate_pointcloud_normals",
    "eyes",
    "face_areas_normals",
    "get_point_covariances",
    "interpolate_face_attributes",
    "is_pointclouds",
    "laplacian",
    "mesh_edges",
    "norm_laplacian",
    "opposite_corners",
    "packed_to_padded",
    "padded_to_packed",
    "unique_edges",
    "vertex_corners",
    "vertex_normals",
    "wmean",
]
