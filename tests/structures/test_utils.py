"""The list_to_packed family."""

from __future__ import annotations

import doctest
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.structures import list_to_packed, list_to_padded, packed_to_list, padded_to_list, utils
from r3d_cli.structures.utils import padded_to_packed

SIZES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=5)


def test_the_examples() -> None:
    assert doctest.testmod(utils).failed == 0


@given(SIZES)
@settings(deadline=None)
def test_padding_and_taking_it_off_again(sizes: list[tuple[int, int]]) -> None:
    x = [torch.rand(size) + 1 for size in sizes]
    padded = list_to_padded(x, pad_value=-1.0)
    assert padded.shape == (len(x), max(a for a, _ in sizes), max(b for _, b in sizes))
    for have, want in zip(padded_to_list(padded, sizes), x, strict=True):
        assert torch.equal(have, want)
    assert (padded != -1).sum() == sum(tensor.numel() for tensor in x)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5))
@settings(deadline=None)
def test_packing_and_unpacking(lengths: list[int]) -> None:
    x = [torch.rand(length, 2) for length in lengths]
    packed, count, first, index = list_to_packed(x)
    assert torch.equal(packed, torch.cat(x))
    assert count.tolist() == lengths
    assert first.tolist() == [sum(lengths[:i]) for i in range(len(lengths))]
    assert index.tolist() == [i for i, length in enumerate(lengths) for _ in range(length)]
    assert all(torch.equal(a, b) for a, b in zip(packed_to_list(packed, lengths), x, strict=True))
    padded = list_to_padded(x)
    assert torch.equal(padded_to_packed(padded, lengths), packed)
    assert all(torch.equal(a, b) for a, b in zip(padded_to_list(padded, lengths), x, strict=True))


def test_sizes_may_be_given() -> None:
    x = [torch.ones(2, 3), torch.ones(1, 2)]
    assert list_to_padded(x, pad_size=(4, 5)).shape == (2, 4, 5)
    assert list_to_padded([torch.ones(2, 3)] * 2, pad_size=(4, 3)).shape == (2, 4, 3)
    assert torch.equal(list_to_padded([x[0], x[0]], equisized=True), torch.ones(2, 2, 3))
    assert list_to_padded([x[0], torch.tensor([])]).tolist() == [[[1.0] * 3] * 2, [[0.0] * 3] * 2]
    assert [len(part) for part in packed_to_list(torch.rand(4, 2), 2)] == [2, 2]
    assert [len(part) for part in padded_to_list(torch.rand(2, 3))] == [3, 3]
    assert padded_to_packed(torch.rand(2, 3, 1)).shape == (6, 1)
    ones = torch.tensor([[[1.0, 2.0], [0.0, 0.0]], [[3.0, 0.0], [0.0, 0.0]]])
    assert padded_to_packed(ones, pad_value=0.0).tolist() == [[1.0, 2.0], [3.0, 0.0]]
    assert list_to_padded([torch.tensor([True]), torch.tensor([True, True])]).tolist() == [
        [True, False],
        [True] * 2,
    ]


def test_gradients() -> None:
    x = [torch.rand(n, 2, dtype=torch.float64, requires_grad=True) for n in (2, 0, 3)]
    torch.autograd.gradcheck(lambda *x: list_to_padded(x), x)
    torch.autograd.gradcheck(lambda *x: list_to_packed(x)[0], x)
    padded = torch.rand(2, 3, 2, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: padded_to_packed(x, [1, 3]), padded)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: list_to_padded([]), "list_to_padded: x must hold at least one tensor, got none"),
        (lambda: list_to_padded([1]), "list_to_padded: x[0] must be a tensor, got int"),
        (
            lambda: list_to_padded([torch.ones(2), torch.ones(2, 2)]),
            "list_to_padded: x must have as many dimensions everywhere, got (2,), (2, 2)",
        ),
        (
            lambda: list_to_padded([torch.ones(2)], pad_size=[1]),
            "list_to_padded: pad_size must have 1 sizes, at least (2,), got (1,)",
        ),
        (
            lambda: list_to_padded([torch.ones(2)], pad_size=[3, 3]),
            "list_to_padded: pad_size must have 1 sizes, at least (2,), got (3, 3)",
        ),
        (lambda: list_to_packed([]), "list_to_packed: x must hold at least one tensor, got none"),
        (
            lambda: list_to_packed([torch.ones(2, 1), torch.ones(2, 2)]),
            "list_to_packed: x must have rows of one shape, got (2, 1), (2, 2)",
        ),
        (
            lambda: packed_to_list(torch.ones(3), [1, 1]),
            "packed_to_list: split_size sums to 2, x has 3 rows",
        ),
        (
            lambda: padded_to_list(torch.ones(3, 2), [1]),
            "padded_to_list: split_size must have 3 entries, got 1",
        ),
        (
            lambda: padded_to_packed(torch.ones(3, 2)),
            "padded_to_packed: x must have shape (N, M, K), got (3, 2)",
        ),
        (
            lambda: padded_to_packed(torch.ones(1, 2, 2), [1], 0.0),
            "padded_to_packed: takes split_size or pad_value, got both",
        ),
        (
            lambda: padded_to_packed(torch.ones(1, 2, 2), [1, 1]),
            "padded_to_packed: split_size must have 1 entries, got 2",
        ),
    ],
)
def test_what_does_not_fit_is_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()  # type: ignore[operator]
