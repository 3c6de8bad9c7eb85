"""Files of the library's io: opened through the readers of `scene`, written whole or not at all.

``f`` is a path or an open file (text or binary) everywhere. A ``path_manager`` is anything with iopath's
``open(path, mode)`` and, optionally, ``get_local_path(path)``.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from r3d_cli.checks import check_dtype, check_ids, check_tensor
from r3d_cli.io.streams import as_bytes, check_file, name_of, shown, takes_text
from r3d_cli.scene.files import write_files
from r3d_cli.scene.model import NotDrawn, RawMesh
from r3d_cli.scene.readers import read_mesh

File: TypeAlias = "str | os.PathLike[str] | IO[Any]"


def read_raw(
    where: str, name: str, f: File, format: str | None, path_manager: Any = None, *, textures: bool = True
) -> RawMesh:
    """Read a mesh as the file holds it, colours unconverted; what the file lacks is warned of.

    Args:
        where: The function for messages.
        name: Its argument.
        f: That argument.
        format: As ``read_mesh`` takes it.
        path_manager: Opens paths, if given.
        textures: Whether to read material libraries and images.

    Raises:
        MeshError: The file cannot be read; a ValueError of one line that names file, line and mend. Also a
            FileNotFoundError, IsADirectoryError, PermissionError or other OSError where it is that.
        ValueError: ``f`` is neither a path nor an open file.
    """
    check_file(where, name, f, "read")
    options: dict[str, Any] = {"textures": textures, "linear_colors": False}
    if not isinstance(f, str | os.PathLike):
        opened_by = name_of(f)
        folder = Path(opened_by).parent if opened_by else None
        raw = read_mesh(as_bytes(f.read()), format, name=opened_by or "<file>", folder=folder, **options)
    elif path_manager is None:
        raw = read_mesh(f, format, **options)
    elif hasattr(path_manager, "get_local_path"):
        raw = read_mesh(path_manager.get_local_path(os.fspath(f)), format, **options)
    else:
        with path_manager.open(os.fspath(f), "rb") as file:
            data = as_bytes(file.read())
        raw = read_mesh(data, format, name=os.fspath(f), folder=Path(f).parent, **options)
    for warning in raw.warnings:
        if not isinstance(warning, NotDrawn):
            warn(warning)
    return raw


def warn(message: str) -> None:
    """Warn as if the caller's line did: the nearest one outside of this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("r3d_cli."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def write(
    where: str, f: File, files: Mapping[str, bytes], path_manager: Any = None, *, binary: bool = False
) -> None:
    """Write a file, the first of ``files``, and those that go beside it, by name.

    Files of the local disk appear whole or not at all.

    Raises:
        OSError: It cannot be written.
        ValueError: More than one file is to go into an open one, or binary data into one that takes text.
    """
    check_file(where, "f", f, "write")
    if binary and takes_text(f):
        raise ValueError(
            f"{where}: {shown(f)} is open for text, but what is to be written is binary; open it for bytes "
            "(io.BytesIO, or open(path, 'wb')), or ask for text where the format has one"
        )
    first, *others = files
    if not isinstance(f, str | os.PathLike):
        if others:
            raise ValueError(f"{where}: an open file cannot hold '{others[0]}' beside itself; give a path")
        _write_open(f, files[first])
        return
    path = os.fspath(f)
    folder = path[: len(path) - len(Path(path).name)]  # Path would shorten the // of a URI
    targets = {path: files[first]} | {folder + name: files[name] for name in others}
    if path_manager is None:
        write_files({Path(target): data for target, data in targets.items()})
        return
    for target, data in reversed(targets.items()):
        with path_manager.open(target, "wb") as file:
            file.write(data)


def _write_open(f: IO[Any], data: bytes) -> None:
    f.write(data.decode() if takes_text(f) else data)


def to_tensor(
    array: NDArray, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> torch.Tensor:
    """An array as a tensor, without a copy where dtype and device allow it."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(device=device, dtype=dtype)


def verts_tensor(
    where: str, raw: RawMesh, device: torch.device | str, dtype: torch.dtype
) -> torch.Tensor:  # (V, 3)
    """Vertices in the dtype asked for; a warning where the file's are more exact."""
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"{where}: dtype must be a floating one such as torch.float64, got {dtype!r}")
    if raw.verts.dtype == np.float64 and dtype != torch.float64:
        warn(
            f"the vertices lie so far from the origin that {str(dtype).removeprefix('torch.')} loses detail; "
            "ask for dtype=torch.float64, or move them to the origin"
        )
    return to_tensor(raw.verts, device, dtype)


def to_numpy(tensor: torch.Tensor) -> NDArray:
    return tensor.detach().cpu().numpy()


def check_verts(where: str, name: str, verts: Any, width: str = "3") -> NDArray[np.floating]:
    """A table of floating numbers that is to be saved, as NumPy's; float16 and bfloat16 as float32."""
    if getattr(verts, "shape", None) == (0,):  # as torch.tensor([]) has it
        verts = verts.reshape(0, int(width))
    check_tensor(where, name, verts, f"N {width}")
    check_dtype(where, name, verts, "float32", "float64", "float16", "bfloat16")
    return to_numpy(verts if verts.dtype == torch.float64 else verts.float())


def check_faces(
    where: str, name: str, faces: Any, count: int, of: str, **sizes: int
) -> NDArray[np.int64]:  # (F, 3)
    """Faces that are to be saved, as NumPy's; their ids name the ``count`` rows of ``of``."""
    check_tensor(where, name, faces, "F 3", **sizes)
    check_dtype(where, name, faces, "int64", "int32", "int16", "uint8")
    ids = to_numpy(faces).astype(np.int64, copy=False)
    check_ids(where, name, ids, count, of)
    return ids


def check_decimals(where: str, decimals: int | None) -> None:
    whole = isinstance(decimals, int) and not isinstance(decimals, bool)
    if decimals is not None and not (whole and 0 <= decimals <= 50):
        raise ValueError(f"{where}: decimal_places must be None or an integer from 0 to 50, got {decimals!r}")
