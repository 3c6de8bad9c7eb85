"""Many tasks in processes: hangs, crashes, errors and interrupts, none of which takes the others along."""

from __future__ import annotations

import contextlib
import doctest
import faulthandler
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r3d_cli import errors
from r3d_cli.errors import R3dError
from r3d_cli.scene import work
from r3d_cli.scene.files import replacing
from r3d_cli.scene.work import Failure, run_jobs

#: In this process, in one of its own, in three.
WAYS = [{"jobs": 1}, {"jobs": 1, "timeout": 60.0}, {"jobs": 3}]


@pytest.mark.parametrize("module", [work, errors])
def test_the_examples_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def children() -> set[str]:
    """Process ids of this process's children, also of those that have ended and were not waited for."""
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    others = children()  # of other tests, such as the server of multiprocessing
    yield
    assert children() <= others


@pytest.mark.parametrize("way", WAYS)
def test_every_task_has_its_result(way: dict[str, Any]) -> None:
    offset = 1000  # what work knows of its surroundings, a forked process knows too
    done = dict(run_jobs(range(20), lambda number: number + offset, **way))
    assert done == {number: number + offset for number in range(20)}
    assert list(run_jobs([], lambda number: number, **way)) == []


def test_ended_processes_may_leave_no_status() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a process started so keeps it
    try:
        done = dict(run_jobs(range(4), lambda number: os._exit(3) if number == 1 else number, jobs=2))
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert isinstance(done[1], Failure)
    assert done[1].kind == "crash"
    assert [done[number] for number in (0, 2, 3)] == [0, 2, 3]


def test_one_job_works_here_in_order_and_more_do_not() -> None:
    assert list(run_jobs([3, 1, 2], lambda number: os.getpid())) == [(n, os.getpid()) for n in (3, 1, 2)]
    processes = {pid for _, pid in run_jobs(range(8), lambda number: time.sleep(0.02) or os.getpid(), jobs=2)}
    assert len(processes) == 2
    assert os.getpid() not in processes


@pytest.mark.parametrize("way", WAYS)
def test_tasks_are_taken_as_they_are_done(way: dict[str, Any]) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    for count, _ in enumerate(run_jobs(tasks(), lambda number: number, **way), 1):
        assert len(taken) <= count + way["jobs"]


def test_a_slow_task_does_not_hold_up_the_others() -> None:
    def wait(number: int) -> int:
        time.sleep(1.0 if number == 0 else 0.0)
        return number

    order = [task for task, _ in run_jobs(range(10), wait, jobs=2)]
    assert order[-1] == 0
    assert order[:-1] == list(range(1, 10))


@pytest.mark.parametrize("way", WAYS)
def test_an_exception_is_a_line_that_names_the_task(way: dict[str, Any], tmp_path: Path) -> None:
    def fail(task: str) -> str:
        if task == "good":
            return task
        if task == "mine":
            raise R3dError(f"{task}:12: bad\nface; mend it")
        if task == "bare":
            raise R3dError("bad face")
        if task == "disk":
            return (tmp_path / "gone" / "x").read_text()
        if task == "large":
            raise MemoryError
        raise ZeroDivisionError("by\nzero")

    tasks = ["good", "mine", "bare", "disk", "large", "bug", "good"]
    outcomes = list(run_jobs(tasks, fail, **way))
    assert sorted(task for task, _ in outcomes) == sorted(tasks)
    messages = {task: outcome.message for task, outcome in outcomes if isinstance(outcome, Failure)}
    assert {outcome.kind for _, outcome in outcomes if isinstance(outcome, Failure)} == {"error"}
    assert messages.pop("mine") == "mine:12: bad face; mend it"
    assert messages.pop("bare") == "bare: bad face"
    assert messages.pop("disk") == f"disk: {tmp_path}/gone/x: No such file or directory"
    assert messages.pop("large").startswith("large: out of memory; ")
    assert re.fullmatch(r"bug: bug in r3d .*: ZeroDivisionError at .*: by zero; .*", messages.pop("bug"))
    assert messages == {}


def test_a_result_that_cannot_be_sent_is_an_error() -> None:
    (task, failure), (_, fine) = run_jobs([1, 2], lambda n: (lambda: n) if n == 1 else n, timeout=60.0)
    assert (task, fine) == (1, 2)
    assert isinstance(failure, Failure)
    assert failure.kind == "error"


def test_a_task_that_takes_too_long_is_ended_and_what_it_wrote_is_gone(tmp_path: Path) -> None:
    def write(number: int) -> int:
        with replacing(tmp_path / f"{number}.txt") as file:
            file.write_text("half")
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # as deaf as a loop of native code
            while number == 3:
                time.sleep(1)
        return number

    outcomes = dict(run_jobs(range(6), write, jobs=2, timeout=0.5, name=lambda number: f"{number}.obj"))
    failure = outcomes.pop(3)
    assert failure == Failure(
        "3.obj: took longer than the 0.5 s of --timeout; allow more, or reduce the mesh", "timeout"
    )
    assert outcomes == {number: number for number in (0, 1, 2, 4, 5)}
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n}.txt" for n in (0, 1, 2, 4, 5)]


