"""The slots of fragments that hold a face: what is sampled, interpolated or shaded."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_ids, check_same_device, check_shape


class CoveredSlots:
    """P covered slots of fragments (N, H, W, K), flat. Many slots are empty (a sphere leaves a third of the
    picture, most faces leave most of K): work on them costs nothing this way.

    Raises:
        ValueError: Shapes or devices do not fit.
        IndexError: ``pix_to_face`` names a face past the last.
    """

    def __init__(
        self,
        where: str,
        pix_to_face: Tensor,  # (N, H, W, K) ids of packed faces; -1: empty
        bary_coords: Tensor,  # (N, H, W, K, 3)
        num_faces: int,
    ) -> None:
        sizes = check_shape(where, "pix_to_face", pix_to_face, "N H W K")
        check_dtype(where, "pix_to_face", pix_to_face, "int64", "int32")
        check_shape(where, "bary_coords", bary_coords, "N H W K 3", **sizes)
        check_same_device(where, pix_to_face=pix_to_face, bary_coords=bary_coords)
        flat = pix_to_face.reshape(-1)
        self.shape = tuple(pix_to_face.shape)
        self.ids = (flat >= 0).nonzero()[:, 0]  # (P,) which of the N * H * W * K slots
        self.faces = flat[self.ids].long()  # (P,)
        check_ids(where, "pix_to_face", self.faces, num_faces, "the faces")
        self._bary_coords = bary_coords

    @cached_property
    def bary(self) -> Tensor:  # (P, 3)
        return self._bary_coords.reshape(-1, 3)[self.ids]

    @cached_property
    def images(self) -> Tensor:  # (P,)
        """The element of the batch that each slot belongs to."""
        return self.ids // self._slots_per_image

    def spread(self, values: Tensor, empty: Tensor | None = None) -> Tensor:
        """Values (P, C) at their slots: (N, H, W, K, C). Empty slots hold the image's row of ``empty``
        (N, C), else zeros."""
        channels = values.shape[1]
        if empty is None:
            flat = values.new_zeros(self.shape[0] * self._slots_per_image, channels)
        else:
            images = empty.to(values.dtype)[:, None].expand(-1, self._slots_per_image, -1)
            flat = images.clone(memory_format=torch.contiguous_format).flatten(0, 1)
        return flat.index_copy_(0, self.ids, values).reshape(*self.shape, channels)

    @property
    def _slots_per_image(self) -> int:
        return self.shape[1] * self.shape[2] * self.shape[3]
