"""`SplatterPhongShader`: Phong shading, and edges with gradients from splatting."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from r3d_cli.ops.interp_face_attrs import interpolate_face_attributes
from r3d_cli.renderer.blending import BlendParams
from r3d_cli.renderer.shaders import ShaderBase
from r3d_cli.renderer.splatter_blend import SplatterBlender

_SIGMA = 0.5  # pixels: what the 3 x 3 neighbourhood is made for (Cole et al. 2021)


class SplatterPhongShader(ShaderBase):
    """Phong shading of K surfaces a pixel, splatted onto the pixels around it: see `SplatterBlender`.

    The fragments are taken as they are: gradients go through the places and the shading of the points that
    were sampled, not through ``bary_coords`` and ``dists``. So the rasterizer needs no blur; it needs
    ``faces_per_pixel`` of 2 or more, to know what lies behind an edge, and perspective-correct coordinates
    (its default).

    Args:
        **kwargs: As of `ShaderBase`; ``blend_params`` is ``BlendParams(sigma=0.5)`` by default. Sigma is in
            pixels here.

    Example:
        >>> from r3d_cli.renderer import (
        ...     FoVPerspectiveCameras, MeshRasterizer, MeshRenderer, RasterizationSettings, TexturesVertex,
        ...     look_at_view_transform,
        ... )
        >>> from r3d_cli.utils import ico_sphere
        >>> sphere = ico_sphere(2)
        >>> sphere.textures = TexturesVertex(torch.ones_like(sphere.verts_padded()))
        >>> R, T = look_at_view_transform(2.7)
        >>> cameras = FoVPerspectiveCameras(R=R, T=T)
        >>> rasterizer = MeshRasterizer(cameras, RasterizationSettings(image_size=64, faces_per_pixel=2))
        >>> picture = MeshRenderer(rasterizer, SplatterPhongShader(cameras=cameras))(sphere)
        >>> alpha = picture[0, ..., 3]
        >>> int((alpha == 1).sum()) > 900, int(((alpha > 0) & (alpha < 1)).sum()) > 100
        (True, True)
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("blend_params") is None:
            kwargs["blend_params"] = BlendParams(sigma=_SIGMA)
        super().__init__(**kwargs)
        self.splatter_blender: SplatterBlender | None = None

    def to(self, device: torch.device | str) -> SplatterPhongShader:  # type: ignore[override]
        """Moves cameras, lights, materials and the blender."""
        super().to(device)
        if self.splatter_blender is not None:
            self.splatter_blender.to(device)
        return self

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        blend_params = self._blend_params(kwargs)
        self.check_blend_params(blend_params)
        sampled = fragments.detach()
        colors = self._phong(sampled, meshes, kwargs)
        corners = meshes.verts_packed()[meshes.faces_packed()]
        points = interpolate_face_attributes(sampled.pix_to_face, sampled.bary_coords, corners)
        blender = self._blender(tuple(colors.shape[:4]), colors.device)
        return blender(colors, points, self._get_cameras(**kwargs), sampled.pix_to_face < 0, blend_params)

    def check_blend_params(self, blend_params: BlendParams) -> None:
        """Warn of a sigma that does not fit the 3 x 3 neighbourhood: anything but 0.5 pixels."""
        if blend_params.sigma != _SIGMA:
            warnings.warn(
                f"{type(self).__name__}: sigma is {blend_params.sigma}, but here it is in pixels and splats "
                f"are made for {_SIGMA}; give blend_params=BlendParams(sigma={_SIGMA})",
                stacklevel=3,
            )

    def _blender(self, shape: Any, device: torch.device) -> SplatterBlender:
        """The blender for fragments of this shape: the last call's, where it fits."""
        kept = self.splatter_blender
        if kept is None or kept.input_shape != shape or kept.device != device:
            self.splatter_blender = kept = SplatterBlender(shape, device)
        return kept
