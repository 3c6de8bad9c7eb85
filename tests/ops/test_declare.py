"""Declarations of ops: what is made of them, and what is refused."""

from __future__ import annotations

import itertools
import re
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.ops.declare import OPS, Op, declare

_numbers = itertools.count()


class Scaling(NamedTuple):
    factor: float
    flipped: bool | None = None


def scaled_sum(rows: Any, starts: Any, count: int, scaling: Scaling) -> tuple[Any, Any]:
    """(N, C) rows, summed over so many columns; which were summed."""
    factor = -scaling.factor if scaling.flipped else scaling.factor
    return factor * rows[:, :count].sum(1), np.arange(2 * count, dtype=np.int32)


def make(**changes: Any) -> Op:
    """A differentiable op of a name of its own."""
    name = f"test_declare_{next(_numbers)}"
    parts = {
        "run": scaled_sum,
        "gradients": {"rows": spread},
        "records": (Scaling,),
        **changes,
    }
    inputs = "rows: real (N, C), starts: int64? (N + 1,), count: int J, scaling: Scaling"
    return declare(f"{name}({inputs}) -> sums: real (N,), columns: int32 (2J,)", **parts)


def spread(rows: Tensor, count: int, scaling: Scaling, grad_sums: Tensor) -> Tensor:
    factor = -scaling.factor if scaling.flipped else scaling.factor
    inside = (torch.arange(rows.shape[1]) < count).to(rows.dtype)
    return factor * grad_sums[:, None] * inside


def test_results_gradients_and_schema() -> None:
    op = make()
    rows = torch.rand(3, 4, dtype=torch.float64, requires_grad=True)
    for scaling in (Scaling(2.0), Scaling(2.0, True)):
        sums, columns = op(rows, None, 2, scaling)
        sign = -1 if scaling.flipped else 1
        torch.testing.assert_close(sums, sign * 2 * rows[:, :2].sum(1))
        assert columns.tolist() == [0, 1, 2, 3]
        assert torch.autograd.gradcheck(lambda rows, how=scaling: op(rows, None, 2, how)[0], rows)
    assert op.differentiable == ("rows",)
    assert op.stem == "test_declare"
    assert str(op.torch_op._schema) == (
        f"r3d::{op.name}(Tensor rows, Tensor? starts, SymInt count, float factor, bool? flipped)"
        " -> (Tensor, Tensor)"
    )
    assert OPS.pop(op.name) is op


def test_fakes_come_from_the_shapes() -> None:
    op = make()
    rows = torch.empty(3, 4, device="meta", dtype=torch.float64)
    sums, columns = op(rows, None, 5, Scaling(1.0))
    assert (sums.shape, sums.dtype) == ((3,), torch.float64)
    assert (columns.shape, columns.dtype) == ((10,), torch.int32)
    del OPS[op.name]


def test_gradients_that_nobody_needs_are_not_computed() -> None:
    def fail(grad_sums: Tensor) -> Tensor:
        raise AssertionError("called")

    op = make(gradients={"rows": fail})
    rows = torch.rand(3, 4, requires_grad=True)
    sums, columns = op(rows.detach(), None, 2, Scaling(1.0))
    assert not sums.requires_grad
    assert not columns.requires_grad
    with pytest.raises(AssertionError, match="called"):
        op(rows, None, 2, Scaling(1.0))[0].sum().backward()
    del OPS[op.name]


def test_a_text_is_the_error_of_a_derivative() -> None:
    op = make(gradients="knn: has no second derivatives")
    sums, _ = op(torch.rand(3, 4, requires_grad=True), None, 2, Scaling(1.0))
    with pytest.raises(RuntimeError, match="knn: has no second derivatives"):
        sums.sum().backward()
    del OPS[op.name]


def test_a_constant_result_has_no_gradient() -> None:
    op = make(constant=("sums",))
    assert not op(torch.rand(3, 4, requires_grad=True), None, 2, Scaling(1.0))[0].requires_grad
    del OPS[op.name]


@pytest.mark.parametrize(
    ("signature", "gradients", "message"),
    [
        ("op rows -> sums", None, "an op is declared: name(argument: type, ...) -> result: type"),
        ("op(rows: real[3]) -> out: real (N,)", None, "rows: a type is real (N, 3), int64? (F, 3)"),
        ("op(rows: real (>= N,)) -> out: real (N,)", None, "rows: a type is real (N, 3)"),
        ("op(a: real (N,), a: real (N,)) -> out: real (N,)", None, "op: two arguments, or fields of records"),
        (
            "op_a(a: real (N,)) -> out: real (N,)",
            {"b": lambda grad_out: grad_out},
            "its gradient of b names b",
        ),
        ("op_b(a: real (N,)) -> out: real (N,)", {"a": lambda grad: grad}, "gradient of a names grad, which"),
    ],
)
def test_wrong_declarations(signature: str, gradients: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        declare(signature, scaled_sum, gradients)


def test_every_op_says_whether_it_has_gradients() -> None:
    """Those of floating results are differentiable, or refuse by name."""
    import r3d_cli.ops  # noqa: F401, declares them

    for op in OPS.values():
        reals = [value for value in op.outputs if value.kind == "real"]
        if op.differentiable or not reals or op.name.startswith("test_declare"):
            continue
        keys = torch._C._dispatch_has_kernel_for_dispatch_key(f"r3d::{op.name}", "Autograd")
        assert keys, f"{op.name} has real results and says nothing of its derivative"
