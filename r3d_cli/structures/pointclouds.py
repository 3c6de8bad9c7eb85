"""Batches of point clouds of different sizes, with normals and features."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_same_device, check_shape, check_tensor
from r3d_cli.internals import honours, tensors_of
from r3d_cli.structures.indexing import Index, batch_indices
from r3d_cli.structures.pointcloud_internals import INTERNALS
from r3d_cli.structures.pointcloud_views import PointcloudViews
from r3d_cli.structures.ragged import Layout, Ragged, same_device
from r3d_cli.structures.reading import read_rows
from r3d_cli.transforms.matrices import numbers


@honours(INTERNALS)
class Pointclouds(PointcloudViews):
    """N point clouds: their points and, where given, a normal and a feature vector a point.

    Each of the three is at hand as a list, packed and padded (rows past a cloud's end are zeros), as in
    PyTorch3D (Ravi et al. 2020, section 3.1). The tensors given are held, not copied; views are made when
    first asked for, and share memory: do not write to them.

    Args:
        points: N tensors (P_n, 3), some of them perhaps empty, or one (N, P, 3), all of whose rows count.
        normals: As ``points``, or None.
        features: N tensors (P_n, C), or one (N, P, C), or None; any dtype. In a list of normals or features,
            None stands for those of a cloud without points.

    Raises:
        ValueError: Shapes that do not fit each other, points that are not floating, more than one device.

    Example:
        >>> import torch
        >>> clouds = Pointclouds([torch.zeros(2, 3), torch.ones(5, 3)])
        >>> clouds.points_packed().shape, clouds.points_padded().shape
        (torch.Size([7, 3]), torch.Size([2, 5, 3]))
        >>> clouds[1].get_bounding_boxes().tolist()
        [[[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]]
    """

    #: PyTorch3D's list of its underscored tensors, of which client code makes copies.
    _INTERNAL_TENSORS = tensors_of(INTERNALS)

    def __init__(
        self,
        points: Sequence[Tensor] | Tensor,
        normals: Sequence[Tensor] | Tensor | None = None,
        features: Sequence[Tensor] | Tensor | None = None,
    ) -> None:
        where = "Pointclouds"
        self._points = read_rows(where, "points", points, width=3)
        check_dtype(where, "points", self._points, "float32", "float64", "float16", "bfloat16")
        layout = self._points.layout
        normals, features = _filled(normals, layout), _filled(features, layout)
        self._normals = (
            None if normals is None else read_rows(where, "normals", normals, layout=layout, width=3)
        )
        self._features = None if features is None else read_rows(where, "features", features, layout=layout)
        check_same_device(where, points=self._points, normals=self._normals, features=self._features)

    def _with(self, points: Ragged, normals: Ragged | None, features: Ragged | None) -> Pointclouds:
        made = copy.copy(self)
        made._points, made._normals, made._features = points, normals, features
        return made

    def _map(self, function: Callable[[Ragged], Ragged]) -> Pointclouds:
        """The same done to points, normals and features."""
        return self._with(
            function(self._points),
            None if self._normals is None else function(self._normals),
            None if self._features is None else function(self._features),
        )

    def __repr__(self) -> str:
        sizes = ", ".join(str(length) for length in self._layout.lengths)
        return f"{type(self).__name__}({len(self)} clouds of [{sizes}] points on {self.device})"

    def __iter__(self) -> Iterator[Pointclouds]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: Index) -> Pointclouds:
        """Some of the clouds, as a batch that shares no memory with this one: an int, a slice, a list or a
        tensor of ints, or a mask of N bools.

        Raises:
            IndexError: There is no such cloud.
        """
        chosen = batch_indices("Pointclouds", index, len(self))
        layout = self._layout.select(chosen)
        return self._map(lambda field: field.select_copies(chosen, layout))

    def subsample(self, max_points: int | Sequence[int]) -> Pointclouds:
        """At most so many points a cloud, drawn without replacement by torch's generator, in their order.

        Args:
            max_points: For all clouds, or one a cloud.

        Returns:
            New clouds, or these where none has more.

        Raises:
            ValueError: Not one number a cloud, or a negative one.
        """
        most = [max_points] * len(self) if isinstance(max_points, int) else [int(most) for most in max_points]
        if len(most) != len(self):
            raise ValueError(f"Pointclouds.subsample: max_points must be one or {len(self)}, got {len(most)}")
        if any(count < 0 for count in most):
            raise ValueError(f"Pointclouds.subsample: max_points must not be negative, got {min(most)}")
        kept = [min(pair) for pair in zip(self._layout.lengths, most, strict=True)]
        layout = Layout(kept, self.device)
        if kept == list(self._layout.lengths):
            return self
        # All points shuffled, then brought back into their clouds: each cloud's first ones are its sample.
        cloud = self.packed_to_cloud_idx()
        shuffled = torch.randperm(self._layout.total, device=self.device)
        shuffled = shuffled[cloud[shuffled].argsort(stable=True)]
        rank = torch.arange(self._layout.total, device=self.device) - self.cloud_to_packed_first_idx()[cloud]
        rows = shuffled[rank < layout.num_per_batch[cloud]].sort().values
        return self._map(lambda field: Ragged(layout, packed=field.packed[rows]))

    def offset_(self, offsets_packed: Tensor) -> Pointclouds:
        """Move the points of this object by (3,) or (sum P_n, 3); tensors given to it stay as they are.

        Raises:
            ValueError: Another shape.
        """
        check_tensor("Pointclouds.offset", "offsets_packed", offsets_packed, "... 3")
        check_same_device("Pointclouds.offset", points=self._points, offsets_packed=offsets_packed)
        if offsets_packed.shape == (3,):
            self._points = self._points.map(lambda points: points + offsets_packed)
        else:
            check_shape("Pointclouds.offset", "offsets_packed", offsets_packed, "P 3", P=self._layout.total)
            self._points = Ragged(self._layout, packed=self.points_packed() + offsets_packed)
        return self

    def offset(self, offsets_packed: Tensor) -> Pointclouds:
        """These clouds with points moved by (3,) or (sum P_n, 3); normals and features are shared."""
        return copy.copy(self).offset_(offsets_packed)

    def scale_(self, scale: float | Sequence[float] | Tensor) -> Pointclouds:
        """Multiply the points of this object by a number, by one a cloud (N,), or by axes (N, 3); normals
        stay.

        Args:
            scale: A number, (N,), (N, 1) or (N, 3); a list of N numbers.

        Raises:
            ValueError: Another shape.
        """
        if isinstance(scale, int | float) or (isinstance(scale, Tensor) and scale.ndim == 0):
            number = scale
            self._points = self._points.map(lambda points: points * number)
            return self
        dtype = None if isinstance(scale, Tensor) else self._points.dtype
        factors = numbers("Pointclouds.scale", "scale", scale, dtype, self.device)
        given = factors.shape
        if factors.ndim == 1 and len(factors) != 1:
            factors = factors[:, None]
        if factors.ndim > 1:
            if factors.ndim != 2 or len(factors) != len(self) or factors.shape[1] not in (1, 3):
                raise ValueError(
                    f"Pointclouds.scale: scale must be a number or have shape (N,), (N, 1) or (N, 3) with "
                    f"N = {len(self)}, got {tuple(given)}"
                )
            factors = factors[self.packed_to_cloud_idx()]
        self._points = Ragged(self._layout, packed=self.points_packed() * factors)
        return self

    def scale(self, scale: float | Sequence[float] | Tensor) -> Pointclouds:
        """These clouds with points multiplied by a number, (N,), (N, 1) or (N, 3); see `scale_`."""
        return copy.copy(self).scale_(scale)

    def update_padded(
        self,
        new_points_padded: Tensor,
        new_normals_padded: Tensor | None = None,
        new_features_padded: Tensor | None = None,
    ) -> Pointclouds:
        """Clouds of these sizes with new values, padded (N, max P_n, ...); what is None stays.

        Raises:
            ValueError: Another number of clouds or rows.

        Example:
            >>> import torch
            >>> clouds = Pointclouds([torch.zeros(1, 3), torch.zeros(2, 3)])
            >>> clouds.update_padded(torch.ones(2, 2, 3)).points_packed().sum()
            tensor(9.)
        """
        where, layout = "Pointclouds.update_padded", self._layout
        points = read_rows(where, "new_points_padded", new_points_padded, layout=layout, width=3)
        normals, features = self._normals, self._features
        if new_normals_padded is not None:
            normals = read_rows(where, "new_normals_padded", new_normals_padded, layout=layout, width=3)
        if new_features_padded is not None:
            features = read_rows(where, "new_features_padded", new_features_padded, layout=layout)
        check_same_device(where, clouds=self, new_points=points, new_normals=normals, new_features=features)
        return self._with(points, normals, features)

    def split(self, split_sizes: Sequence[int]) -> list[Pointclouds]:
        """Batches of so many clouds each, from the first on.

        Raises:
            ValueError: Sizes that are no ints of at least 0, or more than there are clouds.
        """
        if not all(isinstance(size, int) and size >= 0 for size in split_sizes):
            raise ValueError(f"Pointclouds.split: split_sizes must be ints of at least 0, got {split_sizes}")
        ends = list(accumulate(split_sizes, initial=0))
        if ends[-1] > len(self):
            raise ValueError(
                f"Pointclouds.split: split_sizes sums to {ends[-1]}, there are {len(self)} clouds"
            )
        return [self[first:last] for first, last in pairwise(ends)]

    def extend(self, N: int) -> Pointclouds:
        """Every cloud N times in a row (a a b b), sharing memory with these.

        Raises:
            ValueError: ``N`` is no int above 0.
        """
        if not isinstance(N, int) or N <= 0:
            raise ValueError(f"Pointclouds.extend: N must be an int above 0, got {N}")
        layout = self._layout.repeat(N)
        return self._map(lambda field: field.repeat(N, layout))

    def clone(self) -> Pointclouds:
        """A copy that shares no memory."""
        return self._map(Ragged.clone)

    def detach(self) -> Pointclouds:
        """These clouds without their gradients' history."""
        return self._map(Ragged.detach)

    def to(self, device: torch.device | str, copy: bool = False) -> Pointclouds:
        """On another device; these clouds where they are there already, unless ``copy``."""
        device = same_device(device)
        if device == self.device:
            return self.clone() if copy else self
        return self._map(lambda field: field.to(device))

    def cpu(self) -> Pointclouds:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self) -> Pointclouds:
        """On the current CUDA device."""
        return self.to("cuda")

    def estimate_normals(
        self,
        neighborhood_size: int = 50,
        disambiguate_directions: bool = True,
        assign_to_self: bool = False,
    ) -> Tensor:
        """Normals of the surface that the points lie on: `r3d_cli.ops.estimate_pointcloud_normals`.

        Args:
            neighborhood_size: Nearest points that a normal is fitted to, the point itself among them.
            disambiguate_directions: Point normals to the side of most neighbours; else the sign is arbitrary.
            assign_to_self: Also make them the normals of these clouds.

        Returns:
            (N, max P_n, 3), padded.
        """
        from r3d_cli.ops.points_normals import estimate_pointcloud_normals

        normals = estimate_pointcloud_normals(
            self, neighborhood_size=neighborhood_size, disambiguate_directions=disambiguate_directions
        )
        if assign_to_self:
            self._normals = Ragged(self._layout, padded=normals)
        return normals


def _filled(given: Any, layout: Layout) -> Any:
    """A list of normals or features in which None stood for those of clouds without points."""
    if not isinstance(given, list | tuple) or len(given) != len(layout) or all(x is not None for x in given):
        return given
    like = next((x for x in given if isinstance(x, Tensor)), None)
    if like is None and not layout.total:
        return None
    empty = torch.zeros(0, 3) if like is None else like[:0]
    return [empty if x is None and not length else x for x, length in zip(given, layout.lengths, strict=True)]
