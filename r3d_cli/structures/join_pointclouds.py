"""Several batches of point clouds as one batch, or as one cloud."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from r3d_cli.checks import check_same_device
from r3d_cli.structures.pointclouds import Pointclouds
from r3d_cli.structures.ragged import Layout, Ragged


def join_pointclouds_as_batch(pointclouds: Sequence[Pointclouds]) -> Pointclouds:
    """The clouds of several batches as one batch.

    Args:
        pointclouds: Batches on one device; all or none of them with normals, and with features of one width.

    Raises:
        ValueError: They do not fit each other, or it is no list.

    Example:
        >>> import torch
        >>> one, two = Pointclouds(torch.zeros(1, 4, 3)), Pointclouds(torch.ones(2, 5, 3))
        >>> join_pointclouds_as_batch([one, two]).num_points_per_cloud()
        tensor([4, 5, 5])
    """
    where = "join_pointclouds_as_batch"
    if isinstance(pointclouds, Pointclouds) or not isinstance(pointclouds, Sequence) or not pointclouds:
        raise ValueError(f"{where}: pointclouds must be a list of at least one Pointclouds")
    check_same_device(where, **{f"pointclouds[{i}]": clouds for i, clouds in enumerate(pointclouds)})
    layout = Layout([n for clouds in pointclouds for n in clouds._layout.lengths], pointclouds[0].device)
    points, normals, features = (
        _joined(name, [getattr(clouds, f"_{name}") for clouds in pointclouds], layout)
        for name in ("points", "normals", "features")
    )
    assert points is not None
    return pointclouds[0]._with(points, normals, features)


def join_pointclouds_as_scene(pointclouds: Pointclouds | Sequence[Pointclouds]) -> Pointclouds:
    """All the points of a batch, or of a list of batches, as one cloud.

    Example:
        >>> import torch
        >>> join_pointclouds_as_scene(Pointclouds(torch.zeros(3, 4, 3))).num_points_per_cloud()
        tensor([12])
    """
    clouds = pointclouds if isinstance(pointclouds, Pointclouds) else join_pointclouds_as_batch(pointclouds)
    layout = clouds._layout.as_one()
    return clouds._map(lambda field: field.as_one(layout))


def _joined(name: str, batches: list[Ragged | None], layout: Layout) -> Ragged | None:
    """A field of several batches as that of one."""
    where = "join_pointclouds_as_batch"
    fields = [batch for batch in batches if batch is not None]
    if not fields:
        return None
    if len(fields) < len(batches):
        missing = len(batches) - len(fields)
        raise ValueError(f"{where}: {name} are missing from {missing} of the {len(batches)} batches")
    widths = {field.packed.shape[1] for field in fields}
    if len(widths) > 1:
        raise ValueError(f"{where}: {name} must have one width, got {sorted(widths)}")
    return Ragged(layout, packed=torch.cat([field.packed for field in fields]))
