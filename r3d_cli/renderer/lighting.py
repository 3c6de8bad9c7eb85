"""Lights, and the Phong reflection model (Phong 1975) at points with normals."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.renderer.utils import TensorProperties, format_tensor

_SHORTEST = 1e-6  # a vector shorter than this is divided by it, rather than by its length


class _Directions(torch.autograd.Function):
    """``torch.nn.functional.normalize``, whose gradient takes twice as many passes over the vectors."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor) -> Tensor:  # (..., 3)
        length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
        ctx.save_for_backward(vectors)
        return vectors / length.clamp(min=_SHORTEST)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (grad,) = grad_outputs
        (vectors,) = ctx.saved_tensors
        squared = (vectors * vectors).sum(-1, keepdim=True)
        share = (vectors * grad).sum(-1, keepdim=True) / squared.clamp(min=_SHORTEST**2)
        share = torch.where(squared > _SHORTEST**2, share, 0)
        return (grad - share * vectors) / squared.clamp(min=_SHORTEST**2).sqrt()


def diffuse(normals: Tensor, color: Any, direction: Any) -> Tensor:
    """Lambertian reflection.

    Args:
        normals: (N, ..., 3); need not be of unit length.
        color: (3,), (N, 3) or (N, ..., 3), of the light.
        direction: Towards the light, (3,), (N, 3) or (N, ..., 3); need not be of unit length.

    Returns:
        (N, ..., 3): the colour times the cosine between normal and direction, where that is positive.

    Raises:
        ValueError: Shapes that do not fit each other.

    Example:
        >>> up = torch.tensor([[0.0, 0.0, 2.0]])
        >>> diffuse(up, torch.ones(1, 3), torch.tensor([[0.0, 1.0, 1.0]]))
        tensor([[0.7071, 0.7071, 0.7071]])
    """
    check_shape("diffuse", "normals", normals, "... 3")
    normals = _Directions.apply(normals)
    direction = _Directions.apply(_spread("diffuse", "direction", direction, normals))
    cosine = torch.relu((normals * direction).sum(-1, keepdim=True))
    return _spread("diffuse", "color", color, normals) * cosine


def specular(
    points: Tensor,
    normals: Tensor,
    direction: Any,
    color: Any,
    camera_position: Any,
    shininess: Any,
) -> Tensor:
    """Mirror-like reflection, on the side that the light reaches.

    Args:
        points: (N, ..., 3) where the light is reflected.
        normals: (N, ..., 3) there.
        direction: Towards the light, (3,), (N, 3) or (N, ..., 3).
        color: (3,), (N, 3) or (N, ..., 3), of the light.
        camera_position: (3,), (N, 3) or (N, ..., 3), in the space of ``points``.
        shininess: A number, (N,) or (N, ...) exponents.

    Returns:
        (N, ..., 3): the colour times the cosine between the reflected ray and the view, to that power. Where
        the light or the view does not reach, that is 0 to the power: 1 of the exponent 0.

    Raises:
        ValueError: Shapes that do not fit each other.

    Example:
        >>> origin, up = torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]])
        >>> specular(origin, up, up, torch.ones(1, 3), 5 * up, torch.tensor([64.0]))
        tensor([[1., 1., 1.]])
    """
    where = "specular"
    check_shape(where, "points", points, "... 3")
    normals = _Directions.apply(normals)
    direction = _Directions.apply(_spread(where, "direction", direction, normals))
    cosine = (normals * direction).sum(-1)
    view = _Directions.apply(_spread(where, "camera_position", camera_position, points) - points)
    mirrored = 2 * cosine[..., None] * normals - direction
    along = (view * mirrored).sum(-1)
    seen = (cosine > 0) & (along > 0)
    exponent = _tensor(where, "shininess", shininess, points)
    if exponent.dim() < along.dim():
        exponent = exponent.reshape(-1, *[1] * (along.dim() - 1))
    # The power of zero has no finite derivative below the exponent 1: it is taken of what is seen only.
    unseen = (exponent == 0).to(along.dtype)
    power = torch.where(seen, torch.where(seen, along, 1).pow(exponent), unseen)
    return _spread(where, "color", color, points) * power[..., None]


def _spread(where: str, name: str, given: Any, points: Tensor) -> Tensor:
    """Values (3,), or of batch elements (N, 3) or (N, 1, ..., 3), as they go with points (N, ..., 3)."""
    values = _tensor(where, name, given, points)
    if values.dim() == points.dim():
        return values
    if values.dim() == 1:
        values = values[None]
    if not 2 <= values.dim() < points.dim() or any(size != 1 for size in values.shape[1:-1]):
        raise ValueError(
            f"{where}: {name} has shape {tuple(values.shape)}, which does not fit points or normals of shape "
            f"{tuple(points.shape)}"
        )
    return values.reshape(len(values), *[1] * (points.dim() - 2), values.shape[-1])


def _tensor(where: str, name: str, given: Any, like: Tensor) -> Tensor:
    """A number, a sequence, an array or a tensor as a tensor."""
    if isinstance(given, Tensor):
        return given
    try:
        return format_tensor(given, like.dtype, like.device)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: {name} must be numbers or a tensor, got {type(given).__name__}") from None


