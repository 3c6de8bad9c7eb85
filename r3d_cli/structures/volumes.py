"""Batches of voxel grids of different sizes, with densities and features, placed in the world."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_same_device, check_shape, dtype_name
from r3d_cli.internals import Table, derived, honours
from r3d_cli.structures.indexing import Index, batch_indices
from r3d_cli.structures.ragged import same_device
from r3d_cli.structures.utils import list_to_padded, padded_to_list
from r3d_cli.structures.volume_locator import VolumeLocator
from r3d_cli.transforms.transform3d import Transform3d


def _values(name: str) -> property:
    """Densities or features, which client code replaces."""

    def write(volumes: Any, values: Any) -> None:
        if "locator" in vars(volumes) and (values is not None or name == "_densities"):
            volumes._check_lattice("Volumes", name, values)
        vars(volumes)[name] = values

    return property(lambda volumes: vars(volumes)[name], write)


def _of_locator(name: str) -> property:
    return property(
        lambda volumes: getattr(volumes.locator, name),
        lambda volumes, value: setattr(volumes.locator, name, value),
    )


#: PyTorch3D's underscored names: see `r3d_cli.internals`.
_INTERNALS: Table = {
    **{name: _values(name) for name in ("_densities", "_features")},
    **{name: _of_locator(name) for name in ("_grid_sizes", "_local_to_world_transform")},
    **derived("use .to(device)", ("device",)),
}


@honours(_INTERNALS)
class Volumes:
    """N voxel grids: densities, features where given, and their places in the world (`locator`).

    Values stand at the centres of the voxels. Grids given as a list may differ in size; they are padded with
    zeros at their ends. World and local coordinates: see `VolumeLocator`.

    Args:
        densities: (N, C, D, H, W), or N tensors (C, D_n, H_n, W_n); C is usually 1.
        features: (N, F, D, H, W), or N tensors (F, D_n, H_n, W_n), or None.
        voxel_size: Edge of a voxel in the world: a number; (3,) along x, y and z; or (N, 1) or (N, 3).
        volume_translation: (3,) or (N, 3): minus the world coordinates of the grids' centres.
        align_corners: Whether the local coordinates -1 and 1 are centres of voxels, or outer faces. Of outer
            faces, S voxels along an axis are (S - 1) / S * voxel_size apart, as in PyTorch3D.

    Raises:
        ValueError: Shapes that do not fit, densities that are not floating, or more than one device.

    Example:
        >>> volumes = Volumes([torch.ones(1, 2, 3, 4), torch.ones(1, 5, 3, 2)], voxel_size=0.1)
        >>> volumes.densities().shape, volumes.get_grid_sizes().tolist()
        (torch.Size([2, 1, 5, 3, 4]), [[2, 3, 4], [5, 3, 2]])
    """

    _densities: Tensor
    _features: Tensor | None

    def __init__(
        self,
        densities: Tensor | Sequence[Tensor],
        features: Tensor | Sequence[Tensor] | None = None,
        voxel_size: Any = 1.0,
        volume_translation: Any = (0.0, 0.0, 0.0),
        align_corners: bool = True,
    ) -> None:
        self._densities, sizes = _read("densities", densities)
        check_dtype("Volumes", "densities", self._densities, "float32", "float64", "float16", "bfloat16")
        self._features = None if features is None else _read("features", features, sizes)[0]
        check_same_device("Volumes", densities=self._densities, features=self._features)
        if self._features is not None:
            self._check_lattice("Volumes", "features", self._features)
        kept = self._densities.dtype
        self.locator = VolumeLocator(
            len(sizes),
            sizes,
            self.device,
            voxel_size=voxel_size,
            volume_translation=volume_translation,
            align_corners=align_corners,
            dtype=kept if kept in (torch.float32, torch.float64) else torch.float32,
            resolution=self._densities.shape[2:],
        )

    def _with(self, densities: Tensor, features: Tensor | None, locator: VolumeLocator) -> Volumes:
        made = copy.copy(self)
        made.__dict__.update(_densities=densities, _features=features, locator=locator)
        return made

    def _check_lattice(self, where: str, name: str, values: Tensor) -> None:
        depth, height, width = self._densities.shape[2:]
        check_shape(where, name, values, "N C D H W", N=len(self), D=depth, H=height, W=width)

    @property
    def device(self) -> torch.device:
        return self._densities.device

    def __len__(self) -> int:
        return len(self._densities)

    def __repr__(self) -> str:
        sizes = ", ".join("x".join(str(side) for side in size) for size in self.locator.sizes)
        return f"{type(self).__name__}({len(self)} grids of [{sizes}] voxels on {self.device})"

    def __iter__(self) -> Iterator[Volumes]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: Index) -> Volumes:
        """Some of the volumes, in memory of their own and with this batch's padding: an int, a slice, a list
        or a tensor of ints, or a mask of N bools.

        Raises:
            IndexError: There is no such volume.
        """
        chosen = batch_indices("Volumes", index, len(self))
        features = None if self._features is None else self._features[chosen]
        return self._with(self._densities[chosen], features, self.locator[chosen])

    def densities(self) -> Tensor:
        """(N, C, D, H, W), zeros past a volume's end."""
        return self._densities

    def densities_list(self) -> list[Tensor]:
        """N tensors (C, D_n, H_n, W_n)."""
        return self._list(self._densities)

    def features(self) -> Tensor | None:
        """(N, F, D, H, W), zeros past a volume's end; or None."""
        return self._features

    def features_list(self) -> list[Tensor] | None:
        """N tensors (F, D_n, H_n, W_n), or None."""
        return None if self._features is None else self._list(self._features)

    def _list(self, padded: Tensor) -> list[Tensor]:
        return padded_to_list(padded, [(padded.shape[1], *size) for size in self.locator.sizes])

    def update_padded(self, new_densities: Tensor, new_features: Tensor | None = None) -> Volumes:
        """Volumes of these sizes and places with new values; without features where none are given.

        Args:
            new_densities: (N, C, D, H, W); C may be another.
            new_features: (N, F, D, H, W), or None.

        Raises:
            ValueError: Another number of volumes or of voxels.

        Example:
            >>> volumes = Volumes(torch.zeros(1, 1, 2, 2, 2))
            >>> volumes.update_padded(torch.ones(1, 1, 2, 2, 2)).densities().sum()
            tensor(8.)
        """
        where = "Volumes.update_padded"
        self._check_lattice(where, "new_densities", new_densities)
        if new_features is not None:
            self._check_lattice(where, "new_features", new_features)
        check_same_device(where, volumes=self, new_densities=new_densities, new_features=new_features)
        return self._with(new_densities, new_features, self.locator)

    def get_grid_sizes(self) -> Tensor:
        """(N, 3) int64: depth, height and width of each volume."""
        return self.locator.get_grid_sizes()

    def get_align_corners(self) -> bool:
        """Whether the local coordinates -1 and 1 are centres of voxels, or outer faces."""
        return self.locator.align_corners

    def get_coord_grid(self, world_coordinates: bool = True) -> Tensor:
        """(N, D, H, W, 3): x, y, z of the centre of every voxel, also of the padding."""
        return self.locator.get_coord_grid(world_coordinates)

    def get_local_to_world_coords_transform(self) -> Transform3d:
        """N transforms from local to world coordinates."""
        return self.locator.get_local_to_world_coords_transform()

    def get_world_to_local_coords_transform(self) -> Transform3d:
        """N transforms from world to local coordinates."""
        return self.locator.get_world_to_local_coords_transform()

    def local_to_world_coords(self, points_3d_local: Tensor) -> Tensor:
        """Points (N, ..., 3) from local to world coordinates.

        Example:
            >>> Volumes(torch.zeros(1, 1, 5, 5, 5)).local_to_world_coords(torch.ones(1, 3))
            tensor([[2., 2., 2.]])
        """
        return self.locator.local_to_world_coords(points_3d_local)

    def world_to_local_coords(self, points_3d_world: Tensor) -> Tensor:
        """Points (N, ..., 3) from world to local coordinates."""
        return self.locator.world_to_local_coords(points_3d_world)

    def clone(self) -> Volumes:
        """A copy that shares no memory."""
        features = None if self._features is None else self._features.clone()
        return self._with(self._densities.clone(), features, self.locator.clone())

    def to(self, device: torch.device | str, copy: bool = False) -> Volumes:
        """On another device; these volumes where they are there already, unless ``copy``."""
        device = same_device(device)
        if device == self.device:
            return self.clone() if copy else self
        features = None if self._features is None else self._features.to(device)
        return self._with(self._densities.to(device), features, self.locator.to(device))

    def cpu(self) -> Volumes:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self) -> Volumes:
        """On the current CUDA device."""
        return self.to("cuda")


