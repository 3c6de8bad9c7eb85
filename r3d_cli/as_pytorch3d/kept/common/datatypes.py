"""Devices."""

from __future__ import annotations

from typing import Any, Union

import torch

__all__ = ["Device", "get_device", "make_device"]

Device = Union[str, torch.device]  # noqa: UP007  (client code looks into it as typing's)


def make_device(device: Device) -> torch.device:
    """A device by its name; "cuda" is the current GPU, with its index, as in tensors' ``device``.

    Example:
        >>> make_device("cuda:1"), make_device(torch.device("cpu"))
        (device(type='cuda', index=1), device(type='cpu'))
    """
    found = torch.device(device)
    if found.type == "cuda" and found.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return found


def get_device(x: Any, device: Device | None = None) -> torch.device:
    """The device that is given, else that of ``x`` if it is a tensor, else the CPU.

    Example:
        >>> get_device(torch.zeros(1)), get_device(1.0, "cuda:0")
        (device(type='cpu'), device(type='cuda', index=0))
    """
    if device is not None:
        return make_device(device)
    return x.device if isinstance(x, torch.Tensor) else torch.device("cpu")
