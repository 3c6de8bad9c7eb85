"""Results as a pandas data frame, and as CSV."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from r3d_cli.bench.ceilings import shares
from r3d_cli.bench.files import write_whole
from r3d_cli.bench.layout import OURS, memory_ratio, suites, time_ratio
from r3d_cli.bench.results import Results

if TYPE_CHECKING:
    import pandas


def frame(results: Results) -> pandas.DataFrame:
    """One line a row of the results.

    Columns: suite, device, ``case.NAME`` for each parameter, contestant, status, message, median_ms,
    spread_ms, repetitions, cold_ms, peak_bytes, time_ratio and memory_ratio (the peer's over r3d's),
    copy_share and fma_share (of the measured ceilings).

    Example:
        >>> from r3d_cli.bench.results import Row
        >>> rows = [Row("io", {"faces": 10}, "cpu", "r3d", "ok", times_ms=[2.0])]
        >>> float(frame(Results(rows=rows)).median_ms[0])
        2.0
    """
    import pandas

    lines: list[dict[str, Any]] = []
    for cases in suites(results).values():
        for case in cases:
            for row in case.rows.values():
                share, ours = shares(row, results.ceilings), case.rows.get(OURS)
                lines.append(
                    {
                        "suite": row.suite,
                        "device": row.device,
                        **{f"case.{name}": value for name, value in row.case.items()},
                        "contestant": row.contestant,
                        "status": row.status,
                        "message": row.message,
                        "median_ms": row.median_ms,
                        "spread_ms": row.spread_ms,
                        "repetitions": len(row.times_ms),
                        "cold_ms": row.cold_ms,
                        "peak_bytes": row.peak_bytes,
                        "time_ratio": time_ratio(row, ours),
                        "memory_ratio": memory_ratio(row, ours),
                        "copy_share": share.copy,
                        "fma_share": share.fma,
                    }
                )
    table = pandas.DataFrame(lines, columns=_columns(lines))
    for name in table.columns:
        if name.startswith("case.") or name == "peak_bytes":  # else a gap would turn counts into floats
            table[name] = table[name].convert_dtypes()
    return table


def csv(results: Results) -> str:
    """:func:`frame` as CSV with a header."""
    return frame(results).to_csv(index=False)


def write(results: Results, path: str | os.PathLike[str]) -> None:
    """Write :func:`csv` to ``path``; OSError where that fails."""
    write_whole(path, csv(results))


def _columns(lines: list[dict[str, Any]]) -> list[str]:
    """Every name, the parameters of all suites between the device and the contestant."""
    names = dict.fromkeys(name for line in lines for name in line)
    order = {"suite": 0, "device": 1}
    return sorted(names, key=lambda name: order.get(name, 2 if name.startswith("case.") else 3))
