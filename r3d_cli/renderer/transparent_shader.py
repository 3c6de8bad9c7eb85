"""`TransparentShader`: colours and opacities of fragments, to be blended layer by layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.ops.interp_face_attrs import interpolate_face_attributes
from r3d_cli.renderer.shaders import ShaderBase
from r3d_cli.renderer.shading import flat_shading, phong_shading

_SHADINGS = ("phong", "flat", "none")


class TransparentShader(ShaderBase):
    """The colour and the opacity of each fragment, for `DepthPeelingRenderer`.

    Opacities multiply: the textures' fourth channel where they have one, and those given here. Each argument
    may also be given, or replaced, in a call.

    Args:
        device: Where default lights and materials are made.
        cameras: Where highlights are seen from.
        lights: By default ``PointLights()``.
        materials: By default ``Materials()``.
        shading: ``"phong"``, ``"flat"`` or ``"none"``, the textures' colours as they are.
        opacity: Of all faces, a number or a tensor of one element, 0..1.
        verts_opacity: (V,) of packed vertices, interpolated over the faces. Where several cameras see one
            mesh: of that mesh.
        faces_opacity: (F,) of packed faces; likewise.

    Raises:
        ValueError: An unknown shading.

    Example:
        >>> TransparentShader(opacity=0.5, shading="none").opacity
        0.5
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        cameras: Any = None,
        lights: Any = None,
        materials: Any = None,
        *,
        shading: str = "phong",
        opacity: float | Tensor = 1.0,
        verts_opacity: Tensor | None = None,
        faces_opacity: Tensor | None = None,
    ) -> None:
        super().__init__(device, cameras, lights, materials)
        if shading not in _SHADINGS:
            known = ", ".join(_SHADINGS)
            raise ValueError(f"TransparentShader: shading must be one of {known}, got {shading!r}")
        self.shading = shading
        self.opacity, self.verts_opacity, self.faces_opacity = opacity, verts_opacity, faces_opacity

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        """Shade.

        Args:
            fragments: Of these meshes, K a pixel.
            meshes: `Meshes` with textures of 3 channels, or 4.
            **kwargs: What the constructor takes.

        Returns:
            (N, H, W, K, 4): red, green, blue, not multiplied by it, and alpha.

        Raises:
            ValueError: Textures of other channels, opacities that do not fit the meshes.
        """
        texels = meshes.sample_textures(fragments)
        if texels.shape[-1] not in (3, 4):
            raise ValueError(f"TransparentShader: textures must have 3 or 4 channels, got {texels.shape[-1]}")
        colors = texels[..., :3]
        shading = kwargs.get("shading", self.shading)
        if shading != "none":
            shade = phong_shading if shading == "phong" else flat_shading
            colors = shade(meshes, fragments, texels=colors, **self._parts(meshes, kwargs))
        alpha = self._opacity(fragments, meshes, kwargs)
        if texels.shape[-1] == 4:
            alpha = alpha * texels[..., 3:]
        return torch.cat([colors, alpha.to(colors).expand(*colors.shape[:-1], 1)], -1)

    def _opacity(self, fragments: Any, meshes: Any, kwargs: dict[str, Any]) -> Tensor:  # (..., 1)
        alpha = torch.as_tensor(kwargs.get("opacity", self.opacity), device=fragments.zbuf.device)
        of_verts = kwargs.get("verts_opacity", self.verts_opacity)
        if of_verts is not None:
            corners = _of_each(of_verts, "verts_opacity", "V", meshes, len(meshes.verts_packed()))
            corners = corners[meshes.faces_packed()][..., None]
            alpha = alpha * interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, corners)
        of_faces = kwargs.get("faces_opacity", self.faces_opacity)
        if of_faces is not None:
            of_faces = _of_each(of_faces, "faces_opacity", "F", meshes, len(meshes.faces_packed()))
            # A row past the last for the empty slots, whose id is -1.
            alpha = alpha * torch.cat([of_faces, of_faces.new_zeros(1)])[fragments.pix_to_face][..., None]
        return alpha


def _of_each(opacity: Tensor, name: str, letter: str, meshes: Any, count: int) -> Tensor:
    """For all packed vertices or faces, of those of one mesh where the batch repeats it."""
    check_shape("TransparentShader", name, opacity, letter)
    if len(meshes) > 1 and len(opacity) * len(meshes) == count:
        return opacity.repeat(len(meshes))
    check_shape("TransparentShader", name, opacity, letter, **{letter: count})
    return opacity
