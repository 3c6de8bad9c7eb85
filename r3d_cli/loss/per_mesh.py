"""Means over ragged batches: every mesh counts the same, however large it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


def check_meshes(where: str, meshes: Any) -> None:
    """Raise a ValueError unless these are `Meshes`, or what has their methods."""
    if not hasattr(meshes, "edges_packed"):
        raise ValueError(f"{where}: meshes must be Meshes, got {type(meshes).__name__}")


def shaped(loss: Tensor, meshes: Any) -> Tensor:
    """A loss as PyTorch3D returns it: (), but 0 as (1,), with a gradient, where no mesh has any faces."""
    if not meshes.isempty():
        return loss
    loss = (loss * 0).reshape(1)  # vertices without faces count for nothing
    return loss if loss.requires_grad else loss.detach().requires_grad_()


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
