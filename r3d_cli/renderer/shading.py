"""Shading: light at points of surfaces, interpolated (Phong), at vertices (Gouraud) or at faces (flat)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.ops.covered_slots import CoveredSlots
from r3d_cli.ops.interp_face_attrs import interpolate_face_attributes
from r3d_cli.ops.weighted_rows import weighted_rows


def phong_shading(
    meshes: Any, fragments: Any, lights: Any, cameras: Any, materials: Any, texels: Tensor
) -> Tensor:
    """Light every fragment at its own point, with its interpolated normal.

    Args:
        meshes: `Meshes`, world space.
        fragments: Of these meshes.
        lights: `AmbientLights`, `DirectionalLights` or `PointLights`.
        cameras: Where the highlights are seen from.
        materials: `Materials`.
        texels: (N, H, W, K, C) the surfaces' colours.

    Returns:
        (N, H, W, K, C): (ambient + diffuse) * texels + specular; zeros in empty slots.

    Example:
        >>> from r3d_cli.renderer import Fragments, PerspectiveCameras, PointLights, Materials
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]])
        >>> meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
        >>> one = torch.ones(1, 1, 1, 1)
        >>> fragments = Fragments(0 * one.long(), 2 * one, torch.ones(1, 1, 1, 1, 3) / 3, -one)
        >>> looks = PointLights(), PerspectiveCameras(), Materials()
        >>> phong_shading(meshes, fragments, *looks, texels=torch.ones(1, 1, 1, 1, 3)).shape
        torch.Size([1, 1, 1, 1, 3])
    """
    faces = meshes.faces_packed()
    slots = CoveredSlots("phong_shading", fragments.pix_to_face, fragments.bary_coords, len(faces))
    # Vertices, not corners of all faces, are gathered: the pixels see few of them.
    of_verts = torch.cat([meshes.verts_packed(), meshes.verts_normals_packed()], -1)  # (V, 6)
    of_slots = weighted_rows(of_verts, faces.index_select(0, slots.faces), slots.bary)
    return _lit_slots(slots, of_slots, lights, cameras, materials, texels)


def flat_shading(
    meshes: Any, fragments: Any, lights: Any, cameras: Any, materials: Any, texels: Tensor
) -> Tensor:
    """Light every face at its centre, with its own normal; arguments and result as of `phong_shading`.

    Example:
        >>> from r3d_cli.renderer import Fragments, PerspectiveCameras, PointLights, Materials
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]])
        >>> meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
        >>> one = torch.ones(1, 1, 1, 1)
        >>> fragments = Fragments(0 * one.long(), 2 * one, torch.ones(1, 1, 1, 1, 3) / 3, -one)
        >>> looks = PointLights(), PerspectiveCameras(), Materials()
        >>> flat_shading(meshes, fragments, *looks, texels=torch.ones(1, 1, 1, 1, 3)).shape
        torch.Size([1, 1, 1, 1, 3])
    """
    centers = meshes.verts_packed()[meshes.faces_packed()].mean(1)
    of_faces = torch.cat([centers, meshes.faces_normals_packed()], -1)  # (F, 6)
    slots = CoveredSlots("flat_shading", fragments.pix_to_face, fragments.bary_coords, len(of_faces))
    of_slots = of_faces.index_select(0, slots.faces)
    return _lit_slots(slots, of_slots, lights, cameras, materials, texels)


def gouraud_shading(meshes: Any, fragments: Any, lights: Any, cameras: Any, materials: Any) -> Tensor:
    """Light the vertices, and interpolate their colours.

    Args:
        meshes: `Meshes` with `TexturesVertex`, world space.
        fragments: Of these meshes.
        lights: `AmbientLights`, `DirectionalLights` or `PointLights`.
        cameras: Where the highlights are seen from.
        materials: `Materials`.

    Returns:
        (N, H, W, K, C).

    Raises:
        ValueError: Textures of another kind.

    Example:
        >>> from r3d_cli.renderer import Fragments, PerspectiveCameras, PointLights, Materials, TexturesVertex
        >>> from r3d_cli.structures import Meshes
        >>> verts = torch.tensor([[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]])
        >>> meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])], TexturesVertex([verts * 0 + 1]))
        >>> one = torch.ones(1, 1, 1, 1)
        >>> fragments = Fragments(0 * one.long(), 2 * one, torch.ones(1, 1, 1, 1, 3) / 3, -one)
        >>> looks = PointLights(), PerspectiveCameras(), Materials()
        >>> gouraud_shading(meshes, fragments, *looks).shape
        torch.Size([1, 1, 1, 1, 3])
    """
    if not hasattr(meshes.textures, "verts_features_packed"):
        kind = "none" if meshes.textures is None else type(meshes.textures).__name__
        raise ValueError(f"gouraud_shading: textures must be TexturesVertex, got {kind}")
    mesh_of_vert = meshes.verts_packed_to_mesh_idx()

    def of_verts(properties: Any) -> Any:
        return properties.clone().gather_props(mesh_of_vert) if len(meshes) > 1 else properties

    shaded = _lit(
        meshes.verts_packed(),
        meshes.verts_normals_packed(),
        of_verts(lights),
        of_verts(cameras),
        of_verts(materials),
        meshes.fitting_textures().verts_features_packed(),
    )
    corners = shaded[meshes.faces_packed()]
    return interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, corners)


def _lit_slots(
    slots: CoveredSlots,
    surface: Tensor,  # (P, 6) points and normals
    lights: Any,
    cameras: Any,
    materials: Any,
    texels: Tensor,  # (N, H, W, K, C)
) -> Tensor:  # (N, H, W, K, C)
    """`_lit` of covered slots only; zeros in the others."""

    def as_fragments(values: Tensor) -> Tensor:  # (P, C) -> (N, P of an image, 1, 1, C)
        return slots.by_image(values)[:, :, None, None]

    check_shape("shading", "texels", texels, "N H W K C", **dict(zip("NHWK", slots.shape, strict=True)))
    points, normals = as_fragments(surface).split(3, -1)
    colors = as_fragments(slots.take(texels))
    lit = _lit(points, normals, lights, cameras, materials, colors)
    return slots.spread(slots.from_images(lit.flatten(1, 3)))


def _lit(
    points: Tensor, normals: Tensor, lights: Any, cameras: Any, materials: Any, texels: Tensor
) -> Tensor:
    """(ambient + diffuse) * texels + specular at points (N, ..., 3), or packed (P, 3)."""
    channels = lights.ambient_color.shape[-1]
    if texels.shape[-1] not in (1, channels):
        raise ValueError(
            f"shading: textures have {texels.shape[-1]} channels, but lights and materials {channels}; light "
            "colours only, and interpolate other features with interpolate_face_attributes"
        )

    def spread(color: Tensor) -> Tensor:
        return color.reshape(len(color), *[1] * (points.dim() - 2), color.shape[-1])

    ambient = spread(materials.ambient_color * lights.ambient_color)
    diffuse = spread(materials.diffuse_color) * lights.diffuse(normals=normals, points=points)
    specular = spread(materials.specular_color) * lights.specular(
        normals=normals,
        points=points,
        camera_position=cameras.get_camera_center(),
        shininess=materials.shininess,
    )
    return (ambient + diffuse) * texels + specular
