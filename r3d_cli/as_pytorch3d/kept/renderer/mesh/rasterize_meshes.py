"""Where pixels lie in NDC, in which the shorter side spans [-1, 1]."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor

__all__ = ["non_square_ndc_range", "pix_to_non_square_ndc"]

N = TypeVar("N", float, Tensor)


def non_square_ndc_range(S1: int, S2: int) -> float:
    """How long a side of S1 pixels is in NDC, beside one of S2.

    Example:
        >>> non_square_ndc_range(200, 100), non_square_ndc_range(100, 200)
        (4.0, 2.0)
    """
    return 2.0 * S1 / min(S1, S2)


def pix_to_non_square_ndc(i: N, S1: int, S2: int) -> N:
    """Where the centre of pixel ``i`` lies on a side of S1 pixels, beside one of S2.

    Example:
        >>> pix_to_non_square_ndc(0, 4, 2), pix_to_non_square_ndc(3, 4, 2)
        (-1.5, 1.5)
    """
    return ((i + 0.5) / S1 - 0.5) * non_square_ndc_range(S1, S2)
