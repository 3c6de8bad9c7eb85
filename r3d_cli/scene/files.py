"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from r3d_cli.errors import R3dError

#: Is told each temporary file before it is there: a process that may be killed says what it would leave.
on_partial: Callable[[Path], None] | None = None

# The names that `replacing` gives to temporary files.
_PARTIAL = re.compile(r"\.(?P<name>.+?(?P<suffix>(?:\.[^.]+)?))\.(?P<pid>\d+)-\d+(?P=suffix)", re.DOTALL)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` where the block ends, and is gone where it raises.

    A symbolic link stays one; a pipe or a device such as /dev/stdout is written to directly.

    Raises:
        OSError: it cannot be written; about ``path``, not about the temporary one.
    """
    # Where /dev/stdout is a pipe, its real path is no name that could be opened.
    direct = os.path.exists(path) and not os.path.isfile(path)
    target = Path(path if direct else os.path.realpath(path))
    # The extension lets Pillow load this format's plugin alone.
    unique = f".{target.name}.{os.getpid()}-{threading.get_ident()}{target.suffix}"
    partial = target if direct else target.with_name(unique)
    if on_partial is not None and not direct:
        on_partial(partial)
    try:
        yield partial
        if not direct:
            os.replace(partial, target)
    except BaseException as error:
        if not direct:
            with contextlib.suppress(OSError):
                partial.unlink()
        # A full disk names no file; other errors may come from elsewhere and name another one.
        if isinstance(error, OSError) and error.errno and error.filename in (None, os.fspath(partial)):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        raise


def check_place(path: str | os.PathLike[str]) -> None:
    """Refuse a place where no file can be written, before the work that would fill it.

    Raises:
        R3dError: Its folder is not there or cannot be written to, or it is a folder itself.
    """
    name, folder = os.fspath(path), os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise R3dError(f"{name}: is a directory; name a file in it")
    if not os.path.isdir(folder):
        raise R3dError(f"{name}: there is no directory {folder}")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise R3dError(f"{name}: permission denied; name a writable place")


def remove_partials(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Remove what killed processes of this machine left of files that they were writing.

    Args:
        paths: Those files; nobody may be writing them on another machine.
    """
    names: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(os.path.realpath(path))
        names.setdefault(folder, set()).add(name)
    for folder, wanted in names.items():
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                match = _PARTIAL.fullmatch(entry.name)
                if match and match["name"] in wanted and not os.path.exists(f"/proc/{match['pid']}"):
                    with contextlib.suppress(OSError):
                        os.unlink(entry.path)


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all are complete before the first takes its place.

    The last one takes its place first and the first one last, so that a file comes after those it names.
    """
    with contextlib.ExitStack() as stack:
        for path, data in files.items():
            stack.enter_context(replacing(path)).write_bytes(data)
