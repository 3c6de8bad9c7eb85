"""The process ``r3d``: the one place where an error becomes a line on stderr and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C). ``R3D_DEBUG=1`` shows tracebacks. What
costs time is imported inside functions, so that an interrupt is quiet from the first moment on.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from r3d_cli.errors import debugging, explain

INTERRUPTED = 128 + signal.SIGINT


def main() -> NoReturn:
    """Run the process's command line and exit."""
    try:
        _set_up_process()
        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run the command line ``arguments``; print an error as one line and return the exit code."""
    try:
        from typer.main import get_command

        from r3d_cli.app import app

        status = get_command(app).main(arguments, prog_name="r3d", standalone_mode=False)
        if status:  # which has been told, perhaps that output cannot be written
            _drop_unwritten_output()
        sys.stdout.flush()
    except Exception as error:
        if debugging():
            import traceback

            traceback.print_exc()
        line, status = _explain(error)
        if line:
            print("r3d: error:", " ".join(line.split()), file=sys.stderr)
        _drop_unwritten_output()
    return status or 0


def _set_up_process() -> None:
    # NumPy's BLAS would start its threads when it is imported, 60 ms of CPU time on two cores, and no command
    # multiplies large matrices with it; but the peers of `bench` may.
    if sys.argv[1:2] != ["bench"]:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # `r3d doctor | head -1` ends like any Unix filter; a terminated render still removes its temporary file.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
    _stand_in_for_closed_streams()
    for stream in (sys.stdout, sys.stderr):  # a file name need not be text that the terminal can show
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _stand_in_for_closed_streams() -> None:
    """Give `r3d … <&- >&- 2>&-` streams, and their numbers to no other file.

    What reads or writes them fails as it would have, with "Bad file descriptor"; messages are dropped.
    """
    for name, mode, access in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, access), mode))


def _explain(error: Exception) -> tuple[str, int]:
    """The line that tells a user what went wrong, and the exit code."""
    return _explain_typer(error) or (explain(error), 1)


def _explain_typer(error: Exception) -> tuple[str, int] | None:
    import typer

    # Late Typers bring their own Click, earlier ones import it: these are the bases of either's BadParameter.
    usage_error, click_exception = typer.BadParameter.__mro__[1:3]
    if isinstance(error, typer.Abort):
        return "", INTERRUPTED
    if isinstance(error, usage_error):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "r3d"
        return f"{error.format_message().rstrip('.')}; see '{path} --help'", 2  # type: ignore[attr-defined]
    if isinstance(error, click_exception):
        return error.format_message(), 1  # type: ignore[attr-defined]
    return None


def _drop_unwritten_output() -> None:
    """Keep the interpreter from failing again, with lines of its own, on output that cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
