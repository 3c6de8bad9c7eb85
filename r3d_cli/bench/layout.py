"""How results are told in lines and columns, once for the terminal, Markdown and HTML, which only draw it.

A table shows one suite on one device: a line a contestant, cases one below the other, r3d first. What all
cases share is said once, above; faults and remarks stand below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from r3d_cli.bench.ceilings import COPY, FMA, shares
from r3d_cli.bench.formats import describe, format_bytes, format_figure, format_ms, format_parameter
from r3d_cli.bench.machine import machine_lines
from r3d_cli.bench.results import Key, Parameter, Results, Row

OURS = "r3d"

#: What the ratio columns mean, for a legend.
LEGEND = (
    "÷ r3d: how many times r3d's time or memory the peer takes; above 1 r3d is better."
    " Times are medians of warm repetitions, ± their interquartile range;"
    " memory is the peak above the inputs; ceiling: of the measured copy bandwidth or FMA rate."
)


@dataclass(frozen=True)
class Cell:
    text: str = ""
    tone: str = ""  # better | worse | fault | quiet


@dataclass(frozen=True)
class Column:
    name: str
    figures: bool  # aligned right
    expendable: int = 0  # where room lacks, the highest goes first; 0 stays


@dataclass(frozen=True)
class Line:
    cells: list[Cell]
    opens_case: bool


@dataclass(frozen=True)
class Table:
    suite: str
    device: str
    shared: str  # parameters that all cases share: "mesh ico, K 1"
    columns: list[Column]
    lines: list[Line]
    notes: list[str]

    @property
    def title(self) -> str:
        return f"{self.suite} on {self.device}" + (f": {self.shared}" if self.shared else "")


@dataclass
class Case:
    """The rows of one case, by contestant."""

    parameters: dict[str, Parameter]
    rows: dict[str, Row] = field(default_factory=dict)


Suite: TypeAlias = "tuple[str, str]"  # its name, the device


def suites(results: Results) -> dict[Suite, list[Case]]:
    """The cases of each suite on each device, as the run met them."""
    found: dict[Suite, dict[Key, Case]] = {}
    for row in results.rows:
        cases = found.setdefault((row.suite, row.device), {})
        cases.setdefault(row.key, Case(row.case)).rows[row.contestant] = row
    return {suite: list(cases.values()) for suite, cases in found.items()}


def contestants(cases: Iterable[Case]) -> list[str]:
    """Who has a row in any of the cases: r3d, then the peers as they come."""
    names = dict.fromkeys(name for case in cases for name in case.rows)
    return sorted(names, key=lambda name: name != OURS)


def split_parameters(cases: list[Case]) -> tuple[list[str], list[str]]:
    """The names of the parameters that all cases share, and of those that vary."""
    names = list(dict.fromkeys(name for case in cases for name in case.parameters))
    values = {name: {repr(case.parameters.get(name, ...)) for case in cases} for name in names}
    return [n for n in names if len(values[n]) == 1], [n for n in names if len(values[n]) > 1]


def facts(results: Results) -> list[tuple[str, str]]:
    """Machine, ceilings and run as (label, text) pairs; without what is not known."""
    units = {COPY: "copy {:,.0f} GB/s", FMA: "FMA {:,.0f} GFLOP/s"}
    ceilings = (
        f"{device}: " + ", ".join(unit.format(found[name]) for name, unit in units.items() if name in found)
        for device, found in results.ceilings.items()
    )
    method = {name: value for name, value in results.method.items() if isinstance(value, str | int | float)}
    found = [
        *machine_lines(results.machine),
        ("Ceilings", "; ".join(ceilings)),
        ("r3d", results.r3d),
        ("Method", describe(method)),
        ("Run", results.created),
    ]
    return [(label, text) for label, text in found if text]


def tables(results: Results) -> list[Table]:
    """A table for each suite and device."""
    return [_table(results, *suite, cases) for suite, cases in suites(results).items()]


def _table(results: Results, suite: str, device: str, cases: list[Case]) -> Table:
    shared, varying = split_parameters(cases)
    names = contestants(cases)
    absent = [name for name in names if all(row.status == "missing" for row in _rows_of(name, cases))]
    measured = []  # (case, whether it is the case's first line, the row, its figures)
    for case in cases:
        present = [name for name in names if name in case.rows and name not in absent]
        for name in present:
            row, ours = case.rows[name], case.rows.get(OURS)
            figures = [measure(row, ours, results.ceilings) for measure in _MEASURES.values()]
            measured.append((case, name == present[0], row, figures))
    known = [i for i in range(len(_MEASURES)) if any(figures[i].text for *_, figures in measured)]
    lines = []
    for case, opens_case, row, figures in measured:
        place = [format_parameter(case.parameters.get(key, "")) if opens_case else "" for key in varying]
        cells = [*map(Cell, place), Cell(row.contestant), *(figures[i] for i in known)]
        lines.append(Line(cells, opens_case))
    return Table(
        suite,
        device,
        describe(cases[0].parameters, shared),
        [
            *(Column(name, figures=not _is_text(name, cases)) for name in varying),
            Column("contestant", figures=False),
            *(Column(name, True, _EXPENDABLE.get(name, 0)) for name in (list(_MEASURES)[i] for i in known)),
        ],
        lines,
        [*_notes(cases, [name for name in names if name not in absent]), *_missing(cases, absent)],
    )


def _is_text(parameter: str, cases: list[Case]) -> bool:
    return any(isinstance(case.parameters.get(parameter), str) for case in cases)


def _rows_of(contestant: str, cases: list[Case]) -> list[Row]:
    return [case.rows[contestant] for case in cases if contestant in case.rows]


def _notes(cases: list[Case], names: list[str]) -> list[str]:
    """What the rows' messages say, each once."""
    _, varying = split_parameters(cases)
    notes = []
    for name in names:
        met: dict[str, list[Case]] = {}
        for case in cases:
            row = case.rows.get(name)
            if row and (row.message or row.status != "ok"):
                text = row.message if row.status == "ok" else f"{row.status}: {row.message}".rstrip(": ")
                met.setdefault(text, []).append(case)
        for text, where in met.items():
            if len(where) == len(_rows_of(name, cases)):
                notes.append(f"{name}: {text}")
            else:
                place = describe(where[0].parameters, varying) if len(where) == 1 else f"{len(where)} cases"
                notes.append(f"{name}, {place}: {text}")
    return notes


