"""Ragged batches: meshes, point clouds and volumes of different sizes in one object."""

from r3d_cli.structures.join_pointclouds import join_pointclouds_as_batch, join_pointclouds_as_scene
from r3d_cli.structures.pointclouds import Pointclouds

__all__ = ["Pointclouds", "join_pointclouds_as_batch", "join_pointclouds_as_scene"]
