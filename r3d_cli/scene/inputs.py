"""The files that arguments mean: files, folders, globs and standard input."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TypeVar

from r3d_cli.errors import R3dError
from r3d_cli.scene.readers import FORMATS

STANDARD_INPUT = "-"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Input:
    """One file to read.

    Attributes:
        path: As `read_mesh` takes it; "-" is standard input.
        root: The folder that it was looked for in: of a file its own, of a folder that one, of a glob the
            part before the first wildcard.
        index: Its place among all files, from 0; a shard keeps it.
    """

    path: str
    root: str = ""
    index: int = 0

    @property
    def parent(self) -> str:
        """Its folder, relative to ``root``; "." for that one itself."""
        return os.path.relpath(os.path.dirname(self.path) or ".", self.root or ".")

    def __str__(self) -> str:
        """How messages call it."""
        return "<stdin>" if self.path == STANDARD_INPUT else self.path


def find_inputs(arguments: Sequence[str]) -> list[Input]:
    """The files that command-line arguments mean, each once.

    An argument is "-" for standard input; the name of a file, whatever characters are in it; a folder, which
    stands for the mesh files below it, by their extensions; or a glob, in which ``**`` stands for any number
    of folders. A glob's last part chooses by itself, unless it is made of wildcards alone: ``scans/*`` means
    what can be a mesh. What is hidden (begins with a dot) is only found by its name; links to folders are
    followed, each folder once.

    Returns:
        In the order of the arguments; within one in natural order: ``part2.obj`` before ``part10.obj``.

    Raises:
        R3dError: A folder or a glob holds nothing, a folder cannot be listed, or "-" stands twice.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b10.obj", "b9.obj", "notes.txt"):
        ...         (Path(folder) / name).touch()
        ...     [Path(found.path).name for found in find_inputs([folder])]
        ['b9.obj', 'b10.obj']
    """
    found: list[Input] = []
    seen: set[str] = set()
    for argument in arguments:
        for one in _find(argument):
            key = one.path if one.path == STANDARD_INPUT else os.path.abspath(one.path)
            if key not in seen:
                seen.add(key)
                found.append(replace(one, index=len(found)))
            elif one.path == STANDARD_INPUT:
                raise R3dError("-: standard input can be read once only; name it once")
    return found


def shard(items: Sequence[_T], part: str) -> list[_T]:
    """The ``i``-th of ``n`` shares of ``items``, dealt out like cards, for ``part`` "i/n".

    Raises:
        ValueError: ``part`` is not I/N with I from 1 to N.

    Example:
        >>> shard(["a", "b", "c", "d", "e"], "2/3")
        ['b', 'e']
    """
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", part)
    first, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= first <= count:
        raise ValueError(f"{part!r} is not I/N with I from 1 to N, such as 1/4")
    return list(items[first - 1 :: count])


def _find(argument: str) -> Iterator[Input]:
    if argument == STANDARD_INPUT:
        yield Input(STANDARD_INPUT)
    elif os.path.isdir(argument):
        paths = [path for path in _walk(argument, hidden=False) if _is_mesh(path)]
        if not paths:
            raise R3dError(f"{argument}: holds no mesh files ({', '.join(FORMATS)}); name another folder")
        yield from _inputs(paths, argument)
    elif os.path.lexists(argument):  # also a pipe, or a link that leads nowhere: reading tells
        yield Input(argument, os.path.dirname(argument))
    elif _is_pattern(argument):
        root, paths = _glob(argument)
        if not paths:
            raise R3dError(f"{argument}: matches no mesh file; check the pattern")
        yield from _inputs(paths, root)
    elif argument:  # one of many may be gone: reading tells, and the rest goes on
        yield Input(argument, os.path.dirname(argument))
    else:
        raise R3dError("'': no such file or folder; check the path")


def _inputs(paths: list[str], root: str) -> Iterator[Input]:
    return (Input(path, root) for path in sorted(paths, key=_natural))


def _natural(path: str) -> tuple[list[list[str | int]], str]:
    """Sorts numbers in names by their value, and folder by folder."""
    parts = [re.split(r"([0-9]+)", part.casefold()) for part in os.path.splitext(path)[0].split(os.sep)]
    # Every second piece is a number, so that those compared are of one kind.
    return [[int(p) if i % 2 else p for i, p in enumerate(pieces)] for pieces in parts], path


def _is_mesh(path: str) -> bool:
    return os.path.splitext(path)[1].lower().removeprefix(".") in FORMATS


def _is_pattern(text: str) -> bool:
    return any(character in text for character in "*?[")


def _glob(pattern: str) -> tuple[str, list[str]]:
    """Where the search began, and the files that match."""
    parts = [part for part in pattern.split(os.sep) if part not in ("", ".")]
    fixed = next(i for i, part in enumerate(parts) if _is_pattern(part))
    root = (os.sep if pattern.startswith(os.sep) else "") + os.sep.join(parts[:fixed])
    wanted = parts[fixed:]
    start = root or "."
    if not os.path.isdir(start):
        return root, []

    def matches(path: str) -> bool:
        return _matches(path[len(start) :].lstrip(os.sep).split(os.sep), wanted)

    folders: list[str] = []
    files = _walk(
        start,
        hidden=any(part.startswith(".") for part in wanted),
        depth=None if "**" in wanted else len(wanted),
        on_folder=folders.append,
    )
    anything = not wanted[-1].strip("*?")
    paths = [path for path in files if matches(path) and (_is_mesh(path) or not anything)]
    if pattern.endswith(os.sep):
        paths = []
    for folder in filter(matches, folders):
        paths += [path for path in _walk(folder, hidden=False) if _is_mesh(path)]
    # The walk of "." names its files "./x", the user wrote "x".
    return root, [path if root else path.removeprefix(f".{os.sep}") for path in paths]


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path are what those of the pattern stand for."""
    if not pattern:
        return not names
    first, rest = pattern[0], pattern[1:]
    if first == "**":  # any number of names, at its end one or more
        if rest and _matches(names, rest):
            return True
        if not names or names[0].startswith("."):
            return False
        return (not rest and len(names) == 1) or _matches(names[1:], pattern)
    if not names or (names[0].startswith(".") and not first.startswith(".")):
        return False
    return fnmatchcase(names[0], first) and _matches(names[1:], rest)


def _walk(
    folder: str,
    *,
    hidden: bool,
    depth: int | None = None,
    on_folder: Callable[[str], None] = lambda path: None,
) -> Iterator[str]:
    """The files below a folder, no more than ``depth`` levels down.

    Every folder is visited once, by its own name rather than by a link's, so that links in a circle end.
    """
    seen: set[tuple[int, int]] = set()
    folders, links = deque([(folder, 1)]), deque[tuple[str, int]]()
    while folders or links:
        here, level = (folders or links).popleft()
        try:
            status = os.stat(here)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            for entry in entries:
                if entry.name.startswith(".") and not hidden:
                    continue
                if not _is_folder(entry):
                    yield entry.path
                else:
                    on_folder(entry.path)
                    if depth is None or level < depth:
                        (links if entry.is_symlink() else folders).append((entry.path, level + 1))
        except OSError as error:
            raise R3dError(f"{here}: cannot be listed ({error.strerror}); check its permissions") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, say: reading it tells, and the rest of its folder goes on
        return False
