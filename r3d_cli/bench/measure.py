"""The method: check, then time in turns; memory apart.

Both functions yield as they go: a contestant's name before each thing that it does, so that whoever watches
knows whom to blame for a crash or a time-out, and rows or bytes when they are known.
"""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from r3d_cli.bench.clock import Clock, clock_for
from r3d_cli.bench.contestants import Contestant
from r3d_cli.bench.results import Row
from r3d_cli.bench.suite import Case, Place, Prepared, Unsupported, find_suite


@dataclass(frozen=True)
class Method:
    """How a contestant is timed on a case."""

    seconds: float = 2.0  # of calls, after which no more than `least` are made
    least: int = 7  # repetitions (at least 2), unless they take longer than PATIENCE x seconds
    most: int = 100
    noise: float = 0.01  # standard error of the median, as a share of it, that is stable enough
    timeout: float = 180.0  # seconds that a case may take


METHODS = {
    "quick": Method(seconds=0.3, least=5, most=30, noise=0.03, timeout=30.0),
    "default": Method(),
    "full": Method(seconds=5.0, least=11, most=200, noise=0.005, timeout=900.0),
}

PATIENCE = 4

#: A turn of calls shorter than this begins with one that is not timed: another contestant has just had the
#: caches and the cores. Milliseconds.
BRIEF = 50.0


@dataclass(frozen=True)
class Job:
    """A case and who takes part; travels to the process that measures it."""

    suite: str
    case: Case
    place: Place
    contestants: tuple[Contestant, ...]
    method: Method

    def row(self, contestant: Contestant, status: str, message: str = "") -> Row:
        return Row(self.suite, self.case, self.place.device, contestant.name, status, one_line(message))


@dataclass
class _Runner:
    """A contestant whose first result was right."""

    contestant: Contestant
    prepared: Prepared
    row: Row
    cold_ms: float


def time_case(job: Job, clock: Clock | None = None) -> Iterator[str | Row]:
    """Check every contestant's result, then time those that are right, in turns.

    Yields:
        Names, and in the end a row for each contestant that does the case.
    """
    suite = find_suite(job.suite)
    try:
        inputs = suite.inputs(job.case, job.place)
    except Unsupported:
        return
    clock = clock or clock_for(job.place.device)
    runners: list[_Runner] = []
    outcomes: list[dict[str, Any]] = []
    for contestant in job.contestants:
        yield contestant.source
        try:
            prepared = contestant.prepare(suite, inputs)
            result, cold = clock.time(prepared.call)
            outcomes.append(suite.outcome(inputs, prepared.result(result)))
        except Unsupported:
            continue
        except ImportError as error:
            install = f"; {contestant.install}" if contestant.install else ""
            yield job.row(contestant, "missing", f"{error}{install}")
        except Exception as error:
            yield job.row(contestant, "error", describe(error))
        else:
            row = job.row(contestant, "ok")
            row.cold_ms, row.work = cold, suite.work(inputs)
            runners.append(_Runner(contestant, prepared, row, cold))
            del result
    if not runners:
        return
    try:
        expected = suite.reference(inputs)
    except Unsupported:
        return
    for runner, outcome in zip(tuple(runners), outcomes, strict=True):
        if difference := suite.differs(outcome, expected):
            runners.remove(runner)
            yield job.row(runner.contestant, "wrong", difference)
    yield from _take_turns(runners, clock, job)


def _take_turns(runners: list[_Runner], clock: Clock, job: Job) -> Iterator[str | Row]:
    """A B A B: whatever drifts (clock rates, other processes) hits all of them alike."""
    waiting = list(runners)
    gc.collect()
    gc.disable()
    try:
        while waiting:
            for runner in tuple(waiting):
                yield runner.contestant.source
                try:
                    if ([runner.cold_ms, *runner.row.times_ms])[-1] < BRIEF:
                        runner.prepared.call()
                    runner.row.times_ms.append(clock.time(runner.prepared.call)[1])
                except Exception as error:
                    waiting.remove(runner)
                    runner.row = job.row(runner.contestant, "error", describe(error))
                    continue
                if is_settled(runner.row.times_ms, job.method):
                    waiting.remove(runner)
    finally:
        gc.enable()
    for runner in runners:
        yield runner.row


def is_settled(times_ms: list[float], method: Method) -> bool:
    """Whether more repetitions would not tell more, or take too long."""
    count, spent = len(times_ms), sum(times_ms) / 1e3
    if count >= method.most or spent >= PATIENCE * method.seconds:
        return True
    if count < method.least:
        return False
    if spent >= method.seconds:
        return True
    first, median, third = statistics.quantiles(times_ms, n=4, method="inclusive")
    # As if normally distributed: the deviation is the quartiles' distance / 1.35, and the median's error 1.25
    # times the mean's.
    error = 1.25 * (third - first) / 1.35 / math.sqrt(count)
    return error <= method.noise * median


def measure_memory(job: Job) -> Iterator[str | int]:
    """The peak memory of a job's only contestant above the inputs, bytes.

    A tiny case comes first, so that libraries that load on their first call are not counted; what the
    contestant prepares (a search structure) is.
    """
    from r3d_cli.bench.memory import meter_for

    suite, (contestant,) = find_suite(job.suite), job.contestants
    yield contestant.source
    tiny = contestant.prepare(suite, suite.inputs({**job.case, **suite.tiny}, job.place))
    tiny.call()
    del tiny
    inputs = suite.inputs(job.case, job.place)
    meter = meter_for(job.place.device)
    prepared = contestant.prepare(suite, inputs)
    if hasattr(prepared.call, "peak_bytes"):  # a command is a process of its own
        yield prepared.call.peak_bytes()
        return
    result = prepared.call()
    yield meter.peak_bytes()
    del result


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def one_line(text: str, most: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
