"""neighbour_sums against the adjacency matrix, in both directions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from r3d_cli.ops.neighbour_sums import neighbour_sums
from r3d_cli.structures import Meshes, join_meshes_as_batch
from r3d_cli.utils import ico_sphere, torus


def adjacency(meshes: Meshes) -> Tensor:  # (V, V)
    matrix = torch.zeros(2 * [len(meshes.verts_packed())], dtype=torch.float64)
    for i, j in meshes.edges_packed().tolist():
        matrix[i, j] = matrix[j, i] = 1
    return matrix


@pytest.fixture
def batch() -> Meshes:
    """Two meshes and a vertex without neighbours between them."""
    point = Meshes([torch.zeros(1, 3)], [torch.zeros(0, 3).long()])
    return join_meshes_as_batch([ico_sphere(1), point, torus(0.3, 1.0, 4, 5)])


def test_equals_the_adjacency_matrix(batch: Meshes) -> None:
    rows = torch.rand(len(batch.verts_packed()), 5, dtype=torch.float64, requires_grad=True)
    sums = neighbour_sums(rows, *batch.neighbours_packed())
    torch.testing.assert_close(sums, adjacency(batch) @ rows)
    assert torch.autograd.gradcheck(neighbour_sums, (rows, *batch.neighbours_packed()))
    assert torch.autograd.gradgradcheck(neighbour_sums, (rows, *batch.neighbours_packed()))


def test_gradients_of_columns_that_are_not_contiguous(batch: Meshes) -> None:
    rows = torch.rand(3, len(batch.verts_packed()), dtype=torch.float64, requires_grad=True)
    grad = torch.rand_like(rows)
    neighbour_sums(rows.T, *batch.neighbours_packed()).backward(grad.T)
    torch.testing.assert_close(rows.grad, grad @ adjacency(batch))


def test_neighbours_ascend_and_are_repeated_with_the_meshes(batch: Meshes) -> None:
    first, neighbours = batch.neighbours_packed()
    wanted = [row.nonzero().flatten() for row in adjacency(batch)]
    for vertex, found in enumerate(neighbours.tensor_split(first[1:-1])):
        torch.testing.assert_close(found, wanted[vertex])
    repeated, copied = batch.extend(2), join_meshes_as_batch([batch[i] for i in (0, 0, 1, 1, 2, 2)])
    torch.testing.assert_close(repeated.neighbours_packed(), copied.neighbours_packed())


def test_of_no_edges_is_zero() -> None:
    rows = torch.rand(3, 2, requires_grad=True)
    sums = neighbour_sums(rows, torch.zeros(4).long(), torch.zeros(0).long())
    assert sums.tolist() == [[0, 0]] * 3
    sums.sum().backward()
    assert rows.grad is not None
    assert rows.grad.tolist() == [[0, 0]] * 3
