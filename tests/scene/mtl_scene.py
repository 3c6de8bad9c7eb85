"""A small OBJ with an MTL, for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from r3d_cli.scene.model import RawMesh

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
PICTURE = np.array([[[200, 40, 30], [40, 180, 60]]], np.uint8)

#: See the fixture `scene`.
Scene: TypeAlias = Callable[..., RawMesh]


def warnings(mesh: RawMesh, folder: Path) -> list[str]:
    return [line.replace(f"{folder}/", "") for line in mesh.warnings]