def _missing(cases: list[Case], absent: list[str]) -> list[str]:
    messages = ((name, _rows_of(name, cases)[0].message) for name in absent)
    return [f"{name} is not installed: {message}".rstrip(": ") for name, message in messages]


Ceilings: TypeAlias = "dict[str, dict[str, float]]"


def _time(row: Row, ours: Row | None, ceilings: Ceilings) -> Cell:
    if row.status != "ok":
        return Cell(row.status, "quiet" if row.status == "missing" else "fault")
    return Cell(format_ms(row.median_ms))


def _spread(row: Row, ours: Row | None, ceilings: Ceilings) -> Cell:
    if row.status != "ok" or not row.median_ms or row.spread_ms is None:
        return Cell()
    return Cell(f"±{100 * row.spread_ms / row.median_ms:.0f} %", "quiet")


def _time_ratio(row: Row, ours: Row | None, ceilings: Ceilings) -> Cell:
    return _ratio_cell(time_ratio(row, ours))


def _memory(row: Row, ours: Row | None, ceilings: Ceilings) -> Cell:
    return Cell(format_bytes(row.peak_bytes) if row.status == "ok" else "")


def _memory_ratio(row: Row, ours: Row | None, ceilings: Ceilings) -> Cell:
    return _ratio_cell(memory_ratio(row, ours))


def _ceiling(row: Row, ours: Row | None, ceilings: Ceilings) -> Cell:
    nearest = shares(row, ceilings).nearest if row.contestant == OURS and row.status == "ok" else None
    return Cell(f"{100 * nearest[1]:.2g} % {nearest[0]}" if nearest else "")


def _cold(row: Row, ours: Row | None, ceilings: Ceilings) -> Cell:
    return Cell(format_ms(row.cold_ms) if row.status == "ok" else "", "quiet")


#: The columns of figures: what each says of a row, beside our row of the same case.
_MEASURES: dict[str, Callable[[Row, Row | None, Ceilings], Cell]] = {
    "time": _time,
    "spread": _spread,
    "time ÷ r3d": _time_ratio,
    "memory": _memory,
    "memory ÷ r3d": _memory_ratio,
    "of ceiling": _ceiling,
    "first call": _cold,
}
_EXPENDABLE = {"first call": 3, "of ceiling": 2, "spread": 1}


def time_ratio(row: Row, ours: Row | None) -> float | None:
    """How many times our median a peer's is; None unless both are right."""
    return _ratio(row, ours, "median_ms")


def memory_ratio(row: Row, ours: Row | None) -> float | None:
    """How many times our peak memory a peer's is; None unless both are right."""
    return _ratio(row, ours, "peak_bytes")


def _ratio(row: Row, ours: Row | None, measure: str) -> float | None:
    if ours is None or row.contestant == OURS or not row.status == ours.status == "ok":
        return None
    theirs, own = getattr(row, measure), getattr(ours, measure)
    return theirs / own if theirs is not None and own else None


def _ratio_cell(ratio: float | None) -> Cell:
    if ratio is None:
        return Cell()
    text = format_figure(ratio)
    return Cell(text, "" if text == "1.00" else "better" if ratio > 1 else "worse")
