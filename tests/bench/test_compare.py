"""Comparisons of runs: what is noise, what is a change, and which changes are regressions of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from r3d_cli.bench.compare import Comparison, compare
from r3d_cli.bench.results import Results, Row


def run(*rows: Row, **machine: object) -> Results:
    return Results(machine=machine, rows=list(rows))


def row(*times_ms: float, contestant: str = "r3d", faces: int = 1000, **fields: object) -> Row:
    made = Row("rasterize-meshes", {"faces": faces}, "cpu", contestant, "ok", times_ms=list(times_ms))
    return replace(made, **fields)  # type: ignore[arg-type]


def verdicts(comparison: Comparison) -> list[str]:
    return [change.verdict for change in comparison.changes]


QUIET = (9.9, 10.0, 10.1)  # median 10 ms, interquartile range 0.1 ms
NOISY = (9.0, 10.0, 11.0)  # the same median, interquartile range 1 ms


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (QUIET, QUIET, None),
        (QUIET, (10.3, 10.4, 10.5), None),  # beyond both spreads, within 5 %
        (QUIET, (10.5, 10.6, 10.7), "slower"),
        (QUIET, (9.3, 9.4, 9.5), "faster"),
        (NOISY, (10.5, 11.5, 12.5), None),  # 15 %, within both spreads together: 2 ms
        (NOISY, (11.1, 12.1, 13.1), "slower"),
        (NOISY, (6.9, 7.9, 8.9), "faster"),
        (NOISY, (11.4, 11.5, 11.6), "slower"),  # the new run is quiet: the noise is 1.1 ms
    ],
)
def test_times_change_beyond_the_noise(
    old: tuple[float, ...], new: tuple[float, ...], verdict: str | None
) -> None:
    found = compare(run(row(*old)), run(row(*new)))
    assert verdicts(found) == ([verdict] if verdict else [])
    assert found.unchanged == (verdict is None)
    assert bool(found.regressions) == (verdict == "slower")


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (100 * 2**20, 104 * 2**20, None),  # 4 %
        (100 * 2**20, 106 * 2**20, "more memory"),
        (100 * 2**20, 90 * 2**20, "less memory"),
        (4096, 2**20, None),  # pages
        (None, 2**30, None),
    ],
)
def test_memory_changes_beyond_a_few_pages(old: int | None, new: int, verdict: str | None) -> None:
    found = compare(run(row(*QUIET, peak_bytes=old)), run(row(*QUIET, peak_bytes=new)))
    assert verdicts(found) == ([verdict] if verdict else [])
    assert bool(found.regressions) == (verdict == "more memory")


def test_only_ours_are_regressions_and_they_come_first() -> None:
    old = run(row(*QUIET, contestant="peer"), row(*QUIET), row(*QUIET, faces=9))
    new = run(row(20.0, contestant="peer"), row(20.0), row(*QUIET, faces=9))
    found = compare(old, new)
    assert [(change.row.contestant, change.is_regression) for change in found.changes] == [
        ("r3d", True),
        ("peer", False),
    ]
    assert list(found.lines())[1:] == [
        "REGRESSION  r3d, rasterize-meshes on cpu, faces 1,000: slower: 10.0 ms -> 20.0 ms, 2.00 times",
        "peer, rasterize-meshes on cpu, faces 1,000: slower: 10.0 ms -> 20.0 ms, 2.00 times",
        "1 regressions, 1 other changes, 1 rows within the noise",
    ]


@pytest.mark.parametrize("status", ["wrong", "error", "timeout"])
def test_what_worked_and_does_not_is_a_regression(status: str) -> None:
    broken = row(status=status, message="ids differ")
    found = compare(run(row(*QUIET)), run(broken))
    assert verdicts(found) == ["broken"]
    assert len(found.regressions) == 1
    assert f"broken: ok -> {status} ids differ" in str(found.changes[0])
    back = compare(run(broken), run(row(*QUIET)))
    assert verdicts(back) == ["mended"]
    assert not back.regressions
    assert compare(run(broken), run(broken)).unchanged == 1


def test_rows_appear_and_vanish() -> None:
    missing = row(contestant="peer", status="missing", message="pip install peer")
    found = compare(run(row(*QUIET), missing), run(row(*QUIET, faces=2), row(*QUIET, contestant="peer")))
    assert sorted((change.verdict, change.row.contestant) for change in found.changes) == [
        ("appeared", "peer"),
        ("appeared", "r3d"),
        ("vanished", "r3d"),
    ]
    assert not found.regressions


def test_a_suite_that_was_not_run_again_has_not_vanished() -> None:
    render = Row("render", {"file": "spot.obj"}, "cpu", "r3d", "ok", times_ms=[1.0])
    assert compare(run(row(*QUIET), render), run(row(*QUIET))).changes == []


def test_other_machines_are_warned_of() -> None:
    found = compare(run(row(*QUIET), cpu="A", threads=2), run(row(*QUIET), cpu="B", threads=2))
    assert found.warnings == ["the runs are of different machines: cpu was A, is B; times do not compare"]
    assert next(found.lines()).startswith("warning: the runs are of different machines")


def test_a_machine_that_drifted_is_warned_of() -> None:
    old = run(*(row(10.0, contestant="peer", faces=faces) for faces in (1, 2, 3)), row(*QUIET))
    new = run(
        *(row(ms, contestant="peer", faces=i + 1) for i, ms in enumerate((10.0, 13.0, 14.0))), row(*QUIET)
    )
    assert compare(old, new).warnings == [
        "the machine was not the same: peers take 1.30 times as long (median of 3 rows);"
        " run both again while it is idle"
    ]
    assert compare(old, old).warnings == []
    assert compare(run(row(*QUIET)), run(row(20.0))).warnings == []  # ours says nothing about the machine
