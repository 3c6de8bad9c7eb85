"""Losses of meshes."""

from r3d_cli.loss.mesh_edge_loss import mesh_edge_loss
from r3d_cli.loss.mesh_laplacian_smoothing import mesh_laplacian_smoothing
from r3d_cli.loss.mesh_normal_consistency import mesh_normal_consistency

__all__ = ["mesh_edge_loss", "mesh_laplacian_smoothing", "mesh_normal_consistency"]
