"""Smooth edges for hard pictures of meshes, and the gradient of their silhouettes at one face a pixel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from r3d_cli.ops.antialias import antialias as antialias_packed
from r3d_cli.renderer.rasterizer import MeshRasterizer, RasterizationSettings, resolve_settings


def antialias(
    images: Tensor,  # (N, H, W, C)
    fragments: Any,
    meshes: Any,
    cameras: Any = None,
    raster_settings: RasterizationSettings | None = None,
    **kwargs: Any,
) -> Tensor:  # (N, H, W, C)
    """Blend the pixels on both sides of each silhouette by where it passes between their centres.

    Hard shaders give no gradient to what covers a pixel: with this behind them, the outlines of meshes pull
    at vertices and cameras, at one face a pixel. ``ops.antialias`` says how it works, and what it leaves as
    it is.

    Args:
        images: (N, H, W, C) what a shader made of the fragments, background included; or any other attribute.
        fragments: Of the nearest faces, without blur; only the first slot of each pixel counts.
        meshes: `Meshes` that the fragments are of: in the world; without cameras, in NDC.
        cameras: Those of the rasterizer: N, or one for all.
        raster_settings: Those of the rasterizer, which say where faces were cut; by default
            ``RasterizationSettings()``.
        **kwargs: What a rasterizer takes in a call, such as R and T.

    Returns:
        (N, H, W, C); gradients reach the images, the vertices and the cameras.

    Raises:
        ValueError: Images, fragments, meshes and cameras that do not fit.

    Example:
        >>> from r3d_cli.renderer import FoVPerspectiveCameras, look_at_view_transform
        >>> from r3d_cli.utils import ico_sphere
        >>> R, T = look_at_view_transform(2.7)
        >>> cameras = FoVPerspectiveCameras(R=R, T=T)
        >>> sphere = ico_sphere(3)
        >>> radius = torch.tensor(1.0, requires_grad=True)
        >>> meshes = sphere.scale_verts(radius)
        >>> fragments = MeshRasterizer(cameras, RasterizationSettings(image_size=64))(meshes)
        >>> hard = (fragments.pix_to_face >= 0).float()  # (1, 64, 64, 1)
        >>> antialias(hard, fragments, meshes, cameras).mean().backward()
        >>> round(float(radius.grad), 1)  # the share of the picture that it covers grows with its radius
        0.9
    """
    near = None if raster_settings is None else raster_settings.z_clip_value
    if cameras is not None:
        near = resolve_settings(raster_settings or RasterizationSettings(), cameras).near
        meshes = MeshRasterizer(cameras).transform(meshes, **kwargs)
    return antialias_packed(
        images,
        fragments.pix_to_face,
        fragments.zbuf.detach(),
        meshes.verts_packed(),
        meshes.faces_packed(),
        meshes.opposite_corners_packed(),
        z_near=near,
    )


class AntialiasedShader(nn.Module):
    """A shader of hard pictures with `antialias` behind it.

    Args:
        shader: Such as `HardPhongShader`; its pictures are blended.
        cameras: Those of the rasterizer; by default the shader's own.
        raster_settings: Those of the rasterizer.

    Cameras may also be given in a call, as other shaders take them.

    Example:
        >>> from r3d_cli.renderer import (
        ...     FoVPerspectiveCameras, HardPhongShader, MeshRenderer, TexturesVertex, look_at_view_transform
        ... )
        >>> from r3d_cli.utils import ico_sphere
        >>> sphere = ico_sphere(2)
        >>> sphere.textures = TexturesVertex(torch.ones_like(sphere.verts_padded()))
        >>> R, T = look_at_view_transform(2.7)
        >>> cameras = FoVPerspectiveCameras(R=R, T=T)
        >>> shader = AntialiasedShader(HardPhongShader(cameras=cameras))
        >>> alpha = MeshRenderer(MeshRasterizer(cameras), shader)(sphere)[..., 3]
        >>> int(((alpha > 0) & (alpha < 1)).sum()) > 100  # pixels that it covers in part
        True
    """

    def __init__(
        self, shader: Any, cameras: Any = None, raster_settings: RasterizationSettings | None = None
    ) -> None:
        super().__init__()
        self.shader = shader
        self.cameras = cameras
        self.raster_settings = raster_settings

    def to(self, device: torch.device | str) -> AntialiasedShader:  # type: ignore[override]
        """Moves the shader, and the cameras."""
        self.shader = self.shader.to(device)
        if self.cameras is not None:
            self.cameras = self.cameras.to(device)
        return self

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        images = self.shader(fragments, meshes, **kwargs)
        own = getattr(self.shader, "cameras", None) if self.cameras is None else self.cameras
        kwargs["cameras"] = kwargs.get("cameras", own)
        if kwargs["cameras"] is None:
            raise ValueError("AntialiasedShader: no cameras; give them when it is made or called")
        settings = kwargs.pop("raster_settings", self.raster_settings)
        return antialias(images, fragments, meshes, raster_settings=settings, **kwargs)
