"""Determinants of 3 x 3 matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_shape

__all__ = ["_safe_det_3x3"]


def _safe_det_3x3(t: Tensor) -> Tensor:  # (N, 3, 3) -> (N,)
    """Determinants by products, which have gradients for singular matrices too.

    Example:
        >>> _safe_det_3x3(2 * torch.eye(3)[None])
        tensor([8.])
    """
    check_shape("_safe_det_3x3", "t", t, "N 3 3")
    first, second, third = t.unbind(1)
    return (first * torch.linalg.cross(second, third)).sum(-1)
