"""weighted_rows against its formula, with gradients of both orders, threads, dtypes and bad input."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
import torch
from torch import Tensor

from r3d_cli import _native
from r3d_cli.backend import weighted_rows as backend
from r3d_cli.reference import weighted_rows as reference

module = importlib.import_module("r3d_cli.ops.weighted_rows")
weighted_rows = module.weighted_rows


@pytest.mark.parametrize("documented", [module, backend], ids=["ops", "backend"])
def test_the_examples(documented: object) -> None:
    assert doctest.testmod(documented).failed == 0


def inputs(
    rows: int, sums: int, terms: int, channels: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, rows, (sums, terms), generator=generator) if rows else torch.zeros(sums, terms)
    reals = [torch.randn(*shape, generator=generator).to(dtype) for shape in ((rows, channels), ids.shape)]
    return reals[0].requires_grad_(), ids.long(), reals[1].requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 17])
@pytest.mark.parametrize("terms", [1, 3, 4, 8])
def test_sums_and_gradients_are_those_of_the_formula(terms: int, channels: int, dtype: torch.dtype) -> None:
    given = inputs(40, 300, terms, channels, dtype)
    got, want = weighted_rows(*given), reference.weighted_rows(*given)
    assert got.dtype == dtype
    cotangent = torch.cos(torch.arange(got.numel())).view_as(got).to(dtype)
    leaves = given[0], given[2]
    found = [got, *torch.autograd.grad(got, leaves, cotangent)]
    wanted = [want, *torch.autograd.grad(want, leaves, cotangent)]
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize(
    "sizes", [(3, 0, 4, 2), (3, 5, 0, 2), (3, 5, 2, 0), (0, 0, 3, 2)], ids=["P", "J", "C", "T"]
)
def test_nothing_to_add(sizes: tuple[int, int, int, int]) -> None:
    rows, ids, weights = inputs(*sizes)
    sums = weighted_rows(rows, ids, weights)
    assert torch.equal(sums, torch.zeros(sizes[1], sizes[3], dtype=torch.float64))
    grads = torch.autograd.grad(sums.sum(), (rows, weights))
    assert torch.equal(grads[0], torch.zeros_like(rows))
    assert torch.equal(grads[1], torch.zeros_like(weights))


def test_gradients_of_gradients() -> None:
    rows, ids, weights = inputs(4, 5, 3, 2)
    assert torch.autograd.gradcheck(lambda r, w: weighted_rows(r, ids, w), (rows, weights))
    assert torch.autograd.gradgradcheck(lambda r, w: weighted_rows(r, ids, w), (rows, weights))


def test_instruction_sets_and_threads_agree(restore_native: None) -> None:
    """Bit by bit; rows that many sums share, so that the order of adding would show."""
    rows, ids, weights = inputs(5000, 60_000, 4, 3, torch.float32)
    ids[::2] = ids[::2] % 40
    cotangent = torch.cos(torch.arange(180_000.0)).view(-1, 3)
    results = []
    for isa in _native.isas():
        _native.set_isa(isa)
        for threads in (1, 2, 5):
            _native.set_num_threads(threads)
            sums = weighted_rows(rows, ids, weights)
            results.append([sums, *torch.autograd.grad(sums, (rows, weights), cotangent)])
    for result in results[1:]:
        assert all(map(torch.equal, result, results[0]))
    order = torch.arange(len(ids)).flip(0)  # another order is told
    mirrored = weighted_rows(rows, ids[order], weights[order])
    assert not torch.equal(torch.autograd.grad(mirrored, rows, cotangent[order])[0], results[0][1])


@pytest.mark.parametrize(
    ("rows", "weights", "dtype"),
    [
        (torch.float32, torch.float64, torch.float64),
        (torch.bfloat16, torch.float32, torch.float32),
        (torch.bfloat16, torch.bfloat16, torch.bfloat16),
    ],
)
def test_mixed_dtypes(rows: torch.dtype, weights: torch.dtype, dtype: torch.dtype) -> None:
    values, ids, factors = inputs(7, 9, 3, 2)
    leaves = values.detach().to(rows).requires_grad_(), factors.detach().to(weights).requires_grad_()
    sums = weighted_rows(leaves[0], ids, leaves[1])
    assert sums.dtype == dtype
    want = reference.weighted_rows(leaves[0].double(), ids, leaves[1].double())
    torch.testing.assert_close(sums.double(), want, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-2)
    grads = torch.autograd.grad(sums.sum(), leaves)
    assert [grad.dtype for grad in grads] == [rows, weights]


def test_under_autocast_it_computes_in_float32() -> None:
    rows, ids, weights = inputs(7, 9, 3, 2, torch.float32)
    want = weighted_rows(rows, ids, weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(weighted_rows(rows, ids, weights), want)


def test_registration() -> None:
    rows, ids, weights = inputs(6, 4, 3, 2)
    grad = torch.randn(4, 2, dtype=torch.float64).requires_grad_()
    transposed = [x.detach().T.contiguous().T.requires_grad_(x.requires_grad) for x in (rows, ids, weights)]
    for given in ((rows, ids, weights), tuple(transposed)):
        torch.library.opcheck(module._fwd.torch_op, given)
        torch.library.opcheck(module._rows_bwd.torch_op, (given[1], given[2], grad, 6, None, None))
        torch.library.opcheck(module._weights_bwd.torch_op, (given[0], given[1], grad))


def test_compiles_whole() -> None:
    rows, ids, weights = inputs(6, 4, 3, 2)

    def loss(rows: Tensor, weights: Tensor) -> Tensor:
        return weighted_rows(rows, ids, weights).square().sum()

    leaves = rows, weights
    want = torch.autograd.grad(loss(*leaves), leaves)
    got = torch.autograd.grad(torch.compile(loss, fullgraph=True, backend="aot_eager")(*leaves), leaves)
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("bad", [6, -1, 2**40])
def test_ids_of_no_row(bad: int) -> None:
    rows, ids, weights = inputs(6, 40, 3, 2)
    ids[17, 2], ids[30, 0] = bad, bad
    named = re.escape(f"weighted_rows: ids[17] names a row outside [0, 6): {ids[17].tolist()}")
    with pytest.raises(IndexError, match=named):
        weighted_rows(rows, ids, weights)


@pytest.mark.parametrize(
    ("rows", "ids", "weights", "error"),
    [
        ((4,), (5, 3), (5, 3), "rows must have shape (T, C), got (4,)"),
        ((4, 2), (5,), (5, 3), "ids must have shape (P, J), got (5,)"),
        ((4, 2), (5, 3), (5, 2), "weights must have shape (P, J) with P = 5 and J = 3, got (5, 2)"),
    ],
)
def test_wrong_shapes(
    rows: tuple[int, ...], ids: tuple[int, ...], weights: tuple[int, ...], error: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"weighted_rows: {error}")):
        weighted_rows(torch.zeros(rows), torch.zeros(ids).long(), torch.zeros(weights))
    with pytest.raises(ValueError, match="weighted_rows: ids must be int64, got int32"):
        weighted_rows(torch.zeros(4, 2), torch.zeros(5, 3).int(), torch.zeros(5, 3))
