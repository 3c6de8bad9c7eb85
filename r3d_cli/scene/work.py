"""Many tasks, one after the other or in processes of their own, in which a task may hang or crash alone."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar

from r3d_cli.errors import debugging, explain

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")

_GRACE = 1.0  # seconds that a process has to remove what it began
_LONGEST_WAIT = 1e6  # seconds at a time: the operating system does not count much further
_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NONE: Any = object()


@dataclass(frozen=True)
class Failure:
    """What a task ended with instead of a result.

    Attributes:
        message: One line that names the task.
        kind: "error", an exception; "timeout"; or "crash", the end of its process.
    """

    message: str
    kind: Literal["error", "timeout", "crash"]


def run_jobs(
    tasks: Iterable[T],
    work: Callable[[T], R],
    *,
    jobs: int = 1,
    timeout: float | None = None,
    name: Callable[[T], str] = str,
) -> Iterator[tuple[T, R | Failure]]:
    """Do ``work`` on every task, and tell of each as it ends.

    One job without a timeout is done in this process. Otherwise there are processes, forked from this one, so
    that ``work`` need not be picklable; tasks and results need be. A process that dies or takes too long is
    followed by a new one, and what it was about to write (`scene.files.replacing`) is removed. Where the
    iterator ends early, by an exception such as KeyboardInterrupt or by its ``close``, so do the processes.

    This process must not have used CUDA before: a forked process cannot.

    Args:
        tasks: Taken one by one, as processes become free.
        work: Its exceptions become failures.
        jobs: How many processes; each uses its share of the CPU threads.
        timeout: Seconds that a task may take.
        name: How messages call a task.

    Returns:
        Pairs of a task and its result, or a `Failure`; in the order in which they end.

    Example:
        >>> for task, outcome in run_jobs([4, 0], lambda number: 12 // number):
        ...     print(task, outcome.kind if isinstance(outcome, Failure) else outcome)
        4 3
        0 error
    """
    if jobs < 1 or (timeout is not None and not timeout > 0):
        raise ValueError(f"jobs and timeout must be above 0, got {jobs} and {timeout}")
    if jobs == 1 and timeout is None:
        for task in tasks:
            yield task, _attempt(work, task, name)
        return

    from multiprocessing.connection import wait

    from r3d_cli.backend.cpu import num_threads

    threads = max(1, num_threads() // jobs)
    queue = iter(tasks)
    workers: list[_Worker[T, R]] = []
    try:
        while True:
            while len(workers) < jobs and (task := next(queue, _NONE)) is not _NONE:
                workers.append(_start(workers, work, name, threads, timeout))
                workers[-1].give(task)
            if not workers:
                return
            now = time.monotonic()
            first = min(worker.deadline for worker in workers)
            left = None if timeout is None else min(first - now, _LONGEST_WAIT)
            ready = wait([worker.connection for worker in workers], left)
            now = time.monotonic()
            for worker in list(workers):
                task = worker.task
                if worker.connection in ready:
                    outcome = worker.receive()
                elif now >= worker.deadline:
                    outcome = worker.give_up()
                else:
                    continue
                if outcome is _NONE:
                    continue
                if not worker.ended and (following := next(queue, _NONE)) is not _NONE:
                    worker.give(following)
                else:
                    worker.close()
                    workers.remove(worker)
                yield task, outcome
    finally:
        with _signals_held():
            for worker in workers:
                worker.kill(signal.SIGTERM)
            for worker in workers:
                worker.close()


class _Worker(Generic[T, R]):
    """A process that does one task after the other, as this one sees it."""

    task: T

    def __init__(self, pid: int, connection: Connection, name: Callable[[T], str], timeout: float | None):
        self.pid = pid
        self.connection = connection
        self.name = name
        self.timeout = timeout
        self.deadline = math.inf
        self.partials: list[Path] = []  # what the task has begun to write
        self.ended = False

    def give(self, task: T) -> None:
        self.task = task
        self.deadline = math.inf if self.timeout is None else time.monotonic() + self.timeout
        with _broken_pipe_ignored():  # that the process is no more shows where its answer is read
            self.connection.send(task)

    def receive(self) -> R | Failure:
        """The task's outcome, or _NONE where there is none yet."""
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            return self._crash()
        if kind == "partial":
            self.partials.append(Path(value))
            return _NONE
        self.partials = []
        return value

    def give_up(self) -> R | Failure:
        """End a task that took too long; its outcome where that came at the last moment."""
        self.kill(signal.SIGKILL)
        outcome: Any = _NONE
        while outcome is _NONE:
            outcome = self.receive()
        self.close()
        if not (isinstance(outcome, Failure) and outcome.kind == "crash"):
            return outcome
        late = f"took longer than the {self.timeout:g} s of --timeout; allow more, or reduce the mesh"
        return Failure(f"{self.name(self.task)}: {late}", "timeout")

    def kill(self, number: int) -> None:
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def close(self) -> None:
        """End the process, if need be by force, and remove what it leaves."""
        with contextlib.suppress(EOFError, OSError):
            while not self.ended and self.connection.poll():  # what it has begun to write
                self.receive()
        self.connection.close()  # which an idle process takes as the end
        last = time.monotonic() + _GRACE
        while not self.ended and time.monotonic() < last:
            self._reap(os.WNOHANG)
            time.sleep(0.002)
        self.kill(signal.SIGKILL)
        self._reap()
        self._sweep()

    def _crash(self) -> Failure:
        status = self._reap()
        self._sweep()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGPIPE:  # nobody reads our output any more, which ends this process too
                os.kill(os.getpid(), number)
            how = f"was ended by {signal.Signals(number).name}"
        else:
            number = 0
            how = f"ended with exit code {os.waitstatus_to_exitcode(status)}"
        if number == signal.SIGKILL:
            mend = "if memory is short, fewer --jobs or a smaller --size need less"
        else:
            mend = "please report it, with the file"
        return Failure(f"{self.name(self.task)}: the process that drew it {how}; {mend}", "crash")

    def _reap(self, options: int = 0) -> int:
        if self.ended:
            return 0
        try:
            pid, status = os.waitpid(self.pid, options)
        except ChildProcessError:  # this process was started with SIGCHLD ignored: nobody keeps its status
            self.ended = True
            return 0
        self.ended = pid != 0
        return status

    def _sweep(self) -> None:
        for partial in self.partials:
            with contextlib.suppress(OSError):
                partial.unlink()
        self.partials = []


def _start(
    siblings: list[_Worker[T, R]],
    work: Callable[[T], R],
    name: Callable[[T], str],
    threads: int,
    timeout: float | None,
) -> _Worker[T, R]:
    """Fork a process that waits for tasks."""
    from multiprocessing.connection import Pipe

    ours, theirs = Pipe()
    with _signals_held():  # until the child has handlers of its own: this process's would clean up here
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                # Were these open here too, a sibling would not notice that its parent is no more.
                for connection in [ours, *(worker.connection for worker in siblings)]:
                    connection.close()
                _serve(theirs, work, name, threads)
                code = 0
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else 1
            finally:
                os._exit(code)
    theirs.close()
    return _Worker(pid, ours, name, timeout)


def _serve(connection: Connection, work: Callable[[T], R], name: Callable[[T], str], threads: int) -> None:
    """Do tasks until there are no more."""
    from r3d_cli.backend.cpu import set_num_threads
    from r3d_cli.scene import files

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends us
    signal.signal(signal.SIGTERM, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
    set_num_threads(threads)
    files.on_partial = lambda path: connection.send(("partial", os.fspath(path)))
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        outcome = _attempt(work, task, name)
        try:
            connection.send(("outcome", outcome))
        except OSError:  # the parent is no more
            return
        except Exception as error:  # what cannot be pickled
            connection.send(("outcome", Failure(f"{name(task)}: {explain(error)}", "error")))


def _attempt(work: Callable[[T], R], task: T, name: Callable[[T], str]) -> R | Failure:
    try:
        return work(task)
    except Exception as error:
        if debugging():
            traceback.print_exc()
        message, called = explain(error), " ".join(name(task).split())  # of one line, as the message is
        return Failure(message if message.startswith(f"{called}:") else f"{called}: {message}", "error")


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Signals that end this process come when the block is left."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _broken_pipe_ignored() -> Iterator[None]:
    """Writing to a process that is no more raises no SIGPIPE, which would end this one, and no error."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
    try:
        yield
    except OSError:
        if signal.SIGPIPE not in before:
            signal.sigtimedwait([signal.SIGPIPE], 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
