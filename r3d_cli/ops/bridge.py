"""The bridge between PyTorch and the launchers of ``backend/``: tensors around, raw arrays below.

The public function of an op checks its arguments (`checks.py`), passes the floating ones through `prepare`,
and calls the op, which `declare.py` makes of a declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from r3d_cli.backend.arrays import NumpyArrays
from r3d_cli.backend.cpu import share_openmp
from r3d_cli.checks import check_same_device, dtype_name

#: Where the kernels run.
DEVICES = ("cpu", "cuda")
# Not `torch.library.custom_op`: its first call imports torch._dynamo, which takes a second.
LIBRARY = torch.library.Library("r3d", "FRAGMENT")
_HALVES = (torch.float16, torch.bfloat16)

# PyTorch's wheels bring their OpenMP runtime along.
for _runtime in Path(torch.__file__).parent.glob("lib/lib*omp*.so*"):
    share_openmp(_runtime)


def register(schema: str, run: Callable[..., Any], fake: Callable[..., Any]) -> Any:
    """Make a ``torch.library`` op of a launcher.

    Args:
        schema: The op's name and signature, as the dispatcher writes them, without a namespace.
        run: Takes the arguments in this order, each tensor as a raw array: NumPy's on the CPU, without a copy
            where it is contiguous; on a GPU the tensor itself, contiguous and without its graph, which the
            launch door reads (its allocator and stream are PyTorch's current ones). Returns arrays of the
            same kind, newly made.
        fake: Takes the tensors themselves, returns empty ones of the results' shapes and dtypes.

    Returns:
        The op, to be called with tensors.
    """
    name = schema.partition("(")[0]

    def call(*arguments: Any) -> Any:
        results = run(*map(to_raw, arguments))
        return tuple(map(to_tensor, results)) if isinstance(results, tuple) else to_tensor(results)

    LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    for device in DEVICES:
        LIBRARY.impl(name, call, device.upper())
    torch.library.register_fake(f"r3d::{name}", fake, lib=LIBRARY)
    return getattr(torch.ops.r3d, name).default


def differentiate(
    op: Any, save: Callable[[Any, tuple[Any, ...], Any], None], backward: Callable[..., Any]
) -> None:
    """Give an op its gradient.

    Args:
        op: What `register` returned.
        save: ``save(ctx, inputs, output)`` keeps what the backward needs.
        backward: ``backward(ctx, *grads)`` calls the backward op; a gradient, or None, for each argument.
    """
    torch.library.register_autograd(op, backward, setup_context=save, lib=LIBRARY)


def prepare(where: str, **tensors: Tensor | None) -> tuple[Any, ...]:
    """Tensors as the kernels take them: on one device that has kernels, and, under autocast, in float32.

    Autocast hands out halves, which PyTorch's own geometry would not survive either; float64 stays.

    Args:
        where: The public function.
        **tensors: By their argument's name; None passes through.

    Returns:
        The tensors in order.

    Raises:
        ValueError: No tensor, two devices, or one without kernels.

    Example:
        >>> with torch.autocast("cpu", torch.bfloat16):
        ...     points, ids = prepare("knn_points", points=torch.ones(2).bfloat16(), ids=torch.arange(2))
        >>> points.dtype, ids.dtype
        (torch.float32, torch.int64)
    """
    for name, tensor in tensors.items():
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ValueError(f"{where}: {name} must be a tensor, got {type(tensor).__name__}")
    check_same_device(where, **tensors)
    kind = next((tensor.device.type for tensor in tensors.values() if tensor is not None), "cpu")
    if kind not in DEVICES:
        raise ValueError(f"{where}: has no kernels for {kind}; move its tensors to cpu or cuda with .to()")
    if not torch.is_autocast_enabled(kind):
        return tuple(tensors.values())
    return tuple(
        tensor.float() if tensor is not None and tensor.dtype in _HALVES else tensor
        for tensor in tensors.values()
    )


def empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A tensor of undefined contents, on the CPU in memory that large dead results left behind."""
    if not like.is_cpu:
        return like.new_empty(shape)
    return torch.from_numpy(NumpyArrays().empty(shape, dtype_name(like)))


def to_raw(value: Any) -> Any:
    """A tensor as a launcher takes it; anything else as it is."""
    if not isinstance(value, Tensor):
        return value
    value = value.detach().contiguous()
    return value.numpy() if value.is_cpu else value


def to_tensor(array: Any) -> Tensor:
    """A launcher's result as a tensor, on the same memory."""
    return torch.from_numpy(array) if isinstance(array, np.ndarray) else array
