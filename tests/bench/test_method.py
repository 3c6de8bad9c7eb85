"""How repetitions are counted and contestants take turns, by a clock of our own."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest

from r3d_cli.bench.measure import METHODS, PATIENCE, Method, is_settled
from r3d_cli.bench.runner import Plan, run

IO_CASES = 5  # of the suite io: four formats into arrays, one into Meshes


def test_an_injected_clock_makes_a_run_deterministic(fake_clock: Callable[..., Any]) -> None:
    plan = Plan(suites=("io",), sizes=(80,), peers=("trimesh",))
    times = [5.0, 3.0, 4.0, 8.0, 6.0, 7.0, 2.0]

    def measure() -> list[tuple[Any, ...]]:
        rows = run(plan, clock=fake_clock(*times)).rows
        return [(row.key, row.contestant, row.cold_ms, row.times_ms, row.median_ms) for row in rows]

    first = measure()
    assert first == measure()
    assert len(first) == 2 * IO_CASES
    assert all(median == statistics.median(values) for *_, values, median in first)


def test_contestants_take_turns(fake_clock: Callable[..., Any]) -> None:
    method = Method(seconds=1000.0, least=4, most=4)
    clock = fake_clock(100.0, 200.0)  # long enough that no call goes untimed
    rows = run(Plan(("io",), sizes=(80,), peers=("trimesh",), method=method), clock=clock).rows[:2]
    assert [row.contestant for row in rows] == ["r3d", "trimesh"]
    # Each second time is the other's, first calls and repetitions alike.
    assert [row.cold_ms for row in rows] == [100.0, 200.0]
    assert [row.times_ms for row in rows] == [[100.0] * 4, [200.0] * 4]
    assert clock.timed == IO_CASES * 2 * (1 + 4)


def test_a_brief_call_is_warmed_up_before_each_turn(
    fake_clock: Callable[..., Any], write_peer: Callable[..., str]
) -> None:
    peer = write_peer(
        "counting",
        """
        from r3d_cli.bench.cases.io import ours

        calls = []

        def io(inputs):
            prepared = ours(inputs)
            return prepared._replace(call=lambda: calls.append(0) or prepared.call())
        """,
    )
    from r3d_cli.bench.contestants import load_peer

    for milliseconds, calls_a_turn in ((10.0, 2), (60.0, 1)):
        load_peer(peer).calls.clear()
        plan = Plan(("io",), sizes=(80,), peers=(peer,), method=Method(seconds=1e3, least=3, most=3))
        run(plan, clock=fake_clock(milliseconds))
        assert len(load_peer(peer).calls) == IO_CASES * (1 + 3 * calls_a_turn)


@pytest.mark.parametrize(
    ("times", "settled"),
    [
        ([1.0], False),
        ([1.0] * 6, False),  # fewer than the least
        ([1.0] * 7, True),  # steady
        ([1.0, 2.0] * 4, False),  # unsteady
        ([1.0, 2.0] * 50, True),  # the most
        ([400.0] * 6, False),  # long, but fewer than the least
        ([400.0, 100.0] * 4, True),  # unsteady, and the time is up
        ([9000.0], True),  # too long to do again
    ],
)
def test_when_repetitions_end(times: list[float], settled: bool) -> None:
    assert is_settled(times, Method(seconds=2.0, least=7, most=100, noise=0.01)) is settled


def test_the_patience_bounds_every_level() -> None:
    for method in METHODS.values():
        assert is_settled([PATIENCE * method.seconds * 1e3 + 1], method)
        assert PATIENCE * method.seconds < method.timeout
