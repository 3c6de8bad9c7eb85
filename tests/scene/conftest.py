"""For tests of readers, files of cameras and golden pictures; `gltf_builder.py` and `mtl_scene.py` help."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.readers import read_mesh

sys.path.insert(0, str(Path(__file__).parent))

from mtl_scene import PICTURE, SQUARE, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Reads a square with a material "m" of an MTL text; the picture tex.png lies beside it."""
    Image.fromarray(PICTURE).save(tmp_path / "tex.png")

    def read(mtl: str, library: str = "a.mtl", use: str = "m") -> RawMesh:
        (tmp_path / "a.mtl").write_text(mtl)
        (tmp_path / "a.obj").write_text(f"mtllib {library}\n{SQUARE}usemtl {use}\nf 1/1 2/2 3/3 4/4\n")
        return read_mesh(tmp_path / "a.obj")

    return read


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of cameras, text or what becomes JSON, and gives its path."""

    def save(content: Any, name: str = "cameras.json") -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return save
