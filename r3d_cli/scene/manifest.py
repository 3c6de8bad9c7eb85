"""A manifest: a JSON object a line for every picture of a run, whole up to the last line whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from typing import Any

from r3d_cli.errors import R3dError

_PIECE = 1 << 20


class Manifest:
    """Appends records to a file of JSON Lines.

    Every line is written at once and there before `write` returns, so that a run that is killed leaves whole
    lines, at worst a torn last one, which a resumed run removes. One process at a time writes a manifest.

    Args:
        path: The file; also a pipe or a device such as /dev/stdout.
        resume: Go on behind the lines that are there; otherwise they are removed.
        key: What of a record ``in`` looks for.
        shown: Whether only records of pictures that show something count there, by the last of a path.

    Raises:
        R3dError: The file is there and is no manifest.
        OSError: It cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = f"{folder}/manifest.jsonl"
        ...     with Manifest(path) as manifest:
        ...         manifest.write({"path": "bunny.png", "faces": 69451})
        ...     with Manifest(path, resume=True) as manifest:
        ...         "bunny.png" in manifest, "spot.png" in manifest
        (True, False)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resume: bool = False,
        key: str = "path",
        shown: bool = False,
    ) -> None:
        self.path = os.fspath(path)
        self.key = key
        self._known: set[str] = set()
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            if stat.S_ISREG(os.fstat(self._file).st_mode):
                self._known, end = _read(self.path, self.key, shown)
                os.ftruncate(self._file, end if resume else 0)
        except BaseException:
            self.close()
            raise
        if not resume:
            self._known.clear()

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a record.

        Raises:
            ValueError: It holds what JSON has no form for, such as NaN.
            OSError: It cannot be written; what was there before still is.
        """
        line = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        # A file name need not be text that UTF-8 can hold.
        data = memoryview(line.encode("utf-8", "backslashreplace") + b"\n")
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            if written:  # a full disk takes part of a line
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(error.errno, error.strerror, self.path) from None
        if isinstance(value := record.get(self.key), str):
            self._known.add(value)

    def __contains__(self, value: str) -> bool:
        """Whether a record's ``key`` is ``value``."""
        return value in self._known

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def recorded(path: str | os.PathLike[str], key: str = "path", *, shown: bool = False) -> set[str]:
    """The ``key`` of all records of a manifest, which is only read; none where there is no such file. With
    ``shown`` only of those pictures that show something, by their last record.

    Raises:
        R3dError: The file is there and is no manifest.
        OSError: It cannot be read.

    Example:
        >>> recorded("no-such-manifest.jsonl")
        set()
    """
    return _read(os.fspath(path), key, shown)[0] if os.path.isfile(path) else set()


def _read(path: str, key: str, shown: bool) -> tuple[set[str], int]:
    """What a manifest knows, and where its last whole line ends."""
    known: set[str] = set()
    end = 0
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            torn = not line.endswith(b"\n")
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                # The first line tells even when torn: ours begin with a brace.
                if torn and line.startswith(b'{"'):
                    break
                raise R3dError(f"{path}:{number}: is no line of a manifest; remove it, or name another file")
            if torn:
                break
            end += len(line)
            if isinstance(value := record.get(key), str):
                if shown and record.get("empty"):
                    known.discard(value)
                else:
                    known.add(value)
    return known, end
