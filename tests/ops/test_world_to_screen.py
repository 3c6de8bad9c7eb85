"""world_to_screen against its definition, with gradients of both orders, threads, dtypes and bad input."""

from __future__ import annotations

import doctest
import importlib
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli import _native
from r3d_cli.backend import world_to_screen as backend
from r3d_cli.reference import world_to_screen as reference

module = importlib.import_module("r3d_cli.ops.world_to_screen")
world_to_screen = module.world_to_screen
LENSES = [(kind, columns) for kind, sizes in backend.LENSES.items() for columns in sizes]
SPLIT = torch.tensor([0, 4, 4, 9])  # the second camera sees nothing


@pytest.mark.parametrize("documented", [module, backend], ids=["ops", "backend"])
def test_the_examples(documented: object) -> None:
    assert doctest.testmod(documented).failed == 0


def inputs(kind: str, columns: int, dtype: torch.dtype = torch.float64, verts: int = 9) -> tuple[Tensor, ...]:
    """Vertices, poses and lenses of three cameras: boxes have extents, pictures a size."""
    generator = torch.Generator().manual_seed(3)
    shapes = (verts, 3), (3, 3, 3), (3, 3)
    reals = [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]
    reals[2][:, 2] += 4
    lens = torch.rand(3, columns, generator=generator, dtype=torch.float64) + 0.5
    if kind == "box":
        lens[:, [1, 3]] -= 2
    elif columns == 6:
        lens[:, 4:] = torch.tensor([[10.0, 14.0], [12.0, 12.0], [9.0, 5.0]])
    return tuple(value.to(dtype).requires_grad_() for value in (*reals, lens))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("first", [None, SPLIT], ids=["shared", "split"])
@pytest.mark.parametrize(("kind", "columns"), LENSES)
def test_values_and_gradients_are_those_of_the_definition(
    kind: str, columns: int, first: Tensor | None, dtype: torch.dtype
) -> None:
    leaves = inputs(kind, columns, dtype)
    found = world_to_screen(*leaves, kind, first)
    got, want = found.verts, reference.world_to_screen(leaves[0], first, *leaves[1:], kind)
    assert got.dtype == dtype
    assert found.not_finite.tolist() == [0]
    cotangent = torch.cos(torch.arange(got.numel())).view_as(got).to(dtype)
    grads, wanted = (torch.autograd.grad(value, leaves, cotangent) for value in (got, want))
    for mine, theirs in zip((got, *grads), (want, *wanted), strict=True):
        scale = float(theirs.abs().max())
        limit = 1e-5 if dtype == torch.float32 else 1e-12
        torch.testing.assert_close(mine, theirs, rtol=limit, atol=limit * scale)


@pytest.mark.parametrize("first", [None, SPLIT], ids=["shared", "split"])
@pytest.mark.parametrize(("kind", "columns"), LENSES)
def test_gradients_of_both_orders(kind: str, columns: int, first: Tensor | None) -> None:
    *leaves, lens = inputs(kind, columns)
    size = lens[:, 4:].detach() if columns == 6 and kind != "box" else lens[:, :0].detach()
    free = lens.detach()[:, : columns - size.shape[1]].clone().requires_grad_()

    def run(verts: Tensor, R: Tensor, T: Tensor, free: Tensor) -> Tensor:
        return world_to_screen(verts, R, T, torch.cat([free, size], 1), kind, first).verts

    assert torch.autograd.gradcheck(run, (*leaves, free))
    assert torch.autograd.gradgradcheck(run, (*leaves, free))


@pytest.mark.parametrize("first", [None, [0, 40_000, 41_000, 70_001]], ids=["shared", "split"])
def test_instruction_sets_and_threads_agree(first: list[int] | None, restore_native: None) -> None:
    """Bit by bit, and sums of many rows are as exact as one row."""
    leaves = inputs("fov_degrees", 2, torch.float32, verts=70_001)
    bounds = None if first is None else torch.tensor(first)
    results: list[list[Tensor]] = []
    for isa in _native.isas():
        _native.set_isa(isa)
        for threads in (1, 2, 5):
            _native.set_num_threads(threads)
            screen = world_to_screen(*leaves, "fov_degrees", bounds).verts
            cotangent = torch.cos(torch.arange(float(screen.numel()))).view_as(screen)
            results.append([screen, *torch.autograd.grad(screen, leaves, cotangent)])
    for result in results[1:]:
        assert all(map(torch.equal, result, results[0]))
    exact = [leaf.detach().double().requires_grad_() for leaf in leaves]
    screen = world_to_screen(*exact, "fov_degrees", bounds).verts
    for mine, want in zip(
        results[0][1:], torch.autograd.grad(screen, exact, cotangent.double()), strict=True
    ):
        assert float((mine - want).abs().max()) < 1e-4 * float(want.abs().max())


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
@pytest.mark.parametrize("z", [0.0, 1e-12, -1e-12])
def test_depths_are_kept_from_zero(kind: str, z: float) -> None:
    """By a millionth of the distance from the axis, on the side where they are."""
    verts = torch.tensor([[3.0, -4.0, z], [0.0, 0.0, z]], requires_grad=True)
    pose = torch.eye(3)[None], torch.zeros(1, 3)
    screen = world_to_screen(verts, *pose, torch.tensor([[1.0, 1.0, 0.0, 0.0]]), kind).verts
    side = -1 if z < 0 else 1
    torch.testing.assert_close(float(screen[0, 2].detach()), side * 4e-6)
    assert torch.isfinite(screen).all()
    if kind == "perspective":
        torch.testing.assert_close(screen[0, :2] * screen[0, 2], verts[0, :2])


