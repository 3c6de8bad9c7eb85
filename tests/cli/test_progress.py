"""The bar of a run over many files, and what is printed beside it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from r3d_cli.commands.progress import Progress

RUN = """
import sys
from r3d_cli.commands.progress import Progress

with Progress(int(sys.argv[1])) as progress:
    for number in range(progress.total):
        progress.line(f"out/{number}.png")
        if number == 1:
            progress.message("r3d: error: [red]b[1].obj: " + "long " * 40 + "broken")
        progress.advance(failed=number == 1)
print("rich" in sys.modules, progress.summary().replace("  ", " ").split(" ")[-2:], file=sys.stderr)
"""


def run_on_terminal(total: int, *, output_too: bool = False, term: str = "xterm") -> tuple[str, str]:
    """What a process prints to its standard output, and to the terminal that its standard error is."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(total)],
        stdout=theirs if output_too else subprocess.PIPE,
        stderr=theirs,
        text=True,
        env={**os.environ, "TERM": term},
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += (piece := os.read(ours, 4096))
            except OSError:  # how a terminal tells that nobody writes any more
                break
            if not piece:
                break
        os.close(ours)
        printed = process.stdout.read() if process.stdout else ""
    return printed, shown.decode()


def test_without_a_terminal_only_the_messages() -> None:
    done = subprocess.run([sys.executable, "-c", RUN, "3"], capture_output=True, text=True, check=True)
    assert done.stdout == "out/0.png\nout/1.png\nout/2.png\n"
    message, last = done.stderr.splitlines()
    assert message == "r3d: error: [red]b[1].obj: " + "long " * 40 + "broken"
    assert last == "False ['1', 'failed']"


def test_on_a_terminal_a_bar_below_the_messages() -> None:
    printed, shown = run_on_terminal(3)
    assert printed == "out/0.png\nout/1.png\nout/2.png\n"
    assert "0/3 files" in shown
    assert "3/3 files" in shown
    assert "1 failed" in shown
    assert "\r\x1b[2K" in shown  # the bar is removed
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back
    (message,) = (line for line in shown.splitlines() if "broken" in line)
    assert "r3d: error: [red]b[1].obj: " + "long " * 40 + "broken" in message


def test_on_one_terminal_lines_stand_above_the_bar() -> None:
    _, shown = run_on_terminal(3, output_too=True)
    for number in range(3):
        (line,) = (line for line in shown.splitlines() if f"out/{number}.png" in line)
        assert line.endswith(f"\x1b[2Kout/{number}.png")  # what was there is removed first


@pytest.mark.parametrize(("total", "term"), [(1, "xterm"), (3, "dumb")])
def test_no_bar_for_one_file_nor_on_a_dumb_terminal(total: int, term: str) -> None:
    _, shown = run_on_terminal(total, term=term)
    assert "\x1b" not in shown
    assert "False" in shown


def test_the_summary() -> None:
    now = [100.0]
    progress = Progress(2000, clock=lambda: now[0])
    assert progress.summary() == "0/2,000 files"
    for _ in range(1000):
        progress.advance(skipped=True)
    assert progress.summary() == "1,000/2,000 files  1,000 skipped"
    now[0] += 10
    for number in range(5):
        progress.advance(failed=number == 3)
    assert progress.summary() == "1,005/2,000 files  2.0 s each  33:10 left  1,000 skipped  1 failed"
    now[0] += 30
    for _ in range(995):
        progress.advance()
    assert progress.summary() == "2,000/2,000 files  25 files/s  0:00 left  1,000 skipped  1 failed"
    slow = Progress(11, noun="views", clock=lambda: now[0])
    now[0] += 3907
    slow.advance()
    assert slow.summary() == "1/11 views  3907.0 s each  10:51:10 left"