def _read(
    name: str, given: Tensor | Sequence[Tensor], sizes: list[tuple[int, ...]] | None = None
) -> tuple[Tensor, list[tuple[int, ...]]]:
    """Padded values and N of (depth, height, width); where these are known, values must have them."""
    if isinstance(given, Tensor):
        check_shape("Volumes", name, given, "N C D H W")
        return given, sizes or [tuple(given.shape[2:])] * len(given)
    if not isinstance(given, list | tuple):
        kind = type(given).__name__
        raise ValueError(f"Volumes: {name} must be a tensor (N, C, D, H, W) or a list of tensors, got {kind}")
    if sizes is not None and len(given) != len(sizes):
        raise ValueError(f"Volumes: {name} must be {len(sizes)} tensors, one a volume, got {len(given)}")
    if not given:
        return torch.zeros(0, 1, 0, 0, 0), []
    channels: dict[str, int] = {}
    for index, values in enumerate(given):
        known = {} if sizes is None else dict(zip("DHW", sizes[index], strict=True))
        found = check_shape("Volumes", f"{name}[{index}]", values, "C D H W", **channels, **known)
        channels = {"C": found["C"]}
        check_dtype("Volumes", f"{name}[{index}]", values, dtype_name(given[0]))
    check_same_device("Volumes", **{f"{name}[{index}]": values for index, values in enumerate(given)})
    return list_to_padded(given), [tuple(values.shape[1:]) for values in given]
