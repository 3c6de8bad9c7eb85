"""`MeshRenderer`: a rasterizer and a shader."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from r3d_cli.ops.rasterize_meshes import Fragments
from r3d_cli.renderer.fused import fused_render


class MeshRendererWithFragments(nn.Module):
    """Renders meshes, and hands out the fragments too.

    Args:
        rasterizer: Meshes to fragments, such as `MeshRasterizer`.
        shader: ``shader(fragments, meshes, **kwargs)`` to a picture.

    Example:
        >>> from r3d_cli.renderer import FoVPerspectiveCameras, MeshRasterizer, SoftSilhouetteShader
        >>> from r3d_cli.renderer import look_at_view_transform
        >>> from r3d_cli.utils import ico_sphere
        >>> R, T = look_at_view_transform(2.7)
        >>> rasterizer = MeshRasterizer(FoVPerspectiveCameras(R=R, T=T))
        >>> images, fragments = MeshRendererWithFragments(rasterizer, SoftSilhouetteShader())(ico_sphere(1))
        >>> images.shape, fragments.zbuf.shape
        (torch.Size([1, 256, 256, 4]), torch.Size([1, 256, 256, 1]))
    """

    def __init__(self, rasterizer: Any, shader: Any) -> None:
        super().__init__()
        self.rasterizer = rasterizer
        self.shader = shader

    def to(self, device: torch.device | str) -> MeshRendererWithFragments:  # type: ignore[override]
        """Moves rasterizer and shader."""
        self.rasterizer.to(device)
        self.shader.to(device)
        return self

    def forward(self, meshes_world: Any, **kwargs: Any) -> tuple[Tensor, Fragments]:
        """Render.

        Args:
            meshes_world: `Meshes`.
            **kwargs: Handed to the rasterizer and to the shader: cameras, lights, materials and the like.

        Returns:
            Pictures (N, H, W, 4), and the fragments.
        """
        fragments = self.rasterizer(meshes_world, **kwargs)
        if len(fragments.pix_to_face) != len(meshes_world):  # one mesh, seen by several cameras
            meshes_world = meshes_world.extend(len(fragments.pix_to_face))
        return self.shader(fragments, meshes_world, **kwargs), fragments


class MeshRenderer(MeshRendererWithFragments):
    """Renders meshes: pictures (N, H, W, 4); see `MeshRendererWithFragments` for the arguments.

    Example:
        >>> from r3d_cli.renderer import FoVPerspectiveCameras, MeshRasterizer, SoftSilhouetteShader
        >>> from r3d_cli.renderer import look_at_view_transform
        >>> from r3d_cli.utils import ico_sphere
        >>> R, T = look_at_view_transform(2.7)
        >>> renderer = MeshRenderer(MeshRasterizer(FoVPerspectiveCameras(R=R, T=T)), SoftSilhouetteShader())
        >>> renderer(ico_sphere(1))[0, :, :, 3].amax() > 0.9
        tensor(True)
    """

    def forward(self, meshes_world: Any, **kwargs: Any) -> Tensor:  # type: ignore[override]
        """Render, inside one kernel where `fused_render` knows the rasterizer and the shader."""
        image = fused_render(self.rasterizer, self.shader, meshes_world, kwargs)
        return super().forward(meshes_world, **kwargs)[0] if image is None else image
