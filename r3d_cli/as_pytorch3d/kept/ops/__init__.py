"""Operators that r3d has under another name."""

from r3d_cli.as_pytorch3d.kept.ops.mesh_face_areas_normals import mesh_face_areas_normals

__all__ = ["mesh_face_areas_normals"]
