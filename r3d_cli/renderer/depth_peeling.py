"""`DepthPeelingRenderer`: transparent meshes, layer after layer until what is left passes a threshold."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from r3d_cli.checks import check_shape
from r3d_cli.ops.rasterize_meshes import Fragments
from r3d_cli.renderer.rasterizer import MeshRasterizer


class DepthPeelingRenderer(nn.Module):
    """Renders transparent meshes: all layers of faces, blended front to back.

    Depth peeling (Everitt 2001, "Interactive Order-Independent Transparency") with the over operator (Porter
    and Duff 1984). ``faces_per_pixel`` layers are rasterized at a time, then those behind them, until every
    pixel's transmittance, the product of 1 - alpha, is below ``threshold`` or no face is left: memory does
    not grow with the depth of the scene, and the picture does not depend on the order of the faces. Layers
    that begin below the threshold do not count, so that the picture does not depend on ``faces_per_pixel``
    either; alpha, and colours in 0..1 times alpha, fall short of those of all layers by less than it.

    Gradients reach colours, opacities and vertices through the layers that count. Unlike blurred silhouettes
    they know nothing of moving edges.

    Args:
        rasterizer: `MeshRasterizer`. Its ``faces_per_pixel`` layers are kept at a time, so 4 to 8 are faster
            than 1; a blur would widen the faces.
        shader: ``shader(fragments, meshes, **kwargs)`` to straight colours and alpha of the fragments,
            (N, H, W, K, 4): `TransparentShader`, or one of your own.
        threshold: Transmittance below which nothing more is blended; by default a step of 8 bits. 0: none.
        max_layers: Blend at most as many layers; None: all.
        recompute: Rasterize and shade again in the backward rather than keep every layer's fragments for
            it: takes longer, and then memory hardly grows with the depth when there are gradients, too.

    Raises:
        ValueError: A threshold outside 0..1, or ``max_layers`` below 1.

    Example:
        >>> from r3d_cli.renderer import FoVPerspectiveCameras, RasterizationSettings, TexturesVertex
        >>> from r3d_cli.renderer import TransparentShader, look_at_view_transform
        >>> from r3d_cli.utils import ico_sphere
        >>> sphere = ico_sphere(2)
        >>> sphere.textures = TexturesVertex(torch.ones_like(sphere.verts_padded()))
        >>> R, T = look_at_view_transform(2.7)
        >>> cameras = FoVPerspectiveCameras(R=R, T=T)
        >>> rasterizer = MeshRasterizer(cameras, RasterizationSettings(64, faces_per_pixel=4))
        >>> renderer = DepthPeelingRenderer(rasterizer, TransparentShader(cameras=cameras, opacity=0.25))
        >>> renderer(sphere)[0, 32, 32, 3]  # through the front and the back: 1 - 0.75²
        tensor(0.4375)
    """

    def __init__(
        self,
        rasterizer: MeshRasterizer,
        shader: Any,
        *,
        threshold: float = 1 / 255,
        max_layers: int | None = None,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= threshold <= 1:
            raise ValueError(f"DepthPeelingRenderer: threshold must lie in 0..1, got {threshold}")
        if max_layers is not None and max_layers < 1:
            raise ValueError(f"DepthPeelingRenderer: max_layers must be at least 1, got {max_layers}")
        self.rasterizer, self.shader = rasterizer, shader
        self.threshold, self.max_layers, self.recompute = threshold, max_layers, recompute

    def to(self, device: torch.device | str) -> DepthPeelingRenderer:  # type: ignore[override]
        """Moves rasterizer and shader."""
        self.rasterizer.to(device)
        self.shader.to(device)
        return self

    def forward(self, meshes_world: Any, **kwargs: Any) -> Tensor:
        """Render.

        Args:
            meshes_world: `Meshes`.
            **kwargs: Handed to the rasterizer and to the shader: cameras, lights, materials and the like.

        Returns:
            (N, H, W, 4) straight colours and alpha; zeros where there is no face.

        Raises:
            ValueError: A shader whose answer is not (N, H, W, K, 4).
        """
        settings = kwargs.pop("raster_settings", self.rasterizer.raster_settings)
        cameras = kwargs.get("cameras", self.rasterizer.cameras)
        meshes_ndc = self.rasterizer.transform(meshes_world, **kwargs)
        if len(meshes_ndc) != len(meshes_world):  # one mesh, seen by several cameras
            meshes_world = meshes_world.extend(len(meshes_ndc))

        def more(front: _Blended, place: _Place, layers_before: int) -> tuple[_Blended, _Place]:
            """What is blended, and how far, after some more layers."""
            fragments = self.rasterizer.rasterize(meshes_ndc, settings, cameras, *place)
            colors = self.shader(fragments, meshes_world, **kwargs)
            sizes = dict(zip("NHWK", fragments.pix_to_face.shape, strict=True))
            check_shape("DepthPeelingRenderer", "the shader's colours", colors, "N H W K 4", **sizes)
            blended = self._over(front, colors, fragments, layers_before)
            return blended, _last_layer(fragments, blended.transmittance >= self.threshold)

        blended, place = _nothing(meshes_ndc, settings)
        layers = 0
        while place.after_zbuf.isfinite().any() and (self.max_layers is None or layers < self.max_layers):
            if self.recompute and torch.is_grad_enabled():
                blended, place = checkpoint(
                    more, blended, place, layers, use_reentrant=False, preserve_rng_state=False
                )
            else:
                blended, place = more(blended, place, layers)
            layers += settings.faces_per_pixel
        opaque = torch.where(blended.alpha > 0, blended.alpha, 1)[..., None]
        return torch.cat([blended.color / opaque, blended.alpha[..., None]], -1)

    def _over(self, front: _Blended, colors: Tensor, fragments: Fragments, layers_before: int) -> _Blended:
        covered = fragments.pix_to_face >= 0
        alpha = torch.where(covered, colors[..., 3], 0)
        through = torch.cat([front.transmittance[..., None], 1 - alpha], -1).cumprod(-1)  # (N, H, W, K + 1)
        arriving = through[..., :-1]
        counts = covered & (arriving >= self.threshold)
        if self.max_layers is not None:
            slot = torch.arange(layers_before, layers_before + alpha.shape[-1], device=alpha.device)
            counts = counts & (slot < self.max_layers)
        weights = torch.where(counts, arriving * alpha, 0)
        # What a shader leaves in slots that do not count need not be a number.
        rgb = torch.where(counts[..., None], colors[..., :3], 0)
        return _Blended(
            front.color + (weights[..., None] * rgb).sum(-2), front.alpha + weights.sum(-1), through[..., -1]
        )


class _Blended(NamedTuple):
    """The layers so far."""

    color: Tensor  # (N, H, W, 3) times alpha
    alpha: Tensor  # (N, H, W)
    transmittance: Tensor  # (N, H, W) of all layers, those that no longer count too


class _Place(NamedTuple):
    """Where each pixel's next layer begins, as `rasterize_meshes` takes it."""

    after_zbuf: Tensor  # (N, H, W)
    after_face: Tensor  # (N, H, W)


def _nothing(meshes_ndc: Any, settings: Any) -> tuple[_Blended, _Place]:
    """The beginning. The first layers have a place too: one kernel then rasterizes all layers, whose depths
    must repeat bit by bit."""
    size = settings.image_size
    shape = len(meshes_ndc), *((size, size) if isinstance(size, int) else size)
    like = meshes_ndc.verts_packed().detach()
    before_all = like.new_full(shape, -1)
    blended = _Blended(like.new_zeros(*shape, 3), like.new_zeros(shape), like.new_ones(shape))
    return blended, _Place(before_all, before_all.long())


def _last_layer(fragments: Fragments, goes_on: Tensor) -> _Place:
    ids = fragments.pix_to_face[..., -1]
    depth = fragments.zbuf[..., -1].detach()
    return _Place(torch.where((ids >= 0) & goes_on, depth, torch.inf), ids)
