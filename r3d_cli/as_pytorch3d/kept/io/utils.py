"""Files and tables as PyTorch3D's readers open and check them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Union

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = ["PathOrStr", "_check_faces_indices", "_make_tensor", "_open_file", "_read_image"]

PathOrStr = Union[Path, str]  # noqa: UP007  (client code looks into it as typing's)


@contextmanager
def _open_file(f: Any, path_manager: Any = None, mode: str = "r") -> Iterator[IO[Any]]:
    """A path opened by a path manager, or by Python where that is None, and closed at the end; an open file
    as it is, and left open.

    Raises:
        OSError: It cannot be opened.
    """
    if not isinstance(f, str | os.PathLike):
        yield f
        return
    with open(f, mode) if path_manager is None else path_manager.open(os.fspath(f), mode) as file:
        yield file


def _make_tensor(
    data: Sequence[Any], cols: int, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> Tensor:  # (N, cols)
    """Rows as a tensor, of shape (0, cols) where there are none.

    Example:
        >>> _make_tensor([], 3, torch.float32).shape
        torch.Size([0, 3])
    """
    if not data:
        return torch.zeros((0, cols), dtype=dtype, device=device)
    return torch.tensor(data, dtype=dtype, device=device)


def _check_faces_indices(faces_indices: Tensor, max_index: int, pad_value: int | None = None) -> Tensor:
    """The ids again; a warning where one is not in [0, max_index), rows full of ``pad_value`` aside.

    Example:
        >>> _check_faces_indices(torch.tensor([[0, 1, 2], [-1, -1, -1]]), 3, pad_value=-1).shape
        torch.Size([2, 3])
    """
    looked_at = faces_indices
    if pad_value is not None:
        looked_at = faces_indices[~(faces_indices == pad_value).all(dim=-1)]
    if bool(((looked_at < 0) | (looked_at >= max_index)).any()):
        warnings.warn(f"faces name ids outside [0, {max_index})", stacklevel=2)
    return faces_indices


def _read_image(file_name: PathOrStr, path_manager: Any = None, format: str | None = None) -> Any:
    """An image (H, W, C) as NumPy's, float32 in [0, 1]; ``format`` is a mode of Pillow's, such as "RGB".

    Raises:
        ValueError: A format that is no mode.
    """
    if format not in (None, "RGB", "RGBA", "L"):
        raise ValueError(f"_read_image: format must be 'RGB', 'RGBA', 'L' or None, got {format!r}")
    with _open_file(file_name, path_manager, "rb") as file, Image.open(file) as image:
        values = np.asarray(image if format is None else image.convert(format))
    return values.astype(np.float32) / 255
