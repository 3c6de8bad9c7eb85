"""Where a mesh comes from: its bytes, its name for messages, and the folder its textures lie in."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from r3d_cli.scene.file_errors import unopened
from r3d_cli.scene.model import MeshError
from r3d_cli.scene.policy import current
from r3d_cli.scene.readers.content import in_utf8, is_git_lfs_pointer, unpacked


def decode(text: bytes) -> str:
    """Text of a file that does not tell its encoding: UTF-8 if it can be, else Latin-1."""
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.decode("latin-1")


#: Names of what has no folder of its own.
_STREAMS = "<stdin>", "<bytes>"


@dataclass(frozen=True)
class Source:
    data: bytes
    name: str  # begins every message
    folder: Path  # what the file names is looked for here
    textures: bool = True  # whether material libraries and images are read

    @staticmethod
    def open(path_or_bytes: str | os.PathLike[str] | bytes) -> Source:
        """Read a file, standard input ("-") or bytes."""
        if isinstance(path_or_bytes, bytes):
            return Source.of(path_or_bytes, "<bytes>", Path())
        path = os.fspath(path_or_bytes)
        if path == "-":
            try:
                data = sys.stdin.buffer.read()
            except OSError as error:  # it is closed, or a folder
                raise MeshError(f"<stdin>: cannot be read ({error.strerror}); pipe a mesh into it") from None
            return Source.of(data, "<stdin>", Path())
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise unopened(path, error) from None
        except ValueError as error:  # a name that no file system takes
            raise MeshError(f"{path}: cannot be read ({error}); check its permissions") from None
        return Source.of(data, path, Path(path).parent)

    @staticmethod
    def of(data: bytes, name: str, folder: Path) -> Source:
        """Bytes as the readers take them: unpacked, and text in UTF-8."""
        source = Source(data, name, folder)
        if is_git_lfs_pointer(data):
            source.fail("is a Git LFS pointer, not the file itself; fetch it with: git lfs pull")
        try:
            return replace(source, data=in_utf8(unpacked(data)))
        except ValueError as error:
            source.fail(str(error))

    def fail(self, what: str, line: int | None = None) -> NoReturn:
        """Raise a MeshError of one line; `what` says what is wrong and what to do."""
        what = "".join(char if char.isprintable() else "?" for char in what)  # it may quote the file
        raise MeshError(f"{self.name}: {what}" if line is None else f"{self.name}:{line}: {what}") from None

    def find(self, name: str) -> Path | None:
        """The file that this one means by `name`, or None.

        Names come from other machines: backslashes, absolute paths and another case are forgiven, as long as
        a file of that name lies where the path leads or beside this file. What the policy does not allow is
        as if it were not there; a stream then has no folder at all.
        """
        policy = current()
        if policy.confined and self.name in _STREAMS:
            return None
        relative = Path(name.replace("\\", "/"))
        try:
            for candidate in (self.folder / name, self.folder / relative, self.folder / relative.name):
                if candidate.is_file() and policy.allows(candidate, self.folder):
                    return candidate
            for entry in sorted(self.folder.iterdir()):
                alike = entry.name.casefold() == relative.name.casefold()
                if alike and entry.is_file() and policy.allows(entry, self.folder):
                    return entry
        except (OSError, ValueError, RuntimeError):  # a loop of links, a name that no file system takes
            pass
        return None
