"""The benchmarks on a GPU: events, the allocators' peak, and peers there."""

from __future__ import annotations

import pytest

from r3d_cli.bench.measure import Method
from r3d_cli.bench.runner import Plan, run

pytestmark = pytest.mark.gpu


@pytest.mark.usefixtures("cupy")
@pytest.mark.parametrize(("suite", "size"), [("rasterize-meshes", 980), ("shade-meshes", 128)])
def test_contestants_agree_and_are_measured(suite: str, size: int) -> None:
    method = Method(seconds=0.05, least=3, most=10, timeout=300.0)
    rows = run(Plan((suite,), devices=("cuda:0",), sizes=(size,), method=method)).rows
    ours = rows[0]
    assert (ours.contestant, ours.status, ours.message) == ("r3d", "ok", "")
    assert not [row for row in rows if row.status not in ("ok", "missing")]
    assert ours.median_ms is not None
    assert ours.median_ms > 0
    picture = 4 * size**2 if suite == "shade-meshes" else 28 * 512**2
    assert ours.peak_bytes is not None
    assert ours.peak_bytes >= picture
