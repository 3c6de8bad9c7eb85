"""Means over ragged batches: every mesh counts the same, however large it is."""

from __future__ import annotations

from torch import Tensor


def mean_of_means(
    values: Tensor,  # (T,)
    mesh_of: Tensor,  # (T,) int64
    num_meshes: int,
) -> Tensor:  # ()
    """The mean over meshes of the mean over their values; a mesh without values counts as 0."""
    counts = mesh_of.bincount(minlength=num_meshes)
    return (values / counts[mesh_of]).sum() / max(num_meshes, 1)
