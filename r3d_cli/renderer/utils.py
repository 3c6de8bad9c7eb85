"""What cameras, lights and materials share: batches of named parameters. And images sampled at NDC points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from r3d_cli.checks import check_shape

Self = TypeVar("Self", bound="TensorProperties")


class TensorProperties(nn.Module):
    """A batch of N things that are described by named values, the base of cameras, lights and materials.

    Numbers, sequences, arrays and tensors become tensors of shape (N, ...): a first size of 1 (or none) is
    expanded to the largest one given. Booleans, strings and None stay what they are. As a module it moves
    with the module that holds it.

    Args:
        dtype: Of what is no tensor yet. A floating-point tensor of higher precision raises it for all values,
            so that float64 parameters give a float64 batch.
        device: Where the values go.
        **kwargs: The values by name; each becomes an attribute.

    Raises:
        ValueError: First sizes that are neither 1 nor equal.

    Example:
        >>> lamp = TensorProperties(position=((0.0, 1.0, 0.0), (0.0, 2.0, 0.0)), power=3.0)
        >>> len(lamp), lamp.power
        (2, tensor([3., 3.]))
    """

    def __init__(
        self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", **kwargs: Any
    ) -> None:
        super().__init__()
        self.device = device if isinstance(device, torch.device) else torch.device(device)
        if self.device == torch.device("cuda"):
            self.device = torch.device("cuda", torch.cuda.current_device())
        for value in kwargs.values():
            if isinstance(value, Tensor) and value.is_floating_point():
                dtype = torch.promote_types(dtype, value.dtype)
        self.dtype = dtype

        tensors: dict[str, Tensor] = {}
        for name, value in kwargs.items():
            if value is None or isinstance(value, bool | str):
                setattr(self, name, value)
            else:
                tensor = format_tensor(value, dtype, device)
                tensors[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
        self._N = batch_size(type(self).__name__, **tensors)
        for name, tensor in tensors.items():
            setattr(self, name, tensor.expand(self._N, *tensor.shape[1:]))

    def __len__(self) -> int:
        return self._N

    def extra_repr(self) -> str:
        return f"N={self._N}, dtype={self.dtype}, device={self.device}"

    def isempty(self) -> bool:
        """Whether there is no element."""
        return self._N == 0

    def __getitem__(self, index: int | slice) -> Any:
        """The values of some elements, to be read and set: ``lights[0].location = (0, 1, 0)``."""
        if not isinstance(index, int | slice):
            raise ValueError(f"{type(self).__name__}[…]: an int or a slice, got {type(index).__name__}")
        if isinstance(index, int):
            _in_range(type(self).__name__, index, self._N)
        return TensorAccessor(self, index)

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """What ``Module.to``, ``cuda``, ``double`` and their like come down to."""
        super()._apply(fn, recurse)
        for name, tensor in self._tensors():
            if name in self.__dict__:
                setattr(self, name, fn(tensor))
        probe = fn(torch.empty(0, dtype=self.dtype, device=self.device))
        self.device, self.dtype = self.device if probe.device == self.device else probe.device, probe.dtype
        return self

    def to(self: Self, device: Any = "cpu", *args: Any, **kwargs: Any) -> Self:  # type: ignore[override]
        """Move the values, in place; arguments as of ``torch.nn.Module.to``."""
        super().to(device, *args, **kwargs)
        if isinstance(device, torch.device) and device == self.device:
            self.device = device  # the very object, which client code compares with `is`
        return self

    def clone(self, other: TensorProperties) -> Any:
        """Copy the values into ``other``, an object of the same class, and return it."""
        for name, value in self._values():
            setattr(other, name, value.clone() if isinstance(value, Tensor) else value)
        other._N, other.device, other.dtype = self._N, self.device, self.dtype
        return other

    def gather_props(self: Self, batch_idx: Tensor) -> Self:
        """Replace each value by the rows that ``batch_idx`` names, in place.

        Args:
            batch_idx: (B,) int64 elements of the batch, in any order and number.
        """
        check_shape(f"{type(self).__name__}.gather_props", "batch_idx", batch_idx, "B")
        for name, tensor in self._tensors():
            rows = batch_idx if len(tensor) > 1 else torch.zeros_like(batch_idx)
            setattr(self, name, tensor.index_select(0, rows))
        self._N = len(batch_idx)
        return self

    def _values(self) -> list[tuple[str, Any]]:
        return [
            (name, value)
            for name, value in (*self.__dict__.items(), *self._parameters.items(), *self._buffers.items())
            if not name.startswith("_") and name not in ("training", "device", "dtype")
        ]

    def _tensors(self) -> list[tuple[str, Tensor]]:
        return [(name, value) for name, value in self._values() if isinstance(value, Tensor)]


class TensorAccessor:
    """The values of some elements of a batch of ``TensorProperties``, read and set like attributes."""

    def __init__(self, owner: TensorProperties, index: int | slice) -> None:
        self.__dict__.update(_owner=owner, _index=index)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._owner, name)
        return value[self._index] if isinstance(value, Tensor) else value

    def __setattr__(self, name: str, value: Any) -> None:
        tensor = getattr(self._owner, name)
        if not isinstance(tensor, Tensor):
            raise AttributeError(
                f"{type(self._owner).__name__}.{name} is no tensor: set it for the whole batch"
            )
        changed = tensor.clone()
        changed[self._index] = format_tensor(value, tensor.dtype, tensor.device)
        setattr(self._owner, name, changed)


def format_tensor(
    value: Any, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Tensor:
    """A tensor with at least one dimension on a device; ``dtype`` applies to what is no tensor yet."""
    if not isinstance(value, Tensor):
        if isinstance(value, Sequence) and any(isinstance(part, Tensor) for part in value):
            value = torch.stack([torch.as_tensor(part, dtype=dtype, device=device) for part in value])
        else:
            value = torch.as_tensor(np.asarray(value), dtype=dtype, device=device).clone()
    if value.dim() == 0:
        value = value.reshape(1)
    return value.to(device)


def convert_to_tensors_and_broadcast(
    *args: Any, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> list[Tensor]:
    """Numbers, sequences, arrays and tensors as tensors with one first size.

    Args:
        *args: Each of shape (), (1, ...) or (N, ...).
        dtype: Of what is no tensor yet.
        device: Where the tensors go.

    Returns:
        A list of tensors (N, ...), expanded without copying.

    Raises:
        ValueError: First sizes that are neither 1 nor equal.

    Example:
        >>> a, b = convert_to_tensors_and_broadcast(1.0, [1.0, 2.0])
        >>> a.shape == b.shape
        True
    """
    tensors = [format_tensor(arg, dtype, device) for arg in args]
    named = {f"argument {i}": tensor for i, tensor in enumerate(tensors)}
    size = batch_size("convert_to_tensors_and_broadcast", **named)
    return [tensor.expand(size, *tensor.shape[1:]) for tensor in tensors]


def batch_size(where: str, **tensors: Tensor) -> int:
    """The common first size of tensors, where 1 fits all; a ValueError that names two that do not fit."""
    largest = None
    for name, tensor in tensors.items():
        if len(tensor) == 1:
            continue
        if largest is None:
            largest = name
        elif len(tensor) != len(tensors[largest]):
            raise ValueError(
                f"{where}: {largest} has shape {tuple(tensors[largest].shape)} and {name} "
                f"{tuple(tensor.shape)}; the first sizes must be equal or 1"
            )
    return len(tensors[largest]) if largest is not None else min(1, len(tensors))


def _in_range(where: str, index: int, size: int) -> None:
    if not -size <= index < size:
        raise IndexError(f"{where}[{index}]: there are {size}")


def ndc_to_grid_sample_coords(xy_ndc: Tensor, image_size_hw: tuple[int, int]) -> Tensor:  # (..., 2)
    """NDC points as coordinates of ``torch.nn.functional.grid_sample``.

    NDC has +x to the left, +y up, and the shorter side spans [-1, 1]; there +x is to the right, +y down, and
    each side spans [-1, 1].

    Args:
        xy_ndc: (..., 2) points.
        image_size_hw: Height and width of the image, pixels.

    Returns:
        (..., 2) coordinates.

    Raises:
        ValueError: Points that have not two coordinates, or an image size that is not a pair.

    Example:
        >>> ndc_to_grid_sample_coords(torch.tensor([[2.0, 1.0]]), (100, 200))
        tensor([[-1., -1.]])
    """
    check_shape("ndc_to_grid_sample_coords", "xy_ndc", xy_ndc, "... 2")
    if len(image_size_hw) != 2:
        raise ValueError(
            f"ndc_to_grid_sample_coords: image_size_hw must be (height, width), got {image_size_hw}"
        )
    height, width = image_size_hw
    shorter = min(height, width)
    return -xy_ndc * xy_ndc.new_tensor([shorter / width, shorter / height])


def ndc_grid_sample(
    input: Tensor,  # (N, C, H, W)
    grid_ndc: Tensor,  # (N, ..., 2)
    *,
    align_corners: bool = False,
    **grid_sample_kwargs: Any,
) -> Tensor:  # (N, C, ...)
    """Sample images at NDC points.

    Args:
        input: (N, C, H, W) images.
        grid_ndc: (N, ..., 2) points in NDC.
        align_corners: As in ``torch.nn.functional.grid_sample``; False is what NDC mean: -1 and 1 are the
            outer edges of the first and last pixel of the shorter side.
        **grid_sample_kwargs: The rest of its arguments, such as ``mode`` and ``padding_mode``.

    Returns:
        (N, C, ...) samples.

    Raises:
        ValueError: Wrong shapes, or batches of different sizes.

    Example:
        >>> image = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> ndc_grid_sample(image, torch.tensor([[[0.5, 0.5]]]))
        tensor([[[0.]]])
    """
    where = "ndc_grid_sample"
    sizes = check_shape(where, "input", input, "N C H W")
    check_shape(where, "grid_ndc", grid_ndc, "... 2")
    if len(grid_ndc) != sizes["N"]:
        raise ValueError(
            f"{where}: input has shape {tuple(input.shape)} and grid_ndc {tuple(grid_ndc.shape)}; "
            "their batches must be of one size"
        )
    batch, *spatial, _ = grid_ndc.shape
    grid = ndc_to_grid_sample_coords(grid_ndc.reshape(batch, -1, 1, 2), (sizes["H"], sizes["W"]))
    sampled = nn.functional.grid_sample(input, grid, align_corners=align_corners, **grid_sample_kwargs)
    return sampled.reshape(batch, sizes["C"], *spatial)
