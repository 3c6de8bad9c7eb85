"""Means over ragged batches: every mesh counts the same, however large it is."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def mean_of_means(
    values: Tensor,  # (T,)
    mesh_of: Callable[[], Tensor],  # (T,) int64
    num_meshes: int,
) -> Tensor:  # ()
    """The mean over meshes of the mean over their values; a mesh without values counts as 0.

    ``mesh_of`` tells which mesh a value is of, and is asked only where there are several.
    """
    if num_meshes <= 1:
        return values.sum() / max(len(values), 1)
    mesh = mesh_of()
    counts = mesh.bincount(minlength=num_meshes)
    return (values / counts[mesh]).sum() / num_meshes
