"""The packed rows of a ragged batch to the padded view and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.packed_to_padded import packed_to_padded_bwd, packed_to_padded_fwd
from r3d_cli.bench.arrays import as_numpy, as_torch, to_device
from r3d_cli.bench.suite import Case, Place, Selection, Suite

_ROWS = {"quick": (1_000,), "default": (1_000, 10_000), "full": (100, 1_000, 10_000, 100_000)}
_ELEMENTS = 64


@dataclass(frozen=True)
class Inputs:
    """Arrays are on the device."""

    packed: Any  # (R, 3) float32
    first_idxs: Any  # (N,) int64
    max_size: int


def cases(selection: Selection) -> Iterator[Case]:
    for rows in selection.sizes or _ROWS[selection.level]:
        yield {"elements": _ELEMENTS, "rows": rows}


def make_inputs(case: Case, place: Place) -> Inputs:
    """Elements of one to 2 * rows rows."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 2 * int(case["rows"] or 0), int(case["elements"] or 0))
    packed = rng.normal(size=(lengths.sum(), 3)).astype(np.float32)
    put = to_device(place.device)
    return Inputs(put(packed), put(np.cumsum(lengths) - lengths), int(lengths.max()))


def ours(inputs: Inputs) -> Callable[[], Any]:
    def call() -> Any:
        padded = packed_to_padded_fwd(inputs.packed, inputs.first_idxs, inputs.max_size)
        return padded, packed_to_padded_bwd(padded, inputs.first_idxs, len(inputs.packed))

    return call


def outcome(inputs: Inputs, result: tuple[Any, Any]) -> dict[str, Any]:
    return {"padded": as_numpy(result[0]), "packed": as_numpy(result[1])}


def reference(inputs: Inputs) -> dict[str, Any]:
    from r3d_cli.reference.packed_to_padded import packed_to_padded, padded_to_packed

    packed, first = (as_torch(as_numpy(array)) for array in (inputs.packed, inputs.first_idxs))
    padded = packed_to_padded(packed, first, inputs.max_size)
    return outcome(inputs, (padded, padded_to_packed(padded, first, len(packed))))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    wrong = [name for name, array in expected.items() if not np.array_equal(outcome[name], array)]
    return f"{' and '.join(wrong)} differ" if wrong else ""


def work(inputs: Inputs) -> dict[str, float]:
    """Packed rows are read and written, the padded view written; its rows that are no padding are read."""
    padded = 12 * len(inputs.first_idxs) * inputs.max_size
    return {"bytes": float(3 * inputs.packed.nbytes + padded)}


suite = Suite(
    name="packed-to-padded",
    about="packed rows to the padded view and back",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive", "pytorch3d"),
    tiny={"elements": 3, "rows": 4},
    work=work,
)
