"""The linear layer of NeRF networks that joins what a ray's points have each and what they share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

__all__ = ["LinearWithRepeat"]


class LinearWithRepeat(torch.nn.Linear):
    """A linear layer of ``torch.cat((a, b repeated), -1)`` that does not repeat b.

    Example:
        >>> layer = LinearWithRepeat(3 + 2, 4)
        >>> layer((torch.zeros(5, 7, 3), torch.zeros(5, 2))).shape
        torch.Size([5, 7, 4])
    """

    def forward(self, input: tuple[Tensor, Tensor]) -> Tensor:  # type: ignore[override]
        """The layer of what each point has, (..., P, A), and of what P points share, (..., B)."""
        each, shared = input
        of_each, of_shared = self.weight.split((each.shape[-1], shared.shape[-1]), dim=1)
        return linear(each, of_each, self.bias) + linear(shared, of_shared)[..., None, :]
