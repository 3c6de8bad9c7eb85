"""The colours that OFF files (Geomview) give to faces: numbers behind the vertices of each."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np

from r3d_cli.io.files import warn
from r3d_cli.io.streams import as_bytes, is_path, name_of
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.readers.source import Source

#: Of faces without a colour, in a file where others have one.
_WHITE = (1.0, 1.0, 1.0, 1.0)


class Held(io.BytesIO):
    """What a file holds, with its name."""

    def __init__(self, data: bytes, name: str | None) -> None:
        super().__init__(data)
        if name is not None:
            self.name = name


def held(f: Any, path_manager: Any) -> Held:
    """The whole of a path or an open file, to be read more than once.

    Raises:
        MeshError: The path cannot be opened.
    """
    if not is_path(f):
        return Held(as_bytes(f.read()), name_of(f))
    path = os.fspath(f)
    if path_manager is None:
        return Held(Source.open(path).data, path)
    with path_manager.open(path, "rb") as file:
        return Held(as_bytes(file.read()), path)


def add_face_colors(raw: RawMesh, file: Held) -> None:
    """Give the triangles of a mesh, read from this file, the colours of their faces.

    Three or four numbers, from 0 to 1 or, where one is above 1, to 255. One number, an index into a palette
    of Geomview's, is warned of.
    """
    rows = _face_rows(file.getvalue(), raw)
    counts = np.array([int(row[0]) for row in rows], np.int64)
    colors = [row[1 + count :] for row, count in zip(rows, counts, strict=True)]
    if not any(colors):
        return
    triangles = np.maximum(counts - 2, 0)
    known = [len(color) in (3, 4) or not color for color in colors]
    if not all(known) or triangles.sum() != len(raw.faces):
        problem = "colours of faces are not of three or four numbers each; left out"
        warn(f"{name_of(file) or '<file>'}: {problem}")
        return
    none = b"nan"
    values = np.array([(*color, none)[:4] if color else (none,) * 4 for color in colors], np.float64)
    largest = np.nanmax(values, initial=0)
    values = values / (255 if largest > 1 else 1)
    values = np.where(np.isnan(values), _WHITE, values)
    raw.face_colors = np.repeat(values, triangles, axis=0).astype(np.float32)


def _face_rows(data: bytes, raw: RawMesh) -> list[list[bytes]]:
    """The words of each face's line; none where triangles have no colours, which is seen at once."""
    if b"\n" not in data:  # lines may end as on the first Macintosh
        data = data.replace(b"\r", b"\n")
    lines = iter(data.split(b"\n"))
    header: list[bytes] = []
    read = 0
    for line in lines:
        words = line.partition(b"#")[0].split()
        read += len(line) + 1
        if not header and words and b"OFF" in words[0]:
            after = words[0].partition(b"OFF")[2]  # ModelNet's files lack the blank before the numbers
            words = [*([after] if after else []), *words[1:]]
        header += words
        if len(header) >= 2:
            break
    num_verts, num_faces = int(header[0]), int(header[1])
    if num_faces == len(raw.faces) and b"#" not in data:
        per_vertex = _words(data[read:].lstrip().partition(b"\n")[0])
        if _words(data[read:]) == num_verts * per_vertex + 4 * num_faces:
            return []
    rows = [words for line in lines if (words := line.partition(b"#")[0].split())]
    return rows[num_verts : num_verts + num_faces]


def _words(text: bytes) -> int:
    """How many words there are, by their first letters."""
    blank = np.frombuffer(b" " + text, np.uint8) <= 32
    return int(np.count_nonzero(blank[:-1] & ~blank[1:]))
