"""The native CPU module: threads, instruction sets, and the one import of it that explains itself."""

from __future__ import annotations

import importlib
import os
import platform
from functools import cache
from typing import Any

from r3d_cli.errors import R3dError


class NativeMissing(R3dError, ImportError):
    """The native module cannot be loaded; the message says the cause and the mend."""


@cache
def native() -> Any:
    """The module ``r3d_cli._native``.

    Raises:
        NativeMissing: it was not built, or Python found the source folder before the installed package.
    """
    try:
        return importlib.import_module("r3d_cli._native")
    except ImportError as error:
        raise NativeMissing(
            f"r3d's native module cannot be loaded ({error}); install r3d with pip, and start Python outside"
            " its source folder unless the installation is editable"
        ) from None


def num_threads() -> int:
    """Threads that kernels use: ``set_num_threads``, else ``R3D_NUM_THREADS``, else the process's CPUs."""
    return native().num_threads()


def set_num_threads(count: int) -> None:
    """Use ``count`` threads from now on; below 1: the default again."""
    native().set_num_threads(count)


def share_openmp(library: str | os.PathLike[str]) -> bool:
    """Let the threads of another library's OpenMP runtime do our work too, where it has as many.

    They spin for milliseconds after that library's own loops, and would be in the way of ours. Only loops of
    the main thread share them. A forked child has none of them, though its copy of the runtime believes so
    and would wait for them for ever: it shares nothing.

    Args:
        library: The runtime's file; one that this process has not loaded is left alone.

    Returns:
        Whether it is shared from now on.
    """
    return not _is_forked() and native().share_openmp(os.fspath(library))


def _is_forked() -> bool:
    """Whether this process is the copy of another one, made by fork without an exec since."""
    try:
        with open("/proc/self/stat", "rb") as file:
            flags = int(file.read().rpartition(b")")[2].split()[6])  # behind the name; see proc(5)
    except (OSError, ValueError, IndexError):
        return False
    return bool(flags & 0x40)  # PF_FORKNOEXEC


def isa() -> str:
    """The instruction set in use: ``baseline``, ``avx2`` or ``avx512``."""
    return native().isa()


def isas() -> list[str]:
    """The instruction sets this machine has."""
    return native().isas()


def set_isa(name: str) -> None:
    """Use an instruction set.

    Raises:
        ValueError: the machine does not have it.
    """
    native().set_isa(name)


def cpu_model() -> str:
    """The CPU's name as the system tells it, else its architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()
