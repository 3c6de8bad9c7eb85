"""The errors that a user can mend, as opposed to bugs, and what to say about either."""

from __future__ import annotations

import os

from r3d_cli.constants import VERSION


class R3dError(Exception):
    """A failure with a cause outside r3d; one line that names the file or device and the mend."""


def explain(error: Exception) -> str:
    """The line that tells a user what went wrong.

    Example:
        >>> explain(FileNotFoundError(2, "No such file or directory", "out.png"))
        'out.png: No such file or directory'
    """
    if isinstance(error, R3dError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        named = isinstance(error.filename, str | bytes | os.PathLike)
        return f"{os.fsdecode(error.filename) if named else 'standard output'}: {error.strerror}"
    if isinstance(error, MemoryError):
        return "out of memory; a smaller --size or mesh needs less"
    return f"bug in r3d {VERSION}: {_place(error)}; please report it, with R3D_DEBUG=1"


def debugging() -> bool:
    """Whether ``R3D_DEBUG`` asks for tracebacks."""
    return os.environ.get("R3D_DEBUG", "0") not in ("", "0")


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else ""
    return " ".join(f"{type(error).__name__}{where}: {error}".split())
