"""What the tests of transforms share."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

#: Rotation vectors where formulas tend to break: at and beside angles 0 and π, about each axis and none.
AXES = [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (0.6, -0.48, 0.64), (-1 / 3, 2 / 3, 2 / 3)]
ANGLES = [0.0, 1e-12, 1e-7, 1e-5, 1e-4, 1e-3, 4e-3, 6e-3, 0.02, 0.1, 1.0, 2.0, math.pi - 1e-4, math.pi - 1e-7]


@pytest.fixture
def hard_rotation_vectors() -> Tensor:  # (70, 3) float64
    axes = torch.tensor(AXES, dtype=torch.float64)
    angles = torch.tensor(ANGLES, dtype=torch.float64)
    return (axes[:, None] * angles[:, None]).reshape(-1, 3)


@pytest.fixture
def jacobian() -> Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]:
    """(out, in) of a function by autograd, of one input without batch."""

    def by_autograd(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
        result = torch.autograd.functional.jacobian(function, at)
        return result.reshape(-1, at.numel())

    return by_autograd


@pytest.fixture
def finite_differences() -> Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]:
    """(out, in) of a function by central differences in float64."""

    def by_differences(function: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-6) -> Tensor:
        columns = []
        for k in range(at.numel()):
            nudge = torch.zeros_like(at).flatten()
            nudge[k] = step
            nudge = nudge.reshape(at.shape)
            columns.append(((function(at + nudge) - function(at - nudge)) / (2 * step)).flatten())
        return torch.stack(columns, -1)

    return by_differences
