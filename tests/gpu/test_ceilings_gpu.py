"""The ceilings that `r3d bench` measures on a GPU."""

from __future__ import annotations

import pytest

from r3d_cli.bench.ceilings import COPY, FMA, measure_ceilings

pytestmark = pytest.mark.gpu


@pytest.mark.usefixtures("cupy")
def test_a_gpu_has_ceilings() -> None:
    found = measure_ceilings("cuda:0", seconds=0.1)
    assert 10 < found[COPY] < 1e5  # GB/s: between a laptop's and what is not built yet
    assert 100 < found[FMA] < 1e6
