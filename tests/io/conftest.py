"""A square with everything that an OBJ can say, and its neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor


@pytest.fixture
def square() -> tuple[Tensor, Tensor]:
    """Vertices (4, 3) and faces (2, 3) of a unit square whose coordinates need all of float32's digits."""
    verts = torch.tensor([[0.0, 0, 0], [1 / 3, 0, 1e-7], [1 / 3, 0.1, 0], [0, 0.1, -123.456]])
    return verts, torch.tensor([[0, 1, 2], [0, 2, 3]])


@pytest.fixture
def picture() -> Tensor:  # (4, 6, 3), each texel another one
    values = np.random.default_rng(0).permutation(256)[: 4 * 6 * 3].reshape(4, 6, 3)
    return torch.from_numpy(values).float() / 255


@pytest.fixture
def two_materials(tmp_path: Path, picture: Tensor) -> Path:
    """An OBJ whose first face has an image, whose second a colour, and whose third nothing."""
    Image.fromarray((picture * 255).round().to(torch.uint8).numpy()).save(tmp_path / "skin.png")
    (tmp_path / "a.mtl").write_text(
        "newmtl red\nKa 0.1 0.2 0.3\nKd 1 0.25 0\nKs 0.5 0.5 0.5\nNs 7\n"
        "newmtl unused\nKd 0 0 1\n"
        "newmtl skin\nKd 0.2 0.2 0.2\nmap_Kd skin.png\n"
    )
    path = tmp_path / "a.obj"
    path.write_text(
        "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\n"
        "f 2 3 4\nusemtl skin\nf 1/1 2/2 3/3\nusemtl red\nf 1 3 4\n"
    )
    return path
