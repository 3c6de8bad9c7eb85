"""Open files where paths may stand: the format that one holds or is to hold, and its name in messages."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from r3d_cli.scene.model import MeshError
from r3d_cli.scene.readers import detect_format
from r3d_cli.scene.readers.source import Source

#: What is written to an open file that has no name and of which no format is said.
DEFAULT_SUFFIX = ".ply"


def is_path(f: Any) -> bool:
    return isinstance(f, str | os.PathLike)


def name_of(f: Any) -> str | None:
    """The path that an open file has been opened by, if any."""
    name = getattr(f, "name", None)  # of what is no file of a disk, a number or nothing
    return name if isinstance(name, str) else None


def shown(f: Any) -> str:
    """A path or an open file in a message."""
    return os.fspath(f) if is_path(f) else name_of(f) or f"<{type(f).__name__}>"


def check_file(where: str, name: str, f: Any, method: str) -> None:
    """Raise a ValueError unless this is a path or a file that can be read from or written to."""
    if not is_path(f) and not hasattr(f, method):
        raise ValueError(f"{where}: {name} must be a path or an open file, got {type(f).__name__}")


def takes_text(f: Any) -> bool:
    """Whether an open file is one of text, such as a StringIO."""
    return not is_path(f) and hasattr(f, "encoding")


def suffix_of_saved(where: str, f: Any, format: str | None, known: Iterable[str]) -> str | None:
    """The suffix of the format to write to an open file: of ``format``, its name, or ".ply"; None: a path."""
    suffix = _said(where, f, format, known)
    return suffix or (None if is_path(f) or not hasattr(f, "write") else DEFAULT_SUFFIX)


def suffix_of_read(where: str, f: Any, format: str | None, known: Iterable[str]) -> tuple[Any, str | None]:
    """The suffix of the format that an open file holds: of ``format``, its name, or told from its content.

    Returns:
        The file, or what it holds where it cannot be read twice; and the suffix, None where nothing tells it,
        and of a path.
    """
    suffix = _said(where, f, format, known)
    if suffix is not None or is_path(f) or not hasattr(f, "read"):
        return f, suffix
    start = f.tell() if _seekable(f) else None
    data = f.read()
    if start is not None:
        f.seek(start)
    else:
        f = io.StringIO(data) if isinstance(data, str) else io.BytesIO(data)
    try:
        kind, _ = detect_format(Source.of(as_bytes(data), shown(f), Path()), b"")
        return f, f".{kind}"
    except MeshError:
        return f, None


def as_bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _said(where: str, f: Any, format: str | None, known: Iterable[str]) -> str | None:
    """What the caller or the file's name says."""
    known = sorted(known)
    if format is not None:
        suffix = "." + str(format).lower().removeprefix(".")
        if is_path(f):
            raise ValueError(
                f"{where}: format is for open files, got {format!r} for the path '{shown(f)}'; let its "
                "suffix name the format, or open it"
            )
        if suffix not in known:
            raise ValueError(f"{where}: format must be one of {', '.join(known)}, got {format!r}")
        return suffix
    if is_path(f):
        return None
    return next((suffix for suffix in known if (name_of(f) or "").lower().endswith(suffix)), None)


def _seekable(f: Any) -> bool:
    return hasattr(f, "seek") and hasattr(f, "tell") and (not hasattr(f, "seekable") or f.seekable())