def one_row(value: Any) -> Any:
    """A colour, direction or place (C,) as that of one element, (1, C); all else as it is."""
    if value is None or (isinstance(value, Tensor) and value.dim() != 1):
        return value
    try:
        tensor = format_tensor(value)
    except (TypeError, ValueError):  # to be told with the others
        return value
    return tensor[None] if tensor.dim() == 1 else value


class _Lights(TensorProperties):
    """What lights share: three colours, each one (3,) or a row for each element of the batch."""

    ambient_color: Tensor

    def __init__(self, device: torch.device | str, **kwargs: Any) -> None:
        super().__init__(device=device, **{name: one_row(value) for name, value in kwargs.items()})
        for name, tensor in self._tensors():
            if tensor.dim() != 2 or (name != "ambient_color" and tensor.shape[-1] != 3):
                raise ValueError(
                    f"{type(self).__name__}: {name} must have shape (N, 3), got {tuple(tensor.shape)}"
                )

    def clone(self) -> Any:  # type: ignore[override]
        """A copy with memory of its own; gradients flow through it."""
        return super().clone(type(self)(device=self.device))


class AmbientLights(_Lights):
    """The same light from everywhere.

    Args:
        ambient_color: (N, C) or (C,); by default white, of 3 channels. C may be any number of channels.
        device: Where the values go.

    Example:
        >>> AmbientLights().ambient_color
        tensor([[1., 1., 1.]])
    """

    def __init__(self, ambient_color: Any = None, device: torch.device | str = "cpu") -> None:
        super().__init__(device, ambient_color=((1.0, 1.0, 1.0),) if ambient_color is None else ambient_color)

    def diffuse(self, normals: Tensor, points: Tensor) -> Tensor:
        """Zeros, of as many channels as the colour."""
        return normals.new_zeros((*normals.shape[:-1], self.ambient_color.shape[-1]))

    def specular(self, normals: Tensor, points: Tensor, camera_position: Any, shininess: Any) -> Tensor:
        """Zeros, of as many channels as the colour."""
        return self.diffuse(normals, points)


class DirectionalLights(_Lights):
    """Light from one direction, as of the sun.

    Args:
        ambient_color: (N, 3) or (3,), added everywhere.
        diffuse_color: Of Lambertian reflection.
        specular_color: Of highlights.
        direction: Towards the light, (N, 3) or (3,), world space.
        device: Where the values go.

    Example:
        >>> lights = DirectionalLights(direction=((0.0, 0.0, 1.0),))
        >>> lights.diffuse(torch.tensor([[0.0, 0.0, 1.0]]))
        tensor([[0.3000, 0.3000, 0.3000]])
    """

    diffuse_color: Tensor
    specular_color: Tensor
    direction: Tensor

    def __init__(
        self,
        ambient_color: Any = ((0.5, 0.5, 0.5),),
        diffuse_color: Any = ((0.3, 0.3, 0.3),),
        specular_color: Any = ((0.2, 0.2, 0.2),),
        direction: Any = ((0, 1, 0),),
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(
            device,
            ambient_color=ambient_color,
            diffuse_color=diffuse_color,
            specular_color=specular_color,
            direction=direction,
        )

    def diffuse(self, normals: Tensor, points: Tensor | None = None) -> Tensor:
        """`diffuse` of these lights at (N, ..., 3) normals."""
        return diffuse(normals, self.diffuse_color, self.direction)

    def specular(self, normals: Tensor, points: Tensor, camera_position: Any, shininess: Any) -> Tensor:
        """`specular` of these lights at (N, ..., 3) points."""
        return specular(points, normals, self.direction, self.specular_color, camera_position, shininess)


class PointLights(_Lights):
    """Light from a point, as of a lamp; it does not fade with the distance.

    Args:
        ambient_color: (N, 3) or (3,), added everywhere.
        diffuse_color: Of Lambertian reflection.
        specular_color: Of highlights.
        location: (N, 3) or (3,), world space.
        device: Where the values go.

    Example:
        >>> lights = PointLights(location=((0.0, 0.0, 5.0),))
        >>> lights.diffuse(torch.tensor([[0.0, 0.0, 1.0]]), torch.zeros(1, 3))
        tensor([[0.3000, 0.3000, 0.3000]])
    """

    diffuse_color: Tensor
    specular_color: Tensor
    location: Tensor

    def __init__(
        self,
        ambient_color: Any = ((0.5, 0.5, 0.5),),
        diffuse_color: Any = ((0.3, 0.3, 0.3),),
        specular_color: Any = ((0.2, 0.2, 0.2),),
        location: Any = ((0, 1, 0),),
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(
            device,
            ambient_color=ambient_color,
            diffuse_color=diffuse_color,
            specular_color=specular_color,
            location=location,
        )

    def reshape_location(self, points: Tensor) -> Tensor:
        """The location (N, 1, ..., 3), as it goes with points (N, ..., 3)."""
        return _spread("PointLights", "location", self.location, points)

    def diffuse(self, normals: Tensor, points: Tensor) -> Tensor:
        """`diffuse` of these lights at (N, ..., 3) points."""
        return diffuse(normals, self.diffuse_color, self.reshape_location(points) - points)

    def specular(self, normals: Tensor, points: Tensor, camera_position: Any, shininess: Any) -> Tensor:
        """`specular` of these lights at (N, ..., 3) points."""
        direction = self.reshape_location(points) - points
        return specular(points, normals, direction, self.specular_color, camera_position, shininess)
