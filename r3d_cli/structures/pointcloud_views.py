"""What a batch of point clouds shows: views of points, normals and features, and what follows from them."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

from r3d_cli.checks import check_same_device, check_shape
from r3d_cli.structures.ragged import Layout, Ragged


class PointcloudViews:
    """The read-only side of `Pointclouds`."""

    _points: Ragged
    _normals: Ragged | None
    _features: Ragged | None

    @property
    def _layout(self) -> Layout:
        return self._points.layout

    @property
    def device(self) -> torch.device:
        return self._points.layout.device

    @property
    def equisized(self) -> bool:
        """Whether all clouds have as many points."""
        return self._layout.equisized

    @property
    def valid(self) -> Tensor:  # (N,) bool
        """Which clouds have points."""
        return self._layout.num_per_batch > 0

    def __len__(self) -> int:
        return len(self._layout)

    def isempty(self) -> bool:
        """Whether there is no point in the batch."""
        return self._layout.total == 0

    def points_list(self) -> list[Tensor]:
        """N tensors (P_n, 3)."""
        return list(self._points.list)

    def points_packed(self) -> Tensor:
        """(sum P_n, 3): all points, cloud after cloud."""
        return self._points.packed

    def points_padded(self) -> Tensor:
        """(N, max P_n, 3); rows past a cloud's end are zeros."""
        return self._points.padded

    def normals_list(self) -> list[Tensor] | None:
        """N tensors (P_n, 3), or None."""
        return None if self._normals is None else list(self._normals.list)

    def normals_packed(self) -> Tensor | None:
        """(sum P_n, 3), or None."""
        return None if self._normals is None else self._normals.packed

    def normals_padded(self) -> Tensor | None:
        """(N, max P_n, 3), or None."""
        return None if self._normals is None else self._normals.padded

    def features_list(self) -> list[Tensor] | None:
        """N tensors (P_n, C), or None."""
        return None if self._features is None else list(self._features.list)

    def features_packed(self) -> Tensor | None:
        """(sum P_n, C), or None."""
        return None if self._features is None else self._features.packed

    def features_padded(self) -> Tensor | None:
        """(N, max P_n, C), or None."""
        return None if self._features is None else self._features.padded

    def num_points_per_cloud(self) -> Tensor:
        """(N,) int64."""
        return self._layout.num_per_batch

    def cloud_to_packed_first_idx(self) -> Tensor:
        """(N,) int64: the packed row with which each cloud begins."""
        return self._layout.first_idx

    def packed_to_cloud_idx(self) -> Tensor:
        """(sum P_n,) int64: the cloud of each packed row."""
        return self._layout.packed_to_batch_idx

    def padded_to_packed_idx(self) -> Tensor:
        """(sum P_n,) int64: each packed row's row in the padded view, flattened to (N * max P_n, D)."""
        return self._layout.padded_to_packed_idx

    def get_cloud(self, index: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Points (P, 3), normals (P, 3) and features (P, C) of one cloud, None where there are none.

        Raises:
            ValueError: ``index`` is no int in [0, N).
        """
        if not isinstance(index, int) or not 0 <= index < len(self):
            raise ValueError(f"Pointclouds.get_cloud: index must be an int in [0, {len(self)}), got {index}")
        normals = None if self._normals is None else self._normals.list[index]
        features = None if self._features is None else self._features.list[index]
        return self._points.list[index], normals, features

    def get_bounding_boxes(self) -> Tensor:
        """(N, 3, 2): the least and the greatest coordinate of each axis; inf and -inf for an empty cloud."""
        cloud = self.packed_to_cloud_idx()[:, None].expand(-1, 3)
        least = self.points_packed().new_full((len(self), 3), inf)
        return torch.stack(
            (
                least.scatter_reduce(0, cloud, self.points_packed(), "amin"),
                (-least).scatter_reduce(0, cloud, self.points_packed(), "amax"),
            ),
            dim=2,
        )

    def inside_box(self, box: Tensor) -> Tensor:
        """Which points lie in a box, its boundary included.

        Args:
            box: (2, 3), (1, 2, 3), or (N, 2, 3) for a box a cloud: least and greatest coordinates.

        Returns:
            (sum P_n,) bool, in packed order.

        Raises:
            ValueError: Another shape, or a least coordinate above its greatest.

        Example:
            >>> from r3d_cli.structures import Pointclouds
            >>> points = torch.tensor([[0.5, 0.5, 0.5], [2.0, 0.5, 0.5]])
            >>> Pointclouds([points]).inside_box(torch.tensor([[0, 0, 0], [1, 1, 1]])).tolist()
            [True, False]
        """
        boxes = box[None] if box.ndim == 2 else box
        count = {"N": len(self)} if boxes.ndim == 3 and len(boxes) != 1 else {}
        check_shape("Pointclouds.inside_box", "box", boxes, "N 2 3", **count)
        check_same_device("Pointclouds.inside_box", points=self._points, box=box)
        if (boxes[:, 0] > boxes[:, 1]).any():
            raise ValueError("Pointclouds.inside_box: box holds least coordinates above the greatest ones")
        if len(boxes) != 1:
            boxes = boxes[self.packed_to_cloud_idx()]
        points = self.points_packed()
        return ((boxes[:, 0] <= points) & (points <= boxes[:, 1])).all(dim=1)
