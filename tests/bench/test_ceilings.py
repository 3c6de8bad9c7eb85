"""The ceilings' loops do the work they are timed for, on every instruction set; shares are of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from r3d_cli.backend import cpu
from r3d_cli.bench import ceilings
from r3d_cli.bench.ceilings import Shares, measure_ceilings, shares
from r3d_cli.bench.results import Row


@pytest.fixture(params=cpu.isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = cpu.isa()
    cpu.set_isa(request.param)
    yield request.param
    cpu.set_isa(before)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1_000_003])
def test_the_copy_loop_copies_everything_and_no_more(count: int) -> None:
    source = np.arange(count, dtype=np.float32)
    target = ceilings._aligned_floats(count + 16)
    target.fill(-1)
    cpu.native().ceiling_copy(source, target[:count])
    np.testing.assert_array_equal(target[:count], source)
    assert (target[count:] == -1).all()


@pytest.mark.parametrize("rounds", [0, 1, 2, 10])
def test_the_fma_loop_computes_its_recurrence(isa: str, rounds: int) -> None:
    start = np.array([0.0, 1.0, 3.0], np.float32)
    expected = start.astype(np.float64)
    for _ in range(rounds):
        expected = 0.75 * expected + 0.5
    out = np.full_like(start, np.nan)
    operations = cpu.native().ceiling_fma(start, 0.75, 0.5, rounds, out)
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    lanes = {"baseline": 4, "avx2": 8, "avx512": 16}[isa]
    assert operations % max(2 * len(start) * rounds * lanes, 1) == 0
    assert operations == rounds * cpu.native().ceiling_fma(start, 0.75, 0.5, 1, out)


def test_one_fma_rounds_once_where_the_machine_has_it() -> None:
    if "avx2" not in cpu.isas():
        pytest.skip("no FMA here")
    x = np.array(
        [1 + 2.0**-12], np.float32
    )  # its square needs 25 bits; a rounded product would lose the last
    out = np.empty_like(x)
    cpu.native().ceiling_fma(x, float(x[0]), -1.0 - 2.0**-11, 1, out)
    assert out[0] == pytest.approx(2.0**-24, rel=1e-6)


def test_the_cpu_has_ceilings() -> None:
    found = measure_ceilings("cpu", seconds=0.02)
    assert set(found) == {ceilings.COPY, ceilings.FMA}
    assert 0.1 < found[ceilings.COPY] < 5e3  # GB/s: between a phone's and the largest server's
    assert 0.5 < found[ceilings.FMA] < 5e4


def test_the_best_repetition_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 0.0, 4.0, 4.0, 5.0, 5.0, 11.0])  # calls of 4, 1 and 6 seconds, after the warm-up
    monkeypatch.setattr(ceilings.time, "perf_counter", lambda: next(ticks))
    calls = []
    assert ceilings._best_seconds(lambda: calls.append(1), 10.0) == 1.0
    assert len(calls) == 4


def test_shares_of_the_ceilings() -> None:
    row = Row("io", {}, "cpu", "r3d", "ok", times_ms=[1.0, 2.0, 9.0], work={"bytes": 2e7, "flops": 1e9})
    both = {"cpu": {ceilings.COPY: 20.0, ceilings.FMA: 5000.0}}
    assert shares(row, both) == Shares(copy=pytest.approx(0.5), fma=pytest.approx(0.1))
    assert shares(row, both).nearest == ("copy", pytest.approx(0.5))
    assert shares(row, {"cpu": {ceilings.FMA: 5000.0}}) == Shares(None, pytest.approx(0.1))
    assert shares(row, {"cuda:0": both["cpu"]}) == Shares(None, None)
    assert Shares(None, None).nearest is None
    row.times_ms = []
    assert shares(row, both).nearest is None
