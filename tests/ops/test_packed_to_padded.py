"""packed_to_padded and padded_to_packed against loops over the batch, with gradients and bad input."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from r3d_cli import _native
from r3d_cli.backend import packed_to_padded as backend
from r3d_cli.ops import bridge, packed_to_padded, padded_to_packed
from r3d_cli.reference import packed_to_padded as reference

module = importlib.import_module("r3d_cli.ops.packed_to_padded")  # its function hides it in the package

DTYPES = [torch.float32, torch.float64, torch.int32, torch.int64]


@pytest.mark.parametrize("documented", [module, backend, bridge], ids=["ops", "backend", "bridge"])
def test_the_examples(documented: object) -> None:
    assert doctest.testmod(documented).failed == 0


def values(rows: int, trailing: tuple[int, ...] = (), dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(rows, *trailing, generator=torch.Generator().manual_seed(0)).mul(100).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trailing", [(), (1,), (3,), (2, 4)])
def test_both_ways_equal_a_loop(trailing: tuple[int, ...], dtype: torch.dtype) -> None:
    packed, first = values(9, trailing, dtype), [0, 4, 4, 7]
    padded = packed_to_padded(packed, torch.tensor(first), 5)
    assert padded.dtype == dtype
    torch.testing.assert_close(
        padded, reference.packed_to_padded(packed, torch.tensor(first, dtype=torch.int64), 5), rtol=0, atol=0
    )
    assert torch.equal(padded_to_packed(padded, torch.tensor(first), 9), packed)


@pytest.mark.parametrize("dtype", DTYPES)
def test_padding_holds_the_value(dtype: torch.dtype) -> None:
    packed, first = values(3, (2,), dtype), [0, 1]
    padded = packed_to_padded(packed, torch.tensor(first), 4, -1)
    assert torch.equal(
        padded, reference.packed_to_padded(packed, torch.tensor(first, dtype=torch.int64), 4, -1)
    )


@given(st.lists(st.integers(0, 6), max_size=8), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))
@settings(deadline=None)
def test_any_lengths(lengths: list[int], before: int, width: int, spare: int) -> None:
    """Also with rows before the first element, which belong to none, and rows to spare in the padded view."""
    first = [before + sum(lengths[:i]) for i in range(len(lengths))]
    rows = before + sum(lengths)
    packed, max_size = values(rows, (width,)), max(lengths, default=0) + spare
    padded = packed_to_padded(packed, torch.tensor(first, dtype=torch.int64), max_size)
    assert torch.equal(
        padded, reference.packed_to_padded(packed, torch.tensor(first, dtype=torch.int64), max_size)
    )
    back = padded_to_packed(padded, torch.tensor(first, dtype=torch.int64), rows)
    packed[: before if lengths else rows] = 0
    assert torch.equal(back, packed)


def test_rows_in_another_dimension() -> None:
    first, padded = torch.tensor([0, 2]), values(2, (3, 5))
    want = padded_to_packed(padded, first, 4)
    assert want.shape == (4, 5)
    for dim in (2, -1):
        assert torch.equal(padded_to_packed(padded.transpose(1, 2), first, 4, max_size_dim=dim), want)


def test_transposed_inputs() -> None:
    packed = values(3, (7,)).T
    padded = packed_to_padded(packed, torch.tensor([0, 3]), 4)
    assert torch.equal(padded, reference.packed_to_padded(packed, torch.tensor([0, 3]), 4))


def test_bits_survive() -> None:
    """Rows are copied, not computed with: NaN keeps its payload, zero its sign."""
    bits = torch.tensor([0x7FA00001, -1, -(2**31), 1], dtype=torch.int32)
    padded = packed_to_padded(bits.view(torch.float32), torch.tensor([0, 1]), 3)
    assert torch.equal(padded.view(torch.int32)[1], bits[1:])


def test_gradients() -> None:
    first = torch.tensor([1, 4, 4])
    packed = values(6, (2,), torch.float64).requires_grad_()
    padded = values(3, (3, 2), torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: packed_to_padded(x, first, 3, 7.0), packed)
    assert torch.autograd.gradcheck(lambda x: padded_to_packed(x, first, 6), padded)
    assert torch.autograd.gradgradcheck(lambda x: packed_to_padded(x, first, 3).square(), packed)
    flat = padded.detach().flatten(1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: padded_to_packed(x, torch.tensor([0, 5, 5]), 6), flat)


def test_instruction_sets_and_threads_agree(restore_native: None) -> None:
    """More rows than a thread takes at a time, of elements longer and shorter than that."""
    lengths = torch.tensor([70_000, 0, 3, 1, 50_000, 40_001])
    first = torch.cumsum(lengths, 0) - lengths
    packed = values(int(lengths.sum()), (3,))
    want = reference.packed_to_padded(packed, first, 70_001, 5.0)
    for isa in _native.isas():
        _native.set_isa(isa)
        for threads in (1, 2, 7):
            _native.set_num_threads(threads)
            assert torch.equal(packed_to_padded(packed, first, 70_001, 5.0), want)
            assert torch.equal(padded_to_packed(want, first, len(packed)), packed)


@pytest.mark.parametrize("transposed", [False, True])
def test_registration(transposed: bool) -> None:
    first = torch.tensor([0, 2, 2])
    packed, padded = values(4, (5,)), values(3, (2, 5))
    if transposed:
        packed, padded = packed.T.contiguous().T, padded.transpose(0, 2).contiguous().transpose(0, 2)
    torch.library.opcheck(module._fwd.torch_op, (packed.requires_grad_(), first, 2, 1.0))
    torch.library.opcheck(module._bwd.torch_op, (padded.requires_grad_(), first, 4))


def test_compiles_whole() -> None:
    first, packed = torch.tensor([0, 2, 2]), values(4, (5,), torch.float64)

    def loss(x: Tensor, max_size: int) -> Tensor:
        padded = packed_to_padded(x.sin(), first, max_size, 1.0)
        return (padded_to_packed(padded.transpose(1, 2), first, len(x), 2) * padded.sum()).sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager", dynamic=True)
    for max_size in (2, 3):
        x = packed.clone().requires_grad_()
        want, got = loss(x, max_size), compiled(x, max_size)
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(*(torch.autograd.grad(y, x)[0] for y in (got, want)))


def test_autocast_copies_halves_as_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        padded = packed_to_padded(torch.ones(3).bfloat16(), torch.tensor([0, 1]), 2)
    assert padded.dtype == torch.float32
    assert padded.tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(()), torch.tensor([0]), 1), "inputs must have shape (R, ...), got ()"),
        (
            (torch.zeros(3).half(), torch.tensor([0]), 3),
            "inputs must be float32 or float64 or int32 or int64",
        ),
        ((torch.zeros(3), torch.tensor([[0]]), 3), "first_idxs must have shape (N,), got (1, 1)"),
        ((torch.zeros(3), torch.tensor([0.0]), 3), "first_idxs must be int64, got float32"),
        ((torch.zeros(3), torch.tensor([0, 2, 1]), 3), "first_idxs must ascend within [0, 3], got [0, 2, 1]"),
        ((torch.zeros(3), torch.tensor([0, 4]), 4), "first_idxs must ascend within [0, 3], got [0, 4]"),
        ((torch.zeros(3), torch.tensor([-1, 2]), 3), "first_idxs must ascend within [0, 3], got [-1, 2]"),
        ((torch.zeros(3), torch.tensor([0, 1]), 1), "element 1 has 2 rows, more than max_size = 1"),
        ((torch.zeros(3), torch.tensor([0]), -1), "max_size must be at least 0, got -1"),
        ((torch.zeros(3), torch.tensor([0]), 2.0), "max_size must be an integer, got 2.0"),
        (([0.0, 1.0], torch.tensor([0]), 2), "inputs must be a tensor, got list"),
        ((torch.zeros(3), [0, 1], 2), "first_idxs must be a tensor, got list"),
        ((torch.zeros(3).long(), torch.tensor([0]), 3, 0.5), "pad_value must be int64, got 0.5"),
        ((torch.zeros(3).int(), torch.tensor([0]), 3, 2**40), "pad_value must be int32, got 1099511627776"),
    ],
)
def test_bad_input_is_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=f"^packed_to_padded: {re.escape(message)}"):
        packed_to_padded(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3), torch.tensor([0]), 1), "inputs must have shape (N, max_size, ...)"),
        ((torch.zeros(3, 2), torch.tensor([0]), 1), "inputs must have shape (N, max_size, ...) with N = 1"),
        ((torch.zeros(2, 2), torch.tensor([0, 1]), 4), "element 1 has 3 rows, more than max_size = 2"),
        ((torch.zeros(2, 2), torch.tensor([0, 1]), 3, 0), "max_size_dim must name a dimension after the"),
        ((torch.zeros(2, 2), torch.tensor([0, 1]), 3, 2), "max_size_dim must name a dimension after the"),
        ((torch.zeros(2, 2), torch.tensor([0, 1]), -3), "num_inputs must be at least 0, got -3"),
    ],
)
def test_bad_padded_input_is_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=f"^padded_to_packed: {re.escape(message)}"):
        padded_to_packed(*arguments)


def test_devices_without_kernels_are_named() -> None:
    meta = torch.zeros(3, device="meta")
    with pytest.raises(ValueError, match="packed_to_padded: has no kernels for meta; move its tensors to"):
        packed_to_padded(meta, torch.zeros(1, dtype=torch.int64, device="meta"), 3)
    with pytest.raises(ValueError, match="inputs is on meta, first_idxs is on cpu"):
        packed_to_padded(meta, torch.tensor([0]), 3)
