"""A process of its own for each measurement: fresh caches, its own memory, and it may crash or hang.

The processes are forked from a server that has imported NumPy and PyTorch and done nothing with them, so that
one costs milliseconds.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from r3d_cli.bench.measure import describe, one_line

_PRELOAD = ["numpy", "torch", "r3d_cli.bench.measure", "r3d_cli.bench.memory"]
_DONE = "done"


class ChildFailed(Exception):
    """The process ended before its work did; the message says how."""


class ChildTimedOut(Exception):
    """The process was stopped when its time was up."""


def run_in_child(function: Callable[[Any], Iterator[Any]], job: Any, timeout: float) -> Iterator[Any]:
    """Iterate over ``function(job)`` in a process of its own.

    Args:
        function: a module's own, so that the process finds it.
        job: its argument; travels by pickle, as do the values.
        timeout: seconds for all of it.

    Raises:
        ChildFailed: the function raised, or the process crashed.
        ChildTimedOut: the time was up.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.NamedTemporaryFile(prefix="r3d-bench-", suffix=".log") as log:
        process = context.Process(target=_work, args=(function, job, sender, log.name), daemon=True)
        interrupts = _start(process)
        sender.close()
        deadline = time.monotonic() + timeout
        try:
            if interrupts:
                raise KeyboardInterrupt
            while True:
                if not receiver.poll(max(deadline - time.monotonic(), 0)):
                    raise ChildTimedOut(f"stopped after {timeout:g} s")
                try:
                    kind, value = receiver.recv()
                except EOFError:
                    process.join()
                    raise ChildFailed(_last_words(process.exitcode or 0, log.name)) from None
                if kind == _DONE:
                    if value:
                        raise ChildFailed(value)
                    return
                yield value
        finally:
            receiver.close()
            process.kill()
            process.join()


def _start(process: multiprocessing.process.BaseProcess) -> int:
    """Start the process whole and return how often Ctrl-C came meanwhile.

    Cut in half, the start would leave a process that nobody knows of.
    """
    if threading.current_thread() is not threading.main_thread():
        process.start()
        return 0
    interrupts: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, previous)
    return len(interrupts)


def _work(function: Callable[[Any], Iterator[Any]], job: Any, sender: Connection, log: str) -> None:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    die_with_parent()
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        return  # the parent has ended or given up already
    os.dup2(descriptor, 1)  # libraries that print do not print into the table
    os.dup2(descriptor, 2)
    failure = ""
    try:
        for value in function(job):
            sender.send(("value", value))
    except BaseException as error:
        failure = describe(error)
    sender.send((_DONE, failure))


def _last_words(code: int, log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as lines:
        words = [line.strip() for line in lines if line.strip()]
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
    return one_line(f"the process {how}" + (f": {words[-1]}" if words else ""))


def die_with_parent() -> None:
    """Have Linux end this process when its parent ends, however that happens (prctl, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