def test_what_is_not_finite_is_counted() -> None:
    verts, R, T, lens = (leaf.detach() for leaf in inputs("perspective", 4, torch.float32, verts=20_000))
    verts[3, 0], verts[17_000] = np.nan, np.inf
    assert world_to_screen(verts, R, T, lens, "perspective").not_finite.tolist() == [6]
    split = torch.tensor([0, 3, 17_001, 20_000])
    assert world_to_screen(verts, R, T, lens, "perspective", split).not_finite.tolist() == [2]


@pytest.mark.parametrize("first", [None, torch.tensor([0, 0, 0, 0])], ids=["shared", "split"])
def test_no_vertices(first: Tensor | None) -> None:
    leaves = inputs("perspective", 4, verts=0)
    screen = world_to_screen(*leaves, "perspective", first)
    assert screen.verts.shape == (0, 3)
    assert screen.not_finite.tolist() == [0]
    for leaf, grad in zip(leaves, torch.autograd.grad(screen.verts.sum(), leaves), strict=True):
        assert torch.equal(grad, torch.zeros_like(leaf))


def test_registration() -> None:
    leaves = inputs("fov_radians", 2)
    matrices, kind = torch.rand(3, 12, dtype=torch.float64) + 1, list(backend.LENSES).index("fov_radians")
    for first, rows in ((None, 27), (SPLIT, 9)):
        given = (leaves[0], first, *leaves[1:], kind)
        grad = torch.randn(rows, 3, dtype=torch.float64).T.contiguous().T
        torch.library.opcheck(module._fwd.torch_op, given)
        # Second derivatives, of the definition, read `first`: they are for eager mode.
        given = tuple(x.detach() if isinstance(x, Tensor) else x for x in given)
        torch.library.opcheck(module._verts_bwd.torch_op, (*given, matrices, grad))
        torch.library.opcheck(module._cameras_bwd.torch_op, (*given, matrices, grad))


def test_compiles_whole() -> None:
    leaves = inputs("perspective", 6)

    def loss(*given: Tensor) -> Tensor:
        return world_to_screen(*given, "perspective", SPLIT).verts.square().sum()

    want = torch.autograd.grad(loss(*leaves), leaves)
    got = torch.autograd.grad(torch.compile(loss, fullgraph=True, backend="aot_eager")(*leaves), leaves)
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("first", [[1, 4, 4, 9], [0, 5, 4, 9], [0, 4, 4, 8], [0, 4, 4, 10]])
def test_cameras_whose_vertices_do_not_follow_each_other(first: list[int]) -> None:
    with pytest.raises(IndexError, match="world_to_screen: first must rise from 0 to the number of vertices"):
        world_to_screen(*inputs("perspective", 4), "perspective", torch.tensor(first))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({0: torch.zeros(4, 2)}, "verts must have shape (V, 3), got (4, 2)"),
        ({1: torch.zeros(2, 3, 3)}, "R must have shape (C, 3, 3) with C = 3, got (2, 3, 3)"),
        ({3: torch.zeros(3, 5)}, "a lens of kind perspective has 4 or 6 numbers, got 5"),
        ({4: "fisheye"}, "kind must be one of perspective, orthographic, fov_degrees, fov_radians, box"),
        ({2: torch.zeros(3, 3)}, "must have one dtype, got float64, float64, float32, float64"),
        ({5: torch.zeros(3).long()}, "first must have shape"),
    ],
)
def test_wrong_arguments(changes: dict[int, Any], error: str) -> None:
    given = [*inputs("perspective", 4), "perspective", None]
    for position, value in changes.items():
        given[position] = value
    with pytest.raises(ValueError, match=re.escape(error)):
        world_to_screen(*given)