def test_what_waited_for_the_caller_was_not_too_late() -> None:
    outcomes = run_jobs(range(3), lambda number: number, timeout=0.3)
    first = next(outcomes)
    time.sleep(0.6)
    assert [first, *outcomes] == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (
            lambda: os.kill(os.getpid(), signal.SIGKILL),
            "was ended by SIGKILL; if memory is short, fewer --jobs",
        ),
        (
            lambda: (faulthandler.disable(), os.kill(os.getpid(), signal.SIGSEGV)),
            "was ended by SIGSEGV; please report it",
        ),
        (lambda: os._exit(0), "ended with exit code 0; please report it"),
        (lambda: sys.exit(7), "ended with exit code 7; please report it"),
    ],
)
def test_a_process_that_dies_takes_no_other_task_along(end: Any, message: str, tmp_path: Path) -> None:
    def write(number: int) -> int:
        with replacing(tmp_path / f"{number}.txt") as file:
            file.write_text("half")
            if number in (2, 4):
                end()
        return number

    outcomes = dict(run_jobs(range(7), write, jobs=2, name=lambda number: f"{number}.obj"))
    for number in (2, 4):
        failure = outcomes.pop(number)
        assert isinstance(failure, Failure)
        assert failure.kind == "crash"
        assert failure.message.startswith(f"{number}.obj: the process that drew it {message}")
    assert outcomes == {number: number for number in (0, 1, 3, 5, 6)}
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n}.txt" for n in (0, 1, 3, 5, 6)]


def test_a_process_that_dies_between_tasks_ends_neither_this_one_nor_the_run() -> None:
    """Even where SIGPIPE has its default effect, as in the command."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        outcomes = run_jobs(range(4), lambda number: os.getpid(), timeout=60.0)
        _, pid = next(outcomes)
        assert isinstance(pid, int)
        time.sleep(0.2)  # its next result waits for us
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        kinds = [outcome.kind if isinstance(outcome, Failure) else "done" for _, outcome in outcomes]
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert sorted(kinds) == ["crash", "done", "done"]
    assert kinds[-1] == "done"


def test_threads_are_shared_out() -> None:
    from r3d_cli.backend.cpu import num_threads, set_num_threads

    set_num_threads(7)
    try:
        assert dict(run_jobs([0], lambda number: num_threads(), jobs=3)) == {0: 2}
        assert dict(run_jobs([0], lambda number: num_threads(), jobs=30)) == {0: 1}
        assert dict(run_jobs([0], lambda number: num_threads(), timeout=60.0)) == {0: 7}
        assert num_threads() == 7
    finally:
        set_num_threads(0)


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    def write(number: int) -> int:
        if number:
            with replacing(tmp_path / f"{number}.txt") as file:
                file.write_text("half")
                time.sleep(60)
        return number

    start = time.monotonic()
    with contextlib.closing(run_jobs(range(4), write, jobs=3)) as outcomes:
        assert next(outcomes) == (0, 0)
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
    assert not list(tmp_path.iterdir())
    assert time.monotonic() - start < 30


def test_a_timeout_may_be_beyond_what_the_system_counts() -> None:
    assert list(run_jobs([1], lambda number: number, timeout=1e300)) == [(1, 1)]


@pytest.mark.parametrize("arguments", [{"jobs": 0}, {"timeout": 0.0}, {"timeout": float("nan")}])
def test_wrong_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        next(run_jobs([1], str, **arguments))


def resident(pid: int | str = "self") -> int:
    """Bytes of memory in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("way", WAYS)
def test_memory_does_not_grow_with_the_tasks(way: dict[str, Any]) -> None:
    def some_work(number: int) -> int:
        bytes(100_000)
        return resident()

    here, there = [], []
    for _, memory in run_jobs((bytes(100_000) for _ in range(300)), some_work, **way):
        here.append(resident())
        there.append(memory)
    assert here[-1] - here[50] < 4e6  # 250 tasks would take 25e6
    assert max(there[-10:]) - max(there[40:50]) < 4e6


INTERRUPTED = """
import signal, sys, time
from pathlib import Path
from r3d_cli.scene.files import replacing
from r3d_cli.scene.work import run_jobs

signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
folder, options = Path(sys.argv[1]), eval(sys.argv[2])

def write(number):
    with replacing(folder / f"{number}.txt") as file:
        file.write_text("half")
        if number >= 3:
            time.sleep(60)
    return number

try:
    for task, outcome in run_jobs(range(1000), write, **options):
        print(outcome, flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("group", [False, True])
def test_an_interrupt_leaves_what_is_done_and_nothing_half_written(
    number: signal.Signals, way: dict[str, Any], group: bool, tmp_path: Path
) -> None:
    """Sent to the process, as by kill, or to it and its children, as by a terminal."""
    command = [sys.executable, "-c", INTERRUPTED, tmp_path, repr(way)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        assert sorted(process.stdout.readline() for _ in range(3)) == ["0\n", "1\n", "2\n"]
        while len(list(tmp_path.iterdir())) < 3 + way["jobs"]:
            time.sleep(0.01)
        (os.killpg if group else os.kill)(process.pid, number)
        assert process.wait(20) == 128 + number
        with pytest.raises(ProcessLookupError):  # nobody of them is left
            os.killpg(process.pid, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.txt", "1.txt", "2.txt"]


def runs(pid: str) -> bool:
    """Whether a process is there, and more than what is left until somebody waits for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED.replace("60", "0.3"), tmp_path, "{'jobs': 2}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 2
        process.kill()
        process.wait()
        last = time.monotonic() + 20
        while any(map(runs, children)):
            assert time.monotonic() < last
            time.sleep(0.02)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
