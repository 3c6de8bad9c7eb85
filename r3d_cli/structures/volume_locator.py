"""Where the voxels of a batch of volumes lie in the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.internals import Table, derived, honours
from r3d_cli.transforms.matrices import numbers
from r3d_cli.transforms.transform3d import Scale, Transform3d


def _write_sizes(locator: Any, sizes: Any) -> None:
    check_shape("VolumeLocator", "_grid_sizes", sizes, "N 3", N=len(locator))
    if (sizes.cpu() > torch.tensor(locator.resolution)).any():
        raise ValueError(
            f"VolumeLocator: _grid_sizes must fit the padded {locator.resolution}, got {sizes.tolist()}"
        )
    locator._sizes, locator.sizes = sizes, _on_host(sizes)


def _write_place(locator: Any, transform: Any) -> None:
    if not isinstance(transform, Transform3d) or len(transform) != len(locator):
        raise ValueError(
            f"VolumeLocator: _local_to_world_transform must be {len(locator)} transforms in a Transform3d, "
            f"got {transform!r}"
        )
    locator._local_to_world = transform


#: PyTorch3D's underscored names: see `r3d_cli.internals`.
_INTERNALS: Table = {
    "_grid_sizes": property(lambda locator: locator._sizes, _write_sizes),
    "_local_to_world_transform": property(lambda locator: locator._local_to_world, _write_place),
    **derived(
        "make new Volumes",
        _resolution=lambda locator: locator.resolution,
        _align_corners=lambda locator: locator.align_corners,
    ),
}


@honours(_INTERNALS)
class VolumeLocator:
    """The lattices of N volumes, padded to one resolution, and their places in the world.

    In a volume's local coordinates -1 and 1 are the centres of its first and last voxel with
    ``align_corners``, else its outer faces: those of `torch.grid_sample`, for a volume without padding. A
    local unit is (S - 1) / 2 * voxel_size in the world for S voxels along an axis, either way, and 0 lies at
    minus the translation, as in PyTorch3D. So centres of neighbours are voxel_size apart with
    ``align_corners``, and (S - 1) / S * voxel_size without. Coordinates are (x, y, z), sizes (depth, height,
    width): x runs along the width.

    Where a volume has but one voxel along an axis, PyTorch3D's local unit is 0; here it is half a voxel.

    Args:
        batch_size: N.
        grid_sizes: (depth, height, width) of all volumes, or N of them.
        device: Of all coordinates.
        voxel_size: Edge of a voxel in the world, or of a little more than one without ``align_corners``: a
            number; (3,) along x, y and z; or (N, 1) or (N, 3).
        volume_translation: A number for all axes, (3,) or (N, 3).
        align_corners: Which local coordinates.
        dtype: Of all coordinates.
        resolution: The padded (depth, height, width); None: the largest sizes.

    Raises:
        ValueError: Shapes that do not fit, or a voxel size that is not above 0 (on the CPU).

    Example:
        >>> locator = VolumeLocator(1, (2, 2, 2), "cpu", voxel_size=3.0)
        >>> locator.get_coord_grid()[0, 0, 0]
        tensor([[-1.5000, -1.5000, -1.5000],
                [ 1.5000, -1.5000, -1.5000]])
    """

    def __init__(
        self,
        batch_size: int,
        grid_sizes: Sequence[int] | Sequence[Sequence[int]] | Tensor,
        device: torch.device | str,
        voxel_size: Any = 1.0,
        volume_translation: Any = (0.0, 0.0, 0.0),
        align_corners: bool = True,
        dtype: torch.dtype = torch.float32,
        resolution: Sequence[int] | None = None,
    ) -> None:
        sizes = torch.as_tensor(grid_sizes, dtype=torch.int64).reshape(-1, 3).cpu()
        if len(sizes) not in (1, batch_size):
            raise ValueError(f"Volumes: grid_sizes must be 1 or {batch_size}, got {len(sizes)}")
        sizes = sizes.expand(batch_size, 3)
        #: N of (depth, height, width), on the host.
        self.sizes: list[tuple[int, int, int]] = _on_host(sizes)
        largest = sizes.amax(dim=0).tolist() if batch_size else [0, 0, 0]
        #: Padded (depth, height, width).
        self.resolution: tuple[int, ...] = tuple(resolution or largest)
        self.align_corners = align_corners
        self._sizes = sizes.to(device)
        edges = _per_volume("voxel_size", voxel_size, batch_size, device, dtype)
        if edges.device.type == "cpu" and (edges <= 0).any():
            raise ValueError(f"Volumes: voxel_size must be above 0, got {float(edges.min())}")
        translation = _per_volume("volume_translation", volume_translation, batch_size, device, dtype)
        units = (self._sizes - 1).clamp(min=1).to(dtype) / 2  # in voxels, whatever align_corners is
        extents = units.flip(-1) * edges  # (N, 3) as (x, y, z)
        self._local_to_world: Transform3d = Scale(extents, dtype=dtype).translate(-translation)

    def _spans(self, dtype: torch.dtype) -> Tensor:  # (N, 3)
        """How many voxels lie between the local coordinates -1 and 1."""
        return (self._sizes - int(self.align_corners)).clamp(min=1).to(dtype)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: list[int]) -> VolumeLocator:
        return self._with(self._sizes[index], self._local_to_world[index])

    def _with(self, grid_sizes: Tensor, local_to_world: Transform3d) -> VolumeLocator:
        made = VolumeLocator.__new__(VolumeLocator)
        made.resolution, made.align_corners = self.resolution, self.align_corners
        made._sizes, made._local_to_world = grid_sizes, local_to_world
        made.sizes = self.sizes if grid_sizes is self._sizes else _on_host(grid_sizes)
        return made

    def clone(self) -> VolumeLocator:
        return self._with(self._sizes, self._local_to_world.clone())

    def to(self, device: torch.device | str) -> VolumeLocator:
        moved = self._with(self._sizes, self._local_to_world.to(device))
        moved._sizes = self._sizes.to(device)
        return moved

    def get_grid_sizes(self) -> Tensor:
        """(N, 3) int64: depth, height and width of each volume."""
        return self._sizes

    def get_local_to_world_coords_transform(self) -> Transform3d:
        """N transforms from local to world coordinates."""
        return self._local_to_world

    def get_world_to_local_coords_transform(self) -> Transform3d:
        """N transforms from world to local coordinates."""
        return self._local_to_world.inverse()

    def local_to_world_coords(self, points_3d_local: Tensor) -> Tensor:
        """Points (N, ..., 3) from local to world coordinates."""
        return _moved("local_to_world_coords", "points_3d_local", points_3d_local, self._local_to_world)

    def world_to_local_coords(self, points_3d_world: Tensor) -> Tensor:
        """Points (N, ..., 3) from world to local coordinates."""
        inverse = self.get_world_to_local_coords_transform()
        return _moved("world_to_local_coords", "points_3d_world", points_3d_world, inverse)

    def get_coord_grid(self, world_coordinates: bool = True) -> Tensor:  # (N, D, H, W, 3)
        """Coordinates of the centre of every voxel, also of the padding."""
        dtype = self._local_to_world.dtype
        sizes, spans = self._sizes, self._spans(dtype)
        axes = []
        for axis, resolution in enumerate(self.resolution):
            steps = 2 * torch.arange(resolution, device=sizes.device)
            local = (steps - (sizes[:, axis, None] - 1)) / spans[:, axis, None]  # (N, resolution)
            axes.append(local.reshape(len(self), *(resolution if a == axis else 1 for a in range(3))))
        grid = torch.stack(torch.broadcast_tensors(*reversed(axes)), dim=-1)
        return self.local_to_world_coords(grid) if world_coordinates else grid


def _on_host(grid_sizes: Tensor) -> list[tuple[int, int, int]]:
    return [(d, h, w) for d, h, w in grid_sizes.tolist()]


def _moved(where: str, name: str, points: Tensor, transform: Transform3d) -> Tensor:
    check_shape(f"Volumes.{where}", name, points, "... 3")
    if points.ndim < 2 or len(points) != len(transform):
        raise ValueError(
            f"Volumes.{where}: {name} must have shape (N, ..., 3) with N = {len(transform)}, "
            f"got {tuple(points.shape)}"
        )
    rows = points.reshape(len(points), points.shape[1:-1].numel(), 3)
    return transform.transform_points(rows).reshape(points.shape)


def _per_volume(
    name: str, given: Any, batch_size: int, device: torch.device | str, dtype: torch.dtype
) -> Tensor:  # (N, 3)
    """A number or a vector for all volumes, or one for each."""
    values = numbers("Volumes", name, given, dtype, device)
    rows = values.reshape(1, -1) if values.ndim < 2 else values
    if rows.ndim != 2 or rows.shape[0] not in (1, batch_size) or rows.shape[1] not in (1, 3):
        raise ValueError(
            f"Volumes: {name} must be a number or have shape (3,), (N, 1) or (N, 3) with N = {batch_size}, "
            f"got {tuple(values.shape)}"
        )
    return rows.expand(batch_size, 3)
