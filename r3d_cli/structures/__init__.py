"""Ragged batches: meshes, point clouds and volumes of different sizes in one object."""

from r3d_cli.structures.join_pointclouds import join_pointclouds_as_batch, join_pointclouds_as_scene
from r3d_cli.structures.joins import join_meshes_as_batch, join_meshes_as_scene
from r3d_cli.structures.meshes import Meshes
from r3d_cli.structures.pointclouds import Pointclouds
from r3d_cli.structures.utils import list_to_packed, list_to_padded, packed_to_list, padded_to_list
from r3d_cli.structures.volumes import Volumes

__all__ = [
    "Meshes",
    "Pointclouds",
    "Volumes",
    "join_meshes_as_batch",
    "join_meshes_as_scene",
    "join_pointclouds_as_batch",
    "join_pointclouds_as_scene",
    "list_to_packed",
    "list_to_padded",
    "packed_to_list",
    "padded_to_list",
]
