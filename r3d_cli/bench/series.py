"""Which cases a plot can draw a line through: those that differ in one parameter, which is a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from r3d_cli.bench.formats import describe
from r3d_cli.bench.layout import Case, split_parameters, suites
from r3d_cli.bench.results import Results, Row


@dataclass(frozen=True)
class Series:
    """Cases that differ in one parameter only, ordered by it; without an ``axis`` they differ in more."""

    suite: str
    device: str
    axis: str | None
    shared: str  # the other parameters, in words
    cases: list[Case]

    @property
    def places(self) -> list[float]:
        """Where on the x axis each case stands."""
        if self.axis is None:
            return list(range(len(self.cases)))
        return [_value(case, self.axis) for case in self.cases]


def all_series(results: Results) -> Iterator[Series]:
    """The fewest, longest series that show every case which has a time."""
    for (suite, device), cases in suites(results).items():
        timed = [case for case in cases if any(timed_row(case, name) for name in case.rows)]
        unseen = set(map(id, timed))
        for axis, line in sorted(_lines(timed), key=lambda line: -len(line[1])):
            if len(line) > 1 and not unseen.isdisjoint(map(id, line)):
                unseen -= set(map(id, line))
                shared, _ = split_parameters(line)
                yield Series(suite, device, axis, describe(line[0].parameters, shared), line)
        if rest := [case for case in timed if id(case) in unseen]:
            shared, _ = split_parameters(rest)
            yield Series(suite, device, None, describe(rest[0].parameters, shared), rest)


def _lines(cases: list[Case]) -> list[tuple[str, list[Case]]]:
    """For each parameter that is a number, the cases that differ in it alone, by its value."""
    _, varying = split_parameters(cases)
    found = []
    for axis in varying:
        groups: dict[tuple[Any, ...], list[Case]] = {}
        for case in cases:
            if not _is_number(case.parameters.get(axis)):
                continue
            groups.setdefault(
                tuple(case.parameters.get(name) for name in varying if name != axis), []
            ).append(case)
        found += [(axis, sorted(group, key=lambda case: _value(case, axis))) for group in groups.values()]
    return found


def _value(case: Case, axis: str) -> float:
    value = case.parameters[axis]
    if not _is_number(value):
        raise TypeError(f"{axis} is no number in {describe(case.parameters)}")
    return value  # type: ignore[return-value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def timed_row(case: Case, name: str) -> Row | None:
    """The row of a contestant, where it has a time."""
    row = case.rows.get(name)
    return row if row and row.status == "ok" else None
