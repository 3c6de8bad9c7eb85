"""Weighted sums of rows and both gradients: texels under the pixels of a picture, corners of its faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.weighted_rows import (
    weighted_rows_fwd,
    weighted_rows_rows_bwd,
    weighted_rows_weights_bwd,
)
from r3d_cli.bench.arrays import as_numpy, as_torch, to_device
from r3d_cli.bench.suite import Case, Place, Selection, Suite, arrays_that_differ

_ROWS = 1 << 20  # texels of a map of 1024^2
_SIZES = {"quick": (200_000,), "default": (20_000, 200_000), "full": (20_000, 200_000, 2_000_000)}


@dataclass(frozen=True)
class Inputs:
    """Arrays are on the device."""

    rows: Any  # (T, 3) float32
    ids: Any  # (P, J) int64
    weights: Any  # (P, J) float32
    grad: Any  # (P, 3) float32, of the sums


def cases(selection: Selection) -> Iterator[Case]:
    for size in selection.sizes or _SIZES[selection.level]:
        for terms in (3, 4):
            yield {"rows": _ROWS, "sums": size, "terms": terms}


def make_inputs(case: Case, place: Place) -> Inputs:
    """Neighbouring sums take neighbouring rows, as pixels do."""
    rng = np.random.default_rng(0)
    count, sums, terms = (int(case[name] or 0) for name in ("rows", "sums", "terms"))
    ids = np.linspace(0, count - 1, sums).astype(np.int64)[:, None] + rng.integers(-64, 64, (sums, terms))
    reals = (rng.normal(size=shape).astype(np.float32) for shape in ((count, 3), (sums, terms), (sums, 3)))
    put = to_device(place.device)
    rows, weights, grad = map(put, reals)
    return Inputs(rows, put(ids.clip(0, count - 1)), weights, grad)


def ours(inputs: Inputs) -> Callable[[], Any]:
    def call() -> Any:
        rows, ids, weights, grad = inputs.rows, inputs.ids, inputs.weights, inputs.grad
        return (
            weighted_rows_fwd(rows, ids, weights),
            weighted_rows_rows_bwd(ids, weights, grad, len(rows)),
            weighted_rows_weights_bwd(rows, ids, grad),
        )

    return call


def outcome(inputs: Inputs, result: tuple[Any, ...]) -> dict[str, Any]:
    names = ("sums", "grad_rows", "grad_weights")
    return {name: as_numpy(array) for name, array in zip(names, result, strict=True)}


def reference(inputs: Inputs) -> dict[str, Any]:
    """In double precision."""
    import torch

    from r3d_cli.reference.weighted_rows import weighted_rows

    reals = (as_torch(as_numpy(array)).double() for array in (inputs.rows, inputs.weights, inputs.grad))
    rows, weights, grad = reals
    leaves = rows.requires_grad_(), weights.requires_grad_()
    sums = weighted_rows(rows, as_torch(as_numpy(inputs.ids)), weights)
    return outcome(inputs, (sums, *torch.autograd.grad(sums, leaves, grad)))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    return arrays_that_differ(outcome, expected, 1e-4, 0.0)


def work(inputs: Inputs) -> dict[str, float]:
    """Ids and what they gather are read three times; sums, weights and rows are written once."""
    gathered = inputs.ids.size * 12
    once = inputs.rows.nbytes + 3 * inputs.grad.nbytes + 3 * inputs.weights.nbytes
    return {"bytes": float(3 * inputs.ids.nbytes + 2 * gathered + once)}


suite = Suite(
    name="weighted-rows",
    about="weighted sums of rows (barycentric interpolation, texture lookup) and both gradients",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive",),
    tiny={"rows": 50, "sums": 10, "terms": 3},
    work=work,
)
