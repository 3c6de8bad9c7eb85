"""What the tests of textures share; `rendered_scenes.py` is for those of whole renderings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # for rendered_scenes.py

Fragments = SimpleNamespace


@pytest.fixture
def fragments_of() -> Callable[..., Fragments]:
    """Makes fragments (N, 4, 5, 3) of meshes with these numbers of faces: faces at random, or all in turn; a
    third of the slots, and all of a mesh without faces, empty."""

    def make(
        faces: Sequence[int], *, dtype: torch.dtype = torch.float32, seed: int = 0, gradients: bool = False
    ) -> Fragments:
        generator = torch.Generator().manual_seed(seed)
        shape = (4, 5, 3)
        images = []
        before = 0
        for count in faces:
            ids = torch.randint(0, max(count, 1), shape, generator=generator) + before
            empty = torch.rand(shape, generator=generator) < (1 / 3 if count else 2)
            images.append(torch.where(empty, -1, ids))
            before += count
        pix_to_face = torch.stack(images) if images else torch.zeros(0, *shape).long()
        bary = torch.rand(*pix_to_face.shape, 3, generator=generator, dtype=dtype)
        bary = torch.where(pix_to_face[..., None] < 0, -1, bary / bary.sum(-1, keepdim=True))
        return SimpleNamespace(pix_to_face=pix_to_face, bary_coords=bary.requires_grad_(gradients))

    return make
