"""Light before it meets the texture, as shaders of one's own combine it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from r3d_cli.ops import interpolate_face_attributes
from r3d_cli.renderer.shading import phong_shading

__all__ = ["_apply_lighting", "_phong_shading_with_pixels"]


def _apply_lighting(
    points: Tensor, normals: Tensor, lights: Any, cameras: Any, materials: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Ambient, diffuse and specular colour at points.

    Args:
        points: (N, ..., 3), or packed (P, 3).
        normals: Of the points' shape.
        lights: Lights.
        cameras: Where the highlights are seen from.
        materials: `Materials`.

    Returns:
        Three colours; the diffuse and specular one of the points' shape, the ambient one, which is the same
        everywhere, of a shape that broadcasts with them: (N, 1, ..., 3), or (3,) of packed points.

    Example:
        >>> import torch
        >>> from r3d_cli.renderer import AmbientLights, Materials, PerspectiveCameras
        >>> points = torch.zeros(1, 2, 2, 1, 3)
        >>> looks = AmbientLights(), PerspectiveCameras(), Materials()
        >>> [color.shape[1:4].numel() for color in _apply_lighting(points, points, *looks)]
        [1, 4, 4]
    """
    center = cameras.get_camera_center()
    light = lights.diffuse(normals=normals, points=points)
    shine = lights.specular(
        normals=normals, points=points, camera_position=center, shininess=materials.shininess
    )

    def spread(color: Tensor) -> Tensor:  # (N, 3) -> (N, 1, ..., 3)
        return color.reshape(len(color), *[1] * (points.dim() - 2), color.shape[-1])

    ambient = spread(materials.ambient_color * lights.ambient_color)
    diffuse, specular = spread(materials.diffuse_color) * light, spread(materials.specular_color) * shine
    if points.dim() == 2:
        return ambient.squeeze(), diffuse.squeeze(), specular.squeeze()
    return ambient, diffuse, specular


def _phong_shading_with_pixels(
    meshes: Any, fragments: Any, lights: Any, cameras: Any, materials: Any, texels: Tensor
) -> tuple[Tensor, Tensor]:
    """`phong_shading`, and where in the world the fragments are, (N, H, W, K, 3)."""
    corners = meshes.verts_packed()[meshes.faces_packed()]
    points = interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, corners)
    return phong_shading(meshes, fragments, lights, cameras, materials, texels), points
