"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_whole(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Write ``data`` to ``path`` in one step: an interrupt leaves what was there before.

    A pipe or a device such as /dev/stdout is written to directly.

    Raises:
        OSError: The file cannot be written; names ``path``.
    """
    encoded = data.encode() if isinstance(data, str) else data
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(encoded)
            return
        partial.write_bytes(encoded)
        os.replace(partial, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):  # about the file that was asked for, not about the temporary one
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        raise
