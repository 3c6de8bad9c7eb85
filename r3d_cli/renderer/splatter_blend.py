"""Splatting: samples of surfaces, spread over the pixels around their own, so that edges have gradients."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.renderer.blending import BlendParams, background_of
from r3d_cli.renderer.splats import EMPTY, splat

#: What the weights at a covered pixel add up to beyond 1. Above 1 they are normalised, and that is what lets
#: the colours inside a surface depend on the positions of samples.
_EXCESS = 0.05


class SplatterBlender(nn.Module):
    """Blends samples as Cole et al. 2021, "Differentiable Surface Rendering via Non-Differentiable Sampling".

    A rasterizer samples K surfaces at each pixel centre. Where that is does not move with the mesh, but the
    point of the surface that was sampled does: each sample is splatted at its projection, with the weight
    exp(-d^2 / 2 sigma^2) at the distance d, onto the 3 x 3 pixels around its own. Weights are divided by
    their sum over 9 pixel centres and multiplied by 1.05: inside a surface they saturate, and alpha is 1. At
    the picture's border only the pixels that exist are summed, so that a wall stays opaque there.

    A splat lands in one of three layers. Of two neighbouring pixels the samples nearest in depth, at least
    one of them a foremost one, are taken for the same surface; samples of the neighbour at that depth lie on
    the pixel's *surface*, nearer ones in its *foreground*, farther ones in its *background*. In each layer
    the sum of colours is divided by that of the weights where this exceeds 1, and the layers are put over
    each other and over the background colour. To know what an edge hides takes K = 2 or more.

    Args:
        input_shape: (N, H, W, K) of the fragments.
        device: Where the pixel centres are kept.

    Raises:
        ValueError: ``input_shape`` is not four sizes.

    Example:
        >>> blender = SplatterBlender((1, 3, 5, 1), "cpu")
        >>> from r3d_cli.renderer import OrthographicCameras
        >>> rows, columns = torch.meshgrid(torch.arange(3), torch.arange(5), indexing="ij")
        >>> centers = torch.stack([4 - 2.0 * columns, 2 - 2.0 * rows, 3 + 0.0 * rows], -1) / 3
        >>> empty = (columns > 1).reshape(1, 3, 5, 1)  # a black half, its edge between two columns
        >>> colors, points = torch.zeros(1, 3, 5, 1, 3), centers.reshape(1, 3, 5, 1, 3)
        >>> picture = blender(colors, points, OrthographicCameras(), empty, BlendParams(sigma=0.5))
        >>> [round(alpha, 3) for alpha in picture[0, 1, :, 3].tolist()]
        [1.0, 0.938, 0.112, 0.0, 0.0]
    """

    def __init__(self, input_shape: tuple[int, int, int, int], device: torch.device | str) -> None:
        super().__init__()
        if len(input_shape) != 4:
            raise ValueError(f"SplatterBlender: input_shape must be (N, H, W, K), got {tuple(input_shape)!r}")
        self.input_shape = tuple(input_shape)
        _, height, width, _ = self.input_shape
        down, right = (torch.arange(side, device=device) + 0.5 for side in (height, width))
        centers = torch.stack(torch.meshgrid(right, down, indexing="xy"), -1)
        self.register_buffer("_centers", centers, persistent=False)
        self._centers: Tensor  # (H, W, 2) pixels to the right, down

    def forward(
        self,
        colors: Tensor,
        pixel_coords_cameras: Tensor,
        cameras: Any,
        background_mask: Tensor,
        blend_params: BlendParams,
    ) -> Tensor:
        """Blend.

        Args:
            colors: (N, H, W, K, C) of the samples, nearest first.
            pixel_coords_cameras: (N, H, W, K, 3) the points that were sampled, of the world that the cameras
                look at (PyTorch3D's name notwithstanding). Gradients reach the geometry through these.
            cameras: N cameras, or one.
            background_mask: (N, H, W, K), True in empty slots, whose colours and points do not count.
            blend_params: ``sigma`` in pixels, made for 0.5, and the background's colour.

        Returns:
            (N, H, W, C + 1), alpha last. Colours are those over the background.

        Raises:
            ValueError: A wrong shape or dtype, or a sigma that is not positive.
        """
        where = "SplatterBlender"
        sizes = dict(zip("NHWK", self.input_shape, strict=True))
        sizes |= check_shape(where, "colors", colors, "N H W K C", **sizes)
        check_shape(where, "pixel_coords_cameras", pixel_coords_cameras, "N H W K 3", **sizes)
        check_shape(where, "background_mask", background_mask, "N H W K", **sizes)
        check_dtype(where, "background_mask", background_mask, "bool")
        if not blend_params.sigma > 0:
            raise ValueError(f"{where}: sigma must be above 0 pixels, got {blend_params.sigma}")

        # Nothing of an empty slot may reach a gradient, not even as zero times infinity.
        colors = torch.where(background_mask[..., None], 0, colors)
        points = torch.where(background_mask[..., None], 0, pixel_coords_cameras)
        depths = _depths(points.detach(), cameras, background_mask)
        positions = self._project(points, cameras)
        layers = splat(_planes(colors), _planes(positions), _planes(depths), blend_params.sigma)

        scaled = layers * self._scale(blend_params.sigma).to(layers)  # (3, C + 1, N, H, W)
        background, surface, foreground = scaled / scaled[:, -1:].clamp(min=1)
        color = background_of(blend_params, colors)
        picture = torch.cat([color, color.new_zeros(1)])[:, None, None, None]
        for layer in (background, surface, foreground):
            picture = layer + (1 - layer[-1]) * picture
        return picture.permute(1, 2, 3, 0)

    @property
    def device(self) -> torch.device:
        return self._centers.device

    def to(self, device: torch.device | str) -> SplatterBlender:  # type: ignore[override]
        """Moves the pixel centres."""
        return super().to(device)

    def _project(self, points: Tensor, cameras: Any) -> Tensor:  # (N, H, W, K, 3) -> (N, H, W, K, 2)
        """Positions on the picture, pixels to the right and down from its corner."""
        _, height, width, _ = self.input_shape
        # The least depth only guards empty slots: a sample in the camera's own plane is in no picture.
        eps = torch.finfo(points.dtype).eps
        ndc = cameras.transform_points_ndc(points.flatten(1, 3), eps=eps, image_size=(height, width))
        half = ndc.new_tensor([width / 2, height / 2])
        return (half - ndc[..., :2] * (min(height, width) / 2)).reshape(*points.shape[:-1], 2)

    def _scale(self, sigma: float) -> Tensor:  # (H, W)
        """1.05 over the sum of the Gaussian over the pixel centres around each pixel, in the picture only."""
        sides = []
        for side in self._centers.shape[:2]:
            place = torch.arange(side, device=self.device)
            beside = (place > 0).double() + (place < side - 1).double()
            sides.append(1 + beside * math.exp(-0.5 / sigma**2))
        return (1 + _EXCESS) / (sides[0][:, None] * sides[1])


def _planes(picture: Tensor) -> Tensor:  # (N, H, W, K, ...) -> (..., K, N, H, W)
    return picture.permute(*range(4, picture.dim()), 3, 0, 1, 2).contiguous()


def _depths(points: Tensor, cameras: Any, empty: Tensor) -> Tensor:  # (N, H, W, K + 1)
    """View depths of samples. Empty slots are as far as can be, and behind the last one there is one more."""
    view = cameras.get_world_to_view_transform().transform_points(points.flatten(1, 3))
    depths = torch.where(empty, EMPTY, view[..., 2].reshape(empty.shape))
    return pad(depths, [0, 1], value=EMPTY)
