"""The background of blending."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.renderer import BlendParams

__all__ = ["_get_background_color"]


def _get_background_color(
    blend_params: BlendParams, device: torch.device | str, dtype: torch.dtype = torch.float32
) -> Tensor:  # (3,)
    """The background's colour as a tensor on a device.

    Example:
        >>> _get_background_color(BlendParams(background_color=(0.0, 0.5, 1.0)), "cpu")
        tensor([0.0000, 0.5000, 1.0000])
    """
    return torch.as_tensor(blend_params.background_color, dtype=dtype, device=device)
