"""Batches of meshes of every shape."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from r3d_cli.structures import Meshes

#: Vertices and faces of each mesh of a batch.
SIZES = {
    "ragged": [(7, 9), (4, 2), (12, 20)],
    "equisized": [(6, 5), (6, 5)],
    "single": [(8, 10)],
    "with an empty mesh": [(5, 4), (0, 0), (6, 3)],
    "with vertices in no face": [(9, 0), (20, 2)],
    "all empty": [(0, 0), (0, 0)],
    "no mesh": [],
}


def random_mesh(num_verts: int, num_faces: int, seed: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Vertices at random, and faces that name three different ones."""
    generator = torch.Generator().manual_seed(seed)
    verts = torch.randn(num_verts, 3, generator=generator, dtype=dtype)
    weights = torch.ones(num_faces, max(num_verts, 3))
    return verts, torch.multinomial(weights, 3, generator=generator) if num_faces else torch.zeros(
        0, 3
    ).long()


def random_lists(name: str, dtype: torch.dtype = torch.float32) -> tuple[list[Tensor], list[Tensor]]:
    meshes = [random_mesh(*sizes, seed, dtype) for seed, sizes in enumerate(SIZES[name])]
    return [verts for verts, _ in meshes], [faces for _, faces in meshes]


@pytest.fixture(params=SIZES)
def lists(request: pytest.FixtureRequest) -> tuple[list[Tensor], list[Tensor]]:
    return random_lists(request.param)


@pytest.fixture
def batch(lists: tuple[list[Tensor], list[Tensor]]) -> Meshes:
    return Meshes(*lists)


@pytest.fixture
def ragged() -> Meshes:
    return Meshes(*random_lists("ragged"))
