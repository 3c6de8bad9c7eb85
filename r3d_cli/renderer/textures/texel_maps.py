"""Texture maps of any sizes, their texels packed into one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from r3d_cli.renderer.textures.mip_maps import MipMaps, mip_levels, mip_table
from r3d_cli.structures.ragged import Layout, Ragged


@dataclass(frozen=True)
class TexelMaps:
    """M maps, each stored once however many meshes wear it.

    Attributes:
        rows: The texels of each map, (H * W, C), row by row from the top.
        sizes: Height and width of each map.
    """

    rows: Ragged
    sizes: tuple[tuple[int, int], ...]

    @classmethod
    def of_images(cls, images: Sequence[Tensor]) -> TexelMaps:
        """Of M >= 1 images (H, W, C)."""
        rows = Ragged.from_list([image.flatten(0, 1) for image in images])
        return cls(rows, tuple((image.shape[0], image.shape[1]) for image in images))

    @classmethod
    def of_stack(cls, images: Tensor) -> TexelMaps:
        """Of images of one size, (M, H, W, C): without a copy where these are contiguous."""
        count, height, width = images.shape[:3]
        layout = Layout([height * width] * count, images.device)
        return cls(Ragged(layout, packed=images.flatten(0, 2)), ((height, width),) * count)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def texels(self) -> Tensor:  # (T, C)
        return self.rows.packed_anew()

    @property
    def table(self) -> Tensor:  # (M, 3) int64
        """First texel, height and width of each map."""
        offsets = self.rows.layout.offsets
        entries = [(first, *size) for first, size in zip(offsets, self.sizes, strict=False)]
        return torch.tensor(entries, dtype=torch.int64, device=self.rows.device).reshape(-1, 3)

    def mip_maps(self) -> MipMaps:
        """These maps at all levels. Kept where they carry no gradients, until somebody writes into them."""

        def compute() -> Tensor:
            images = map(self.image, range(len(self)))
            return torch.cat([level.flatten(0, 1) for image in images for level in mip_levels(image)])

        texels = compute() if self.rows.requires_grad else self.rows.kept("mip_maps", compute)
        return MipMaps(texels, mip_table(list(self.sizes), self.rows.device))

    def image(self, index: int) -> Tensor:
        """(H, W, C)."""
        return self.rows.list[index].unflatten(0, self.sizes[index])

    def select(self, indices: Sequence[int]) -> TexelMaps:
        if list(indices) == list(range(len(self))):
            return self
        if not indices:
            return TexelMaps(Ragged(Layout([], self.rows.device), packed=self.texels[:0]), ())
        return TexelMaps(self.rows.select(indices), tuple(self.sizes[index] for index in indices))

    def map(self, function: Callable[[Tensor], Tensor]) -> TexelMaps:
        return TexelMaps(self.rows.map(function), self.sizes)

    def join(self, others: Sequence[TexelMaps]) -> TexelMaps:
        """These maps, then those of others."""
        batches = (self, *others)
        rows = Ragged.from_list([rows for batch in batches for rows in batch.rows.list])
        return TexelMaps(rows, tuple(size for batch in batches for size in batch.sizes))

    def placement(self, which: Tensor | None) -> tuple[Tensor | int, Tensor]:
        """Where the maps of P samples are.

        Args:
            which: The map of each sample, (P,); None where there is one map only.

        Returns:
            The first texel of each sample's map, (P,) or one for all, and its width and height, (P, 2) or
            (1, 2) where all maps are of one size.
        """
        height, width = self.sizes[0]
        if len(set(self.sizes)) == 1:
            size = torch.tensor([[width, height]], device=self.rows.device)
            return 0 if which is None else which * (height * width), size
        entries = self.table[which]
        return entries[:, 0], entries[:, 1:].flip(1)
