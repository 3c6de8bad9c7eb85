"""What every op promises, as checks for its tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from r3d_cli import _native
from r3d_cli.ops.declare import Op


def is_registered(op: Op, *arguments: Any) -> None:
    """PyTorch's own checks of the schema, the fake and the gradients, for tensors of any strides."""
    torch.library.opcheck(op.torch_op, arguments)
    torch.library.opcheck(op.torch_op, tuple(map(_transposed, arguments)))


def _transposed(value: Any) -> Any:
    """A tensor whose values do not lie one after another."""
    if not isinstance(value, Tensor) or value.dim() < 2:
        return value
    return value.detach().mT.contiguous().mT.requires_grad_(value.requires_grad)


def compiles_whole(loss: Callable[..., Tensor], *leaves: Tensor) -> None:
    """One graph, with the gradients that there are without it."""
    want = torch.autograd.grad(loss(*leaves), leaves)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(torch.autograd.grad(compiled(*leaves), leaves), want)


def agree_on_threads_and_isas(results: Callable[[], list[Tensor]]) -> list[Tensor]:
    """The same bits on every instruction set and number of threads; the test restores those."""
    first: list[Tensor] = []
    for isa in _native.isas():
        _native.set_isa(isa)
        for threads in (1, 2, 5):
            _native.set_num_threads(threads)
            found = results()
            first = first or found
            assert all(map(torch.equal, found, first)), f"{isa}, {threads} threads"
    return first
