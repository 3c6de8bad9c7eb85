"""Runs a plan: every case of the chosen suites, each in processes of its own, each saved when it is done."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from r3d_cli.bench.child import ChildFailed, ChildTimedOut, run_in_child
from r3d_cli.bench.clock import Clock
from r3d_cli.bench.contestants import OURS, Contestant
from r3d_cli.bench.measure import METHODS, Job, Method, describe, measure_memory, one_line, time_case
from r3d_cli.bench.results import Results, Row
from r3d_cli.bench.suite import Case, Place, Selection, Suite, find_suite, suites
from r3d_cli.constants import VERSION
from r3d_cli.errors import R3dError

#: What a case file of --data may be called.
MESH_FILES = (".obj", ".ply", ".stl", ".off", ".glb", ".gltf")


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        suites: names; empty for all.
        level: "quick", "default" or "full": which cases, and how long each.
        devices: "cpu", "cuda:0", ...
        peers: names or Python files; None for the suites' own.
        sizes: instead of the level's cases.
        data: a folder with mesh files that become cases too.
        memory: measure the peak memory as well.
        method: instead of the level's.
    """

    suites: tuple[str, ...] = ()
    level: str = "default"
    devices: tuple[str, ...] = ("cpu",)
    peers: tuple[str, ...] | None = None
    sizes: tuple[int, ...] = ()
    data: Path | None = None
    memory: bool = True
    method: Method | None = None

    def jobs(self, folder: Path) -> Iterator[Job]:
        """Every case, suite by suite.

        Raises:
            R3dError: There is no such suite or peer.
        """
        files = _mesh_files(self.data) if self.data else ()
        for suite in [find_suite(name) for name in self.suites] or suites().values():
            for device in self.devices:
                if device.partition(":")[0] in suite.devices:
                    contestants = tuple(self._contestants(suite, device))
                    place = Place(device, folder, self.data)
                    for case in _distinct(suite.cases(Selection(self.level, device, self.sizes, files))):
                        yield Job(suite.name, case, place, contestants, self.timing)

    def _contestants(self, suite: Suite, device: str) -> Iterator[Contestant]:
        for source in (OURS, *(suite.peers if self.peers is None else self.peers)):
            if (contestant := Contestant(source)).takes_part(suite, device):
                yield contestant

    @property
    def timing(self) -> Method:
        return self.method or METHODS[self.level]


def _mesh_files(data: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in data.iterdir() if path.suffix.lower() in MESH_FILES))


def _distinct(cases: Iterable[Case]) -> list[Case]:
    seen: list[Case] = []
    for case in cases:
        if case not in seen:
            seen.append(case)
    return seen


def run(
    plan: Plan,
    *,
    clock: Clock | None = None,
    on_row: Callable[[Row], None] = lambda row: None,
    on_case: Callable[[Job, int, int], None] = lambda job, index, count: None,
    save: str | os.PathLike[str] | None = None,
    previous: Results | None = None,
    about: Callable[[], dict[str, Any]] = dict,
) -> Results:
    """Measure.

    Args:
        plan: what.
        clock: instead of the device's own. A clock does not travel, so everything then runs in this process:
            nothing is stopped when its time is up, and memory is not measured.
        on_row: is told of each row when it is known.
        on_case: is told of each case before it begins, its index and their number.
        save: a file that holds the results so far, whenever a case is done.
        previous: results to go on from; cases that they hold for all contestants are not run again.
        about: makes further fields of the results: the machine, its ceilings.

    Raises:
        R3dError: There is no such suite or peer.
        KeyboardInterrupt: Ctrl-C; ``save`` holds what was finished.

    Example:
        >>> plan = Plan(suites=("io",), sizes=(80,), peers=(), memory=False)
        >>> {row.status for row in run(plan).rows}
        {'ok'}
    """
    with tempfile.TemporaryDirectory(prefix="r3d-bench-") as folder:
        jobs = list(plan.jobs(Path(folder)))  # before anything is spent, say what cannot work
        method = {"level": plan.level, **asdict(plan.timing), "memory": plan.memory}
        if previous is not None and any(previous.method.get(name) != method[name] for name in method):
            made = previous.method.get("level", "another method")
            raise R3dError(f"the results to resume were made with {made}; resume them as they were begun")
        results = previous or Results(
            r3d=VERSION,
            created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            method=method,
            **about(),
        )
        names = {contestant.name for job in jobs for contestant in job.contestants}
        known = set(results.method.get("contestants", ()))
        results.method["contestants"] = sorted(names | known)
        for index, job in enumerate(jobs):
            if _is_done(job, results, known):
                continue
            on_case(job, index, len(jobs))
            key = job.row(job.contestants[0], "ok").key
            rows = [row for row in results.rows if row.key != key]
            for row in _run_case(job, plan, clock):
                rows.append(row)
                on_row(row)
            results.rows = rows
            if save is not None:
                results.save(save)
        return results


def _is_done(job: Job, results: Results, known: set[str]) -> bool:
    """Whether a case need not be run: who takes part did then, and what was missing still is."""
    key = job.row(job.contestants[0], "ok").key
    found = {row.contestant: row.status for row in results.rows if row.key == key}
    return bool(found) and all(
        contestant.name in known and (found.get(contestant.name) != "missing" or bool(contestant.missing))
        for contestant in job.contestants
    )


def _run_case(job: Job, plan: Plan, clock: Clock | None) -> list[Row]:
    """A row for each contestant that does the case, in the contestants' order."""
    rows: dict[str, Row] = {}
    here = []
    for contestant in job.contestants:
        if install := contestant.missing:
            rows[contestant.name] = job.row(contestant, "missing", install)
        else:
            here.append(contestant)
    while here:
        finished, culprit = _time(replace(job, contestants=tuple(here)), clock)
        rows |= {row.contestant: row for row in finished}
        if culprit is None:
            break
        here = [c for c in here if c.source != culprit and c.name not in rows]
    for contestant in job.contestants:
        row = rows.get(contestant.name)
        if row is not None and row.status == "ok" and plan.memory and clock is None:
            row.peak_bytes, row.message = _memory(replace(job, contestants=(contestant,)))
    return [rows[contestant.name] for contestant in job.contestants if contestant.name in rows]


def _time(job: Job, clock: Clock | None) -> tuple[list[Row], str | None]:
    """Rows, and the source of the contestant that ended the process, if one did.

    The others are then to be timed again without it.
    """
    at, rows = job.contestants[0].source, []
    try:
        events = time_case(job, clock) if clock else run_in_child(time_case, job, job.method.timeout)
        for event in events:
            if isinstance(event, Row):
                rows.append(event)
            else:
                at = event
    except ChildTimedOut as error:
        status, message = "timeout", str(error)
    except Exception as error:
        status, message = "error", str(error) if isinstance(error, ChildFailed) else describe(error)
    else:
        return rows, None
    culprit = next(contestant for contestant in job.contestants if contestant.source == at)
    rows = [row for row in rows if row.contestant != culprit.name and row.status != "ok"]
    return [*rows, job.row(culprit, status, message)], at


def _memory(job: Job) -> tuple[int | None, str]:
    """The peak, or None and why."""
    try:
        for event in run_in_child(measure_memory, job, job.method.timeout):
            if isinstance(event, int):
                return event, ""
    except (ChildFailed, ChildTimedOut) as error:
        return None, one_line(f"memory not measured: {error}")
    return None, "memory not measured"
