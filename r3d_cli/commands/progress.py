"""How far a run over many files is: a bar on a terminal, and messages that do not run into it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_PERIOD = 0.1  # seconds between two drawings of the bar


class Progress:
    """A bar on standard error: done and all, speed, time left, failures.

    There is none where standard error is no terminal, or only one thing to do; messages are printed all
    the same. Used as a context; gone when that is left.

    Args:
        total: How many there are to do.
        noun: What they are.
        clock: Tells the time, seconds.

    Attributes:
        done, skipped, failed: Counted so far; done counts the others too.
    """

    def __init__(
        self, total: int, *, noun: str = "files", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self.noun = noun
        self.done = self.skipped = self.failed = 0
        self._clock = clock
        self._start = clock()
        self._drawn = self._start
        self._bar: RichProgress | None = None

    def __enter__(self) -> Progress:
        self._start = self._drawn = self._clock()
        if self.total > 1 and _is_terminal(sys.stderr) and os.environ.get("TERM") not in ("dumb", "unknown"):
            self._bar = _make_bar(self.total)
            self._bar.update(self._bar.task_ids[0], description=self.summary())
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def advance(self, *, failed: bool = False, skipped: bool = False) -> None:
        """One more is done, has failed, or was done before."""
        self.done += 1
        self.failed += failed
        self.skipped += skipped
        now = self._clock()
        if self._bar is not None and (now - self._drawn >= _PERIOD or self.done == self.total):
            self._drawn = now
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=self.done, description=self.summary(), refresh=True)

    def summary(self) -> str:
        """What stands beside the bar; the speed is that of those that were not skipped."""
        parts = [f"{self.done:,}/{self.total:,} {self.noun}"]
        worked, elapsed = self.done - self.skipped, self._clock() - self._start
        if worked and elapsed > 0:
            rate = worked / elapsed
            speed = f"{rate:.{int(rate < 10)}f} {self.noun}/s"
            parts.append(speed if rate >= 1 else f"{1 / rate:.1f} s each")
            parts.append(f"{_time((self.total - self.done) / rate)} left")
        if self.skipped:
            parts.append(f"{self.skipped:,} skipped")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        return "  ".join(parts)

    def message(self, text: str) -> None:
        """Print a warning or an error to standard error, above the bar; one line, whatever names it has."""
        text = " ".join(text.splitlines())
        if self._bar is None:
            typer.echo(text, err=True)
        else:
            self._print_above(text)

    def line(self, text: str) -> None:
        """Print a line of the command's results to standard output."""
        if self._bar is None or not _is_terminal(sys.stdout):
            typer.echo(text)
        else:  # one terminal for both
            self._print_above(text)

    def _print_above(self, text: str) -> None:
        assert self._bar is not None
        self._bar.console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def _make_bar(total: int) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        BarColumn(bar_width=24),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        auto_refresh=False,  # a thread of its own would be in the way of forks
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("", total=total)
    return bar


def _time(seconds: float) -> str:
    """``0:42``, ``5:07`` or ``1:05:07``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
