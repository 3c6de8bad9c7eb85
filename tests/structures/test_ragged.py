"""The ragged core: three views of the same rows, whichever was given."""

from __future__ import annotations

import copy
import doctest
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli.structures import ragged
from r3d_cli.structures.ragged import Layout, Ragged, pack, pad

LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=6)
VIEWS = ("list", "packed", "padded")


def rows_of(lengths: list[int]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(length, 2, generator=generator, dtype=torch.float64) for length in lengths]


def from_view(name: str, rows: list[torch.Tensor], pad_value: float = 0.0) -> Ragged:
    """The same rows, given as one of the views."""
    layout = Layout([len(row) for row in rows])
    packed = torch.cat(rows)
    given = {"list": rows, "packed": packed, "padded": pad(packed, layout, pad_value)}[name]
    return Ragged(layout, **{name: given}, pad_value=pad_value)


def test_the_examples() -> None:
    assert doctest.testmod(ragged).failed == 0


@given(LENGTHS, st.sampled_from(VIEWS))
@settings(deadline=None)
def test_every_view_holds_the_same_rows(lengths: list[int], name: str) -> None:
    rows = rows_of(lengths)
    made = from_view(name, rows, pad_value=-1.0)
    assert len(made.list) == len(rows)
    assert all(torch.equal(have, want) for have, want in zip(made.list, rows, strict=True))
    assert torch.equal(made.packed, torch.cat(rows))
    assert made.padded.shape == (len(rows), max(lengths), 2)
    for row, padded in zip(rows, made.padded, strict=True):
        assert torch.equal(padded[: len(row)], row)
        assert (padded[len(row) :] == -1).all()


@given(LENGTHS)
@settings(deadline=None)
def test_a_layout_s_indices_are_where_rows_stand(lengths: list[int]) -> None:
    rows = rows_of(lengths)
    layout = Layout(lengths)
    packed = torch.cat(rows)
    assert layout.num_per_batch.tolist() == lengths
    assert layout.packed_to_batch_idx.tolist() == [
        i for i, length in enumerate(lengths) for _ in range(length)
    ]
    for first, row in zip(layout.first_idx.tolist(), rows, strict=True):
        assert torch.equal(packed[first : first + len(row)], row)
    assert torch.equal(pad(packed, layout).flatten(0, 1)[layout.padded_to_packed_idx], packed)
    assert torch.equal(pack(pad(packed, layout), layout), packed)


@given(LENGTHS, st.sampled_from(VIEWS), st.data())
@settings(deadline=None)
def test_some_of_the_rows(lengths: list[int], name: str, data: st.DataObject) -> None:
    rows = rows_of(lengths)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=4))
    some = from_view(name, rows).select(chosen)
    assert some.layout.lengths == tuple(lengths[i] for i in chosen)
    assert torch.equal(some.packed, torch.cat([rows[i] for i in chosen]) if chosen else rows[0][:0])
    assert all(torch.equal(have, rows[i]) for have, i in zip(some.list, chosen, strict=True))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("view", VIEWS)
def test_gradients_pass_through_every_view(name: str, view: str) -> None:
    rows = [row.requires_grad_() for row in rows_of([2, 0, 3])]

    def call(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        result = getattr(from_view(name, list(inputs)), view)
        return result if isinstance(result, tuple) else (result,)

    torch.autograd.gradcheck(call, rows)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_views_first_seen_without_gradients_have_them_afterwards(name: str, mode: type) -> None:
    made = from_view(name, [row.requires_grad_() for row in rows_of([2, 3])])
    with mode():
        before = [made.packed, made.padded, made.list[0]]
    after = [made.packed, made.padded, made.list[0]]
    assert all(view.requires_grad and not view.is_inference() for view in after)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_index_tensors_made_for_inference_serve_training() -> None:
    layout = Layout([2, 3])
    with torch.inference_mode():
        index = layout.packed_to_batch_idx
    scale = torch.ones(2, requires_grad=True)
    scale[index].sum().backward()
    assert scale.grad is not None
    assert scale.grad.tolist() == [2, 3]


@pytest.mark.parametrize("name", VIEWS)
def test_views_follow_writes_into_what_was_given(name: str) -> None:
    made = from_view(name, rows_of([2, 3]))
    assert made.packed is made.packed  # computed once
    given = getattr(made, name)
    before = made.padded.clone(), made.packed.clone()
    for tensor in given if name == "list" else (given,):
        tensor.mul_(2)
    assert torch.equal(made.padded, 2 * before[0])
    assert torch.equal(made.packed, 2 * before[1])
    assert torch.equal(torch.cat(made.list), 2 * before[1])


def test_repeated_rows_share_memory() -> None:
    row = torch.rand(4, 3)
    many = Ragged.from_list([row]).repeat(5)
    assert len(many.layout) == 5
    assert {tensor.data_ptr() for tensor in many.list} == {row.data_ptr()}
    assert many.padded.data_ptr() == row.data_ptr()
    assert many.padded.shape == (5, 4, 3)
    moved = many.map(lambda tensor: tensor + 1)
    assert len({tensor.data_ptr() for tensor in moved.list}) == 1
    assert torch.equal(moved.packed, torch.cat([row + 1] * 5))


def test_rows_repeat_each_in_its_turn() -> None:
    rows = rows_of([1, 2])
    many = from_view("packed", rows).repeat(2)
    assert many.layout.lengths == (1, 1, 2, 2)
    assert torch.equal(many.packed, torch.cat([rows[0], rows[0], rows[1], rows[1]]))
    assert torch.equal(many.as_one().padded[0], many.packed)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_copies_hold_what_was_given(name: str, copier: object) -> None:
    rows = [row.requires_grad_() for row in rows_of([2, 0, 3])] if name == "list" else rows_of([2, 0, 3])
    made = from_view(name, rows)
    assert made.packed is not None  # of a list, no leaf: it cannot be copied
    copied = copier(made)  # type: ignore[operator]
    assert torch.equal(copied.padded, made.padded)
    assert copied.packed.requires_grad == made.packed.requires_grad
    assert copied.packed.data_ptr() != made.packed.data_ptr()


def test_a_pickle_of_shared_rows_holds_them_once() -> None:
    packed = torch.rand(20_000)
    made = Ragged(Layout([10_000] * 2), packed=packed).repeat(8)
    assert len(pickle.dumps(made)) < 1.5 * packed.nbytes


def test_a_layout_moves_only_to_another_device() -> None:
    layout = Layout([1, 2], max_length=4)
    assert layout.to("cpu") is layout
    moved = layout.to("meta")
    assert (moved.device.type, moved.lengths, moved.max_length) == ("meta", (1, 2), 4)
    assert layout == moved
    assert layout != Layout([1, 2])
    assert hash(layout) == hash(moved)
    assert layout != (1, 2)
