"""The slots of fragments that hold a face: what is sampled, interpolated or shaded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_ids, check_most, check_same_device, check_shape
from r3d_cli.kept import kept
from r3d_cli.ops.packed_to_padded import packed_to_padded, padded_to_packed


class CoveredSlots:
    """P covered slots of fragments (N, H, W, K), flat. Many slots are empty (a sphere leaves a third of the
    picture, most faces leave most of K): work on them costs nothing this way.

    A graph of ``torch.compile`` cannot depend on how many there are: there all slots count, the empty ones as
    if they showed the first corner of the first face, and `spread` leaves them out.

    A GPU is waited for once, to learn how many there are and whether their ids are in range.

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
        self._bary_coords = bary_coords
        #: (N * H * W * K,) which slots are covered, where all are worked on.
        self._covered = flat >= 0 if torch.compiler.is_compiling() and num_faces else None
        if self._covered is not None:
            self.ids = torch.arange(len(flat), device=flat.device)
            self.faces = flat.clamp(min=0).long()
            return
        #: Covered slots of each image, where they have been counted.
        self._counts: list[int] | None = None
        if _must_be_waited_for(flat) and len(flat):
            *self._counts, most = _counts_and_most(flat, self.shape[0])
            if any(self._counts):
                check_most(where, "pix_to_face", most, num_faces, "the faces")
            places = torch.arange(1, sum(self._counts) + 1, device=flat.device)
            self.ids = torch.searchsorted((flat >= 0).cumsum(0), places)
        else:
            self.ids = (flat >= 0).nonzero()[:, 0]  # (P,) which of the N * H * W * K slots
        self.faces = flat.index_select(0, self.ids).long()  # (P,)
        if self._counts is None:
            check_ids(where, "pix_to_face", self.faces, num_faces, "the faces")

    def __len__(self) -> int:
        return len(self.ids)

    @kept
    def bary(self) -> Tensor:  # (P, 3)
        if self._covered is None:
            return self.take(self._bary_coords)
        flat = self._bary_coords.reshape(-1, 3)
        return torch.where(self._covered[:, None], flat, flat.new_tensor([1.0, 0.0, 0.0]))

    @kept
    def images(self) -> Tensor:  # (P,)
        """The element of the batch that each slot belongs to."""
        images = self.ids // self._slots_per_image
        return images if self._covered is None else torch.where(self._covered, images, 0)

    def take(self, values: Tensor) -> Tensor:
        """The rows (P, C) of values (N, H, W, K, C) at these slots."""
        if self._covered is not None:
            return values.reshape(-1, values.shape[-1])
        return _TakeRows.apply(values.reshape(-1, values.shape[-1]), self.ids)

    def spread(self, values: Tensor, empty: Tensor | None = None) -> Tensor:
        """Values (P, C) at their slots: (N, H, W, K, C). Empty slots hold the image's row of ``empty``
        (N, C), else zeros."""
        channels = values.shape[1]
        if self._covered is not None:
            empty = values.new_zeros(self.shape[0], channels) if empty is None else empty.to(values.dtype)
            others = empty.repeat_interleave(self._slots_per_image, 0)
            return torch.where(self._covered[:, None], values, others).reshape(*self.shape, channels)
        if empty is None:
            flat = values.new_zeros(self.shape[0] * self._slots_per_image, channels)
            flat.index_copy_(0, self.ids, values)
        else:
            images = empty.to(values.dtype)[:, None].expand(-1, self._slots_per_image, -1)
            flat = images.reshape(-1, channels).index_copy(0, self.ids, values)
        return flat.reshape(*self.shape, channels)

    def by_image(self, values: Tensor) -> Tensor:
        """Values (P, C) as (N, most slots of an image, C), zeros past an image's last slot."""
        if self.shape[0] == 1 or self._covered is not None:
            return values.unflatten(0, (self.shape[0], -1))
        return packed_to_padded(values, self._first_of_images, self._most)

    def from_images(self, values: Tensor) -> Tensor:
        """`by_image` undone: (P, C)."""
        if self.shape[0] == 1 or self._covered is not None:
            return values.flatten(0, 1)
        return padded_to_packed(values, self._first_of_images, len(self))

    @kept
    def _first_of_images(self) -> Tensor:  # (N,)
        starts = torch.arange(self.shape[0], device=self.ids.device) * self._slots_per_image
        return torch.searchsorted(self.ids, starts)

    @kept
    def _most(self) -> int:
        if self._counts is not None:
            return max(self._counts)
        ends = torch.cat([self._first_of_images[1:], self.ids.new_tensor([len(self)])])
        return int((ends - self._first_of_images).max()) if self.shape[0] else 0

    @property
    def _slots_per_image(self) -> int:
        return self.shape[1] * self.shape[2] * self.shape[3]


def _must_be_waited_for(tensor: Tensor) -> bool:
    return tensor.is_cuda


def _counts_and_most(flat: Tensor, images: int) -> list[int]:
    """The covered slots of each image, then the largest id: `nonzero`, a check of ids and a maximum would
    each wait for the GPU."""
    counts = (flat >= 0).view(images, -1).sum(1)
    return torch.cat([counts, flat.amax()[None].long()]).tolist()


class _TakeRows(torch.autograd.Function):
    """``values[ids]`` of ids that differ: the gradient is copied to its rows, where that of indexing adds."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, ids: Tensor) -> Tensor:  # (S, C), (P,) -> (P, C)
        ctx.save_for_backward(ids)
        ctx.count = len(values)
        return values.index_select(0, ids)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (grad,) = grad_outputs
        (ids,) = ctx.saved_tensors
        return grad.new_zeros(ctx.count, grad.shape[1]).index_copy_(0, ids, grad), None
