"""What changed between two runs beyond the noise.

A time changed when the medians lie further apart than both runs' interquartile ranges together, and further
than 5 % of the older one: the first is the noise within a run, the second what quiet runs differ by. Memory
changed when the peaks lie further apart than 5 % and 1 MiB, a few allocations' worth.

Regressions are ours alone: peers that all got slower say something about the machine, and a warning says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from r3d_cli.bench.formats import describe, format_bytes, format_figure, format_ms
from r3d_cli.bench.layout import OURS
from r3d_cli.bench.results import Key, Results, Row

#: Changes below this part of the old figure are noise, whatever the spreads say.
TOLERANCE = 0.05
_MEMORY_NOISE = 2**20  # bytes
#: Of ``Results.machine``: times compare only where these are equal.
_SAME_MACHINE = ("cpu", "cores", "threads", "isa", "gpus")


@dataclass(frozen=True)
class Change:
    """One row in both runs, or in one."""

    verdict: str  # slower | faster | more memory | less memory | broken | mended | appeared | vanished
    old: Row | None
    new: Row | None

    @property
    def row(self) -> Row:
        row = self.new or self.old
        if row is None:
            raise ValueError("a change is of a row that one run has at least")
        return row

    @property
    def is_regression(self) -> bool:
        return self.row.contestant == OURS and self.verdict in ("slower", "more memory", "broken")

    def __str__(self) -> str:
        row = self.row
        place = f"{row.suite} on {row.device}, {describe(row.case)}".rstrip(", ")
        return f"{row.contestant}, {place}: {self.verdict}{self._figures()}"

    def _figures(self) -> str:
        old, new = self.old, self.new
        if old is None or new is None:
            return ""
        if self.verdict in ("broken", "mended"):
            return f": {old.status} -> {new.status} {new.message}".rstrip()
        if self.verdict in ("slower", "faster"):
            return _step(old.median_ms, new.median_ms, format_ms)
        return _step(old.peak_bytes, new.peak_bytes, format_bytes)


def _step(old: float | None, new: float | None, show: Callable[[float | None], str]) -> str:
    factor = f", {format_figure(new / old)} times" if old and new else ""
    return f": {show(old)} -> {show(new)}{factor}"


@dataclass(frozen=True)
class Comparison:
    changes: list[Change]  # regressions first
    unchanged: int  # rows in both runs whose figures differ by noise alone
    warnings: list[str]  # why the runs may not compare

    @property
    def regressions(self) -> list[Change]:
        return [change for change in self.changes if change.is_regression]

    def lines(self) -> Iterator[str]:
        """The comparison for a terminal or a pipe, a line a change."""
        yield from (f"warning: {warning}" for warning in self.warnings)
        for change in self.changes:
            yield f"{'REGRESSION  ' if change.is_regression else ''}{change}"
        yield (
            f"{len(self.regressions)} regressions, {len(self.changes) - len(self.regressions)} other changes,"
            f" {self.unchanged} rows within the noise"
        )


def compare(old: Results, new: Results) -> Comparison:
    """Compare ``new`` with ``old``, row by row.

    Rows of peers that are not installed count as absent. Suites that only one run has are left out of
    ``vanished``: a run of one suite is no loss of the others.

    Example:
        >>> row = lambda ms: Row("io", {"faces": 10}, "cpu", "r3d", "ok", times_ms=[ms, ms, ms])
        >>> found = compare(Results(rows=[row(1.0)]), Results(rows=[row(2.0)]))
        >>> [change.verdict for change in found.regressions]
        ['slower']
    """
    before, after = _present(old), _present(new)
    run = {(row.suite, row.device) for row in new.rows}
    changes, unchanged = [], 0
    for identity in dict.fromkeys([*before, *after]):
        was, now = before.get(identity), after.get(identity)
        if now is None and was is not None and (was.suite, was.device) not in run:
            continue
        found = [Change(verdict, was, now) for verdict in _verdicts(was, now)]
        changes += found
        unchanged += not found
    changes.sort(key=lambda change: (not change.is_regression, change.row.contestant != OURS))
    warnings = [*_other_machines(old, new), *_drift(before, after)]
    return Comparison(changes, unchanged, warnings)


Rows: TypeAlias = "dict[tuple[Key, str], Row]"  # by case and contestant


def _present(results: Results) -> Rows:
    return {(row.key, row.contestant): row for row in results.rows if row.status != "missing"}


def _verdicts(old: Row | None, new: Row | None) -> Iterator[str]:
    if old is None or new is None:
        yield "appeared" if old is None else "vanished"
        return
    if "ok" in (old.status, new.status) and old.status != new.status:
        yield "broken" if old.status == "ok" else "mended"
        return
    if old.median_ms is not None and new.median_ms is not None:
        noise = max((old.spread_ms or 0) + (new.spread_ms or 0), TOLERANCE * old.median_ms)
        if abs(new.median_ms - old.median_ms) > noise:
            yield "slower" if new.median_ms > old.median_ms else "faster"
    if old.peak_bytes is not None and new.peak_bytes is not None:
        noise = max(_MEMORY_NOISE, TOLERANCE * old.peak_bytes)
        if abs(new.peak_bytes - old.peak_bytes) > noise:
            yield "more memory" if new.peak_bytes > old.peak_bytes else "less memory"


def _other_machines(old: Results, new: Results) -> Iterator[str]:
    for name in _SAME_MACHINE:
        was, now = old.machine.get(name), new.machine.get(name)
        if was != now:
            yield f"the runs are of different machines: {name} was {was}, is {now}; times do not compare"


def _drift(before: Rows, after: Rows) -> Iterator[str]:
    """Peers are the same program in both runs: what they changed by, the machine did."""
    ratios = [
        after[identity].median_ms / old.median_ms  # type: ignore[operator]
        for identity, old in before.items()
        if old.contestant != OURS and identity in after and old.median_ms and after[identity].median_ms
    ]
    drift = statistics.median(ratios) if ratios else 1.0
    if abs(drift - 1) > TOLERANCE:
        yield (
            f"the machine was not the same: peers take {format_figure(drift)} times as long"
            f" (median of {len(ratios)} rows); run both again while it is idle"
        )
