"""Write a file whole or not at all."""

from __future__ import annotations

import os

from r3d_cli.scene.files import replacing


def write_whole(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Write ``data`` to ``path`` in one step: an interrupt leaves what was there before.

    A pipe or a device such as /dev/stdout is written to directly.

    Raises:
        OSError: The file cannot be written; names ``path``.
    """
    with replacing(path) as file:
        file.write_bytes(data.encode() if isinstance(data, str) else data)
