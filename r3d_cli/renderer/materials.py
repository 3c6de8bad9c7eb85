"""`Materials`: how a surface reflects light."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.renderer.lighting import one_row
from r3d_cli.renderer.utils import TensorProperties


class Materials(TensorProperties):
    """What the colours of lights are multiplied by, and how sharp highlights are.

    Args:
        ambient_color: (N, C) or (C,): of as many channels as the lights and textures have, mostly 3.
        diffuse_color: Of Lambertian reflection.
        specular_color: Of highlights.
        shininess: (N,) or a number: Phong's exponent.
        device: Where the values go.

    Raises:
        ValueError: A value of another shape.

    Example:
        >>> Materials(shininess=10.0).shininess
        tensor([10.])
    """

    ambient_color: Tensor
    diffuse_color: Tensor
    specular_color: Tensor
    shininess: Tensor

    def __init__(
        self,
        ambient_color: Any = ((1, 1, 1),),
        diffuse_color: Any = ((1, 1, 1),),
        specular_color: Any = ((1, 1, 1),),
        shininess: Any = 64,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(
            device=device,
            ambient_color=one_row(ambient_color),
            diffuse_color=one_row(diffuse_color),
            specular_color=one_row(specular_color),
            shininess=shininess,
        )
        if not isinstance(self.shininess, torch.Tensor):
            raise ValueError(f"Materials: shininess must be a number or (N,), got {self.shininess!r}")
        if self.shininess.dim() == 2 and self.shininess.shape[1] == 1:
            self.shininess = self.shininess[:, 0]
        for name, tensor in self._tensors():
            letters, wanted = ("(N,)", 1) if name == "shininess" else ("(N, C)", 2)
            if tensor.dim() != wanted:
                raise ValueError(f"Materials: {name} must have shape {letters}, got {tuple(tensor.shape)}")

    def clone(self) -> Materials:  # type: ignore[override]
        """A copy with memory of its own; gradients flow through it."""
        return super().clone(Materials(device=self.device))
